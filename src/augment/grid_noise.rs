//! Grid noise: lines of one level across and down, or squares of it in rows and columns.

use std::ops::Range;

use super::image::Image;
use super::random::Random;
use crate::recipe::{GridNoise, GridShape};

/// Shares are in 1/65,536.
const SHARE_STEPS: u32 = 1 << 16;

/// Where (y + a) mod spacing < thickness, or (x + b) mod spacing < thickness (squares: and), pixels become `level`; a
/// and b are drawn evenly from 0..spacing, then each square in view, row by row, is dropped with probability `share`.
pub fn apply(settings: &GridNoise, image: &mut Image, random: &mut Random) {
    let (spacing, thickness) = (settings.spacing.max(1) as usize, settings.thickness as usize);
    let [across, down] = [0; 2].map(|_| random.below(spacing as u64) as usize);
    let width = image.width.max(1);
    let pixels = image.pixels.as_chunks_mut::<3>().0;
    let rows = Bands { offset: across, spacing, thickness, end: pixels.len() / width };
    let columns = Bands { offset: down, spacing, thickness, end: width };
    match settings.shape {
        GridShape::Lines => draw_lines(pixels, rows, columns, settings.level),
        GridShape::Squares => {
            let share = random.steps_between(settings.share.ends(), SHARE_STEPS) as u64;
            let is_dropped = || share == u64::from(SHARE_STEPS) || random.bits() >> 48 < share;
            drop_squares(pixels, rows, columns, settings.level, is_dropped);
        }
    }
}

/// Where (i + offset) mod spacing < thickness, for i in 0..end.
#[derive(Clone, Copy)]
struct Bands {
    offset: usize,
    spacing: usize,
    thickness: usize,
    end: usize,
}

impl Bands {
    /// In ascending order; the image's edges may cut the first and the last.
    fn ranges(self) -> impl Iterator<Item = Range<usize>> {
        let Bands { offset, spacing, thickness, end } = self;
        let starts = (0..end + offset).step_by(spacing);
        let cut = move |start: usize| {
            start.saturating_sub(offset)..(start + thickness).saturating_sub(offset).min(end)
        };
        starts.map(cut).filter(|range| !range.is_empty())
    }
}

fn draw_lines(pixels: &mut [[u8; 3]], rows: Bands, columns: Bands, level: u8) {
    let width = columns.end;
    for band in rows.ranges() {
        pixels[band.start * width..band.end * width].fill([level; 3]);
    }
    // Lines are thin: pixel by pixel costs less than finding both ends of each line in each row.
    let columns: Vec<usize> = columns.ranges().flatten().collect();
    for row in pixels.chunks_exact_mut(width) {
        columns.iter().for_each(|x| row[*x] = [level; 3]);
    }
}

fn drop_squares(
    pixels: &mut [[u8; 3]],
    rows: Bands,
    columns: Bands,
    level: u8,
    mut is_dropped: impl FnMut() -> bool,
) {
    let width = columns.end;
    for across in rows.ranges() {
        for down in columns.ranges().filter(|_| is_dropped()) {
            for y in across.clone() {
                pixels[y * width + down.start..y * width + down.end].fill([level; 3]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: GridNoise = GridNoise {
        shape: GridShape::Lines,
        spacing: 5,
        thickness: 2,
        level: 9,
        share: crate::recipe::Strength::One(1.0),
        probability: 1.0,
    };

    fn drawn(settings: &GridNoise, seed: u64) -> (usize, usize, Image) {
        let mut random = Random::at([seed, 0, 0, 0]);
        let [a, b] = [0; 2].map(|_| random.below(5) as usize);
        let mut image = Image::new(13, 11, vec![200; 13 * 11 * 3]).unwrap();
        apply(settings, &mut image, &mut Random::at([seed, 0, 0, 0]));
        (a, b, image)
    }

    #[test]
    fn a_pixel_is_changed_exactly_where_the_formula_says_so() {
        for (seed, shape) in (0..80).zip([GridShape::Lines, GridShape::Squares].into_iter().cycle()) {
            let (a, b, image) = drawn(&GridNoise { shape, ..SETTINGS }, seed);
            for (index, pixel) in image.pixels.as_chunks::<3>().0.iter().enumerate() {
                let (across, down) = ((index / 13 + a) % 5 < 2, (index % 13 + b) % 5 < 2);
                let on = if shape == GridShape::Lines { across || down } else { across && down };
                assert_eq!(*pixel, if on { [9; 3] } else { [200; 3] }, "{shape:?}, offsets {a}, {b}");
            }
        }
    }

    #[test]
    fn squares_are_dropped_whole_in_the_share_asked_for() {
        let settings = GridNoise { shape: GridShape::Squares, share: 0.3.into(), ..SETTINGS };
        let (mut dropped, mut all) = (0, 0);
        for seed in 0..400 {
            let (a, b, image) = drawn(&settings, seed);
            let mut squares = std::collections::BTreeMap::new();
            for (index, pixel) in image.pixels.as_chunks::<3>().0.iter().enumerate() {
                let (y, x) = (index / 13 + a, index % 13 + b);
                if y % 5 < 2 && x % 5 < 2 {
                    assert_eq!(squares.entry((y / 5, x / 5)).or_insert(*pixel), pixel, "half a square");
                } else {
                    assert_eq!(*pixel, [200; 3]);
                }
            }
            all += squares.len();
            dropped += squares.values().filter(|pixel| **pixel == [9; 3]).count();
        }
        let share = f64::from(dropped as u32) / f64::from(all as u32);
        assert!((share - 0.3).abs() < 0.03, "{dropped} of {all}");
    }
}
