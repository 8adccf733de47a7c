//! Attempts at a key: a folder each, alive for as long as some process holds a lock on its job file.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::job::Job;
use super::store::{Store, names_in, unwritable};

/// The work order in the folder of an attempt.
pub const JOB: &str = "job.json";
/// What the attempt's process printed.
pub const LOG: &str = "log";

/// What the next attempt at the key goes on from.
pub const CHECKPOINTS: &str = "checkpoints";

/// A folder `work/<key>/<attempt>` whose removal is nobody else's business while this value lives.
pub struct Attempt {
    pub folder: PathBuf,
    _alive: File,
}

impl Attempt {
    /// Makes the folder with its job file, whose log it settles.
    pub fn create(store: &Store, job: &mut Job) -> Result<Attempt> {
        let failed = |error| unwritable(store.root(), error);
        let work = store.work(&job.key);
        // Whoever finishes the key first clears up behind the dead, and may take a folder just made for dead: then
        // it is made again.
        for _ in 0..100 {
            let folder = work.join(fresh_name());
            job.log = folder.join(LOG);
            let text = serde_json::to_vec(job).context("a job is text and numbers")?;
            let made = fs::create_dir_all(&folder).and_then(|()| write_locked(&folder.join(JOB), &text));
            match made {
                Ok(Some(alive)) => return Ok(Attempt { folder, _alive: alive }),
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
        anyhow::bail!("`{}` is removed again and again while it is made", work.display())
    }

    /// Joins the attempt that a job file belongs to; `None` where the file is not in a folder of the store.
    pub fn join(store: &Store, job_file: &Path, job: &Job) -> Result<Option<Attempt>> {
        let Some(folder) = job_file.parent().and_then(|folder| folder.canonicalize().ok()) else {
            return Ok(None);
        };
        if folder.parent() != Some(&store.work(&job.key)) {
            return Ok(None);
        }
        let alive = File::open(job_file).with_context(|| format!("cannot open `{}`", job_file.display()))?;
        alive.lock_shared().with_context(|| format!("cannot lock `{}`", job_file.display()))?;
        Ok(Some(Attempt { folder, _alive: alive }))
    }

    pub fn job_file(&self) -> PathBuf {
        self.folder.join(JOB)
    }
}

/// The folder of an attempt that no process is at any more. While this value lives none can come to be: who is about to
/// lock the job file that it just made waits, and then finds it removed or still its own.
#[derive(Debug)]
pub struct Dead {
    pub folder: PathBuf,
    _held: Option<File>,
}

/// Attempts that no process is at any more, oldest first.
pub fn dead_attempts(work: &Path) -> Vec<Dead> {
    names_in(work).into_iter().filter_map(|name| dead(work.join(name))).collect()
}

fn dead(folder: PathBuf) -> Option<Dead> {
    match File::open(folder.join(JOB)) {
        Ok(job) if matches!(job.try_lock(), Err(TryLockError::WouldBlock)) => None,
        Ok(job) => Some(Dead { folder, _held: Some(job) }),
        // An empty one is about to get its job, or its maker died: then it is of no more use. One that holds
        // something else, and no job by now, is what an interrupted removal left.
        Err(_) => {
            let stays = fs::remove_dir(&folder).is_err() && folder.exists() && !folder.join(JOB).exists();
            stays.then_some(Dead { folder, _held: None })
        }
    }
}

/// Removes what dead attempts at a key left, and the key's folder when nothing is left in it.
pub fn clear(work: &Path) {
    clear_dead(work);
    let _ = fs::remove_dir(work);
}

/// Removes what dead attempts at a key left. The key's folder stays: ext4 looks at every folder lately removed whenever
/// it makes another, so that empty ones are removed together when a launch ends.
pub fn clear_dead(work: &Path) {
    for attempt in dead_attempts(work) {
        let _ = fs::remove_dir_all(&attempt.folder);
    }
}

/// `None`: the file was removed before it was locked.
fn write_locked(path: &Path, text: &[u8]) -> std::io::Result<Option<File>> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.lock_shared()?;
    if file.metadata()?.nlink() == 0 {
        return Ok(None);
    }
    file.write_all(text)?;
    Ok(Some(file))
}

/// Sorts by time; unique on machines that share a store, as far as their clocks and process ids differ.
fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{nanos:016x}-{}-{count}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::super::work::tests::job;
    use super::*;

    #[test]
    fn an_attempt_is_dead_once_nobody_holds_it_and_then_it_can_be_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut job = job(&store, "one");
        let work = store.work(&job.key);
        let first = Attempt::create(&store, &mut job).unwrap();
        let second = Attempt::create(&store, &mut job).unwrap();
        assert!(dead_attempts(&work).is_empty());
        let joined = Attempt::join(&store, &first.job_file(), &job).unwrap().unwrap();
        drop(first);
        assert!(dead_attempts(&work).is_empty());
        let path = joined.folder.clone();
        drop(joined);
        let dead = dead_attempts(&work);
        assert_eq!(dead.iter().map(|attempt| &attempt.folder).collect::<Vec<_>>(), [&path]);
        drop(dead);
        clear(&work);
        assert!(second.folder.exists());
        drop(second);
        clear(&work);
        assert!(!work.exists());
    }

    #[test]
    fn who_locks_the_job_of_an_attempt_found_dead_waits_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (attempt, path) = (folder.path().join("one"), folder.path().join("one").join(JOB));
        fs::create_dir(&attempt).unwrap();
        let made = File::options().write(true).create_new(true).open(&path).unwrap();
        let dead = dead_attempts(folder.path());
        assert_eq!(dead.len(), 1);
        assert!(matches!(made.try_lock_shared(), Err(TryLockError::WouldBlock)));
        fs::remove_dir_all(&attempt).unwrap();
        drop(dead);
        made.lock_shared().unwrap();
        assert_eq!(made.metadata().unwrap().nlink(), 0);
    }
}
