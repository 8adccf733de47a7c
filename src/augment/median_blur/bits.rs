//! Medians of neighbourhoods of 7 × 7 and somewhat more, bit by bit from the highest: a bit is set if at least half of
//! the levels are no lower than the median so far with that bit. Knows rows of bytes, three to a pixel, and no image.

use super::super::kernel::kernel;

kernel! {
    /// The median of the `size` × `size` neighbourhood of each byte of `out`; the rows of `bordered`, `stride` bytes
    /// apart, begin size / 2 pixels to the left and above. `size` is odd and at most 15: counts fit a byte.
    pub fn median<LANES>(bordered: &[u8], stride: usize, size: usize, out: &mut [u8]) {
        let half = (size * size / 2) as u8;
        for (index, out) in out.chunks_mut(LANES).enumerate() {
            let mut median = [0_u8; LANES];
            for bit in (0..8).rev() {
                let tried = median.map(|level| level | 1 << bit);
                let mut counts = [0_u8; LANES];
                for y in 0..size {
                    let row = &bordered[y * stride + index * LANES..];
                    for x in 0..size {
                        let levels = row[3 * x..].first_chunk::<LANES>().expect("rows end in a vector more");
                        for lane in 0..LANES {
                            counts[lane] += u8::from(levels[lane] >= tried[lane]);
                        }
                    }
                }
                for lane in 0..LANES {
                    median[lane] = if counts[lane] > half { tried[lane] } else { median[lane] };
                }
            }
            out.copy_from_slice(&median[..out.len()]);
        }
    }
}
