//! An archive into a new folder: regular files and folders below it, and nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::space::cannot_write;
use super::{Fetched, Progress};
use crate::data::archive::{Kind, What, walk};

/// Files between two reports.
const REPORT: u64 = 100;

/// Unpacks into `folder`, which must not exist. Limits are those of [`walk`]; links are counted and left aside.
pub fn unpack(
    file: &Arc<File>,
    kind: Kind,
    folder: &Path,
    tell: &mut dyn FnMut(Progress),
) -> Result<Fetched> {
    fs::create_dir(folder).map_err(|error| cannot_write(folder, error))?;
    let (mut files, mut bytes, mut links) = (0, 0, 0);
    walk(file, kind, &mut |entry, from| {
        let path = folder.join(entry.path);
        match entry.what {
            What::Link => links += 1,
            What::Folder => fs::create_dir_all(&path).map_err(|error| cannot_write(&path, error))?,
            What::File => {
                let written = write(&path, from)?;
                ensure!(written == entry.size, "`{}` is cut short", entry.path);
                files += 1;
                bytes += written;
                if files % REPORT == 0 {
                    tell(Progress::Unpacked(files));
                }
            }
        }
        Ok(())
    })?;
    tell(Progress::Unpacked(files));
    ensure!(files > 0, "the archive holds no files");
    Ok(Fetched::Unpacked { files, bytes, links })
}

fn write(path: &Path, from: &mut dyn Read) -> Result<u64> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| cannot_write(parent, error))?;
    }
    // New: the folder was empty and no link is ever made in it, so nothing can lead out of it.
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = BufWriter::new(file.map_err(|error| cannot_write(path, error))?);
    let mut buffer = vec![0; 1 << 16];
    let mut written = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).context("it is cut short or damaged"),
        };
        file.write_all(&buffer[..read]).map_err(|error| cannot_write(path, error))?;
        written += read as u64;
    }
    file.flush().map_err(|error| cannot_write(path, error))?;
    Ok(written)
}
