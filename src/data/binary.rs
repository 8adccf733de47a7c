//! Files that hold many images: read in place, or decompressed into memory.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;

use super::manifest::{Listed, open_listed, read_listed};

/// Decompressed bytes that a `.gz` may hold.
const LARGEST: u64 = 4 << 30;

pub struct Binary {
    pub path: String,
    /// Bytes, decompressed.
    pub len: u64,
    bytes: Bytes,
}

enum Bytes {
    File(File),
    Memory(Vec<u8>),
}

impl Binary {
    /// # Errors
    /// The file is no longer the one that was listed, or its compression is damaged.
    pub fn open(root: &Path, listed: &Listed) -> Result<Binary> {
        let path = listed.path.clone();
        if !path.ends_with(".gz") {
            let file = open_listed(root, listed)?;
            return Ok(Binary { path, len: listed.size, bytes: Bytes::File(file) });
        }
        let packed = read_listed(root, listed)?;
        let mut unpacked = Vec::new();
        let decoder = GzDecoder::new(&packed[..]);
        decoder
            .take(LARGEST + 1)
            .read_to_end(&mut unpacked)
            .with_context(|| format!("`{path}` is cut short or damaged; hint: fetch it again"))?;
        ensure!(unpacked.len() as u64 <= LARGEST, "`{path}` unpacks to more than {LARGEST} bytes");
        Ok(Binary { path, len: unpacked.len() as u64, bytes: Bytes::Memory(unpacked) })
    }

    pub fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let ends_early = || format!("`{}` ends before byte {}", self.path, offset + into.len() as u64);
        ensure!(offset + into.len() as u64 <= self.len, "{}", ends_early());
        match &self.bytes {
            Bytes::File(file) => {
                let path = &self.path;
                file.read_exact_at(into, offset).with_context(|| format!("cannot read `{path}`"))?;
            }
            Bytes::Memory(bytes) => into.copy_from_slice(&bytes[offset as usize..][..into.len()]),
        }
        Ok(())
    }
}

#[cfg(test)]
pub mod fixtures {
    use super::*;
    use crate::data::manifest::hex;
    use sha2::{Digest, Sha256};

    /// Writes a file below `root` and lists it.
    pub fn write(root: &Path, path: &str, bytes: &[u8]) -> Listed {
        let place = root.join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, bytes).unwrap();
        Listed { path: path.into(), size: bytes.len() as u64, sha256: hex(&Sha256::digest(bytes)) }
    }
}
