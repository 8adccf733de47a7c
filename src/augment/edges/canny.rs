//! Canny's edge detector (Canny 1986): crests of the gradient that rise above one threshold, followed as long as they
//! stay above another. Knows a plane of luminance.

use super::super::image::Spare;
use super::super::kernel::kernel;
use super::super::vectors::Vectors;
use super::{around_rows, at, gradient};

/// What a pixel is, before edges are followed and after.
const NO_EDGE: u8 = 0;
const MAYBE: u8 = 1;
const EDGE: u8 = 255;

/// Gradients of a plane, kept from picture to picture. Every row has one more place on either side, and there is one
/// more row above and below; magnitudes are 0 there.
#[derive(Debug, Default)]
pub struct Gradients {
    across: Vec<i16>,
    down: Vec<i16>,
    magnitudes: Vec<i16>,
    /// What each pixel is, in rows as long.
    map: Vec<u8>,
    /// Edge pixels whose neighbours are still to be looked at.
    ahead: Vec<usize>,
}

/// From luminance, `spare.plane`: 255 on edges and 0 elsewhere, as OpenCV's `Canny(luminance, low, high)` with its
/// defaults has them: Sobel sums of size 3 with edge pixels repeated outwards, magnitudes |gx| + |gy|.
pub fn edges(vectors: Vectors, (width, height): (usize, usize), (low, high): (f64, f64), spare: &mut Spare) {
    let stride = width + 2;
    let Spare { luminance, bordered, gradients, plane, .. } = spare;
    repeat_edges(luminance, width, height, bordered);
    gradients.take(vectors, bordered, stride, height);
    gradients.thin(vectors, stride, (low.floor() as i16, high.floor() as i16));
    gradients.follow(stride);
    plane.clear();
    for row in gradients.map.chunks_exact(stride).skip(1).take(height) {
        plane.extend(row[1..=width].iter().map(|&pixel| if pixel == EDGE { EDGE } else { 0 }));
    }
}

impl Gradients {
    fn take(&mut self, vectors: Vectors, bordered: &[u8], stride: usize, height: usize) {
        let size = stride * (height + 2);
        for plane in [&mut self.across, &mut self.down, &mut self.magnitudes] {
            plane.clear();
            plane.resize(size, 0);
        }
        let across = self.across.chunks_exact_mut(stride).zip(self.down.chunks_exact_mut(stride));
        let rows = across.zip(self.magnitudes.chunks_exact_mut(stride)).skip(1);
        let around = bordered.windows(3 * stride).step_by(stride);
        for (((across, down), magnitudes), around) in rows.zip(around) {
            let inside = 1..stride - 1;
            let out = (&mut across[inside.clone()], &mut down[inside.clone()], &mut magnitudes[inside]);
            take_row(vectors, around, out.0, out.1, out.2);
        }
    }

    /// Keeps the crests.
    fn thin(&mut self, vectors: Vectors, stride: usize, (low, high): (i16, i16)) {
        self.map.clear();
        self.map.resize(self.magnitudes.len(), NO_EDGE);
        let rows = self.map.chunks_exact_mut(stride).skip(1);
        for (y, (map, around)) in rows.zip(self.magnitudes.windows(3 * stride).step_by(stride)).enumerate() {
            let [across, down] = [&self.across, &self.down].map(|plane| &plane[(y + 1) * stride + 1..]);
            thin_row(vectors, around, across, down, low, high, &mut map[1..stride - 1]);
        }
    }

    /// Edges go on wherever a neighbour may be one.
    fn follow(&mut self, stride: usize) {
        let Gradients { map, ahead, .. } = self;
        ahead.clear();
        ahead.extend((0..map.len()).filter(|&at| map[at] == EDGE));
        while let Some(at) = ahead.pop() {
            for row in [at - stride, at, at + stride] {
                for (nearby, mark) in map[row - 1..=row + 1].iter_mut().enumerate() {
                    if *mark == MAYBE {
                        *mark = EDGE;
                        ahead.push(row - 1 + nearby);
                    }
                }
            }
        }
    }
}

kernel! {
    fn take_row<LANES>(around: &[u8], across: &mut [i16], down: &mut [i16], magnitudes: &mut [i16]) {
        let width = magnitudes.len();
        let rows = around_rows(around, width);
        let (across, down) = (&mut across[..width], &mut down[..width]);
        for x in 0..width {
            let [gx, gy] = gradient(at(&rows, x));
            (across[x], down[x], magnitudes[x]) = (gx, gy, gx.abs() + gy.abs());
        }
    }
}

kernel! {
    /// A pixel may be an edge if its magnitude is above `low` and no lower than that of its two neighbours in the
    /// direction of the gradient, which is rounded to eighths of a turn: above `high`, it is one.
    fn thin_row<LANES>(around: &[i16], across: &[i16], down: &[i16], low: i16, high: i16, map: &mut [u8]) {
        // The tangent of 22.5° in 1/32,768; that of 67.5° is 2 more.
        const TANGENT: i32 = 13_573;
        let width = map.len();
        let rows = around_rows(around, width);
        let (across, down) = (&across[..width], &down[..width]);
        for x in 0..width {
            let [above, beside, below] = at(&rows, x);
            let (gx, gy, here) = (across[x], down[x], beside[1]);
            let (run, rise) = (gx.abs(), gy.abs());
            // Rounded down, and never whole unless `run` is 0: comparisons with it are those with the exact product.
            let bound = ((2 * i32::from(run) * TANGENT) >> 16) as i16;
            let flat = rise <= bound;
            let steep = rise - 2 * run > bound;
            // Of two equal neighbours along a row or a column, the first is taken.
            let level = (here > beside[0]) & (here >= beside[2]);
            let upright = (here > above[1]) & (here >= below[1]);
            let falling = (here > above[0]) & (here > below[2]);
            let rising = (here > above[2]) & (here > below[0]);
            let slanted = if (gx ^ gy) < 0 { rising } else { falling };
            let crest = if flat { level } else if steep { upright } else { slanted };
            let kind = if here > high { EDGE } else { MAYBE };
            map[x] = if crest & (here > low) { kind } else { NO_EDGE };
        }
    }
}

/// The plane with one more row and column on every side, like the first and the last.
fn repeat_edges(plane: &[u8], width: usize, height: usize, bordered: &mut Vec<u8>) {
    bordered.clear();
    for y in 0..height + 2 {
        let row = &plane[y.saturating_sub(1).min(height - 1) * width..][..width];
        bordered.push(row[0]);
        bordered.extend_from_slice(row);
        bordered.push(row[width - 1]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::fixtures;
    use super::super::super::grey::luminance_into;
    use super::*;

    fn edges_of(vectors: Vectors, image: &crate::augment::Image, thresholds: (f64, f64)) -> Vec<u8> {
        let mut spare = Spare::default();
        luminance_into(vectors, image, &mut spare.luminance);
        edges(vectors, (image.width, image.height), thresholds, &mut spare);
        spare.plane
    }

    #[test]
    fn edges_equal_opencvs() {
        for (low, high, wanted) in fixtures::CANNY {
            for vectors in Vectors::all() {
                assert!(
                    edges_of(vectors, &fixtures::colour(), (low, high)) == wanted,
                    "{low} {high} {vectors:?}"
                );
            }
        }
    }

    #[test]
    fn a_faint_line_is_followed_only_from_a_strong_one() {
        // A step of 60 whose upper half is a step of 20: |gx| is four times as much.
        let level = |x: usize, y: usize| {
            if x < 8 {
                50
            } else if y < 8 {
                70
            } else {
                110
            }
        };
        let pixels = (0..16 * 16).flat_map(|at| [level(at % 16, at / 16); 3]).collect();
        let image = crate::augment::Image::new(16, 16, pixels).unwrap();
        let count = |low, high| {
            edges_of(Vectors::best(), &image, (low, high)).iter().filter(|edge| **edge == EDGE).count()
        };
        assert_eq!(count(100.0, 400.0), 0);
        let (strong, both) = (count(170.0, 200.0), count(60.0, 200.0));
        assert!((6..=16).contains(&strong) && both >= strong + 6, "{strong} {both}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 100 }))]

        #[test]
        fn all_vectors_give_the_same_bytes(
            width in 1..=150_usize, height in 1..=12_usize, low in 0.0..500.0_f64, more in 0.0..500.0_f64,
        ) {
            let image = fixtures::noise(width, height);
            let plain = edges_of(Vectors::NONE, &image, (low, low + more));
            for vectors in Vectors::all() {
                prop_assert!(edges_of(vectors, &image, (low, low + more)) == plain, "{:?}", vectors);
            }
        }
    }
}
