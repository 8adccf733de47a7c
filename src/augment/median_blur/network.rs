//! Medians of 9 and 25 by networks of minima and maxima, a row at a time: columns are put in order once and serve all
//! the neighbourhoods that they are part of. Knows rows of bytes, three to a pixel, and no image.

use super::super::kernel::kernel;

/// Orders two of `levels`.
#[inline(always)]
fn order<const N: usize>(levels: &mut [u8; N], low: usize, high: usize) {
    (levels[low], levels[high]) = (levels[low].min(levels[high]), levels[low].max(levels[high]));
}

#[inline(always)]
fn sorted_3(mut levels: [u8; 3]) -> [u8; 3] {
    for (low, high) in [(0, 1), (1, 2), (0, 1)] {
        order(&mut levels, low, high);
    }
    levels
}

#[inline(always)]
fn sorted_5(mut levels: [u8; 5]) -> [u8; 5] {
    for (low, high) in [(0, 1), (3, 4), (2, 4), (2, 3), (1, 4), (0, 3), (0, 2), (1, 3), (1, 2)] {
        order(&mut levels, low, high);
    }
    levels
}

/// `N` rows of one length, one behind the other.
#[inline(always)]
fn split<const N: usize>(rows: &mut [u8]) -> [&mut [u8]; N] {
    let length = rows.len() / N;
    let mut rest = rows;
    std::array::from_fn(|_| rest.split_off_mut(..length).expect("all rows are there"))
}

kernel! {
    /// The median of each byte's 3 × 3 neighbourhood; `rows` begin one pixel to the left of `out` and end one to its
    /// right, and `ranks` has room for three such rows.
    pub fn median_of_9<LANES>(rows: [&[u8]; 3], ranks: &mut [u8], out: &mut [u8]) {
        let columns = out.len() + 6;
        let [low, middle, high] = split(&mut ranks[..3 * columns]);
        let [above, beside, below] = rows.map(|row| &row[..columns]);
        for x in 0..columns {
            [low[x], middle[x], high[x]] = sorted_3([above[x], beside[x], below[x]]);
        }
        let about = |row: &[u8], x: usize| [row[x], row[x + 3], row[x + 6]];
        for x in 0..out.len() {
            // With columns in order, only these three can be the fifth of nine.
            let [lowest, median, highest] = [about(low, x), about(middle, x), about(high, x)].map(sorted_3);
            out[x] = sorted_3([lowest[2], median[1], highest[0]])[1];
        }
    }
}

kernel! {
    /// The median of each byte's 5 × 5 neighbourhood; `rows` begin two pixels to the left of `out` and end two to its
    /// right, and `ranks` has room for five such rows.
    pub fn median_of_25<LANES>(rows: [&[u8]; 5], ranks: &mut [u8], out: &mut [u8]) {
        let columns = out.len() + 12;
        let mut ranks = split::<5>(&mut ranks[..5 * columns]);
        let rows = rows.map(|row| &row[..columns]);
        for x in 0..columns {
            let column = sorted_5([rows[0][x], rows[1][x], rows[2][x], rows[3][x], rows[4][x]]);
            ranks.iter_mut().zip(column).for_each(|(rank, level)| rank[x] = level);
        }
        let about = |row: &[u8], x: usize| [row[x], row[x + 3], row[x + 6], row[x + 9], row[x + 12]];
        let [a, b, c, d, e] = ranks;
        for x in 0..out.len() {
            let [a, b, c, d, e] = [about(a, x), about(b, x), about(c, x), about(d, x), about(e, x)].map(sorted_5);
            // The 13 that can be the median once columns and rows are in order: of the others, 6 are lower and 6
            // higher, for (i + 1)(j + 1) levels are at most the one at (i, j) and (5 - i)(5 - j) at least it.
            out[x] = median_of_13([a[3], a[4], b[2], b[3], b[4], c[1], c[2], c[3], d[0], d[1], d[2], e[0], e[1]]);
        }
    }
}

/// Forgets the lowest and the highest of eight, takes in another, and so on: seven levels remain unseen, so neither
/// can be the median.
#[inline(always)]
fn median_of_13(mut levels: [u8; 13]) -> u8 {
    part::<0>(&mut levels);
    levels[LAST] = levels[8];
    part::<1>(&mut levels);
    levels[LAST] = levels[9];
    part::<2>(&mut levels);
    levels[LAST] = levels[10];
    part::<3>(&mut levels);
    levels[LAST] = levels[11];
    part::<4>(&mut levels);
    levels[LAST] = levels[12];
    part::<5>(&mut levels);
    levels[6]
}

const LAST: usize = 7;

/// Of places `FIRST..=LAST`, brings the lowest to `FIRST` and the highest to `LAST`. A constant parameter, so that the
/// loops vanish.
#[inline(always)]
fn part<const FIRST: usize>(levels: &mut [u8; 13]) {
    let count = LAST + 1 - FIRST;
    for place in 0..count / 2 {
        order(levels, FIRST + place, LAST - place);
    }
    for place in 1..count.div_ceil(2) {
        order(levels, FIRST, FIRST + place);
        order(levels, LAST - place, LAST);
    }
}
