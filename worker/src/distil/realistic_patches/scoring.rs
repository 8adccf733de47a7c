//! How unlikely a teacher finds the class of each crop, batch by batch, with checkpoints.

use anyhow::{Result, anyhow};
use pipeline::engine::Stopped;
use tch::{Device, Kind, Tensor, no_grad};

use super::super::checkpoint::{self, Tensors};
use super::super::losses::Losses;
use super::{BATCH, Patches};
use crate::pace::Pace;
use crate::training::loss;

/// The teacher's cross-entropy for the class of each crop.
///
/// # Errors
/// A loss is no number, or [`Stopped`].
pub fn losses(patches: &Patches) -> Result<Vec<f32>> {
    let crops = patches.crops.len();
    let found = Tensor::zeros([crops as i64], (Kind::Float, Device::Cpu));
    let tensors: Tensors = vec![("scores".into(), found.shallow_clone())];
    let mut means = resume(patches, &tensors);
    let total = crops.div_ceil(BATCH) as u64;
    patches.task.started(Some(means.iterations()).filter(|done| *done > 0));
    let mut pace = Pace::of(tensors.iter().map(|(_, tensor)| tensor));
    while means.iterations() < total {
        let stop = patches.task.should_stop();
        if stop || pace.is_due() {
            settle(&mut means)?;
            pace.save(|| checkpoint::save(patches.task.checkpoints(), &tensors, &means))?;
        }
        if stop {
            return Err(Stopped { saved_at: Some(means.iterations()) }.into());
        }
        let start = BATCH * means.iterations() as usize;
        let scores = no_grad(|| batch(patches, start..crops.min(start + BATCH)));
        no_grad(|| found.narrow(0, start as i64, scores.size()[0]).copy_(&scores));
        means.push(scores.mean(Kind::Float));
        patches.task.progress(means.iterations(), total, "batch", &[]);
    }
    settle(&mut means)?;
    Ok(Vec::<f32>::try_from(found)?)
}

fn resume(patches: &Patches, tensors: &Tensors) -> Losses {
    match checkpoint::restore(patches.task.checkpoints(), tensors) {
        Ok(found) => found.unwrap_or_default(),
        Err(error) => {
            patches.task.warn(format!("{error:#}; starting over"));
            Losses::default()
        }
    }
}

fn settle(means: &mut Losses) -> Result<()> {
    means.settle().map_err(|error| {
        anyhow!(
            "{error:#}: the teacher gives no number for a crop\nhint: look at how the teacher was trained"
        )
    })
}

/// Of the crops in `range`, each as it will stand in an image, enlarged to what the teacher takes; `[n]` on the CPU.
fn batch(patches: &Patches, range: std::ops::Range<usize>) -> Tensor {
    let crops = &patches.crops[range];
    let (side, own) = (patches.side(), patches.side() / i64::from(patches.settings.factor));
    let seen = |crop: &super::Crop| {
        let image = patches.images.pixels_at(&[crop.image as i64]);
        let patch = crop.of(&image, [own, own]);
        if own == side { patch } else { patch.upsample_bilinear2d([side, side], false, None, None) }
    };
    let seen = Tensor::cat(&crops.iter().map(seen).collect::<Vec<_>>(), 0);
    let labels: Vec<i64> = crops.iter().map(|crop| crop.class as i64).collect();
    let labels = Tensor::from_slice(&labels).to_device(patches.device);
    let logits = patches.teacher.logits(&patches.teacher.seen(&seen));
    loss::each(&logits, &labels).to_device(Device::Cpu)
}

/// Scores the first `batches` and saves, as a process does that is killed after them.
#[cfg(test)]
pub fn cut_off(patches: &Patches, batches: usize) {
    let found = Tensor::zeros([patches.crops.len() as i64], (Kind::Float, Device::Cpu));
    let mut means = Losses::default();
    for start in (0..batches).map(|done| done * BATCH) {
        let scores = no_grad(|| batch(patches, start..start + BATCH));
        no_grad(|| found.narrow(0, start as i64, scores.size()[0]).copy_(&scores));
        means.push(scores.mean(Kind::Float));
    }
    means.settle().unwrap();
    checkpoint::save(patches.task.checkpoints(), &vec![("scores".into(), found)], &means).unwrap();
}
