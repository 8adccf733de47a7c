//! Edges of luminance: the Sobel gradient's magnitude, or Canny's thin lines; alone or drawn over the picture.

mod canny;

pub use canny::Gradients;

use super::grey::{luminance_into, paint};
use super::image::{Image, Spare, reflected};
use super::kernel::kernel;
use super::random::Random;
use super::vectors::Vectors;
use crate::recipe::{Detector, Edges};

/// `sobel`: e is the gradient's magnitude times `gain`, rounded and saturated; gx and gy are OpenCV's `Sobel` of size 3
/// on luminance, mirrored about the edge pixels (`BORDER_REFLECT_101`). `canny`: e is OpenCV's
/// `Canny(luminance, low, high)`. All channels become e, or max(p, e) where edges are drawn over.
pub fn apply(settings: &Edges, image: &mut Image, spare: &mut Spare, random: &mut Random) {
    let vectors = spare.vectors;
    luminance_into(vectors, image, &mut spare.luminance);
    match settings.detector {
        Detector::Sobel => {
            let gain = random.strength(settings.gain) as f32;
            sobel(vectors, (image.width, image.height), gain, spare);
        }
        Detector::Canny => {
            let (low, high) = (random.strength(settings.low), random.strength(settings.high));
            canny::edges(vectors, (image.width, image.height), (low, high), spare);
        }
    }
    paint(vectors, &spare.plane, settings.drawn_over, &mut image.pixels);
}

/// From luminance, `spare.plane`.
fn sobel(vectors: Vectors, (width, height): (usize, usize), gain: f32, spare: &mut Spare) {
    let stride = width + 2;
    border(&spare.luminance, width, height, &mut spare.bordered);
    spare.plane.resize(width * height, 0);
    let rows = spare.plane.chunks_exact_mut(width);
    for (out, around) in rows.zip(spare.bordered.windows(3 * stride).step_by(stride)) {
        magnitudes(vectors, around, gain, out);
    }
}

kernel! {
    /// A row of magnitudes; `around` are the bordered rows above, at and below it.
    fn magnitudes<LANES>(around: &[u8], gain: f32, out: &mut [u8]) {
        let rows = around_rows(around, out.len());
        for (x, out) in out.iter_mut().enumerate() {
            let [across, down] = gradient(at(&rows, x));
            let (across, down) = (i32::from(across), i32::from(down));
            // At most 2,080,800: exact in f32, whose square root and product IEEE 754 defines to the bit.
            let magnitude = ((across * across + down * down) as f32).sqrt() * gain;
            // SAFETY: `min` leaves no NaN and nothing above 255.5, and a root times a gain is not negative.
            *out = unsafe { (magnitude + 0.5).min(255.0).to_int_unchecked::<i32>() } as u8;
        }
    }
}

/// Of three rows that are two longer than `length`: each from its first, second and third place on, so that the compiler
/// sees that nothing is out of bounds.
#[inline(always)]
fn around_rows<T>(around: &[T], length: usize) -> [[&[T]; 3]; 3] {
    std::array::from_fn(|y| std::array::from_fn(|x| &around[y * (length + 2) + x..][..length]))
}

/// The 3 × 3 values about place `x`. Spelt out: a closure would stay a call, and calls stop the compiler's vectors.
#[inline(always)]
fn at<T: Copy>([a, b, c]: &[[&[T]; 3]; 3], x: usize) -> [[T; 3]; 3] {
    [[a[0][x], a[1][x], a[2][x]], [b[0][x], b[1][x], b[2][x]], [c[0][x], c[1][x], c[2][x]]]
}

/// gx and gy of the 3 × 3 levels about a pixel: differences, each smoothed by 1, 2, 1 the other way.
#[inline(always)]
fn gradient(around: [[u8; 3]; 3]) -> [i16; 2] {
    let [[a, b, c], [d, _, f], [g, h, i]] = around;
    let (a, c, g, i) = (i16::from(a), i16::from(c), i16::from(g), i16::from(i));
    let across = c - a + 2 * (i16::from(f) - i16::from(d)) + i - g;
    let down = g - a + 2 * (i16::from(h) - i16::from(b)) + i - c;
    [across, down]
}

/// The plane with one more row and column on every side, mirrored about the edge.
fn border(plane: &[u8], width: usize, height: usize, bordered: &mut Vec<u8>) {
    bordered.clear();
    for y in -1..=height as isize {
        let row = &plane[reflected(y, height) * width..][..width];
        bordered.push(row[reflected(-1, width)]);
        bordered.extend_from_slice(row);
        bordered.push(row[reflected(width as isize, width)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures;
    use super::*;

    fn edges(settings: &str, mut image: Image) -> Vec<u8> {
        let settings = serde_json::from_str(settings).unwrap();
        apply(&settings, &mut image, &mut Spare::default(), &mut Random::at([0; 4]));
        image.pixels
    }

    fn sobel_of(vectors: Vectors, image: &Image, gain: f32) -> Vec<u8> {
        let mut spare = Spare::default();
        luminance_into(vectors, image, &mut spare.luminance);
        sobel(vectors, (image.width, image.height), gain, &mut spare);
        let mut painted = image.clone();
        paint(vectors, &spare.plane, true, &mut painted.pixels);
        [spare.luminance, spare.plane, painted.pixels].concat()
    }

    #[test]
    fn magnitudes_equal_opencvs_alike_in_all_channels() {
        let seen = edges("{}", fixtures::colour());
        assert!(seen == fixtures::SOBEL.iter().flat_map(|edge| [*edge; 3]).collect::<Vec<u8>>());
    }

    #[test]
    fn a_step_of_10_gives_40_on_both_of_its_sides_and_gain_scales_it() {
        for (gain, wanted) in [("1.0", 40), ("0.5", 20), ("16.0", 255), ("[2.0, 2.0]", 80)] {
            let row = [50, 50, 50, 60, 60, 60].map(|level| [level; 3]);
            let image = Image::new(6, 3, row.concat().repeat(3)).unwrap();
            let seen = edges(&format!("{{\"gain\":{gain}}}"), image);
            let seen: Vec<u8> = seen.into_iter().step_by(3).take(6).collect();
            assert_eq!(seen, [0, 0, wanted, wanted, 0, 0]);
        }
    }

    #[test]
    fn edges_drawn_over_lighten_the_picture_and_nothing_else() {
        for detector in ["sobel", "canny"] {
            let image = fixtures::colour();
            let alone = edges(&format!("{{\"detector\":\"{detector}\"}}"), image.clone());
            let over = edges(&format!("{{\"detector\":\"{detector}\",\"drawn_over\":true}}"), image.clone());
            let wanted: Vec<u8> = image.pixels.iter().zip(&alone).map(|(p, e)| *p.max(e)).collect();
            assert!(over == wanted && over != alone, "{detector}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 100 }))]

        #[test]
        fn all_vectors_give_the_same_bytes(
            width in 1..=150_usize, height in 1..=12_usize, gain in 0.01..=16.0_f32,
        ) {
            let image = fixtures::noise(width, height);
            let plain = sobel_of(Vectors::NONE, &image, gain);
            for vectors in Vectors::all() {
                prop_assert!(sobel_of(vectors, &image, gain) == plain, "{:?}", vectors);
            }
        }
    }
}
