//! Does one stage that needs tensors and exits. The map, in reading order:

mod allocator;
mod describe;
mod determinism;
mod device;

mod figures;
mod images;
mod memory;
mod models;
mod pace;
mod randomness;
mod whitening;

mod distil;
mod evaluate;
mod training;

#[cfg(test)]
mod fixture;

use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use pipeline::energy::ProcessMeter;
use pipeline::engine::{Task, work};

/// What does a kind of stage on a device.
type Work = fn(&Task, tch::Device) -> Result<()>;

/// Every kind of stage that needs tensors.
const KINDS: &[(&str, Work)] = &[
    ("experts", distil::experts),
    ("distil", distil::distil),
    ("train", training::train),
    ("evaluate", evaluate::evaluate),
];

fn main() -> ExitCode {
    allocator::tune();
    if std::env::args().nth(1).as_deref() == Some("--describe") {
        return describe::describe().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    log();
    let work = work::Work { does: &dispatch, meter: &ProcessMeter::default() };
    work::perform("pipeline-worker", work, &[])
}

/// What the stage says of itself goes to its log, which is what stderr becomes.
fn log() {
    let told = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .with_env_var("PIPELINE_LOG")
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(told)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
}

fn dispatch(task: &Task) -> Result<()> {
    let kind = task.job.kind.as_str();
    let (_, work) = KINDS
        .iter()
        .find(|(known, _)| *known == kind)
        .with_context(|| format!("`pipeline-worker` does no stage of the kind `{kind}`"))?;
    let device = device::prepare(task)?;
    task.note("libtorch", describe::libtorch_version());
    task.note("cpu_capability", describe::capability());
    if device.is_cuda() && !device::is_to_be_deterministic(&task.job) {
        task.note("deterministic", false);
    }
    let to_its_end = || {
        let done = work(task, device);
        // What was asked of a GPU is done, and drawn, later than it returns.
        device::wait(device);
        done
    };
    let within_memory = || memory::attempt(to_its_end).unwrap_or_else(|found| Err(out_of_memory(&found)));
    determinism::attempt(within_memory)
}

/// Memory that runs out is no bug of ours: it gets a remedy.
fn out_of_memory(found: &memory::OutOfMemory) -> anyhow::Error {
    anyhow!("{found}\nhint: lower `batch`, `image_size` or `--jobs`; the stage's log says more")
}
