//! Saturation: p ← y + f·(p - y).

use super::image::luminance_of;
use super::random::Random;
use super::stretch::{draw, stretch};
use super::vectors::Vectors;
use crate::recipe::Saturation;

/// Moves every channel away from, or towards, the pixel's own luminance y (0.299 R + 0.587 G + 0.114 B); f is drawn
/// evenly from [1 - by, 1 + by] in steps of 1/8192. Within 1 of Pillow's `ImageEnhance.Color`.
pub fn apply(settings: &Saturation, from: &[u8], to: &mut [u8], vectors: Vectors, random: &mut Random) {
    let factor = draw(settings.by, random);
    #[cfg(target_arch = "x86_64")]
    if vectors.has_avx2() {
        // The processor has what the function is compiled for.
        return unsafe { avx2::stretch_colours(from, to, factor) };
    }
    let _ = vectors;
    stretch_colours(from, to, factor);
}

fn stretch_colours(from: &[u8], to: &mut [u8], factor: i16) {
    for (to, from) in to.as_chunks_mut::<3>().0.iter_mut().zip(from.as_chunks::<3>().0) {
        let luminance = luminance_of(*from);
        *to = from.map(|level| stretch(level, luminance, factor));
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::super::stretch::avx2::{eight_pixels, luminance_of_eight, stretched};
    use super::super::x86::store32;

    #[target_feature(enable = "avx2")]
    pub fn stretch_colours(from: &[u8], to: &mut [u8], factor: i16) {
        let factors = _mm256_set1_epi16(factor);
        let mut at = 0;
        // What is written past the eight pixels is written anew by the next eight, or by the rest.
        while let (Some(bytes), Some(out)) =
            (from[at..].first_chunk::<28>(), to[at..].first_chunk_mut::<32>())
        {
            store32(out, eight_changed(eight_pixels(bytes), factors));
            at += 24;
        }
        super::stretch_colours(&from[at..], &mut to[at..], factor);
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
            let (from, mut to) = ([90, 90, 90, 150, 100, 50], [0; 6]);
            let settings = Saturation { by: 0.5.into(), ..Default::default() };
            apply(&settings, &from, &mut to, Vectors::best(), &mut Random::at([seed, 0, 0, 0]));
            assert_eq!(to[..3], [90; 3]);
            let after = [to[3], to[4], to[5]];
            assert!(luminance_of(after).abs_diff(luminance_of([150, 100, 50])) <= 1, "{after:?}");
            assert!(after[0] >= after[1] && after[1] >= after[2]);
        }
    }

    #[test]
    fn results_are_within_1_of_pillows() {
        // Pillow cuts off what is behind the point, and this rounds.
        for (by, wanted) in [-0.5, 0.5].into_iter().zip(fixtures::SATURATION) {
            let (from, mut to) = (fixtures::colour().pixels, fixtures::colour().pixels);
            let settings = Saturation { by: Strength::Between([by; 2]), ..Default::default() };
            apply(&settings, &from, &mut to, Vectors::best(), &mut Random::at([0; 4]));
            assert!(fixtures::largest_difference(&to, wanted) <= 1, "{by}");
            assert!(to != from);
        }
    }
}
