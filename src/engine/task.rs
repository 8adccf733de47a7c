//! A stage's view of its own process: what it may read, where it writes, whom it tells. Knows no kind of stage.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::digest::{FileDigest, Identity};
use super::event::StageEvent;
use super::job::{Job, JobSource};
use super::meter::SoFar;
use super::taken;

/// The work ended because it was asked to; what can be resumed is saved.
#[derive(Debug, thiserror::Error)]
#[error("stopped as asked")]
pub struct Stopped {
    /// The step to resume from, where something was saved.
    pub saved_at: Option<u64>,
}

/// Everything a stage's work touches.
pub struct Task {
    pub job: Job,
    /// The private draft; `content/` and `measured/` are in it.
    draft: PathBuf,
    /// Where checkpoints live between attempts at the same key.
    checkpoints: PathBuf,
    stop: Arc<AtomicBool>,
    tell: Box<dyn Fn(&StageEvent)>,
    facts: RefCell<BTreeMap<String, Value>>,
    digested: RefCell<Digested>,
    metered: SoFar,
}

/// Files of a draft whose digests were made while they were written, as they were then.
pub type Digested = BTreeMap<PathBuf, (Identity, FileDigest)>;

impl Task {
    /// Folders `content` and `measured` in `draft` must exist; `checkpoints` is made when it is asked for.
    pub fn new(
        job: Job,
        draft: PathBuf,
        checkpoints: PathBuf,
        stop: Arc<AtomicBool>,
        tell: Box<dyn Fn(&StageEvent)>,
    ) -> Task {
        let (facts, digested, metered) = Default::default();
        Task { job, draft, checkpoints, stop, tell, facts, digested, metered }
    }

    /// With what the meter says while the work goes on.
    pub fn metered_by(self, metered: SoFar) -> Task {
        Task { metered, ..self }
    }

    /// What each attempt has drawn, this one last, as the meter last said it: about once a second.
    pub fn drawn_so_far(&self) -> Vec<Value> {
        self.metered.told()
    }

    /// The stage's parameters; fields that name stages hold what a person calls those stages, and those that an input
    /// decides what it decided.
    pub fn parameters<T: DeserializeOwned>(&self) -> Result<T> {
        let mut parameters = self.job.pre_image["parameters"].clone();
        let fields = parameters.as_object_mut().context("the job's parameters are no table")?;
        for (role, input) in self.job.inputs.iter().filter(|(role, _)| !role.contains('.')) {
            fields.entry(role.clone()).or_insert_with(|| Value::String(input.label.clone()));
        }
        taken::fill(&mut parameters, &|role, file| self.input(role, file))?;
        serde_json::from_value(parameters).context("the job's parameters do not fit this program's version")
    }

    /// A file of the input in `role`.
    pub fn input(&self, role: &str, file: &str) -> Result<&Path> {
        let input = self.job.inputs.get(role).with_context(|| format!("the job has no input `{role}`"))?;
        let found = input.files.get(file).map(|file| file.path.as_path());
        found.ok_or_else(|| anyhow!("`{}` holds no `{file}`", input.label))
    }

    /// What a person calls the input in `role`.
    pub fn input_label<'a>(&'a self, role: &'a str) -> &'a str {
        self.job.inputs.get(role).map_or(role, |input| &input.label)
    }

    pub fn source(&self, role: &str) -> Result<&JobSource> {
        self.job.sources.get(role).with_context(|| format!("the job has no source `{role}`"))
    }

    /// Where a file of the artifact is to be written.
    pub fn content(&self, name: &str) -> PathBuf {
        self.draft.join("content").join(name)
    }

    /// The digest of a file of the artifact, made of the very bytes that were written: the file, unless it is changed
    /// afterwards, need not be read again.
    pub fn digested(&self, name: &str, digest: FileDigest) -> Result<()> {
        let path = self.content(name);
        let metadata = std::fs::metadata(&path);
        let metadata = metadata.with_context(|| format!("cannot read `{}`", path.display()))?;
        self.digested.borrow_mut().insert(path, (Identity::of(&metadata), digest));
        Ok(())
    }

    /// What [`digested`](Self::digested) was told.
    pub fn known_digests(&self) -> Digested {
        self.digested.borrow().clone()
    }

    /// Where a file is to be written that is kept beside the artifact, outside its digest: times, traces.
    pub fn measured(&self, name: &str) -> PathBuf {
        self.draft.join("measured").join(name)
    }

    /// A folder that the next attempt at the same key finds as this one leaves it.
    pub fn checkpoints(&self) -> &Path {
        // Most stages have no use for it. Where it cannot be made, writing to it will say why.
        let _ = std::fs::create_dir_all(&self.checkpoints);
        &self.checkpoints
    }

    /// Whether to save what can be resumed and return [`Stopped`]. Cheap: ask at every step.
    pub fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Work begins, or goes on at a step that a checkpoint brought back.
    pub fn started(&self, resumed_at: Option<u64>) {
        (self.tell)(&StageEvent::Started { pid: std::process::id(), resumed_at });
    }

    /// Tell often; what is too often is left out by whoever listens.
    pub fn progress(&self, done: u64, total: u64, unit: &str, figures: &[(&str, f64)]) {
        let figures = figures.iter().map(|(name, value)| (name.to_string(), *value)).collect();
        (self.tell)(&StageEvent::Progress { done, total, unit: unit.to_string(), figures });
    }

    /// Something a person should know, that is no failure; also kept in the receipt.
    pub fn warn(&self, message: impl Into<String>) {
        let message = message.into();
        let mut facts = self.facts.borrow_mut();
        let kept = facts.entry("warnings".into()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(kept) = kept {
            kept.push(Value::String(message.clone()));
        }
        (self.tell)(&StageEvent::Warning { message });
    }

    /// A fact for the receipt's provenance: versions, capability, seconds of a part. Never part of a digest.
    pub fn note(&self, name: &str, value: impl Into<Value>) {
        self.facts.borrow_mut().insert(name.to_string(), value.into());
    }

    /// What was noted so far.
    pub fn noted(&self) -> BTreeMap<String, Value> {
        self.facts.borrow().clone()
    }
}
