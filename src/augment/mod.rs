//! The augmentations, one a file, on RGB pictures in memory, and the stage that applies them to an image set.
//!
//! A new augmentation is its settings in `recipe/ops.rs`, a file here and one line in [`apply`].

mod adaptive_histogram_equalisation;
mod bitmap_compression;
mod brightness;
mod contrast;
mod copy;
mod edges;
#[cfg(test)]
mod fixtures;
mod gaussian_noise;
mod grid_noise;
mod horizontal_flip;
mod image;
mod kernel;
mod median_blur;
mod normal;
mod random;
mod salt_and_pepper;
mod saturation;
mod sheet;
mod stage;
mod stretch;
#[cfg(test)]
mod tests;
mod vectors;

pub use image::{Image, Spare};
pub use random::Random;
pub use sheet::sheet;
pub use stage::augment;
#[cfg(test)]
use tests::every_op;

use crate::recipe::Op;

/// Applies one augmentation in place. The result depends on the picture, the settings and `random` alone.
pub fn apply(op: &Op, image: &mut Image, spare: &mut Spare, random: &mut Random) {
    if image.pixels.is_empty() {
        return;
    }
    match op {
        Op::Brightness(settings) => brightness::apply(settings, image, random),
        Op::Contrast(settings) => contrast::apply(settings, image, random),
        Op::Saturation(settings) => saturation::apply(settings, image, random),
        Op::HorizontalFlip(settings) => horizontal_flip::apply(settings, image, random),
        Op::GaussianNoise(settings) => gaussian_noise::apply(settings, image, random),
        Op::MedianBlur(settings) => median_blur::apply(settings, image, spare, random),
        Op::AdaptiveHistogramEqualisation(settings) => {
            adaptive_histogram_equalisation::apply(settings, image, spare, random);
        }
        Op::BitmapCompression(settings) => bitmap_compression::apply(settings, image, spare, random),
        Op::Edges(settings) => edges::apply(settings, image, spare, random),
        Op::SaltAndPepper(settings) => salt_and_pepper::apply(settings, image, random),
        Op::GridNoise(settings) => grid_noise::apply(settings, image, random),
    }
}
