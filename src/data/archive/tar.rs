//! Tar: entries in order, with long names of both kinds under a limit, and where the bytes of each lie.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use tar::EntryType;

use super::{At, Counted, Entry, Found, MOST_ENTRIES, Visit, What, clean};
use crate::data::extents::Extents;

/// Bytes of a header that gives the next entry a long name.
const LONGEST_HEADER: u64 = 1 << 16;

/// Goes through a tar that is read in order.
pub fn walk(from: impl Read, left: &mut u64, visit: Visit) -> Result<()> {
    let before = *left;
    let mut archive = tar::Archive::new(Counted { inner: from, left });
    let entries = archive.entries().context(DAMAGED)?.raw(true);
    let end = each(entries, &mut |entry, _, bytes| visit(entry, bytes))?;
    let read = before - *archive.into_inner().left;
    ensure!(read >= end.saturating_add(BLOCK), "{DAMAGED}");
    Ok(())
}

/// The files of a tar that is not compressed, where they are.
pub fn tar_extents(file: Arc<File>) -> Result<(Extents, Found)> {
    let (mut found, mut places) = (Found::default(), Vec::new());
    let len = file.metadata()?.len();
    // Headers alone are read, so this limit is the archive's own size.
    let mut left = len;
    let mut archive = tar::Archive::new(SeekCounted { inner: At::start_of(file.clone()), left: &mut left });
    let entries = archive.entries_with_seek().context(DAMAGED)?.raw(true);
    let end = each(entries, &mut |entry, at, _| {
        found.add(entry)?;
        if entry.what == What::File {
            ensure!(at.saturating_add(entry.size) <= len, "`{}` is cut short", entry.path);
            places.push((at, entry.size));
        }
        Ok(())
    })?;
    let mut last = [1; BLOCK as usize];
    ensure!(file.read_exact_at(&mut last, end).is_ok() && last == [0; BLOCK as usize], "{DAMAGED}");
    Ok((Extents::new(file, places), found))
}

/// An archive ends with at least one block of zeros; without it, entries may be missing.
const BLOCK: u64 = 512;
const DAMAGED: &str = "it is cut short or damaged; hint: fetch it again";

type Place<'a> = &'a mut dyn FnMut(&Entry, u64, &mut dyn Read) -> Result<()>;

/// Raw entries as entries: long names go before what they name. Returns where the last one ends.
fn each<R: Read>(entries: tar::Entries<'_, R>, visit: Place) -> Result<u64> {
    let (mut long_name, mut end): (Option<Vec<u8>>, u64) = (None, 0);
    for (number, entry) in entries.enumerate() {
        ensure!(number < MOST_ENTRIES, "it has more than {MOST_ENTRIES} entries");
        let mut entry = entry.context(DAMAGED)?;
        let (size, at) = (entry.header().entry_size().context(DAMAGED)?, entry.raw_file_position());
        end = at.saturating_add(size).div_ceil(BLOCK).saturating_mul(BLOCK);
        let what = match entry.header().entry_type() {
            EntryType::GNULongName => {
                let name = header_text(&mut entry)?;
                long_name = Some(name.into_iter().take_while(|byte| *byte != 0).collect());
                continue;
            }
            EntryType::XHeader => {
                long_name = path_of(&header_text(&mut entry)?)?.or(long_name);
                continue;
            }
            EntryType::GNULongLink | EntryType::XGlobalHeader => continue,
            EntryType::Regular | EntryType::Continuous => What::File,
            EntryType::Directory => What::Folder,
            EntryType::GNUSparse => bail!("it holds a file with holes (GNU sparse)"),
            _ => What::Link,
        };
        let raw = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        // The oldest tars mark folders by a slash alone.
        let what = if what == What::File && raw.ends_with(b"/") { What::Folder } else { what };
        let Some(path) = clean(&raw)? else { continue };
        visit(&Entry { path: &path, what, size }, at, &mut entry)?;
    }
    Ok(end)
}

fn header_text<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    entry.take(LONGEST_HEADER + 1).read_to_end(&mut text).context(DAMAGED)?;
    ensure!(text.len() as u64 <= LONGEST_HEADER, "it holds a name of more than {LONGEST_HEADER} bytes");
    Ok(text)
}

/// The path in a PAX header (POSIX.1-2001): lines of `LENGTH KEY=VALUE\n`, where LENGTH counts the whole line.
fn path_of(mut text: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut path = None;
    while !text.is_empty() {
        let space = text.iter().position(|byte| *byte == b' ').context(DAMAGED)?;
        let length = std::str::from_utf8(&text[..space]).ok().and_then(|digits| digits.parse::<usize>().ok());
        let length = length.filter(|length| *length > space + 1 && *length <= text.len()).context(DAMAGED)?;
        let line = &text[space + 1..length - 1];
        if let Some(value) = line.strip_prefix(b"path=") {
            path = Some(value.to_vec());
        }
        ensure!(!line.starts_with(b"size="), "it holds a file of more than 8 GiB");
        ensure!(!line.starts_with(b"GNU.sparse."), "it holds a file with holes (GNU sparse)");
        text = &text[length..];
    }
    Ok(path)
}

/// [`Counted`], for a reader that also seeks.
struct SeekCounted<'a> {
    inner: At,
    left: &'a mut u64,
}

impl Read for SeekCounted<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        Counted { inner: &mut self.inner, left: self.left }.read(into)
    }
}

impl std::io::Seek for SeekCounted<'_> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}
