//! Saturation: p ← y + f·(p - y).

use super::image::{Image, luminance_of};
use super::random::Random;
use super::stretch::{draw, stretch};
use super::vectors::Vectors;
use crate::recipe::Saturation;

/// Moves every channel away from, or towards, the pixel's own luminance y (0.299 R + 0.587 G + 0.114 B); f is drawn
/// evenly from [1 - by, 1 + by] in steps of 1/8192. Within 1 of Pillow's `ImageEnhance.Color`.
pub fn apply(settings: &Saturation, image: &mut Image, vectors: Vectors, random: &mut Random) {
    let factor = draw(settings.by, random);
    #[cfg(target_arch = "x86_64")]
    if vectors.has_avx2() {
        // The processor has what the function is compiled for.
        return unsafe { avx2::stretch_colours(&mut image.pixels, factor) };
    }
    let _ = vectors;
    stretch_colours(&mut image.pixels, factor);
}

fn stretch_colours(levels: &mut [u8], factor: i16) {
    for pixel in levels.as_chunks_mut::<3>().0 {
        let luminance = luminance_of(*pixel);
        *pixel = pixel.map(|level| stretch(level, luminance, factor));
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::super::stretch::avx2::{eight_pixels, luminance_of_eight, stretched};
    use super::super::x86::store16;

    #[target_feature(enable = "avx2")]
    pub fn stretch_colours(levels: &mut [u8], factor: i16) {
        let factors = _mm256_set1_epi16(factor);
        let mut at = 0;
        while let Some(bytes) = levels[at..].first_chunk_mut::<28>() {
            let changed = eight_changed(eight_pixels(bytes), factors);
            // Not a byte is written that is read later: that would have to wait for the writing.
            store16(
                bytes.first_chunk_mut().expect("28 bytes begin with 16"),
                _mm256_castsi256_si128(changed),
            );
            let last = _mm_cvtsi128_si64(_mm256_extracti128_si256::<1>(changed));
            bytes[16..24].copy_from_slice(&last.to_le_bytes());
            at += 24;
        }
        super::stretch_colours(&mut levels[at..], factor);
    }

    /// Of four pixels at the beginning of each lane; the eight come out next to each other.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn eight_changed(pixels: __m256i, factors: __m256i) -> __m256i {
        let thrice = _mm_setr_epi8(0, 0, 0, 4, 4, 4, 8, 8, 8, 12, 12, 12, -1, -1, -1, -1);
        let thrice = _mm256_broadcastsi128_si256(thrice);
        let centres = _mm256_shuffle_epi8(luminance_of_eight(pixels), thrice);
        let together = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 6, 6);
        _mm256_permutevar8x32_epi32(stretched(pixels, centres, factors), together)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use crate::recipe::Strength;

    #[test]
    fn grey_stays_and_colour_moves_about_its_luminance() {
        for seed in 0..20 {
            let mut image = Image::new(2, 1, vec![90, 90, 90, 150, 100, 50]).unwrap();
            let settings = Saturation { by: 0.5.into(), ..Default::default() };
            apply(&settings, &mut image, Vectors::best(), &mut Random::at([seed, 0, 0, 0]));
            assert_eq!(image.pixels[..3], [90; 3]);
            let after = [image.pixels[3], image.pixels[4], image.pixels[5]];
            assert!(luminance_of(after).abs_diff(luminance_of([150, 100, 50])) <= 1, "{after:?}");
            assert!(after[0] >= after[1] && after[1] >= after[2]);
        }
    }

    #[test]
    fn results_are_within_1_of_pillows() {
        // Pillow cuts off what is behind the point, and this rounds.
        for (by, wanted) in [-0.5, 0.5].into_iter().zip(fixtures::SATURATION) {
            let mut image = fixtures::colour();
            let settings = Saturation { by: Strength::Between([by; 2]), ..Default::default() };
            apply(&settings, &mut image, Vectors::best(), &mut Random::at([0; 4]));
            assert!(fixtures::largest_difference(&image.pixels, wanted) <= 1, "{by}");
            assert!(image.pixels != fixtures::colour().pixels);
        }
    }
}
