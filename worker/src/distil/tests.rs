//! Whole methods on a toy set.

use std::collections::BTreeMap;
use std::path::Path;

use pipeline::data::{Classes, Labels, Pixels, Split, write_preprocess, write_split};
use pipeline::engine::{Stopped, Task};
use pipeline::recipe::{Distil, Dsa, Method, Preprocess};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use super::real::Real;
use super::synthetic::Synthetic;
use super::zca::Zca;
use super::{distil, may_take_differences};
use crate::fixture::{Bench, alone, image_set, input};
use crate::randomness::Stream;
use crate::training::dsa::Draw;

const SIDE: usize = 8;

/// A stage in `folder` on three classes of 6, 5 and 7 images whose brightness tells them apart.
pub fn bench(folder: &Path, parameters: Value) -> Bench {
    let photos = folder.join("photos");
    std::fs::create_dir_all(&photos).unwrap();
    let labels: Vec<i64> = [(0, 6), (1, 5), (2, 7)].iter().flat_map(|(c, n)| vec![*c; *n]).collect();
    let byte = |place: usize| (labels[place / (SIDE * SIDE * 3)] * 80 + (place * place % 61) as i64) as u8;
    let pixels: Vec<u8> = (0..labels.len() * SIDE * SIDE * 3).map(byte).collect();
    let sources: Vec<String> = (0..labels.len()).map(|i| format!("train/{i}.png")).collect();
    let (train, labels) = (photos.join("train.safetensors"), Labels::Hard(labels));
    write_split(&train, SIDE, SIDE, Pixels::U8(&pixels), &labels, &sources).unwrap();
    Classes(["A", "B", "C"].map(String::from).to_vec()).write(&photos.join("classes.json")).unwrap();
    let preprocess = Preprocess { mean: [0.4, 0.5, 0.45], sd: [0.25, 0.26, 0.27] };
    write_preprocess(&photos.join("preprocess.json"), &preprocess).unwrap();
    Bench::new(folder, "distil", parameters, vec![("from", input("photos", &photos))])
}

/// Does the stage; its training split.
pub fn run(folder: &Path, parameters: Value) -> Split {
    distil(&bench(folder, parameters).task(), Device::Cpu).unwrap();
    Split::open(&folder.join("content/train.safetensors")).unwrap()
}

/// `content/`, file by file.
pub fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder.join("content")).unwrap().map(Result::unwrap);
    entries.map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap())).collect()
}

pub fn matching(iterations: u64) -> Value {
    let settings =
        json!({ "iterations": iterations, "lr": 0.5, "real_batch": 4, "width": 8, "init": "noise" });
    json!({ "images_per_class": 2, "method": { "distribution-matching": settings }, "seed": 5 })
}

/// A distillation that `cut_off` began and saved ends in the same bytes as one that was not.
pub fn resumes(parameters: Value, cut_off: impl Fn(&Task, &Synthetic, &Method)) {
    let _turn = alone();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    run(folders[0].path(), parameters.clone());
    let task = bench(folders[1].path(), parameters.clone()).task();
    let (recipe, real) = (task.parameters::<Distil>().unwrap(), Real::open(&task).unwrap());
    let zca = recipe.zca.then(|| Zca::of(&task, &real).unwrap());
    let synthetic = Synthetic::new(&real, &recipe, zca.as_ref(), Device::Cpu).unwrap();
    cut_off(&task, &synthetic, &recipe.method);
    run(folders[1].path(), parameters);
    assert_eq!(content(folders[1].path()), content(folders[0].path()));
}

/// A network trained for some steps on the images in `photos`, in `folder/content`.
pub fn trained(folder: &Path, photos: &Path, network: Value, steps: u64) {
    let sgd = json!({ "sgd": { "lr": 0.1, "momentum": 0.0, "nesterov": false, "weight_decay": 0.0 } });
    let parameters =
        json!({ "from": "", "network": network, "steps": steps, "optimizer": sgd, "precision": "fp32" });
    let bench = Bench::new(folder, "train", parameters, vec![("from", input("photos", photos))]);
    crate::training::train(&bench.task(), Device::Cpu).unwrap();
}

fn random(images_per_class: u32) -> Value {
    json!({ "images_per_class": images_per_class, "method": { "random": {} }, "seed": 3 })
}

#[test]
fn random_keeps_distinct_real_images_of_every_class_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let split = run(folder.path(), random(4));
    let real = Split::open(&folder.path().join("photos/train.safetensors")).unwrap();
    assert_eq!(split.labels(), Labels::Hard([[0; 4], [1; 4], [2; 4]].concat()));
    let place = |i: usize| (0..real.len()).find(|r| real.source(*r) == split.source(i)).unwrap();
    let mut places: Vec<usize> = (0..split.len()).map(place).collect();
    assert!((0..split.len()).all(|i| split.image(i) == real.image(places[i])));
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 12);
}

#[test]
fn more_images_than_a_class_has_are_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let error = distil(&bench(folder.path(), random(6)).task(), Device::Cpu).unwrap_err();
    assert!(
        error.to_string().starts_with("6 images a class asked of `photos`, which has 5 of `B`"),
        "{error}"
    );
}

#[test]
fn class_mean_is_the_mean_computed_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let split = run(folder.path(), json!({ "images_per_class": 1, "method": { "class-mean": {} } }));
    let real = Split::open(&folder.path().join("photos/train.safetensors")).unwrap();
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
    let _turn = alone();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [first, second] = folders.each_ref().map(|folder| {
        run(folder.path(), matching(40));
        content(folder.path())
    });
    assert_eq!(first, second);
    let mut rows = csv::Reader::from_reader(&first["loss.csv"][..]);
    let losses: Vec<f64> = rows.records().map(|row| row.unwrap()[1].parse().unwrap()).collect();
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    assert!(mean(&losses[35..]) < 0.7 * mean(&losses[..5]), "{losses:?}");
    let pictures = folders[0].path().join("measured/forming");
    assert_eq!(std::fs::read_dir(pictures).unwrap().count(), 5);
    assert!(folders[0].path().join("measured/forming.png").is_file());
}

#[test]
fn images_that_start_from_herding_are_those_that_it_chooses_whitened_or_not() {
    let _turn = alone();
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let herding = json!({ "images_per_class": 2, "method": { "herding": {} } });
    let chosen = run(folders[0].path(), herding);
    let Pixels::U8(bytes) = chosen.pixels() else { panic!() };
    for (folder, zca) in folders[1..].iter().zip([false, true]) {
        let mut parameters = matching(1);
        parameters["method"]["distribution-matching"]["init"] = json!("herding");
        parameters["method"]["distribution-matching"]["lr"] = json!(0.0);
        parameters["zca"] = json!(zca);
        let started = run(folder.path(), parameters);
        let Pixels::F32(floats) = started.pixels() else { panic!() };
        let near = |(byte, value): (&u8, &f32)| (f32::from(*byte) / 255.0 - value).abs() < 1e-3;
        assert!(bytes.len() == floats.len() && bytes.iter().zip(floats).all(near), "zca: {zca}");
    }
}

#[test]
fn what_is_estimated_of_memory_is_noted_before_the_start() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let task = bench(folder.path(), matching(2)).task();
    distil(&task, Device::Cpu).unwrap();
    // The program itself, and small images.
    let bytes = task.noted()["estimated_memory_bytes"].as_u64().unwrap();
    assert!(((120 << 20) + 10_000..200 << 20).contains(&bytes), "{bytes}");
}

#[test]
fn a_matching_that_is_asked_to_stop_saves_and_says_so() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench { stop_at: Some(0), ..bench(folder.path(), matching(25)) };
    let error = distil(&bench.task(), Device::Cpu).unwrap_err();
    assert_eq!(error.downcast_ref::<Stopped>().unwrap().saved_at, Some(1));
    let goes_on = Bench { stop_at: None, ..bench };
    distil(&goes_on.task(), Device::Cpu).unwrap();
    assert_eq!(goes_on.starts(), [None, Some(1)]);
}

#[test]
fn a_loss_that_is_no_number_ends_with_the_remedy() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut parameters = matching(200);
    parameters["method"]["distribution-matching"]["lr"] = json!(1e30);
    let error = distil(&bench(folder.path(), parameters).task(), Device::Cpu).unwrap_err();
    let message = format!("{error:#}");
    assert!(message.contains("hint: lower `lr`") && message.contains("the loss of iteration"), "{message}");
}

#[test]
fn siamese_augmentation_is_the_same_for_every_image_of_every_batch() {
    let image = (Tensor::arange(3 * 8 * 8, (Kind::Float, Device::Cpu)) * 0.7).sin().view([1, 3, 8, 8]);
    let twice = image.repeat([2, 1, 1, 1]);
    for seed in 0..12 {
        let draw = Draw::for_all(&Dsa { flip: true }, &mut Stream::new(seed, &[]));
        let alone = draw.apply(&image);
        assert_eq!(alone.repeat([2, 1, 1, 1]), draw.apply(&twice));
    }
}

#[test]
fn without_mirroring_other_changes_are_drawn() {
    let _turn = alone();
    let made = [json!(true), json!("no-flip"), json!(false)].map(|dsa| {
        let folder = tempfile::tempdir().unwrap();
        let mut parameters = matching(6);
        parameters["method"]["distribution-matching"]["dsa"] = dsa;
        run(folder.path(), parameters);
        content(folder.path())["train.safetensors"].clone()
    });
    assert!(made[0] != made[1] && made[1] != made[2]);
}

#[test]
fn a_network_trained_on_a_whitened_set_is_scored_on_whitened_images() {
    let _turn = alone();
    let folders = [(); 4].map(|()| tempfile::tempdir().unwrap());
    let [set, tiny, net, score] = folders.each_ref().map(|folder| folder.path());
    image_set(set, 30, 24);
    let parameters = json!({ "images_per_class": 4, "method": { "random": {} }, "zca": true });
    distil(&Bench::new(tiny, "distil", parameters, vec![("from", input("set", set))]).task(), Device::Cpu)
        .unwrap();
    std::fs::copy(tiny.join("content/train.safetensors"), set.join("train.safetensors")).unwrap();
    let parameters = json!({
        "from": "", "network": { "convnet": { "width": 4, "norm": "none" } }, "steps": 60, "loss": "mse",
        "optimizer": { "adam": { "lr": 0.01 } }, "precision": "fp32",
    });
    let train = Bench::new(net, "train", parameters, vec![("from", input("set", set))]);
    crate::training::train(&train.task(), Device::Cpu).unwrap();
    assert_eq!(train.json("network.json")["whitened"], json!(true));
    let inputs = vec![("of", input("net", &net.join("content"))), ("on", input("set", set))];
    let evaluate = Bench::new(score, "evaluate", json!({ "of": "", "on": "", "split": "valid" }), inputs);
    crate::evaluate::evaluate(&evaluate.task(), Device::Cpu).unwrap();
    let (trained, scored) = (train.json("training.json"), evaluate.json("metrics.json"));
    assert_eq!(trained["valid_accuracy"], scored["accuracy"]);
    assert!(scored["accuracy"].as_f64().unwrap() > 0.6, "{scored}");
}

#[test]
fn methods_that_follow_experts_take_differences() {
    let folder = tempfile::tempdir().unwrap();
    let takes = |method: &str, kind: &str| {
        let parameters = json!({ "images_per_class": 1, "method": { method: {} } });
        let mut bench = bench(folder.path(), parameters);
        bench.job.kind = kind.to_string();
        may_take_differences(&bench.task())
    };
    assert!(takes("trajectory-matching", "distil") && takes("difficulty-aligned", "distil"));
    assert!(!takes("distribution-matching", "distil") && !takes("trajectory-matching", "train"));
}
