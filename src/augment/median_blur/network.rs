//! Medians of 9 and 25 by networks of minima and maxima, a row at a time: columns are put in order once and serve all
//! the neighbourhoods that they are part of. Knows rows of bytes, three to a pixel, and no image.

use super::PAST_THE_END;
use super::block::{Block, Work, store_some};

/// A row of an image: the median of each byte's `SIZE` × `SIZE` neighbourhood (3 or 5).
pub struct Row<'a, const SIZE: usize> {
    /// They begin SIZE / 2 pixels to the left of `out` and end as many to its right, and `PAST_THE_END`.
    pub rows: [&'a [u8]; SIZE],
    /// Room for as many rows as long.
    pub ranks: &'a mut [u8],
    pub out: &'a mut [u8],
}

impl<const SIZE: usize> Work for Row<'_, SIZE> {
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "y and x number rows of several buffers")]
    unsafe fn with<B: Block>(self) {
        let (length, stride) = (self.out.len(), self.rows[0].len());
        let columns = length + 3 * (SIZE - 1);
        assert!(columns + PAST_THE_END <= stride && self.rows.iter().all(|row| row.len() == stride));
        assert!(self.ranks.len() >= SIZE * stride && B::BYTES <= PAST_THE_END);
        let ranks = self.ranks.as_mut_ptr();
        for at in (0..columns).step_by(B::BYTES) {
            // SAFETY: a block that begins before `columns` ends within a row of `stride` bytes, as asserted, and `ranks`
            // has `SIZE` of them; the caller is compiled for `B`.
            unsafe {
                let mut column = [B::splat(0); SIZE];
                for y in 0..SIZE {
                    column[y] = B::load(self.rows[y].as_ptr().add(at));
                }
                sort(&mut column);
                for y in 0..SIZE {
                    column[y].store(ranks.add(y * stride + at));
                }
            }
        }
        for (index, out) in self.out.chunks_mut(B::BYTES).enumerate() {
            // SAFETY: as above, for a block may begin 3 · (SIZE - 1) bytes after one of `out`.
            let median = unsafe {
                let from = ranks.cast_const().add(index * B::BYTES);
                let mut sorted = [[B::splat(0); SIZE]; SIZE];
                for y in 0..SIZE {
                    for x in 0..SIZE {
                        sorted[y][x] = B::load(from.add(y * stride + 3 * x));
                    }
                    sort(&mut sorted[y]);
                }
                middle(sorted.as_flattened())
            };
            // SAFETY: the caller is compiled for `B`.
            unsafe { store_some(median, out) };
        }
    }
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
