//! Medians of 9 and 25 by networks of minima and maxima, a block of neighbouring bytes at a time. Knows rows of
//! bytes, three to a pixel, and no image.

/// Bytes that go through a network side by side.
pub const LANES: usize = 32;

type Block = [u8; LANES];

/// Orders two blocks byte by byte: the lower bytes go to `low`.
#[inline(always)]
fn order<const N: usize>(blocks: &mut [Block; N], low: usize, high: usize) {
    let [low, high] = blocks.get_disjoint_mut([low, high]).expect("a network compares two places");
    for (low, high) in low.iter_mut().zip(high) {
        (*low, *high) = ((*low).min(*high), (*low).max(*high));
    }
}

#[inline(always)]
fn sort_3(blocks: &mut [Block; 3]) {
    for (low, high) in [(0, 1), (1, 2), (0, 1)] {
        order(blocks, low, high);
    }
}

#[inline(always)]
fn sort_5(blocks: &mut [Block; 5]) {
    for (low, high) in [(0, 1), (3, 4), (2, 4), (2, 3), (1, 4), (0, 3), (0, 2), (1, 3), (1, 2)] {
        order(blocks, low, high);
    }
}

/// The block that begins at byte `at`. Bordered rows are a block longer than their pixels.
#[inline(always)]
fn block(row: &[u8], at: usize) -> Block {
    let mut block = [0; LANES];
    block.copy_from_slice(&row[at..at + LANES]);
    block
}

/// The median of each byte's 3 × 3 neighbourhood; `rows` begin one pixel to the left of `out`.
pub fn median_of_9(rows: [&[u8]; 3], out: &mut [u8]) {
    for (index, out) in out.chunks_mut(LANES).enumerate() {
        // By place in the sorted column, then by column.
        let mut sorted = [[[0; LANES]; 3]; 3];
        for column in 0..3 {
            let mut levels = rows.map(|row| block(row, index * LANES + 3 * column));
            sort_3(&mut levels);
            sorted.iter_mut().zip(levels).for_each(|(place, level)| place[column] = level);
        }
        sorted.iter_mut().for_each(sort_3);
        // With columns and rows in order, only these three can be the fifth of nine.
        let mut candidates = [sorted[0][2], sorted[1][1], sorted[2][0]];
        sort_3(&mut candidates);
        out.copy_from_slice(&candidates[1][..out.len()]);
    }
}

/// The median of each byte's 5 × 5 neighbourhood; `rows` begin two pixels to the left of `out`.
pub fn median_of_25(rows: [&[u8]; 5], out: &mut [u8]) {
    for (index, out) in out.chunks_mut(LANES).enumerate() {
        let mut sorted = [[[0; LANES]; 5]; 5];
        for column in 0..5 {
            let mut levels = rows.map(|row| block(row, index * LANES + 3 * column));
            sort_5(&mut levels);
            sorted.iter_mut().zip(levels).for_each(|(place, level)| place[column] = level);
        }
        sorted.iter_mut().for_each(sort_5);
        let median = median_of_13(candidates_of_25(&sorted));
        out.copy_from_slice(&median[..out.len()]);
    }
}

/// The 13 that can be the median once columns and rows are in order: of the others, 6 are lower and 6 higher, for
/// (i + 1)(j + 1) levels are at most the one at (i, j) and (5 - i)(5 - j) at least it.
#[inline(always)]
fn candidates_of_25(sorted: &[[Block; 5]; 5]) -> [Block; 13] {
    const PLACES: [(usize, usize); 13] = [
        (0, 3),
        (0, 4),
        (1, 2),
        (1, 3),
        (1, 4),
        (2, 1),
        (2, 2),
        (2, 3),
        (3, 0),
        (3, 1),
        (3, 2),
        (4, 0),
        (4, 1),
    ];
    PLACES.map(|(place, column)| sorted[place][column])
}

/// Forgets the lowest and the highest of eight, takes in another, and so on: seven levels remain unseen, so neither
/// can be the median.
#[inline(always)]
fn median_of_13(mut blocks: [Block; 13]) -> Block {
    part::<0>(&mut blocks);
    blocks.swap(LAST, 8);
    part::<1>(&mut blocks);
    blocks.swap(LAST, 9);
    part::<2>(&mut blocks);
    blocks.swap(LAST, 10);
    part::<3>(&mut blocks);
    blocks.swap(LAST, 11);
    part::<4>(&mut blocks);
    blocks.swap(LAST, 12);
    part::<5>(&mut blocks);
    blocks[6]
}

const LAST: usize = 7;

/// Of places `FIRST..=LAST`, brings the lowest to `FIRST` and the highest to `LAST`. A constant parameter, for the
/// loops must vanish: with a variable the whole network is five times slower.
#[inline(always)]
fn part<const FIRST: usize>(blocks: &mut [Block; 13]) {
    let count = LAST + 1 - FIRST;
    for place in 0..count / 2 {
        order(blocks, FIRST + place, LAST - place);
    }
    for place in 1..count.div_ceil(2) {
        order(blocks, FIRST, FIRST + place);
        order(blocks, LAST - place, LAST);
    }
}
