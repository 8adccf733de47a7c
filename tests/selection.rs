//! A choice is a cached stage: what reruns when trials change, and what does not, with commands for trials. Then once with
//! trainings: what is tested in the end, and what is charged to it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod project;

use std::collections::BTreeMap;
use std::fs;

use project::{Project, picture, worker_is_built};
use serde_json::Value;

const CHOOSING: &str = r#"
[subset.photos]
dataset = "drawn"
classes = { at_least = 4, up_to = 2 }
per_class = { train = 4, valid = 2, test = 2 }
image_size = 16

[command.trial]
run = "echo trial {copies} >> $SCRATCH/ran; cat figures/{copies}.json > {out}/training.json"
inputs = ["figures/{copies}.json"]

[select.best]
of = "trial"
over = ["copies"]

[augment.more]
from = "photos"
copies = "{best.copies}"
apply = ["horizontal-flip"]

[matrix]
copies = [1, 2, 3]
"#;

fn figures(project: &Project, copies: u32, accuracy: f64) {
    let text = format!("{{ \"valid_accuracy\": {accuracy}, \"valid_loss\": 1.0 }}\n");
    project.write(&format!("figures/{copies}.json"), text);
}

/// Two copies do best.
fn choosing() -> Project {
    let project = Project::with(CHOOSING);
    let drawn = "device = \"cpu\"\n[datasets.drawn]\nformat = { sketch-birds = { train = 8 } }\n";
    project.write("pipeline.toml", drawn);
    for (copies, accuracy) in [(1, 0.5), (2, 0.7), (3, 0.6), (4, 0.4)] {
        figures(&project, copies, accuracy);
    }
    project
}

/// The artifacts of a kind.
fn folders(project: &Project, kind: &str) -> Vec<String> {
    project.artifacts().into_iter().filter(|artifact| artifact.starts_with(kind)).collect()
}

#[test]
fn what_did_best_on_validation_is_chosen_and_taken() {
    let project = choosing();
    project.pipeline(&["plan", "x.toml"]).expect(0).says("waits for");
    project.run();
    let best = folders(&project, "select").remove(0);
    assert_eq!(project.read(&format!("artifacts/{best}/content/choice.json")), "{\n  \"copies\": 2\n}\n");
    let trials = project.read(&format!("artifacts/{best}/content/trials.csv"));
    assert_eq!(trials.lines().nth(2), Some("2,1,0,0.700000,0.700000,1.000000,true"), "{trials}");
    project.pipeline(&["show", "more"]).expect(0).says("24");
    project.run().says("6 cached");
}

#[test]
fn a_further_candidate_that_does_not_win_reruns_the_choice_and_nothing_below_it() {
    let project = choosing();
    project.run();
    let before = folders(&project, "augment");
    project.write("x.toml", CHOOSING.replace("[1, 2, 3]", "[1, 2, 3, 4]"));
    project.run().says("2 ran, 5 cached");
    assert_eq!((folders(&project, "augment"), folders(&project, "select").len()), (before, 2));
    assert_eq!(project.tally("ran"), ["trial 1", "trial 2", "trial 3", "trial 4"]);
}

#[test]
fn another_winner_reruns_what_takes_the_choice_and_why_says_so() {
    let project = choosing();
    project.run();
    figures(&project, 3, 0.9);
    project.pipeline(&["plan", "x.toml"]).expect(0).says("waits for");
    project.run().says("3 ran, 3 cached");
    assert_eq!(folders(&project, "augment").len(), 2);
    let key = folders(&project, "augment").remove(0).replace("augment/", "");
    project.pipeline(&["verify", "--rerun", &key]).expect(0);
    // What was chosen before comes back without a trial.
    figures(&project, 3, 0.6);
    project.run().says("6 cached");
}

#[test]
fn trials_of_test_images_are_refused_even_where_only_a_file_says_so() {
    let project = choosing();
    fs::write(project.path("figures/1.json"), "{ \"accuracy\": 0.9, \"split\": \"test\" }").unwrap();
    project.pipeline(&["run", "x.toml"]).expect(1).says("these are scores of `test`");
}

/// A network that learns the colours at the lower rate, and answers one class for all at the higher one.
const TRAININGS: &str = r#"
replicates = ["seed"]

[subset.photos]
dataset = "colours"
per_class = { train = 8, valid = 6, test = 4 }
image_size = 32

[train.trial]
from = "photos"
network = "ultralight"
steps = 40
batch = 8
precision = "fp32"
optimizer = { adamw = { lr = "{lr}" } }
seed = "{trial_seed}"

[select.best]
of = "trial"
over = ["lr"]
mean_over = ["trial_seed"]

[train.net]
from = "photos"
network = "ultralight"
steps = 40
batch = 8
precision = "fp32"
optimizer = { adamw = { lr = "{best.lr}" } }
seed = "{seed}"

[train.told]
from = "photos"
network = "ultralight"
steps = 40
batch = 8
precision = "fp32"
optimizer = { adamw = { lr = 0.003 } }
seed = "{seed}"

[evaluate.score]
of = "net"
on = "photos"

[matrix]
lr = [30.0, 0.003]
trial_seed = [1, 2]
seed = [11, 12]
"#;

/// Pictures of three classes, each tinted in a colour of its own.
fn colours() -> Project {
    worker_is_built();
    let project = Project::with(TRAININGS);
    project.write("pipeline.toml", "device = \"cpu\"\n[datasets.colours]\npath = \"colours\"\n");
    for (channel, class) in ["red", "green", "blue"].iter().enumerate() {
        let folder = project.path(&format!("colours/train/{class}"));
        fs::create_dir_all(&folder).unwrap();
        for number in 0..20 {
            let mut tinted = picture(number * 3 + channel as u32);
            tinted.pixels_mut().for_each(|pixel| pixel.0[channel] += 100);
            tinted.save(folder.join(format!("{number}.png"))).unwrap();
        }
    }
    project
}

/// Receipts of a kind, by label.
fn receipts(project: &Project, kind: &str) -> BTreeMap<String, Value> {
    let of_kind = project.receipts().into_iter().filter(|receipt| receipt["kind"] == kind);
    of_kind.map(|receipt| (receipt["label"].as_str().unwrap().to_string(), receipt)).collect()
}

/// Those of a stage, over all its axes.
fn of_stage<'a>(receipts: &'a BTreeMap<String, Value>, name: &'a str) -> impl Iterator<Item = &'a Value> {
    receipts.values().filter(move |receipt| receipt["provenance"]["name"] == name)
}

/// A map of its columns a row.
fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
}

fn secs<'a>(receipts: impl Iterator<Item = &'a Value>) -> f64 {
    receipts.map(|receipt| receipt["took_secs"].as_f64().unwrap()).sum()
}

#[test]
fn of_two_learning_rates_the_better_alone_is_tested_on_new_seeds_and_bears_the_cost_of_both() {
    let project = colours();
    project.run().says("trials s");
    let best = folders(&project, "select").remove(0);
    let tried = table(&project.read(&format!("artifacts/{best}/content/trials.csv")));
    let accuracy = |trial: &BTreeMap<String, String>| trial["valid_accuracy_mean"].parse::<f64>().unwrap();
    let [high, good] = &tried[..] else { panic!("{tried:?}") };
    assert_eq!(
        [&high["lr"], &high["chosen"], &good["lr"], &good["chosen"]],
        ["30.0", "false", "0.003", "true"]
    );
    assert!(accuracy(good) > 0.9 && accuracy(high) < 0.6, "{tried:?}");

    let trained = receipts(&project, "train");
    let seeds = |name| -> Vec<u64> {
        let parameters = of_stage(&trained, name).map(|made| &made["pre_image"]["parameters"]);
        parameters.map(|parameters| parameters["seed"].as_u64().unwrap()).collect()
    };
    assert_eq!((seeds("trial"), seeds("net")), (vec![1, 2, 1, 2], vec![11, 12]));
    let weights = |name| of_stage(&trained, name).map(|made| &made["files"]["weights.safetensors"]["sha256"]);
    assert!(weights("net").eq(weights("told")), "what is tested was trained at the rate that was chosen");
    assert_eq!(receipts(&project, "evaluate").len(), 2, "only what was chosen is tested");

    bears_the_cost(&project, &trained);
}

/// Of both runs: their own stages, the images, and every trial with the choice.
fn bears_the_cost(project: &Project, trained: &BTreeMap<String, Value>) {
    let [chosen, images, scored] = ["select", "subset", "evaluate"].map(|kind| receipts(project, kind));
    let of_choice = secs(of_stage(trained, "trial")) + secs(chosen.values());
    let runs = table(&project.read("artifacts/results/x/latest/runs.csv"));
    assert_eq!(runs.len(), 2);
    for run in runs {
        let of_seed = |name: &str| format!("{name}[seed={}]", run["seed"]);
        let own = [&trained[&of_seed("net")], &scored[&of_seed("score")]];
        let total = of_choice + secs(images.values()) + secs(own.into_iter());
        let told = |column: &str| run[column].parse::<f64>().unwrap();
        assert_eq!(run["chosen"], "lr=0.003");
        assert!((told("trials_secs") - of_choice).abs() < 1e-6, "{run:?}");
        assert!((told("total_secs") - total).abs() < 1e-6, "{run:?}");
        assert!(told("accuracy") > 0.9, "{run:?}");
    }
}
