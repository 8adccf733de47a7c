//! What was made of a file's bytes once, kept in the store for other stages and launches. Losing it costs time, never
//! truth: no digest depends on it, and a record that is not whole is as good as none.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::engine::CACHE;

/// Bytes that all files of a store's cache may hold. A new file that needs room takes it from the one that was written
/// to least lately; the file that is full by itself takes nothing more.
const MOST_BYTES: u64 = 4 << 30;
/// Bytes that wait to be written.
const PENDING: usize = 8 << 20;
const KEY: usize = 32;
/// Enough to know a record that was never finished, or that the disk spoiled.
const CHECK: usize = 8;

/// The SHA-256 that a record is found by.
pub type Key = [u8; KEY];

/// Values of one size by key, in a file of fixed-size records that many processes append to.
pub struct Cache {
    path: PathBuf,
    /// `None` where nothing can be kept: every look is then a miss.
    file: Option<File>,
    value: usize,
    /// Number of the record.
    known: HashMap<Key, u32>,
    pending: Vec<u8>,
    most_bytes: u64,
}

impl Cache {
    /// `store` is the store's folder; without one, nothing is kept.
    pub fn open(store: &Path, name: &str, value: usize) -> Cache {
        Cache::open_within(store, name, value, MOST_BYTES)
    }

    fn open_within(store: &Path, name: &str, value: usize, most_bytes: u64) -> Cache {
        let folder = store.join(CACHE);
        let path = folder.join(format!("{name}.v1"));
        let file = (!store.as_os_str().is_empty()).then(|| {
            fs::create_dir_all(&folder)?;
            OpenOptions::new().read(true).append(true).create(true).open(&path)
        });
        let file = file.and_then(Result::ok);
        let known =
            file.as_ref().and_then(|file| read_keys(file, KEY + value + CHECK).ok()).unwrap_or_default();
        Cache { path, file, value, known, pending: Vec::new(), most_bytes }
    }

    /// A file of records that came with a data set: read, never written.
    pub fn beside(path: &Path, value: usize) -> Cache {
        let file = File::open(path).ok();
        let known =
            file.as_ref().and_then(|file| read_keys(file, KEY + value + CHECK).ok()).unwrap_or_default();
        Cache { path: path.to_path_buf(), file, value, known, pending: Vec::new(), most_bytes: 0 }
    }

    /// The records of `keys`, in order of key, as [`beside`](Self::beside) reads them; `None` where one is missing.
    pub fn records(&self, keys: &BTreeSet<Key>) -> Option<Vec<u8>> {
        let mut records = Vec::with_capacity(keys.len() * self.record());
        let mut value = vec![0; self.value];
        for key in keys {
            self.get(key, &mut value).then_some(())?;
            records.extend_from_slice(key);
            records.extend_from_slice(&value);
            records.extend_from_slice(&check(key, &value));
        }
        Some(records)
    }

    /// Whether the value is there; it is then in `into`.
    pub fn get(&self, key: &Key, into: &mut [u8]) -> bool {
        let (Some(file), Some(number)) = (&self.file, self.known.get(key)) else { return false };
        let start = u64::from(*number) * self.record() as u64;
        let (mut found, mut sum) = ([0; KEY], [0; CHECK]);
        let read = file
            .read_exact_at(&mut found, start)
            .and_then(|()| file.read_exact_at(into, start + KEY as u64))
            .and_then(|()| file.read_exact_at(&mut sum, start + (KEY + self.value) as u64));
        read.is_ok() && found == *key && check(key, into) == sum
    }

    /// Keeps a value for others; this one finds it when it is opened again.
    pub fn add(&mut self, key: &Key, value: &[u8]) {
        debug_assert_eq!(value.len(), self.value);
        if self.file.is_none() || self.known.contains_key(key) {
            return;
        }
        self.known.insert(*key, u32::MAX);
        self.pending.extend_from_slice(key);
        self.pending.extend_from_slice(value);
        self.pending.extend_from_slice(&check(key, value));
        if self.pending.len() >= PENDING {
            self.save();
        }
    }

    /// Writes what is new. A failure is nobody's concern.
    pub fn save(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let Some(file) = self.file.as_mut().filter(|_| !pending.is_empty()) else { return };
        let record = KEY + self.value + CHECK;
        if !make_room(&self.path, pending.len() as u64, self.most_bytes)
            || append(file, &pending, record).is_err()
        {
            // Nothing more is kept; what is there can still be read.
            self.most_bytes = 0;
        }
    }

    fn record(&self) -> usize {
        KEY + self.value + CHECK
    }
}

fn append(file: &mut File, records: &[u8], record: usize) -> std::io::Result<()> {
    file.lock()?;
    let append = |file: &mut File| {
        // A writer that was killed may have left part of a record; the next ones must start where records start.
        let length = file.metadata()?.len();
        file.set_len(length - length % record as u64)?;
        file.write_all(records)
    };
    let done = append(file);
    file.unlock()?;
    done
}

fn read_keys(file: &File, record: usize) -> std::io::Result<HashMap<Key, u32>> {
    let count = file.metadata()?.len() / record as u64;
    let mut known = HashMap::with_capacity(count as usize);
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut key = [0; KEY];
    for number in 0..count.min(u64::from(u32::MAX - 1)) as u32 {
        reader.read_exact(&mut key)?;
        known.insert(key, number);
        reader.seek_relative((record - KEY) as i64)?;
    }
    Ok(known)
}

/// Multiplies and rotates over words of 8 bytes: every step can be undone, so that no change of one word goes unseen.
fn check(key: &Key, value: &[u8]) -> [u8; CHECK] {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |sum: u64, word: u64| (sum ^ word).wrapping_mul(ODD).rotate_left(29);
    let (words, rest) = value.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = key.as_chunks::<8>().0.iter().chain(words).chain(std::iter::once(&last));
    words.fold(value.len() as u64, |sum, word| step(sum, u64::from_le_bytes(*word))).to_le_bytes()
}

/// Whether so many bytes more fit beside `path`, after removing other files where that helps.
fn make_room(path: &Path, more: u64, most: u64) -> bool {
    let Some(Ok(entries)) = path.parent().map(fs::read_dir) else { return false };
    let mut others = Vec::new();
    let mut held = more;
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        held += metadata.len();
        if entry.path() != path {
            others.push((metadata.modified().ok(), metadata.len(), entry.path()));
        }
    }
    others.sort();
    for (_, bytes, other) in others {
        if held <= most {
            break;
        }
        if fs::remove_file(other).is_ok() {
            held -= bytes;
        }
    }
    held <= most
}

/// From 64 hex digits.
pub fn key_of(sha256: &str) -> Option<Key> {
    let digits = sha256.as_bytes().as_chunks::<2>().0;
    let mut key = [0; KEY];
    if sha256.len() != 2 * KEY || !sha256.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? * 16 + digit(1)?) as u8;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        [n; KEY]
    }

    fn found(cache: &Cache, n: u8) -> Option<Vec<u8>> {
        let mut value = vec![0; cache.value];
        cache.get(&key(n), &mut value).then_some(value)
    }

    #[test]
    fn what_one_process_keeps_another_finds() {
        let store = tempfile::tempdir().unwrap();
        let (mut one, mut two) = (Cache::open(store.path(), "x", 5), Cache::open(store.path(), "x", 5));
        one.add(&key(1), b"apple");
        two.add(&key(2), b"peach");
        assert_eq!(found(&one, 1), None);
        one.save();
        two.save();
        let three = Cache::open(store.path(), "x", 5);
        assert_eq!(found(&three, 1).unwrap(), b"apple");
        assert_eq!(found(&three, 2).unwrap(), b"peach");
        assert_eq!(found(&three, 3), None);
        let keys = BTreeSet::from([key(1), key(2)]);
        fs::write(store.path().join("taken"), three.records(&keys).unwrap()).unwrap();
        assert_eq!(found(&Cache::beside(&store.path().join("taken"), 5), 2).unwrap(), b"peach");
        assert_eq!(three.records(&BTreeSet::from([key(1), key(3)])), None);
    }

    #[test]
    fn a_torn_or_spoilt_record_is_as_good_as_none() {
        let store = tempfile::tempdir().unwrap();
        let path = store.path().join(CACHE).join("x.v1");
        for n in 1..4 {
            let mut cache = Cache::open(store.path(), "x", 5);
            cache.add(&key(n), b"apple");
            cache.save();
            OpenOptions::new().append(true).open(&path).unwrap().write_all(b"part of a rec").unwrap();
        }
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(b"b", KEY as u64).unwrap();
        let cache = Cache::open(store.path(), "x", 5);
        assert_eq!((found(&cache, 1), found(&cache, 2)), (None, Some(b"apple".to_vec())));
        assert!(found(&cache, 3).is_some());
    }

    #[test]
    fn it_stays_within_its_bounds_and_old_files_go_first() {
        let store = tempfile::tempdir().unwrap();
        let most = 3 * (KEY + 5 + CHECK) as u64;
        for (name, keys) in [("old", [1, 2]), ("new", [3, 4])] {
            let mut cache = Cache::open_within(store.path(), name, 5, most);
            keys.iter().for_each(|n| cache.add(&key(*n), b"apple"));
            cache.save();
        }
        assert!(found(&Cache::open(store.path(), "old", 5), 1).is_none());
        let mut cache = Cache::open_within(store.path(), "new", 5, most);
        (5..8).for_each(|n| cache.add(&key(n), b"peach"));
        cache.save();
        let cache = Cache::open(store.path(), "new", 5);
        assert_eq!((found(&cache, 3).is_some(), found(&cache, 5)), (true, None));
    }

    #[test]
    fn without_a_store_nothing_is_kept_and_nothing_fails() {
        let mut cache = Cache::open(Path::new(""), "x", 5);
        cache.add(&key(1), b"apple");
        cache.save();
        assert_eq!(found(&cache, 1), None);
        let store = tempfile::tempdir().unwrap();
        fs::write(store.path().join(CACHE), "no folder").unwrap();
        Cache::open(store.path(), "x", 5).add(&key(1), b"apple");
    }

    #[test]
    fn digits_become_a_key_or_nothing() {
        assert_eq!(key_of(&"0f".repeat(32)), Some(key(15)));
        assert_eq!(key_of("0f"), None);
        assert_eq!(key_of(&"+f".repeat(32)), None);
    }
}
