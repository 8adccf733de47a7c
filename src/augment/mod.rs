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
mod grey;
mod grid_noise;
mod horizontal_flip;
mod image;
mod kernel;
mod lanes;
mod letters;
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
#[cfg(target_arch = "x86_64")]
mod x86;

pub use image::{Image, Spare};
pub use random::Random;
pub use sheet::sheet;
pub use stage::augment;
#[cfg(test)]
use tests::every_op;
pub use vectors::Vectors;

use crate::recipe::Op;

/// Applies one augmentation in place, or not, as its probability has it. The result depends on the picture, the
/// settings and `random` alone, whatever instructions `spare` allows.
pub fn apply(op: &Op, image: &mut Image, spare: &mut Spare, random: &mut Random) {
    if occurs(op, random) {
        work(op, image, spare, random);
    }
}

/// Whether the image is changed at all; what is certain takes nothing from the stream.
fn occurs(op: &Op, random: &mut Random) -> bool {
    op.probability() >= 1.0 || random.chance(op.probability())
}

fn work(op: &Op, image: &mut Image, spare: &mut Spare, random: &mut Random) {
    if image.pixels.is_empty() {
        return;
    }
    let vectors = spare.vectors;
    match op {
        Op::Brightness(settings) => brightness::apply(settings, image, vectors, random),
        Op::Contrast(settings) => contrast::apply(settings, image, vectors, random),
        Op::Saturation(settings) => saturation::apply(settings, image, vectors, random),
        Op::HorizontalFlip(_) => horizontal_flip::apply(image, spare),
        Op::GaussianNoise(settings) => gaussian_noise::apply(settings, image, vectors, random),
        Op::MedianBlur(settings) => median_blur::apply(settings, image, spare, random),
        Op::AdaptiveHistogramEqualisation(settings) => {
            adaptive_histogram_equalisation::apply(settings, image, spare, random);
        }
        Op::BitmapCompression(settings) => bitmap_compression::apply(settings, image, spare, random),
        Op::Edges(settings) => edges::apply(settings, image, spare, random),
        Op::SaltAndPepper(settings) => salt_and_pepper::apply(settings, image, vectors, random),
        Op::GridNoise(settings) => grid_noise::apply(settings, image, random),
    }
}
