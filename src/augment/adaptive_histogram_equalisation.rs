//! Adaptive histogram equalisation of luminance, with a limit on contrast (CLAHE; Zuiderveld 1994) or without.

use super::grey::luminance_into;
use super::image::{Between, Image, Spare, reflected};
use super::kernel::kernel;
use super::random::Random;
use super::vectors::Vectors;
use crate::recipe::{AdaptiveHistogramEqualisation, Clip};

/// Equalises luminance y tile by tile to y', between tiles by bilinear interpolation, and adds y' - y to every
/// channel, saturating: this is the equalisation of Y in YCbCr with Cb and Cr kept. y' equals OpenCV's
/// `createCLAHE(clip, (tiles, tiles))` on the grey image; without a limit, that with clip 0.
pub fn apply(
    settings: &AdaptiveHistogramEqualisation,
    image: &mut Image,
    spare: &mut Spare,
    random: &mut Random,
) {
    let clip = match settings.clip {
        Clip::At(limit) => Some(random.strength(limit)),
        Clip::Without(_) => None,
    };
    let grid = Grid::of(image.width, image.height, settings.tiles as usize);
    equalise(spare.vectors, (grid, settings.interpolate), clip, image, spare);
}

fn equalise(
    vectors: Vectors,
    (grid, interpolate): (Grid, bool),
    clip: Option<f64>,
    image: &mut Image,
    spare: &mut Spare,
) {
    luminance_into(vectors, image, &mut spare.luminance);
    grid.equalise_tiles(&spare.luminance, clip, &mut spare.tables);
    let place = if interpolate { between } else { inside };
    let Spare { luminance, tables, columns, quads, levels, .. } = spare;
    columns.clear();
    columns.extend((0..image.width).map(|x| place(x, grid.tile_width, grid.tiles)));
    let mut last = None;
    for (y, out) in image.pixels.chunks_exact_mut(image.width * 3).enumerate() {
        let row = place(y, grid.tile_height, grid.tiles);
        if last.replace((row.low, row.high)) != Some((row.low, row.high)) {
            grid.gather_tables(tables, row, columns, quads);
        }
        let luminance = &luminance[y * image.width..][..image.width];
        look_up(quads, columns, luminance, levels);
        shift(vectors, levels, columns, row.share, luminance, out);
    }
}

/// The levels that the four tables about each pixel of a row have for its luminance, a byte each.
fn look_up(quads: &[[u32; 256]], columns: &[Between], luminance: &[u8], levels: &mut Vec<u32>) {
    levels.clear();
    let mut at = 0;
    for quad in quads {
        let alike = columns[at..].iter().take_while(|column| column.same_tables(&columns[at])).count();
        levels.extend(luminance[at..at + alike].iter().map(|&level| quad[usize::from(level)]));
        at += alike;
    }
}

kernel! {
    /// Weighs the four levels of each pixel by nearness and adds what that is above its luminance to its channels.
    fn shift<LANES>(levels: &[u32], columns: &[Between], share: f32, luminance: &[u8], pixels: &mut [u8]) {
        let pixels = pixels.as_chunks_mut::<3>().0;
        let rows = levels.iter().zip(columns).zip(luminance);
        for (pixel, ((&levels, column), &level)) in pixels.iter_mut().zip(rows) {
            let table = |place: u32| ((levels >> (8 * place)) & 255) as f32;
            // In f32, operation by operation as OpenCV does it: the results are then equal to the bit.
            let above = table(0) * (1.0 - column.share) + table(1) * column.share;
            let below = table(2) * (1.0 - column.share) + table(3) * column.share;
            let change = rounded(above * (1.0 - share) + below * share) as i16 - i16::from(level);
            for channel in pixel {
                *channel = (i16::from(*channel) + change).clamp(0, 255) as u8;
            }
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
    fn equalise_tiles(&self, plane: &[u8], clip: Option<f64>, tables: &mut Vec<u8>) {
        tables.clear();
        for tile in 0..self.tiles * self.tiles {
            let counts = self.histogram(plane, tile / self.tiles, tile % self.tiles);
            tables.extend(equalising(counts, self.tile_width * self.tile_height, clip));
        }
    }

    /// What lies past the image is its mirror about the last row and column.
    fn histogram(&self, plane: &[u8], row: usize, column: usize) -> [u32; 256] {
        // Two of them, by turns: neighbours are often alike, and a count that was just written is slow to read.
        let mut counts = [[0; 256]; 2];
        let left = column * self.tile_width;
        for y in row * self.tile_height..(row + 1) * self.tile_height {
            let levels = &plane[reflected(y as isize, self.height) * self.width..][..self.width];
            let inside = left.min(self.width)..(left + self.tile_width).min(self.width);
            let (pairs, odd) = levels[inside].as_chunks::<2>();
            for &[even, odd] in pairs {
                counts[0][usize::from(even)] += 1;
                counts[1][usize::from(odd)] += 1;
            }
            odd.iter().for_each(|&level| counts[0][usize::from(level)] += 1);
            for x in left.max(self.width)..left + self.tile_width {
                counts[0][usize::from(levels[reflected(x as isize, self.width)])] += 1;
            }
        }
        std::array::from_fn(|level| counts[0][level] + counts[1][level])
    }

    /// For each run of `columns` between the same tiles, its four tables in one: a byte for each of above left, above
    /// right, below left, below right.
    fn gather_tables(&self, tables: &[u8], row: Between, columns: &[Between], quads: &mut Vec<[u32; 256]>) {
        let table = |row: usize, column: usize| &tables[(row * self.tiles + column) * 256..][..256];
        quads.clear();
        for run in columns.chunk_by(Between::same_tables) {
            let [left, right] = [run[0].low, run[0].high];
            let [a, b] = [table(row.low, left), table(row.low, right)];
            let [c, d] = [table(row.high, left), table(row.high, right)];
            quads.push(std::array::from_fn(|level| {
                u32::from_le_bytes([a[level], b[level], c[level], d[level]])
            }));
        }
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

/// The tile that pixel `at` lies in, twice.
fn inside(at: usize, tile: usize, _tiles: usize) -> Between {
    Between { low: at / tile, high: at / tile, share: 0.0 }
}

/// The table that equalises a histogram of `total` levels after clipping it at `clip` times the mean bin.
fn equalising(mut counts: [u32; 256], total: usize, clip: Option<f64>) -> [u8; 256] {
    if let Some(clip) = clip {
        clip_counts(&mut counts, ((clip * total as f64 / 256.0) as u32).max(1));
    }
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
#[inline(always)]
fn rounded(x: f32) -> u32 {
    const WHOLE: f32 = 8_388_608.0;
    (x + WHOLE).to_bits() - WHOLE.to_bits()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures;
    use super::*;

    fn equalised(vectors: Vectors, tiles: u32, clip: Option<f64>, mut image: Image) -> Image {
        let grid = Grid::of(image.width, image.height, tiles as usize);
        equalise(vectors, (grid, true), clip, &mut image, &mut Spare::default());
        image
    }

    #[test]
    fn grey_images_equal_opencvs() {
        for (tiles, clip, wanted) in fixtures::CLAHE {
            for vectors in Vectors::all() {
                let image = equalised(vectors, tiles, clip, fixtures::grey());
                let seen: Vec<u8> = image.pixels.iter().copied().step_by(3).collect();
                assert!(seen == wanted, "tiles {tiles}, clip {clip:?}, {vectors:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 100 }))]

        #[test]
        fn all_vectors_give_the_same_bytes(
            width in 1..=80_usize, height in 1..=20_usize, tiles in 1..=9_u32, clip in 1.0..=40.0_f64,
        ) {
            let image = fixtures::noise(width, height);
            let plain = equalised(Vectors::NONE, tiles, Some(clip), image.clone());
            for vectors in Vectors::all() {
                prop_assert!(equalised(vectors, tiles, Some(clip), image.clone()) == plain, "{:?}", vectors);
            }
        }
    }

    #[test]
    fn without_interpolation_a_tile_knows_nothing_of_the_others() {
        let (whole, part) = (fixtures::noise(40, 30), fixtures::noise(40, 15));
        let settings = AdaptiveHistogramEqualisation { tiles: 2, interpolate: false, ..Default::default() };
        let tiled = |mut image: Image| {
            apply(&settings, &mut image, &mut Spare::default(), &mut Random::at([0; 4]));
            image.pixels
        };
        let mut other = part.clone();
        other.pixels.extend(vec![7; whole.pixels.len() - part.pixels.len()]);
        other.height = 30;
        assert_eq!(tiled(whole)[..part.pixels.len()], tiled(other)[..part.pixels.len()]);
    }

    #[test]
    fn a_range_draws_its_limit_and_equal_ends_fix_it() {
        let seen = |clip: &str, seed| {
            let settings = serde_json::from_str(&format!("{{\"tiles\":2,\"clip\":{clip}}}")).unwrap();
            let mut image = fixtures::noise(64, 64);
            apply(&settings, &mut image, &mut Spare::default(), &mut Random::at([seed; 4]));
            image
        };
        assert_eq!(seen("[2.0, 2.0]", 1), seen("2.0", 2));
        assert_ne!(seen("[1.0, 4.0]", 1), seen("[1.0, 4.0]", 2));
    }

    #[test]
    fn channels_keep_their_differences_where_nothing_saturates() {
        let image = fixtures::colour();
        let after = equalised(Vectors::best(), 2, Some(2.0), image.clone());
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
        let table = equalising(counts, 256, Some(2.0));
        assert!((0..256).all(|level| (i32::from(table[level]) - level as i32).abs() <= 1));
        assert_eq!([0.5, 1.5, 2.5, 254.49].map(rounded), [0, 2, 2, 254]);
    }
}
