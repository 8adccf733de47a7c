//! Trains experts one after the other and keeps the weights of each at the start and after every epoch.

mod description;
mod run;
#[cfg(test)]
mod tests;
mod trajectories;

use std::path::Path;

use anyhow::{Context, Result, bail};
use pipeline::engine::Task;
use pipeline::recipe::{Experts, files};
use tch::Device;

use super::learner::Lessons;
use super::real::Real;
use super::shown::Shown;
use super::zca::Zca;
use crate::models::Network;
pub use description::Description;
use run::Plan;
pub use trajectories::Trajectories;
use trajectories::{Draft, Extent};

/// Trajectories of more bytes are told of before they are made.
const LARGE: u64 = 1 << 30;

/// Does a stage of the kind `experts`: reads the training split of the input `from`.
///
/// # Errors
/// The network does not take the images; the disk has no room; a loss is no longer finite;
/// [`Stopped`](pipeline::engine::Stopped) when asked to stop.
pub fn experts(task: &Task, device: Device) -> Result<()> {
    prepared(task, device, |plan, real, there| {
        let curve = run::run(task, plan, there)?;
        plan.trajectories.sync()?;
        take(&task.checkpoints().join(files::TRAJECTORIES), &task.content(files::TRAJECTORIES))?;
        curve.write(&task.content(files::CURVES))?;
        Description::of(task, plan, real, &curve)?.write(&task.content(files::EXPERTS))
    })
}

/// Hands on all that a training needs, and whether rows of an earlier attempt are there.
fn prepared<T>(task: &Task, device: Device, then: impl FnOnce(&Plan, &Real, bool) -> Result<T>) -> Result<T> {
    let recipe: Experts = task.parameters()?;
    let real = Real::open(task)?;
    let network = Network::new(&recipe.network, real.classes.len(), real.size()[0] as u32)?;
    let extent = Extent {
        experts: recipe.experts.into(),
        epochs: recipe.epochs.into(),
        weights: network.count() as u64,
    };
    let path = task.checkpoints().join(files::TRAJECTORIES);
    fits(task, extent.bytes(), &path)?;
    let zca = if recipe.zca { Some(Zca::of(task, &real)?) } else { None };
    let lessons = Lessons {
        network,
        shown: Shown::load(&real, zca.as_ref(), device)?,
        rule: &recipe.optimizer,
        transforms: &recipe.transforms,
        classes: real.classes.len(),
        preprocess: &real.preprocess,
        batch: recipe.batch,
        device,
    };
    let (trajectories, there) = Draft::create(&path, extent)?;
    then(&Plan { recipe: &recipe, lessons, trajectories: &trajectories }, &real, there)
}

/// The finished file, in the artifact; what a killed process would go on with stays where it is until then.
fn take(from: &Path, to: &Path) -> Result<()> {
    let copied = std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(drop));
    copied.with_context(|| format!("cannot write `{}`", to.display()))
}

/// Says what the trajectories will take, and refuses where the disk has no room for them.
fn fits(task: &Task, bytes: u64, path: &Path) -> Result<()> {
    let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
    tracing::info!(megabytes = megabytes(bytes), "trajectories");
    task.note("trajectory_bytes", bytes);
    let there = path.metadata().map_or(0, |known| std::os::unix::fs::MetadataExt::blocks(&known) * 512);
    let free = rustix::fs::statvfs(task.checkpoints()).ok().map(|disk| disk.f_bavail * disk.f_frsize);
    let lacking = free.filter(|free| bytes.saturating_sub(there) > *free);
    let hint = "hint: fewer `experts` or `epochs`, or a smaller network; a distillation needs its latest start and its \
                `expert_epochs` beyond it";
    if let Some(free) = lacking {
        bail!(
            "the trajectories take {} MB and the disk has {} MB left\n{hint}",
            megabytes(bytes),
            megabytes(free)
        );
    }
    if bytes > LARGE {
        task.warn(format!("the trajectories will take {} MB in the store\n{hint}", megabytes(bytes)));
    }
    Ok(())
}
