//! Digests of files, and a memory of them by what a stat tells, so that an unchanged file is never read twice.

use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::key::hex;

/// Size in bytes and SHA-256 in hex of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    pub size: u64,
    pub sha256: String,
}

/// What tells, at the price of a stat, that a file is the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: i64,
    /// Nanoseconds since 1970.
    pub changed: i64,
}

impl Identity {
    pub fn of(metadata: &Metadata) -> Identity {
        let nanos = |secs: i64, nanos: i64| secs.saturating_mul(1_000_000_000).saturating_add(nanos);
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether so much time has passed since the last change that another one could not carry the same stamps.
    fn is_settled(&self, now: SystemTime) -> bool {
        // The coarsest stamps in use are FAT's, of two seconds.
        let newest = Duration::from_nanos(self.modified.max(self.changed).max(0).unsigned_abs());
        now.duration_since(UNIX_EPOCH + newest).is_ok_and(|age| age > Duration::from_secs(2))
    }
}

/// A digest in the making, of bytes in a file's order.
#[derive(Clone, Default)]
pub struct Digesting {
    hasher: Sha256,
    size: u64,
}

impl Digesting {
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
    }

    pub fn finish(self) -> FileDigest {
        FileDigest { size: self.size, sha256: hex(&self.hasher.finalize()) }
    }
}

/// Reads the whole file.
pub fn digest_file(path: &Path) -> Result<FileDigest> {
    let unreadable = || format!("cannot read `{}`", path.display());
    let mut file = File::open(path).with_context(unreadable)?;
    let mut digesting = Digesting::default();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(digesting.finish()),
            Ok(n) => digesting.update(&buffer[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).with_context(unreadable),
        }
    }
}

/// By device and inode.
type Known = HashMap<(u64, u64), (Identity, [u8; 32])>;

/// Digests by identity, kept in a file of fixed-size records that only grows until it is written anew.
pub struct Memory {
    path: PathBuf,
    known: Option<Known>,
    fresh: Vec<u8>,
}

/// Five numbers of eight bytes, the SHA-256 and a check of four bytes.
const RECORD: usize = 5 * 8 + 32 + 4;

impl Memory {
    /// Nothing is read before it is needed.
    pub fn open(path: PathBuf) -> Memory {
        Memory { path, known: None, fresh: Vec::new() }
    }

    /// The digest of the file with this identity, if it was ever taken.
    pub fn recall(&mut self, identity: &Identity) -> Option<FileDigest> {
        let (known, sha256) = self.known().get(&(identity.device, identity.inode))?;
        (known == identity).then(|| FileDigest { size: identity.size, sha256: hex(sha256) })
    }

    /// Keeps a digest, unless the file was touched so lately that a further change might not show.
    pub fn remember(&mut self, identity: Identity, sha256: &str) {
        if identity.is_settled(SystemTime::now()) {
            self.remember_for_good(identity, sha256);
        }
    }

    /// Keeps a digest of a file that nobody changes any more, however young it is.
    pub fn remember_for_good(&mut self, identity: Identity, sha256: &str) {
        let Some(sha256) = unhex(sha256) else { return };
        self.fresh.extend_from_slice(&record(&identity, &sha256));
        if let Some(known) = &mut self.known {
            known.insert((identity.device, identity.inode), (identity, sha256));
        }
    }

    /// The digest of a file, read only where it is not remembered.
    pub fn digest(&mut self, path: &Path) -> Result<FileDigest> {
        let stat = || std::fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()));
        let identity = Identity::of(&stat()?);
        if let Some(digest) = self.recall(&identity) {
            return Ok(digest);
        }
        let digest = digest_file(path)?;
        if Identity::of(&stat()?) == identity {
            self.remember(identity, &digest.sha256);
        }
        Ok(digest)
    }

    /// Writes what is new. Losing it costs time, never truth, so a failure is nobody's concern.
    pub fn save(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        let fresh = std::mem::take(&mut self.fresh);
        let _ = append_records(&self.path, &fresh);
    }

    fn known(&mut self) -> &Known {
        let (path, fresh) = (&self.path, &self.fresh);
        self.known.get_or_insert_with(|| {
            let bytes = std::fs::read(path).unwrap_or_default();
            let mut known = HashMap::with_capacity(bytes.len() / RECORD);
            for record in bytes.chunks_exact(RECORD).chain(fresh.chunks_exact(RECORD)) {
                if let Some((identity, sha256)) = parse(record) {
                    known.insert((identity.device, identity.inode), (identity, sha256));
                }
            }
            if bytes.len() / RECORD > 2 * known.len() + 1000 {
                let _ = rewrite(path, &known);
            }
            known
        })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.save();
    }
}

fn append_records(path: &Path, records: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.lock()?;
    // A writer that was killed may have left part of a record; the next ones must start where records start.
    let length = file.metadata()?.len();
    file.set_len(length - length % RECORD as u64)?;
    file.write_all(records)
}

fn rewrite(path: &Path, known: &Known) -> std::io::Result<()> {
    let lock = File::open(path)?;
    lock.lock()?;
    let bytes: Vec<u8> = known.values().flat_map(|(identity, sha256)| record(identity, sha256)).collect();
    let new = path.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&new, bytes)?;
    std::fs::rename(&new, path)
}

fn record(identity: &Identity, sha256: &[u8; 32]) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let numbers = [
        identity.device.to_le_bytes(),
        identity.inode.to_le_bytes(),
        identity.size.to_le_bytes(),
        identity.modified.to_le_bytes(),
        identity.changed.to_le_bytes(),
    ];
    record[..40].copy_from_slice(numbers.as_flattened());
    record[40..72].copy_from_slice(sha256);
    let check = check(&record[..72]);
    record[72..].copy_from_slice(&check.to_le_bytes());
    record
}

fn parse(record: &[u8]) -> Option<(Identity, [u8; 32])> {
    let (body, sum) = record.split_at(72);
    if check(body).to_le_bytes() != sum {
        return None;
    }
    let (numbers, rest) = body.as_chunks::<8>();
    debug_assert!(rest.is_empty());
    let identity = Identity {
        device: u64::from_le_bytes(numbers[0]),
        inode: u64::from_le_bytes(numbers[1]),
        size: u64::from_le_bytes(numbers[2]),
        modified: i64::from_le_bytes(numbers[3]),
        changed: i64::from_le_bytes(numbers[4]),
    };
    Some((identity, body[40..].try_into().ok()?))
}

/// FNV-1a, 32 bits: enough to know a record that was never finished.
fn check(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    fn identity(inode: u64) -> Identity {
        Identity { device: 1, inode, size: 4, modified: 5, changed: 6 }
    }

    #[test]
    fn a_file_is_known_by_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "test").unwrap();
        assert_eq!(digest_file(&path).unwrap(), FileDigest { size: 4, sha256: SHA.into() });
    }

    #[test]
    fn a_digest_outlives_the_process_and_a_torn_record_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digests");
        for inode in [1, 2] {
            let mut memory = Memory::open(path.clone());
            memory.remember(identity(inode), SHA);
            drop(memory);
            let mut torn = OpenOptions::new().append(true).open(&path).unwrap();
            torn.write_all(b"part of a record").unwrap();
        }
        let mut memory = Memory::open(path);
        assert_eq!(memory.recall(&identity(1)).unwrap().sha256, SHA);
        assert_eq!(memory.recall(&identity(2)).unwrap().sha256, SHA);
        assert!(memory.recall(&Identity { changed: 7, ..identity(1) }).is_none());
        assert!(memory.recall(&identity(3)).is_none());
    }

    #[test]
    fn a_file_changed_a_moment_ago_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "test").unwrap();
        let mut memory = Memory::open(folder.path().join("digests"));
        memory.digest(&path).unwrap();
        assert!(memory.recall(&Identity::of(&path.metadata().unwrap())).is_none());
    }
}
