//! Random square parts of real images.

use pipeline::recipe::RealisticPatches;
use tch::Tensor;

use super::super::draws::{self, Use};
use super::super::real::Real;
use crate::randomness::Stream;

/// A square part of a real image, in pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Crop {
    pub class: usize,
    /// Place in the split.
    pub image: usize,
    pub top: i64,
    pub left: i64,
    pub side: i64,
}

impl Crop {
    fn draw(class: usize, image: usize, side: i64, smallest_share: f64, random: &mut Stream) -> Crop {
        let share = random.between(smallest_share, 1.0);
        let own = ((share.sqrt() * side as f64).round() as i64).clamp(1, side);
        let (top, left) = (random.integer(0, side - own), random.integer(0, side - own));
        Crop { class, image, top, left, side: own }
    }

    /// What it shows of the image `[1, 3, h, w]`, at another size: bilinear, with antialiasing where it gets smaller.
    pub fn of(&self, image: &Tensor, size: [i64; 2]) -> Tensor {
        let part = image.narrow(2, self.top, self.side).narrow(3, self.left, self.side);
        part.contiguous().internal_upsample_bilinear2d_aa(size, false, None, None)
    }
}

/// Every crop that is looked at: class by class, then image by image. Each depends on (seed, image, number) alone.
pub fn all(real: &Real, settings: &RealisticPatches, seed: u64) -> Vec<Crop> {
    let side = real.size()[0] as i64;
    let of_image = |class: usize, image: usize| {
        (0..settings.crops).map(move |number| {
            let seed = draws::seed(seed, Use::Crop, &[image as u64, number.into()]);
            Crop::draw(class, image, side, settings.smallest_share, &mut Stream::new(seed, &[]))
        })
    };
    let of_class = |(class, places): (usize, &Vec<usize>)| {
        let seed = draws::seed(seed, Use::Choice, &[class as u64]);
        let images = draws::some_of(places, settings.real_images as usize, seed);
        images.into_iter().flat_map(move |image| of_image(class, image)).collect::<Vec<Crop>>()
    };
    real.by_class.iter().enumerate().flat_map(of_class).collect()
}
