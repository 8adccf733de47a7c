//! The record of one invocation of `pipeline run`: which stages there were, what became of each, and which runs they
//! make. Everything that is shown later starts here; artifacts are named by kind and key.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::drawn::{Drawn, Terms};
use crate::energy::Joules;
use crate::recipe::Published;

/// Raised when a field changes its meaning; what an older program wrote stays readable.
pub const VERSION: u32 = 1;

/// The file of a launch's folder that holds it.
pub const FILE: &str = "launch.json";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    pub version: u32,
    /// Name of the experiment: the stem of its file.
    pub experiment: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// Name of the launch and of its folder: `20260314-092653`.
    pub launch: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Version of the program.
    pub pipeline: String,
    pub command_line: Vec<String>,
    /// Names of the matrix's axes, in the order of the experiment.
    pub axes: Vec<String>,
    /// The axes that tables average over, outermost first: the last one is averaged first.
    pub replicates: Vec<String>,
    /// What a paper reports of the same setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
    /// What its figures of energy, money and CO2 rest on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<Terms>,
    /// In an order in which inputs come first.
    pub stages: Vec<StageRecord>,
    pub runs: Vec<Run>,
}

/// What became of one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// The name it has in the experiment: `net`.
    pub name: String,
    /// With its axes: `net[arm=full, seed=0]`.
    pub label: String,
    pub kind: String,
    /// The axis values that it reads, directly or through its inputs.
    pub axes: BTreeMap<String, String>,
    /// 64 hex digits; none where an input never came to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    pub inputs: Vec<InputRecord>,
    pub state: State,
    /// Why it was not cached, or what failed, as a person reads it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Seconds that this launch spent on it; 0 when it was cached.
    pub spent_secs: f64,
    /// Joules that this launch spent on it, finished or not; 0 when it was cached, `None` where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent_joules: Option<Joules>,
    /// What making it took, whenever that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
    /// What is known without making it: the data set, whether a stand-in served.
    pub provenance: BTreeMap<String, Value>,
}

/// The cost of an artifact, as its receipt says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// Wall seconds.
    pub took_secs: f64,
    /// Processor seconds, over all threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_secs: Option<f64>,
    /// Size of `content/`, hard links included.
    pub bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn: Option<Drawn>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRecord {
    pub role: String,
    /// Index into [`Launch::stages`].
    pub stage: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was there already.
    Cached,
    Ran,
    Failed,
    /// Not started, because an input failed.
    Blocked,
    Stopped,
    /// Not come to yet.
    Waiting,
}

impl State {
    /// Whether the artifact exists.
    pub fn is_done(self) -> bool {
        matches!(self, State::Cached | State::Ran)
    }

    pub fn name(self) -> &'static str {
        match self {
            State::Cached => "cached",
            State::Ran => "ran",
            State::Failed => "failed",
            State::Blocked => "blocked",
            State::Stopped => "stopped",
            State::Waiting => "waiting",
        }
    }
}

/// One combination of the matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Values of the axes that its stages read.
    pub axes: BTreeMap<String, String>,
    /// Index into [`Launch::stages`] of the scores.
    pub evaluate: usize,
}

impl Launch {
    /// Reads `launch.json` in `folder`.
    pub fn read(folder: &Path) -> Result<Launch> {
        let path = folder.join(FILE);
        let bytes = std::fs::read(&path).with_context(|| format!("no launch at `{}`", folder.display()))?;
        let launch = Launch::parse(&bytes);
        launch.with_context(|| format!("`{}` cannot be read", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Launch> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } = serde_json::from_slice(bytes)?;
        if version > VERSION {
            bail!("it was written by a newer `pipeline` (format {version}; this one reads {VERSION})");
        }
        let launch: Launch = serde_json::from_slice(bytes)?;
        let inputs = launch.stages.iter().flat_map(|stage| stage.inputs.iter().map(|input| input.stage));
        let known = launch.stages.len();
        if inputs.chain(launch.runs.iter().map(|run| run.evaluate)).any(|stage| stage >= known) {
            bail!("it names a stage that it does not list");
        }
        Ok(launch)
    }

    /// Writes `launch.json` in `folder`, whole or not at all, so that it may be read while a launch goes on.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        let draft = folder.join(format!(".{FILE}.{}", std::process::id()));
        let written = std::fs::write(&draft, serde_json::to_vec(self)?);
        let renamed = written.and_then(|()| std::fs::rename(&draft, &path));
        renamed.with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// The stage and everything below it, each once.
    pub fn lineage(&self, stage: usize) -> BTreeSet<usize> {
        self.lineage_within(stage, &|_| true)
    }

    /// The stage and what is below it by way of stages that `wanted` wants, each once.
    pub fn lineage_within(&self, stage: usize, wanted: &dyn Fn(usize) -> bool) -> BTreeSet<usize> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![stage]);
        while let Some(next) = open.pop() {
            if wanted(next) && seen.insert(next) {
                open.extend(self.stages[next].inputs.iter().map(|input| input.stage));
            }
        }
        seen
    }

    /// The stage that `stage` reads in `role`.
    pub fn input(&self, stage: usize, role: &str) -> Option<usize> {
        self.stages[stage].inputs.iter().find(|input| input.role == role).map(|input| input.stage)
    }

    /// Data sets that `stage` rests on: `birds`, or `sketch-birds standing in for birds`.
    pub fn dataset(&self, stage: usize) -> String {
        let stages = self.lineage(stage);
        let names: BTreeSet<String> =
            stages.iter().filter_map(|stage| self.stages[*stage].dataset()).collect();
        names.into_iter().collect::<Vec<_>>().join(" + ")
    }

    /// Whether `stage` rests on weights that were made elsewhere.
    pub fn rests_on_upstream(&self, stage: usize) -> bool {
        let upstream = |stage: &usize| self.stages[*stage].provenance.contains_key("upstream_energy");
        self.lineage(stage).iter().any(upstream)
    }

    /// Axes that are no replicates, in order.
    pub fn group_axes(&self) -> impl Iterator<Item = &String> {
        self.axes.iter().filter(|axis| !self.replicates.contains(axis))
    }
}

impl StageRecord {
    /// The data set that it reads itself.
    pub fn dataset(&self) -> Option<String> {
        let name = self.provenance.get("dataset")?.as_str()?;
        let stand_in = self.provenance.get("stand_in").and_then(Value::as_str);
        Some(stand_in.map_or(name.to_string(), |other| format!("{other} standing in for {name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn a_launch_is_read_back_as_it_was_written() {
        let fixture = Fixture::birds();
        let folder = tempfile::tempdir().unwrap();
        fixture.launch.write(folder.path()).unwrap();
        assert_eq!(Launch::read(folder.path()).unwrap(), fixture.launch);
        let names: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["launch.json"]);
    }

    #[test]
    fn a_launch_of_a_newer_format_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), r#"{"version": 2, "other": "fields"}"#).unwrap();
        let message = format!("{:#}", Launch::read(folder.path()).unwrap_err());
        assert!(message.contains("newer `pipeline` (format 2; this one reads 1)"), "{message}");
    }

    #[test]
    fn a_launch_that_names_unknown_stages_is_refused() {
        let mut launch = Fixture::birds().launch;
        launch.runs[0].evaluate = 1000;
        let bytes = serde_json::to_vec(&launch).unwrap();
        assert!(Launch::parse(&bytes).is_err());
    }

    #[test]
    fn a_stand_in_is_named_with_what_it_stands_in_for() {
        let launch = Fixture::birds().launch;
        assert_eq!(launch.dataset(launch.runs[0].evaluate), "sketch-birds standing in for birds");
    }
}
