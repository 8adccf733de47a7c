//! `pipeline plan` and `run --dry-run`: what would run, why, and how long it may take.

use std::collections::BTreeMap;

use console::style;
use serde_json::json;

use super::budget::{self, Prediction};
use super::failure::Failure;
use super::foreseen;
use super::opened::{OpenedExperiment, eprint};
use super::precision::Settled;
use super::room;
use super::say::say;
use super::terms;
use super::view::seconds;
use crate::engine::{self, Graph, History, Options, Plan, State, Store};

/// How many stages of one name are listed before the rest is counted.
const LISTED: usize = 12;

pub fn show(
    opened: &OpenedExperiment,
    store: &Store,
    options: &Options,
    as_json: bool,
) -> Result<(), Failure> {
    let graph = &opened.experiment.graph;
    let mut history = History::open(store, &opened.experiment.name);
    let plan = engine::plan(graph, store, &mut history, options)?;
    let times = foreseen::seconds(&opened.experiment, &plan, store, &mut history);
    let precision = Settled::of(&opened.experiment, &plan);
    let terms = terms::terms(&opened.experiment.project.energy);
    let energy = budget::predict(graph, (&plan, &times), store, &mut history, &terms);
    if as_json {
        say!("{}", as_value(graph, (&plan, &times), &energy, precision.as_ref()));
        return Ok(());
    }
    lines(graph, &plan, &times).iter().for_each(|line| say!("{line}"));
    precision.iter().for_each(|settled| say!("{}", settled.line()));
    room::lines(&opened.experiment, &plan, store, &options.devices).iter().for_each(|line| say!("{line}"));
    eprint(&format!("{}{}\n", total(&plan, &times, options.jobs), drawn(&energy)));
    Ok(())
}

/// A line a stage; stages of one name that say the same are folded into one line.
fn lines(graph: &Graph, plan: &Plan, times: &[Option<f64>]) -> Vec<String> {
    let width = graph.stages.iter().map(|stage| stage.label.chars().count()).max().unwrap_or(0).min(60);
    let mut listed: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut lines = Vec::new();
    for (id, stage) in graph.stages.iter().enumerate() {
        let said = said(graph, &plan.states[id]);
        let count = listed.entry((&stage.name, said.clone())).or_default();
        *count += 1;
        if *count <= LISTED {
            let time = times[id].map_or(String::new(), |secs| format!("  ≈ {}", seconds(secs)));
            lines.push(format!(
                "{:<width$}  {}{}",
                stage.label,
                painted(&plan.states[id], &said),
                style(time).dim()
            ));
        }
    }
    for ((name, said), count) in listed.into_iter().filter(|(_, count)| *count > LISTED) {
        lines.push(format!("{name}: {} more: {said}", count - LISTED));
    }
    lines
}

fn said(graph: &Graph, state: &State) -> String {
    match state {
        State::Cached { .. } => "cached".into(),
        State::Stale { reason, .. } => format!("runs: {reason}"),
        State::Waits { on } => format!("waits for {}", graph.stages[*on].label),
        State::Blocked => "blocked".into(),
        State::NotAsked => "not asked for".into(),
    }
}

fn painted(state: &State, said: &str) -> String {
    match state {
        State::Cached { .. } => style(said).green().to_string(),
        State::Stale { .. } => style(said).cyan().to_string(),
        State::Waits { .. } => style(said).yellow().to_string(),
        State::Blocked | State::NotAsked => style(said).dim().to_string(),
    }
}

fn total(plan: &Plan, times: &[Option<f64>], jobs: usize) -> String {
    let count = |is: &dyn Fn(&State) -> bool| plan.states.iter().filter(|state| is(state)).count();
    let stale = count(&|state| matches!(state, State::Stale { .. }));
    let waiting = count(&|state| matches!(state, State::Waits { .. }));
    let known: Vec<f64> = times.iter().flatten().copied().collect();
    let sum: f64 = known.iter().sum();
    let time = match (stale + waiting, known.len()) {
        (0, _) => String::new(),
        (_, 0) => "; no precedent tells how long".to_string(),
        (all, some) => {
            let of = if some < all { format!(", for the {some} with a precedent") } else { String::new() };
            format!("; ≈ {} of work by earlier runs{of}, {jobs} at a time", seconds(sum))
        }
    };
    format!("{} cached, {stale} to run, {waiting} waiting{time}", plan.cached())
}

/// Empty where nothing like it ever ran.
fn drawn(energy: &Prediction) -> String {
    if energy.stages == energy.unknown { String::new() } else { format!("; {}", budget::told(energy)) }
}

fn as_value(
    graph: &Graph,
    (plan, times): (&Plan, &[Option<f64>]),
    energy: &Prediction,
    precision: Option<&Settled>,
) -> serde_json::Value {
    let known = energy.stages > energy.unknown;
    let stages = graph.stages.iter().enumerate().map(|(id, stage)| {
        let (state, key, reason) = match &plan.states[id] {
            State::Cached { key } => ("cached", Some(key), None),
            State::Stale { key, reason } => ("stale", Some(key), Some(reason.to_string())),
            State::Waits { on } => ("waits", None, Some(graph.stages[*on].label.clone())),
            State::Blocked => ("blocked", None, None),
            State::NotAsked => ("not_asked", None, None),
        };
        json!({
            "label": stage.label, "name": stage.name, "kind": stage.kind, "axes": stage.axes,
            "state": state, "key": key, "reason": reason, "predicted_secs": times[id],
        })
    });
    json!({
        "version": 1,
        "stages": stages.collect::<Vec<_>>(),
        "predicted_joules": known.then(|| energy.joules.value()),
        "without_precedent": energy.unknown,
        "auto_precision": precision.map(Settled::as_value),
    })
}
