//! A trained network among the stage's inputs, which a method looks through: its weights, and images as it takes them.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use pipeline::engine::Task;
use pipeline::recipe::{Preprocess, files};
use tch::{Device, Kind, Tensor, no_grad};

use super::real::Real;
use super::synthetic::Synthetic;
use crate::images::Images;
use crate::models::{Description, Mode, Network, Parameters, kind_of, weights};
use crate::whitening::Whitening;

/// A network with its weights, on a device.
pub struct Trained {
    pub network: Network,
    pub parameters: Parameters,
    buffers: Vec<Tensor>,
    compute: Kind,
    description: Description,
    file: PathBuf,
    whitening: Option<Whitening>,
    device: Device,
}

impl Trained {
    /// The network in `role`, which is to tell apart the classes of `real` on images of their size.
    ///
    /// # Errors
    /// It is damaged, tells other classes apart or takes images of another size.
    pub fn open(task: &Task, role: &str, real: &Real, device: Device) -> Result<Trained> {
        let description = Description::read(task.input(role, files::NETWORK)?)?;
        fits(task, role, real, &description)?;
        let file = task.input(role, files::WEIGHTS)?.to_path_buf();
        let network = description.build()?;
        let (mut parameters, buffers) = weights::read(&file, &network, device)?;
        let finite = bool::try_from(parameters.flat().isfinite().all())?;
        ensure!(finite, "`{}` holds weights that are no numbers", task.input_label(role));
        parameters.freeze(&vec![true; network.parameters().len()]);
        let whitening =
            description.whitened.then(|| Whitening::of_weights(&file, description.image_size, device));
        let (compute, whitening) = (kind_of(description.precision), whitening.transpose()?);
        Ok(Trained { network, parameters, buffers, compute, description, file, whitening, device })
    }

    /// The images of `real` as the network takes them.
    ///
    /// # Errors
    /// A label has no class.
    pub fn images(&self, real: &Real) -> Result<Images> {
        self.description.images(&real.split, &self.file, self.device)
    }

    /// Pixels `[n, 3, h, w]`, black 0 and white 1, as the network takes them.
    pub fn seen(&self, pixels: &Tensor) -> Tensor {
        if let Some(whitening) = &self.whitening {
            let rows = pixels.permute([0, 2, 3, 1]).contiguous();
            return whitening.apply(&rows).permute([0, 3, 1, 2]);
        }
        let Preprocess { mean, sd } = &self.description.preprocess;
        (pixels - self.channels(*mean)) / self.channels(*sd)
    }

    /// Whether images go through a whitening before it.
    pub fn whitens(&self) -> bool {
        self.whitening.is_some()
    }

    /// Running statistics of its norms.
    pub fn buffers(&self) -> &[Tensor] {
        &self.buffers
    }

    /// Images `[n, 3, h, w]` normalised by their set as the network takes them.
    pub fn adapted(&self, synthetic: &Synthetic, images: &Tensor) -> Tensor {
        let Preprocess { mean, sd } = &synthetic.real.preprocess;
        if self.description.preprocess == synthetic.real.preprocess {
            return images.shallow_clone();
        }
        self.seen(&(images * self.channels(*sd) + self.channels(*mean)))
    }

    /// A value of each channel, `[1, 3, 1, 1]`.
    fn channels(&self, values: [f64; 3]) -> Tensor {
        Tensor::from_slice(&values.map(|value| value as f32)).view([1, 3, 1, 1]).to_device(self.device)
    }

    /// Of images as the network takes them, what comes to its last layer, `[n, features]`; no gradient is kept.
    pub fn features(&self, images: &Tensor) -> Tensor {
        let tensors = self.parameters.tensors();
        no_grad(|| self.network.features(tensors, &self.buffers, images, Mode::Eval, self.compute))
    }

    /// Of images as the network takes them, logits `[n, classes]`, through which gradients may flow.
    pub fn logits(&self, images: &Tensor) -> Tensor {
        self.network.forward(self.parameters.tensors(), &self.buffers, images, Mode::Eval, self.compute)
    }
}

fn fits(task: &Task, role: &str, real: &Real, network: &Description) -> Result<()> {
    let (of, from) = (task.input_label(role), task.input_label("from"));
    ensure!(
        network.classes == real.classes.names(),
        "`{of}` tells other classes apart than `{from}` holds\n\
         hint: train the network of `{}` on the training split of `{from}`",
        role.split('.').next().unwrap_or(role)
    );
    let (side, [height, width]) = (network.image_size as usize, real.size());
    ensure!(
        [height, width] == [side, side],
        "`{from}` has images of {width}×{height} pixels, and `{of}` takes {side}×{side}"
    );
    Ok(())
}
