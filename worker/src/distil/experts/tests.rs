//! Experts on a toy set.

use std::path::Path;

use pipeline::recipe::files;
use serde_json::{Value, json};
use tch::Device;

use super::run::{Plan, cut_off};
use super::{Trajectories, experts, prepared};
use crate::distil::real::Real;
use crate::distil::tests::{bench, content};
use crate::fixture::{Bench, alone};

/// Two experts of three epochs of three steps, in `folder`.
pub fn recipe() -> Value {
    json!({
        "network": { "convnet": { "width": 4 } }, "experts": 2, "epochs": 3, "batch": 6, "zca": true,
        "optimizer": { "sgd": { "lr": 0.05, "momentum": 0.9 } }, "seed": 4,
    })
}

fn stage(folder: &Path, parameters: Value) -> Bench {
    let mut bench = bench(folder, parameters);
    bench.job.kind = "experts".into();
    bench
}

#[test]
fn every_epoch_of_every_expert_is_kept_and_a_second_time_makes_the_same_bytes() {
    let _turn = alone();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    for folder in &folders {
        experts(&stage(folder.path(), recipe()).task(), Device::Cpu).unwrap();
    }
    let made = content(folders[0].path());
    assert_eq!(made, content(folders[1].path()));
    let names: Vec<&str> = made.keys().map(String::as_str).collect();
    assert_eq!(names, ["curves.csv", "experts.json", "trajectories.safetensors"]);
    let read = Trajectories::read(&folders[0].path().join("content").join(files::TRAJECTORIES)).unwrap();
    assert_eq!((read.extent.experts, read.extent.epochs), (2, 3));
    let rows: Vec<_> = (0..2).flat_map(|e| [0, 1, 2, 3].map(|epoch| read.at(e, epoch))).collect();
    let differ = |(a, b): (usize, usize)| a == b || rows[a] != rows[b];
    assert!((0..64).all(|pair| differ((pair / 8, pair % 8))));
    let about: Value = serde_json::from_slice(&made["experts.json"]).unwrap();
    assert_eq!((&about["steps_per_epoch"], &about["whitened"]), (&json!(3), &json!(true)));
    assert_eq!(std::str::from_utf8(&made["curves.csv"]).unwrap().lines().count(), 1 + 6);
}

#[test]
fn experts_learn_what_tells_the_classes_apart() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut parameters = recipe();
    (parameters["epochs"], parameters["zca"]) = (json!(30), json!(false));
    experts(&stage(folder.path(), parameters).task(), Device::Cpu).unwrap();
    let about: Value = serde_json::from_slice(&content(folder.path())["experts.json"]).unwrap();
    assert!(about["train_accuracy"].as_f64().unwrap() > 0.8, "{about}");
}

#[test]
fn experts_stopped_anywhere_and_resumed_equal_those_that_were_not() {
    let _turn = alone();
    let whole = tempfile::tempdir().unwrap();
    let mut parameters = recipe();
    parameters["transforms"] = json!([{ "dsa": {} }]);
    experts(&stage(whole.path(), parameters.clone()).task(), Device::Cpu).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Within an epoch, at its end, between two experts, and all done but the writing.
    for after in [4, 6, 9, 18] {
        let task = stage(folder.path(), parameters.clone()).task();
        let cut_off = |plan: &Plan, _: &Real, there| {
            cut_off(&task, plan, there, after);
            Ok(())
        };
        prepared(&task, Device::Cpu, cut_off).unwrap();
    }
    let bench = stage(folder.path(), parameters);
    experts(&bench.task(), Device::Cpu).unwrap();
    assert_eq!(bench.starts(), [Some(18)]);
    assert_eq!(content(folder.path()), content(whole.path()));
}

#[test]
fn experts_that_diverge_say_which_and_the_remedy() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut parameters = recipe();
    parameters["optimizer"]["sgd"]["lr"] = json!(1e30);
    let error = experts(&stage(folder.path(), parameters).task(), Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("of expert 1 of 2") && error.contains("hint: lower the learning rate"), "{error}");
}

#[test]
fn trajectories_that_the_disk_has_no_room_for_are_refused_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut parameters = recipe();
    (parameters["experts"], parameters["epochs"]) = (json!(10_000), json!(10_000));
    parameters["network"] = json!({ "convnet": { "width": 512, "depth": 1 } });
    let bench = stage(folder.path(), parameters);
    let error = experts(&bench.task(), Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("MB left\nhint: fewer `experts`"), "{error}");
    assert!(bench.starts().is_empty());
}
