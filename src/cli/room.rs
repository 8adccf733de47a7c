//! Whether the images of trainings on a GPU have room there: what a plan says beforehand.

use crate::energy::nvml;
use crate::engine::{Plan, State, Store};
use crate::experiment::Experiment;
use crate::networks::{Room, Structure};
use crate::recipe::{Facts, Recipe, Train, files};

/// A line for each training that is to run on one of `gpus`, each once.
pub fn lines(experiment: &Experiment, plan: &Plan, store: &Store, gpus: &[usize]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (id, recipe) in experiment.recipes.iter().enumerate() {
        let stage = &experiment.graph.stages[id];
        let Recipe::Train(train) = recipe else { continue };
        if !stage.needs.cuda || matches!(plan.states[id], State::Cached { .. } | State::NotAsked) {
            continue;
        }
        let from = stage.inputs.iter().find(|input| input.role == "from").map(|input| input.from);
        let made = from.and_then(|from| made(experiment, plan, store, from));
        let free = || nvml::free_memory(gpus);
        let line = format!("{}: {}", stage.name, told(train, &experiment.facts[id], made, free));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Bytes of a set's training split that is there already.
fn made(experiment: &Experiment, plan: &Plan, store: &Store, stage: usize) -> Option<u64> {
    let State::Cached { key } = &plan.states[stage] else { return None };
    let artifact = store.find(experiment.graph.stages[stage].kind, key)?;
    Some(artifact.content(files::TRAIN).metadata().ok()?.len())
}

/// `free` tells the bytes on the GPU that has the fewest.
fn told(train: &Train, facts: &Facts, made: Option<u64>, free: impl Fn() -> Option<u64>) -> String {
    let unknown = "where the images lie is settled when they are made";
    let Some(side) = facts.image_size else { return unknown.to_string() };
    let images = facts.classes.zip(facts.train_per_class).map(|(n, each)| n as u64 * u64::from(each));
    let bytes = |images: u64| images * 3 * u64::from(side).pow(2);
    let Some(stored) = made.or_else(|| images.map(bytes)) else { return unknown.to_string() };
    let count = images.unwrap_or(stored / bytes(1).max(1));
    let structure = Structure::new(&train.network, facts.classes.unwrap_or(1), side);
    let Ok(structure) = structure else { return unknown.to_string() };
    let (copies, at_once) = (train.values_of_a_weight(), train.images_at_once(count));
    let needed = structure.figures.training_bytes(copies, at_once, side);
    Room { stored, needed, free: free() }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment;
    use crate::recipe::Machine;

    #[test]
    fn a_plan_says_whether_the_training_images_fit() {
        let settings =
            r#"{ "from": "a", "network": { "linear": {} }, "steps": 1, "optimizer": { "adamw": {} } }"#;
        let train: Train = serde_json::from_str(settings).unwrap();
        let facts = Facts {
            image_size: Some(32),
            classes: Some(10),
            train_per_class: Some(5000),
            ..Facts::default()
        };
        let fits = told(&train, &facts, None, || Some(80 << 30));
        assert!(
            fits.starts_with("the images (146.5 MiB) lie on the GPU: the training needs about "),
            "{fits}"
        );
        let scarce = told(&train, &facts, None, || Some(100 << 20));
        assert!(scarce.starts_with("the images (146.5 MiB) do not fit on the GPU"), "{scarce}");
        // A set that is there is taken at its size, whatever is known of its classes.
        let drawn = Facts { classes: None, ..facts };
        assert!(
            told(&train, &drawn, Some(1 << 30), || None).starts_with("the images (1.00 GiB) lie on the GPU")
        );
        let unknown = "where the images lie is settled when they are made";
        assert_eq!(told(&train, &drawn, None, || None), unknown);
    }

    const EXPERIMENT: &str = r#"
[subset.photos]
dataset = "sketch-birds"
classes = ["a", "b", "c"]
per_class = { train = 10, valid = 2, test = 2 }
image_size = 32

[train.net]
from = "photos"
network = "cnn"
steps = 1
optimizer = "adamw"
seed = "{seed}"

[matrix]
seed = [0, 1]
"#;

    #[test]
    fn trainings_that_run_on_a_gpu_are_told_of_once_and_others_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.toml");
        std::fs::write(&path, EXPERIMENT).unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let told = |cuda: bool, state: State| {
            let machine = |_, torch_threads| {
                Ok(Machine {
                    cuda,
                    deterministic: false,
                    torch_threads,
                    libtorch: "2.11".into(),
                    bf16: false,
                })
            };
            let experiment = experiment::load(&path, &[], &machine).unwrap();
            let states = vec![state; experiment.graph.stages.len()];
            lines(&experiment, &Plan { states }, &store, &[])
        };
        let waits = State::Waits { on: 0 };
        let on_gpu = told(true, waits.clone());
        assert_eq!(on_gpu.len(), 1, "{on_gpu:?}");
        assert!(on_gpu[0].starts_with("net: the images (90.0 KiB) "), "{on_gpu:?}");
        assert!(told(false, waits).is_empty() && told(true, State::NotAsked).is_empty());
    }
}
