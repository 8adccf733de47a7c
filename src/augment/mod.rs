//! The augmentations, one a file, on RGB pictures in memory, and the stage that applies them to an image set.
//!
//! A new augmentation is its settings in `recipe/ops.rs`, a file here and one line in [`apply`].

mod adaptive_histogram_equalisation;
mod bitmap_compression;
mod brightness;
mod canvas;
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

pub use image::{Image, Picture, Spare};
pub use random::Random;
pub use sheet::sheet;
pub use stage::augment;
#[cfg(test)]
use tests::every_op;
pub use vectors::Vectors;

use crate::recipe::Op;
use canvas::Canvas;

/// Applies one augmentation in place, or not, as its probability has it. The result depends on the picture, the
/// settings and `random` alone, whatever instructions `spare` allows.
pub fn apply(op: &Op, image: &mut Image, spare: &mut Spare, random: &mut Random) {
    if occurs(op, random) {
        work(op, Canvas::over(image), spare, random);
    }
}

/// Makes `image` a copy of `original` to which one augmentation is applied, or not: [`apply`] after a copy, in less time.
pub fn apply_to(op: &Op, original: Picture, image: &mut Image, spare: &mut Spare, random: &mut Random) {
    let canvas = Canvas::copy_of(original, image);
    if occurs(op, random) {
        work(op, canvas, spare, random);
    } else {
        canvas.in_place();
    }
}

/// Whether the image is changed at all; what is certain takes nothing from the stream.
fn occurs(op: &Op, random: &mut Random) -> bool {
    op.probability() >= 1.0 || random.chance(op.probability())
}

fn work(op: &Op, canvas: Canvas, spare: &mut Spare, random: &mut Random) {
    if canvas.is_empty() {
        canvas.in_place();
        return;
    }
    let vectors = spare.vectors;
    match op {
        Op::Brightness(settings) => {
            canvas.redraw(spare, |from, to, _| brightness::apply(settings, from.pixels, to, vectors, random))
        }
        Op::Contrast(settings) => {
            canvas.redraw(spare, |from, to, _| contrast::apply(settings, from.pixels, to, vectors, random));
        }
        Op::Saturation(settings) => {
            canvas.redraw(spare, |from, to, _| saturation::apply(settings, from.pixels, to, vectors, random))
        }
        Op::HorizontalFlip(_) => {
            canvas.redraw(spare, |from, to, _| horizontal_flip::apply(from, to, vectors));
        }
        Op::GaussianNoise(settings) => {
            gaussian_noise::apply(settings, canvas.in_place(), vectors, random);
        }
        Op::MedianBlur(settings) => {
            canvas.redraw(spare, |from, to, spare| median_blur::apply(settings, from, to, spare, random));
        }
        Op::AdaptiveHistogramEqualisation(settings) => {
            adaptive_histogram_equalisation::apply(settings, canvas.in_place(), spare, random);
        }
        Op::BitmapCompression(settings) => bitmap_compression::apply(settings, canvas, spare, random),
        Op::Edges(settings) => edges::apply(settings, canvas.in_place(), spare, random),
        Op::SaltAndPepper(settings) => {
            salt_and_pepper::apply(settings, canvas.in_place(), vectors, random);
        }
        Op::GridNoise(settings) => grid_noise::apply(settings, canvas.in_place(), random),
    }
}
