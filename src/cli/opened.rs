//! What verbs open before they work: the project, an experiment, the store, a stage of a launch.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::arguments::Chosen;
use super::failure::Failure;
use super::machine::{self, WorkerFacts, WorkerTrouble};
use crate::engine::{Artifact, Graph, Program, StageId, Store};
use crate::experiment::{self, Experiment, Problem};
use crate::recipe::{DeviceChoice, Machine, Project};
use crate::report::{Launch, results};

/// The project that a verb works in.
pub struct Opened {
    pub project: Project,
    /// Folder of `pipeline.toml`.
    pub root: PathBuf,
}

impl Opened {
    /// The nearest project upwards of the current folder.
    pub fn here() -> Result<Opened, Failure> {
        let start = std::env::current_dir()?;
        let (project, root) = experiment::load_project(&start, &[]).map_err(|problems| refused(&problems))?;
        Ok(Opened { project, root })
    }

    /// Folder of the store and the results.
    pub fn artifacts(&self) -> PathBuf {
        self.root.join(&self.project.artifacts)
    }

    pub fn results(&self) -> PathBuf {
        self.artifacts().join("results")
    }

    pub fn store(&self) -> Result<Store, Failure> {
        Ok(Store::open(&self.artifacts())?)
    }

    /// The launch that a person means, or the latest of any experiment where none is named.
    pub fn launch(&self, named: Option<&Path>) -> Result<Launch, Failure> {
        match named {
            Some(named) => results::find(&self.results(), &named.to_string_lossy()).map_err(Failure::usage),
            None => self.last_launch()?.ok_or_else(|| {
                Failure::usage("nothing was launched here yet\nhint: `pipeline run experiments/...toml`")
            }),
        }
    }

    fn last_launch(&self) -> Result<Option<Launch>, Failure> {
        let mut last: Option<Launch> = None;
        for name in results::experiments(&self.results()).unwrap_or_default() {
            let latest = results::latest(&self.results(), &name)?;
            let newer = |a: &Launch| last.as_ref().is_none_or(|b| a.started_at > b.started_at);
            if let Some(launch) = latest.filter(newer) {
                last = Some(launch);
            }
        }
        Ok(last)
    }

    /// The artifact whose key begins with `what`, or of the stage `what` of a launch.
    pub fn artifact(&self, store: &Store, what: &str, named: Option<&Path>) -> Result<Artifact, Failure> {
        let is_key = named.is_none() && what.len() >= 4 && what.rsplit('/').next().is_some_and(is_hex);
        if is_key {
            return store.artifact_by_prefix(what).map_err(Failure::usage);
        }
        let launch = self.launch(named)?;
        let stages = launch.stages.iter().map(|stage| (stage.name.as_str(), stage.label.as_str()));
        let chosen = one_of(stages, what).map_err(Failure::usage)?;
        let record = &launch.stages[chosen];
        let found = record.key.as_deref().and_then(|key| store.find(&record.kind, key));
        found.ok_or_else(|| {
            let message = format!("`{}` has no artifact: it is {}", record.label, record.state.name());
            Failure::usage(format!("{message}\nhint: `pipeline run experiments/{}.toml`", launch.experiment))
        })
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// An experiment with the machine it is settled against.
pub struct OpenedExperiment {
    pub opened: Opened,
    pub experiment: Experiment,
    worker: Result<WorkerFacts, WorkerTrouble>,
}

impl OpenedExperiment {
    /// Reads and checks an experiment; shows its warnings on stderr.
    pub fn new(chosen: &Chosen) -> Result<OpenedExperiment, Failure> {
        let worker = OnceCell::new();
        let machine =
            |device, torch_threads| settled(device, torch_threads, worker.get_or_init(machine::worker_facts));
        let experiment = experiment::load(&chosen.experiment, &chosen.sets, &machine);
        let experiment = experiment.map_err(|problems| refused(&problems))?;
        if !experiment.warnings.is_empty() {
            eprint(&experiment::render(&experiment.warnings, console::colors_enabled_stderr()));
        }
        let opened = Opened { project: experiment.project.clone(), root: experiment.root.clone() };
        let worker =
            worker.into_inner().unwrap_or_else(|| Err(WorkerTrouble::Missing(PathBuf::from("pipeline"))));
        Ok(OpenedExperiment { opened, experiment, worker })
    }

    /// Where a stage needs the worker, its facts; a worker that is missing then is a failure.
    pub fn worker(&self) -> Result<Option<&WorkerFacts>, Failure> {
        let needed = self.experiment.graph.stages.iter().any(|stage| stage.program == Program::Worker);
        match &self.worker {
            _ if !needed => Ok(None),
            Ok(facts) => Ok(Some(facts)),
            Err(trouble) => Err(Failure::environment(trouble)),
        }
    }

    /// The stages that a person names: every one of that name, or the one of that label.
    pub fn stages(&self, named: &[String]) -> Result<Vec<StageId>, Failure> {
        let mut ids = Vec::new();
        for name in named {
            ids.extend(several_of(pairs(&self.experiment.graph), name).map_err(Failure::usage)?);
        }
        Ok(ids)
    }
}

fn settled(
    device: DeviceChoice,
    torch_threads: usize,
    worker: &Result<WorkerFacts, WorkerTrouble>,
) -> anyhow::Result<Machine> {
    // An experiment without tensors needs no worker; one with them is refused before anything runs.
    let unknown = WorkerFacts::default();
    let facts = worker.as_ref().unwrap_or(&unknown);
    machine::settle(device, torch_threads, facts).map_err(anyhow::Error::msg)
}

/// A failure that shows what is wrong in a configuration.
pub fn refused(problems: &[Problem]) -> Failure {
    let text = experiment::render(problems, console::colors_enabled_stderr());
    Failure::new(Failure::CONFIGURATION, text.trim_end())
}

/// Text to stderr; what cannot be shown is no failure.
pub fn eprint(text: &str) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// (name, label) of every stage.
pub fn pairs(graph: &Graph) -> impl Iterator<Item = (&str, &str)> {
    graph.stages.iter().map(|stage| (stage.name.as_str(), stage.label.as_str()))
}

/// The stages called `what`: by label, else all of that name.
pub fn several_of<'a>(
    stages: impl Iterator<Item = (&'a str, &'a str)>,
    what: &str,
) -> Result<Vec<usize>, String> {
    let stages: Vec<(&str, &str)> = stages.collect();
    let plain = |text: &str| text.replace(' ', "");
    let by = |fits: &dyn Fn(&(&str, &str)) -> bool| -> Vec<usize> {
        stages.iter().enumerate().filter(|(_, stage)| fits(stage)).map(|(id, _)| id).collect()
    };
    let found = [by(&|(_, label)| plain(label) == plain(what)), by(&|(name, _)| *name == what)];
    if let Some(ids) = found.into_iter().find(|ids| !ids.is_empty()) {
        return Ok(ids);
    }
    let mut known: Vec<&str> = stages.iter().map(|(name, _)| *name).collect();
    known.sort_by(|a, b| {
        strsim::jaro_winkler(b, what).total_cmp(&strsim::jaro_winkler(a, what)).then(a.cmp(b))
    });
    known.dedup();
    known.truncate(5);
    Err(format!("no stage is called `{what}`\nhint: there is `{}`", known.join("`, `")))
}

/// The one stage called `what`; several of a name are told apart by label.
fn one_of<'a>(stages: impl Iterator<Item = (&'a str, &'a str)> + Clone, what: &str) -> Result<usize, String> {
    let ids = several_of(stages.clone(), what)?;
    if let [only] = ids.as_slice() {
        return Ok(*only);
    }
    let labels: Vec<&str> = stages.map(|(_, label)| label).collect();
    let few: Vec<String> = ids.iter().take(4).map(|id| format!("\"{}\"", labels[*id])).collect();
    Err(format!("{} stages are called `{what}`\nhint: say which, in quotes: {}", ids.len(), few.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGES: [(&str, &str); 3] = [("photos", "photos"), ("net", "net[seed=0]"), ("net", "net[seed=1]")];

    #[test]
    fn a_name_means_all_its_stages_and_a_label_one() {
        assert_eq!(several_of(STAGES.into_iter(), "net"), Ok(vec![1, 2]));
        assert_eq!(several_of(STAGES.into_iter(), "net[seed=1]"), Ok(vec![2]));
        assert_eq!(one_of(STAGES.into_iter(), "photos"), Ok(0));
    }

    #[test]
    fn an_ambiguous_or_unknown_name_is_refused_with_what_there_is() {
        let several = one_of(STAGES.into_iter(), "net").unwrap_err();
        assert!(several.contains("\"net[seed=0]\", \"net[seed=1]\""), "{several}");
        let unknown = several_of(STAGES.into_iter(), "fotos").unwrap_err();
        assert!(unknown.contains("no stage is called `fotos`") && unknown.contains("`photos`"), "{unknown}");
    }
}
