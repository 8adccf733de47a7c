//! A trained network ready to score images, each alone or with its mirror image.

use anyhow::Result;
use pipeline::engine::Task;
use pipeline::recipe::files;
use tch::{Device, Kind, Tensor, no_grad};

use crate::models::{Description, Mode, Network, Parameters, kind_of, weights};

pub struct Scorer {
    network: Network,
    parameters: Parameters,
    buffers: Vec<Tensor>,
    compute: Kind,
    /// Whether logits are the mean of those of an image and of its mirror image.
    mirrors: bool,
}

impl Scorer {
    /// The network in the role `of`, of which `described` is the description.
    pub fn open(task: &Task, described: &Description, mirrors: bool, device: Device) -> Result<Scorer> {
        let network = described.build()?;
        let (parameters, buffers) = weights::read(task.input("of", files::WEIGHTS)?, &network, device)?;
        Ok(Scorer { network, parameters, buffers, compute: kind_of(described.precision), mirrors })
    }

    /// Images `[n, 3, h, w]`, normalised, to logits `[n, classes]`.
    pub fn logits(&self, images: &Tensor) -> Tensor {
        no_grad(|| {
            let pass = |images: &Tensor| {
                let tensors = self.parameters.tensors();
                self.network.forward(tensors, &self.buffers, images, Mode::Eval, self.compute)
            };
            if self.mirrors { (pass(images) + pass(&images.flip([3]))) * 0.5 } else { pass(images) }
        })
    }
}
