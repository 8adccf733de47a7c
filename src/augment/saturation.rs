//! Saturation: p ← y + f·(p - y).

use super::image::{Image, luminance_of};
use super::random::Random;
use super::stretch::{draw, stretch};
use crate::recipe::Saturation;

/// Moves every channel away from, or towards, the pixel's own luminance y (0.299 R + 0.587 G + 0.114 B); f is drawn
/// evenly from [1 - by, 1 + by] in steps of 1/8192.
pub fn apply(settings: &Saturation, image: &mut Image, random: &mut Random) {
    let factor = draw(settings.by, random);
    for pixel in image.pixels.as_chunks_mut::<3>().0 {
        let luminance = luminance_of(*pixel);
        *pixel = pixel.map(|level| stretch(level, luminance, factor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_stays_and_colour_moves_about_its_luminance() {
        for seed in 0..20 {
            let mut image = Image::new(2, 1, vec![90, 90, 90, 150, 100, 50]).unwrap();
            apply(&Saturation { by: 0.5 }, &mut image, &mut Random::at([seed, 0, 0, 0]));
            assert_eq!(image.pixels[..3], [90; 3]);
            let after = [image.pixels[3], image.pixels[4], image.pixels[5]];
            assert!(luminance_of(after).abs_diff(luminance_of([150, 100, 50])) <= 1, "{after:?}");
            assert!(after[0] >= after[1] && after[1] >= after[2]);
        }
    }
}
