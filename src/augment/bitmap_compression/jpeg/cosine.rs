//! The cosine transform of 8 × 8 blocks there and back, with rounded coefficients between, in whole numbers and to the
//! bit as libjpeg's default (`islow`) does it: Loeffler, Ligtenberg & Moschytz 1989. Knows a strip of eight rows.

use super::super::super::kernel::kernel;
use super::tables::{Table, scaled};

/// Blocks that are transformed at a time.
const BLOCKS: usize = 8;
/// Columns that are transformed at a time.
pub const CHUNK: usize = 8 * BLOCKS;

/// Eight lines of eight values of each block: the values of a place in the line lie side by side, so that compilers find
/// vectors. Lines are columns on the way in and out, and rows between.
type Lines = [[i32; CHUNK]; 8];

/// How coefficients are divided by their steps, rounded, and multiplied again; by row. They come eight times as large
/// as they are.
pub struct Coarseness {
    size: Lines,
    /// Half of the divisor, which is eight times `size`.
    half: Lines,
    /// Multiplying by `factor` and shifting by `shift` divides every number below 2^15 by the divisor, exactly: the
    /// factor is at most one too large in 2^15 (Granlund & Montgomery 1994).
    factor: Lines,
    shift: Lines,
}

impl Coarseness {
    pub fn of(table: &Table, quality: u32) -> Coarseness {
        let size = scaled(table, quality).map(|row| std::array::from_fn(|i| i32::from(row[i / BLOCKS])));
        let each = |value: fn(i32) -> i32| size.map(|row: [i32; CHUNK]| row.map(value));
        Coarseness { size, half: each(|size| 4 * size), factor: each(factor), shift: each(shift) }
    }
}

fn shift(size: i32) -> i32 {
    15 + (8 * size as u32).next_power_of_two().trailing_zeros() as i32
}

fn factor(size: i32) -> i32 {
    (1_u32 << shift(size)).div_ceil(8 * size as u32) as i32
}

kernel! {
    /// Replaces eight rows, a whole number of chunks long, by what their rounded coefficients give back.
    pub fn coarsen<LANES>(strip: &mut [u8], coarseness: &Coarseness) {
        let stride = strip.len() / 8;
        let (mut columns, mut rows) = ([[0; CHUNK]; 8], [[0; CHUNK]; 8]);
        for left in (0..stride).step_by(CHUNK) {
            take(strip, stride, left, &mut columns);
            transform(&mut columns, forward::<2, 11>);
            turn(&columns, &mut rows);
            transform(&mut rows, forward::<-2, 15>);
            round(&mut rows, coarseness);
            transform(&mut rows, backward::<11>);
            turn(&rows, &mut columns);
            transform(&mut columns, backward::<18>);
            give(&columns, strip, stride, left);
        }
    }
}

/// Eight blocks from `left` on, their levels about 0, by column.
#[inline(always)]
fn take(strip: &[u8], stride: usize, left: usize, columns: &mut Lines) {
    let mut levels = [[[0; 8]; 8]; BLOCKS];
    for y in 0..8 {
        let row = strip[y * stride + left..].first_chunk::<CHUNK>().expect("chunks are whole");
        for (block, eight) in row.as_chunks().0.iter().enumerate() {
            levels[block][y] = *eight;
        }
    }
    exchange_bytes(&mut levels);
    for (column, levels) in columns.iter_mut().zip(&levels) {
        for (value, level) in column.iter_mut().zip(levels.as_flattened()) {
            *value = i32::from(*level) - 128;
        }
    }
}

#[inline(always)]
fn give(columns: &Lines, strip: &mut [u8], stride: usize, left: usize) {
    let mut levels = [[[0; 8]; 8]; 8];
    for (column, levels) in columns.iter().zip(&mut levels) {
        for (value, level) in column.iter().zip(levels.as_flattened_mut()) {
            *level = (value + 128).clamp(0, 255) as u8;
        }
    }
    exchange_bytes(&mut levels);
    for y in 0..8 {
        let row = strip[y * stride + left..].first_chunk_mut::<CHUNK>().expect("chunks are whole");
        for (block, eight) in row.as_chunks_mut().0.iter_mut().enumerate() {
            *eight = levels[block][y];
        }
    }
}

/// Byte `i` of word `j` becomes byte `j` of word `i`, for eight sets of eight words side by side: fours, pairs and
/// single bytes are exchanged across the diagonal.
#[inline(always)]
fn exchange_bytes(words: &mut [[[u8; 8]; 8]; 8]) {
    exchange::<4>(words, 0x0000_0000_ffff_ffff);
    exchange::<2>(words, 0x0000_ffff_0000_ffff);
    exchange::<1>(words, 0x00ff_00ff_00ff_00ff);
}

#[inline(always)]
fn exchange<const DISTANCE: usize>(words: &mut [[[u8; 8]; 8]; 8], mask: u64) {
    for first in (0..8).filter(|word| word & DISTANCE == 0) {
        for set in 0..8 {
            let low = u64::from_le_bytes(words[first][set]);
            let high = u64::from_le_bytes(words[first + DISTANCE][set]);
            let differ = ((low >> (8 * DISTANCE)) ^ high) & mask;
            words[first][set] = (low ^ (differ << (8 * DISTANCE))).to_le_bytes();
            words[first + DISTANCE][set] = (high ^ differ).to_le_bytes();
        }
    }
}

/// Columns from rows, and rows from columns.
#[inline(always)]
fn turn(from: &Lines, to: &mut Lines) {
    for (place, line) in from.iter().enumerate() {
        for (turned, values) in to.iter_mut().zip(line.as_chunks::<BLOCKS>().0) {
            turned.as_chunks_mut::<BLOCKS>().0[place] = *values;
        }
    }
}

/// Along the lines' places.
#[inline(always)]
fn transform(lines: &mut Lines, transform: fn([i32; 8]) -> [i32; 8]) {
    let [a, b, c, d, e, f, g, h] = lines;
    for i in 0..CHUNK {
        [a[i], b[i], c[i], d[i], e[i], f[i], g[i], h[i]] =
            transform([a[i], b[i], c[i], d[i], e[i], f[i], g[i], h[i]]);
    }
}

#[inline(always)]
fn round(lines: &mut Lines, coarseness: &Coarseness) {
    let Coarseness { size, half, factor, shift } = coarseness;
    for y in 0..8 {
        let (line, size, half, factor, shift) = (&mut lines[y], &size[y], &half[y], &factor[y], &shift[y]);
        for i in 0..CHUNK {
            let sign = line[i] >> 31;
            let steps = (((line[i] ^ sign) - sign + half[i]) * factor[i]) >> shift[i];
            line[i] = ((steps * size[i]) ^ sign) - sign;
        }
    }
}

/// Divided by 2^`SHIFT`, to the nearest, halves upwards.
#[inline(always)]
fn descaled<const SHIFT: i32>(value: i32) -> i32 {
    (value + (1 << (SHIFT - 1))) >> SHIFT
}

/// In 1/8192.
mod factors {
    pub const F0_298: i32 = 2446;
    pub const F0_390: i32 = 3196;
    pub const F0_541: i32 = 4433;
    pub const F0_765: i32 = 6270;
    pub const F0_899: i32 = 7373;
    pub const F1_175: i32 = 9633;
    pub const F1_501: i32 = 12_299;
    pub const F1_847: i32 = 15_137;
    pub const F1_961: i32 = 16_069;
    pub const F2_053: i32 = 16_819;
    pub const F2_562: i32 = 20_995;
    pub const F3_072: i32 = 25_172;
}
use factors::*;

/// The odd half of the graph, the same both ways; `values` and what comes back are from the highest frequency's side to
/// the lowest's.
#[inline(always)]
fn odd([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    let shared = (a + b + c + d) * F1_175;
    let outer = (a + d) * -F0_899;
    let inner = (b + c) * -F2_562;
    let left = (a + c) * -F1_961 + shared;
    let right = (b + d) * -F0_390 + shared;
    [
        a * F0_298 + outer + left,
        b * F2_053 + inner + right,
        c * F3_072 + inner + left,
        d * F1_501 + outer + right,
    ]
}

/// Frequencies of eight levels, √8 times the orthonormal transform's each time. Between the passes they are four times
/// as large: `WHOLE` is by how many bits to the left what is not multiplied goes, `SHIFT` by how many to the right what
/// is.
#[inline(always)]
fn forward<const WHOLE: i32, const SHIFT: i32>(level: [i32; 8]) -> [i32; 8] {
    let [l0, l1, l2, l3, l4, l5, l6, l7] = level;
    let (sum0, sum1, sum2, sum3) = (l0 + l7, l1 + l6, l2 + l5, l3 + l4);
    let (outer, inner) = (sum0 + sum3, sum1 + sum2);
    let (outer_less, inner_less) = (sum0 - sum3, sum1 - sum2);
    let shared = (inner_less + outer_less) * F0_541;
    let [seventh, fifth, third, first] = odd([l3 - l4, l2 - l5, l1 - l6, l0 - l7]);
    let whole = |value: i32| match WHOLE {
        2 => value << 2,
        _ => descaled::<2>(value),
    };
    [
        whole(outer + inner),
        descaled::<SHIFT>(first),
        descaled::<SHIFT>(shared + outer_less * F0_765),
        descaled::<SHIFT>(third),
        whole(outer - inner),
        descaled::<SHIFT>(fifth),
        descaled::<SHIFT>(shared - inner_less * F1_847),
        descaled::<SHIFT>(seventh),
    ]
}

/// Eight levels from frequencies, √8 times the orthonormal transform's, divided by 2^(`SHIFT` - 13).
#[inline(always)]
fn backward<const SHIFT: i32>(frequency: [i32; 8]) -> [i32; 8] {
    let [f0, f1, f2, f3, f4, f5, f6, f7] = frequency;
    let shared = (f2 + f6) * F0_541;
    let (low, high) = (shared - f6 * F1_847, shared + f2 * F0_765);
    let (sum, difference) = ((f0 + f4) << 13, (f0 - f4) << 13);
    let even = [sum + high, difference + low, difference - low, sum - high];
    let [fourth, third, second, first] = odd([f7, f5, f3, f1]);
    [
        descaled::<SHIFT>(even[0] + first),
        descaled::<SHIFT>(even[1] + second),
        descaled::<SHIFT>(even[2] + third),
        descaled::<SHIFT>(even[3] + fourth),
        descaled::<SHIFT>(even[3] - fourth),
        descaled::<SHIFT>(even[2] - third),
        descaled::<SHIFT>(even[1] - second),
        descaled::<SHIFT>(even[0] - first),
    ]
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    const LEVEL: [i32; 8] = [12, -100, 127, 3, 8, -128, 55, 54];

    #[test]
    fn frequencies_are_those_of_the_definition() {
        for (frequency, seen) in forward::<2, 11>(LEVEL).into_iter().enumerate() {
            let wave = |x: usize| ((2 * x + 1) as f64 * frequency as f64 * PI / 16.0).cos();
            let sum: f64 = (0..8).map(|x| f64::from(LEVEL[x]) * wave(x)).sum();
            let norm = if frequency == 0 { 1.0 } else { 2_f64.sqrt() };
            assert!((f64::from(seen) / 4.0 - sum * norm).abs() < 0.2, "{frequency}: {seen}");
        }
    }

    #[test]
    fn backward_undoes_forward() {
        // Two passes each way are 64 times the levels and leave 3 bits to be shifted out.
        let frequency = forward::<2, 11>(LEVEL);
        let back = backward::<18>(frequency);
        assert!(LEVEL.iter().zip(back).all(|(level, back)| (level - back).abs() <= 1), "{back:?}");
    }

    #[test]
    fn coefficients_are_rounded_to_the_nearest_step_and_halves_away_from_zero() {
        for quality in [1, 10, 50, 90, 100] {
            let coarseness = Coarseness::of(&super::super::tables::LUMA, quality);
            for coefficient in (-16_384..=16_384_i32).step_by(if cfg!(miri) { 1009 } else { 1 }) {
                let mut lines = [[coefficient; CHUNK]; 8];
                round(&mut lines, &coarseness);
                for (seen, size) in lines.as_flattened().iter().zip(coarseness.size.as_flattened()) {
                    let steps = (coefficient.abs() + 4 * size) / (8 * size);
                    assert_eq!(*seen, steps * size * coefficient.signum(), "{coefficient} by {size}");
                }
            }
        }
    }

    #[test]
    fn bytes_exchanged_twice_are_as_they_were() {
        let words = |byte: fn(usize, usize, usize) -> u8| -> [[[u8; 8]; 8]; 8] {
            std::array::from_fn(|word| {
                std::array::from_fn(|set| std::array::from_fn(|place| byte(word, set, place)))
            })
        };
        let before = words(|word, set, place| (word * 41 + set * 8 + place) as u8);
        let mut seen = before;
        exchange_bytes(&mut seen);
        assert_eq!(seen, words(|word, set, place| (place * 41 + set * 8 + word) as u8));
        exchange_bytes(&mut seen);
        assert_eq!(seen, before);
    }
}
