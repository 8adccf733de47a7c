//! The files of a data set as they were keyed, and reading them as exactly those.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A line of the manifest; the path is relative to the data set's root, with `/`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Listed {
    pub path: String,
    pub size: u64,
    pub sha256: String,
}

pub fn read_manifest(path: &Path) -> Result<Vec<Listed>> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot open the list of files `{shown}`"))?;
    let mut listed = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read `{shown}`"))?;
        if line.is_empty() {
            continue;
        }
        let entry = serde_json::from_str(&line);
        listed.push(entry.with_context(|| format!("line {} of `{shown}` lists no file", number + 1))?);
    }
    Ok(listed)
}

/// The bytes of a listed file.
///
/// # Errors
/// It is gone, or no longer the file that was listed.
pub fn read_listed(root: &Path, listed: &Listed) -> Result<Vec<u8>> {
    let path = root.join(&listed.path);
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read `{}`", listed.path))?;
    check(listed, bytes.len() as u64, &hex(&Sha256::digest(&bytes)))?;
    Ok(bytes)
}

/// Opens a listed file after reading it through once, to see that it is the file that was listed.
pub fn open_listed(root: &Path, listed: &Listed) -> Result<File> {
    let path = root.join(&listed.path);
    let failed = || format!("cannot read `{}`", listed.path);
    let mut file = File::open(&path).with_context(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer).with_context(failed)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
    check(listed, size, &hex(&hasher.finalize()))?;
    Ok(file)
}

fn check(listed: &Listed, size: u64, sha256: &str) -> Result<()> {
    let same = size == listed.size && sha256 == listed.sha256;
    ensure!(same, "`{}` changed while it was read; hint: run again when nobody writes to it", listed.path);
    Ok(())
}

pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| DIGITS[usize::from(digit)] as char).collect()
}

pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_the_listed_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.bin"), b"abc").unwrap();
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_string();
        let listed = Listed { path: "a.bin".into(), size: 3, sha256 };
        assert_eq!(read_listed(folder.path(), &listed).unwrap(), b"abc");
        open_listed(folder.path(), &listed).unwrap();
        std::fs::write(folder.path().join("a.bin"), b"abd").unwrap();
        for error in [
            read_listed(folder.path(), &listed).map(drop).unwrap_err(),
            open_listed(folder.path(), &listed).map(drop).unwrap_err(),
        ] {
            assert!(error.to_string().contains("`a.bin` changed while it was read"), "{error}");
        }
    }
}
