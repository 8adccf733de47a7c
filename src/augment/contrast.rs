//! Contrast: p ← m + f·(p - m).

use super::image::{Image, luminance_of};
use super::random::Random;
use super::stretch::{draw, stretch};
use crate::recipe::Contrast;

/// Moves every channel away from, or towards, the image's mean luminance m, rounded to a grey level (as Pillow's
/// `ImageEnhance.Contrast` has it); f is drawn evenly from [1 - by, 1 + by] in steps of 1/8192.
pub fn apply(settings: &Contrast, image: &mut Image, random: &mut Random) {
    let factor = draw(settings.by, random);
    let pixels = image.pixels.as_chunks::<3>().0;
    let count = pixels.len().max(1) as u64;
    let sum: u64 = pixels.iter().map(|&pixel| u64::from(luminance_of(pixel))).sum();
    let mean = ((sum + count / 2) / count) as u8;
    image.pixels.iter_mut().for_each(|level| *level = stretch(*level, mean, factor));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_keep_their_order_about_the_mean_and_the_mean_stays() {
        for seed in 0..20 {
            let mut image = Image::new(3, 1, vec![60, 60, 60, 120, 120, 120, 180, 180, 180]).unwrap();
            apply(&Contrast { by: 0.5 }, &mut image, &mut Random::at([seed, 0, 0, 0]));
            let [low, mean, high] = [image.pixels[0], image.pixels[3], image.pixels[6]];
            assert_eq!(mean, 120);
            assert!(low < 120 && high > 120 && (high - 120).abs_diff(120 - low) <= 1, "{low} {high}");
            assert!((90..=150).contains(&high) || (150..=210).contains(&high));
        }
    }
}
