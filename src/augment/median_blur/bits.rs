//! Medians of neighbourhoods of 7 × 7 and somewhat more, bit by bit from the highest: a bit is set if more than half of
//! the levels are no lower than the median so far with that bit. Knows rows of bytes, three to a pixel, and no image.

use super::PAST_THE_END;
use super::block::{Block, Work, store_some};

/// A row of an image: the median of each byte's `SIZE` × `SIZE` neighbourhood, at most 15: counts fit a byte.
pub struct Row<'a, const SIZE: usize> {
    /// They begin SIZE / 2 pixels to the left of `out` and end as many to its right, and `PAST_THE_END`.
    pub rows: [&'a [u8]; SIZE],
    pub out: &'a mut [u8],
}

impl<const SIZE: usize> Work for Row<'_, SIZE> {
    #[inline(always)]
    unsafe fn with<B: Block>(self) {
        let columns = self.out.len() + 3 * (SIZE - 1);
        assert!(self.rows.iter().all(|row| row.len() >= columns + PAST_THE_END));
        assert!(B::BYTES <= PAST_THE_END && SIZE <= 15);
        for (index, out) in self.out.chunks_mut(B::BYTES).enumerate() {
            // SAFETY: a block that begins before `columns` ends within each row, as asserted; the caller is compiled for
            // `B`.
            let median = unsafe { median::<B, SIZE>(&self.rows, index * B::BYTES) };
            // SAFETY: the caller is compiled for `B`.
            unsafe { store_some(median, out) };
        }
    }
}

/// # Safety
/// Blocks from `at` to `at + 3 · (SIZE - 1)` lie within the rows, and the caller is compiled for `B`.
#[inline(always)]
unsafe fn median<B: Block, const SIZE: usize>(rows: &[&[u8]; SIZE], at: usize) -> B {
    // SAFETY: as the caller says.
    unsafe {
        let mut median = B::splat(0);
        for bit in (0..8).rev() {
            let tried = median.or(1 << bit);
            let mut counts = B::splat(0);
            for row in rows {
                let from = row.as_ptr().add(at);
                for x in 0..SIZE {
                    counts = B::load(from.add(3 * x)).count(tried, counts);
                }
            }
            median = tried.where_above(median, counts, (SIZE * SIZE / 2) as u8);
        }
        median
    }
}
