//! Many small files as stretches of a large one: inside a tar, or in a file without a name that goes with the process.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// Stretches of a file, read from several threads.
pub struct Extents {
    file: Arc<File>,
    /// Offset and length in bytes.
    places: Vec<(u64, u64)>,
}

impl Extents {
    pub fn new(file: Arc<File>, places: Vec<(u64, u64)>) -> Extents {
        Extents { file, places }
    }

    /// Stretch `index`, which must be small enough for memory.
    pub fn read(&self, index: usize) -> Result<Vec<u8>> {
        let (at, len) = self.places[index];
        let mut bytes = vec![0; len as usize];
        self.file.read_exact_at(&mut bytes, at).context("the file ends before its last entry")?;
        Ok(bytes)
    }

    pub fn place(&self, index: usize) -> (u64, u64) {
        self.places[index]
    }

    pub fn file(&self) -> Arc<File> {
        self.file.clone()
    }
}

/// A file that nobody else sees and that takes its room back with the end of the process, however it ends.
pub struct Spill {
    file: BufWriter<File>,
    places: Vec<(u64, u64)>,
    end: u64,
}

static SPILLS: AtomicU32 = AtomicU32::new(0);

impl Spill {
    pub fn create(folder: &Path) -> Result<Spill> {
        let failed = || format!("cannot write to `{}`", folder.display());
        let number = SPILLS.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".spill-{}-{number}", std::process::id()));
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).open(&path).with_context(failed)?;
        std::fs::remove_file(&path).with_context(failed)?;
        Ok(Spill { file: BufWriter::with_capacity(1 << 20, file), places: Vec::new(), end: 0 })
    }

    /// Appends all that `from` gives, as the next stretch.
    pub fn add(&mut self, from: &mut dyn Read) -> Result<u64> {
        let len = io::copy(from, &mut self.file).map_err(full)?;
        self.places.push((self.end, len));
        self.end += len;
        Ok(len)
    }

    pub fn finish(mut self) -> Result<Extents> {
        self.file.flush().map_err(full)?;
        let file = self.file.into_inner().map_err(|error| full(error.into_error()))?;
        Ok(Extents::new(Arc::new(file), self.places))
    }
}

fn full(error: io::Error) -> anyhow::Error {
    let out_of_space = error.kind() == io::ErrorKind::StorageFull;
    let error = anyhow::Error::new(error);
    if !out_of_space {
        return error;
    }
    error.context(
        "the disk is full: its images are laid beside the store while they are read; hint: unpack it elsewhere, or free some space",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spilled_is_read_back_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut spill = Spill::create(folder.path()).unwrap();
        for bytes in [&b"one"[..], b"", b"three"] {
            spill.add(&mut &*bytes).unwrap();
        }
        let extents = spill.finish().unwrap();
        assert_eq!(extents.read(2).unwrap(), b"three");
        assert_eq!(extents.read(1).unwrap(), b"");
        assert_eq!(extents.place(2), (3, 5));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
