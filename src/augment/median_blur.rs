//! Median blur: each channel becomes the median of its square neighbourhood; edge pixels are repeated outwards.

mod bits;
mod block;
mod counts;
mod histogram;
mod network;

pub use histogram::Columns;

use block::dispatch;

use super::image::{Picture, Spare};
use super::random::Random;
use crate::recipe::{MedianBlur, Whole};

/// Neighbourhoods from this size on are done by histograms: measured, those below are faster bit by bit.
const LARGE: usize = 13;
/// Kernels may read a vector past the end of a row.
const PAST_THE_END: usize = 64;

/// The median of the `size` × `size` levels about each pixel, channel by channel; `size` is odd, 3..=255. Equal to
/// OpenCV's `medianBlur`.
pub fn apply(settings: &MedianBlur, from: Picture, to: &mut [u8], spare: &mut Spare, random: &mut Random) {
    // Odd ends halved and drawn between are as evenly drawn odd sizes.
    let radii = Whole::Between(settings.size.ends().map(|size| size / 2));
    blur(2 * random.whole(radii) as usize + 1, from, to, spare);
}

fn blur(size: usize, from: Picture, to: &mut [u8], spare: &mut Spare) {
    match size {
        3 => return by_network::<3>(from, to, spare),
        5 => return by_network::<5>(from, to, spare),
        _ => {}
    }
    let (vectors, stride) = (spare.vectors, from.stride());
    let bordered = Bordered::of(from, size / 2, std::mem::take(&mut spare.bordered));
    if size >= LARGE {
        let (levels, width) = (&bordered.levels[..], stride);
        let blur = histogram::Blur { levels, stride: bordered.stride, size, width, out: to };
        blur.with(&mut spare.counts, vectors);
    } else {
        for (y, out) in to.chunks_exact_mut(stride).enumerate() {
            match size {
                7 => dispatch(vectors, bits::Row::<7> { rows: bordered.rows(y), out }),
                9 => dispatch(vectors, bits::Row::<9> { rows: bordered.rows(y), out }),
                _ => dispatch(vectors, bits::Row::<11> { rows: bordered.rows(y), out }),
            }
        }
    }
    spare.bordered = bordered.levels;
}

fn by_network<const SIZE: usize>(from: Picture, to: &mut [u8], spare: &mut Spare) {
    let (stride, last) = (from.stride(), from.height() - 1);
    spare.ranks.resize(SIZE * network::rank_stride::<SIZE>(stride), 0);
    for (y, out) in to.chunks_exact_mut(stride).enumerate() {
        let rows = std::array::from_fn(|row| from.row((y + row).saturating_sub(SIZE / 2).min(last)));
        dispatch(spare.vectors, network::Row::<SIZE> { rows, ranks: &mut spare.ranks, out });
    }
}

/// An image with its edge pixels repeated `radius` times outwards.
struct Bordered {
    levels: Vec<u8>,
    /// Bytes from one row to the next.
    stride: usize,
}

impl Bordered {
    /// Reuses the memory of `levels`.
    fn of(image: Picture, radius: usize, mut levels: Vec<u8>) -> Bordered {
        let (height, stride) = (image.height(), (image.width + 2 * radius) * 3 + PAST_THE_END);
        levels.resize((height + 2 * radius) * stride, 0);
        let rows = image.pixels.chunks_exact(image.stride());
        for (row, out) in rows.zip(levels.chunks_exact_mut(stride).skip(radius)) {
            let pixels = row.as_chunks::<3>().0;
            let (out, _) = out.as_chunks_mut::<3>();
            out[..radius].fill(pixels[0]);
            out[radius..][..image.width].copy_from_slice(pixels);
            out[radius + image.width..][..radius].fill(pixels[image.width - 1]);
        }
        let last = radius + height - 1;
        for y in 0..radius {
            levels.copy_within(radius * stride..(radius + 1) * stride, y * stride);
            levels.copy_within(last * stride..(last + 1) * stride, (last + 1 + y) * stride);
        }
        Bordered { levels, stride }
    }

    fn from(&self, y: usize) -> &[u8] {
        &self.levels[y * self.stride..]
    }

    fn rows<const N: usize>(&self, y: usize) -> [&[u8]; N] {
        std::array::from_fn(|row| &self.from(y + row)[..self.stride])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::vectors::Vectors;
    use super::super::{Image, fixtures};
    use super::*;

    fn blurred(vectors: Vectors, size: usize, image: Image) -> Vec<u8> {
        let mut to = vec![7; image.pixels.len()];
        blur(size, image.as_picture(), &mut to, &mut Spare { vectors, ..Spare::default() });
        to
    }

    #[test]
    fn medians_equal_opencvs() {
        for (size, wanted) in fixtures::MEDIAN {
            for vectors in Vectors::all() {
                assert!(blurred(vectors, size, fixtures::colour()) == wanted, "{size}, {vectors:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 60 }))]

        #[test]
        fn every_size_with_all_vectors_equals_sorting_the_neighbourhood(
            radius in 1..=16_usize, width in 1..=40_usize, height in 1..=12_usize,
        ) {
            let (image, size) = (fixtures::noise(width, height), 2 * radius + 1);
            let wanted = sorted(&image, size);
            for vectors in Vectors::all() {
                prop_assert!(blurred(vectors, size, image.clone()) == wanted, "{:?}", vectors);
            }
        }
    }

    #[test]
    fn the_largest_size_fits_its_counts() {
        let flat = Image::new(3, 2, vec![255; 18]).unwrap();
        assert_eq!(blurred(Vectors::best(), 255, flat.clone()), flat.pixels);
        let image = fixtures::noise(5, 3);
        assert_eq!(blurred(Vectors::best(), 255, image.clone()), sorted(&image, 255));
    }

    fn sorted(image: &Image, size: usize) -> Vec<u8> {
        let radius = size as isize / 2;
        let at = |x: isize, y: isize, channel: usize| {
            let x = x.clamp(0, image.width as isize - 1) as usize;
            let y = y.clamp(0, image.height as isize - 1) as usize;
            image.pixels[(y * image.width + x) * 3 + channel]
        };
        let median = |index: usize| {
            let (pixel, channel) = (index / 3, index % 3);
            let (x, y) = ((pixel % image.width) as isize, (pixel / image.width) as isize);
            let rows = y - radius..=y + radius;
            let mut levels: Vec<u8> =
                rows.flat_map(|y| (x - radius..=x + radius).map(move |x| at(x, y, channel))).collect();
            levels.sort_unstable();
            levels[levels.len() / 2]
        };
        (0..image.pixels.len()).map(median).collect()
    }
}
