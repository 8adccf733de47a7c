//! The method on toy sets, with and without trained networks.

use std::path::Path;

use pipeline::data::{Pixels, Split};
use pipeline::recipe::{Distil, Method};
use serde_json::{Value, json};
use tch::Device;

use super::super::real::Real;
use super::super::tests::{bench, content, resumes, run, trained};
use super::*;
use crate::fixture::{Bench, alone, image_set, input};

fn matching(iterations: u64, more: Value) -> Value {
    let mut settings = json!({
        "iterations": iterations, "lr": 0.05, "real_batch": 4, "width": 8, "frequencies": 64, "init": "noise",
    });
    more.as_object().unwrap().iter().for_each(|(name, value)| settings[name] = value.clone());
    json!({ "images_per_class": 2, "method": { "characteristic-function": settings }, "seed": 5 })
}

fn losses(folder: &Path) -> Vec<f64> {
    let table = &content(folder)["loss.csv"];
    let mut rows = csv::Reader::from_reader(&table[..]);
    rows.records().map(|row| row.unwrap()[1].parse().unwrap()).collect()
}

fn mean(part: &[f64]) -> f64 {
    part.iter().sum::<f64>() / part.len() as f64
}

fn floats(split: &Split) -> Vec<f32> {
    let Pixels::F32(values) = split.pixels() else { panic!("optimised images are floats") };
    values.to_vec()
}

#[test]
fn a_matching_lowers_its_distance_keeps_pixels_possible_and_gives_the_same_bits_twice() {
    let _turn = alone();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let splits = folders.each_ref().map(|folder| run(folder.path(), matching(60, json!({}))));
    assert_eq!(content(folders[0].path()), content(folders[1].path()));
    let losses = losses(folders[0].path());
    assert!(mean(&losses[50..]) < 0.8 * mean(&losses[..5]), "{losses:?}");
    assert!(floats(&splits[0]).iter().all(|value| (-1e-6..=1.0 + 1e-6).contains(value)));
}

#[test]
fn an_image_that_holds_four_pictures_is_stored_once_and_given_out_as_four() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let split = run(folder.path(), matching(3, json!({ "factor": 2 })));
    assert_eq!(split.len(), 3 * 2 * 4);
    assert_eq!(split.labels().heaviest(), [[0; 8], [1; 8], [2; 8]].concat());
    let facts: Value = serde_json::from_slice(&content(folder.path())["distillation.json"]).unwrap();
    assert_eq!(facts["stored_floats"], json!(3 * 2 * 8 * 8 * 3));
}

#[test]
fn a_matching_cut_off_and_resumed_equals_one_that_was_not_with_spreads_and_pictures() {
    let more = json!({ "factor": 2, "frequency_lr": 0.1, "patience": 2 });
    resumes(matching(13, more), |task, synthetic, method| {
        let Method::CharacteristicFunction(settings) = method else { panic!() };
        iteration::cut_off(task, &Matching::new(task, synthetic, settings).unwrap(), 6);
    });
}

#[test]
fn a_code_of_smaller_pictures_is_what_factor_makes_and_any_other_resumes() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let coded = |code: Value| {
        let mut parameters = matching(13, json!({}));
        parameters["code"] = code;
        parameters
    };
    {
        let _turn = alone();
        run(folders[0].path(), matching(13, json!({ "factor": 2 })));
        run(folders[1].path(), coded(json!({ "factor": { "by": 2 } })));
        assert_eq!(content(folders[0].path()), content(folders[1].path()));
    }
    resumes(coded(json!({ "dct": { "keep": 16, "pictures": 3 } })), |task, synthetic, method| {
        let Method::CharacteristicFunction(settings) = method else { panic!() };
        iteration::cut_off(task, &Matching::new(task, synthetic, settings).unwrap(), 6);
    });
}

#[test]
fn frequencies_that_climb_change_what_comes_out() {
    let _turn = alone();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let run = |at: usize, lr: f64| {
        let split = run(folders[at].path(), matching(5, json!({ "frequency_lr": lr })));
        floats(&split)
    };
    assert_ne!(run(0, 0.0), run(1, 0.2));
}

/// A stage on photographs with two trained networks, in `folder`.
fn with_pool(folder: &Path, photos: &Path, pool: &[&Path], parameters: Value) -> Bench {
    let mut parameters = parameters;
    parameters["pool"] = json!((0..pool.len()).map(|place| place.to_string()).collect::<Vec<_>>());
    let mut bench = Bench::new(folder, "distil", parameters, vec![("from", input("photos", photos))]);
    for (place, net) in pool.iter().enumerate() {
        bench.job.inputs.insert(format!("pool.{place}"), input("net", &net.join("content")));
    }
    bench
}

#[test]
fn trained_networks_take_turns_and_their_cross_entropy_counts_whole_or_resumed() {
    let _turn = alone();
    let folders = [(); 6].map(|()| tempfile::tempdir().unwrap());
    let [photos, first, second, whole, cut, unlabelled] = folders.each_ref().map(|folder| folder.path());
    image_set(photos, 30, 3);
    trained(first, photos, json!({ "convnet": { "width": 4 } }), 20);
    trained(second, photos, json!({ "cnn": {} }), 20);
    let done = |folder: &Path, parameters: Value| {
        let bench = with_pool(folder, photos, &[first, second], parameters);
        super::super::distil(&bench.task(), Device::Cpu).unwrap();
        content(folder)
    };
    let expected = done(whole, matching(12, json!({})));
    let task = with_pool(cut, photos, &[first, second], matching(12, json!({}))).task();
    let (recipe, real) = (task.parameters::<Distil>().unwrap(), Real::open(&task).unwrap());
    let Method::CharacteristicFunction(settings) = &recipe.method else { panic!() };
    let synthetic = Synthetic::new(&real, &recipe, None, Device::Cpu).unwrap();
    iteration::cut_off(&task, &Matching::new(&task, &synthetic, settings).unwrap(), 5);
    assert_eq!(done(cut, matching(12, json!({}))), expected);
    let without = done(unlabelled, matching(12, json!({ "label_weight": 0.0 })));
    assert_ne!(without["train.safetensors"], expected["train.safetensors"]);
    assert!(mean(&losses(unlabelled)) < mean(&losses(whole)));
}

#[test]
fn a_matching_that_diverges_names_its_remedy() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut bench = bench(folder.path(), matching(5, json!({ "lr": 1e30 })));
    bench.job.pre_image["parameters"]["zca"] = json!(true);
    let message = format!("{:#}", super::super::distil(&bench.task(), Device::Cpu).unwrap_err());
    assert!(message.contains("hint: lower `lr` of `characteristic-function`"), "{message}");
}

#[test]
fn the_learning_rate_is_halved_once_no_loss_was_lower_for_long() {
    let rates = |losses: &[f64]| {
        let first = [f64::INFINITY, 0.0, 1.0];
        losses.iter().fold(first, |known, loss| plateau(known, *loss, 2))[2]
    };
    assert_eq!(rates(&[5.0, 4.0, 3.0, 2.0]), 1.0);
    assert_eq!(rates(&[5.0, 5.0, 5.0]), 1.0);
    assert_eq!(rates(&[5.0, 5.0, 5.0, 5.0]), 0.5);
    assert_eq!(rates(&[5.0, 5.0, 5.0, 4.0, 4.5, 4.5]), 1.0);
    assert_eq!(rates(&[5.0; 7]), 0.25);
}
