//! Trainings as whole programs: those whose processes are killed in their middle leave the bytes of those that were not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod project;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use project::killing::kill_each_once;
use project::{Project, Ran};

/// All that moves in a training beside the weights: running statistics, dropout, the order of the images, random changes
/// of them, the optimiser's moments, a running mean and the best weights so far. Each takes a second or two.
const EXPERIMENT: &str = r#"
[subset.photos]
dataset = "sketch-birds"
classes = { up_to = 3 }
per_class = { train = 8, valid = 4, test = 3 }
image_size = 32

[train.net]
from = "photos"
network = "cnn"
steps = 500
batch = 8
optimizer = "{optimizer}"
schedule = { cosine = { warm_up = 0.1 } }
transforms = ["flip", { crop = { by = 2 } }, "mixup"]
ema = 0.95
keep = "best"

[matrix]
optimizer = ["adamw", { sgd = { lr = 0.02, momentum = 0.9 } }]
"#;

fn project() -> Project {
    Project::on_sketches(EXPERIMENT)
}

/// `weights.safetensors` of each training, by its label.
fn weights(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let artifacts = project.artifacts().into_iter().zip(project.receipts());
    let trained = artifacts.filter(|(name, _)| name.starts_with("train/"));
    let read = |name: String| project.path("artifacts").join(name).join("content/weights.safetensors");
    let labelled = trained.map(|(name, receipt)| {
        (receipt["label"].as_str().unwrap().to_string(), fs::read(read(name)).unwrap())
    });
    labelled.collect()
}

#[test]
fn trainings_that_are_killed_in_their_middle_leave_the_weights_of_those_that_were_not() {
    let whole = project();
    whole.run();
    let torn = project();
    let mut killed = BTreeSet::new();
    let mut engine = torn.start(&["run", "x.toml", "--keep-going"]);
    kill_each_once(&torn, &mut engine, &mut killed);
    Ran::of(&engine.wait_with_output().unwrap()).expect(1).says("SIGKILL");
    assert_eq!((killed.len(), weights(&torn).len()), (2, 0), "both were killed before they were done");
    let resumed = torn.run().err;
    assert_eq!(resumed.matches("goes on at step").count(), 2, "{resumed}");
    let (torn_weights, whole_weights) = (weights(&torn), weights(&whole));
    assert_eq!(whole_weights.len(), 2);
    assert!(torn_weights == whole_weights, "the weights differ");
    assert_eq!(torn.digests(), whole.digests());
}
