//! A contact sheet: what augmentations do to one image, to look at.

use super::apply;
use super::image::{Image, Spare};
use super::random::Random;
use crate::recipe::Op;

/// Copies shown of each augmentation, beside the original.
const COPIES: u64 = 4;
/// White pixels between cells.
const GAP: usize = 4;

/// A row for each of `ops`, in order: the image, then four copies as `seed` draws them for the first image of a set.
pub fn sheet(image: &Image, ops: &[Op], seed: u64) -> Image {
    let width = (COPIES as usize + 1) * (image.width + GAP) - GAP;
    let height = (ops.len() * (image.height + GAP)).saturating_sub(GAP);
    let mut sheet = Image { width, height, pixels: vec![255; width * height * 3] };
    let (mut cell, mut spare) = (Image::default(), Spare::default());
    for (place, op) in ops.iter().enumerate() {
        let top = place * (image.height + GAP);
        paste(&mut sheet, image, 0, top);
        for copy in 0..COPIES {
            cell.clone_from(image);
            apply(op, &mut cell, &mut spare, &mut Random::at([seed, 0, copy, place as u64]));
            paste(&mut sheet, &cell, (copy as usize + 1) * (image.width + GAP), top);
        }
    }
    sheet
}

fn paste(sheet: &mut Image, cell: &Image, left: usize, top: usize) {
    for (y, row) in cell.pixels.chunks_exact(cell.width.max(1) * 3).enumerate() {
        sheet.pixels[((top + y) * sheet.width + left) * 3..][..row.len()].copy_from_slice(row);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{every_op, fixtures};
    use super::*;

    #[test]
    fn each_augmentation_has_a_row_that_begins_with_the_image() {
        let (image, ops) = (fixtures::colour(), every_op());
        let sheet = sheet(&image, &ops, 1);
        assert_eq!((sheet.width, sheet.height), (5 * 27 - 4, 11 * 21 - 4));
        for row in 0..11 {
            let start = row * 21 * sheet.width * 3;
            assert_eq!(sheet.pixels[start..start + 69], image.pixels[..69]);
            assert_eq!(sheet.pixels[start + 69..start + 81], [255; 12]);
        }
    }
}
