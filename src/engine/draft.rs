//! An artifact in the making: the folder of an attempt, which `commit` makes the artifact, or nothing.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::attempt::{CHECKPOINTS, JOB, LOG};
use super::digest::{FileDigest, Identity, digest_file};
use super::meter::SPENT;
use super::receipt::{RECEIPT, Receipt};
use super::store::{Look, Store};
use super::task::Digested;

/// Stages that took longer than this are written through to the disk: a loss would cost more than the 4 ms that an
/// fsync takes.
const WORTH_SYNCING_SECS: f64 = 1.0;

/// The attempt's folder itself is what is renamed, with its job and log: a file removed is dear on ext4, which for
/// seconds looks at each one lately removed whenever it makes another.
pub struct Draft {
    pub path: PathBuf,
}

impl Draft {
    /// An empty draft in the folder of an attempt.
    pub fn create(attempt: &Path) -> std::io::Result<Draft> {
        let draft = Draft { path: attempt.to_path_buf() };
        draft.remove();
        fs::create_dir(draft.path.join("content"))?;
        fs::create_dir(draft.path.join("measured"))?;
        Ok(draft)
    }

    /// Digests every file of the content, but those that are still as they were when their digests were `known`, and
    /// makes it read-only.
    ///
    /// # Errors
    /// When there is no file, or something that is no file.
    pub fn seal(&self, known: &Digested) -> Result<BTreeMap<String, FileDigest>> {
        let content = self.path.join("content");
        let mut files = BTreeMap::new();
        seal_folder(&content, &content, known, &mut files)?;
        if files.is_empty() {
            bail!("nothing was written, so there is nothing to keep");
        }
        Ok(files)
    }

    /// Makes the draft the artifact of its receipt. `false`: another one was there first, and stays.
    pub fn commit(self, store: &Store, receipt: &Receipt) -> Result<bool> {
        let done = self.try_commit(store, receipt);
        if !matches!(done, Ok(true)) {
            self.remove();
        }
        done
    }

    fn try_commit(&self, store: &Store, receipt: &Receipt) -> Result<bool> {
        let text = serde_json::to_vec(receipt).context("a receipt is text and numbers")?;
        let path = self.path.join(RECEIPT);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
        let _ = fs::remove_dir_all(self.path.join(CHECKPOINTS));
        // The receipt has it now.
        let _ = fs::remove_file(self.path.join(SPENT));
        let sync = receipt.took_secs > WORTH_SYNCING_SECS;
        if sync {
            self.sync(receipt)?;
        }
        let place = store.place(&receipt.kind, &receipt.key);
        if !self.rename(store, receipt, &place)? {
            return Ok(false);
        }
        // Only now: in the attempt's folder the job tells that somebody is at it.
        for name in [JOB, LOG] {
            let _ = fs::rename(place.join(name), place.join("measured").join(name));
        }
        if sync {
            sync_path(place.parent().expect("an artifact lies in the folder of its kind"))?;
        }
        Ok(true)
    }

    /// Rids the disk of what was written, but not of the attempt's job, log and checkpoints.
    pub fn remove(&self) {
        remove_from(&self.path);
    }

    fn rename(&self, store: &Store, receipt: &Receipt, place: &Path) -> Result<bool> {
        loop {
            let Err(error) = fs::rename(&self.path, place) else { return Ok(true) };
            match error.kind() {
                ErrorKind::NotFound => {
                    let kind = place.parent().expect("an artifact lies in the folder of its kind");
                    fs::create_dir_all(kind).with_context(|| format!("cannot make `{}`", kind.display()))?;
                }
                ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => {
                    match store.look(&receipt.kind, &receipt.key) {
                        Look::Whole(_) => {
                            self.remove();
                            return Ok(false);
                        }
                        Look::Damaged(how) => drop(store.quarantine(&receipt.kind, &receipt.key, &how)?),
                        Look::Missing if place.exists() => return Err(taken(place)),
                        Look::Missing => {}
                    }
                }
                _ => return Err(error).with_context(|| format!("cannot make `{}`", place.display())),
            }
        }
    }

    fn sync(&self, receipt: &Receipt) -> Result<()> {
        let content = self.path.join("content");
        for name in receipt.files.keys() {
            sync_path(&content.join(name))?;
        }
        for path in [&self.path.join(RECEIPT), &content, &self.path] {
            sync_path(path)?;
        }
        Ok(())
    }
}

/// Rids an attempt's folder of its draft.
pub fn remove_from(attempt: &Path) {
    for folder in ["content", "measured"] {
        let _ = fs::remove_dir_all(attempt.join(folder));
    }
    let _ = fs::remove_file(attempt.join(RECEIPT));
}

fn taken(place: &Path) -> anyhow::Error {
    let place = place.display();
    anyhow!("`{place}` belongs to another key that begins alike\nhint: remove that artifact and run again")
}

fn sync_path(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .with_context(|| format!("cannot sync `{}`", path.display()))
}

fn seal_folder(
    content: &Path,
    folder: &Path,
    known: &Digested,
    files: &mut BTreeMap<String, FileDigest>,
) -> Result<()> {
    let unreadable = || format!("cannot read `{}`", folder.display());
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let path = entry.path();
        let kind = entry.file_type().with_context(unreadable)?;
        if kind.is_dir() {
            seal_folder(content, &path, known, files)?;
            continue;
        }
        let relative = path.strip_prefix(content).expect("the walk stays below the content");
        let Some(name) = relative.to_str() else {
            bail!("the name of `{}` that the stage wrote is not UTF-8", relative.to_string_lossy());
        };
        if !kind.is_file() {
            bail!("the stage wrote `{name}`, which is no file\nhint: copy what a link points at");
        }
        let metadata = entry.metadata().with_context(unreadable)?;
        let digest = match known.get(&path) {
            Some((then, digest)) if *then == Identity::of(&metadata) && digest.size == then.size => {
                digest.clone()
            }
            _ => digest_file(&path)?,
        };
        files.insert(name.to_string(), digest);
        fs::set_permissions(&path, Permissions::from_mode(0o444))
            .with_context(|| format!("cannot make `{}` read-only", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_made_while_writing_stands_until_the_file_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let draft = Draft::create(folder.path()).unwrap();
        let path = draft.path.join("content/a");
        fs::write(&path, "abc").unwrap();
        let told = FileDigest { size: 3, sha256: "told".into() };
        let then = Identity::of(&fs::metadata(&path).unwrap());
        let known = Digested::from([(path.clone(), (then, told.clone()))]);
        assert_eq!(draft.seal(&known).unwrap()["a"], told);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "abd").unwrap();
        assert_eq!(draft.seal(&known).unwrap()["a"], digest_file(&path).unwrap());
    }
}
