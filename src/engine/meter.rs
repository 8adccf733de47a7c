//! What attempts at a stage use besides time, kept so that one that is killed still counts. Knows no joule: a program
//! brings its own meter.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attempt::Dead;
use super::job::Job;
use super::key::short;
use super::machine;
use super::receipt::rfc3339;
use super::store::{Store, names_in};

/// What an attempt that is no artifact yet has used so far, in its folder.
pub const SPENT: &str = "spent.json";

/// What one attempt used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// UTC, RFC 3339: sorts as text.
    pub started_at: String,
    pub took_secs: f64,
    /// Processor time of the stage's process, from its start, and of those that it started.
    pub cpu_secs: f64,
    /// What the meter read; `null` where there was none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub energy: Value,
}

/// Meters what a stage's process uses. What it says is kept as it is.
pub trait Meter {
    /// Begins, in the stage's process. `trace` is where readings over time may be written; `keep` is to be told every
    /// few seconds how much it is so far.
    fn begin(&self, job: &Job, trace: &Path, keep: Keep) -> Box<dyn Metering>;

    /// What several attempts at one stage drew together.
    fn sum(&self, attempts: Vec<Value>) -> Value;
}

/// A meter that runs.
pub trait Metering {
    /// Reads for the last time; `used` is what the attempt took.
    fn end(self: Box<Self>, used: &Spent) -> Value;
}

/// Takes what the meter has read so far.
pub type Keep = Box<dyn Fn(Value) + Send>;

/// What a stage's attempts have drawn so far, told to its own process by the meter's thread.
#[derive(Clone, Default)]
pub struct SoFar {
    before: Vec<Value>,
    now: Arc<Mutex<Value>>,
}

impl SoFar {
    /// After attempts that came to nothing.
    pub fn after(attempts: &[Spent]) -> SoFar {
        SoFar { before: attempts.iter().map(|spent| spent.energy.clone()).collect(), now: Arc::default() }
    }

    /// Hears what `keep` is told.
    pub fn hearing(&self, keep: Keep) -> Keep {
        let now = self.now.clone();
        Box::new(move |energy: Value| {
            *now.lock().unwrap_or_else(PoisonError::into_inner) = energy.clone();
            keep(energy);
        })
    }

    /// Of each attempt, this one last; of one that the meter has said nothing of yet, nothing.
    pub fn told(&self) -> Vec<Value> {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.before.iter().cloned().chain([now]).filter(|energy| !energy.is_null()).collect()
    }
}

/// Reads nothing.
pub struct NoMeter;

impl Meter for NoMeter {
    fn begin(&self, _job: &Job, _trace: &Path, _keep: Keep) -> Box<dyn Metering> {
        Box::new(NoMeter)
    }

    fn sum(&self, _attempts: Vec<Value>) -> Value {
        Value::Null
    }
}

impl Metering for NoMeter {
    fn end(self: Box<Self>, _used: &Spent) -> Value {
        Value::Null
    }
}

/// Processor seconds of this process that some attempt was charged for.
static CHARGED: Mutex<f64> = Mutex::new(0.0);

/// The clock of one attempt. Of processor time it counts all that no attempt before it in this process was charged for,
/// so that the start of the process belongs to its first stage: libtorch takes a quarter of a second to load.
#[derive(Clone)]
pub struct Clock {
    started: SystemTime,
    began: Instant,
    cpu: f64,
    file: PathBuf,
}

impl Clock {
    /// Starts; `attempt` is the attempt's folder.
    pub fn start(attempt: &Path) -> Clock {
        let file = attempt.join(SPENT);
        let cpu = *CHARGED.lock().unwrap_or_else(PoisonError::into_inner);
        Clock { started: SystemTime::now(), began: Instant::now(), cpu, file }
    }

    /// What was used until now.
    pub fn spent(&self) -> Spent {
        Spent {
            started_at: rfc3339(self.started),
            took_secs: self.began.elapsed().as_secs_f64(),
            cpu_secs: (machine::cpu_secs() - self.cpu).max(0.0),
            energy: Value::Null,
        }
    }

    /// What was used in all; what is used from now on is the next attempt's.
    pub fn stop(&self) -> Spent {
        let spent = self.spent();
        *CHARGED.lock().unwrap_or_else(PoisonError::into_inner) = self.cpu + spent.cpu_secs;
        spent
    }

    /// Puts down what was used, in case nobody gets to say more.
    pub fn keep(&self, spent: &Spent) {
        let mut text = serde_json::to_vec(spent).unwrap_or_default();
        // One write over what was there, padded so that nothing longer shows below it: no kill leaves half of it, and
        // no other file has to go.
        text.resize(text.len().next_multiple_of(4096), b' ');
        let written = File::options().create(true).truncate(false).write(true).open(&self.file);
        // On a full disk an attempt that is killed is not counted; the stage itself will say what is wrong.
        let _ = written.and_then(|file| file.write_all_at(&text, 0));
    }

    /// [`keep`](Self::keep) for the meter to call.
    pub fn keeper(&self) -> Keep {
        let clock = self.clone();
        Box::new(move |energy| clock.keep(&Spent { energy, ..clock.spent() }))
    }
}

/// What attempts that came to nothing used, oldest first; one that was killed before it put anything down is left out.
pub fn spent_by(dead: &[Dead]) -> Vec<Spent> {
    dead.iter().filter_map(|attempt| read(&attempt.folder)).collect()
}

/// What attempts at a key used that have not led to an artifact yet.
pub fn spent_at(store: &Store, key: &str) -> Vec<Spent> {
    let work = store.root().join("work").join(short(key));
    names_in(&work).into_iter().filter_map(|name| read(&work.join(name))).collect()
}

fn read(attempt: &Path) -> Option<Spent> {
    serde_json::from_slice(&fs::read(attempt.join(SPENT)).ok()?).ok()
}
