//! Synthetic images of a stage: what they start as, the real ones that they are held against, and how they are written.

use anyhow::Result;
use pipeline::data::Labels;
use pipeline::recipe::{self, Convnet, Distil, Initial, Preprocess, convnet_side};
use tch::{Device, Kind, Tensor};

use super::coreset;
use super::distilled::{self, Distilled};
use super::draws::{self, Use};
use super::iteration::Outcome;
use super::random;
use super::real::Real;
use super::shown::Shown;
use super::zca::Zca;
use crate::models::Network;

/// Real images whose pixels are brought together at a time.
const ROWS: usize = 128;

/// What the methods that optimise images have in common. Images are normalised or, with a whitening, whitened.
pub struct Synthetic<'a> {
    pub real: &'a Real,
    pub device: Device,
    pub recipe: &'a Distil,
    pub per_class: usize,
    pub seed: u64,
    shown: Shown,
    zca: Option<&'a Zca>,
}

impl Synthetic<'_> {
    /// # Errors
    /// The images are not square.
    pub fn new<'a>(
        real: &'a Real,
        recipe: &'a Distil,
        zca: Option<&'a Zca>,
        device: Device,
    ) -> Result<Synthetic<'a>> {
        let shown = Shown::load(real, zca, device)?;
        let per_class = recipe.images_per_class as usize;
        Ok(Synthetic { real, device, recipe, per_class, seed: recipe.seed, shown, zca })
    }

    /// A `convnet` for these images.
    ///
    /// # Errors
    /// The images cannot be halved that often.
    pub fn convnet(&self, convnet: Convnet) -> Result<Network> {
        let convnet = recipe::Network::Convnet(convnet);
        Network::new(&convnet, self.classes(), self.side() as u32)
    }

    /// Whether images are whitened instead of normalised.
    pub fn is_whitened(&self) -> bool {
        self.zca.is_some()
    }

    /// Pixels a side of what the first convolution of such a `convnet` puts out.
    pub fn padded_side(&self, padding: u32) -> u64 {
        convnet_side(self.side() as u32, padding).into()
    }

    /// Pixels a side.
    pub fn side(&self) -> u64 {
        self.real.size()[0] as u64
    }

    pub fn classes(&self) -> usize {
        self.real.classes.len()
    }

    /// Bytes of the real images in memory.
    pub fn stored(&self) -> u64 {
        self.shown.bytes(self.real)
    }

    /// Class by class, `[classes × per class, 3, h, w]`.
    pub fn first(&self, init: Initial) -> Tensor {
        self.first_of(init, self.per_class)
    }

    /// As [`first`](Self::first), `count` of each class.
    pub fn first_of(&self, init: Initial, count: usize) -> Tensor {
        match init {
            Initial::Real | Initial::Herding => self.of_real(&self.places(init, count)),
            Initial::Noise => {
                tch::manual_seed(draws::seed(self.seed, Use::Noise, &[]) as i64);
                let side = self.side() as i64;
                let shape = [(self.classes() * count) as i64, 3, side, side];
                // Drawn on the CPU: the same on every device.
                Tensor::randn(shape, (Kind::Float, Device::Cpu)).to_device(self.device)
            }
        }
    }

    /// Places of the `count` real images of each class that `init` starts from, class by class.
    pub fn places(&self, init: Initial, count: usize) -> Vec<usize> {
        let by_class = &self.real.by_class;
        if init != Initial::Herding {
            return random::places(by_class, count, self.seed);
        }
        coreset::herded(by_class, count, |places| {
            let rows = places.chunks(ROWS).map(|places| {
                let places: Vec<i64> = places.iter().map(|place| *place as i64).collect();
                self.shown.normalised_at(&places).flatten(1, -1).to_device(Device::Cpu)
            });
            Tensor::cat(&rows.collect::<Vec<_>>(), 0)
        })
    }

    /// Bytes at the peak while herding chooses: the split, and of the largest class the pixels, the same about their mean, and
    /// what is worked out of them.
    pub fn herding_peak(&self) -> u64 {
        let largest = self.real.by_class.iter().map(Vec::len).max().unwrap_or(0) as u64;
        self.stored() + 3 * 12 * self.side().pow(2) * largest
    }

    /// Class of each of `count` images of every class, `[classes × count]` i64.
    pub fn labels_of(&self, count: usize) -> Tensor {
        let labels = self.hard_labels(count);
        Tensor::from_slice(&labels).to_device(self.device)
    }

    /// Real images, `[n, 3, h, w]`.
    pub fn of_real(&self, places: &[usize]) -> Tensor {
        let places: Vec<i64> = places.iter().map(|place| *place as i64).collect();
        self.shown.at(&places).0
    }

    /// Images as they are written, `[n, h, w, 3]`, black 0 and white 1, on the CPU.
    pub fn pixels(&self, images: &Tensor) -> Tensor {
        let images = images.detach().to_device(Device::Cpu).permute([0, 2, 3, 1]);
        if let Some(zca) = self.zca {
            return zca.undo(&images.contiguous());
        }
        let Preprocess { mean, sd } = &self.real.preprocess;
        let channels = |values: &[f64; 3]| Tensor::from_slice(&values.map(|value| value as f32));
        (images * channels(sd) + channels(mean)).contiguous()
    }

    /// What a pixel from black 0 to white 1 is in normalised images, `[1, 3, 1, 1]`; 1 where they are whitened.
    pub fn pixel_units(&self) -> Tensor {
        let units = match self.zca {
            Some(_) => [1.0; 3],
            None => self.real.preprocess.sd.map(|sd| (1.0 / sd) as f32),
        };
        Tensor::from_slice(&units).view([1, 3, 1, 1]).to_device(self.device)
    }

    /// Normalised images `[n, 3, h, w]` no darker than black and no lighter than white; whitened ones as they are.
    pub fn clamped(&self, images: &Tensor) -> Tensor {
        if self.zca.is_some() {
            return images.shallow_clone();
        }
        let Preprocess { mean, sd } = &self.real.preprocess;
        let bound = |value: f64| {
            let bounds = [0, 1, 2].map(|channel| ((value - mean[channel]) / sd[channel]) as f32);
            Tensor::from_slice(&bounds).view([1, 3, 1, 1]).to_device(images.device())
        };
        images.clamp_tensor(Some(&bound(0.0)), Some(&bound(1.0)))
    }

    /// What a set of these images consists of, equally many of each class; `labels` where they are not simply the classes.
    ///
    /// # Errors
    /// libtorch cannot give out the values.
    pub fn distilled<S>(
        &self,
        method: &str,
        images: &Tensor,
        labels: Option<Labels>,
        outcome: &Outcome<S>,
    ) -> Result<Distilled> {
        let per_class = images.size()[0] as usize / self.classes();
        Ok(Distilled {
            images: distilled::Images::F32(Vec::<f32>::try_from(self.pixels(images).view(-1))?),
            labels: labels.unwrap_or_else(|| Labels::Hard(self.hard_labels(per_class))),
            sources: distilled::sources(method, self.real, per_class),
            code_floats: None,
            iterations: outcome.iterations,
            final_loss: outcome.final_loss,
        })
    }

    fn hard_labels(&self, per_class: usize) -> Vec<i64> {
        (0..self.classes() as i64).flat_map(|class| vec![class; per_class]).collect()
    }
}
