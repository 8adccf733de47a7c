//! Horizontal flip: column x takes the place of column width - 1 - x.

use super::image::Image;
use super::random::Random;
use crate::recipe::HorizontalFlip;

/// Mirrors the image left to right with `probability`.
pub fn apply(settings: &HorizontalFlip, image: &mut Image, random: &mut Random) {
    if random.chance(settings.probability) {
        let pixels = image.pixels.as_chunks_mut::<3>().0;
        pixels.chunks_exact_mut(image.width.max(1)).for_each(<[_]>::reverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_change_places_and_rows_do_not() {
        let mut image = Image::new(2, 2, (0..12).collect()).unwrap();
        apply(&HorizontalFlip { probability: 1.0 }, &mut image, &mut Random::at([0; 4]));
        assert_eq!(image.pixels, [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
    }

    #[test]
    fn half_of_the_images_flip_at_a_probability_of_a_half() {
        let flips = (0..2000).filter(|&index| {
            let mut image = Image::new(2, 1, (0..6).collect()).unwrap();
            apply(&HorizontalFlip { probability: 0.5 }, &mut image, &mut Random::at([0, index, 0, 0]));
            image.pixels[0] == 3
        });
        assert!(flips.count().abs_diff(1000) < 100);
    }
}
