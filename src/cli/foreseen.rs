//! How long stages that are to run would take: a training in proportion to its steps, images and multiply-adds, by others of
//! its network.

use std::fs;

use serde::Deserialize;

use crate::engine::{self, Artifact, History, Plan, Size, Sizes, Store};
use crate::experiment::Experiment;
use crate::networks::Structure;
use crate::recipe::{Describe, Facts, Network, Recipe, Train, files};

/// Classes that stand for those of a set that was not looked at: they matter to the last layer alone.
const CLASSES: usize = 10;

/// Seconds of each stage of the plan, as [`engine::predict`] has it.
pub fn seconds(
    experiment: &Experiment,
    plan: &Plan,
    store: &Store,
    history: &mut History,
) -> Vec<Option<f64>> {
    let all = sizes(experiment);
    let sizes = Sizes { of_stage: &|stage| all[stage], of_artifact: &size_of_artifact };
    engine::predict((&experiment.graph, plan), (store, history), &sizes)
}

/// How large each stage is.
pub fn sizes(experiment: &Experiment) -> Vec<Size> {
    let size = |(recipe, facts): (&Recipe, &Facts)| match recipe {
        Recipe::Train(train) => size(train, facts),
        _ => Size::Alike,
    };
    experiment.recipes.iter().zip(&experiment.facts).map(size).collect()
}

/// Of a training that is to run.
fn size(train: &Train, facts: &Facts) -> Size {
    let classes = facts.classes.unwrap_or(CLASSES);
    let images = facts.train_per_class.map(|each| u64::from(each) * classes as u64);
    let batch = u64::from(train.batch.of_a_step());
    let batch = images.map_or(batch, |images| batch.min(images)).max(1);
    let by_epochs = || Some(train.epochs? * (images? / batch).max(1));
    let steps = train.steps.or_else(by_epochs).map(|steps| steps.min(train.max_steps.unwrap_or(u64::MAX)));
    let adds = facts.image_size.and_then(|size| multiply_adds(&train.network, classes, size));
    product(&train.network, (steps, batch), adds)
}

fn product(network: &Network, (steps, batch): (Option<u64>, u64), multiply_adds: Option<f64>) -> Size {
    let size = |(steps, adds): (u64, f64)| Size::Of(network.name(), steps as f64 * batch as f64 * adds);
    steps.zip(multiply_adds).map_or(Size::Unknown, size)
}

/// Of one image.
fn multiply_adds(network: &Network, classes: usize, image_size: u32) -> Option<f64> {
    Some(Structure::new(network, classes, image_size).ok()?.figures.multiply_adds() as f64)
}

/// What `training.json` says of a training's length.
#[derive(Deserialize)]
struct Trained {
    steps: u64,
    images: u64,
    batch: u64,
}

/// What `network.json` says that costs follow from.
#[derive(Deserialize)]
struct Described {
    network: Network,
    classes: Vec<String>,
    image_size: u32,
}

fn size_of_artifact(artifact: &Artifact) -> Size {
    if artifact.receipt.kind != Train::KIND {
        return Size::Alike;
    }
    let text = |name| fs::read_to_string(artifact.content(name)).ok();
    let trained = text(files::TRAINING).and_then(|text| serde_json::from_str::<Trained>(&text).ok());
    let described = text(files::NETWORK).and_then(|text| serde_json::from_str::<Described>(&text).ok());
    let Some((trained, network)) = trained.zip(described) else { return Size::Unknown };
    let adds = multiply_adds(&network.network, network.classes.len(), network.image_size);
    product(&network.network, (Some(asked_for(artifact, &trained)), trained.batch), adds)
}

/// The steps that it was to have: what ended it early may end another.
fn asked_for(artifact: &Artifact, trained: &Trained) -> u64 {
    let told = |name: &str| artifact.receipt.parameter(name).and_then(serde_json::Value::as_u64);
    let by_epochs = || Some(told("epochs")? * (trained.images / trained.batch.max(1)).max(1));
    let steps = told("steps").or_else(by_epochs).unwrap_or(trained.steps);
    steps.min(told("max_steps").unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train(settings: &str) -> Train {
        let all = format!(
            r#"{{ "from": "a", "network": {{ "linear": {{}} }}, "optimizer": {{ "adamw": {{}} }}, {settings} }}"#
        );
        serde_json::from_str(&all).unwrap()
    }

    #[test]
    fn a_training_is_as_large_as_its_steps_its_batch_and_its_network() {
        // A linear network of 3 × 8 × 8 values and 5 classes: 960 multiply-adds.
        let facts =
            Facts { image_size: Some(8), classes: Some(5), train_per_class: Some(4), ..Facts::default() };
        assert_eq!(
            size(&train(r#""steps": 100, "batch": 16"#), &facts),
            Size::Of("linear", 100.0 * 16.0 * 960.0)
        );
        // Of 20 images, which are one batch.
        assert_eq!(
            size(&train(r#""epochs": 7, "batch": 64"#), &facts),
            Size::Of("linear", 7.0 * 20.0 * 960.0)
        );
        assert_eq!(
            size(&train(r#""epochs": 7, "max_steps": 3"#), &facts),
            Size::Of("linear", 3.0 * 20.0 * 960.0)
        );
        let unseen = Facts { train_per_class: None, ..facts };
        assert_eq!(size(&train(r#""epochs": 7"#), &unseen), Size::Unknown);
        assert_eq!(size(&train(r#""steps": 7"#), &Facts::default()), Size::Unknown);
    }
}
