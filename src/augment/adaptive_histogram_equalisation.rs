//! Contrast-limited adaptive histogram equalisation of luminance (CLAHE; Zuiderveld 1994).

use super::image::{Between, Image, Spare, reflected};
use crate::recipe::AdaptiveHistogramEqualisation;

/// Equalises luminance y tile by tile to y', between tiles by bilinear interpolation, and adds y' - y to every
/// channel, saturating: this is the equalisation of Y in YCbCr with Cb and Cr kept. y' equals OpenCV's
/// `createCLAHE(clip, (tiles, tiles))` on the grey image.
pub fn apply(settings: &AdaptiveHistogramEqualisation, image: &mut Image, spare: &mut Spare) {
    image.luminance_into(&mut spare.luminance);
    let grid = Grid::of(image.width, image.height, settings.tiles as usize);
    grid.equalise_tiles(&spare.luminance, settings.clip, &mut spare.tables);
    spare.columns.clear();
    spare.columns.extend((0..image.width).map(|x| between(x, grid.tile_width, grid.tiles)));
    let rows = image.pixels.as_chunks_mut::<3>().0.chunks_exact_mut(image.width.max(1));
    for (y, (out, luminance)) in rows.zip(spare.luminance.chunks_exact(image.width.max(1))).enumerate() {
        let row = between(y, grid.tile_height, grid.tiles);
        for ((pixel, &level), column) in out.iter_mut().zip(luminance).zip(&spare.columns) {
            let change = i16::from(grid.level(&spare.tables, level, row, *column)) - i16::from(level);
            *pixel = pixel.map(|channel| (i16::from(channel) + change).clamp(0, 255) as u8);
        }
    }
}

/// How an image is cut into `tiles` × `tiles` tiles of one size; the last ones reach past the image where its sides
/// are no multiples.
struct Grid {
    width: usize,
    height: usize,
    tiles: usize,
    tile_width: usize,
    tile_height: usize,
}

impl Grid {
    fn of(width: usize, height: usize, tiles: usize) -> Grid {
        let tiles = tiles.max(1);
        let whole = width.is_multiple_of(tiles) && height.is_multiple_of(tiles);
        // As OpenCV does, a side that is a multiple grows by one too where the other is none.
        let tile = |side: usize| side / tiles + usize::from(!whole);
        Grid { width, height, tiles, tile_width: tile(width), tile_height: tile(height) }
    }

    /// Every tile's table of levels, `[tiles, tiles, 256]`.
    fn equalise_tiles(&self, plane: &[u8], clip: f64, tables: &mut Vec<u8>) {
        tables.clear();
        for tile in 0..self.tiles * self.tiles {
            let counts = self.histogram(plane, tile / self.tiles, tile % self.tiles);
            tables.extend(equalising(counts, self.tile_width * self.tile_height, clip));
        }
    }

    /// What lies past the image is its mirror about the last row and column.
    fn histogram(&self, plane: &[u8], row: usize, column: usize) -> [u32; 256] {
        let mut counts = [0; 256];
        let left = column * self.tile_width;
        for y in row * self.tile_height..(row + 1) * self.tile_height {
            let levels = &plane[reflected(y as isize, self.height) * self.width..][..self.width];
            let inside = left.min(self.width)..(left + self.tile_width).min(self.width);
            levels[inside].iter().for_each(|&level| counts[usize::from(level)] += 1);
            for x in left.max(self.width)..left + self.tile_width {
                counts[usize::from(levels[reflected(x as isize, self.width)])] += 1;
            }
        }
        counts
    }

    /// The level that the four tables about a place give, weighted by nearness.
    fn level(&self, tables: &[u8], level: u8, row: Between, column: Between) -> u8 {
        let table = |row: usize, column: usize| {
            f32::from(tables[(row * self.tiles + column) * 256 + usize::from(level)])
        };
        let along = |row: usize| {
            table(row, column.low) * (1.0 - column.share) + table(row, column.high) * column.share
        };
        rounded(along(row.low) * (1.0 - row.share) + along(row.high) * row.share) as u8
    }
}

/// The tiles whose centres lie on either side of pixel `at`. In f32, operation by operation as OpenCV does it: the
/// results are then equal to the bit.
fn between(at: usize, tile: usize, tiles: usize) -> Between {
    let place = at as f32 * (1.0 / tile as f32) - 0.5;
    let low = place.floor();
    let high = (low as isize + 1) as usize;
    Between { low: low.max(0.0) as usize, high: high.min(tiles - 1), share: place - low }
}

/// The table that equalises a histogram of `total` levels after clipping it at `clip` times the mean bin.
fn equalising(mut counts: [u32; 256], total: usize, clip: f64) -> [u8; 256] {
    clip_counts(&mut counts, ((clip * total as f64 / 256.0) as u32).max(1));
    let scale = 255.0 / total as f32;
    let mut sum = 0;
    counts.map(|count| {
        sum += count;
        rounded(sum as f32 * scale).min(255) as u8
    })
}

/// What lies above the limit is spread over all bins: first evenly, then the rest in even steps from the darkest.
fn clip_counts(counts: &mut [u32; 256], limit: u32) {
    let clipped: u32 = counts.iter().map(|count| count.saturating_sub(limit)).sum();
    counts.iter_mut().for_each(|count| *count = (*count).min(limit) + clipped / 256);
    let rest = clipped as usize % 256;
    if let Some(step) = 256_usize.checked_div(rest) {
        counts.iter_mut().step_by(step).take(rest).for_each(|count| *count += 1);
    }
}

/// Rounded to the nearest whole number, halves to the even one, for 0..=2^22: above 2^23 an f32 has no fraction left.
fn rounded(x: f32) -> u32 {
    const WHOLE: f32 = 8_388_608.0;
    ((x + WHOLE) - WHOLE) as u32
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    fn equalised(tiles: u32, clip: f64, mut image: Image) -> Image {
        let settings = AdaptiveHistogramEqualisation { tiles, clip };
        apply(&settings, &mut image, &mut Spare::default());
        image
    }

    #[test]
    fn grey_images_equal_opencvs() {
        for (tiles, clip, wanted) in fixtures::CLAHE {
            let image = equalised(tiles, clip, fixtures::grey());
            let seen: Vec<u8> = image.pixels.iter().copied().step_by(3).collect();
            assert!(seen == wanted, "tiles {tiles}, clip {clip}");
        }
    }

    #[test]
    fn channels_keep_their_differences_where_nothing_saturates() {
        let image = fixtures::colour();
        let after = equalised(2, 2.0, image.clone());
        let pairs = image.pixels.as_chunks::<3>().0.iter().zip(after.pixels.as_chunks::<3>().0);
        let mut compared = 0;
        for (before, after) in pairs.filter(|(_, after)| after.iter().all(|p| (1..255).contains(p))) {
            let changes: Vec<i16> = (0..3).map(|c| i16::from(after[c]) - i16::from(before[c])).collect();
            assert!(changes.iter().all(|change| *change == changes[0]), "{before:?} {after:?}");
            compared += 1;
        }
        assert!(compared > 100);
    }

    #[test]
    fn a_flat_histogram_is_left_alone_and_halves_round_to_even() {
        let counts = [1; 256];
        let table = equalising(counts, 256, 2.0);
        assert!((0..256).all(|level| (i32::from(table[level]) - level as i32).abs() <= 1));
        assert_eq!([0.5, 1.5, 2.5, 254.49].map(rounded), [0, 2, 2, 254]);
    }
}
