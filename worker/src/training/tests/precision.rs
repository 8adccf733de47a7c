//! What bf16 costs in accuracy, beside what seeds do.

use std::path::Path;

use pipeline::data::{Labels, Pixels, write_split};

use super::*;
use crate::randomness::Stream;

const SEEDS: u64 = 5;

/// A split of pictures of three classes, each a faint band in a place of its own on noise that is far stronger: a small
/// network tells most of them apart, and never all.
fn faint(path: &Path, n: usize, seed: u64) {
    let mut random = Stream::new(seed, &[]);
    let labels: Vec<i64> = (0..n as i64).map(|i| i % 3).collect();
    let mut pixels = Vec::with_capacity(n * 16 * 16 * 3);
    for label in &labels {
        for place in 0..16 * 16 {
            let band = if (place % 16) / 6 == *label { 16.0 } else { 0.0 };
            pixels.extend((0..3).map(|_| (band + 200.0 * random.unit()) as u8));
        }
    }
    let sources: Vec<String> = (0..n).map(|i| format!("drawn/{i}.png")).collect();
    write_split(path, 16, 16, Pixels::U8(&pixels), &Labels::Hard(labels), &sources).unwrap();
}

/// Accuracies on validation images, one a seed.
fn accuracies(folder: &Path, precision: &str) -> Vec<f64> {
    let of_seed = |seed| {
        let changes = json!({
            "precision": precision,
            "seed": seed,
            "steps": 120,
            "batch": 24,
            "transforms": ["flip"],
            "schedule": { "cosine": {} },
            "curve_points": 1,
        });
        let bench = bench(&folder.join(format!("{precision}-{seed}")), changes);
        let _ = done(&bench);
        bench.json(files::TRAINING)["valid_accuracy"].as_f64().unwrap()
    };
    (0..SEEDS).map(of_seed).collect()
}

/// Mean and its squared standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, squares / (n - 1.0) / n)
}

/// Five seeds of this training are known to 6 points. That is not to say that nothing is lost: with 960 pictures, a band of 24
/// and a running mean of the weights, where seeds differ less, bf16 came to 87.5 % and fp32 to 89.6 %, which is 2.0 points
/// apart with 1.8 points of noise.
#[test]
fn accuracy_in_bf16_is_that_in_fp32_within_the_noise_of_five_seeds() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set");
    fixture::image_set(&set, 3, 3);
    faint(&set.join(files::TRAIN), 240, 1);
    faint(&set.join(files::VALID), 600, 2);
    let [full, short] = ["fp32", "bf16"].map(|precision| accuracies(folder.path(), precision));
    let ((full_mean, full_error), (short_mean, short_error)) = (mean(&full), mean(&short));
    let noise = 2.0 * (full_error + short_error).sqrt();
    assert!((0.5..0.97).contains(&full_mean), "neither chance nor all: {full:?}");
    assert_ne!(full, short, "bf16 is another arithmetic");
    assert!(noise < 0.1, "the seeds differ so much that they show nothing: {full:?}, {short:?}");
    assert!((full_mean - short_mean).abs() <= noise, "{full:?} in fp32, {short:?} in bf16");
}
