//! Does one stage that needs tensors and exits. The map, in reading order:

mod allocator;
mod describe;
mod device;

mod figures;
mod images;
mod models;
mod randomness;

mod distil;
mod evaluate;
mod training;

#[cfg(test)]
mod fixture;

use std::process::ExitCode;

use anyhow::{Context, Result};
use pipeline::engine::{Task, work};

/// What does a kind of stage on a device.
type Work = fn(&Task, tch::Device) -> Result<()>;

/// Every kind of stage that needs tensors.
const KINDS: &[(&str, Work)] =
    &[("distil", distil::distil), ("train", training::train), ("evaluate", evaluate::evaluate)];

fn main() -> ExitCode {
    allocator::tune();
    if std::env::args().nth(1).as_deref() == Some("--describe") {
        return describe::describe().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    work::perform("pipeline-worker", &dispatch)
}

fn dispatch(task: &Task) -> Result<()> {
    let kind = task.job.kind.as_str();
    let (_, work) = KINDS
        .iter()
        .find(|(known, _)| *known == kind)
        .with_context(|| format!("`pipeline-worker` does no stage of the kind `{kind}`"))?;
    let device = device::prepare(&task.job)?;
    task.note("libtorch", describe::libtorch_version());
    task.note("cpu_capability", describe::capability());
    work(task, device)
}
