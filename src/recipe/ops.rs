//! The augmentations by name, with their settings and formulas. The work is done, rounding and all, in `augment/`.
//!
//! One scheme for all of them. A strength ([`Strength`]) is a number, or `[low, high]`, from which each copy draws
//! evenly; equal ends fix it. One number is taken as it stands, except where the setting is called `by`: it then
//! reaches as far down as up (`by = 0.2` is `by = [-0.2, 0.2]`). Every augmentation may carry a `probability`, with
//! which an image is changed at all; it is 1 unless given, and then no part of the key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::choice;

mod point;
mod strength;

pub use point::*;
pub use strength::Strength;

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
        /// Equalises the histogram of luminance tile by tile, with a limit on contrast (CLAHE; Zuiderveld 1994).
        "adaptive-histogram-equalisation" => AdaptiveHistogramEqualisation @ 1,
        /// Keeps fewer bits of each channel.
        "bitmap-compression" => BitmapCompression @ 1,
        /// Replaces the image by its Sobel gradient magnitude.
        "edges" => Edges @ 1,
        /// Sets a share of the pixels to black or white.
        "salt-and-pepper" => SaltAndPepper @ 2,
        /// Draws a grid of lines over the image, or drops squares of a grid.
        "grid-noise" => GridNoise @ 1,
    }
}

/// p ← the median of the size × size levels around it, channel by channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MedianBlur {
    /// Side of the neighbourhood in pixels, odd, 3 to 31; edge pixels are repeated outwards.
    #[schemars(range(min = 3, max = 31))]
    pub size: u32,
}

impl Default for MedianBlur {
    fn default() -> MedianBlur {
        MedianBlur { size: 3 }
    }
}

/// p ← p + (y' - y), y the pixel's luminance and y' what OpenCV's `createCLAHE(clip, (tiles, tiles))` makes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveHistogramEqualisation {
    /// Tiles along each side.
    #[schemars(range(min = 1, max = 64))]
    pub tiles: u32,
    /// Limit of a histogram bin, in multiples of the mean bin.
    #[schemars(range(min = 1.0, max = 256.0))]
    pub clip: f64,
}

impl Default for AdaptiveHistogramEqualisation {
    fn default() -> AdaptiveHistogramEqualisation {
        AdaptiveHistogramEqualisation { tiles: 8, clip: 2.0 }
    }
}

/// p ← 255·q / (2^bits - 1), q the highest `bits` bits of p: black and white stay, the levels between are even.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BitmapCompression {
    /// Bits kept of each channel.
    #[schemars(range(min = 1, max = 7))]
    pub bits: u32,
}

impl Default for BitmapCompression {
    fn default() -> BitmapCompression {
        BitmapCompression { bits: 3 }
    }
}

/// p ← gain·√(gx² + gy²), gx and gy the 3 × 3 Sobel sums of luminance, alike in all channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Edges {
    /// Factor on the gradient magnitude before it saturates.
    #[schemars(range(min = 0.01, max = 16.0))]
    pub gain: f64,
}

impl Default for Edges {
    fn default() -> Edges {
        Edges { gain: 1.0 }
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
            | Op::SaltAndPepper(SaltAndPepper { probability, .. })
            | Op::GridNoise(GridNoise { probability, .. }) => *probability,
            _ => 1.0,
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
            Op::MedianBlur(MedianBlur { size }) if size % 2 == 0 => {
                Some(("size", format!("a neighbourhood has a middle: an odd size, not {size}")))
            }
            _ => None,
        }
    }
}
