//! ZCA whitening on a device: pixels turned so that those of an image no longer move together.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use pipeline::data;
use safetensors::tensor::SafeTensors;
use tch::{Device, Kind, Tensor};

use crate::models::weights::tensor_of;

/// `(x - mean) · matrix` of images `[h, w, 3]` taken as rows of d values, black 0 and white 1.
#[derive(Debug)]
pub struct Whitening {
    /// `[d]`.
    mean: Tensor,
    /// `[d, d]`.
    matrix: Tensor,
}

impl Whitening {
    /// From a mean `[d]` and a matrix `[d, d]`.
    pub fn new(mean: &Tensor, matrix: &Tensor) -> Whitening {
        Whitening { mean: mean.to_kind(Kind::Float), matrix: matrix.to_kind(Kind::Float) }
    }

    /// What a set keeps beside its training images.
    pub fn of(split: &data::Split, device: Device) -> Option<Whitening> {
        let data::Whitening { mean, matrix } = split.whitening()?;
        let d = mean.len() as i64;
        let matrix = Tensor::from_slice(&matrix).view([d, d]).to_device(device);
        Some(Whitening { mean: Tensor::from_slice(&mean).to_device(device), matrix })
    }

    /// What a network's weights keep beside them.
    ///
    /// # Errors
    /// The file is damaged, or does not whiten images of `image_size` pixels.
    pub fn of_weights(path: &Path, image_size: u32, device: Device) -> Result<Whitening> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let damaged = || format!("`{}` is damaged or holds no whitening", path.display());
        let file = SafeTensors::deserialize(&bytes).with_context(damaged)?;
        let d = 3 * i64::from(image_size).pow(2);
        let find = |name: &str, shape: &[i64]| tensor_of(&file, name, shape).with_context(damaged);
        let mean = find(data::Whitening::MEAN, &[d])?.to_device(device);
        let matrix = find(data::Whitening::MATRIX, &[d, d])?.to_device(device);
        Ok(Whitening { mean, matrix })
    }

    /// Images `[n, h, w, 3]` f32, black 0 and white 1, to images of the same shape.
    pub fn apply(&self, images: &Tensor) -> Tensor {
        (images.flatten(1, -1) - &self.mean).matmul(&self.matrix).view_as(images)
    }

    /// Both tensors by name.
    pub fn tensors(&self) -> [(&str, &Tensor); 2] {
        [(data::Whitening::MEAN, &self.mean), (data::Whitening::MATRIX, &self.matrix)]
    }

    /// As an image set keeps it.
    ///
    /// # Errors
    /// libtorch cannot give out its values.
    pub fn stored(&self) -> Result<data::Whitening> {
        let values = |tensor: &Tensor| Vec::<f32>::try_from(tensor.to_device(Device::Cpu).view(-1));
        let stored = data::Whitening { mean: values(&self.mean)?, matrix: values(&self.matrix)? };
        ensure!(stored.mean.iter().all(|value| value.is_finite()), "the whitening's mean is no number");
        Ok(stored)
    }
}
