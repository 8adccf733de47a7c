//! Which images show the same thing: a fingerprint that survives re-encoding, resizing and small crops, and the groups
//! of images whose fingerprints lie near one another.

use std::collections::HashMap;
use std::sync::OnceLock;

use image::RgbImage;
use rayon::prelude::*;

/// Fingerprints no farther apart than this show the same scene: a copy, or the next shot of a burst.
///
/// Of the 777,000 pairs of 1,247 photographs of birds, the 23 within 68 are all such pairs, those 72 to 80 apart
/// are of both kinds, and the mean pair is 127 apart (sd 8). Of 20,000 images of CIFAR-10, pairs up to 67 were looked at and are
/// copies or the same object; from 69 on other ones begin.
pub const NEAR: u32 = 68;

/// Cells of the grid that a picture is averaged into, along a side.
const GRID: usize = 64;
/// Frequencies kept, along a side.
const LOW: usize = 16;
/// Cosines are held as whole multiples of `1 / SCALE`.
const SCALE: f64 = 16_384.0;

/// 255 signs of a picture's low frequencies; the same on every machine, since it is made of whole numbers alone.
///
/// The picture is averaged into 64×64 cells of grey, whatever its shape, and transformed by a two-dimensional cosine
/// transform (type II); each of the 16×16 lowest frequencies but the mean gives one bit: whether its coefficient is
/// above 0. After Zauner 2010 (*Implementation and Benchmarking of Perceptual Image Hash Functions*, 3.2.1), with 255
/// bits instead of 64 and the sign in place of the median.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint([u64; 4]);

impl Fingerprint {
    pub fn of(image: &RgbImage) -> Fingerprint {
        let mut cells = grey_cells(image);
        let mean = cells.iter().sum::<i64>() / cells.len() as i64;
        cells.iter_mut().for_each(|cell| *cell -= mean);
        let coefficients = low_frequencies(&cells);
        let mut bits = [0; 4];
        for (at, coefficient) in coefficients.iter().enumerate().skip(1) {
            bits[at / 64] |= u64::from(*coefficient > 0) << (at % 64);
        }
        Fingerprint(bits)
    }

    /// Number of bits that differ, 0 to 255.
    #[inline(always)]
    pub fn distance(&self, other: &Fingerprint) -> u32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }

    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.0).for_each(|(to, word)| *to = word.to_le_bytes());
        bytes
    }

    pub fn from_bytes(bytes: &[u8; 32]) -> Fingerprint {
        let words = bytes.as_chunks::<8>().0;
        Fingerprint([0, 1, 2, 3].map(|at| u64::from_le_bytes(words[at])))
    }
}

/// `[64, 64]`, row by row: the mean grey of each cell in 1/256 of a level. A pixel that lies in several cells counts in
/// each by its share.
fn grey_cells(image: &RgbImage) -> Vec<i64> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut sums = vec![0_u64; GRID * GRID];
    if width == 0 || height == 0 {
        return vec![0; GRID * GRID];
    }
    let (across, down) = (shares(width), shares(height));
    let mut row_sums = [0_u64; GRID];
    for (y, row) in image.as_raw().chunks_exact(width * 3).enumerate() {
        row_sums.fill(0);
        for (pixel, shares) in row.as_chunks::<3>().0.iter().zip(&across) {
            let grey = grey(pixel);
            for (cell, share) in shares.cells() {
                row_sums[cell] += share * grey;
            }
        }
        for (cell, share) in down[y].cells() {
            let into = &mut sums[cell * GRID..(cell + 1) * GRID];
            into.iter_mut().zip(&row_sums).for_each(|(sum, row)| *sum += share * row);
        }
    }
    let area = (width * height) as u64;
    sums.into_iter().map(|sum| (sum / area) as i64).collect()
}

/// Luma of ITU-R BT.601 in 1/256 of a level, 0 to 65,280.
fn grey([red, green, blue]: &[u8; 3]) -> u64 {
    77 * u64::from(*red) + 150 * u64::from(*green) + 29 * u64::from(*blue)
}

/// The cells that one pixel lies in, of a side that is `64 * length` units long: a pixel is 64 of them, a cell `length`.
struct Shares {
    first: usize,
    last: usize,
    start: usize,
    length: usize,
}

impl Shares {
    fn cells(&self) -> impl Iterator<Item = (usize, u64)> {
        let (start, end, length) = (self.start, self.start + GRID, self.length);
        (self.first..=self.last).map(move |cell| {
            let (from, to) = (start.max(cell * length), end.min((cell + 1) * length));
            (cell, (to - from) as u64)
        })
    }
}

fn shares(length: usize) -> Vec<Shares> {
    let of = |pixel: usize| {
        let start = pixel * GRID;
        Shares { first: start / length, last: (start + GRID - 1) / length, start, length }
    };
    (0..length).map(of).collect()
}

/// `[16, 16]` of the cosine transform of `[64, 64]`.
fn low_frequencies(cells: &[i64]) -> Vec<i64> {
    let cosines = cosines();
    let dot = |a: &[i64], b: &[i64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<i64>();
    // Columns of `half` are contiguous: [frequency across, row].
    let mut half = vec![0; LOW * GRID];
    for (y, row) in cells.chunks_exact(GRID).enumerate() {
        for (u, cosine) in cosines.iter().enumerate() {
            half[u * GRID + y] = dot(row, cosine);
        }
    }
    // At most 2^16 levels × 2^14 × 64 cells, twice: below 2^57.
    cosines.iter().flat_map(|cosine| half.chunks_exact(GRID).map(|column| dot(column, cosine))).collect()
}

/// `cos((2 x + 1) u π / 128)` for u below 16 and x below 64.
fn cosines() -> &'static [[i64; GRID]; LOW] {
    static COSINES: OnceLock<[[i64; GRID]; LOW]> = OnceLock::new();
    COSINES.get_or_init(|| {
        let cosine = |u: usize, x: usize| {
            let angle = ((2 * x + 1) * u) as f64 * std::f64::consts::PI / (2 * GRID) as f64;
            (angle.cos() * SCALE).round() as i64
        };
        std::array::from_fn(|u| std::array::from_fn(|x| cosine(u, x)))
    })
}

/// The group of each image: the index of the group's first image. Two images are in one group when a chain of images,
/// each within `within` of the next, leads from one to the other.
///
/// Every pair of different fingerprints is compared, on the threads of the current pool: exact at any distance, and of
/// the order of n².
pub fn groups(prints: &[Fingerprint], within: u32) -> Vec<usize> {
    let mut first_of: HashMap<Fingerprint, usize> = HashMap::new();
    let mut distinct = Vec::new();
    let unique: Vec<usize> = prints
        .iter()
        .map(|print| {
            *first_of.entry(*print).or_insert_with(|| {
                distinct.push(*print);
                distinct.len() - 1
            })
        })
        .collect();
    let forest = (0..distinct.len())
        .into_par_iter()
        .with_min_len(64)
        .fold(|| Forest::new(distinct.len()), |forest, at| forest.join_near(&distinct, at, within))
        .reduce(|| Forest::new(distinct.len()), Forest::merge);
    let mut first_image = vec![usize::MAX; distinct.len()];
    let mut group_of = |(image, unique): (usize, &usize)| {
        let first = &mut first_image[forest.root(*unique)];
        *first = (*first).min(image);
        *first
    };
    unique.iter().enumerate().map(&mut group_of).collect()
}

/// Disjoint sets; the root of a set is its smallest member.
struct Forest {
    parents: Vec<u32>,
    /// Room for the neighbours of one image.
    found: Vec<u32>,
}

impl Forest {
    fn new(size: usize) -> Forest {
        Forest { parents: (0..size as u32).collect(), found: Vec::new() }
    }

    fn root(&self, of: usize) -> usize {
        let mut at = of;
        while self.parents[at] as usize != at {
            at = self.parents[at] as usize;
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.shorten(a), self.shorten(b));
        self.parents[a.max(b)] = a.min(b) as u32;
    }

    /// The root, with everything on the way hung below it.
    fn shorten(&mut self, of: usize) -> usize {
        let (root, mut at) = (self.root(of), of);
        while at != root {
            at = std::mem::replace(&mut self.parents[at], root as u32) as usize;
        }
        root
    }

    fn join_near(mut self, prints: &[Fingerprint], at: usize, within: u32) -> Forest {
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        find_near(&prints[at], &prints[at + 1..], within, &mut found);
        found.iter().for_each(|offset| self.join(at, at + 1 + *offset as usize));
        self.found = found;
        self
    }

    fn merge(mut self, other: Forest) -> Forest {
        for (at, parent) in other.parents.iter().enumerate().filter(|(at, parent)| **parent != *at as u32) {
            self.join(at, *parent as usize);
        }
        self
    }
}

/// Places of all in `others` that lie within `within` of `print`.
fn find_near(print: &Fingerprint, others: &[Fingerprint], within: u32, found: &mut Vec<u32>) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("popcnt") {
        // Sound: the machine has the instruction.
        return unsafe { find_near_counting(print, others, within, found) };
    }
    compare(print, others, within, found);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
fn find_near_counting(print: &Fingerprint, others: &[Fingerprint], within: u32, found: &mut Vec<u32>) {
    compare(print, others, within, found);
}

#[inline(always)]
fn compare(print: &Fingerprint, others: &[Fingerprint], within: u32, found: &mut Vec<u32>) {
    for (at, other) in others.iter().enumerate() {
        if print.distance(other) <= within {
            found.push(at as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use image::imageops::{self, FilterType};
    use image::{DynamicImage, ImageFormat};
    use proptest::prelude::*;

    use super::*;

    /// Blobs of light on a gradient, as photographs are: most of their power in low frequencies.
    fn scene(seed: u32, width: u32, height: u32) -> RgbImage {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(97);
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as f32 / 65_536.0
        };
        let blobs: Vec<[f32; 5]> =
            (0..14).map(|_| [next(), next(), 0.04 + 0.2 * next(), next() - 0.5, next()]).collect();
        RgbImage::from_fn(width, height, |x, y| {
            let (x, y) = (x as f32 / width as f32, y as f32 / height as f32);
            let light = |blob: &[f32; 5]| {
                let far = ((x - blob[0]).powi(2) + (y - blob[1]).powi(2)) / blob[2].powi(2);
                blob[3] * (-far).exp()
            };
            let sum = 0.4 + 0.2 * y + blobs.iter().map(light).sum::<f32>();
            image::Rgb(
                [sum, 0.9 * sum + 0.1 * x, 0.7 * sum].map(|value| (value.clamp(0.0, 1.0) * 255.0) as u8),
            )
        })
    }

    fn jpeg(image: &RgbImage, quality: u8) -> RgbImage {
        let mut bytes = Cursor::new(Vec::new());
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(image).unwrap();
        image::load_from_memory_with_format(bytes.get_ref(), ImageFormat::Jpeg).unwrap().into_rgb8()
    }

    #[test]
    fn the_fingerprint_of_a_picture_is_the_agreed_one() {
        let picture = RgbImage::from_fn(50, 37, |x, y| {
            image::Rgb([(x * x % 251) as u8, (y * 7 % 256) as u8, (x * y % 256) as u8])
        });
        let hex: String = Fingerprint::of(&picture).0.iter().map(|word| format!("{word:016x}")).collect();
        assert_eq!(hex, "3e1ce0fc1ff0e3002336cc6639c6c78e294a124a649ad9921154a3556aac952a");
        let cosines = cosines().as_flattened().iter().enumerate();
        assert_eq!(cosines.map(|(at, cosine)| (at as i64 + 1) * cosine).sum::<i64>(), 17737052);
    }

    #[test]
    fn re_encoding_resizing_and_small_crops_leave_it_near_and_other_pictures_are_far() {
        for seed in 0..20 {
            let picture = scene(seed, 240, 180);
            let print = Fingerprint::of(&picture);
            let small = imageops::resize(&picture, 90, 70, FilterType::Triangle);
            let crop = imageops::crop_imm(&picture, 5, 4, 230, 172).to_image();
            let brighter = DynamicImage::from(picture.clone()).brighten(12).into_rgb8();
            let changed =
                [("jpeg", jpeg(&picture, 40)), ("small", small), ("crop", crop), ("light", brighter)];
            for (how, image) in changed {
                let distance = print.distance(&Fingerprint::of(&image));
                assert!(distance <= NEAR, "{seed} {how}: {distance}");
            }
            let distance = print.distance(&Fingerprint::of(&scene(seed + 100, 240, 180)));
            assert!(distance > NEAR + 10, "{seed}: {distance}");
        }
    }

    #[test]
    fn pictures_without_contrast_are_alike_and_tiny_ones_are_no_trouble() {
        let flat = |shade, side| Fingerprint::of(&RgbImage::from_pixel(side, side, image::Rgb([shade; 3])));
        assert_eq!(flat(0, 8), flat(255, 300));
        assert_eq!(flat(9, 1), Fingerprint::default());
        assert_eq!(Fingerprint::of(&RgbImage::new(0, 0)), Fingerprint::default());
    }

    #[test]
    fn bytes_bring_it_back() {
        let print = Fingerprint::of(&scene(3, 40, 40));
        assert_eq!(Fingerprint::from_bytes(&print.to_bytes()), print);
        assert_ne!(print, Fingerprint::default());
    }

    #[test]
    fn a_chain_of_neighbours_is_one_group() {
        let bits = |n: u32| Fingerprint([if n >= 64 { u64::MAX } else { (1 << n) - 1 }, 0, 0, 0]);
        let prints = [bits(40), bits(0), bits(8), bits(40), bits(15), bits(50)];
        assert_eq!(groups(&prints, 8), [0, 1, 1, 0, 1, 5]);
        assert_eq!(groups(&prints, 0), [0, 1, 2, 0, 4, 5]);
        assert_eq!(groups(&[], 8), [0; 0]);
    }

    proptest! {
        #[test]
        fn groups_are_those_of_comparing_every_pair(words in prop::collection::vec(0_u64..256, 0..40), within in 0_u32..4) {
            let prints: Vec<Fingerprint> = words.iter().map(|word| Fingerprint([0, *word, 0, 0])).collect();
            let mut plain: Vec<usize> = (0..prints.len()).collect();
            for _ in 0..prints.len() {
                for (a, b) in (0..prints.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
                    if prints[a].distance(&prints[b]) <= within {
                        let first = plain[a].min(plain[b]);
                        (plain[a], plain[b]) = (first, first);
                    }
                }
            }
            prop_assert_eq!(groups(&prints, within), plain);
        }
    }

    #[test]
    fn bursts_among_the_real_birds_are_found_and_other_birds_are_not() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/birds/train");
        if !root.is_dir() {
            println!("skipped: no real birds at {}", root.display());
            return;
        }
        let print = |name: &str| Fingerprint::of(&image::open(root.join(name)).unwrap().into_rgb8());
        let bursts = [("RUFOUS TREPE/051", "RUFOUS TREPE/207"), ("OVENBIRD/062", "OVENBIRD/200")];
        for (a, b) in bursts {
            assert!(print(&format!("{a}.jpg")).distance(&print(&format!("{b}.jpg"))) <= NEAR, "{a} {b}");
        }
        let others = [("RUFOUS TREPE/063", "RUFOUS TREPE/075"), ("HOUSE FINCH/052", "HOUSE FINCH/103")];
        for (a, b) in others {
            assert!(print(&format!("{a}.jpg")).distance(&print(&format!("{b}.jpg"))) > NEAR, "{a} {b}");
        }
    }
}
