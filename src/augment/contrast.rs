//! Contrast: p ← m + f·(p - m).

use super::image::luminance_of;
use super::random::Random;
use super::stretch::{draw, stretch_about};
use super::vectors::Vectors;
use crate::recipe::Contrast;

/// Moves every channel away from, or towards, the image's mean luminance m, rounded to a grey level (as Pillow's
/// `ImageEnhance.Contrast` has it); f is drawn evenly from [1 - by, 1 + by] in steps of 1/8192.
pub fn apply(settings: &Contrast, from: &[u8], to: &mut [u8], vectors: Vectors, random: &mut Random) {
    let factor = draw(settings.by, random);
    let count = (from.len() / 3).max(1) as u64;
    let mean = ((sum_of_luminance(from, vectors) + count / 2) / count) as u8;
    stretch_about(from, to, (mean, factor), vectors);
}

fn sum_of_luminance(levels: &[u8], vectors: Vectors) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if vectors.has_avx512() {
        // The processor has what the function is compiled for.
        return unsafe { avx512::sum_of_luminance(levels) };
    } else if vectors.has_avx2() {
        // The processor has what the function is compiled for.
        return unsafe { avx2::sum_of_luminance(levels) };
    }
    let _ = vectors;
    sum_of_luminance_plain(levels)
}

fn sum_of_luminance_plain(levels: &[u8]) -> u64 {
    levels.as_chunks::<3>().0.iter().map(|&pixel| u64::from(luminance_of(pixel))).sum()
}

/// Bytes whose luminance is summed in 32 bits before it is added to 64: 255 for each of 2^20 pixels stays below 2^32.
#[cfg(target_arch = "x86_64")]
const PIECE: usize = 3 << 20;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::super::stretch::avx2::{eight_pixels, luminance_of_eight};
    use super::{PIECE, sum_of_luminance_plain};

    #[target_feature(enable = "avx2")]
    pub fn sum_of_luminance(levels: &[u8]) -> u64 {
        levels.chunks(PIECE).map(|piece| sum_of_piece(piece)).sum()
    }

    #[target_feature(enable = "avx2")]
    fn sum_of_piece(levels: &[u8]) -> u64 {
        let (mut sums, mut at) = (_mm256_setzero_si256(), 0);
        while let Some(bytes) = levels[at..].first_chunk::<28>() {
            sums = _mm256_add_epi32(sums, luminance_of_eight(eight_pixels(bytes)));
            at += 24;
        }
        let mut lanes = [0_u8; 32];
        super::super::x86::store32(&mut lanes, sums);
        let lanes = lanes.as_chunks::<4>().0.iter().map(|lane| u64::from(u32::from_le_bytes(*lane)));
        lanes.sum::<u64>() + sum_of_luminance_plain(&levels[at..])
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::{PIECE, sum_of_luminance_plain};

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn sum_of_luminance(levels: &[u8]) -> u64 {
        levels.chunks(PIECE).map(|piece| sum_of_piece(piece)).sum()
    }

    /// 16 pixels at a time: red and green as pairs of 16 bits, blue as 32.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn sum_of_piece(levels: &[u8]) -> u64 {
        let red_green: [u8; 64] = std::array::from_fn(|byte| (byte / 4 * 3 + byte % 4 / 2) as u8);
        let blue: [u8; 64] = std::array::from_fn(|byte| (byte / 4 * 3 + 2) as u8);
        // 64 bytes may be read where they are, on any boundary.
        let [red_green, blue] =
            [&red_green, &blue].map(|at| unsafe { _mm512_loadu_epi8(at.as_ptr().cast()) });
        let (weights, weight) = (_mm512_set1_epi32(19_235 << 16 | 9_798), _mm512_set1_epi32(3_735));
        let half = _mm512_set1_epi32(1 << 14);
        let (mut sums, mut at) = (_mm512_setzero_si512(), 0);
        while let Some(bytes) = levels[at..].first_chunk::<64>() {
            let pixels = unsafe { _mm512_loadu_epi8(bytes.as_ptr().cast()) };
            // Of each four bytes the first and third, or the first alone, are taken; the others are zero.
            let pairs = _mm512_maskz_permutexvar_epi8(0x5555_5555_5555_5555, red_green, pixels);
            let blues = _mm512_maskz_permutexvar_epi8(0x1111_1111_1111_1111, blue, pixels);
            let weighted =
                _mm512_add_epi32(_mm512_madd_epi16(pairs, weights), _mm512_madd_epi16(blues, weight));
            sums = _mm512_add_epi32(sums, _mm512_srli_epi32::<15>(_mm512_add_epi32(weighted, half)));
            at += 48;
        }
        _mm512_reduce_add_epi32(sums) as u32 as u64 + sum_of_luminance_plain(&levels[at..])
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use crate::recipe::Strength;

    #[test]
    fn levels_keep_their_order_about_the_mean_and_the_mean_stays() {
        for seed in 0..20 {
            let (from, mut to) = ([60, 60, 60, 120, 120, 120, 180, 180, 180], [0; 9]);
            let settings = Contrast { by: 0.5.into(), ..Default::default() };
            apply(&settings, &from, &mut to, Vectors::best(), &mut Random::at([seed, 0, 0, 0]));
            let [low, mean, high] = [to[0], to[3], to[6]];
            assert_eq!(mean, 120);
            assert!(low < 120 && high > 120 && (high - 120).abs_diff(120 - low) <= 1, "{low} {high}");
            assert!((90..=150).contains(&high) || (150..=210).contains(&high));
        }
    }

    #[test]
    fn the_sum_of_luminance_is_the_same_on_every_path() {
        for len in [0, 3, 24, 27, 30, 48, 3 * 1000] {
            let levels: Vec<u8> = (0..len).map(|i| (i * 37 % 256) as u8).collect();
            for vectors in Vectors::all() {
                assert_eq!(sum_of_luminance(&levels, vectors), sum_of_luminance_plain(&levels), "{len}");
            }
        }
    }

    #[test]
    fn results_are_within_1_of_pillows() {
        // Pillow cuts off what is behind the point, and this rounds.
        for (by, wanted) in [-0.5, 0.5].into_iter().zip(fixtures::CONTRAST) {
            let (from, mut to) = (fixtures::colour().pixels, fixtures::colour().pixels);
            let settings = Contrast { by: Strength::Between([by; 2]), ..Default::default() };
            apply(&settings, &from, &mut to, Vectors::best(), &mut Random::at([0; 4]));
            assert!(fixtures::largest_difference(&to, wanted) <= 1, "{by}");
            assert!(to != from);
        }
    }
}
