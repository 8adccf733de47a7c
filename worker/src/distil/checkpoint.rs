//! Where a killed distillation goes on: images, momentum and losses so far, in one file that is whole or absent.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tch::{Device, Kind, Tensor};

const NAME: &str = "matching.safetensors";

/// What the next iteration depends on, beside settings and seed.
#[derive(Debug)]
pub struct State {
    /// `[n, 3, h, w]` f32, normalised.
    pub images: Tensor,
    /// Momentum of SGD, shaped like the images.
    pub velocity: Tensor,
    /// Of every iteration that has been settled.
    pub losses: Vec<f64>,
    /// Losses since, each a scalar still on the device: reading one waits for the device.
    pending: Vec<Tensor>,
}

impl State {
    pub fn new(images: Tensor) -> State {
        State { velocity: images.zeros_like(), images, losses: Vec::new(), pending: Vec::new() }
    }

    /// An iteration has been done; `loss` is its scalar.
    pub fn push(&mut self, loss: Tensor) {
        self.pending.push(loss);
    }

    /// Reads the pending losses.
    ///
    /// # Errors
    /// A loss is not finite.
    pub fn settle(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let values = Tensor::stack(&std::mem::take(&mut self.pending), 0).to_kind(Kind::Double);
        for loss in Vec::<f64>::try_from(values.to_device(Device::Cpu))? {
            ensure!(loss.is_finite(), "the loss of iteration {} is {loss}", self.losses.len() + 1);
            self.losses.push(loss);
        }
        Ok(())
    }

    /// Iterations done.
    pub fn iteration(&self) -> u64 {
        (self.losses.len() + self.pending.len()) as u64
    }
}

/// Replaces the checkpoint in `folder`; `state` is settled.
pub fn save(folder: &Path, state: &State) -> Result<()> {
    let (path, draft) = (folder.join(NAME), folder.join(format!("{NAME}.part")));
    let on_cpu = |tensor: &Tensor| tensor.to_device(Device::Cpu).contiguous();
    let tensors = [
        ("images", on_cpu(&state.images)),
        ("velocity", on_cpu(&state.velocity)),
        ("losses", Tensor::from_slice(&state.losses)),
    ];
    let write = || -> Result<()> {
        Tensor::write_safetensors(&tensors, &draft)?;
        File::open(&draft)?.sync_all()?;
        Ok(fs::rename(&draft, &path)?)
    };
    write().with_context(|| format!("cannot write the checkpoint `{}`", path.display()))
}

/// The checkpoint in `folder`, if there is one.
///
/// # Errors
/// There is one, and it does not hold images shaped like `like`.
pub fn load(folder: &Path, like: &[i64], device: Device) -> Result<Option<State>> {
    let path = folder.join(NAME);
    if !path.exists() {
        return Ok(None);
    }
    read(&path, like, device)
        .map(Some)
        .with_context(|| format!("the checkpoint `{}` cannot be used", path.display()))
}

fn read(path: &Path, like: &[i64], device: Device) -> Result<State> {
    let tensors = Tensor::read_safetensors(path)?;
    let find = |name: &str| -> Result<Tensor> {
        let found = tensors.iter().find(|(known, _)| known == name);
        Ok(found.with_context(|| format!("it has no `{name}`"))?.1.shallow_clone())
    };
    let images = |name: &str| -> Result<Tensor> {
        let found = find(name)?;
        ensure!(
            found.size() == like && found.kind() == Kind::Float,
            "its `{name}` are {:?} instead of {like:?}",
            found.size()
        );
        Ok(found.to_device(device))
    };
    let losses = Vec::<f64>::try_from(find("losses")?)?;
    Ok(State { images: images("images")?, velocity: images("velocity")?, losses, pending: Vec::new() })
}
