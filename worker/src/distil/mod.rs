//! Makes a few images per class that stand for the training split. A new method is a file here and an arm of `distil`.

mod autoencoder;
mod characteristic_function;
mod checkpoint;
mod class_mean;
mod code;
mod components;
mod coreset;
mod curve;
mod descent;
mod distilled;
mod distribution_matching;
mod draws;
mod eigenimages;
mod experts;
mod feature_regression;
mod features;
mod forming;
mod gradient_matching;
mod grid;
mod iteration;
mod learner;
mod losses;
mod memory;
mod pool;
mod random;
mod real;
mod realistic_patches;
mod shown;
mod synthetic;
mod tiles;
mod trained;
mod trajectory_matching;
mod zca;

#[cfg(test)]
mod tests;

use anyhow::Result;
use pipeline::engine::Task;
use pipeline::recipe::{Distil, Method};
use tch::Device;

use distilled::Distilled;
pub use experts::experts;
use real::Real;
use synthetic::Synthetic;
use zca::Zca;

/// Does a stage of the kind `distil`: reads the training split of the input `from` and writes another in its place.
/// Validation images, test images, classes and preprocessing stay the input's; a whitening goes with the images.
///
/// # Errors
/// The input is no image set or holds too few images of a class; the network of `features` does not go with it; a loss
/// is no longer finite; [`Stopped`](pipeline::engine::Stopped) when asked to stop.
pub fn distil(task: &Task, device: Device) -> Result<()> {
    let recipe: Distil = task.parameters()?;
    let real = Real::open(task)?;
    real.holds(recipe.images_per_class as usize)?;
    let zca = if recipe.zca { Some(Zca::of(task, &real)?) } else { None };
    let distilled = by_method(task, &recipe, &real, zca.as_ref(), device)?;
    distilled.write(task, &recipe, &real, zca.as_ref())?;
    memory::tell_peak(task);
    Ok(())
}

/// Whether a stage may take gradients as differences of others, which rounding must not drown: what network is followed, its
/// experts tell.
pub fn may_take_differences(task: &Task) -> bool {
    let follows = |recipe: Distil| recipe.method.following(recipe.images_per_class).is_some();
    task.job.kind == "distil" && task.parameters().is_ok_and(follows)
}

fn by_method(
    task: &Task,
    recipe: &Distil,
    real: &Real,
    zca: Option<&Zca>,
    device: Device,
) -> Result<Distilled> {
    let per_class = recipe.images_per_class as usize;
    let synthetic = || Synthetic::new(real, recipe, zca, device);
    // Of methods that make pixels, which are whitened when networks see them.
    let plain = || Synthetic::new(real, recipe, None, device);
    match &recipe.method {
        Method::Random(_) => Ok(random::draw(task, real, per_class, recipe.seed)),
        Method::Herding(_) | Method::KMeans(_) | Method::KCenter(_) => {
            coreset::choose(task, real, recipe, device)
        }
        Method::Forgetting(settings) => {
            coreset::forgetting::choose(task, real, settings, per_class, recipe.seed, device)
        }
        Method::ClassMean(_) => Ok(class_mean::average(task, real)),
        Method::Eigenimages(_) => eigenimages::distil(task, real, per_class),
        Method::DistributionMatching(settings) => {
            distribution_matching::distil(task, &synthetic()?, settings)
        }
        Method::GradientMatching(settings) => gradient_matching::distil(task, &synthetic()?, settings),
        Method::CharacteristicFunction(settings) => {
            characteristic_function::distil(task, &synthetic()?, settings)
        }
        Method::Autoencoder(settings) => autoencoder::distil(task, &plain()?, settings),
        Method::RealisticPatches(settings) => realistic_patches::distil(task, real, recipe, settings, device),
        Method::FeatureRegression(settings) => feature_regression::distil(task, &synthetic()?, settings),
        Method::TrajectoryMatching(_) | Method::DifficultyAligned(_) => {
            trajectory_matching::distil(task, &synthetic()?, recipe)
        }
    }
}
