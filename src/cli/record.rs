//! The record of a launch, made from the experiment and what came of it.

use std::time::SystemTime;

use super::terms::terms;
use crate::energy::Joules;
use crate::engine::{self, Final, Outcome, Receipt, Stage, StageOutcome, Store, rfc3339};
use crate::experiment::Experiment;
use crate::report::{self, InputRecord, Launch, Made, Run, StageRecord, State};

/// The launch without its name and without costs.
pub fn launch(experiment: &Experiment, outcome: &Outcome, started: SystemTime) -> Launch {
    let stages = experiment.graph.stages.iter().zip(&outcome.stages);
    let runs = experiment.runs.iter().map(|run| Run { axes: run.axes.clone(), evaluate: run.evaluate });
    Launch {
        version: 1,
        experiment: experiment.name.clone(),
        question: experiment.question.clone(),
        launch: String::new(),
        started_at: rfc3339(started),
        pipeline: env!("CARGO_PKG_VERSION").to_string(),
        command_line: std::env::args().collect(),
        axes: experiment.axes.iter().map(|axis| axis.name.clone()).collect(),
        replicates: experiment.replicates.clone(),
        published: experiment.published.clone(),
        energy: Some(terms(&experiment.project.energy)),
        stages: stages.map(|(stage, outcome)| record(stage, outcome)).collect(),
        runs: runs.collect(),
    }
}

fn record(stage: &Stage, outcome: &StageOutcome) -> StageRecord {
    let state = state_of(&outcome.state);
    let inputs = stage.inputs.iter().map(|input| InputRecord { role: input.role.clone(), stage: input.from });
    let reason = match &outcome.state {
        Final::Failed { message } => message.clone(),
        _ => String::new(),
    };
    StageRecord {
        name: stage.name.clone(),
        label: stage.label.clone(),
        kind: stage.kind.to_string(),
        axes: stage.axes.clone(),
        key: outcome.key.clone(),
        inputs: inputs.collect(),
        state,
        reason,
        spent_secs: if state == State::Ran { outcome.took_secs.unwrap_or(0.0) } else { 0.0 },
        spent_joules: None,
        made: None,
        provenance: stage.provenance.clone(),
    }
}

fn state_of(state: &Final) -> State {
    match state {
        Final::Cached => State::Cached,
        Final::Made => State::Ran,
        Final::Failed { .. } => State::Failed,
        Final::Blocked { .. } => State::Blocked,
        Final::Stopped => State::Stopped,
        Final::NotStarted | Final::NotAsked => State::Waiting,
    }
}

/// Adds what every artifact cost when it was made, from its receipt, and what this launch spent.
pub fn add_costs(launch: &mut Launch, store: &Store) {
    let (since, terms) = (launch.started_at.clone(), launch.energy.clone());
    for stage in &mut launch.stages {
        stage.spent_joules = Some(Joules::default());
        let Some(key) = &stage.key else { continue };
        if !stage.state.is_done() {
            stage.spent_joules = unfinished(store, key, &since);
            continue;
        }
        let Some(artifact) = store.find(&stage.kind, key) else { continue };
        let receipt = &artifact.receipt;
        if stage.state == State::Ran {
            stage.spent_joules = report::of_receipt_since(receipt, &since, terms.as_ref());
            stage.spent_secs = receipt.took_secs - took_before(receipt, &since);
        }
        stage.made = Some(Made {
            took_secs: receipt.took_secs,
            cpu_secs: Some(receipt.cpu_secs),
            bytes: receipt.size(),
            drawn: report::of_receipt(receipt, terms.as_ref()),
        });
    }
}

/// A launch that found everything there spent nothing, whatever the one spent that it stands for.
pub fn spend_nothing(launch: &mut Launch) {
    for stage in &mut launch.stages {
        (stage.spent_secs, stage.spent_joules) = (0.0, Some(Joules::default()));
    }
}

/// What attempts of this launch drew that came to nothing.
fn unfinished(store: &Store, key: &str, since: &str) -> Option<Joules> {
    let attempts = engine::spent_at(store, key).into_iter();
    attempts
        .filter(|spent| spent.started_at.as_str() >= since)
        .map(|spent| report::of_unfinished(&spent))
        .sum()
}

fn took_before(receipt: &Receipt, since: &str) -> f64 {
    let before = receipt.earlier.iter().filter(|spent| spent.started_at.as_str() < since);
    before.map(|spent| spent.took_secs).sum()
}

/// Whether two launches are about the same artifacts and runs, so that a second record would say nothing new.
pub fn says_the_same(one: &Launch, other: &Launch) -> bool {
    let stages = |launch: &Launch| -> Vec<(String, Option<String>)> {
        launch.stages.iter().map(|stage| (stage.label.clone(), stage.key.clone())).collect()
    };
    one.question == other.question
        && one.replicates == other.replicates
        && one.axes == other.axes
        && one.runs == other.runs
        && one.energy == other.energy
        && one.stages.iter().all(|stage| stage.state.is_done())
        && stages(one) == stages(other)
}
