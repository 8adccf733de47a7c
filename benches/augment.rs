//! What `augment.py` times of ours, in a process without Python: augmentations, decoding and resizing, on one thread.
//! Reads orders as lines of JSON and answers each with one.

#![allow(clippy::print_stdout, reason = "answers are its data")]

use std::fs;
use std::io::BufRead;

use anyhow::{Context, Result};
use fast_image_resize::Resizer;
use image::RgbImage;
use pipeline::augment::{Image, Random, Spare, apply_to};
use pipeline::data::{decode, square};
use pipeline::recipe::{Fit, Op};
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Order {
    /// Pictures to work on, raw: `[n, side, side, 3]`.
    Load { path: String, side: usize },
    /// Makes an augmented copy of the next picture, so many times.
    Apply { op: Op, times: usize },
    /// Writes what the augmentation makes of every picture, raw.
    Write { op: Op, path: String },
    /// Files to decode.
    Files { paths: Vec<String> },
    /// Decodes so many times.
    Decode { times: usize },
    /// Resizes what was decoded to a square, so many times.
    Resize { side: u32, times: usize },
    /// Writes the pixels of every file, or of every resized one, raw.
    WriteDecoded { path: String, side: Option<u32> },
}

#[derive(Default)]
struct Bench {
    pictures: Vec<Image>,
    /// Where copies are made, one over the other: the memory is touched before.
    copy: Image,
    spare: Spare,
    files: Vec<Vec<u8>>,
    decoded: Vec<RgbImage>,
}

fn main() -> Result<()> {
    let mut bench = Bench::default();
    for line in std::io::stdin().lock().lines() {
        let order = serde_json::from_str(&line?).context("no such order")?;
        println!("{}", json!({ "seconds": bench.obey(order)? }));
    }
    Ok(())
}

/// Processor time of this thread.
fn seconds_of(work: impl FnOnce()) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let start = now();
    work();
    now() - start
}

impl Bench {
    fn obey(&mut self, order: Order) -> Result<f64> {
        let mut seconds = 0.0;
        match order {
            Order::Load { path, side } => self.load(&path, side)?,
            Order::Apply { op, times } => seconds = seconds_of(|| self.apply(&op, times)),
            Order::Write { op, path } => fs::write(path, self.results(&op))?,
            Order::Files { paths } => {
                self.files = paths.iter().map(fs::read).collect::<Result<_, _>>()?;
                self.decoded = self.files.iter().map(|file| decoded(file)).collect();
            }
            Order::Decode { times } => seconds = seconds_of(|| self.decode(times)),
            Order::Resize { side, times } => seconds = seconds_of(|| self.resize(side, times)),
            Order::WriteDecoded { path, side } => fs::write(path, self.decoded_pixels(side))?,
        }
        Ok(seconds)
    }

    fn load(&mut self, path: &str, side: usize) -> Result<()> {
        let bytes = fs::read(path)?;
        let pictures = bytes.chunks_exact(side * side * 3).map(|one| Image::new(side, side, one.to_vec()));
        self.pictures = pictures.collect::<Option<_>>().context("pictures are `side` × `side` × 3")?;
        self.copy = self.pictures.first().context("no picture")?.clone();
        Ok(())
    }

    fn apply(&mut self, op: &Op, times: usize) {
        for time in 0..times {
            let picture = self.pictures[time % self.pictures.len()].as_picture();
            let random = &mut Random::at([0, time as u64, 0, 0]);
            apply_to(op, picture, &mut self.copy, &mut self.spare, random);
            std::hint::black_box(&self.copy);
        }
    }

    fn results(&mut self, op: &Op) -> Vec<u8> {
        let mut bytes = Vec::new();
        for picture in &self.pictures {
            apply_to(op, picture.as_picture(), &mut self.copy, &mut self.spare, &mut Random::at([0; 4]));
            bytes.extend_from_slice(&self.copy.pixels);
        }
        bytes
    }

    fn decode(&self, times: usize) {
        for time in 0..times {
            std::hint::black_box(decoded(&self.files[time % self.files.len()]));
        }
    }

    fn resize(&self, side: u32, times: usize) {
        let mut resizer = Resizer::new();
        let mut pixels = vec![0; (side * side * 3) as usize];
        for time in 0..times {
            let image = &self.decoded[time % self.decoded.len()];
            square(&mut resizer, image, side, Fit::Stretch, &mut pixels);
            std::hint::black_box(&pixels);
        }
    }

    fn decoded_pixels(&self, side: Option<u32>) -> Vec<u8> {
        let mut resizer = Resizer::new();
        let mut pixels = |image: &RgbImage| match side {
            Some(side) => {
                let mut pixels = vec![0; (side * side * 3) as usize];
                square(&mut resizer, image, side, Fit::Stretch, &mut pixels);
                pixels
            }
            None => image.as_raw().clone(),
        };
        self.decoded.iter().flat_map(&mut pixels).collect()
    }
}

fn decoded(file: &[u8]) -> RgbImage {
    decode(file).expect("the files were written for this")
}
