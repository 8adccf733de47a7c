//! One picture in memory, and the buffers that a thread keeps from picture to picture. Knows no file.

use super::bitmap_compression::{Errors, Palette, Planes};
use super::edges::Gradients;
use super::median_blur::Columns;
use super::vectors::Vectors;

/// An RGB picture: `pixels` are `[height, width, 3]` u8, interleaved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

/// An RGB picture that is only looked at: `[height, width, 3]` u8, interleaved.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    pub width: usize,
    pub pixels: &'a [u8],
}

impl<'a> Picture<'a> {
    pub fn height(self) -> usize {
        self.pixels.len() / self.stride()
    }

    /// Bytes of a row, and 1 of an empty picture.
    pub(super) fn stride(self) -> usize {
        (self.width * 3).max(1)
    }

    pub(super) fn row(self, y: usize) -> &'a [u8] {
        &self.pixels[y * self.stride()..][..self.stride()]
    }
}

/// Buffers kept from picture to picture: the first touch of fresh memory costs more than most augmentations.
#[derive(Debug, Default)]
pub struct Spare {
    /// The instructions that kernels may use: the best of this machine unless told otherwise.
    pub vectors: Vectors,
    /// What a picture was before it was drawn anew.
    pub pixels: Vec<u8>,
    /// Luminance, `[height, width]`.
    pub luminance: Vec<u8>,
    /// What is made of luminance, `[height, width]`.
    pub plane: Vec<u8>,
    /// Luminance's gradients.
    pub gradients: Gradients,
    /// Errors on their way to pixels that come later.
    pub errors: Errors,
    /// A picture's palette.
    pub palette: Palette,
    /// A picture as JPEG keeps it.
    pub planes: Planes,
    /// A plane or picture with a border around it.
    pub bordered: Vec<u8>,
    /// Tables of 256 levels.
    pub tables: Vec<u8>,
    /// Where each column lies between two tables.
    pub columns: Vec<Between>,
    /// Four tables of 256 levels in one.
    pub quads: Vec<[u32; 256]>,
    /// A row's levels in four tables.
    pub levels: Vec<u32>,
    /// Columns of a neighbourhood in order, a row for each rank.
    pub ranks: Vec<u8>,
    /// Histograms of the columns of a large neighbourhood.
    pub counts: Columns,
}

/// A place between two neighbours: `low` with weight `1 - share`, `high` with weight `share`.
#[derive(Clone, Copy, Debug)]
pub struct Between {
    pub low: usize,
    pub high: usize,
    pub share: f32,
}

impl Between {
    /// Whether both lie between the same two.
    pub(super) fn same_tables(&self, other: &Between) -> bool {
        (self.low, self.high) == (other.low, other.high)
    }
}

impl Image {
    /// `None` unless `pixels` holds `height * width * 3` bytes.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Option<Image> {
        (pixels.len() == width * height * 3).then_some(Image { width, height, pixels })
    }

    pub fn as_picture(&self) -> Picture<'_> {
        Picture { width: self.width, pixels: &self.pixels }
    }

    pub(super) fn copy_from(&mut self, picture: Picture) {
        (self.width, self.height) = (picture.width, picture.height());
        self.pixels.clear();
        self.pixels.extend_from_slice(picture.pixels);
    }
}

/// 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded; weights in 1/32,768, as OpenCV's `cvtColor` has them.
#[inline(always)]
pub(super) fn luminance_of([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 9_798 * u32::from(red) + 19_235 * u32::from(green) + 3_735 * u32::from(blue);
    ((sum + (1 << 14)) >> 15) as u8
}

/// The index inside `0..len` that stands for one outside, mirrored about the first and the last (`dcb|abcd|cba`).
pub(super) fn reflected(index: isize, len: usize) -> usize {
    let last = len as isize - 1;
    if last == 0 {
        return 0;
    }
    let index = index.rem_euclid(2 * last);
    index.min(2 * last - index) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_its_own_luminance() {
        assert!((0..=255).all(|level| luminance_of([level; 3]) == level));
    }

    #[test]
    fn reflection_repeats_no_edge_and_reaches_any_distance() {
        let seen: Vec<usize> = (-4..8).map(|index| reflected(index, 4)).collect();
        assert_eq!(seen, [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]);
        assert_eq!(reflected(-5, 1), 0);
    }
}
