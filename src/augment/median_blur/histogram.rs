//! Medians of large neighbourhoods in a time that does not depend on their size (Perreault & Hébert 2007): every
//! column keeps a histogram that moves down by a level at each row, and the neighbourhood's is a sum of columns.
//! Knows rows of bytes, three to a pixel, and no image.

use super::counts::{Column, Sum, Work, dispatch};
use crate::augment::vectors::Vectors;

/// One channel's columns, kept from row to row.
#[derive(Debug, Default)]
pub struct Columns {
    /// By column: the levels' high four bits.
    coarse: Vec<Column>,
    /// By high four bits, then by column: the low four of the levels that have them.
    fine: Vec<Column>,
}

impl Columns {
    /// All columns empty.
    fn clear(&mut self, columns: usize) {
        for (counts, length) in [(&mut self.coarse, columns), (&mut self.fine, 16 * columns)] {
            counts.clear();
            counts.resize(length, Column::default());
        }
    }

    /// Takes in a row, which begins at this channel.
    ///
    /// # Safety
    /// The caller is compiled for `S`; so below.
    #[inline(always)]
    unsafe fn add<S: Sum>(&mut self, row: &[u8]) {
        let columns = self.coarse.len();
        for (x, (coarse, level)) in self.coarse.iter_mut().zip(row.iter().step_by(3)).enumerate() {
            let (high, low) = (usize::from(level >> 4), usize::from(level & 15));
            // SAFETY: as the caller says.
            unsafe {
                S::count(coarse, high);
                S::count(&mut self.fine[high * columns + x], low);
            }
        }
    }

    /// Forgets a row that was taken in, and takes in a new one.
    ///
    /// # Safety
    /// See [`Columns::add`].
    #[inline(always)]
    unsafe fn replace<S: Sum>(&mut self, old: &[u8], new: &[u8]) {
        let columns = self.coarse.len();
        let levels = old.iter().step_by(3).zip(new.iter().step_by(3));
        for (x, (coarse, (old, new))) in self.coarse.iter_mut().zip(levels).enumerate() {
            let [(old_high, old_low), (new_high, new_low)] =
                [old, new].map(|level| (usize::from(level >> 4), usize::from(level & 15)));
            // SAFETY: as the caller says.
            unsafe {
                S::forget(coarse, old_high);
                S::count(coarse, new_high);
                S::forget(&mut self.fine[old_high * columns + x], old_low);
                S::count(&mut self.fine[new_high * columns + x], new_low);
            }
        }
    }

    /// The medians of the rows taken in, `size` columns at a time.
    ///
    /// # Safety
    /// See [`Columns::add`].
    #[inline(always)]
    unsafe fn medians<S: Sum>(&self, size: usize, out: &mut [u8]) {
        let lower = (size * size / 2) as u16;
        let columns = self.coarse.len();
        // SAFETY: as the caller says.
        unsafe {
            let mut coarse = self.coarse[..size - 1].iter().fold(S::zero(), |sum, column| sum.plus(column));
            let mut fine = [S::zero(); 16];
            // The first of the columns that each of `fine` is the sum of.
            let mut from = [None; 16];
            let (comes, goes) = (&self.coarse[size - 1..], &self.coarse[..]);
            for (x, (out, (comes, goes))) in out.iter_mut().step_by(3).zip(comes.iter().zip(goes)).enumerate()
            {
                let (high, before) = coarse.plus(comes).bin(lower);
                coarse = coarse.plus(comes).minus(goes);
                let of_high = &self.fine[high * columns..][..columns];
                fine[high] = moved(fine[high], from[high].replace(x), of_high, x, size);
                let (low, _) = fine[high].bin(lower - before);
                *out = (16 * high + low) as u8;
            }
        }
    }
}

/// A sum of `size` columns from `from` on made one of those from `x` on: by what came and went, or all anew.
///
/// # Safety
/// See [`Columns::add`].
#[inline(always)]
unsafe fn moved<S: Sum>(sum: S, from: Option<usize>, columns: &[Column], x: usize, size: usize) -> S {
    // SAFETY: as the caller says.
    unsafe {
        match from {
            // Mostly the neighbour has the same high bits.
            Some(from) if from + 1 == x => sum.plus(&columns[from + size]).minus(&columns[from]),
            Some(from) if 2 * (x - from) < size => {
                let moves = columns[from + size..x + size].iter().zip(&columns[from..x]);
                moves.fold(sum, |sum, (comes, goes)| sum.plus(comes).minus(goes))
            }
            _ => columns[x..x + size].iter().fold(S::zero(), |sum, column| sum.plus(column)),
        }
    }
}

/// The blurred image, `out`, of rows of `width` bytes; the rows of `levels`, `stride` bytes apart, begin size / 2
/// pixels to the left and above. `size` is odd and at most 255.
pub struct Blur<'a> {
    pub levels: &'a [u8],
    pub stride: usize,
    pub size: usize,
    pub width: usize,
    pub out: &'a mut [u8],
}

impl Blur<'_> {
    pub fn with(self, columns: &mut Columns, vectors: Vectors) {
        assert!(self.size <= 255, "a column's counts fit a byte");
        dispatch(vectors, Channels { blur: self, columns });
    }
}

struct Channels<'a> {
    blur: Blur<'a>,
    columns: &'a mut Columns,
}

impl Work for Channels<'_> {
    #[inline(always)]
    unsafe fn with<S: Sum>(self) {
        let Channels { blur, columns } = self;
        for channel in 0..3 {
            columns.clear(blur.width / 3 + blur.size - 1);
            let row = |y: usize| &blur.levels[y * blur.stride + channel..];
            // SAFETY: as the caller says.
            unsafe {
                (0..blur.size).for_each(|y| columns.add::<S>(row(y)));
                for (y, out) in blur.out.chunks_exact_mut(blur.width).enumerate() {
                    if y > 0 {
                        columns.replace::<S>(row(y - 1), row(y + blur.size - 1));
                    }
                    columns.medians::<S>(blur.size, &mut out[channel..]);
                }
            }
        }
    }
}
