//! What a stage's process does with its job: locks the key, does the work, commits the artifact. Knows no kind of stage.

use std::any::Any;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use anyhow::{Result, anyhow, bail};
use serde_json::Value;

use super::attempt::{Attempt, CHECKPOINTS, Dead, clear_dead, dead_attempts};
use super::devices;
use super::draft::{Draft, remove_from};
use super::event::StageEvent;
use super::job::Job;
use super::key::short;
use super::lock::{self, Mode};
use super::machine;
use super::receipt::{Receipt, content_digest, rfc3339};
use super::store::{Look, Store, is_full, unwritable};
use super::task::{Stopped, Task};
use super::tree::read_manifest;

pub use super::child::perform;
pub use super::shell::run_program;

/// Does the work of one kind of stage.
pub type Does<'a> = &'a dyn Fn(&Task) -> Result<()>;

/// Tells the engine.
pub type Tell = Rc<dyn Fn(&StageEvent)>;

/// Does a job from lock to commit and says how it ended: [`StageEvent::Committed`], `Stopped` or `Failed`.
pub fn carry_out(job: Job, job_file: &Path, does: Does, stop: &Arc<AtomicBool>, tell: &Tell) -> StageEvent {
    let store = job.store.clone();
    match attempt(job, job_file, does, stop, tell) {
        Ok(ending) => ending,
        Err(error) => match error.downcast_ref::<Stopped>() {
            Some(stopped) => StageEvent::Stopped { saved_at: stopped.saved_at },
            None => StageEvent::Failed { message: message(&error, &store) },
        },
    }
}

fn attempt(job: Job, job_file: &Path, does: Does, stop: &Arc<AtomicBool>, tell: &Tell) -> Result<StageEvent> {
    let store = Store::open(&job.store)?;
    let alive = match Attempt::join(&store, job_file, &job)? {
        Some(attempt) => attempt,
        // Its log stays where the job file says: this process writes there already.
        None => Attempt::create(&store, &mut job.clone())?,
    };
    let Some(_held) = hold(&store, &job, stop, tell)? else {
        return Err(Stopped { saved_at: None }.into());
    };
    match store.look(&job.kind, &job.key) {
        Look::Whole(holding) => {
            tidy(&store, alive, &job.key);
            return Ok(StageEvent::Committed { found: true, took_secs: holding.took_secs });
        }
        Look::Damaged(how) => drop(store.quarantine(&job.kind, &job.key, &how)?),
        Look::Missing => {}
    }
    let full = |error: io::Error| unwritable(store.root(), error);
    let (checkpoints, attempts) = adopt(&store, &alive.folder, &job.key).map_err(full)?;
    let draft = Draft::create(&alive.folder).map_err(full)?;
    let task = Task::new(job, draft.path.clone(), checkpoints, stop.clone(), {
        let tell = tell.clone();
        Box::new(move |event| tell(event))
    });
    match work(&task, &draft, does, attempts) {
        Ok(receipt) => {
            let first = draft.commit(&store, &receipt)?;
            tidy(&store, alive, &receipt.key);
            Ok(StageEvent::Committed { found: !first, took_secs: receipt.took_secs })
        }
        Err(error) => {
            draft.remove();
            Err(error)
        }
    }
}

/// Takes the locks that keep others from doing the same work, or from clearing away what it reads: of the store,
/// which `gc` wants for itself, also from an orphan or a cluster job; of the key; of the GPU. `None`: stopped first.
fn hold(store: &Store, job: &Job, stop: &Arc<AtomicBool>, tell: &Tell) -> Result<Option<[Option<File>; 3]>> {
    let stopped = || stop.load(Ordering::Relaxed);
    let waits = || tell(&StageEvent::WaitsForOther);
    let launch = store.lock_file()?;
    let key = lock::open(&store.root().join("locks").join(format!("{}.lock", short(&job.key))))?;
    let held = lock::take(&launch, Mode::Shared, &stopped, &waits)?
        && lock::take(&key, Mode::Alone, &stopped, &waits)?;
    if !held {
        return Ok(None);
    }
    let device = devices::hold(&job.device, &stopped, &waits)?;
    Ok(device.map(|device| [Some(launch), Some(key), device]))
}

/// Does the work, seals the draft and writes what the receipt says.
fn work(task: &Task, draft: &Draft, does: Does, attempts: u32) -> Result<Receipt> {
    let (started, began, cpu) = (SystemTime::now(), Instant::now(), machine::cpu_secs());
    catch_unwind(AssertUnwindSafe(|| does(task))).unwrap_or_else(|panic| Err(panicked(&*panic)))?;
    check_sources(&task.job)?;
    let files = draft.seal()?;
    let Job { key, kind, label, pre_image, threads, device, .. } = &task.job;
    let mut provenance = task.job.provenance.clone();
    let jobs = provenance.remove("jobs").as_ref().and_then(Value::as_u64).unwrap_or(1);
    provenance.extend(machine::facts());
    provenance.extend(task.noted());
    provenance.insert("version".into(), task.job.version.clone().into());
    Ok(Receipt {
        key: key.clone(),
        kind: kind.clone(),
        label: label.clone(),
        pre_image: pre_image.clone(),
        digest: content_digest(&files),
        files,
        provenance,
        started_at: rfc3339(started),
        took_secs: began.elapsed().as_secs_f64(),
        cpu_secs: machine::cpu_secs() - cpu,
        attempts,
        threads: *threads,
        device: device.clone(),
        jobs: usize::try_from(jobs).unwrap_or(1),
    })
}

/// Takes over the latest checkpoints that a dead attempt left, clears away drafts, and counts the attempts.
fn adopt(store: &Store, own: &Path, key: &str) -> io::Result<(PathBuf, u32)> {
    let checkpoints = own.join(CHECKPOINTS);
    let mut dead = dead_attempts(&store.work(key));
    dead.retain(|attempt| attempt.folder != own);
    let mut adopted = checkpoints.exists();
    for Dead { folder, .. } in dead.iter().rev() {
        remove_from(folder);
        let left = folder.join(CHECKPOINTS);
        let empty = fs::read_dir(&left).map_or(true, |mut entries| entries.next().is_none());
        if adopted || empty {
            let _ = fs::remove_dir_all(&left);
        } else {
            fs::rename(&left, &checkpoints)?;
            adopted = true;
        }
    }
    Ok((checkpoints, u32::try_from(dead.len()).unwrap_or(u32::MAX).saturating_add(1)))
}

/// Removes this attempt and the dead ones: their key is done.
fn tidy(store: &Store, alive: Attempt, key: &str) {
    let folder = alive.folder.clone();
    let _ = fs::remove_dir_all(folder);
    drop(alive);
    clear_dead(&store.work(key));
}

/// A program that reads a file while it is edited makes an artifact that belongs to no key. Trees are checked file
/// by file by whoever reads them.
fn check_sources(job: &Job) -> Result<()> {
    for (role, source) in &job.sources {
        if !job.pre_image["sources"][role]["files"].is_null() {
            continue;
        }
        for entry in read_manifest(&source.manifest)? {
            let now = super::digest::digest_file(&source.root.join(&entry.path))?;
            if now.sha256 != entry.sha256 {
                bail!("`{role}` changed while the stage ran\nhint: run again");
            }
        }
    }
    Ok(())
}

fn panicked(panic: &(dyn Any + Send)) -> anyhow::Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    anyhow!("panicked: {text}\nhint: this is a bug; its log says where")
}

/// The error as a person is to read it; a full disk says what to do about it.
fn message(error: &anyhow::Error, store: &Path) -> String {
    let full = error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(is_full)
            || cause.to_string().contains("No space left on device")
    });
    let text = format!("{error:#}");
    if full && !text.contains("no space left on `") {
        let store = store.display();
        return format!("no space left on `{store}` ({text})\nhint: free some, or `pipeline gc`");
    }
    text
}

#[cfg(test)]
#[path = "work_tests.rs"]
pub mod tests;
