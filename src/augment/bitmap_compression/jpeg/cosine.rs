//! The cosine transform of 8 × 8 blocks there and back, with rounded coefficients between (Arai, Agui & Nakajima 1988).
//! Knows a strip of eight rows.

use super::super::super::kernel::kernel;
use super::super::super::vectors::Vectors;
use super::tables::{Table, scaled};

/// Columns that are transformed at a time: two blocks.
pub const CHUNK: usize = 16;

/// Eight rows of a chunk.
type Rows = [[f32; CHUNK]; 8];

/// What coefficients are multiplied by before they are rounded, and after: the steps of a table, and the factors that
/// the transforms leave to be made up for. Transposed, as coefficients are at that moment.
pub struct Coarseness {
    before: Rows,
    after: Rows,
}

impl Coarseness {
    pub fn of(table: &Table, quality: u32) -> Coarseness {
        let steps = scaled(table, quality);
        let factor = |frequency: usize| match frequency {
            0 => 1.0,
            _ => (frequency as f64 * std::f64::consts::PI / 16.0).cos() * std::f64::consts::SQRT_2,
        };
        let rows = |value: &dyn Fn(f64, f64) -> f64| {
            std::array::from_fn(|across| {
                std::array::from_fn(|column| {
                    let down = column % 8;
                    value(f64::from(steps[down][across]), factor(down) * factor(across)) as f32
                })
            })
        };
        Coarseness {
            before: rows(&|step, factors| 1.0 / (8.0 * step * factors)),
            after: rows(&|step, factors| step * factors / 8.0),
        }
    }
}

/// Replaces eight rows, a whole number of chunks long, by what their rounded coefficients give back.
pub fn coarsen(vectors: Vectors, strip: &mut [u8], coarseness: &Coarseness) {
    coarsen_strip(vectors, strip, &coarseness.before, &coarseness.after);
}

kernel! {
    fn coarsen_strip<LANES>(strip: &mut [u8], before: &Rows, after: &Rows) {
        let stride = strip.len() / 8;
        let mut rows = [[0.0; CHUNK]; 8];
        for left in (0..stride).step_by(CHUNK) {
            for (y, row) in rows.iter_mut().enumerate() {
                let levels = strip[y * stride + left..].first_chunk::<CHUNK>().expect("chunks are whole");
                row.iter_mut().zip(levels).for_each(|(row, level)| *row = f32::from(*level) - 128.0);
            }
            down(&mut rows, forward);
            let mut turned = transposed(&rows);
            there_and_back(&mut turned, before, after);
            rows = transposed(&turned);
            down(&mut rows, backward);
            for (y, row) in rows.iter().enumerate() {
                let levels = strip[y * stride + left..].first_chunk_mut::<CHUNK>().expect("chunks are whole");
                levels.iter_mut().zip(row).for_each(|(level, value)| *level = whole(*value + 128.0));
            }
        }
    }
}

/// The nearest level.
#[inline(always)]
fn whole(value: f32) -> u8 {
    (rounded(value.clamp(0.0, 255.0)) as i32) as u8
}

/// To the nearest whole number, halves to the even one, up to 2^22 either way.
#[inline(always)]
fn rounded(value: f32) -> f32 {
    const WHOLE: f32 = 12_582_912.0;
    (value + WHOLE) - WHOLE
}

#[inline(always)]
fn down(rows: &mut Rows, transform: fn([f32; 8]) -> [f32; 8]) {
    for x in 0..CHUNK {
        put(rows, x, transform(column(rows, x)));
    }
}

#[inline(always)]
fn there_and_back(rows: &mut Rows, before: &Rows, after: &Rows) {
    for x in 0..CHUNK {
        let mut kept = forward(column(rows, x));
        let (before, after) = (column(before, x), column(after, x));
        for y in 0..8 {
            kept[y] = rounded(kept[y] * before[y]) * after[y];
        }
        put(rows, x, backward(kept));
    }
}

/// Spelt out: closures would stay calls, and calls stop the compiler's vectors.
#[inline(always)]
fn column(rows: &Rows, x: usize) -> [f32; 8] {
    let [a, b, c, d, e, f, g, h] = rows;
    [a[x], b[x], c[x], d[x], e[x], f[x], g[x], h[x]]
}

#[inline(always)]
fn put(rows: &mut Rows, x: usize, column: [f32; 8]) {
    let [a, b, c, d, e, f, g, h] = rows;
    [a[x], b[x], c[x], d[x], e[x], f[x], g[x], h[x]] = column;
}

/// Each of the two blocks by itself.
#[inline(always)]
fn transposed(rows: &Rows) -> Rows {
    let mut turned = [[0.0; CHUNK]; 8];
    for y in 0..8 {
        for x in 0..8 {
            turned[y][x] = rows[x][y];
            turned[y][8 + x] = rows[x][8 + y];
        }
    }
    turned
}

// Tangents and cosines of the paper's flow graph: cos(n·π/16) is C followed by n.
const C4: f32 = std::f32::consts::FRAC_1_SQRT_2;
const C6: f32 = 0.382_683_43;
const C2_LESS_C6: f32 = 0.541_196_1;
const C2_AND_C6: f32 = 1.306_563;

/// Frequencies of eight levels: a(k)·√8 times the orthonormal transform's, a(0) = 1 and a(k) = √2·cos(k·π/16).
#[inline(always)]
fn forward(level: [f32; 8]) -> [f32; 8] {
    let [l0, l1, l2, l3, l4, l5, l6, l7] = level;
    let (sum0, sum1, sum2, sum3) = (l0 + l7, l1 + l6, l2 + l5, l3 + l4);
    let (less0, less1, less2, less3) = (l0 - l7, l1 - l6, l2 - l5, l3 - l4);
    let (outer, inner) = (sum0 + sum3, sum1 + sum2);
    let (outer_less, inner_less) = (sum0 - sum3, sum1 - sum2);
    let turned = (inner_less + outer_less) * C4;
    let low = less3 + less2;
    let middle = (less2 + less1) * C4;
    let high = less1 + less0;
    let shared = (low - high) * C6;
    let (low, high) = (low * C2_LESS_C6 + shared, high * C2_AND_C6 + shared);
    let (more, less) = (less0 + middle, less0 - middle);
    [
        outer + inner,
        more + high,
        outer_less + turned,
        less - low,
        outer - inner,
        less + low,
        outer_less - turned,
        more - high,
    ]
}

/// Eight levels from frequencies: a(k) / √8 times the orthonormal transform's.
#[inline(always)]
fn backward(frequency: [f32; 8]) -> [f32; 8] {
    const ROOT_2: f32 = std::f32::consts::SQRT_2;
    let [f0, f1, f2, f3, f4, f5, f6, f7] = frequency;
    let (sum, difference) = (f0 + f4, f0 - f4);
    let even = f2 + f6;
    let odd = (f2 - f6) * ROOT_2 - even;
    let (outer, inner) = ([sum + even, sum - even], [difference + odd, difference - odd]);
    let (a, b, c, d) = (f5 + f3, f5 - f3, f1 + f7, f1 - f7);
    let first = c + a;
    let shared = (b + d) * 1.847_759;
    let second = shared - b * 2.613_126 - first;
    let third = (c - a) * ROOT_2 - second;
    let fourth = shared - d * 1.082_392_2 - third;
    [
        outer[0] + first,
        inner[0] + second,
        inner[1] + third,
        outer[1] + fourth,
        outer[1] - fourth,
        inner[1] - third,
        inner[0] - second,
        outer[0] - first,
    ]
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    fn factor(frequency: usize) -> f64 {
        if frequency == 0 { 1.0 } else { (frequency as f64 * PI / 16.0).cos() * 2_f64.sqrt() }
    }

    #[test]
    fn frequencies_are_those_of_the_definition() {
        let level = [12.0, -100.0, 127.0, 3.0, 8.0, -128.0, 55.0, 54.0];
        for (frequency, seen) in forward(level).into_iter().enumerate() {
            let wave = |x: usize| ((2 * x + 1) as f64 * frequency as f64 * PI / 16.0).cos();
            let sum: f64 = (0..8).map(|x| f64::from(level[x]) * wave(x)).sum();
            let norm = if frequency == 0 { 1.0 } else { 2_f64.sqrt() };
            assert!((f64::from(seen) - sum * norm * factor(frequency)).abs() < 1e-3, "{frequency}: {seen}");
        }
    }

    #[test]
    fn backward_undoes_forward() {
        let level = [12.0, -100.0, 127.0, 3.0, 8.0, -128.0, 55.0, 54.0];
        let back = backward(forward(level).map(|frequency| frequency / 8.0));
        assert!(level.iter().zip(back).all(|(level, back)| (level - back).abs() < 1e-3), "{back:?}");
    }
}
