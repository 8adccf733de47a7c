//! Writes scores: one row an image, true against predicted classes, and the figures that sum them up.

use std::path::Path;

use anyhow::{Context, Result};
use pipeline::data::Split;
use pipeline::recipe;
use serde_json::{Value, json};

use super::scores::{Score, TOP};
use crate::figures::{cell, rounded};
use crate::training::write_table;

/// Writes `predictions.csv`: a row an image.
pub fn predictions(path: &Path, split: &Split, classes: &[String], scores: &[Score]) -> Result<()> {
    let header = ["index", "source", "label", "predicted", "probability", "label_probability", "loss"];
    let row = |(index, score): (usize, &Score)| {
        let names = [score.label, score.predicted].map(|class| classes[class].clone());
        let figures = [score.probability, score.label_probability, score.loss].map(|f| cell(Some(f)));
        let place = [index.to_string(), split.source(index).to_string()];
        place.into_iter().chain(names).chain(figures).collect()
    };
    write_table(path, &header, scores.iter().enumerate().map(row))
}

/// Writes `confusion.csv`: a row for each true class, a column for each predicted one, numbers of images.
pub fn confusion(path: &Path, classes: &[String], scores: &[Score]) -> Result<()> {
    let mut counts = vec![vec![0_u64; classes.len()]; classes.len()];
    for score in scores {
        counts[score.label][score.predicted] += 1;
    }
    let header: Vec<&str> = std::iter::once("true").chain(classes.iter().map(String::as_str)).collect();
    let row = |(class, counts): (&String, &Vec<u64>)| {
        std::iter::once(class.clone()).chain(counts.iter().map(u64::to_string)).collect()
    };
    write_table(path, &header, classes.iter().zip(&counts).map(row))
}

/// Writes `metrics.json`. Accuracies are fractions; top-5 accuracy is `null` where there are no more than 5 classes.
pub fn metrics(path: &Path, classes: &[String], scores: &[Score], split: recipe::Split) -> Result<()> {
    let top = (classes.len() > TOP).then(|| rounded(share(scores.iter(), |score| score.in_top)));
    let loss = scores.iter().map(|score| score.loss).sum::<f64>() / scores.len() as f64;
    let metrics = json!({
        "accuracy": rounded(share(scores.iter(), Score::hit)),
        "top5_accuracy": top,
        "loss": rounded(loss),
        "images": scores.len(),
        "per_class": classes.iter().enumerate().map(|class| of_class(class, scores)).collect::<Vec<_>>(),
        "split": split,
    });
    std::fs::write(path, format!("{metrics:#}\n"))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

/// `accuracy` is `null` for a class without images.
fn of_class((class, name): (usize, &String), scores: &[Score]) -> Value {
    let own: Vec<&Score> = scores.iter().filter(|score| score.label == class).collect();
    let accuracy = (!own.is_empty()).then(|| rounded(share(own.iter().copied(), Score::hit)));
    json!({ "class": name, "images": own.len(), "accuracy": accuracy })
}

fn share<'a>(scores: impl ExactSizeIterator<Item = &'a Score>, counts: impl Fn(&Score) -> bool) -> f64 {
    let images = scores.len();
    scores.filter(|score| counts(score)).count() as f64 / images as f64
}
