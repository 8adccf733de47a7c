//! The real images as networks see them: normalised or whitened.

use anyhow::{Result, ensure};
use tch::{Device, Tensor};

use super::real::Real;
use super::zca::Zca;
use crate::images::Images;

/// Whitened images at a time while all are whitened.
const CHUNK: usize = 512;

/// The training split on a device.
pub struct Shown {
    /// Normalised when they are asked for.
    images: Images,
    /// Whitened once, as each costs more than a pass of a small network: `[n, 3, h, w]`.
    whitened: Option<Tensor>,
    device: Device,
}

impl Shown {
    /// # Errors
    /// The images are not square.
    pub fn load(real: &Real, zca: Option<&Zca>, device: Device) -> Result<Shown> {
        let [height, width] = real.size();
        ensure!(height == width, "images of {height}×{width} pixels are not square");
        let images = Images::load(&real.split, &real.preprocess, real.classes.len(), device)?;
        let images = images.whitened(zca.map(|zca| zca.whitening(device)));
        let whitened = zca.map(|_| all(&images));
        Ok(Shown { images, whitened, device })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// The images at these places, `[n, 3, h, w]`, and their labels, `[n]` i64 or soft `[n, classes]`.
    pub fn at(&self, places: &[i64]) -> (Tensor, Tensor) {
        let Some(whitened) = &self.whitened else {
            let (images, labels) = self.images.at(places);
            return (images.contiguous(), labels);
        };
        let places = Tensor::from_slice(places).to_device(self.device);
        (whitened.index_select(0, &places), self.images.labels().index_select(0, &places))
    }

    /// The images at these places, normalised even where networks see whitened ones, `[n, 3, h, w]`.
    pub fn normalised_at(&self, places: &[i64]) -> Tensor {
        self.images.normalised_at(places)
    }

    /// Bytes of the images in memory.
    pub fn bytes(&self, real: &Real) -> u64 {
        self.whitened.as_ref().map_or_else(|| real.stored(), |images| 4 * images.numel() as u64)
    }
}

/// Every image as networks see it, `[n, 3, h, w]`.
fn all(images: &Images) -> Tensor {
    let parts: Vec<Tensor> = images.batches(CHUNK).map(|(x, _)| x.contiguous()).collect();
    Tensor::cat(&parts, 0)
}
