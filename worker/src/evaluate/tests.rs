//! Tests of evaluations as wholes.

use std::path::Path;

use pipeline::data::{Classes, Pixels, Split, write_split};
use pipeline::recipe::files;
use serde_json::{Value, json};
use tch::Device;

use super::evaluate;
use crate::fixture::{self, Bench};
use crate::training::train;

/// A small network trained on a small set, and a bench to score it.
fn trained(folder: &Path, parameters: Value) -> Bench {
    let set = folder.join("set");
    fixture::image_set(&set, 30, 9);
    let recipe = json!({
        "network": { "ultralight": {} },
        "steps": 12,
        "optimizer": { "sgd": { "lr": 0.05, "momentum": 0.9 } },
        "precision": "fp32",
    });
    let inputs = vec![("from", fixture::input("photos", &set))];
    let training = Bench::new(&folder.join("net"), "train", recipe, inputs);
    train(&training.task(), Device::Cpu).unwrap();
    let inputs = vec![
        ("of", fixture::input("net", &training.folder.join("content"))),
        ("on", fixture::input("photos", &set)),
    ];
    Bench::new(&folder.join("score"), "evaluate", parameters, inputs)
}

#[test]
fn scores_add_up_and_do_not_depend_on_the_batch() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let mut bench = trained(folder.path(), json!({ "split": "test" }));
    evaluate(&bench.task(), Device::Cpu).unwrap();
    let metrics = bench.json(files::METRICS);
    let predictions = String::from_utf8(bench.content(files::PREDICTIONS)).unwrap();
    let hits =
        predictions.lines().skip(1).filter(|line| line.split(',').nth(2) == line.split(',').nth(3)).count();
    assert_eq!(metrics["accuracy"].as_f64().unwrap(), crate::figures::rounded(hits as f64 / 9.0));
    assert_eq!((&metrics["images"], &metrics["top5_accuracy"]), (&json!(9), &Value::Null));
    assert_eq!(metrics["per_class"][1]["images"], json!(3));
    let confusion = String::from_utf8(bench.content(files::CONFUSION)).unwrap();
    assert!(confusion.starts_with("true,bulbul,crake,dunlin\nbulbul,"), "{confusion}");
    assert!(predictions.lines().nth(1).unwrap().starts_with("0,drawn/0.png,bulbul,"), "{predictions}");
    bench.job.pre_image = json!({ "parameters": { "split": "test", "batch": 4 } });
    evaluate(&bench.task(), Device::Cpu).unwrap();
    assert_eq!(bench.json(files::METRICS)["accuracy"], metrics["accuracy"]);
}

#[test]
fn other_classes_are_refused_by_name() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let bench = trained(folder.path(), json!({}));
    let names = ["crake", "bulbul", "dunlin"].map(String::from).to_vec();
    Classes(names).write(&folder.path().join("set").join(files::CLASSES)).unwrap();
    let message = evaluate(&bench.task(), Device::Cpu).unwrap_err().to_string();
    let expected =
        "`net` tells apart `bulbul`, `crake`, `dunlin`, and `photos` holds `crake`, `bulbul`, `dunlin`";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn an_empty_split_names_the_setting_that_fills_it() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let bench = trained(folder.path(), json!({ "split": "valid" }));
    fixture::split(&folder.path().join("set").join(files::VALID), 0, 0);
    let message = evaluate(&bench.task(), Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("no validation images") && message.contains("`per_class.valid`"), "{message}");
}

#[test]
fn weights_of_another_network_are_refused() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let bench = trained(folder.path(), json!({}));
    let path = folder.path().join("net/content").join(files::NETWORK);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("ultralight", "cnn")).unwrap();
    let message = format!("{:#}", evaluate(&bench.task(), Device::Cpu).unwrap_err());
    assert!(message.contains("holds no weights") && message.contains("conv1.weight"), "{message}");
}

#[test]
fn with_mirror_images_it_is_of_no_matter_which_way_an_image_faces() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let mut bench = trained(folder.path(), json!({}));
    let test = folder.path().join("set").join(files::TEST);
    let mut losses = |mirror: bool| {
        bench.job.pre_image = json!({ "parameters": { "mirror": mirror } });
        let once = || {
            evaluate(&bench.task(), Device::Cpu).unwrap();
            bench.json(files::METRICS)["loss"].as_f64().unwrap()
        };
        let before = once();
        turn_round(&test);
        (before, once())
    };
    let (one, other) = losses(true);
    assert!((one - other).abs() < 2e-6, "{one} {other}");
    let (one, other) = losses(false);
    assert!((one - other).abs() > 1e-3, "{one} {other}");
}

/// Mirrors every image of a split.
fn turn_round(path: &Path) {
    let split = Split::open(path).unwrap();
    let Pixels::U8(pixels) = split.pixels() else { panic!("bytes") };
    let mirrored: Vec<u8> = pixels
        .chunks_exact(16 * 3)
        .flat_map(|row| row.chunks_exact(3).rev().flatten().copied().collect::<Vec<u8>>())
        .collect();
    let sources: Vec<String> = (0..split.len()).map(|index| split.source(index).to_string()).collect();
    let labels = split.labels();
    let written = path.with_extension("turned");
    write_split(&written, 16, 16, Pixels::U8(&mirrored), &labels, &sources).unwrap();
    std::fs::rename(written, path).unwrap();
}

#[test]
fn what_scoring_costs_is_measured_beside_the_scores() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let bench = trained(folder.path(), json!({}));
    evaluate(&bench.task(), Device::Cpu).unwrap();
    let text = std::fs::read_to_string(bench.folder.join("measured/inference.json")).unwrap();
    let measured: Value = serde_json::from_str(&text).unwrap();
    assert!((1e-3..1e3).contains(&measured["latency_ms"].as_f64().unwrap()), "{measured}");
    assert!(measured["peak_memory_bytes"].as_u64().unwrap() > 50 << 20, "{measured}");
}
