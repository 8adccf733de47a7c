//! Zip: any entry can be read by itself, from several threads.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use zip::CompressionMethod;
use zip::read::ZipArchive;

use super::{At, Counted, Entry, Found, MOST_ENTRIES, Visit, What, clean, refuse_size};
use crate::data::catalog::ReadError;

const DAMAGED: &str = "it is cut short or damaged; hint: fetch it again";

/// The files of a zip.
pub struct ZipFiles {
    archive: ZipArchive<At>,
    /// Index in the archive of each file.
    entries: Vec<u32>,
}

impl ZipFiles {
    /// # Errors
    /// Its directory is damaged, or an entry of it is one that cannot be read here.
    pub fn open(file: Arc<File>) -> Result<(ZipFiles, Found)> {
        let archive = opened(At::start_of(file))?;
        let (mut found, mut entries) = (Found::default(), Vec::new());
        for index in 0..archive.len() {
            let Some((path, what, size)) = described(&archive, index)? else { continue };
            found.add(&Entry { path: &path, what, size })?;
            if what == What::File {
                entries.push(index as u32);
            }
        }
        Ok((ZipFiles { archive, entries }, found))
    }

    pub fn read(&self, file: usize) -> Result<Vec<u8>, ReadError> {
        let damaged = |error: String| ReadError::Unreadable(format!("it is damaged in the archive: {error}"));
        // Cheap: the directory is shared.
        let mut archive = self.archive.clone();
        let index = self.entries[file] as usize;
        let mut entry = archive.by_index(index).map_err(|error| damaged(error.to_string()))?;
        let size = entry.size();
        let mut bytes = Vec::with_capacity(size.min(64 << 20) as usize);
        (&mut entry).take(size + 1).read_to_end(&mut bytes).map_err(|error| damaged(error.to_string()))?;
        if bytes.len() as u64 != size {
            return Err(damaged(format!("its {size} bytes are {}", bytes.len())));
        }
        Ok(bytes)
    }
}

fn opened(from: At) -> Result<ZipArchive<At>> {
    let archive = ZipArchive::new(from).context(DAMAGED)?;
    ensure!(archive.len() <= MOST_ENTRIES, "it has more than {MOST_ENTRIES} entries");
    Ok(archive)
}

/// Path, kind and size of an entry that can be read here; `None` for the archive's top.
fn described(archive: &ZipArchive<At>, index: usize) -> Result<Option<(String, What, u64)>> {
    let entry = archive.by_index_data(index).context(DAMAGED)?;
    let Some(path) = clean(entry.name_raw())? else { return Ok(None) };
    ensure!(!entry.encrypted(), "`{path}` is encrypted; hint: unpack it with its password");
    let method = entry.compression();
    if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        bail!("`{path}` is packed by {method:?}; hint: pack it again by Deflate, as every zip program can");
    }
    let what = match (entry.is_dir(), entry.is_symlink()) {
        (true, _) => What::Folder,
        (_, true) => What::Link,
        _ => What::File,
    };
    refuse_size(&path, entry.size(), entry.compressed_size())?;
    Ok(Some((path, what, entry.size())))
}

/// Goes through a zip in the order of its directory.
pub fn walk(from: At, left: &mut u64, visit: Visit) -> Result<()> {
    let mut archive = opened(from)?;
    for index in 0..archive.len() {
        let Some((path, what, size)) = described(&archive, index)? else { continue };
        let entry = archive.by_index(index).with_context(|| format!("`{path}` is damaged"))?;
        let mut bytes = Counted { inner: entry, left: &mut *left };
        visit(&Entry { path: &path, what, size }, &mut bytes)?;
    }
    Ok(())
}
