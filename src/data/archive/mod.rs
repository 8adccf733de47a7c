//! Zip, tar and tar.gz: what is in them, told entry by entry, under limits that no data set reaches and a bomb does.

mod tar;
mod zip;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;

use super::extents::{Extents, Spill};
use super::members::Member;
use crate::recipe::IMAGES;

pub use tar::tar_extents;
pub use zip::ZipFiles;

/// Entries that an archive may have.
const MOST_ENTRIES: usize = 10_000_000;
/// Bytes that an archive may unpack to: so many times its own, and these for small ones.
const RATIO: u64 = 200;
const ALLOWANCE: u64 = 256 << 20;
/// Bytes of a path.
const LONGEST_PATH: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Zip,
    Tar,
    TarGz,
}

/// What a file is by its first bytes, never by its name.
pub fn kind_of(file: &File) -> Result<Option<Kind>> {
    let mut start = [0; 4];
    let read = file.read_at(&mut start, 0).context("cannot read the file")?;
    Ok(match start {
        // An archive without entries has nothing but its end.
        [b'P', b'K', 3, 4] | [b'P', b'K', 5, 6] if read == 4 => Some(Kind::Zip),
        [0x1f, 0x8b, ..] => {
            let inside = GzDecoder::new(At::start_of(Arc::new(file.try_clone()?)));
            is_tar(inside).then_some(Kind::TarGz)
        }
        _ => is_tar(At::start_of(Arc::new(file.try_clone()?))).then_some(Kind::Tar),
    })
}

/// The magic of POSIX and GNU, which agree in five letters.
fn is_tar(mut from: impl Read) -> bool {
    let mut block = [0; 512];
    from.read_exact(&mut block).is_ok() && &block[257..262] == b"ustar"
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    File,
    Folder,
    /// Of any kind; never followed, and never made.
    Link,
}

/// An entry, before its bytes.
#[derive(Debug)]
pub struct Entry<'a> {
    /// With `/`, below the top: neither absolute nor with `..`.
    pub path: &'a str,
    pub what: What,
    /// As the archive says it; what follows may be less or more.
    pub size: u64,
}

/// Takes an entry and the reader of its bytes, which need not be read to the end.
pub type Visit<'a> = &'a mut dyn FnMut(&Entry, &mut dyn Read) -> Result<()>;

/// Goes through an archive in its own order, unpacking what is read of it.
///
/// # Errors
/// It is damaged or encrypted; a path leaves it, or is not UTF-8; it unpacks to more than [`RATIO`] times its own size
/// (and [`ALLOWANCE`] bytes more) or has more than [`MOST_ENTRIES`] entries.
pub fn walk(file: &Arc<File>, kind: Kind, visit: Visit) -> Result<()> {
    let mut left = file.metadata()?.len().saturating_mul(RATIO).saturating_add(ALLOWANCE);
    let from = At::start_of(file.clone());
    match kind {
        Kind::Zip => zip::walk(from, &mut left, visit),
        Kind::Tar => tar::walk(from, &mut left, visit),
        // A gz may have several members, one after the other.
        Kind::TarGz => {
            let unpacked = flate2::bufread::MultiGzDecoder::new(io::BufReader::with_capacity(1 << 18, from));
            tar::walk(unpacked, &mut left, visit)
        }
    }
}

/// What an archive holds.
#[derive(Default)]
pub struct Found {
    pub files: Vec<Member>,
    pub folders: Vec<String>,
}

impl Found {
    fn add(&mut self, entry: &Entry) -> Result<()> {
        let entries = self.files.len() + self.folders.len();
        ensure!(entries < MOST_ENTRIES, "it has more than {MOST_ENTRIES} entries");
        match entry.what {
            What::File => self.files.push(Member { path: entry.path.to_string(), size: entry.size }),
            What::Folder => self.folders.push(entry.path.to_string()),
            What::Link => {}
        }
        Ok(())
    }
}

/// The images of a tar.gz, whose bytes can only be had in order: unpacked once to a file without a name in `folder`. It
/// takes as much disk as the images and 1.3 MiB of memory, besides 100 bytes an image.
pub fn spilled(file: &Arc<File>, folder: &Path) -> Result<(Extents, Found)> {
    let mut spill = Spill::create(folder)?;
    let mut found = Found::default();
    walk(file, Kind::TarGz, &mut |entry, bytes| {
        if entry.what == What::File && !is_wanted(entry.path) {
            return Ok(());
        }
        found.add(entry)?;
        if entry.what == What::File {
            let len = spill.add(bytes)?;
            ensure!(len == entry.size, "`{}` is cut short", entry.path);
        }
        Ok(())
    })?;
    Ok((spill.finish()?, found))
}

/// Whether a reader may ask for a file: images, and the binary files of CIFAR and IDX.
fn is_wanted(path: &str) -> bool {
    let extension = path.rsplit('/').next().unwrap_or(path).rsplit_once('.').map(|(_, end)| end);
    let extension = extension.unwrap_or_default().to_ascii_lowercase();
    IMAGES.contains(&extension.as_str())
        || ["bin", "txt", "gz", ""].contains(&extension.as_str())
        || extension.ends_with("ubyte")
}

/// A path of an archive as one of ours; `None` for its top.
fn clean(raw: &[u8]) -> Result<Option<String>> {
    let shown = || String::from_utf8_lossy(&raw[..raw.len().min(200)]).into_owned();
    let path = std::str::from_utf8(raw).with_context(|| {
        format!("the name of `{}` is not UTF-8; hint: rename the file: keys are made of names too", shown())
    })?;
    ensure!(raw.len() <= LONGEST_PATH, "the name of `{}...` has {} bytes", shown(), raw.len());
    let leaves = path.starts_with('/') || path.contains('\0') || path.split('/').any(|part| part == "..");
    ensure!(!leaves, "`{}` leaves the archive; hint: whoever made it may mean harm", shown());
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    Ok((!parts.is_empty()).then(|| parts.join("/")))
}

/// A place in a file that moves on its own, however many threads read the file.
#[derive(Clone)]
struct At {
    file: Arc<File>,
    at: u64,
}

impl At {
    fn start_of(file: Arc<File>) -> At {
        At { file, at: 0 }
    }
}

impl Read for At {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for At {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Gives no more than `left` bytes, then an error.
struct Counted<'a, R> {
    inner: R,
    left: &'a mut u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => *self.left = left,
            None => {
                return Err(io::Error::other(format!(
                    "it unpacks to more than {RATIO} times its size: that is a bomb, no data set"
                )));
            }
        }
        Ok(read)
    }
}

/// Refuses what no reader here can make sense of.
fn refuse_size(path: &str, size: u64, packed: u64) -> Result<()> {
    if size > packed.saturating_mul(RATIO).saturating_add(ALLOWANCE) {
        bail!("`{path}` says it unpacks from {packed} bytes to {size}: that is a bomb, no image");
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
