//! Medians of 9 and 25 by networks of minima and maxima, a row at a time: columns are put in order once and serve all
//! the neighbourhoods that they are part of. Knows rows of bytes, three to a pixel, and no image.

use super::PAST_THE_END;
use super::block::{Block, Work, load_some, store_some};

/// A row of an image: the median of each byte's `SIZE` × `SIZE` neighbourhood (3 or 5).
pub struct Row<'a, const SIZE: usize> {
    /// The rows about it, each as long as `out`.
    pub rows: [&'a [u8]; SIZE],
    /// Room for as many rows of [`rank_stride`].
    pub ranks: &'a mut [u8],
    pub out: &'a mut [u8],
}

/// Bytes of a row of ranks: of the columns of `length` bytes, of as many pixels as stand out on either side, and of what
/// kernels may read past the end.
pub const fn rank_stride<const SIZE: usize>(length: usize) -> usize {
    length + 3 * (SIZE - 1) + PAST_THE_END
}

impl<const SIZE: usize> Row<'_, SIZE> {
    /// Puts each column in order: `ranks` begin SIZE / 2 pixels to the left of `out`.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "y numbers rows of several buffers")]
    unsafe fn sort_columns<B: Block>(&mut self) {
        let (length, border) = (self.out.len(), SIZE / 2 * 3);
        let stride = rank_stride::<SIZE>(length);
        assert!(self.rows.iter().all(|row| row.len() == length) && length >= 3);
        assert!(self.ranks.len() >= SIZE * stride && B::BYTES <= PAST_THE_END);
        let ranks = self.ranks.as_mut_ptr();
        for at in starts(length, B::BYTES) {
            // SAFETY: a block stored at `border + at`, `at < length`, ends within a row of `stride` bytes, and `ranks` has
            // `SIZE` of them, as asserted; the caller is compiled for `B`.
            unsafe {
                let mut column = [B::splat(0); SIZE];
                for y in 0..SIZE {
                    column[y] = load_some(self.rows[y], at);
                }
                sort(&mut column);
                for y in 0..SIZE {
                    column[y].store(ranks.add(y * stride + border + at));
                }
            }
        }
        for ranks in self.ranks.chunks_exact_mut(stride).take(SIZE) {
            for pixel in 0..SIZE / 2 {
                // The edge's column is repeated outwards.
                for byte in 0..3 {
                    ranks[pixel * 3 + byte] = ranks[border + byte];
                    ranks[border + length + pixel * 3 + byte] = ranks[border + length - 3 + byte];
                }
            }
        }
    }
}

impl<const SIZE: usize> Work for Row<'_, SIZE> {
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "y and x number rows of several buffers")]
    unsafe fn with<B: Block>(mut self) {
        // SAFETY: the caller is compiled for `B`.
        unsafe { self.sort_columns::<B>() };
        let (ranks, stride) = (self.ranks.as_ptr(), rank_stride::<SIZE>(self.out.len()));
        for at in starts(self.out.len(), B::BYTES) {
            // SAFETY: a block that begins 3 · (SIZE - 1) bytes after one of `out` ends within a row of `stride` bytes, of
            // which `sort_columns` found `ranks` to have `SIZE`; the caller is compiled for `B`.
            unsafe {
                let from = ranks.add(at);
                let mut sorted = [[B::splat(0); SIZE]; SIZE];
                for y in 0..SIZE {
                    for x in 0..SIZE {
                        sorted[y][x] = B::load(from.add(y * stride + 3 * x));
                    }
                    sort(&mut sorted[y]);
                }
                store_some(middle(sorted.as_flattened()), &mut self.out[at..]);
            }
        }
    }
}

/// Where blocks begin that cover `length` bytes: the last one ends with them, over the one before, unless it is alone.
#[inline(always)]
fn starts(length: usize, block: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by(block).map(move |at| at.min(length.saturating_sub(block)))
}

const OF_3: &[(usize, usize)] = &[(0, 1), (1, 2), (0, 1)];
const OF_5: &[(usize, usize)] = &[(0, 1), (3, 4), (2, 4), (2, 3), (1, 4), (0, 3), (0, 2), (1, 3), (1, 2)];

/// # Safety
/// The caller is compiled for `B`; so below.
#[inline(always)]
unsafe fn sort<B: Block, const N: usize>(blocks: &mut [B; N]) {
    let mut step = 0;
    let steps = if N == 3 { OF_3 } else { OF_5 };
    while step < steps.len() {
        // SAFETY: as the caller says.
        unsafe { order(blocks, steps[step].0, steps[step].1) };
        step += 1;
    }
}

/// Orders two of `blocks`, byte by byte.
#[inline(always)]
unsafe fn order<B: Block>(blocks: &mut [B], low: usize, high: usize) {
    let (a, b) = (blocks[low], blocks[high]);
    // SAFETY: as the caller says.
    (blocks[low], blocks[high]) = unsafe { (a.lower(b), a.higher(b)) };
}

/// Of 9 or 25 in rows and columns that are in order: all but 3 or 13 have too many below or above them, for
/// (i + 1)(j + 1) levels are at most the one at (i, j) and (n - i)(n - j) at least it.
#[inline(always)]
unsafe fn middle<B: Block>(of: &[B]) -> B {
    // SAFETY: as the caller says.
    unsafe {
        if of.len() == 9 {
            let mut candidates = [of[2], of[4], of[6]];
            sort(&mut candidates);
            return candidates[1];
        }
        middle_of_13([
            of[3], of[4], of[7], of[8], of[9], of[11], of[12], of[13], of[15], of[16], of[17], of[20], of[21],
        ])
    }
}

const LAST: usize = 7;

/// Forgets the lowest and the highest of eight, takes in another, and so on: seven levels remain unseen, so neither
/// can be the median.
#[inline(always)]
unsafe fn middle_of_13<B: Block>(mut blocks: [B; 13]) -> B {
    // SAFETY: as the caller says.
    unsafe {
        part::<B, 0>(&mut blocks);
        blocks[LAST] = blocks[8];
        part::<B, 1>(&mut blocks);
        blocks[LAST] = blocks[9];
        part::<B, 2>(&mut blocks);
        blocks[LAST] = blocks[10];
        part::<B, 3>(&mut blocks);
        blocks[LAST] = blocks[11];
        part::<B, 4>(&mut blocks);
        blocks[LAST] = blocks[12];
        part::<B, 5>(&mut blocks);
    }
    blocks[6]
}

/// Of places `FIRST..=LAST`, brings the lowest to `FIRST` and the highest to `LAST`. A constant parameter, so that the
/// loops vanish.
#[inline(always)]
unsafe fn part<B: Block, const FIRST: usize>(blocks: &mut [B; 13]) {
    let count = LAST + 1 - FIRST;
    for place in 0..count / 2 {
        // SAFETY: as the caller says.
        unsafe { order(blocks, FIRST + place, LAST - place) };
    }
    for place in 1..count.div_ceil(2) {
        // SAFETY: as the caller says.
        unsafe {
            order(blocks, FIRST, FIRST + place);
            order(blocks, LAST - place, LAST);
        }
    }
}
