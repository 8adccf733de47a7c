//! Plans, keys, stores and schedules stages. Knows no recipe, no image, no tensor and no terminal.

mod event;
mod job;
mod stage;
mod task;

pub use event::{Event, Listener, StageEvent};
pub use job::{Job, JobFile, JobInput, JobSource, PROTOCOL};
pub use stage::{Device, Files, Input, Needs, PassesOn, Place, Program, Source, Stage, StageId};
pub use task::{Stopped, Task};

/// Stages in an order in which inputs come first.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub stages: Vec<Stage>,
}
