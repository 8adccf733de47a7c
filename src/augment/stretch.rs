//! Distances from a centre, made longer or shorter: what contrast and saturation share.

use super::random::Random;
use super::vectors::Vectors;
use crate::recipe::Strength;

/// Factors are in 1/8192: those up to 2 then fit 16 bits, as vector instructions want them.
const FRACTION_BITS: u32 = 13;

/// A factor drawn evenly from [1 - by, 1 + by], `by` in 0..1, or from 1 + the ends of a range in -1..1.
pub fn draw(by: Strength, random: &mut Random) -> i16 {
    let one = 1 << FRACTION_BITS;
    (one + random.steps_between(by.ends_either_way(), one as u32)) as i16
}

/// centre + factor · (level - centre), rounded and saturated.
pub fn stretch(level: u8, centre: u8, factor: i16) -> u8 {
    let distance = i32::from(level) - i32::from(centre);
    let moved = (distance * i32::from(factor) + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS;
    (i32::from(centre) + moved).clamp(0, 255) as u8
}

/// [`stretch`] of all levels of `from` about one centre into `to`, by a factor in 0..=2.
pub fn stretch_about(from: &[u8], to: &mut [u8], about: (u8, i16), vectors: Vectors) {
    #[cfg(target_arch = "x86_64")]
    if vectors.has_avx512() {
        // The processor has what the function is compiled for.
        return unsafe { avx512::stretch_about(from, to, about) };
    } else if vectors.has_avx2() {
        // The processor has what the function is compiled for.
        return unsafe { avx2::stretch_about(from, to, about) };
    }
    let _ = vectors;
    stretch_each(from, to, about);
}

fn stretch_each(from: &[u8], to: &mut [u8], (centre, factor): (u8, i16)) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = stretch(*from, centre, factor));
}

#[cfg(target_arch = "x86_64")]
pub mod avx2 {
    use std::arch::x86_64::*;

    use super::super::x86::{load16, load32, store32};

    #[target_feature(enable = "avx2")]
    pub fn stretch_about(from: &[u8], to: &mut [u8], (centre, factor): (u8, i16)) {
        let factors = _mm256_set1_epi16(factor);
        let centres = _mm256_set1_epi8(centre as i8);
        let ((from, from_rest), (to, rest)) = (from.as_chunks::<32>(), to.as_chunks_mut::<32>());
        for (from, to) in from.iter().zip(to) {
            store32(to, stretched(load32(from), centres, factors));
        }
        super::stretch_each(from_rest, rest, (centre, factor));
    }

    /// Of 32 levels about a centre each. `mulhrs` is (a·b + 2^14) >> 15: with distances times 4, and factors in
    /// 1/8192, that is the rounding of the plain version to the bit.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub fn stretched(levels: __m256i, centres: __m256i, factors: __m256i) -> __m256i {
        let zero = _mm256_setzero_si256();
        let half = |levels: __m256i, centres: __m256i| {
            let distances = _mm256_slli_epi16(_mm256_sub_epi16(levels, centres), 2);
            _mm256_add_epi16(centres, _mm256_mulhrs_epi16(distances, factors))
        };
        let low = half(_mm256_unpacklo_epi8(levels, zero), _mm256_unpacklo_epi8(centres, zero));
        let high = half(_mm256_unpackhi_epi8(levels, zero), _mm256_unpackhi_epi8(centres, zero));
        _mm256_packus_epi16(low, high)
    }

    /// Four pixels at the beginning of each 128-bit lane, and the four bytes that follow them.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub fn eight_pixels(bytes: &[u8; 28]) -> __m256i {
        let first = bytes.first_chunk().expect("28 bytes begin with 16");
        let second = bytes.last_chunk().expect("28 bytes end with 16");
        _mm256_set_m128i(load16(second), load16(first))
    }

    /// The luminance of [`eight_pixels`], four in each lane, 32 bits each; as `luminance_of` rounds it.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub fn luminance_of_eight(pixels: __m256i) -> __m256i {
        let in_both = |lane: __m128i| _mm256_broadcastsi128_si256(lane);
        // -1 puts a zero: red and green as pairs of 16 bits, blue as 32.
        let red_green = in_both(_mm_setr_epi8(0, -1, 1, -1, 3, -1, 4, -1, 6, -1, 7, -1, 9, -1, 10, -1));
        let blue = in_both(_mm_setr_epi8(2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1));
        let weights = _mm256_set1_epi32(19_235 << 16 | 9_798);
        let weighted = _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, red_green), weights);
        let weighted_blue = _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, blue), _mm256_set1_epi32(3_735));
        let sums = _mm256_add_epi32(_mm256_add_epi32(weighted, weighted_blue), _mm256_set1_epi32(1 << 14));
        _mm256_srli_epi32(sums, 15)
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    /// As with AVX2, 64 levels at a time.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub fn stretch_about(from: &[u8], to: &mut [u8], (centre, factor): (u8, i16)) {
        let factors = _mm512_set1_epi16(factor);
        let centres = _mm512_set1_epi16(i16::from(centre));
        let ((from, from_rest), (to, rest)) = (from.as_chunks::<64>(), to.as_chunks_mut::<64>());
        for (from, to) in from.iter().zip(to) {
            // 64 bytes may be read and written where they are, on any boundary.
            let levels = unsafe { _mm512_loadu_epi8(from.as_ptr().cast()) };
            let zero = _mm512_setzero_si512();
            let low = stretched(_mm512_unpacklo_epi8(levels, zero), centres, factors);
            let high = stretched(_mm512_unpackhi_epi8(levels, zero), centres, factors);
            unsafe { _mm512_storeu_epi8(to.as_mut_ptr().cast(), _mm512_packus_epi16(low, high)) };
        }
        super::stretch_each(from_rest, rest, (centre, factor));
    }

    /// Of 16 bits each.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn stretched(levels: __m512i, centres: __m512i, factors: __m512i) -> __m512i {
        let distances = _mm512_slli_epi16::<2>(_mm512_sub_epi16(levels, centres));
        _mm512_add_epi16(centres, _mm512_mulhrs_epi16(distances, factors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_of_0_1_and_2_are_exact_and_saturate() {
        assert_eq!(stretch(200, 100, 0), 100);
        assert_eq!(stretch(200, 100, 1 << FRACTION_BITS), 200);
        assert_eq!(stretch(120, 100, 2 << FRACTION_BITS), 140);
        assert_eq!([stretch(200, 100, 2 << FRACTION_BITS), stretch(20, 100, 2 << FRACTION_BITS)], [255, 0]);
    }

    #[test]
    fn factors_lie_within_their_range_and_reach_towards_both_ends() {
        let mut random = Random::at([3; 4]);
        let drawn: Vec<i16> = (0..1000).map(|_| draw(0.5.into(), &mut random)).collect();
        assert!(drawn.iter().all(|factor| (4096..=12288).contains(factor)));
        assert!(drawn.iter().any(|factor| *factor < 4200) && drawn.iter().any(|factor| *factor > 12184));
        assert_eq!(draw(0.0.into(), &mut random), 8192);
        assert_eq!(draw(Strength::Between([-1.0, -1.0]), &mut random), 0);
    }

    #[test]
    fn every_level_centre_and_many_factors_are_the_same_on_every_path() {
        let all: Vec<u8> = (0..=255).chain(0..13).collect();
        for vectors in Vectors::all() {
            for (centre, factor) in (0..=255).zip((0..=16_384).step_by(64).chain([4095, 8191, 16_383])) {
                let mut seen = vec![0; all.len()];
                stretch_about(&all, &mut seen, (centre, factor), vectors);
                let wanted: Vec<u8> = all.iter().map(|level| stretch(*level, centre, factor)).collect();
                assert_eq!(seen, wanted, "{} {centre} {factor}", vectors.name());
            }
        }
    }
}
