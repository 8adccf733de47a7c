//! Horizontal flip: column x takes the place of column width - 1 - x.

use super::image::Picture;
use super::vectors::Vectors;

/// Mirrors the image left to right. Equal to OpenCV's `flip(image, 1)`.
pub fn apply(from: Picture, to: &mut [u8], vectors: Vectors) {
    let rows = from.pixels.chunks_exact(from.stride()).zip(to.chunks_exact_mut(from.stride()));
    #[cfg(target_arch = "x86_64")]
    if vectors.has_avx512() {
        // The processor has what the function is compiled for.
        return rows.for_each(|(from, to)| unsafe { x86::reverse_avx512(from, to) });
    } else if vectors.has_avx2() {
        // The processor has what the function is compiled for.
        return rows.for_each(|(from, to)| unsafe { x86::reverse_avx2(from, to) });
    }
    let _ = vectors;
    rows.for_each(|(from, to)| reverse(from, to));
}

/// The pixels of `from` in reverse into `to`, equally long.
fn reverse(from: &[u8], to: &mut [u8]) {
    let pixels = from.as_chunks::<3>().0.iter().rev();
    to.as_chunks_mut::<3>().0.iter_mut().zip(pixels).for_each(|(to, from)| *to = *from);
}

/// The same, where the first bytes of `from` have been taken.
#[cfg(target_arch = "x86_64")]
fn reverse_but(taken: usize, from: &[u8], to: &mut [u8]) {
    let free = to.len() - taken;
    reverse(&from[taken..], &mut to[..free]);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! From the left of one row to the right of the other, a vector for the whole pixels that it holds; the bytes that it
    //! holds of further ones are stored where the next vector's pixels will be. 64 bytes at a time took longer than 32: each
    //! store then crosses a cache line.

    use std::arch::x86_64::*;

    /// The pixels of `from` in reverse into `to`, equally long, 15 bytes at a time.
    #[target_feature(enable = "avx2")]
    pub fn reverse_avx2(from: &[u8], to: &mut [u8]) {
        const WHOLE: usize = 15;
        assert_eq!(from.len(), to.len());
        let order = _mm_setr_epi8(15, 12, 13, 14, 9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2);
        let blocks = from.len().saturating_sub(1) / WHOLE;
        for block in 0..blocks {
            // WHOLE · blocks < len: 16 bytes from `block * WHOLE` on, and as many before the mirrored place, are inside.
            unsafe {
                let pixels = _mm_loadu_si128(from.as_ptr().add(block * WHOLE).cast());
                let place = to.as_mut_ptr().add(to.len() - block * WHOLE - 16);
                _mm_storeu_si128(place.cast(), _mm_shuffle_epi8(pixels, order));
            }
        }
        super::reverse_but(blocks * WHOLE, from, to);
    }

    /// The same, 30 bytes at a time.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub fn reverse_avx512(from: &[u8], to: &mut [u8]) {
        const WHOLE: usize = 30;
        assert_eq!(from.len(), to.len());
        let order: [u8; 32] = std::array::from_fn(|byte| match byte {
            0 | 1 => 30 + byte as u8,
            _ => (27 - (byte - 2) / 3 * 3 + (byte - 2) % 3) as u8,
        });
        let order = super::super::x86::load32(&order);
        let blocks = from.len().saturating_sub(2) / WHOLE;
        for block in 0..blocks {
            // WHOLE · blocks + 2 ≤ len: 32 bytes from `block * WHOLE` on, and as many before the mirrored place, are inside.
            unsafe {
                let pixels = _mm256_loadu_si256(from.as_ptr().add(block * WHOLE).cast());
                let place = to.as_mut_ptr().add(to.len() - block * WHOLE - 32);
                _mm256_storeu_si256(place.cast(), _mm256_permutexvar_epi8(order, pixels));
            }
        }
        super::reverse_but(blocks * WHOLE, from, to);
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::Vectors;
    use super::super::{Image, Random, Spare, apply as apply_op, fixtures};
    use super::*;
    use crate::recipe::{HorizontalFlip, Op};

    fn flipped(image: &Image, vectors: Vectors) -> Vec<u8> {
        let mut to = vec![7; image.pixels.len()];
        apply(image.as_picture(), &mut to, vectors);
        to
    }

    #[test]
    fn columns_change_places_and_rows_do_not() {
        let image = Image::new(2, 2, (0..12).collect()).unwrap();
        assert_eq!(flipped(&image, Vectors::best()), [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
    }

    #[test]
    fn every_width_is_mirrored_on_every_path() {
        for width in 1..=130 {
            let image = fixtures::noise(width, 3);
            for vectors in Vectors::all() {
                let seen = flipped(&image, vectors);
                for (index, pixel) in seen.as_chunks::<3>().0.iter().enumerate() {
                    let (y, x) = (index / width, index % width);
                    let from = (y * width + width - 1 - x) * 3;
                    assert_eq!(pixel, &image.pixels[from..from + 3], "{} {width}: {x}, {y}", vectors.name());
                }
            }
        }
    }

    #[test]
    fn half_of_the_images_flip_at_a_probability_of_a_half() {
        let flips = (0..2000).filter(|&index| {
            let mut image = Image::new(2, 1, (0..6).collect()).unwrap();
            let flip = Op::HorizontalFlip(HorizontalFlip { probability: 0.5 });
            apply_op(&flip, &mut image, &mut Spare::default(), &mut Random::at([0, index, 0, 0]));
            image.pixels[0] == 3
        });
        assert!(flips.count().abs_diff(1000) < 100);
    }

    #[test]
    fn results_are_opencvs() {
        assert!(flipped(&fixtures::colour(), Vectors::best()) == fixtures::FLIPPED);
    }
}
