//! Makes a few images per class that stand for the training split. A new method is a file here and an arm of `distil`.

mod checkpoint;
mod class_mean;
mod coreset;
mod curve;
mod distilled;
mod distribution_matching;
mod draws;
mod eigenimages;
mod features;
mod forming;
mod memory;
mod random;
mod real;

#[cfg(test)]
mod tests;

use anyhow::Result;
use pipeline::engine::Task;
use pipeline::recipe::{Distil, Method};
use tch::Device;

use real::Real;

/// Does a stage of the kind `distil`: reads the training split of the input `from` and writes another in its place.
/// Validation images, test images, classes and preprocessing stay the input's.
///
/// # Errors
/// The input is no image set or holds too few images of a class; a loss is no longer finite;
/// [`Stopped`](pipeline::engine::Stopped) when asked to stop.
pub fn distil(task: &Task, device: Device) -> Result<()> {
    let recipe: Distil = task.parameters()?;
    let real = Real::open(task)?;
    real.holds(recipe.images_per_class as usize)?;
    let distilled = match &recipe.method {
        Method::Random(_) => {
            task.started(None);
            random::draw(&real, recipe.images_per_class as usize, recipe.seed)
        }
        Method::ClassMean(_) => {
            task.started(None);
            class_mean::average(&real)
        }
        Method::Eigenimages(_) => {
            task.started(None);
            eigenimages::distil(task, &real, recipe.images_per_class as usize)?
        }
        Method::Herding(_) | Method::KMeans(_) | Method::KCenter(_) => {
            coreset::choose(task, &real, &recipe, device)?
        }
        Method::DistributionMatching(settings) => {
            distribution_matching::distil(task, &real, &recipe, settings, device)?
        }
    };
    distilled.write(task, &recipe, &real)
}
