//! Random changes of a batch, made on the device. All act on normalised images, in which 0 is the mean colour.

mod colour;
mod erase;
mod mix;
mod rand_augment;
pub mod warp;

#[cfg(test)]
mod tests;

use pipeline::recipe::{Colour, Preprocess, Train, Transform};
use tch::{Device, Kind, Tensor};

use super::dsa;
use super::set::Set;
use crate::randomness::{Stream, mix as mixed, purpose};
use erase::{Hole, erased};
use mix::Mix;
use rand_augment::rand_augment;

/// The changes of a training's batches, and what they need to know of its images and labels.
pub struct Transforms<'a> {
    list: &'a [Transform],
    classes: i64,
    /// Of hard labels that are mixed; the loss smooths the others.
    smoothing: f64,
    preprocess: &'a Preprocess,
    seed: u64,
}

impl<'a> Transforms<'a> {
    pub fn new(recipe: &'a Train, set: &'a Set) -> Transforms<'a> {
        let plain = Transforms::of(&recipe.transforms, set.classes.len(), &set.preprocess, recipe.seed);
        Transforms { smoothing: recipe.label_smoothing, ..plain }
    }

    /// `list` as a training with this `seed` applies it, without smoothed labels.
    pub fn of(
        list: &'a [Transform],
        classes: usize,
        preprocess: &'a Preprocess,
        seed: u64,
    ) -> Transforms<'a> {
        let seed = mixed(seed, &[purpose::TRANSFORMS]);
        Transforms { list, classes: classes as i64, smoothing: 0.0, preprocess, seed }
    }

    /// Applies them in order to images `[n, 3, h, w]` and labels `[n]` or `[n, classes]`; their randomness comes from
    /// (seed, step, place in the list, image).
    pub fn apply(&self, images: Tensor, labels: Tensor, step: u64) -> (Tensor, Tensor) {
        self.list.iter().enumerate().fold((images, labels), |batch, (place, transform)| {
            self.one(transform, batch, &mut Stream::new(self.seed, &[step, place as u64]))
        })
    }

    fn one(&self, transform: &Transform, batch: (Tensor, Tensor), random: &mut Stream) -> (Tensor, Tensor) {
        let (images, labels) = batch;
        let (n, side) = (images.size()[0] as usize, images.size()[3]);
        let images = match transform {
            Transform::Flip(_) => flipped(&images, &(0..n).map(|_| random.unit() < 0.5).collect::<Vec<_>>()),
            Transform::Crop(crop) => {
                let by = i64::from(crop.by);
                let shifts: Vec<_> =
                    (0..n).map(|_| [random.integer(-by, by), random.integer(-by, by)]).collect();
                shifted(&images, &shifts)
            }
            Transform::Dsa(settings) => dsa::Draw::for_each_image(settings, n, random).apply(&images),
            Transform::Cutout(cutout) => {
                erased(&images, &(0..n).map(|_| Hole::square(cutout.side, side, random)).collect::<Vec<_>>())
            }
            Transform::Erase(erase) => {
                erased(&images, &(0..n).map(|_| Hole::rectangle(erase, side, random)).collect::<Vec<_>>())
            }
            Transform::Colour(colour) => recoloured(colour, &images, self.preprocess, random),
            Transform::RandAugment(settings) => rand_augment(settings, &images, self.preprocess, random),
            Transform::Mixup(mixup) if random.unit() < mixup.probability => {
                let mix = Mix::draw(mixup.alpha, n, random);
                return (mix.blend(&images), mix.labels(&labels, self.classes, self.smoothing));
            }
            Transform::Cutmix(cutmix) if random.unit() < cutmix.probability => {
                let mut mix = Mix::draw(cutmix.alpha, n, random);
                let images = mix.patch(&images, random);
                return (images, mix.labels(&labels, self.classes, self.smoothing));
            }
            Transform::Mixup(_) | Transform::Cutmix(_) => images,
        };
        (images, labels)
    }
}

/// Normalised images as pixels in 0..1.
fn pixels_of(images: &Tensor, preprocess: &Preprocess) -> Tensor {
    let [mean, sd] = [preprocess.mean, preprocess.sd].map(|values| channels(values, images.device()));
    images * sd + mean
}

/// Pixels in 0..1 as normalised images.
fn standardised(pixels: &Tensor, preprocess: &Preprocess) -> Tensor {
    let [mean, sd] = [preprocess.mean, preprocess.sd].map(|values| channels(values, pixels.device()));
    (pixels - mean) / sd
}

/// `[1, 3, 1, 1]`.
fn channels(values: [f64; 3], device: Device) -> Tensor {
    Tensor::from_slice(&values.map(|value| value as f32)).view([1, 3, 1, 1]).to_device(device)
}

fn recoloured(settings: &Colour, images: &Tensor, preprocess: &Preprocess, random: &mut Stream) -> Tensor {
    let n = images.size()[0];
    let mut draw = |middle: f64, by: f64| {
        let values: Vec<f32> = (0..n).map(|_| random.between(middle - by, middle + by) as f32).collect();
        Tensor::from_slice(&values).view([-1, 1, 1, 1]).to_device(images.device())
    };
    let pixels = pixels_of(images, preprocess).clamp(0.0, 1.0);
    let pixels = colour::brightness(&pixels, &draw(1.0, settings.brightness));
    let pixels = colour::contrast(&pixels, &draw(1.0, settings.contrast));
    let pixels = colour::saturation(&pixels, &draw(1.0, settings.saturation));
    let pixels = if settings.hue > 0.0 { colour::hue(&pixels, &draw(0.0, settings.hue)) } else { pixels };
    standardised(&pixels, preprocess)
}

/// Mirrors images `[n, 3, h, w]` left to right where told: one answer for all of them or one for each.
pub fn flipped(images: &Tensor, whether: &[bool]) -> Tensor {
    match whether {
        [false] => images.shallow_clone(),
        [true] => images.flip([3]),
        each => images.flip([3]).where_self(&column(each, images.device()), images),
    }
}

/// Moves the picture up and left by `[rows, columns]` pixels, one shift for all images `[n, 3, h, w]` or one for each.
/// What comes in is 0.
pub fn shifted(images: &Tensor, shifts: &[[i64; 2]]) -> Tensor {
    if let [[rows, columns]] = *shifts {
        return images.constant_pad_nd([-columns, columns, -rows, rows]);
    }
    let (_, channels, height, width) = images.size4().expect("images have four dimensions");
    let margin = shifts.iter().flatten().map(|by| by.abs()).max().unwrap_or(0);
    let padded = images.constant_pad_nd([margin; 4]);
    let n = shifts.len() as i64;
    let places = |axis: usize, length: i64| {
        let starts: Vec<i64> = shifts.iter().map(|shift| shift[axis] + margin).collect();
        let along = Tensor::arange(length, (Kind::Int64, images.device()));
        Tensor::from_slice(&starts).to_device(images.device()).view([n, 1]) + along
    };
    let rows =
        places(0, height).view([n, 1, height, 1]).expand([n, channels, height, width + 2 * margin], false);
    let columns = places(1, width).view([n, 1, 1, width]).expand([n, channels, height, width], false);
    padded.gather(2, &rows, false).gather(3, &columns, false)
}

/// `[n]` to `[n, 1, 1, 1]`, on the device.
fn column(whether: &[bool], device: Device) -> Tensor {
    Tensor::from_slice(whether).view([-1, 1, 1, 1]).to_device(device)
}
