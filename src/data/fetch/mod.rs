//! A data set from the network to its place: downloaded beside it, checked, unpacked and renamed, so that nothing half-made
//! is ever taken for it.

mod http;
mod space;
mod unpack;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::archive::kind_of;
use crate::engine::digest_file;
use crate::recipe::is_file_name;

/// What is to be fetched, and where to.
pub struct Order<'a> {
    pub url: &'a str,
    /// In hex, of the file at `url`.
    pub sha256: &'a str,
    /// A file where its name is that of an archive or a `.parquet` file, else a folder.
    pub path: &'a Path,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It is there already; nothing was done.
    There,
    /// Kept as it came.
    Kept { bytes: u64 },
    /// Unpacked; links are left aside, wherever they lead.
    Unpacked { files: u64, bytes: u64, links: u64 },
}

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bytes that are here, and how many there will be.
    Loaded(u64, Option<u64>),
    Checking,
    /// Files unpacked.
    Unpacked(u64),
}

/// # Errors
/// Whatever keeps the file from being whole at its place, with what to do; a download that broke off goes on from there
/// at the next call.
pub fn fetch(order: &Order, tell: &mut dyn FnMut(Progress)) -> Result<Fetched> {
    let parent =
        order.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot make the folder `{}`", parent.display()))?;
    let _held = hold(parent)?;
    if is_there(order)? {
        return Ok(Fetched::There);
    }
    let part = beside(order.path, "part");
    http::download(order.url, order.sha256, &part, tell)?;
    check(order, &part, tell)?;
    if !is_file_name(order.path) {
        return unpack_to(order, &part, tell);
    }
    let bytes = fs::metadata(&part)?.len();
    fs::rename(&part, order.path).with_context(|| format!("cannot make `{}`", order.path.display()))?;
    http::forget(&part);
    Ok(Fetched::Kept { bytes })
}

/// Whether nothing is left to do; an empty folder is nothing.
fn is_there(order: &Order) -> Result<bool> {
    if !order.path.is_file() {
        return Ok(order.path.is_dir() && order.path.read_dir()?.next().is_some());
    }
    let there = digest_file(order.path)?.sha256;
    ensure!(
        there.eq_ignore_ascii_case(order.sha256),
        "`{}` is there, and is not the file that `sha256` names: its own is {there}\nhint: move it away, then fetch again",
        order.path.display()
    );
    Ok(true)
}

/// `birds.part` beside `birds`.
fn beside(path: &Path, end: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{name}.{end}"))
}

/// One process at a time fetches into a folder; the kernel lets go of it when the process ends.
fn hold(folder: &Path) -> Result<File> {
    let file = File::open(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            bail!("another fetch into `{}` is at work\nhint: wait for it", folder.display())
        }
        // A file system without locks has no other process either, as far as anyone can tell.
        Err(TryLockError::Error(_)) | Ok(()) => Ok(file),
    }
}

fn check(order: &Order, part: &Path, tell: &mut dyn FnMut(Progress)) -> Result<()> {
    tell(Progress::Checking);
    let found = digest_file(part)?;
    if found.sha256.eq_ignore_ascii_case(order.sha256) {
        return Ok(());
    }
    http::forget(part);
    bail!(
        "what `{}` gave is not what `sha256` names: {} bytes with SHA-256 {}\nhint: nothing was kept; if whoever publishes it names this one, put it into `sha256`",
        order.url,
        found.size,
        found.sha256
    )
}

fn unpack_to(order: &Order, part: &Path, tell: &mut dyn FnMut(Progress)) -> Result<Fetched> {
    let file = File::open(part)?;
    let Some(kind) = kind_of(&file)? else {
        bail!(
            "what `{}` gave is no archive (zip, tar or tar.gz), and `path` names a folder\nhint: `path` may name a file: `{}`",
            order.url,
            order.path.with_extension("parquet").display()
        )
    };
    let staging = beside(order.path, "unpacking");
    // Left by a process that was killed.
    let _ = fs::remove_dir_all(&staging);
    let unpacked = unpack::unpack(&Arc::new(file), kind, &staging, tell).and_then(|done| {
        // An empty folder at the place gives way.
        let _ = fs::remove_dir(order.path);
        fs::rename(&staging, order.path)
            .map_err(|error| anyhow!("cannot make `{}`: {error}", order.path.display()))?;
        Ok(done)
    });
    if unpacked.is_err() {
        let _ = fs::remove_dir_all(&staging);
    }
    // The archive itself stays for another try where unpacking failed; it was whole.
    unpacked.inspect(|_| http::forget(part)).with_context(|| format!("cannot unpack `{}`", part.display()))
}
