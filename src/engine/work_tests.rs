//! Tests of `work.rs`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use tempfile::TempDir;

use super::*;
use crate::engine::attempt::JOB;
use crate::engine::meter::{Keep, Metering, SPENT, spent_at};
use crate::engine::receipt::RECEIPT;
use crate::engine::store::names_in;

/// A job of a made-up kind whose key is that of `name`.
pub fn job(store: &Store, name: &str) -> Job {
    Job {
        protocol: crate::engine::PROTOCOL,
        version: env!("CARGO_PKG_VERSION").into(),
        kind: "fake".into(),
        label: name.into(),
        key: crate::engine::key::sha256_hex(name.as_bytes()),
        pre_image: serde_json::json!({ "parameters": { "name": name } }),
        inputs: BTreeMap::new(),
        sources: BTreeMap::new(),
        store: store.root().to_path_buf(),
        root: store.root().to_path_buf(),
        threads: 1,
        device: crate::engine::Device::Cpu,
        provenance: BTreeMap::from([("jobs".to_string(), Value::from(3))]),
        metering: serde_json::Value::Null,
        log: PathBuf::new(),
    }
}

/// Draws one for each attempt, and says two while it works.
struct Ticks;

impl Meter for Ticks {
    fn begin(&self, _job: &Job, _trace: &Path, keep: Keep) -> Box<dyn Metering> {
        keep(Value::from(2));
        Box::new(Ticks)
    }

    fn sum(&self, attempts: Vec<Value>) -> Value {
        attempts.iter().map(|value| value.as_u64().unwrap()).sum::<u64>().into()
    }
}

impl Metering for Ticks {
    fn end(self: Box<Self>, _used: &Spent) -> Value {
        Value::from(1)
    }
}

struct Bench {
    _folder: TempDir,
    store: Store,
    stop: Arc<AtomicBool>,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Bench { _folder: folder, store, stop: Arc::default() }
    }

    fn run(&self, does: Does) -> StageEvent {
        let mut job = job(&self.store, "one");
        let attempt = Attempt::create(&self.store, &mut job).unwrap();
        std::fs::write(&job.log, "a line\n").unwrap();
        let work = Work { does, meter: &Ticks };
        carry_out(job, &attempt.folder.join(JOB), work, &self.stop, &(Rc::new(|_: &StageEvent| ()) as Tell))
    }

    fn key(&self) -> String {
        job(&self.store, "one").key
    }

    fn message(&self, does: Does) -> String {
        match self.run(does) {
            StageEvent::Failed { message } => message,
            other => panic!("{other:?}"),
        }
    }
}

fn write(task: &Task) -> Result<()> {
    fs::create_dir_all(task.content("deep"))?;
    fs::write(task.content("deep/b.txt"), "b")?;
    fs::write(task.content("a.txt"), "a")?;
    fs::write(task.measured("seconds.txt"), format!("{:?}", Instant::now()))?;
    task.warn("a little dusty");
    Ok(())
}

#[test]
fn what_a_stage_wrote_becomes_a_read_only_artifact_with_its_receipt_and_log() {
    let bench = Bench::new();
    assert!(matches!(bench.run(&write), StageEvent::Committed { found: false, .. }));
    let artifact = bench.store.find("fake", &bench.key()).unwrap();
    assert_eq!(artifact.receipt.files.keys().collect::<Vec<_>>(), ["a.txt", "deep/b.txt"]);
    assert_eq!(fs::read_to_string(artifact.content("deep/b.txt")).unwrap(), "b");
    assert_eq!(fs::metadata(artifact.content("a.txt")).unwrap().permissions().mode() & 0o777, 0o444);
    assert_eq!(fs::read_to_string(artifact.measured("log")).unwrap(), "a line\n");
    assert_eq!(artifact.receipt.warnings().collect::<Vec<_>>(), ["a little dusty"]);
    assert_eq!((artifact.receipt.attempts, artifact.receipt.jobs), (1, 3));
    assert_eq!(artifact.receipt.parameter("name").unwrap(), "one");
    assert!(names_in(&bench.store.work(&bench.key())).is_empty());
}

#[test]
fn an_artifact_that_is_there_is_found_and_not_made_again() {
    let bench = Bench::new();
    bench.run(&write);
    let again = bench.run(&|_| panic!("there is nothing to do"));
    assert!(matches!(again, StageEvent::Committed { found: true, .. }));
}

#[test]
fn the_digest_tells_content_and_nothing_of_when_and_where() {
    let (one, other) = (Bench::new(), Bench::new());
    one.run(&write);
    other.run(&write);
    let digest = |bench: &Bench| bench.store.find("fake", &bench.key()).unwrap().receipt.digest;
    assert_eq!(digest(&one), digest(&other));
}

#[test]
fn a_failure_leaves_its_job_and_log_and_no_draft() {
    let bench = Bench::new();
    let message = bench.message(&|task| {
        write(task)?;
        bail!("the birds have flown")
    });
    assert_eq!(message, "the birds have flown");
    assert!(bench.store.find("fake", &bench.key()).is_none());
    let [attempt] = dead_attempts(&bench.store.work(&bench.key())).try_into().unwrap();
    let attempt = &attempt.folder;
    assert!(attempt.join(JOB).exists() && attempt.join("log").exists() && !attempt.join("content").exists());
}

#[test]
fn a_panic_is_a_failure_with_its_message() {
    let bench = Bench::new();
    let message = bench.message(&|_| panic!("index {} out of range", 3));
    assert!(message.starts_with("panicked: index 3 out of range"), "{message}");
}

#[test]
fn a_stage_that_writes_nothing_or_something_else_than_files_fails() {
    let bench = Bench::new();
    assert!(bench.message(&|_| Ok(())).contains("nothing was written"));
    let link = |task: &Task| Ok(std::os::unix::fs::symlink("/etc/hostname", task.content("link"))?);
    assert!(bench.message(&link).contains("`link`, which is no file"));
}

#[test]
fn a_full_disk_says_what_to_do() {
    let bench = Bench::new();
    let message = bench.message(&|_| Err(io::Error::from(io::ErrorKind::StorageFull).into()));
    assert!(message.contains("no space left on") && message.contains("`pipeline gc`"), "{message}");
}

#[test]
fn a_stopped_stage_leaves_checkpoints_that_the_next_attempt_finds() {
    let bench = Bench::new();
    let stopped = bench.run(&|task| {
        fs::write(task.checkpoints().join("step"), "7")?;
        Err(Stopped { saved_at: Some(7) }.into())
    });
    assert_eq!(stopped, StageEvent::Stopped { saved_at: Some(7) });
    let resumed = bench.run(&|task| {
        assert_eq!(fs::read_to_string(task.checkpoints().join("step"))?, "7");
        write(task)
    });
    assert!(matches!(resumed, StageEvent::Committed { .. }), "{resumed:?}");
    assert_eq!(bench.store.find("fake", &bench.key()).unwrap().receipt.attempts, 2);
    assert!(names_in(&bench.store.work(&bench.key())).is_empty());
}

#[test]
fn what_attempts_used_adds_up_whether_they_failed_were_stopped_or_killed() {
    let bench = Bench::new();
    bench.message(&|_| bail!("the birds have flown"));
    bench.run(&|_| Err(Stopped { saved_at: None }.into()));
    let [failed, stopped] = spent_at(&bench.store, &bench.key()).try_into().unwrap();
    assert!(failed.started_at <= stopped.started_at && failed.energy == 1 && stopped.energy == 1);
    // A killed one got to say what it was at last, and no more.
    let mut lost = job(&bench.store, "one");
    let killed = Attempt::create(&bench.store, &mut lost).unwrap().folder;
    let last_words = Spent { took_secs: 100.0, cpu_secs: 50.0, energy: 2.into(), ..Spent::default() };
    fs::write(killed.join(SPENT), serde_json::to_vec(&last_words).unwrap()).unwrap();
    bench.run(&write);
    let artifact = bench.store.find("fake", &bench.key()).unwrap();
    let receipt = &artifact.receipt;
    assert_eq!((receipt.attempts, receipt.earlier.len(), &receipt.energy), (4, 3, &Value::from(5)));
    assert!(receipt.took_secs > 100.0 && receipt.cpu_secs >= 50.0, "{receipt:?}");
    assert!(!bench.store.place("fake", &bench.key()).join(SPENT).exists());
    assert!(spent_at(&bench.store, &bench.key()).is_empty());
}

#[test]
fn a_damaged_artifact_is_set_aside_and_made_again() {
    let bench = Bench::new();
    bench.run(&write);
    let artifact = bench.store.find("fake", &bench.key()).unwrap();
    fs::remove_file(artifact.content("a.txt")).unwrap();
    assert!(bench.store.find("fake", &bench.key()).is_none());
    assert!(matches!(bench.run(&write), StageEvent::Committed { found: false, .. }));
    assert!(bench.store.find("fake", &bench.key()).is_some());
    let aside = bench.store.root().join("quarantine");
    assert_eq!(fs::read_dir(aside).unwrap().count(), 1);
}

#[test]
fn a_lost_race_for_the_key_ends_with_the_winners_artifact() {
    let bench = Bench::new();
    let lost = bench.run(&|task| {
        write(task)?;
        // Another process without regard for the lock, as on a file system that has none.
        let place = bench.store.place("fake", &task.job.key);
        fs::create_dir_all(place.join("content"))?;
        fs::write(place.join("content/a.txt"), "first")?;
        let files = BTreeMap::from([("a.txt".to_string(), crate::engine::digest_file(&place.join("content/a.txt"))?)]);
        let receipt = serde_json::json!({
            "key": task.job.key, "kind": "fake", "label": "one", "pre_image": null, "digest": content_digest(&files),
            "files": files, "provenance": {}, "started_at": "", "took_secs": 0.5, "cpu_secs": 0.0, "attempts": 1,
            "threads": 1, "device": "cpu", "jobs": 1,
        });
        Ok(fs::write(place.join(RECEIPT), receipt.to_string())?)
    });
    assert!(matches!(lost, StageEvent::Committed { found: true, .. }), "{lost:?}");
    let artifact = bench.store.find("fake", &bench.key()).unwrap();
    assert_eq!(fs::read_to_string(artifact.content("a.txt")).unwrap(), "first");
}
