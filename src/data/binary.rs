//! Files that hold many images: read in place, or decompressed into memory.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;

/// Decompressed bytes that a `.gz` may hold.
const LARGEST: u64 = 4 << 30;

pub struct Binary {
    pub path: String,
    /// Bytes, decompressed.
    pub len: u64,
    bytes: Bytes,
}

enum Bytes {
    Part { file: Arc<File>, start: u64 },
    Memory(Vec<u8>),
}

impl Binary {
    /// `len` bytes of a file from `start` on.
    pub fn part(path: String, file: Arc<File>, start: u64, len: u64) -> Binary {
        Binary { path, len, bytes: Bytes::Part { file, start } }
    }

    pub fn memory(path: String, bytes: Vec<u8>) -> Binary {
        Binary { path, len: bytes.len() as u64, bytes: Bytes::Memory(bytes) }
    }

    /// # Errors
    /// The compression is damaged, or the bytes are more than any data set's.
    pub fn unpacked(path: String, packed: &[u8]) -> Result<Binary> {
        let mut unpacked = Vec::new();
        let decoder = GzDecoder::new(packed);
        decoder
            .take(LARGEST + 1)
            .read_to_end(&mut unpacked)
            .with_context(|| format!("`{path}` is cut short or damaged; hint: fetch it again"))?;
        ensure!(unpacked.len() as u64 <= LARGEST, "`{path}` unpacks to more than {LARGEST} bytes");
        Ok(Binary::memory(path, unpacked))
    }

    pub fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let ends_early = || format!("`{}` ends before {} bytes at {offset}", self.path, into.len());
        let end = offset.checked_add(into.len() as u64);
        ensure!(end.is_some_and(|end| end <= self.len), "{}", ends_early());
        match &self.bytes {
            Bytes::Part { file, start } => {
                let path = &self.path;
                file.read_exact_at(into, start + offset).with_context(|| format!("cannot read `{path}`"))?;
            }
            Bytes::Memory(bytes) => into.copy_from_slice(&bytes[offset as usize..][..into.len()]),
        }
        Ok(())
    }
}

#[cfg(test)]
pub mod fixtures {
    use std::path::Path;

    use crate::data::manifest::{Listed, hex};
    use sha2::{Digest, Sha256};

    /// Writes a file below `root` and lists it.
    pub fn write(root: &Path, path: &str, bytes: &[u8]) -> Listed {
        let place = root.join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, bytes).unwrap();
        Listed { path: path.into(), size: bytes.len() as u64, sha256: hex(&Sha256::digest(bytes)) }
    }
}
