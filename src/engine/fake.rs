//! For tests: graphs of made-up stages, and an executor that does them at once, without processes.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::attempt::Attempt;
use super::event::{Event, Listener, StageEvent};
use super::graph::Graph;
use super::history::History;
use super::job::Job;
use super::options::{Options, Outcome};
use super::process::{Executor, Happening};
use super::schedule::run_with;
use super::stage::{Files, Input, Needs, Program, Stage, StageId};
use super::store::Store;
use super::task::Task;
use super::work::{NoMeter, Work, carry_out};

/// A stage that writes `out` from its parameter `says` and what it reads; see [`write`].
pub fn stage(label: &str, says: impl Into<Value>, reads: &[StageId]) -> Stage {
    let input = |from: &StageId| Input { role: format!("in.{from}"), from: *from, files: Files::All };
    Stage {
        kind: "fake",
        label: label.to_string(),
        name: label.to_string(),
        axes: BTreeMap::new(),
        parts: BTreeMap::from([("fake".to_string(), 1)]),
        parameters: json!({ "says": says.into() }),
        inputs: reads.iter().map(input).collect(),
        sources: Vec::new(),
        passes_on: None,
        environment: Value::Null,
        program: Program::Own,
        needs: Needs { threads: 1, cuda: false },
        provenance: BTreeMap::new(),
    }
}

/// What a fake stage does: an answer from the parameter (`fail…` fails, `same…` always says the same), then the
/// bytes of every input.
pub fn write(task: &Task) -> Result<()> {
    let says = task.job.pre_image["parameters"]["says"].clone();
    let says = says.as_str().map_or_else(|| says.to_string(), str::to_string);
    anyhow::ensure!(!says.starts_with("fail"), "told to fail");
    if says.starts_with("same") {
        return Ok(std::fs::write(task.content("out"), "same")?);
    }
    let mut out = says.into_bytes();
    for input in task.job.inputs.values() {
        for (name, file) in &input.files {
            out.extend(format!("({name}: ").bytes());
            out.extend(std::fs::read(&file.path)?);
            out.push(b')');
        }
    }
    // Chains would double what they write at every link.
    out.truncate(1000);
    Ok(std::fs::write(task.content("out"), out)?)
}

/// Does each stage as it is started and tells of it afterwards.
#[derive(Default)]
pub struct AtOnce {
    heard: VecDeque<(StageId, Happening)>,
    /// The labels of stages in the order in which they were started.
    pub started: Vec<String>,
    /// How many attempts fail before any succeeds.
    pub failures_left: usize,
}

impl Executor for AtOnce {
    fn start(&mut self, id: StageId, _program: Program, job: &Job, attempt: &Attempt) -> Result<()> {
        self.started.push(job.label.clone());
        let fails = self.failures_left > 0;
        self.failures_left = self.failures_left.saturating_sub(1);
        let does = |task: &Task| if fails { anyhow::bail!("a passing failure") } else { write(task) };
        let work = Work { does: &does, meter: &NoMeter };
        let ending =
            carry_out(job.clone(), &attempt.job_file(), work, &Arc::default(), &(Rc::new(|_: &_| ()) as _));
        let how = matches!(ending, StageEvent::Failed { .. }).then(|| "ended with exit code 1".to_string());
        self.heard.extend([(id, Happening::Said(ending)), (id, Happening::Ended(how))]);
        Ok(())
    }

    fn next(&mut self, _wait: Duration) -> Option<(StageId, Happening)> {
        self.heard.pop_front()
    }

    fn stop(&mut self) {}
    fn kill(&mut self) {}
    fn expect_workers(&mut self, _ahead: bool) {}
}

/// Keeps what it hears.
#[derive(Default)]
pub struct Heard(pub Vec<Event>);

impl Listener for Heard {
    fn hear(&mut self, event: &Event) {
        self.0.push(event.clone());
    }
}

/// What a launch left behind.
pub struct Launched {
    pub outcome: Outcome,
    pub started: Vec<String>,
    pub events: Vec<Event>,
}

pub fn options() -> Options {
    let mut options = Options::new("test", std::env::temp_dir()).unwrap();
    (options.jobs, options.threads) = (2, 2);
    options
}

/// Runs the graph in the store at `root`, as a launch of its own.
pub fn launch(root: &Path, stages: &[Stage], change: impl FnOnce(&mut Options, &mut AtOnce)) -> Launched {
    let store = Store::open(root).unwrap();
    let graph = Graph { stages: stages.to_vec() };
    let (mut options, mut executor, mut heard) = (options(), AtOnce::default(), Heard::default());
    change(&mut options, &mut executor);
    let mut history = History::open(&store, "test");
    let outcome = run_with(&graph, &store, &mut history, &options, &mut [&mut heard], &mut executor).unwrap();
    Launched { outcome, started: executor.started, events: heard.0 }
}

/// [`launch`] as it comes.
pub fn run_all(root: &Path, stages: &[Stage]) -> Launched {
    launch(root, stages, |_, _| ())
}
