//! Salt and pepper: a share of the pixels, drawn independently, becomes white or black.

use super::image::Image;
use super::random::Random;
use crate::recipe::SaltAndPepper;

/// Each pixel changes with probability `share` (rounded to 1/65,536), half of those to white and half to black.
pub fn apply(settings: &SaltAndPepper, image: &mut Image, random: &mut Random) {
    let changed = (settings.share * 65_536.0).round() as u64;
    let white = changed / 2;
    for pixels in image.pixels.as_chunks_mut::<3>().0.chunks_mut(4) {
        let mut bits = random.bits();
        for pixel in pixels {
            let draw = bits & 0xffff;
            bits >>= 16;
            if draw < changed {
                *pixel = [if draw < white { 255 } else { 0 }; 3];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(share: f64) -> [f64; 3] {
        let mut image = Image::new(400, 250, vec![100; 300_000]).unwrap();
        apply(&SaltAndPepper { share }, &mut image, &mut Random::at([5; 4]));
        let pixels = image.pixels.as_chunks::<3>().0;
        [[0; 3], [100; 3], [255; 3]].map(|wanted| {
            pixels.iter().filter(|pixel| **pixel == wanted).count() as f64 / pixels.len() as f64
        })
    }

    #[test]
    fn the_share_asked_for_changes_half_to_white_and_half_to_black() {
        let [black, kept, white] = shares(0.04);
        assert!((black - 0.02).abs() < 0.002 && (white - 0.02).abs() < 0.002, "{black} {white}");
        assert!((black + kept + white - 1.0).abs() < 1e-9, "a pixel is neither kept nor black nor white");
    }

    #[test]
    fn a_share_of_0_changes_nothing_and_a_share_of_1_everything() {
        assert_eq!(shares(0.0)[1], 1.0);
        assert_eq!(shares(1.0)[1], 0.0);
    }
}
