//! `evaluate`: scores a network on a split of an image set.

mod scorer;
mod scores;
mod speed;
mod tables;

#[cfg(test)]
mod tests;

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use pipeline::data::{Classes, Split};
use pipeline::engine::{Stopped, Task};
use pipeline::recipe::{self, Evaluate, files};
use serde_json::json;
use tch::Device;

use crate::figures::rounded;
use crate::images::Images;
use crate::memory;
use crate::models::Description;
use scorer::Scorer;
use scores::{Score, scores_of};

/// Does the stage: from the network in role `of` and the image set in role `on` to predictions, confusion and metrics.
///
/// # Errors
/// Beside damaged inputs: the network tells other classes apart or takes images of another size, the split is empty,
/// or [`Stopped`].
pub fn evaluate(task: &Task, device: Device) -> Result<()> {
    let recipe: Evaluate = task.parameters()?;
    let network = Description::read(task.input("of", files::NETWORK)?)?;
    let classes = Classes::read(task.input("on", files::CLASSES)?)?;
    same_classes(task, &network.classes, classes.names())?;
    let split = Split::open(task.input("on", recipe.split.file())?)?;
    fits(task, &recipe, &network, &split)?;
    task.started(None);
    let images = network.images(&split, task.input("of", files::WEIGHTS)?, device)?;
    let start = Instant::now();
    let scorer = Scorer::open(task, &network, recipe.mirror, device)?;
    let scores = score(task, &recipe, &scorer, &images)?;
    let secs = start.elapsed().as_secs_f64();
    tables::predictions(&task.content(files::PREDICTIONS), &split, &network.classes, &scores)?;
    tables::confusion(&task.content(files::CONFUSION), &network.classes, &scores)?;
    tables::metrics(&task.content(files::METRICS), &network.classes, &scores, recipe.split)?;
    let speed = json!({
        "secs": rounded(secs),
        "images_per_sec": rounded(scores.len() as f64 / secs.max(1e-9)),
        "batch": recipe.batch,
        "latency_ms": rounded(speed::latency_ms(&scorer, &images)),
        "peak_memory_bytes": memory::peak(),
    });
    let path = task.measured("inference.json");
    std::fs::write(&path, format!("{speed:#}\n"))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

/// Scores every image, in order.
fn score(task: &Task, recipe: &Evaluate, scorer: &Scorer, images: &Images) -> Result<Vec<Score>> {
    let mut scores = Vec::with_capacity(images.len());
    for (x, labels) in images.batches(recipe.batch as usize) {
        if task.should_stop() {
            bail!(Stopped { saved_at: None });
        }
        scores.extend(scores_of(&scorer.logits(&x), &labels)?);
        task.progress(scores.len() as u64, images.len() as u64, "image", &[]);
    }
    Ok(scores)
}

/// Logits have the order of the network's classes: another list or another order would score nonsense.
fn same_classes(task: &Task, network: &[String], set: &[String]) -> Result<()> {
    if network == set {
        return Ok(());
    }
    let (of, on) = (task.input_label("of"), task.input_label("on"));
    bail!(
        "`{of}` tells apart {}, and `{on}` holds {}\n\
         hint: score a network on the classes that it was trained on, in the same order",
        listed(network),
        listed(set)
    )
}

/// At most eight names.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > 8 { format!(" and {} more", names.len() - 8) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn fits(task: &Task, recipe: &Evaluate, network: &Description, split: &Split) -> Result<()> {
    let on = task.input_label("on");
    let (name, remedy) = match recipe.split {
        recipe::Split::Train => ("training", "train"),
        recipe::Split::Valid => ("validation", "valid"),
        recipe::Split::Test => ("test", "test"),
    };
    ensure!(
        !split.is_empty(),
        "`{on}` has no {name} images to score on\nhint: `per_class.{remedy}` of the subset says how many it has"
    );
    let size = network.image_size as usize;
    ensure!(
        (split.height(), split.width()) == (size, size),
        "`{on}` has images of {}×{} pixels, and `{}` takes {size}×{size}",
        split.width(),
        split.height(),
        task.input_label("of")
    );
    Ok(())
}
