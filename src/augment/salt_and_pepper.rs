//! Salt and pepper: a share of the pixels, drawn independently, becomes white or black.

use super::image::Image;
use super::lanes::{LANES, Lanes};
use super::random::Random;
use super::vectors::Vectors;
use crate::recipe::SaltAndPepper;

/// Shares are in 1/65,536.
const SHARE_STEPS: u32 = 1 << 16;

/// Pixels that share a word: one bit each.
const GROUP: usize = 64;

/// Words for eight groups: eight for the draws of each group, one for its colours.
const WORDS: usize = 8 * GROUP / 8 + 8;

/// Each pixel changes with probability `share` (rounded to 1/65,536), half of those to white and half to black.
///
/// A pixel draws a byte; only where that leaves it undecided, once in 256 times, does it draw another. Bytes and
/// colours are from [`Lanes`], the other bytes from the stream of the image, which also seeds the lanes.
pub fn apply(settings: &SaltAndPepper, image: &mut Image, vectors: Vectors, random: &mut Random) {
    let share = random.steps_between(settings.share.ends(), SHARE_STEPS) as u32;
    let mut lanes = Lanes::new(random.bits());
    let mut words = [[0; LANES]; WORDS / LANES];
    for pixels in image.pixels.as_chunks_mut::<3>().0.chunks_mut(8 * GROUP) {
        lanes.fill(&mut words, vectors);
        let (colours, draws) = words.as_flattened().split_at(8);
        let groups = pixels.chunks_mut(GROUP).zip(draws.as_chunks::<8>().0.iter().zip(colours));
        for (pixels, (draws, colours)) in groups {
            let changed = changed(draws, share, vectors, random);
            strew(pixels, changed, *colours);
        }
    }
}

/// A bit for each of 64 draws: whether its pixel changes.
fn changed(draws: &[u64; 8], share: u32, vectors: Vectors, random: &mut Random) -> u64 {
    let (mut changed, mut undecided) = compared(draws, share >> 8, vectors);
    while undecided != 0 {
        let bit = undecided & undecided.wrapping_neg();
        undecided ^= bit;
        if random.bits() >> 56 < u64::from(share & 0xff) {
            changed |= bit;
        }
    }
    changed
}

/// Which of 64 bytes are less than `bound` (at most 256), and which equal it.
fn compared(draws: &[u64; 8], bound: u32, vectors: Vectors) -> (u64, u64) {
    #[cfg(target_arch = "x86_64")]
    if vectors.has_avx2() {
        // The processor has what the function is compiled for.
        return unsafe { avx2::compared(draws, bound) };
    }
    let _ = vectors;
    compared_plain(draws, bound)
}

fn compared_plain(draws: &[u64; 8], bound: u32) -> (u64, u64) {
    let bytes = draws.iter().flat_map(|draw| draw.to_le_bytes()).enumerate();
    bytes.fold((0, 0), |(less, equal), (place, byte)| {
        let byte = u32::from(byte);
        (less | u64::from(byte < bound) << place, equal | u64::from(byte == bound) << place)
    })
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx2")]
    pub fn compared(draws: &[u64; 8], bound: u32) -> (u64, u64) {
        if bound > 255 {
            return (u64::MAX, 0);
        }
        let bound = _mm256_set1_epi8(bound as u8 as i8);
        let half = |words: &[u64; 4]| {
            let [a, b, c, d] = words.map(|word| word as i64);
            let bytes = _mm256_setr_epi64x(a, b, c, d);
            let equal = _mm256_cmpeq_epi8(bytes, bound);
            // Unsigned: the greater of both is the byte where it is not less.
            let not_less = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, bound), bytes);
            (!_mm256_movemask_epi8(not_less) as u32, _mm256_movemask_epi8(equal) as u32)
        };
        let (low, high) = draws.split_at(4);
        let (low, high) = (low.as_array().map(half), high.as_array().map(half));
        let ((less, equal), (less_high, equal_high)) = low.zip(high).expect("eight words are four and four");
        (u64::from(less) | u64::from(less_high) << 32, u64::from(equal) | u64::from(equal_high) << 32)
    }
}

/// Makes the pixels of `changed` white where `colours` has a bit set, and else black.
fn strew(pixels: &mut [[u8; 3]], mut changed: u64, colours: u64) {
    if pixels.len() < GROUP {
        changed &= (1 << pixels.len()) - 1;
    }
    while changed != 0 {
        let place = changed.trailing_zeros();
        changed &= changed - 1;
        let white = (colours >> place & 1) as u8;
        pixels[place as usize] = [white.wrapping_neg(); 3];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(share: f64) -> [f64; 3] {
        let mut image = Image::new(400, 250, vec![100; 300_000]).unwrap();
        let settings = SaltAndPepper { share: share.into(), ..Default::default() };
        apply(&settings, &mut image, Vectors::best(), &mut Random::at([5; 4]));
        let pixels = image.pixels.as_chunks::<3>().0;
        [[0; 3], [100; 3], [255; 3]].map(|wanted| {
            pixels.iter().filter(|pixel| **pixel == wanted).count() as f64 / pixels.len() as f64
        })
    }

    #[test]
    fn the_share_asked_for_changes_half_to_white_and_half_to_black() {
        for share in [0.002, 0.04, 0.3] {
            let [black, kept, white] = shares(share);
            // Four standard deviations of a count of 100,000 draws.
            let near = 4.0 * (share / 2.0 / 100_000.0).sqrt();
            assert!(
                (black - share / 2.0).abs() < near && (white - share / 2.0).abs() < near,
                "{black} {white}"
            );
            assert!((black + kept + white - 1.0).abs() < 1e-9, "a pixel is neither kept nor black nor white");
        }
    }

    #[test]
    fn a_share_of_0_changes_nothing_and_a_share_of_1_everything() {
        assert_eq!(shares(0.0)[1], 1.0);
        assert_eq!(shares(1.0)[1], 0.0);
    }

    #[test]
    fn neighbours_and_pixels_of_other_groups_change_independently() {
        let mut image = Image::new(512, 400, vec![100; 512 * 400 * 3]).unwrap();
        let settings = SaltAndPepper { share: 0.5.into(), ..Default::default() };
        apply(&settings, &mut image, Vectors::best(), &mut Random::at([8; 4]));
        let signs: Vec<f64> = image
            .pixels
            .chunks(3)
            .map(|p| if p[0] == 100 { 0.0 } else { f64::from(p[0]) / 127.5 - 1.0 })
            .collect();
        for lag in [1, 2, 8, 63, 64, 512] {
            for signs in [&signs, &signs.iter().map(|x| 4.0 * x.abs() - 2.0).collect::<Vec<_>>()] {
                let products: f64 = signs.iter().zip(&signs[lag..]).map(|(a, b)| a * b).sum();
                let power: f64 = signs.iter().map(|a| a * a).sum();
                assert!((products / power).abs() < 0.01, "lag {lag}: {}", products / power);
            }
        }
    }

    #[test]
    fn of_all_pairs_of_bytes_exactly_the_share_changes_a_pixel() {
        for share in [0, 1, 255, 256, 2621, 32_768, 65_281, 65_535, 65_536_u32] {
            let (mut less, mut equal) = (0, 0);
            for first in (0..=255).step_by(8) {
                let bytes = u64::from_le_bytes(std::array::from_fn(|i| first + i as u8));
                let seen = compared_plain(&[bytes; 8], share >> 8);
                less += seen.0.count_ones() / 8;
                equal += seen.1.count_ones() / 8;
            }
            assert_eq!(less * 256 + equal * (share & 0xff), share);
        }
    }

    #[test]
    fn bytes_are_compared_alike_on_every_path() {
        let mut lanes = Lanes::new(3);
        let mut words = [[0; LANES]; 200];
        lanes.fill(&mut words, Vectors::NONE);
        for (draws, bound) in words.iter().zip((0..=256).step_by(3).chain([1, 127, 128, 255, 256])) {
            for vectors in Vectors::all() {
                assert_eq!(compared(draws, bound, vectors), compared_plain(draws, bound), "{bound}");
            }
        }
    }
}
