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
    let mut places = Places { list: [0; 8 * GROUP + AT_ONCE], len: 0 };
    for pixels in image.pixels.as_chunks_mut().0.chunks_mut(8 * GROUP) {
        lanes.fill(&mut words, vectors);
        places.len = 0;
        choose(words.as_flattened()[8..].as_chunks().0, share, &mut places, vectors, random);
        strew(pixels, &places.list[..places.len], &words[0]);
    }
}

/// Lists the pixels that change, of eight groups.
fn choose(draws: &[[u64; 8]], share: u32, places: &mut Places, vectors: Vectors, random: &mut Random) {
    #[cfg(target_arch = "x86_64")]
    if vectors.has_avx2() {
        // The processor has what the function is compiled for.
        return unsafe { avx2::choose(draws, share, places, random) };
    }
    let _ = vectors;
    choose_by(compared, draws, share, places, random);
}

/// Inlined into both, and compiled for the instructions of each; `compare` is [`compared`] or gives the same.
#[inline(always)]
fn choose_by(
    compare: impl Fn(&[u64; 8], u32) -> (u64, u64),
    draws: &[[u64; 8]],
    share: u32,
    places: &mut Places,
    random: &mut Random,
) {
    for (group, draws) in draws.iter().enumerate() {
        let (less, equal) = compare(draws, share >> 8);
        places.push(group * GROUP, less | decided(equal, share, random));
    }
}

/// Makes pixels white where their bit of `colours` is set, and else black. The last places may lie beyond the image.
fn strew(pixels: &mut [[u8; 3]], places: &[u16], colours: &[u64; 8]) {
    for place in places.iter().map(|place| usize::from(*place)) {
        let white = (colours[place / GROUP % 8] >> (place % GROUP) & 1) as u8;
        if let Some(pixel) = pixels.get_mut(place) {
            *pixel = [white.wrapping_neg(); 3];
        }
    }
}

/// Those of `undecided` that change by a second byte each.
#[inline(always)]
fn decided(mut undecided: u64, share: u32, random: &mut Random) -> u64 {
    let mut changed = 0;
    while undecided != 0 {
        let bit = undecided & undecided.wrapping_neg();
        undecided ^= bit;
        if random.bits() >> 56 < u64::from(share & 0xff) {
            changed |= bit;
        }
    }
    changed
}

/// Places are listed so many at once.
const AT_ONCE: usize = 8;

/// Places of pixels, in ascending order.
struct Places {
    list: [u16; 8 * GROUP + AT_ONCE],
    len: usize,
}

impl Places {
    /// Lists the places of the bits set, from `first` on. Eight are written whether there are as many or not: most groups
    /// have fewer, and a loop whose end cannot be predicted costs more.
    #[inline(always)]
    fn push(&mut self, first: usize, mut bits: u64) {
        let count = bits.count_ones() as usize;
        let end = self.len + count;
        while self.len < end {
            let eight =
                self.list[self.len..].first_chunk_mut::<AT_ONCE>().expect("there is room for a group more");
            for place in eight {
                *place = (first + bits.trailing_zeros() as usize) as u16;
                bits &= bits.wrapping_sub(1);
            }
            self.len += AT_ONCE;
        }
        self.len = end;
    }
}

/// Which of 64 bytes are less than `bound` (at most 256), and which equal it.
fn compared(draws: &[u64; 8], bound: u32) -> (u64, u64) {
    let bytes = draws.iter().flat_map(|draw| draw.to_le_bytes()).enumerate();
    bytes.fold((0, 0), |(less, equal), (place, byte)| {
        let byte = u32::from(byte);
        (less | u64::from(byte < bound) << place, equal | u64::from(byte == bound) << place)
    })
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::super::random::Random;
    use super::{Places, choose_by};

    #[target_feature(enable = "avx2,bmi1,popcnt")]
    pub fn choose(draws: &[[u64; 8]], share: u32, places: &mut Places, random: &mut Random) {
        choose_by(|draws, bound| compared(draws, bound), draws, share, places, random);
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub fn compared(draws: &[u64; 8], bound: u32) -> (u64, u64) {
        if bound > 255 {
            return (u64::MAX, 0);
        }
        let [a, b, c, d, e, f, g, h] = *draws;
        let (less, equal) = half_compared([a, b, c, d], bound);
        let (less_high, equal_high) = half_compared([e, f, g, h], bound);
        (u64::from(less) | u64::from(less_high) << 32, u64::from(equal) | u64::from(equal_high) << 32)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn half_compared([a, b, c, d]: [u64; 4], bound: u32) -> (u32, u32) {
        let bytes = _mm256_setr_epi64x(a as i64, b as i64, c as i64, d as i64);
        let bound = _mm256_set1_epi8(bound as u8 as i8);
        let equal = _mm256_cmpeq_epi8(bytes, bound);
        // Unsigned: the greater of both is the byte where it is not less.
        let not_less = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, bound), bytes);
        (!_mm256_movemask_epi8(not_less) as u32, _mm256_movemask_epi8(equal) as u32)
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
                let seen = compared(&[bytes; 8], share >> 8);
                less += seen.0.count_ones() / 8;
                equal += seen.1.count_ones() / 8;
            }
            assert_eq!(less * 256 + equal * (share & 0xff), share);
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn bytes_are_compared_alike_with_vectors() {
        let mut lanes = Lanes::new(3);
        let mut words = [[0; LANES]; 200];
        lanes.fill(&mut words, Vectors::NONE);
        for (draws, bound) in words.iter().zip((0..=256).step_by(3).chain([1, 127, 128, 255, 256])) {
            if Vectors::best().has_avx2() {
                // The processor has what the function is compiled for.
                assert_eq!(unsafe { avx2::compared(draws, bound) }, compared(draws, bound), "{bound}");
            }
        }
    }
}
