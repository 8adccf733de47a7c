//! Grid noise: lines of one level at every `spacing` pixels, across and down.

use super::image::Image;
use super::random::Random;
use crate::recipe::GridNoise;

/// Rows y with (y + a) mod spacing < thickness, and columns x with (x + b) mod spacing < thickness, become `level`; a
/// and b are drawn evenly from 0..spacing.
pub fn apply(settings: &GridNoise, image: &mut Image, random: &mut Random) {
    let (spacing, thickness) = (settings.spacing.max(1) as usize, settings.thickness as usize);
    let [across, down] = [0; 2].map(|_| random.below(spacing as u64) as usize);
    let pixels = image.pixels.as_chunks_mut::<3>().0;
    for (y, row) in pixels.chunks_exact_mut(image.width.max(1)).enumerate() {
        if (y + across) % spacing < thickness {
            row.fill([settings.level; 3]);
            continue;
        }
        // The line that the image's left edge may cut through, then the whole ones.
        row.iter_mut().take(thickness.saturating_sub(down)).for_each(|pixel| *pixel = [settings.level; 3]);
        for start in (spacing - down..row.len()).step_by(spacing) {
            let end = (start + thickness).min(row.len());
            row[start..end].fill([settings.level; 3]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_is_on_a_line_exactly_where_the_formula_says_so() {
        let settings = GridNoise { spacing: 5, thickness: 2, level: 9 };
        for seed in 0..40 {
            let mut random = Random::at([seed, 0, 0, 0]);
            let [a, b] = [0; 2].map(|_| random.below(5) as usize);
            let mut image = Image::new(13, 11, vec![200; 13 * 11 * 3]).unwrap();
            apply(&settings, &mut image, &mut Random::at([seed, 0, 0, 0]));
            for (index, pixel) in image.pixels.as_chunks::<3>().0.iter().enumerate() {
                let on_a_line = (index / 13 + a) % 5 < 2 || (index % 13 + b) % 5 < 2;
                assert_eq!(*pixel, if on_a_line { [9; 3] } else { [200; 3] }, "offsets {a}, {b}");
            }
        }
    }
}
