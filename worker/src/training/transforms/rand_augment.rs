//! A few changes for each image, drawn from a list (RandAugment, Cubuk et al. 2020), batched: of the images that drew the same
//! change, all are changed at once.

use pipeline::recipe::{Preprocess, RandAugment};
use tch::Tensor;

use super::warp::warped;
use super::{colour, pixels_of, standardised};
use crate::randomness::Stream;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Saturation,
    Contrast,
    Sharpness,
    Posterise,
    Solarise,
    AutoContrast,
    Equalise,
}

use Change::*;

/// Those of torchvision's `RandAugment`.
const CHANGES: [Change; 14] = [
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Saturation,
    Contrast,
    Sharpness,
    Posterise,
    Solarise,
    AutoContrast,
    Equalise,
];

/// Strength at which changes are largest.
const LARGEST: f64 = 30.0;
/// Largest shear, as a tangent.
const SHEAR: f64 = 0.3;
/// Largest shift, as a share of the side.
const TRANSLATE: f64 = 150.0 / 331.0;
/// Largest turn, in degrees.
const ROTATE: f64 = 30.0;
/// Largest difference of a factor from 1.
const FACTOR: f64 = 0.9;
/// Most bits that are dropped.
const BITS: f64 = 4.0;

/// Images `[n, 3, h, w]`, normalised, each changed `settings.ops` times over.
pub fn rand_augment(
    settings: &RandAugment,
    images: &Tensor,
    preprocess: &Preprocess,
    random: &mut Stream,
) -> Tensor {
    let n = images.size()[0] as usize;
    let strength = f64::from(settings.strength) / LARGEST;
    let mut out = images.shallow_clone();
    for _ in 0..settings.ops {
        let drawn: Vec<(Change, f64)> = (0..n)
            .map(|_| {
                let sign = if random.unit() < 0.5 { -1.0 } else { 1.0 };
                (CHANGES[random.below(CHANGES.len())], sign)
            })
            .collect();
        let before = out;
        out = before.copy();
        for change in CHANGES.iter().filter(|change| **change != Identity) {
            let own = drawn.iter().enumerate().filter(|(_, (drawn, _))| drawn == change);
            let (places, signs): (Vec<i64>, Vec<f64>) =
                own.map(|(place, (_, sign))| (place as i64, *sign)).unzip();
            if !places.is_empty() {
                let places = Tensor::from_slice(&places).to_device(images.device());
                let changed = change.apply(&before.index_select(0, &places), strength, &signs, preprocess);
                let _ = out.index_copy_(0, &places, &changed);
            }
        }
    }
    out
}

impl Change {
    /// To all of these images, normalised, with `strength` in 0..1 and a sign for each.
    fn apply(self, images: &Tensor, strength: f64, signs: &[f64], preprocess: &Preprocess) -> Tensor {
        let map = |of: &dyn Fn(f64) -> [[f64; 3]; 2]| {
            warped(images, &signs.iter().map(|sign| of(sign * strength)).collect::<Vec<_>>())
        };
        match self {
            Identity => images.shallow_clone(),
            ShearX => map(&|by| [[1.0, by * SHEAR, 0.0], [0.0, 1.0, 0.0]]),
            ShearY => map(&|by| [[1.0, 0.0, 0.0], [by * SHEAR, 1.0, 0.0]]),
            // Coordinates span 2 over the side.
            TranslateX => map(&|by| [[1.0, 0.0, 2.0 * by * TRANSLATE], [0.0, 1.0, 0.0]]),
            TranslateY => map(&|by| [[1.0, 0.0, 0.0], [0.0, 1.0, 2.0 * by * TRANSLATE]]),
            Rotate => map(&|by| {
                let (sin, cos) = (by * ROTATE).to_radians().sin_cos();
                [[cos, -sin, 0.0], [sin, cos, 0.0]]
            }),
            _ => {
                let changed = self.recolour(&pixels_of(images, preprocess).clamp(0.0, 1.0), strength, signs);
                standardised(&changed, preprocess)
            }
        }
    }

    fn recolour(self, pixels: &Tensor, strength: f64, signs: &[f64]) -> Tensor {
        let column = |of: &dyn Fn(f64) -> f64| {
            let values: Vec<f32> = signs.iter().map(|sign| of(*sign) as f32).collect();
            Tensor::from_slice(&values).view([-1, 1, 1, 1]).to_device(pixels.device())
        };
        let factor = || column(&|sign| 1.0 + sign * strength * FACTOR);
        match self {
            Brightness => colour::brightness(pixels, &factor()),
            Saturation => colour::saturation(pixels, &factor()),
            Contrast => colour::contrast(pixels, &factor()),
            Sharpness => colour::sharpness(pixels, &factor()),
            Posterise => colour::posterise(pixels, &column(&|_| 8.0 - (strength * BITS).round())),
            Solarise => colour::solarise(pixels, &column(&|_| 1.0 - strength)),
            AutoContrast => colour::auto_contrast(pixels),
            Equalise => colour::equalise(pixels),
            Identity | ShearX | ShearY | TranslateX | TranslateY | Rotate => {
                unreachable!("these move pixels and leave colours alone")
            }
        }
    }
}
