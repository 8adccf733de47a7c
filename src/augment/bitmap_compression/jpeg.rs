//! What a JPEG file gives back of a picture. Its entropy coding loses nothing and is left out; the rest is what
//! libjpeg does by default: YCbCr, colour at half the resolution, 8 × 8 cosine transforms, rounded coefficients.

mod cosine;
mod tables;

use super::super::image::Picture;
use super::super::kernel::kernel;
use super::super::vectors::Vectors;
use cosine::{CHUNK, Coarseness};

/// A picture as JPEG keeps it, with sides that are whole blocks, and rows on the way there and back.
#[derive(Debug, Default)]
pub struct Planes {
    luma: Plane,
    blue: Plane,
    red: Plane,
    rows: [Vec<u8>; 4],
}

#[derive(Debug, Default)]
struct Plane {
    stride: usize,
    levels: Vec<u8>,
}

impl Plane {
    /// Room for sides of at least so many levels, in whole chunks of blocks.
    fn resize(&mut self, width: usize, height: usize) {
        self.stride = width.next_multiple_of(CHUNK);
        self.levels.resize(self.stride * height.next_multiple_of(8), 0);
    }

    fn row(&self, y: usize) -> &[u8] {
        &self.levels[y * self.stride..][..self.stride]
    }

    /// Fills what lies past row `height - 1` with copies of it.
    fn repeat_last_row(&mut self, height: usize) {
        for y in height..self.levels.len() / self.stride {
            self.levels.copy_within((height - 1) * self.stride..height * self.stride, y * self.stride);
        }
    }
}

/// What a JPEG file of `quality` 1..=100 gives back of `from`: to the bit what libjpeg(-turbo) gives by default.
pub fn round_trip(vectors: Vectors, quality: u32, from: Picture, to: &mut [u8], planes: &mut Planes) {
    let (width, height) = (from.width, from.height());
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    planes.luma.resize(2 * half_width, 2 * half_height);
    planes.blue.resize(half_width, half_height);
    planes.red.resize(half_width, half_height);
    planes.rows.iter_mut().for_each(|row| row.resize(2 * planes.blue.stride.max(planes.luma.stride), 0));
    planes.take(vectors, from);
    let luma = Coarseness::of(&tables::LUMA, quality);
    let colour = Coarseness::of(&tables::COLOUR, quality);
    for (plane, coarseness) in
        [(&mut planes.luma, &luma), (&mut planes.blue, &colour), (&mut planes.red, &colour)]
    {
        for strip in plane.levels.chunks_exact_mut(8 * plane.stride) {
            cosine::coarsen(vectors, strip, coarseness);
        }
    }
    planes.give(vectors, (width, height), to);
}

impl Planes {
    fn take(&mut self, vectors: Vectors, from: Picture) {
        let Planes { luma, blue, red, rows: [blue_above, red_above, blue_below, red_below] } = self;
        let (pixels, height) = (from.pixels.as_chunks::<3>().0, from.height());
        let row = |y: usize| &pixels[y.min(height - 1) * from.width..][..from.width];
        for y in 0..height.div_ceil(2) {
            let pair = &mut luma.levels[2 * y * luma.stride..][..2 * luma.stride];
            let (above, below) = pair.split_at_mut(luma.stride);
            convert(vectors, row(2 * y), above, blue_above, red_above);
            convert(vectors, row(2 * y + 1), below, blue_below, red_below);
            let place = y * blue.stride..(y + 1) * blue.stride;
            halve(vectors, blue_above, blue_below, &mut blue.levels[place.clone()]);
            halve(vectors, red_above, red_below, &mut red.levels[place]);
        }
        luma.repeat_last_row(height.next_multiple_of(2));
        blue.repeat_last_row(height.div_ceil(2));
        red.repeat_last_row(height.div_ceil(2));
    }

    fn give(&mut self, vectors: Vectors, (width, height): (usize, usize), to: &mut [u8]) {
        let Planes { luma, blue, red, rows: [wide_blue, wide_red, ..] } = self;
        let (half_width, last) = (width.div_ceil(2), height.div_ceil(2) - 1);
        for (y, out) in to.chunks_exact_mut(width * 3).enumerate() {
            let near = y / 2;
            let far = if y % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(last) };
            for (plane, wide) in [(&*blue, &mut *wide_blue), (&*red, &mut *wide_red)] {
                let [near, far] = [near, far].map(|y| &plane.row(y)[..half_width]);
                double(vectors, near, far, &mut wide[..2 * half_width]);
            }
            convert_back(vectors, luma.row(y), wide_blue, wide_red, out.as_chunks_mut().0);
        }
    }
}

/// RGB to YCbCr (ITU-T T.871), and the last pixel's repeated to the end of the rows.
fn convert(vectors: Vectors, pixels: &[[u8; 3]], luma: &mut [u8], blue: &mut [u8], red: &mut [u8]) {
    let width = pixels.len();
    convert_row(vectors, pixels, &mut luma[..width], &mut blue[..width], &mut red[..width]);
    for row in [luma, blue, red] {
        let last = row[width - 1];
        row[width..].fill(last);
    }
}

/// Factors are in 1/65,536.
const HALF: i32 = 1 << 15;

kernel! {
    fn convert_row<LANES>(pixels: &[[u8; 3]], luma: &mut [u8], blue: &mut [u8], red: &mut [u8]) {
        let width = pixels.len();
        let (luma, blue, red) = (&mut luma[..width], &mut blue[..width], &mut red[..width]);
        for x in 0..width {
            let [r, g, b] = pixels[x];
            let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
            luma[x] = ((19_595 * r + 38_470 * g + 7_471 * b + HALF) >> 16) as u8;
            // A half is rounded down, as libjpeg does, so that 255.5 stays a byte.
            blue[x] = ((-11_059 * r - 21_709 * g + 32_768 * b + (128 << 16) + HALF - 1) >> 16) as u8;
            red[x] = ((32_768 * r - 27_439 * g - 5_329 * b + (128 << 16) + HALF - 1) >> 16) as u8;
        }
    }
}

kernel! {
    /// The mean of every 2 × 2 levels; halves are rounded down and up by turns.
    fn halve<LANES>(above: &[u8], below: &[u8], out: &mut [u8]) {
        let (above, below) = (above.as_chunks::<2>().0, below.as_chunks::<2>().0);
        let (above, below) = (&above[..out.len()], &below[..out.len()]);
        for x in 0..out.len() {
            let ([a, b], [c, d]) = (above[x], below[x]);
            let sum = u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d);
            out[x] = ((sum + 1 + (x % 2) as u16) >> 2) as u8;
        }
    }
}

/// Twice as wide, each level 9/16 of the nearest, 3/16 of the two next to it and 1/16 of the one across.
fn double(vectors: Vectors, near: &[u8], far: &[u8], out: &mut [u8]) {
    let last = near.len() - 1;
    double_inside(vectors, near, far, out);
    let sum = |x: usize| 3 * u16::from(near[x]) + u16::from(far[x]);
    let weigh = |x: usize, other: usize, half: u16| ((3 * sum(x) + sum(other) + half) >> 4) as u8;
    (out[0], out[1]) = (weigh(0, 0, 8), weigh(0, last.min(1), 7));
    (out[2 * last], out[2 * last + 1]) = (weigh(last, last.saturating_sub(1), 8), weigh(last, last, 7));
}

kernel! {
    /// All but the first and the last two.
    fn double_inside<LANES>(near: &[u8], far: &[u8], out: &mut [u8]) {
        let inside = near.len().saturating_sub(2);
        let (near, far) = (thrice(near, inside), thrice(far, inside));
        let out = &mut out.as_chunks_mut::<2>().0[1..][..inside];
        for x in 0..inside {
            let before = 3 * u16::from(near[0][x]) + u16::from(far[0][x]);
            let here = 3 * (3 * u16::from(near[1][x]) + u16::from(far[1][x]));
            let after = 3 * u16::from(near[2][x]) + u16::from(far[2][x]);
            out[x] = [((here + before + 8) >> 4) as u8, ((here + after + 7) >> 4) as u8];
        }
    }
}

/// From the first, second and third place on, so that the compiler sees that nothing is out of bounds.
#[inline(always)]
fn thrice(row: &[u8], length: usize) -> [&[u8]; 3] {
    let from = |place: usize| &row[place.min(row.len())..][..length];
    [from(0), from(1), from(2)]
}

kernel! {
    fn convert_back<LANES>(luma: &[u8], blue: &[u8], red: &[u8], out: &mut [[u8; 3]]) {
        let (luma, blue, red) = (&luma[..out.len()], &blue[..out.len()], &red[..out.len()]);
        for x in 0..out.len() {
            let [y, blue, red] = [i32::from(luma[x]), i32::from(blue[x]) - 128, i32::from(red[x]) - 128];
            let r = y + ((91_881 * red + HALF) >> 16);
            let g = y + ((-22_554 * blue - 46_802 * red + HALF) >> 16);
            let b = y + ((116_130 * blue + HALF) >> 16);
            out[x] = [r.clamp(0, 255) as u8, g.clamp(0, 255) as u8, b.clamp(0, 255) as u8];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::{Image, fixtures};
    use super::*;

    fn compressed(vectors: Vectors, quality: u32, image: &Image) -> Vec<u8> {
        let mut to = vec![7; image.pixels.len()];
        round_trip(vectors, quality, image.as_picture(), &mut to, &mut Planes::default());
        to
    }

    #[test]
    fn pictures_equal_libjpegs() {
        for (quality, wanted) in fixtures::JPEG {
            for vectors in Vectors::all() {
                let seen = compressed(vectors, quality, &fixtures::colour());
                assert!(seen == wanted, "quality {quality}, {vectors:?}");
            }
        }
    }

    #[test]
    fn a_lower_quality_strays_further() {
        let image = fixtures::colour();
        let strayed = |quality| {
            let seen = compressed(Vectors::best(), quality, &image);
            seen.iter().zip(&image.pixels).map(|(seen, level)| u32::from(seen.abs_diff(*level))).sum::<u32>()
        };
        assert!(strayed(10) > strayed(50) && strayed(50) > strayed(95), "{} {}", strayed(10), strayed(95));
    }

    #[test]
    fn grey_flat_pictures_stay_as_they_are_at_any_size() {
        for (width, height) in [(1, 1), (2, 3), (16, 8), (17, 33)] {
            for level in [0, 16, 128, 255] {
                let flat = Image::new(width, height, vec![level; width * height * 3]).unwrap();
                assert_eq!(compressed(Vectors::best(), 100, &flat), flat.pixels);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 60 }))]

        #[test]
        fn all_vectors_give_the_same_bytes(width in 1..=70_usize, height in 1..=30_usize, quality in 1..=100_u32) {
            let image = fixtures::noise(width, height);
            let plain = compressed(Vectors::NONE, quality, &image);
            for vectors in Vectors::all() {
                prop_assert!(compressed(vectors, quality, &image) == plain, "{:?}", vectors);
            }
        }
    }
}
