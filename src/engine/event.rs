//! What happens, as data: stages tell the engine, the engine tells its listeners. Knows no terminal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::stage::StageId;

/// One JSON line from a stage's process to the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum StageEvent {
    /// Work begins; `resumed_at` is the step that a checkpoint brought back.
    Started {
        pid: u32,
        resumed_at: Option<u64>,
    },
    /// Another process holds the key: waiting for its result.
    WaitsForOther,
    /// `done` of `total` units of `unit` (`step`, `image`, ...), with the latest figures (`loss`, `accuracy` as a
    /// fraction, ...).
    Progress {
        done: u64,
        total: u64,
        unit: String,
        figures: BTreeMap<String, f64>,
    },
    /// Something a person should know, that is no failure.
    Warning {
        message: String,
    },
    /// The artifact is in the store; `found` when another process had put it there first.
    Committed {
        found: bool,
        took_secs: f64,
    },
    /// Stopped as asked; `saved_at` is the step to resume from.
    Stopped {
        saved_at: Option<u64>,
    },
    Failed {
        message: String,
    },
    /// After `Committed`: the process stays, and waits for another job.
    Ready,
}

/// What listeners hear.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The launch begins: how many stages there are and how many the plan found cached.
    LaunchStarted {
        stages: usize,
        cached: usize,
        jobs: usize,
    },
    /// The artifact was there already.
    StageCached {
        stage: StageId,
        label: String,
        key: String,
    },
    StageStarted {
        stage: StageId,
        label: String,
        key: String,
        attempt: u32,
        reason: String,
    },
    /// Whatever the stage's process said while it worked.
    StageSaid {
        stage: StageId,
        label: String,
        said: StageEvent,
    },
    StageFinished {
        stage: StageId,
        label: String,
        key: String,
        found: bool,
        took_secs: f64,
    },
    /// `log_tail` holds the last lines of the stage's log.
    StageFailed {
        stage: StageId,
        label: String,
        attempt: u32,
        will_retry: bool,
        message: String,
        log_tail: Vec<String>,
        log: String,
    },
    StageStopped {
        stage: StageId,
        label: String,
        saved_at: Option<u64>,
    },
    /// Not started, because `by` failed.
    StageBlocked {
        stage: StageId,
        label: String,
        by: String,
    },
    /// A damaged artifact was set aside and will be made again.
    Quarantined {
        stage: StageId,
        label: String,
        key: String,
        reason: String,
    },
    Warning {
        message: String,
    },
    LaunchFinished {
        ran: usize,
        cached: usize,
        failed: usize,
        blocked: usize,
        stopped: usize,
        took_secs: f64,
    },
}

/// Hears every event, in order, on the engine's thread; must not block.
pub trait Listener {
    fn hear(&mut self, event: &Event);
}
