//! Artifacts on disk: a folder each, whole when its receipt is there. Readers take no lock.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, anyhow, bail};

use super::digest::{FileDigest, Identity, Memory};
use super::index::{Index, Listed};
use super::key::short;
use super::receipt::{RECEIPT, Receipt};

/// Folders of a store that hold no artifacts.
pub const FOLDERS: &[&str] =
    &["work", "results", "locks", "index", "quarantine", "tombstones", "pins", CACHE];
/// The folder of what stages keep for other stages and can do without: no digest depends on it.
pub const CACHE: &str = "cache";

pub struct Store {
    root: PathBuf,
    index: Mutex<Index>,
    memory: Mutex<Memory>,
}

/// A whole artifact.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Its folder.
    pub path: PathBuf,
    pub receipt: Receipt,
}

impl Artifact {
    /// A file that the digest covers.
    pub fn content(&self, name: &str) -> PathBuf {
        self.path.join("content").join(name)
    }

    /// A file kept beside it: times, traces, the log.
    pub fn measured(&self, name: &str) -> PathBuf {
        self.path.join("measured").join(name)
    }
}

/// What a look for a key finds.
#[derive(Clone, Debug, PartialEq)]
pub enum Look {
    Whole(Holding),
    Missing,
    /// It is there, and not as its receipt says; the text says how.
    Damaged(String),
}

/// What a plan needs of an artifact.
#[derive(Clone, Debug, PartialEq)]
pub struct Holding {
    pub files: BTreeMap<String, FileDigest>,
    pub took_secs: f64,
}

impl Store {
    /// Opens the store at `root`, making its folders where they are missing.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn open(root: &Path) -> Result<Store> {
        for folder in FOLDERS.iter().copied().chain(["index/trees"]) {
            let path = root.join(folder);
            if !path.is_dir() {
                fs::create_dir_all(&path).map_err(|error| unwritable(root, error))?;
            }
        }
        // Jobs name files below it from whatever folder they run in.
        let root =
            root.canonicalize().with_context(|| format!("cannot open the store `{}`", root.display()))?;
        let index = Mutex::new(Index::open(root.join("index/artifacts.v1")));
        let memory = Mutex::new(Memory::open(root.join("index/digests.v1")));
        Ok(Store { root, index, memory })
    }

    /// # Errors
    /// When nothing can be written to it: a read-only file system, missing rights, a full disk.
    pub fn check_writable(&self) -> Result<()> {
        let probe = self.root.join("work/.probe");
        let written = fs::write(&probe, "probe");
        let _ = fs::remove_file(&probe);
        written.map_err(|error| unwritable(&self.root, error))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the artifact of a key is, or would be.
    pub fn place(&self, kind: &str, key: &str) -> PathBuf {
        self.root.join(kind).join(short(key))
    }

    /// Where attempts at a key are made.
    pub fn work(&self, key: &str) -> PathBuf {
        self.root.join("work").join(short(key))
    }

    pub fn tombstone(&self, kind: &str, key: &str) -> PathBuf {
        self.root.join("tombstones").join(kind).join(format!("{}.json", short(key)))
    }

    /// The artifact of a key, if it is whole as far as stats can tell.
    pub fn find(&self, kind: &str, key: &str) -> Option<Artifact> {
        let path = self.place(kind, key);
        let receipt = Receipt::read(&path.join(RECEIPT)).ok()?;
        (receipt.key == key && shortfall(&path, &receipt.files).is_none())
            .then_some(Artifact { path, receipt })
    }

    /// Like [`find`](Self::find), without reading a receipt that was read before.
    pub fn look(&self, kind: &str, key: &str) -> Look {
        let path = self.place(kind, key);
        let receipt = path.join(RECEIPT);
        let identity = match fs::metadata(&receipt) {
            Ok(metadata) => Identity::of(&metadata),
            Err(_) if !path.is_dir() => return Look::Missing,
            Err(error) => return Look::Damaged(format!("its receipt cannot be read ({error})")),
        };
        // Bound first, so that the index is free again when a receipt has to be listed.
        let known = self.index().listed(kind, key, &identity);
        let listed = match known {
            Some(listed) => listed,
            None => match Receipt::read(&receipt) {
                Ok(receipt) if receipt.key != key => return Look::Missing,
                Ok(receipt) => self.index().list(&receipt, &identity),
                Err(error) => return Look::Damaged(format!("{error:#}")),
            },
        };
        let Listed { files, took_secs } = listed;
        match shortfall(&path, &files) {
            Some(how) => Look::Damaged(how),
            None => Look::Whole(Holding { files, took_secs }),
        }
    }

    /// Every artifact with a readable receipt, by kind and key.
    pub fn list(&self) -> Vec<Artifact> {
        let mut artifacts = Vec::new();
        for kind in self.kinds() {
            for name in names_in(&self.root.join(&kind)) {
                let path = self.root.join(&kind).join(name);
                if let Ok(receipt) = Receipt::read(&path.join(RECEIPT)) {
                    artifacts.push(Artifact { path, receipt });
                }
            }
        }
        artifacts
    }

    /// Kinds of which there is, or was, an artifact.
    pub fn kinds(&self) -> Vec<String> {
        let mut kinds = names_in(&self.root);
        kinds.retain(|name| !FOLDERS.contains(&name.as_str()) && self.root.join(name).is_dir());
        kinds
    }

    /// The one artifact whose key, or `kind/key`, begins with `text`.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn artifact_by_prefix(&self, text: &str) -> Result<Artifact> {
        let (kind, prefix) = text.split_once('/').map_or((None, text), |(kind, prefix)| (Some(kind), prefix));
        let mut found = Vec::new();
        for name in self.kinds().iter().filter(|name| kind.is_none_or(|kind| kind == *name)) {
            let starts = names_in(&self.root.join(name));
            let fits = |at: &String| {
                !prefix.is_empty() && (prefix.starts_with(at.as_str()) || at.starts_with(prefix))
            };
            found.extend(starts.into_iter().filter(fits).map(|at| (name.clone(), at)));
        }
        match found.as_slice() {
            [(kind, at)] => {
                let path = self.root.join(kind).join(at);
                let receipt = Receipt::read(&path.join(RECEIPT))?;
                Ok(Artifact { path, receipt })
            }
            [] => {
                bail!("no artifact's key begins with `{text}`\nhint: `pipeline list` shows those there are")
            }
            several => {
                let few: Vec<String> =
                    several.iter().take(5).map(|(kind, at)| format!("`{kind}/{at}`")).collect();
                let message = format!("{} artifacts' keys begin with `{text}`", several.len());
                Err(anyhow!("{message}: {}\nhint: write more of its digits", few.join(", ")))
            }
        }
    }

    /// Sets a damaged artifact aside, and says where.
    pub fn quarantine(&self, kind: &str, key: &str, reason: &str) -> Result<PathBuf> {
        let folder = self.root.join("quarantine");
        let from = self.place(kind, key);
        for n in 1.. {
            let to = folder.join(format!("{kind}-{}-{n}", short(key)));
            if to.exists() {
                continue;
            }
            return match fs::rename(&from, &to) {
                Ok(()) => {
                    let _ = fs::write(to.join("reason.txt"), format!("{reason}\n"));
                    Ok(to)
                }
                Err(error) => Err(unwritable(&self.root, error)),
            };
        }
        unreachable!("some number is free")
    }

    /// The lock that launches share and `gc` has to itself.
    pub fn lock_file(&self) -> Result<File> {
        let path = self.root.join("locks/store.lock");
        File::options().create(true).append(true).open(path).map_err(|error| unwritable(&self.root, error))
    }

    /// Digests by stat, kept between launches.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first file that is not there at its size, as a person reads it.
fn shortfall(artifact: &Path, files: &BTreeMap<String, FileDigest>) -> Option<String> {
    let content = artifact.join("content");
    files.iter().find_map(|(name, file)| match fs::metadata(content.join(name)) {
        Ok(metadata) if metadata.len() == file.size => None,
        Ok(metadata) => Some(format!("`{name}` has {} bytes instead of {}", metadata.len(), file.size)),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(format!("`{name}` is gone")),
        Err(error) => Some(format!("`{name}` cannot be read ({error})")),
    })
}

/// The names in a folder, sorted; none if it cannot be read.
pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// Says why nothing can be written to the store, and what to do.
pub fn unwritable(root: &Path, error: io::Error) -> anyhow::Error {
    let root = root.display();
    if is_full(&error) {
        return anyhow!("no space left on `{root}`\nhint: free some, or `pipeline gc`");
    }
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => anyhow!(
            "cannot write to the store `{root}`: {error}\n\
             hint: get the right to write there, or set `artifacts` in `pipeline.toml` to another folder"
        ),
        _ => anyhow::Error::new(error).context(format!("cannot write to the store `{root}`")),
    }
}

/// Whether a disk, a quota or a file-size limit is used up.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
