//! `pipeline why`: why a stage is stale; where it is not, what its key is made of.

use std::path::PathBuf;

use serde_json::json;

use super::arguments::{Chosen, Why};
use super::failure::Failure;
use super::opened::{Opened, OpenedExperiment, pairs, several_of};
use super::say::say;
use crate::engine::{self, History, Options, Reason, State, Store};

pub fn why(arguments: &Why) -> Result<(), Failure> {
    let experiment = match &arguments.experiment {
        Some(path) => path.clone(),
        None => last_experiment()?,
    };
    let chosen = Chosen { experiment, sets: arguments.sets.clone() };
    let opened = OpenedExperiment::new(&chosen)?;
    let graph = &opened.experiment.graph;
    let ids = several_of(pairs(graph), &arguments.stage).map_err(Failure::usage)?;
    let store = opened.opened.store()?;
    let mut history = History::open(&store, &opened.experiment.name);
    let mut options = Options::new(&opened.experiment.name, opened.experiment.root.clone())?;
    options.targets = ids.clone();
    let plan = engine::plan(graph, &store, &mut history, &options)?;
    let answers = ids.iter().map(|id| {
        let (state, text) = answer(graph, &plan.states[*id], &store, graph.stages[*id].kind);
        (graph.stages[*id].label.as_str(), state, text)
    });
    if arguments.json {
        let stages: Vec<_> = answers
            .map(|(label, state, why)| json!({ "label": label, "state": state, "why": why }))
            .collect();
        say!("{}", json!({ "version": 1, "stages": stages }));
    } else {
        answers.for_each(|(label, state, text)| say!("{label}: {state}\n{}", indented(&text)));
    }
    Ok(())
}

/// The file of the experiment that was launched last.
fn last_experiment() -> Result<PathBuf, Failure> {
    let opened = Opened::here()?;
    let launch = opened.launch(None)?;
    let path = opened.root.join("experiments").join(format!("{}.toml", launch.experiment));
    if path.is_file() {
        return Ok(path);
    }
    let message =
        format!("the last launch was of `{}`, whose file is not in `experiments`", launch.experiment);
    Err(Failure::usage(format!("{message}\nhint: name the file: `pipeline why STAGE EXPERIMENT`")))
}

fn answer(graph: &engine::Graph, state: &State, store: &Store, kind: &str) -> (&'static str, String) {
    match state {
        State::Cached { key } => {
            let made_of =
                store.find(kind, key).map_or(String::new(), |found| made_of(&found.receipt.pre_image));
            ("cached", format!("key {}\n{made_of}", engine::short(key)))
        }
        State::Stale { reason, .. } => ("stale", lines(reason)),
        State::Waits { on } => (
            "waits",
            format!("its key depends on the bytes that `{}` has yet to make", graph.stages[*on].label),
        ),
        State::Blocked => ("blocked", String::new()),
        State::NotAsked => ("not asked for", String::new()),
    }
}

/// A difference a line.
fn lines(reason: &Reason) -> String {
    match reason {
        Reason::Changed(differences) if !differences.is_empty() => {
            differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}

/// The pre-image as indented lines, without braces.
fn made_of(pre_image: &serde_json::Value) -> String {
    let text = serde_json::to_string_pretty(pre_image).unwrap_or_default();
    let lines =
        text.lines().filter(|line| line.trim().len() > 2 || line.trim().chars().all(char::is_alphanumeric));
    lines
        .map(|line| line.trim_end_matches(['{', '[', ',']).trim_end().replace('"', ""))
        .collect::<Vec<_>>()
        .join("\n")
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
