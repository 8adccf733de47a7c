//! A `.tar.gz` whose bytes depend on its files' names and bytes alone; files are streamed, never held.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// What a file of the archive is made of.
pub enum Content {
    Bytes(Vec<u8>),
    /// Streamed, and refused if it is no longer the file of this size and SHA-256.
    File {
        from: PathBuf,
        size: u64,
        sha256: String,
    },
}

/// A file of the archive by its path there.
pub struct Member {
    pub path: String,
    pub content: Content,
}

/// Writes `members` in order below `top`; the archive appears when it is whole.
///
/// # Errors
/// A file changed, or nothing can be written there.
pub fn write(to: &Path, top: &str, members: &[Member]) -> Result<()> {
    let beside = to.with_file_name(format!(
        ".{}.{}.new",
        to.file_name().unwrap_or_default().to_string_lossy(),
        std::process::id()
    ));
    let written = write_to(&beside, top, members)
        .and_then(|()| fs::rename(&beside, to).with_context(|| format!("cannot write `{}`", to.display())));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_to(path: &Path, top: &str, members: &[Member]) -> Result<()> {
    let failed = || format!("cannot write `{}`", path.display());
    let file = BufWriter::with_capacity(1 << 20, File::create(path).with_context(failed)?);
    // Level 1: what is large are photographs, which are compressed already.
    let gzip = GzBuilder::new().mtime(0).write(file, Compression::new(1));
    let mut archive = Builder::new(gzip);
    for member in members {
        append(&mut archive, &format!("{top}/{}", member.path), &member.content)
            .with_context(|| format!("cannot bundle `{}`", member.path))?;
    }
    let gzip = archive.into_inner().with_context(failed)?;
    gzip.finish().and_then(|mut file| file.flush()).with_context(failed)
}

fn append<W: Write>(archive: &mut Builder<GzEncoder<W>>, path: &str, content: &Content) -> Result<()> {
    let size = match content {
        Content::Bytes(bytes) => bytes.len() as u64,
        Content::File { size, .. } => *size,
    };
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    match content {
        Content::Bytes(bytes) => Ok(archive.append_data(&mut header, path, &bytes[..])?),
        Content::File { from, size, sha256 } => {
            let file = File::open(from).with_context(|| format!("cannot read `{}`", from.display()))?;
            // Exactly as many bytes as the header says, whatever became of the file.
            let mut reader = Digesting { from: file.take(*size), hasher: Sha256::new(), read: 0 };
            archive.append_data(&mut header, path, &mut reader)?;
            let found = hex(&reader.hasher.finalize());
            ensure!(
                reader.read == *size && found == *sha256,
                "`{}` changed while it was read; hint: run again when nobody writes to it",
                from.display()
            );
            Ok(())
        }
    }
}

/// In hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Digesting<R> {
    from: R,
    hasher: Sha256,
    read: u64,
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(into)?;
        self.hasher.update(&into[..n]);
        self.read += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn members(from: &Path) -> Vec<Member> {
        let long = format!("data/{}.txt", "x".repeat(150));
        let file = Content::File { from: from.to_path_buf(), size: 3, sha256: ABC.into() };
        vec![
            Member { path: "README.md".into(), content: Content::Bytes(b"read".to_vec()) },
            Member { path: long, content: file },
        ]
    }

    #[test]
    fn the_same_files_give_the_same_bytes_and_unpack_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let (from, a, b) = (folder.path().join("f"), folder.path().join("a"), folder.path().join("b"));
        fs::write(&from, "abc").unwrap();
        write(&a, "x", &members(&from)).unwrap();
        write(&b, "x", &members(&from)).unwrap();
        assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());
        let mut unpacked = tar::Archive::new(flate2::read::GzDecoder::new(File::open(&a).unwrap()));
        unpacked.unpack(folder.path().join("out")).unwrap();
        let file = folder.path().join("out/x/data").join(format!("{}.txt", "x".repeat(150)));
        assert_eq!(fs::read(file).unwrap(), b"abc");
    }

    #[test]
    fn a_file_that_changed_leaves_no_archive() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("f"), folder.path().join("a.tar.gz"));
        for text in ["abd", "ab", "abcd"] {
            fs::write(&from, text).unwrap();
            let written = write(&to, "x", &members(&from));
            // A longer file begins with the listed bytes: its digest is that of what was taken.
            assert_eq!(written.is_ok(), text == "abcd", "{text}");
            if let Err(error) = written {
                assert!(
                    format!("{error:#}").contains("changed while it was read") || text == "ab",
                    "{error:#}"
                );
                assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            }
            let _ = fs::remove_file(&to);
        }
    }
}
