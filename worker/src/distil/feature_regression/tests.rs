//! Figures of PyTorch, and what a regression comes to.

use pipeline::data::Labels;
use pipeline::recipe::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tch::Device;

use super::super::tests::{bench, content, resumes, run};
use super::*;
use crate::fixture::alone;

fn regression(iterations: u64) -> Value {
    stepping(iterations, "adam")
}

fn stepping(iterations: u64, optimizer: &str) -> Value {
    let settings = json!({
        "iterations": iterations, "lr": 0.05, "optimizer": optimizer, "real_batch": 10, "width": 8, "pool": 2,
        "oldest": 4,
    });
    json!({ "images_per_class": 2, "method": { "feature-regression": settings }, "seed": 5 })
}

/// What `regression_figures.py` computes with PyTorch.
#[derive(Deserialize)]
struct Figures {
    loss: f64,
    predicted: Vec<f64>,
    /// Of the first row of synthetic features.
    of_features: Vec<f64>,
    /// Of the first row of labels.
    of_labels: Vec<f64>,
    /// After steps of LAMB: the loss, the first row of synthetic features, the first row of labels.
    lamb: (f64, Vec<f64>, Vec<f64>),
}

/// `scattered` of `regression_figures.py`: `[rows, columns]`.
fn scattered(rows: i64, columns: i64, phase: f64) -> Tensor {
    let places = Tensor::arange(rows * columns, (Kind::Double, Device::Cpu));
    ((&places * &places * 0.37 + phase).sin() * 0.9).view([rows, columns])
}

#[test]
fn regression_loss_and_gradients_are_those_of_pytorch() {
    let figures: Figures = serde_json::from_str(include_str!("../regression_figures.json")).unwrap();
    let synthetic = scattered(4, 6, 0.3).set_requires_grad(true);
    let labels = scattered(4, 3, 0.8).set_requires_grad(true);
    let targets = loss::targets(&Tensor::from_slice(&[0_i64, 2, 1, 1, 0]), 3);
    let predicted = ridge(&scattered(5, 6, 0.1), &synthetic, &labels);
    let loss = objective(&predicted, &targets, &labels);
    let gradients = Tensor::run_backward(&[&loss], &[&synthetic, &labels], false, false);
    let rows = [predicted.get(0), gradients[0].get(0), gradients[1].get(0)];
    for (row, expected) in rows.iter().zip([&figures.predicted, &figures.of_features, &figures.of_labels]) {
        let found = Vec::<f64>::try_from(row.detach()).unwrap();
        let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-6 * (1.0 + b.abs());
        assert!(found.iter().zip(expected).all(close), "{found:?} {expected:?}");
    }
    assert!((loss.double_value(&[]) - figures.loss).abs() < 1e-6);
}

#[test]
fn steps_of_lamb_are_those_that_pytorch_makes() {
    let figures: Figures = serde_json::from_str(include_str!("../regression_figures.json")).unwrap();
    let state = [scattered(4, 6, 0.3), scattered(4, 3, 0.8)];
    let moments = state.each_ref().map(|tensor| [(); 2].map(|()| tensor.zeros_like()));
    let targets = loss::targets(&Tensor::from_slice(&[0_i64, 2, 1, 1, 0]), 3);
    let at = |[synthetic, labels]: &[Tensor; 2]| {
        objective(&ridge(&scattered(5, 6, 0.1), synthetic, labels), &targets, labels)
    };
    for step in 0..5 {
        let leaves = state.each_ref().map(|tensor| tensor.detach().set_requires_grad(true));
        let gradients = Tensor::run_backward(&[&at(&leaves)], &leaves.each_ref(), false, false);
        for ((target, gradient), moments) in state.iter().zip(&gradients).zip(&moments) {
            no_grad(|| descend(ImageOptimizer::Lamb, target, gradient, moments, 0.02, step));
        }
    }
    let (loss, features, labels) = figures.lamb;
    assert!(loss < figures.loss);
    let row = |tensor: &Tensor| Vec::<f64>::try_from(tensor.get(0)).unwrap();
    let found = [vec![at(&state).double_value(&[])], row(&state[0]), row(&state[1])].concat();
    let expected = [vec![loss], features, labels].concat();
    // Norms are taken in f32.
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {expected:?}");
    assert_eq!(found.len(), expected.len());
}

#[test]
fn a_network_that_nothing_excites_predicts_nothing_and_moves_nothing() {
    let [real, labels] = [scattered(5, 6, 0.1), scattered(4, 3, 0.8)];
    let synthetic = (real.narrow(0, 0, 4) * 0.0).set_requires_grad(true);
    let predicted = ridge(&(real * 0.0), &synthetic, &labels);
    assert_eq!(predicted.abs().max().double_value(&[]), 0.0);
    let loss = predicted.square().sum(Kind::Double);
    let gradient = Tensor::run_backward(&[&loss], &[&synthetic], false, false).remove(0);
    assert_eq!(gradient.abs().max().double_value(&[]), 0.0);
}

#[test]
fn a_regression_lowers_its_loss_learns_labels_and_gives_the_same_bits_twice() {
    for optimizer in ["adam", "lamb"] {
        let _turn = alone();
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let splits = folders.each_ref().map(|folder| run(folder.path(), stepping(60, optimizer)));
        assert_eq!(content(folders[0].path()), content(folders[1].path()));
        let table = &content(folders[0].path())["loss.csv"];
        let mut rows = csv::Reader::from_reader(&table[..]);
        let losses: Vec<f64> = rows.records().map(|row| row.unwrap()[1].parse().unwrap()).collect();
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        assert!(mean(&losses[50..]) < 0.7 * mean(&losses[..5]), "{optimizer}: {losses:?}");
        let Labels::Soft { values, classes: 3 } = splits[0].labels() else { panic!() };
        assert_eq!(splits[0].labels().heaviest(), [0, 0, 1, 1, 2, 2]);
        // Both images of a class start with one label.
        let mut pairs = values[..3].iter().zip(&values[3..6]);
        assert!(pairs.any(|(one, other)| (one - other).abs() > 0.01), "{optimizer}: {values:?}");
    }
}

#[test]
fn a_regression_cut_off_and_resumed_equals_one_that_was_not_whitened_or_not() {
    for (optimizer, zca) in [("adam", false), ("adam", true), ("lamb", true)] {
        let mut parameters = stepping(25, optimizer);
        parameters["zca"] = json!(zca);
        resumes(parameters, |task, synthetic, method| {
            let Method::FeatureRegression(settings) = method else { panic!() };
            iteration::cut_off(task, &Regression::new(task, synthetic, settings).unwrap(), 11);
        });
    }
}

#[test]
fn a_coded_regression_labels_every_picture_and_resumes_whitened_or_not() {
    for (code, zca, pictures, values) in [
        (json!({ "dct": { "keep": 16, "pictures": 3 } }), true, 3, 3 * 3 * 48 + 48),
        (json!({ "factor": {} }), false, 8, 1152),
    ] {
        let mut parameters = regression(25);
        parameters["method"]["feature-regression"]["init"] = json!("noise");
        parameters["zca"] = json!(zca);
        parameters["code"] = code;
        let folder = tempfile::tempdir().unwrap();
        let split = {
            let _turn = alone();
            run(folder.path(), parameters.clone())
        };
        let Labels::Soft { values: labels, classes: 3 } = split.labels() else { panic!() };
        assert_eq!((split.len(), labels.len()), (3 * pictures, 3 * 3 * pictures));
        let facts: Value = serde_json::from_slice(&content(folder.path())["distillation.json"]).unwrap();
        assert_eq!(facts["stored_floats"], json!(values + labels.len()));
        resumes(parameters, |task, synthetic, method| {
            let Method::FeatureRegression(settings) = method else { panic!() };
            iteration::cut_off(task, &Regression::new(task, synthetic, settings).unwrap(), 11);
        });
    }
}

#[test]
fn a_regression_that_diverges_names_its_remedy() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut parameters = regression(50);
    parameters["method"]["feature-regression"]["lr"] = json!(1e30);
    let task = bench(folder.path(), parameters).task();
    let message = format!("{:#}", super::super::distil(&task, Device::Cpu).unwrap_err());
    assert!(message.contains("hint: lower `lr` of `feature-regression`"), "{message}");
}
