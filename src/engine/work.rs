//! What a stage's process does with its job: locks the key, does the work, commits the artifact. Knows no kind of stage.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, anyhow, bail};
use serde_json::Value;

use super::attempt::{Attempt, CHECKPOINTS, Dead, clear_dead, dead_attempts};
use super::devices;
use super::digest::FileDigest;
use super::draft::{Draft, remove_from};
use super::event::StageEvent;
use super::job::Job;
use super::key::short;
use super::lock::{self, Mode};
use super::machine;
use super::meter::{Clock, Meter, SoFar, Spent, spent_by};
use super::receipt::{Receipt, content_digest};
use super::store::{Look, Store, is_full, unwritable};
use super::task::{Stopped, Task};
use super::tree::read_manifest;

pub use super::child::perform;
pub use super::meter::NoMeter;
pub use super::shell::run_program;

/// What the meter read over time, beside the artifact.
const TRACE: &str = "power.csv";

/// Does the work of one kind of stage.
pub type Does<'a> = &'a dyn Fn(&Task) -> Result<()>;

/// What a program brings to a stage.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    pub does: Does<'a>,
    pub meter: &'a dyn Meter,
}

/// Tells the engine.
pub type Tell = Rc<dyn Fn(&StageEvent)>;

/// Does a job from lock to commit and says how it ended: [`StageEvent::Committed`], `Stopped` or `Failed`.
pub fn carry_out(job: Job, job_file: &Path, work: Work, stop: &Arc<AtomicBool>, tell: &Tell) -> StageEvent {
    let store = job.store.clone();
    match attempt(job, job_file, work, stop, tell) {
        Ok(ending) => ending,
        Err(error) => match error.downcast_ref::<Stopped>() {
            Some(stopped) => StageEvent::Stopped { saved_at: stopped.saved_at },
            None => StageEvent::Failed { message: message(&error, &store) },
        },
    }
}

fn attempt(job: Job, job_file: &Path, work: Work, stop: &Arc<AtomicBool>, tell: &Tell) -> Result<StageEvent> {
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
    let (checkpoints, before) = adopt(&store, &alive.folder, &job.key).map_err(full)?;
    let draft = Draft::create(&alive.folder).map_err(full)?;
    let so_far = SoFar::after(&before.spent);
    let task = Task::new(job, draft.path.clone(), checkpoints, stop.clone(), {
        let tell = tell.clone();
        Box::new(move |event| tell(event))
    });
    let task = task.metered_by(so_far.clone());
    match carry_through(&task, &draft, work, (before, &so_far)) {
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
fn carry_through(
    task: &Task,
    draft: &Draft,
    work: Work,
    (before, so_far): (Before, &SoFar),
) -> Result<Receipt> {
    let clock = Clock::start(&draft.path);
    let metering = work.meter.begin(&task.job, &task.measured(TRACE), so_far.hearing(clock.keeper()));
    let files = catch_unwind(AssertUnwindSafe(|| (work.does)(task)))
        .unwrap_or_else(|panic| Err(panicked(&*panic)))
        .and_then(|()| check_sources(&task.job))
        .and_then(|()| draft.seal(&task.known_digests()));
    let mut spent = clock.stop();
    spent.energy = metering.end(&spent);
    match files {
        Ok(files) => Ok(receipt(task, files, work.meter, spent, before)),
        Err(error) => {
            clock.keep(&spent);
            Err(error)
        }
    }
}

fn receipt(
    task: &Task,
    files: BTreeMap<String, FileDigest>,
    meter: &dyn Meter,
    last: Spent,
    before: Before,
) -> Receipt {
    let Job { key, kind, label, pre_image, threads, device, .. } = &task.job;
    let mut provenance = task.job.provenance.clone();
    let jobs = provenance.remove("jobs").as_ref().and_then(Value::as_u64).unwrap_or(1);
    provenance.extend(machine::facts());
    provenance.extend(task.noted());
    provenance.insert("version".into(), task.job.version.clone().into());
    let all = || before.spent.iter().chain([&last]);
    Receipt {
        key: key.clone(),
        kind: kind.clone(),
        label: label.clone(),
        pre_image: pre_image.clone(),
        digest: content_digest(&files),
        files,
        provenance,
        started_at: last.started_at.clone(),
        took_secs: all().map(|spent| spent.took_secs).sum(),
        cpu_secs: all().map(|spent| spent.cpu_secs).sum(),
        energy: meter.sum(all().map(|spent| spent.energy.clone()).collect()),
        attempts: before.attempts + 1,
        threads: *threads,
        device: device.clone(),
        jobs: usize::try_from(jobs).unwrap_or(1),
        earlier: before.spent,
    }
}

/// What attempts at the key came to before this one.
struct Before {
    attempts: u32,
    spent: Vec<Spent>,
}

/// Takes over the latest checkpoints that a dead attempt left, clears away drafts, and counts the attempts.
fn adopt(store: &Store, own: &Path, key: &str) -> io::Result<(PathBuf, Before)> {
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
    let attempts = u32::try_from(dead.len()).unwrap_or(u32::MAX - 1);
    Ok((checkpoints, Before { attempts, spent: spent_by(&dead) }))
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
