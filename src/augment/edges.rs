//! Edges: p ← gain · √(gx² + gy²), the Sobel gradient of luminance.

use super::image::{Image, Spare, reflected};
use crate::recipe::Edges;

/// Replaces all channels by the gradient's magnitude times `gain`, rounded and saturated. gx and gy are OpenCV's
/// `Sobel` of size 3 on luminance, mirrored about the edge pixels (`BORDER_REFLECT_101`).
pub fn apply(settings: &Edges, image: &mut Image, spare: &mut Spare) {
    image.luminance_into(&mut spare.luminance);
    let (width, stride) = (image.width, image.width + 2);
    border(&spare.luminance, width, image.height, &mut spare.bordered);
    let gain = settings.gain as f32;
    let rows = image.pixels.as_chunks_mut::<3>().0.chunks_exact_mut(width.max(1));
    for (out, above) in rows.zip(spare.bordered.windows(3 * stride).step_by(stride)) {
        let (above, rest) = above.split_at(stride);
        let (beside, below) = rest.split_at(stride);
        for (x, pixel) in out.iter_mut().enumerate() {
            let around = |row: &[u8]| [row[x], row[x + 1], row[x + 2]].map(i32::from);
            *pixel = [magnitude([around(above), around(beside), around(below)], gain); 3];
        }
    }
}

fn magnitude([above, beside, below]: [[i32; 3]; 3], gain: f32) -> u8 {
    let across = above[2] - above[0] + 2 * (beside[2] - beside[0]) + below[2] - below[0];
    let down = below[0] - above[0] + 2 * (below[1] - above[1]) + below[2] - above[2];
    // At most 2,080,800: exact in f32, whose square root and product IEEE 754 defines to the bit.
    let magnitude = ((across * across + down * down) as f32).sqrt() * gain;
    (magnitude + 0.5) as u8
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
    use super::super::fixtures;
    use super::*;

    #[test]
    fn magnitudes_equal_opencvs() {
        let mut image = fixtures::colour();
        apply(&Edges { gain: 1.0 }, &mut image, &mut Spare::default());
        let seen: Vec<u8> = image.pixels.iter().copied().step_by(3).collect();
        assert!(seen == fixtures::SOBEL);
        assert!(image.pixels.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b));
    }

    #[test]
    fn a_step_of_10_gives_40_on_both_of_its_sides_and_gain_scales_it() {
        for (gain, wanted) in [(1.0, 40), (0.5, 20), (16.0, 255)] {
            let row = [50, 50, 50, 60, 60, 60].map(|level| [level; 3]);
            let mut image = Image::new(6, 3, row.concat().repeat(3)).unwrap();
            apply(&Edges { gain }, &mut image, &mut Spare::default());
            let seen: Vec<u8> = image.pixels.iter().copied().step_by(3).take(6).collect();
            assert_eq!(seen, [0, 0, wanted, wanted, 0, 0]);
        }
    }
}
