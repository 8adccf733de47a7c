//! Fewer bits a channel: p ← 255·q / (2^bits - 1), q a number of `bits` bits.

use super::super::canvas::Canvas;
use super::super::image::Spare;
use super::super::kernel::kernel;
use super::diffusion::diffuse;
use crate::recipe::Dither;

/// Thresholds of ordered dithering (Bayer 1973): of every 2^k × 2^k of them, each is as far from the others as can be.
pub const BAYER: [[u8; 8]; 8] = bayer();

/// Each of 0..64 once: bits of x ^ y and y, interleaved from the lowest.
const fn bayer() -> [[u8; 8]; 8] {
    let mut matrix = [[0; 8]; 8];
    let mut place = 0;
    while place < 64 {
        let (x, y) = (place % 8, place / 8);
        let mut bit = 0;
        while bit < 3 {
            let pair = 2 * (((x ^ y) >> bit) & 1) + ((y >> bit) & 1);
            matrix[y][x] |= (pair << (2 * (2 - bit))) as u8;
            bit += 1;
        }
        place += 1;
    }
    matrix
}

/// Keeps `bits` (1..=7) of each channel and spreads the levels left evenly over 0..=255, rounded, so that black stays
/// black and white stays white. q is the highest bits of p; with `Ordered`, p·(2^bits - 1) / 255 plus the threshold of
/// its place, (B + ½) / 64, rounded down; with `FloydSteinberg`, the nearest to p and the errors that reach it.
pub fn reduce(bits: u32, dither: Dither, canvas: Canvas, spare: &mut Spare) {
    let (scale, vectors) = (Scale::of(bits.clamp(1, 7)), spare.vectors);
    match dither {
        Dither::None => canvas.redraw(spare, |from, to, _| truncate(vectors, scale, from.pixels, to)),
        Dither::Ordered => canvas.redraw(spare, |from, to, _| {
            for (y, row) in to.chunks_exact_mut(from.stride()).enumerate() {
                compare(vectors, scale, &scale.thresholds(y), from.row(y), row);
            }
        }),
        Dither::FloydSteinberg => {
            let nearest: [u8; 256] = std::array::from_fn(|level| scale.nearest(level as u16));
            let nearest = |pixel: [u8; 3]| pixel.map(|level| nearest[usize::from(level)]);
            diffuse(canvas.in_place(), &mut spare.errors, nearest);
        }
    }
}

/// How numbers of some bits are spread over 0..=255.
#[derive(Clone, Copy)]
struct Scale {
    bits: u32,
    highest: u16,
    /// 255 / highest in 1/256, in 16 bits for speed.
    step: u16,
    half: u16,
}

impl Scale {
    fn of(bits: u32) -> Scale {
        let highest = (1 << bits) - 1;
        // Of 6 bits, 53 would round down where the division rounds up.
        let half = if bits == 6 { 132 } else { 128 };
        Scale { bits, highest, step: (255 * 256 + highest / 2) / highest, half }
    }

    #[inline(always)]
    fn level(self, number: u16) -> u8 {
        ((number * self.step + self.half) >> 8) as u8
    }

    fn nearest(self, level: u16) -> u8 {
        self.level((level * self.highest + 127) / 255)
    }

    /// What to add to p · highest, so that dividing by 255 rounds up where the remainder reaches the threshold; for
    /// eight pixels of row `y`.
    fn thresholds(self, y: usize) -> [u16; 24] {
        std::array::from_fn(|byte| {
            let bayer = u16::from(BAYER[y % 8][byte / 3]);
            255 - (255 * (127 - 2 * bayer)).div_ceil(128)
        })
    }
}

kernel! {
    fn truncate<LANES>(scale: Scale, from: &[u8], to: &mut [u8]) {
        let drop = 8 - scale.bits;
        to.iter_mut().zip(from).for_each(|(to, from)| *to = scale.level(u16::from(*from) >> drop));
    }
}

kernel! {
    fn compare<LANES>(scale: Scale, thresholds: &[u16; 24], from: &[u8], to: &mut [u8]) {
        for (from, to) in from.chunks(24).zip(to.chunks_mut(24)) {
            for ((from, to), more) in from.iter().zip(to).zip(thresholds) {
                let number = u16::from(*from) * scale.highest + more;
                // Divided by 255, exactly below 65,535.
                *to = scale.level((number + 1 + (number >> 8)) >> 8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::{Image, Vectors, fixtures};
    use super::*;

    fn reduced(vectors: Vectors, bits: u32, dither: Dither, mut image: Image) -> Vec<u8> {
        reduce(bits, dither, Canvas::over(&mut image), &mut Spare { vectors, ..Spare::default() });
        image.pixels
    }

    #[test]
    fn levels_are_the_evenly_spaced_ones_for_every_number_of_bits() {
        for bits in 1..=7 {
            let image = Image::new(256, 1, (0..768).map(|i| (i / 3) as u8).collect()).unwrap();
            let seen = reduced(Vectors::best(), bits, Dither::None, image);
            let highest = f64::from((1 << bits) - 1);
            for level in 0..256_usize {
                let wanted = ((level >> (8 - bits)) as f64 * 255.0 / highest).round() as u8;
                assert_eq!(seen[level * 3], wanted, "level {level} in {bits} bits");
            }
        }
    }

    #[test]
    fn dithered_images_equal_the_formulas_in_numpy() {
        for (bits, ordered, diffused) in fixtures::DITHERED {
            for vectors in Vectors::all() {
                let seen = reduced(vectors, bits, Dither::Ordered, fixtures::colour());
                assert!(seen == ordered, "{bits} bits, ordered, {vectors:?}");
            }
            let seen = reduced(Vectors::best(), bits, Dither::FloydSteinberg, fixtures::colour());
            assert!(seen == diffused, "{bits} bits, diffused");
        }
    }

    #[test]
    fn thresholds_are_64_even_ones() {
        let mut all: Vec<u8> = BAYER.concat();
        assert_eq!(BAYER[0][..4], [0, 32, 8, 40]);
        all.sort_unstable();
        assert!(all.into_iter().eq(0..64));
    }

    #[test]
    fn dithering_keeps_the_mean_of_every_level_and_black_and_white() {
        for dither in [Dither::Ordered, Dither::FloydSteinberg] {
            for level in [0, 3, 40, 100, 127, 200, 254, 255] {
                let image = Image::new(64, 64, vec![level; 64 * 64 * 3]).unwrap();
                let seen = reduced(Vectors::best(), 1, dither, image);
                let mean = seen.iter().map(|level| f64::from(*level)).sum::<f64>() / seen.len() as f64;
                assert!((mean - f64::from(level)).abs() < 2.5, "{dither:?} {level}: {mean}");
                assert!(level % 255 != 0 || seen.iter().all(|seen| *seen == level));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 100 }))]

        #[test]
        fn all_vectors_give_the_same_bytes(width in 1..=150_usize, height in 1..=10_usize, bits in 1..=7_u32) {
            for dither in [Dither::None, Dither::Ordered] {
                let image = fixtures::noise(width, height);
                let plain = reduced(Vectors::NONE, bits, dither, image.clone());
                for vectors in Vectors::all() {
                    prop_assert!(reduced(vectors, bits, dither, image.clone()) == plain, "{:?}", vectors);
                }
            }
        }
    }
}
