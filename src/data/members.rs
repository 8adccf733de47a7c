//! The files that a data set consists of, in a folder or inside an archive, read without unpacking them to disk.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};

use super::archive;
use super::binary::Binary;
use super::cache::key_of;
use super::catalog::{ImageFile, ReadError};
use super::extents::Extents;
use super::manifest::{Listed, file_name, open_listed, read_listed};
use crate::engine::JobSource;
use crate::recipe::is_file_name;

/// Bytes that the file of one image may have.
pub const LARGEST_FILE: u64 = 1 << 30;

pub struct Members {
    /// In order of path, however an archive has them: a draw must not depend on it.
    pub files: Vec<Member>,
    /// Paths of folders that may hold no file: whoever made them meant something.
    pub folders: Vec<String>,
    /// The place of each file among the holder's.
    order: Vec<u32>,
    holder: Holder,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// From the top of the data set, with `/`.
    pub path: String,
    /// In bytes, unpacked.
    pub size: u64,
}

enum Holder {
    Folder { root: PathBuf, listed: Vec<Listed> },
    Zip(archive::ZipFiles),
    Extents(Extents),
}

impl Members {
    /// The files of a source: those of its archive, where it is one, else those that are listed.
    ///
    /// # Errors
    /// The archive is no longer the one that was listed, is damaged, or would unpack to more than any data set.
    pub fn of(source: &JobSource, listed: Vec<Listed>) -> Result<Members> {
        let [only] = listed.as_slice() else { return Ok(Members::in_folder(&source.root, listed)) };
        let path = source.root.join(&only.path);
        // A bundle may list a file that it left out.
        let Ok(file) = File::open(&path) else { return Ok(Members::in_folder(&source.root, listed)) };
        let Some(kind) = archive::kind_of(&file)? else {
            let named_so = is_file_name(&path) && !only.path.to_ascii_lowercase().ends_with(".parquet");
            ensure!(
                !named_so,
                "`{}` is no zip, tar or tar.gz, or it is cut short; hint: fetch it again",
                only.path
            );
            return Ok(Members::in_folder(&source.root, listed));
        };
        let file = Arc::new(open_listed(&source.root, only)?);
        // Beside the list of files: in the store, on the disk that has room for data.
        let beside = source.manifest.parent().unwrap_or(Path::new("."));
        let opened = match kind {
            archive::Kind::Zip => archive::ZipFiles::open(file).map(|(zip, found)| (Holder::Zip(zip), found)),
            archive::Kind::Tar => {
                archive::tar_extents(file).map(|(extents, found)| (Holder::Extents(extents), found))
            }
            archive::Kind::TarGz => {
                archive::spilled(&file, beside).map(|(extents, found)| (Holder::Extents(extents), found))
            }
        };
        let (holder, found) = opened.with_context(|| format!("cannot read the archive `{}`", only.path))?;
        let (mut files, mut order): (Vec<Member>, Vec<u32>) = (found.files, Vec::new());
        order.extend(0..files.len() as u32);
        order.sort_by(|a, b| files[*a as usize].path.cmp(&files[*b as usize].path));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Members { files, folders: found.folders, order, holder })
    }

    pub fn in_folder(root: &Path, listed: Vec<Listed>) -> Members {
        let member = |file: &Listed| Member { path: file.path.clone(), size: file.size };
        let files = listed.iter().map(member).collect();
        let mut folders = Vec::new();
        add_folders(root, "", 0, &mut folders);
        let order = (0..listed.len() as u32).collect();
        Members { files, folders, order, holder: Holder::Folder { root: root.to_path_buf(), listed } }
    }

    /// The whole of a file, which must be small.
    pub fn read(&self, file: usize) -> Result<Vec<u8>, ReadError> {
        let size = self.files[file].size;
        if size > LARGEST_FILE {
            return Err(ReadError::Unreadable(format!(
                "the file has {size} bytes, and no image takes 1 GiB"
            )));
        }
        let at = self.order[file] as usize;
        match &self.holder {
            Holder::Folder { root, listed } => read_listed(root, &listed[at]).map_err(ReadError::Failed),
            Holder::Zip(zip) => zip.read(at),
            Holder::Extents(extents) => extents.read(at).map_err(ReadError::Failed),
        }
    }

    /// A file that holds many images, to be read in parts.
    pub fn open(&self, file: usize) -> Result<Binary> {
        let path = self.files[file].path.clone();
        if path.ends_with(".gz") {
            return Binary::unpacked(path, &self.whole(file)?);
        }
        let at = self.order[file] as usize;
        match &self.holder {
            Holder::Folder { root, listed } => {
                let opened = Arc::new(open_listed(root, &listed[at])?);
                Ok(Binary::part(path, opened, 0, listed[at].size))
            }
            Holder::Extents(extents) => {
                let (start, len) = extents.place(at);
                Ok(Binary::part(path, extents.file(), start, len))
            }
            Holder::Zip(_) => Ok(Binary::memory(path, self.whole(file)?)),
        }
    }

    /// As [`read`](Self::read), where a file that cannot be read ends the work.
    pub fn whole(&self, file: usize) -> Result<Vec<u8>> {
        self.read(file).map_err(|error| match error {
            ReadError::Failed(error) => error,
            ReadError::Unreadable(reason) => anyhow!("`{}`: {reason}", self.files[file].path),
        })
    }

    /// A file by its digest; those of an archive are read for it.
    pub fn image(&self, file: usize) -> Option<ImageFile> {
        match &self.holder {
            Holder::Folder { listed, .. } => {
                let digest = key_of(&listed[self.order[file] as usize].sha256)?;
                Some(ImageFile { digest, bytes: None })
            }
            _ => self.read(file).ok().map(ImageFile::holding),
        }
    }

    /// The one file whose name satisfies `fits`, wherever it lies.
    ///
    /// # Errors
    /// Several files do.
    pub fn find_named(&self, fits: impl Fn(&str) -> bool) -> Result<Option<usize>> {
        let mut found = self
            .files
            .iter()
            .enumerate()
            .filter(|(_, member)| fits(file_name(&member.path)))
            .map(|(at, _)| at);
        let Some(first) = found.next() else { return Ok(None) };
        let Some(second) = found.next() else { return Ok(Some(first)) };
        let [first, second] = [first, second].map(|at| &self.files[at].path);
        Err(anyhow!("`{first}` and `{second}` could both be meant; hint: keep one of them"))
    }
}

/// Folders below the top that a class may be: some wrappers, a split, the class.
const DEEPEST: usize = 5;

fn add_folders(root: &Path, prefix: &str, depth: usize, folders: &mut Vec<String>) {
    if depth == DEEPEST {
        return;
    }
    let Ok(entries) = std::fs::read_dir(root.join(prefix)) else { return };
    let found = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_file()));
    let mut names: Vec<String> = found.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.') && root.join(prefix).join(name).is_dir());
    names.sort();
    for name in names {
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        folders.push(path.clone());
        add_folders(root, &path, depth + 1, folders);
    }
}
