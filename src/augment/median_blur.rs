//! Median blur: each channel becomes the median of its square neighbourhood; edge pixels are repeated outwards.

mod histogram;
mod network;

use super::image::{Image, Spare};
use crate::recipe::MedianBlur;

/// The median of the `size` × `size` levels about each pixel, channel by channel; `size` is odd, 3..=31. Equal to
/// OpenCV's `medianBlur`.
pub fn apply(settings: &MedianBlur, image: &mut Image, spare: &mut Spare) {
    let size = settings.size as usize | 1;
    let bordered = Bordered::of(image, size / 2, std::mem::take(&mut spare.bordered));
    spare.pixels.resize(image.pixels.len(), 0);
    for (y, out) in spare.pixels.chunks_exact_mut(image.width.max(1) * 3).enumerate() {
        match size {
            1 => out.copy_from_slice(&bordered.row(y)[..out.len()]),
            3 => network::median_of_9(std::array::from_fn(|row| bordered.row(y + row)), out),
            5 => network::median_of_25(std::array::from_fn(|row| bordered.row(y + row)), out),
            _ => histogram::median(&bordered, y, size, out),
        }
    }
    std::mem::swap(&mut image.pixels, &mut spare.pixels);
    spare.bordered = bordered.levels;
}

/// An image with its edge pixels repeated `radius` times outwards.
struct Bordered {
    levels: Vec<u8>,
    /// Bytes from one row to the next.
    stride: usize,
}

impl Bordered {
    /// Reuses the memory of `levels`. Rows end in a few bytes more, so that blocks of bytes may read past the end.
    fn of(image: &Image, radius: usize, mut levels: Vec<u8>) -> Bordered {
        let stride = (image.width + 2 * radius) * 3 + network::LANES;
        levels.resize((image.height + 2 * radius) * stride, 0);
        let rows = image.pixels.chunks_exact(image.width.max(1) * 3);
        for (row, out) in rows.zip(levels.chunks_exact_mut(stride).skip(radius)) {
            let pixels = row.as_chunks::<3>().0;
            let (out, _) = out.as_chunks_mut::<3>();
            out[..radius].fill(pixels[0]);
            out[radius..][..image.width].copy_from_slice(pixels);
            out[radius + image.width..][..radius].fill(pixels[image.width - 1]);
        }
        let last = radius + image.height - 1;
        for y in 0..radius {
            levels.copy_within(radius * stride..(radius + 1) * stride, y * stride);
            levels.copy_within(last * stride..(last + 1) * stride, (last + 1 + y) * stride);
        }
        Bordered { levels, stride }
    }

    fn row(&self, y: usize) -> &[u8] {
        &self.levels[y * self.stride..][..self.stride]
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    fn blurred(size: u32, mut image: Image) -> Vec<u8> {
        apply(&MedianBlur { size }, &mut image, &mut Spare::default());
        image.pixels
    }

    #[test]
    fn medians_of_3_5_and_7_equal_opencvs() {
        for (size, wanted) in [(3, fixtures::MEDIAN_3), (5, fixtures::MEDIAN_5), (7, fixtures::MEDIAN_7)] {
            assert!(blurred(size, fixtures::colour()) == wanted, "size {size}");
        }
    }

    #[test]
    fn every_size_equals_sorting_the_neighbourhood() {
        for (width, height) in [(1, 1), (1, 9), (2, 3), (37, 5), (12, 33)] {
            let image = fixtures::noise(width, height);
            for size in (3..=31).step_by(4).chain([5]) {
                assert!(blurred(size, image.clone()) == sorted(&image, size), "{width} × {height}, {size}");
            }
        }
    }

    fn sorted(image: &Image, size: u32) -> Vec<u8> {
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
