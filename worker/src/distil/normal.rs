//! Images as networks see them: `[n, 3, h, w]` f32, normalised channel by channel.

use anyhow::Result;
use pipeline::data::{Pixels, Split};
use pipeline::recipe::Preprocess;
use tch::{Device, Kind, Tensor};

/// From pixels to normalised images and back.
pub struct Scale {
    /// `[1, 3, 1, 1]`, in 0..1.
    mean: Tensor,
    /// `[1, 3, 1, 1]`, in 0..1.
    sd: Tensor,
}

impl Scale {
    pub fn new(preprocess: &Preprocess, device: Device) -> Scale {
        let channels = |values: [f64; 3]| {
            Tensor::from_slice(&values.map(|value| value as f32)).view([1, 3, 1, 1]).to_device(device)
        };
        Scale { mean: channels(preprocess.mean), sd: channels(preprocess.sd) }
    }

    /// Normalised images `[n, 3, h, w]` as pixels `[n, h, w, 3]`, black 0 and white 1, on the CPU.
    pub fn pixels(&self, images: &Tensor) -> Tensor {
        let pixels = images.detach() * &self.sd + &self.mean;
        pixels.permute([0, 2, 3, 1]).contiguous().to_device(Device::Cpu)
    }
}

/// All images of a split on the device, as they are stored.
pub struct OnDevice {
    /// `[n, h, w, 3]`, u8 in 0..=255 or f32 with black 0 and white 1.
    pixels: Tensor,
    scale: Scale,
    device: Device,
}

impl OnDevice {
    pub fn new(split: &Split, preprocess: &Preprocess, device: Device) -> OnDevice {
        let shape = [split.len(), split.height(), split.width(), 3].map(|side| side as i64);
        let pixels = match split.pixels() {
            Pixels::U8(values) => Tensor::from_slice(values),
            Pixels::F32(values) => Tensor::from_slice(values),
        };
        OnDevice { pixels: pixels.view(shape).to_device(device), scale: Scale::new(preprocess, device), device }
    }

    /// The images at `places`, `[n, 3, h, w]` f32, normalised.
    pub fn normalised(&self, places: &[usize]) -> Tensor {
        let places: Vec<i64> = places.iter().map(|place| *place as i64).collect();
        let chosen = self.pixels.index_select(0, &Tensor::from_slice(&places).to_device(self.device));
        let white = if chosen.kind() == Kind::Uint8 { 255.0 } else { 1.0 };
        let planar = chosen.permute([0, 3, 1, 2]).to_kind(Kind::Float).contiguous() / white;
        (planar - &self.scale.mean) / &self.scale.sd
    }

    pub fn scale(&self) -> &Scale {
        &self.scale
    }

    pub fn device(&self) -> Device {
        self.device
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> u64 {
        self.pixels.numel() as u64 * self.pixels.kind().elt_size_in_bytes() as u64
    }
}

/// The values of an f32 tensor on the CPU.
pub fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(Vec::<f32>::try_from(tensor.contiguous().view(-1))?)
}
