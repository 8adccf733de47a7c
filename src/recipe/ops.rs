//! The augmentations by name, with their settings and formulas. The work is done, rounding and all, in `augment/`.
//!
//! One scheme for all of them. A strength ([`Strength`]) is a number, or `[low, high]`, from which each copy draws
//! evenly; equal ends fix it. One number is taken as it stands, except where the setting is called `by`: it then
//! reaches as far down as up (`by = 0.2` is `by = [-0.2, 0.2]`). Every augmentation may carry a `probability`, with
//! which an image is changed at all; it is 1 unless given, and then no part of the key.

use super::choice::choice;

mod area;
mod point;
mod strength;
mod whole;

pub use area::*;
pub use point::*;
pub use strength::Strength;
pub use whole::Whole;

choice! {
    /// An augmentation of one image. All arithmetic saturates at 0 and 255.
    pub enum Op {
        /// Adds one amount to every channel.
        "brightness" => Brightness @ 1,
        /// Moves pixels away from, or towards, the image's mean luminance.
        "contrast" => Contrast @ 1,
        /// Moves pixels away from, or towards, their own luminance.
        "saturation" => Saturation @ 1,
        /// Mirrors the image left to right.
        "horizontal-flip" => HorizontalFlip @ 1,
        /// Adds independent normal noise to every channel of every pixel.
        "gaussian-noise" => GaussianNoise @ 2,
        /// Replaces each channel by the median of its square neighbourhood.
        "median-blur" => MedianBlur @ 1,
        /// Equalises the histogram of luminance tile by tile, with a limit on contrast (CLAHE; Zuiderveld 1994) or without.
        "adaptive-histogram-equalisation" => AdaptiveHistogramEqualisation @ 1,
        /// Keeps fewer bits of each channel, a palette of few colours, or what a JPEG file keeps.
        "bitmap-compression" => BitmapCompression @ 2,
        /// Replaces the image by its edges, or draws them over it: Sobel's gradient magnitude or Canny's lines.
        "edges" => Edges @ 1,
        /// Sets a share of the pixels to black or white.
        "salt-and-pepper" => SaltAndPepper @ 2,
        /// Draws a grid of lines over the image, or drops squares of a grid.
        "grid-noise" => GridNoise @ 1,
    }
}

fn is_certain(probability: &f64) -> bool {
    *probability == 1.0
}

impl Op {
    /// The probability that an image is changed at all.
    pub fn probability(&self) -> f64 {
        match self {
            Op::Brightness(Brightness { probability, .. })
            | Op::Contrast(Contrast { probability, .. })
            | Op::Saturation(Saturation { probability, .. })
            | Op::HorizontalFlip(HorizontalFlip { probability, .. })
            | Op::GaussianNoise(GaussianNoise { probability, .. })
            | Op::MedianBlur(MedianBlur { probability, .. })
            | Op::AdaptiveHistogramEqualisation(AdaptiveHistogramEqualisation { probability, .. })
            | Op::BitmapCompression(BitmapCompression { probability, .. })
            | Op::Edges(Edges { probability, .. })
            | Op::SaltAndPepper(SaltAndPepper { probability, .. })
            | Op::GridNoise(GridNoise { probability, .. }) => *probability,
        }
    }

    /// What is wrong with settings that are each in range; the field, then the message.
    pub fn complaint(&self) -> Option<(&'static str, String)> {
        match self {
            Op::Brightness(Brightness { by, .. })
            | Op::Contrast(Contrast { by, .. })
            | Op::Saturation(Saturation { by, .. }) => Some(("by", by.complaint()?)),
            Op::GaussianNoise(GaussianNoise { sd, .. }) => Some(("sd", sd.complaint()?)),
            Op::SaltAndPepper(SaltAndPepper { share, .. }) => Some(("share", share.complaint()?)),
            Op::GridNoise(grid) => grid.complaint(),
            Op::MedianBlur(settings) => settings.complaint(),
            Op::AdaptiveHistogramEqualisation(settings) => settings.complaint(),
            Op::BitmapCompression(settings) => settings.complaint(),
            Op::Edges(settings) => settings.complaint(),
            Op::HorizontalFlip(_) => None,
        }
    }
}
