//! Horizontal flip: column x takes the place of column width - 1 - x.

use super::image::{Image, Spare};

/// Mirrors the image left to right. Equal to OpenCV's `flip(image, 1)`.
pub fn apply(image: &mut Image, spare: &mut Spare) {
    #[cfg(target_arch = "x86_64")]
    if spare.vectors.has_avx2() {
        // The processor has what the function is compiled for.
        return unsafe { avx2::flip(image, &mut spare.pixels) };
    }
    let _ = spare;
    let width = image.width.max(1);
    image.pixels.as_chunks_mut::<3>().0.chunks_exact_mut(width).for_each(<[_]>::reverse);
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::super::image::Image;
    use super::super::x86::{load16, store16};

    /// `spare` holds a row as it was.
    #[target_feature(enable = "avx2")]
    pub fn flip(image: &mut Image, spare: &mut Vec<u8>) {
        for row in image.pixels.chunks_exact_mut(image.width.max(1) * 3) {
            spare.clear();
            spare.extend_from_slice(row);
            reverse(spare, row);
        }
    }

    /// Five pixels at a time, from the left of `from` to the right of `to`, equally long. 16 bytes are written for the 15 of five
    /// pixels: the first of them belongs to the pixels that come next.
    #[target_feature(enable = "avx2")]
    fn reverse(from: &[u8], to: &mut [u8]) {
        let order = _mm_setr_epi8(15, 12, 13, 14, 9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2);
        let (mut left, mut right) = (0, to.len());
        while let (Some(pixels), Some(place)) = (from[left..].first_chunk(), to[..right].last_chunk_mut()) {
            store16(place, _mm_shuffle_epi8(load16(pixels), order));
            (left, right) = (left + 15, right - 15);
        }
        let rest = from[left..].as_chunks::<3>().0.iter().rev();
        to[..right].as_chunks_mut::<3>().0.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::Vectors;
    use super::super::{Random, apply as apply_op, fixtures};
    use super::*;
    use crate::recipe::{HorizontalFlip, Op};

    #[test]
    fn columns_change_places_and_rows_do_not() {
        let mut image = Image::new(2, 2, (0..12).collect()).unwrap();
        apply(&mut image, &mut Spare::default());
        assert_eq!(image.pixels, [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
    }

    #[test]
    fn every_width_is_mirrored_on_every_path() {
        for width in 1..=70 {
            let image = fixtures::noise(width, 3);
            for vectors in Vectors::all() {
                let mut seen = image.clone();
                apply(&mut seen, &mut Spare { vectors, ..Spare::default() });
                for (index, pixel) in seen.pixels.as_chunks::<3>().0.iter().enumerate() {
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
        let mut image = fixtures::colour();
        apply(&mut image, &mut Spare::default());
        assert!(image.pixels == fixtures::FLIPPED);
    }
}
