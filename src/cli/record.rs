//! The record of a launch, made from the experiment and what came of it.

use std::time::SystemTime;

use crate::engine::{Final, Outcome, Stage, StageOutcome, Store, rfc3339};
use crate::experiment::Experiment;
use crate::report::{InputRecord, Launch, Made, Run, StageRecord, State};

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

/// Adds what every artifact cost when it was made, from its receipt.
pub fn add_costs(launch: &mut Launch, store: &Store) {
    for stage in launch.stages.iter_mut().filter(|stage| stage.state.is_done()) {
        let Some(key) = &stage.key else { continue };
        let Some(artifact) = store.find(&stage.kind, key) else { continue };
        let receipt = &artifact.receipt;
        stage.made = Some(Made {
            took_secs: receipt.took_secs,
            cpu_secs: Some(receipt.cpu_secs),
            bytes: receipt.size(),
        });
    }
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
        && one.stages.iter().all(|stage| stage.state.is_done())
        && stages(one) == stages(other)
}
