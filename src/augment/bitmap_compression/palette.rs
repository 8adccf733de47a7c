//! A palette for one picture by median cut (Heckbert 1982), on colours of five bits a channel.

use super::super::image::Image;
use super::super::kernel::kernel;
use super::super::vectors::Vectors;
use super::bits::BAYER;
use super::diffusion::{Errors, diffuse};
use crate::recipe::Dither;

/// Colours alike in the highest five bits of each channel share a cell.
const CELLS: usize = 1 << 15;
const UNKNOWN: u16 = u16::MAX;

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    count: u32,
    sums: [u32; 3],
}

/// A picture's palette, and what it was made from; kept from picture to picture.
#[derive(Debug, Default)]
pub struct Palette {
    cells: Vec<Cell>,
    /// The cells that hold pixels, box by box.
    occupied: Vec<u16>,
    colours: Vec<[u8; 3]>,
    /// The palette's channels apart.
    channels: [Vec<i32>; 3],
    distances: Vec<u32>,
    /// Which colour stands for a cell, once it was asked for.
    nearest: Vec<u16>,
}

/// Cells `start..end` of `occupied`.
struct Cuboid {
    start: usize,
    end: usize,
    pixels: u64,
}

/// Replaces every pixel by the palette's colour nearest to the mean of its cell (to the cell's centre where dithering
/// leads to one without pixels). With `Ordered`, 255 / ∛colours times its threshold, which lies in -½..½, is added to
/// each channel first.
pub fn reduce(
    vectors: Vectors,
    colours: usize,
    dither: Dither,
    image: &mut Image,
    palette: &mut Palette,
    errors: &mut Errors,
) {
    palette.make(image.pixels.as_chunks().0, colours);
    match dither {
        Dither::None => {
            let pixels = image.pixels.as_chunks_mut::<3>().0;
            pixels.iter_mut().for_each(|pixel| *pixel = palette.nearest(vectors, *pixel));
        }
        Dither::Ordered => {
            let reach = (255.0 / (colours as f64).cbrt()).round() as i16;
            for (y, row) in image.pixels.chunks_exact_mut(image.width * 3).enumerate() {
                for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                    let more = (2 * i16::from(BAYER[y % 8][x % 8]) - 63) * reach / 128;
                    let wanted = pixel.map(|level| (i16::from(level) + more).clamp(0, 255) as u8);
                    *pixel = palette.nearest(vectors, wanted);
                }
            }
        }
        Dither::FloydSteinberg => diffuse(image, errors, |wanted| palette.nearest(vectors, wanted)),
    }
}

fn cell_of(pixel: [u8; 3]) -> usize {
    let [red, green, blue] = pixel.map(|level| usize::from(level >> 3));
    red << 10 | green << 5 | blue
}

/// A cell's place along red, green and blue, 0..32.
fn place_of(cell: u16) -> [usize; 3] {
    [cell >> 10, (cell >> 5) & 31, cell & 31].map(usize::from)
}

impl Palette {
    fn make(&mut self, pixels: &[[u8; 3]], wanted: usize) {
        self.count(pixels);
        let mut boxes = vec![Cuboid { start: 0, end: self.occupied.len(), pixels: pixels.len() as u64 }];
        while boxes.len() < wanted {
            let divisible = boxes.iter_mut().filter(|one| one.end - one.start > 1);
            // Of equals, `max_by_key` takes the last: that of most pixels and the lowest place comes first by reversal.
            let Some(largest) = divisible.rev().max_by_key(|one| one.pixels) else { break };
            let upper = self.divide(largest);
            boxes.push(upper);
        }
        self.colours.clear();
        self.colours.extend(boxes.iter().map(|one| mean(&self.cells, &self.occupied[one.start..one.end])));
        for (channel, levels) in self.channels.iter_mut().enumerate() {
            levels.clear();
            levels.extend(self.colours.iter().map(|colour| i32::from(colour[channel])));
        }
        self.nearest.clear();
        self.nearest.resize(CELLS, UNKNOWN);
    }

    fn count(&mut self, pixels: &[[u8; 3]]) {
        self.cells.resize(CELLS, Cell::default());
        self.occupied.drain(..).for_each(|cell| self.cells[usize::from(cell)] = Cell::default());
        for pixel in pixels {
            let index = cell_of(*pixel);
            let cell = &mut self.cells[index];
            if cell.count == 0 {
                self.occupied.push(index as u16);
            }
            cell.count += 1;
            cell.sums.iter_mut().zip(pixel).for_each(|(sum, level)| *sum += u32::from(*level));
        }
    }

    /// Cuts a box across its longest side where half of its pixels, or somewhat more, are below; what is above is
    /// handed back.
    fn divide(&mut self, whole: &mut Cuboid) -> Cuboid {
        let cells = &mut self.occupied[whole.start..whole.end];
        let (axis, last) = longest_side(cells);
        let mut planes = [0_u64; 32];
        for cell in cells.iter() {
            planes[place_of(*cell)[axis]] += u64::from(self.cells[usize::from(*cell)].count);
        }
        let (mut below, mut cut) = (0, 0);
        while cut < last && 2 * below < whole.pixels {
            below += planes[cut];
            cut += 1;
        }
        cells.sort_unstable_by_key(|cell| (place_of(*cell)[axis] >= cut, *cell));
        let middle = whole.start + cells.partition_point(|cell| place_of(*cell)[axis] < cut);
        let upper = Cuboid { start: middle, end: whole.end, pixels: whole.pixels - below };
        (whole.end, whole.pixels) = (middle, below);
        upper
    }

    fn nearest(&mut self, vectors: Vectors, colour: [u8; 3]) -> [u8; 3] {
        let cell = cell_of(colour);
        if self.nearest[cell] == UNKNOWN {
            let point = match self.cells[cell].count {
                0 => place_of(cell as u16).map(|place| (8 * place + 4) as u8),
                _ => mean(&self.cells, &[cell as u16]),
            };
            self.distances.resize(self.colours.len(), 0);
            distances(vectors, point.map(i32::from), self.channels.each_ref(), &mut self.distances);
            let least = self.distances.iter().min().expect("a palette has a colour");
            let first = self.distances.iter().position(|distance| distance == least);
            self.nearest[cell] = first.expect("the least is there") as u16;
        }
        self.colours[usize::from(self.nearest[cell])]
    }
}

/// Of equally long ones, red's comes before green's before blue's; and the highest place along it.
fn longest_side(cells: &[u16]) -> (usize, usize) {
    let (mut lowest, mut highest) = ([31; 3], [0; 3]);
    for cell in cells {
        for (axis, place) in place_of(*cell).into_iter().enumerate() {
            lowest[axis] = place.min(lowest[axis]);
            highest[axis] = place.max(highest[axis]);
        }
    }
    let axis = (0..3).rev().max_by_key(|&axis| highest[axis] - lowest[axis]).expect("there are three");
    (axis, highest[axis])
}

/// The mean colour of the pixels of some cells, rounded.
fn mean(cells: &[Cell], some: &[u16]) -> [u8; 3] {
    let (mut count, mut sums) = (0, [0; 3]);
    for cell in some {
        let Cell { count: more, sums: levels } = cells[usize::from(*cell)];
        count += u64::from(more);
        sums.iter_mut().zip(levels).for_each(|(sum, levels)| *sum += u64::from(levels));
    }
    sums.map(|sum: u64| ((sum + count / 2) / count) as u8)
}

kernel! {
    /// Squared distances of a colour from those of a palette.
    fn distances<LANES>(point: [i32; 3], channels: [&Vec<i32>; 3], out: &mut [u32]) {
        let [red, green, blue] = channels.map(|levels| &levels[..out.len()]);
        for index in 0..out.len() {
            let [r, g, b] = [red[index] - point[0], green[index] - point[1], blue[index] - point[2]];
            out[index] = (r * r + g * g + b * b) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::fixtures;
    use super::*;

    fn reduced(vectors: Vectors, colours: usize, dither: Dither, mut image: Image) -> Vec<u8> {
        reduce(vectors, colours, dither, &mut image, &mut Palette::default(), &mut Errors::default());
        image.pixels
    }

    fn distinct(pixels: &[u8]) -> usize {
        pixels.as_chunks::<3>().0.iter().collect::<std::collections::BTreeSet<_>>().len()
    }

    #[test]
    fn palettes_equal_those_of_the_same_cuts_in_numpy() {
        for (colours, wanted) in fixtures::PALETTES {
            let seen = reduced(Vectors::best(), colours, Dither::None, fixtures::colour());
            assert!(seen == wanted, "{colours} colours");
        }
    }

    #[test]
    fn no_more_colours_are_left_than_asked_for_and_few_enough_stay_as_they_are() {
        for dither in [Dither::None, Dither::Ordered, Dither::FloydSteinberg] {
            for colours in [2, 16, 256] {
                let seen = reduced(Vectors::best(), colours, dither, fixtures::noise(64, 64));
                assert!(
                    distinct(&seen) <= colours && distinct(&seen) * 4 >= colours * 3,
                    "{colours} {dither:?}"
                );
            }
        }
        let few = Image::new(4, 1, vec![0, 0, 0, 9, 200, 77, 255, 255, 255, 100, 3, 250]).unwrap();
        assert_eq!(reduced(Vectors::best(), 4, Dither::None, few.clone()), few.pixels);
        assert_eq!(reduced(Vectors::best(), 256, Dither::FloydSteinberg, few.clone()), few.pixels);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 20 }))]

        #[test]
        fn all_vectors_give_the_same_bytes(width in 1..=60_usize, height in 1..=10_usize, colours in 2..=256_usize) {
            let image = fixtures::noise(width, height);
            let plain = reduced(Vectors::NONE, colours, Dither::FloydSteinberg, image.clone());
            for vectors in Vectors::all() {
                let seen = reduced(vectors, colours, Dither::FloydSteinberg, image.clone());
                prop_assert!(seen == plain, "{:?}", vectors);
            }
        }
    }
}
