//! Plans, keys, stores and schedules stages. Knows no recipe, no image, no tensor and no terminal.

mod digest;
mod event;
mod graph;
mod history;
mod index;
mod job;
mod key;
mod options;
mod plan;
mod receipt;
mod schedule;
mod stage;
mod store;
mod task;
mod tree;
mod why;
pub mod work;

pub use digest::{FileDigest, digest_file};
pub use event::{Event, Listener, StageEvent};
pub use graph::Graph;
pub use history::{History, Last};
pub use job::{Job, JobFile, JobInput, JobSource, PROTOCOL};
pub use key::short;
pub use options::{Final, Options, Outcome, StageOutcome};
pub use plan::{Plan, State, plan};
pub use receipt::{Receipt, rfc3339};
pub use schedule::run;
pub use stage::{Device, Files, Input, Needs, PassesOn, Place, Program, Source, Stage, StageId};
pub use store::{Artifact, Store};
pub use task::{Stopped, Task};
pub use tree::{Entry, read_manifest};
pub use why::{Change, Difference, Reason, difference, pre_image_of};
