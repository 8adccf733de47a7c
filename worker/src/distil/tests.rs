//! Whole methods on toy sets.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pipeline::data::{Classes, Labels, Pixels, Split, write_preprocess, write_split};
use pipeline::engine::{Device, Job, JobFile, JobInput, PROTOCOL, Stopped, Task};
use pipeline::recipe::{Dsa, Preprocess};
use serde_json::{Value, json};

use super::distil;
use crate::randomness::Stream;
use crate::training::dsa::Draw;

const SIDE: usize = 8;

/// Three classes of 6, 5 and 7 images whose brightness tells them apart.
fn toy_set(folder: &Path) -> JobInput {
    let labels: Vec<i64> = [(0, 6), (1, 5), (2, 7)].iter().flat_map(|(c, n)| vec![*c; *n]).collect();
    let size = SIDE * SIDE * 3;
    let byte = |place: usize| (labels[place / size] * 80 + (place * place % 61) as i64) as u8;
    let pixels: Vec<u8> = (0..labels.len() * size).map(byte).collect();
    let sources: Vec<String> = (0..labels.len()).map(|i| format!("train/{i}.png")).collect();
    let path = |name: &str| folder.join(name);
    write_split(&path("train.safetensors"), SIDE, SIDE, Pixels::U8(&pixels), &Labels::Hard(labels), &sources)
        .unwrap();
    Classes(vec!["A".into(), "B".into(), "C".into()]).write(&path("classes.json")).unwrap();
    let preprocess = Preprocess { mean: [0.4, 0.5, 0.45], sd: [0.25, 0.26, 0.27] };
    write_preprocess(&path("preprocess.json"), &preprocess).unwrap();
    let file = |name: &str| (name.to_string(), JobFile { path: path(name), size: 0, sha256: String::new() });
    let files =
        ["train.safetensors", "classes.json", "preprocess.json"].iter().map(|name| file(name)).collect();
    JobInput { label: "photos".into(), files }
}

/// A task in `folder`.
pub fn task(folder: &Path, attempt: &str, parameters: Value, is_asked_to_stop: bool) -> Task {
    let draft = folder.join(attempt);
    let checkpoints = folder.join("checkpoints");
    for needed in [draft.join("content"), draft.join("measured"), checkpoints.clone()] {
        std::fs::create_dir_all(needed).unwrap();
    }
    let job = Job {
        protocol: PROTOCOL,
        version: String::new(),
        kind: "distil".into(),
        label: "tiny".into(),
        key: String::new(),
        pre_image: json!({ "parameters": parameters }),
        inputs: [("from".to_string(), toy_set(folder))].into(),
        sources: Default::default(),
        store: folder.into(),
        root: folder.into(),
        threads: 1,
        device: Device::Cpu,
        provenance: Default::default(),
        log: folder.join("log"),
    };
    let stop = Arc::new(AtomicBool::new(is_asked_to_stop));
    Task::new(job, draft, checkpoints, stop, Box::new(|_| ()))
}

/// The training split that an attempt left, and all of `content/` file by file.
fn content(folder: &Path, attempt: &str) -> (Split, Vec<(String, Vec<u8>)>) {
    let content = folder.join(attempt).join("content");
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(&content)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    (Split::open(&content.join("train.safetensors")).unwrap(), files)
}

pub fn run(folder: &Path, attempt: &str, parameters: Value) -> (Split, Vec<(String, Vec<u8>)>) {
    distil(&task(folder, attempt, parameters, false), tch::Device::Cpu).unwrap();
    content(folder, attempt)
}

pub fn matching(iterations: u64) -> Value {
    let settings =
        json!({ "iterations": iterations, "lr": 0.5, "real_batch": 4, "width": 8, "init": "noise" });
    json!({ "images_per_class": 2, "method": { "distribution-matching": settings }, "seed": 5 })
}

#[test]
fn random_keeps_distinct_real_images_of_every_class_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let parameters = json!({ "images_per_class": 4, "method": { "random": {} }, "seed": 3 });
    let (split, files) = run(folder.path(), "a", parameters.clone());
    let real = Split::open(&folder.path().join("train.safetensors")).unwrap();
    assert_eq!(split.labels(), Labels::Hard([[0; 4], [1; 4], [2; 4]].concat()));
    let place = |i: usize| (0..real.len()).find(|r| real.source(*r) == split.source(i)).unwrap();
    let mut places: Vec<usize> = (0..split.len()).map(place).collect();
    assert!((0..split.len()).all(|i| split.image(i) == real.image(places[i])));
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 12);
    assert_eq!(files, run(folder.path(), "b", parameters).1);
}

#[test]
fn more_images_than_a_class_has_are_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let parameters = json!({ "images_per_class": 6, "method": { "random": {} }, "seed": 3 });
    let error = distil(&task(folder.path(), "a", parameters, false), tch::Device::Cpu).unwrap_err();
    assert!(
        error.to_string().starts_with("6 images a class asked of `photos`, which has 5 of `B`"),
        "{error}"
    );
}

#[test]
fn class_mean_is_the_mean_computed_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let (split, _) =
        run(folder.path(), "a", json!({ "images_per_class": 1, "method": { "class-mean": {} } }));
    let real = Split::open(&folder.path().join("train.safetensors")).unwrap();
    let (Pixels::F32(means), Pixels::U8(bytes)) = (split.pixels(), real.pixels()) else { panic!() };
    let size = SIDE * SIDE * 3;
    let second_class = &bytes[6 * size..11 * size];
    for pixel in [0, 7, size - 1] {
        let sum: u32 = second_class.iter().skip(pixel).step_by(size).map(|byte| u32::from(*byte)).sum();
        assert_eq!(means[size + pixel], (f64::from(sum) / (255.0 * 5.0)) as f32);
    }
    assert_eq!(split.source(1), "class-mean/B");
    assert_eq!(split.labels(), Labels::Hard(vec![0, 1, 2]));
}

#[test]
fn distribution_matching_lowers_its_loss_and_gives_the_same_bits_twice() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [first, second] = folders.each_ref().map(|folder| run(folder.path(), "a", matching(40)));
    assert_eq!(first.1, second.1);
    let table = &first.1.iter().find(|(name, _)| name == "loss.csv").unwrap().1;
    let mut rows = csv::Reader::from_reader(&table[..]);
    let losses: Vec<f64> = rows.records().map(|row| row.unwrap()[1].parse().unwrap()).collect();
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    assert!(mean(&losses[35..]) < 0.7 * mean(&losses[..5]), "{losses:?}");
    assert_eq!(first.0.source(3), "distribution-matching/B/1");
    let pictures = folders[0].path().join("a/measured/forming");
    assert_eq!(std::fs::read_dir(pictures).unwrap().count(), 5);
}

#[test]
fn a_matching_that_is_asked_to_stop_saves_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let task = task(folder.path(), "a", matching(25), true);
    let error = distil(&task, tch::Device::Cpu).unwrap_err();
    assert_eq!(error.downcast_ref::<Stopped>().unwrap().saved_at, Some(0));
    assert!(folder.path().join("checkpoints/matching.safetensors").exists());
}

#[test]
fn a_loss_that_is_no_number_ends_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let mut parameters = matching(200);
    parameters["method"]["distribution-matching"]["lr"] = json!(1e30);
    let error = distil(&task(folder.path(), "a", parameters, false), tch::Device::Cpu).unwrap_err();
    let message = format!("{error:#}");
    assert!(message.contains("lower `lr`") && message.contains("the loss of iteration"), "{message}");
}

#[test]
fn siamese_augmentation_is_the_same_for_every_image_of_every_batch() {
    let images = tch::Tensor::rand([1, 3, 8, 8], (tch::Kind::Float, tch::Device::Cpu));
    let twice = images.repeat([2, 1, 1, 1]);
    for seed in 0..12 {
        let draw = Draw::for_all(&Dsa { flip: true }, &mut Stream::new(seed, &[]));
        let (alone, together) = (draw.apply(&images), draw.apply(&twice));
        assert_eq!(alone.repeat([2, 1, 1, 1]), together);
    }
}
