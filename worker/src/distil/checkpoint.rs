//! Where a killed distillation goes on: every tensor that moves and the losses so far, in one file that is whole or
//! absent.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tch::{Device, Tensor, no_grad};

use super::losses::Losses;

const NAME: &str = "distillation.safetensors";
const LOSSES: &str = "losses";

/// What the next iteration depends on, beside settings and seed: tensors by name, each the very one that iterations
/// change.
pub type Tensors = Vec<(String, Tensor)>;

/// Replaces the checkpoint in `folder`; the losses are settled.
pub fn save(folder: &Path, tensors: &Tensors, losses: &Losses) -> Result<()> {
    let (path, draft) = (folder.join(NAME), folder.join(format!("{NAME}.part")));
    let on_cpu = |tensor: &Tensor| tensor.detach().to_device(Device::Cpu).contiguous();
    let mut all: Tensors = tensors.iter().map(|(name, tensor)| (name.clone(), on_cpu(tensor))).collect();
    all.push((LOSSES.into(), Tensor::from_slice(losses.settled())));
    let write = || -> Result<()> {
        Tensor::write_safetensors(&all, &draft)?;
        File::open(&draft)?.sync_all()?;
        Ok(fs::rename(&draft, &path)?)
    };
    write().with_context(|| format!("cannot write the checkpoint `{}`", path.display()))
}

/// Takes over the checkpoint in `folder`, if there is one: writes to `tensors` and gives the losses.
///
/// # Errors
/// There is one, and it does not hold tensors like these, which are as before.
pub fn restore(folder: &Path, tensors: &Tensors) -> Result<Option<Losses>> {
    let path = folder.join(NAME);
    if !path.exists() {
        return Ok(None);
    }
    take_over(&path, tensors)
        .map(Some)
        .with_context(|| format!("the checkpoint `{}` cannot be used", path.display()))
}

fn take_over(path: &Path, tensors: &Tensors) -> Result<Losses> {
    let stored = Tensor::read_safetensors(path)?;
    let find = |name: &str| {
        let found = stored.iter().find(|(known, _)| known == name).map(|(_, tensor)| tensor);
        found.with_context(|| format!("it has no `{name}`"))
    };
    let mut found = Vec::with_capacity(tensors.len());
    for (name, like) in tensors {
        let tensor = find(name)?;
        let (had, wanted) = ((tensor.size(), tensor.kind()), (like.size(), like.kind()));
        ensure!(had == wanted, "its `{name}` is {had:?} instead of {wanted:?}");
        found.push(tensor);
    }
    let losses = Losses::of(Vec::<f64>::try_from(find(LOSSES)?)?);
    for ((_, target), source) in tensors.iter().zip(found) {
        no_grad(|| target.shallow_clone().copy_(source));
    }
    Ok(losses)
}
