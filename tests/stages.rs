//! Every kind of stage on a few small drawn birds: caching across kinds, equal bytes, resuming, and the tables.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod project;

use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use project::{Project, Ran, worker_is_built};

const BIRDS: &str = r#"
replicates = ["seed"]

[subset.photos]
dataset = "birds"
classes = { up_to = 3 }
per_class = { train = 6, valid = 2, test = 3 }
image_size = 16

[augment.more]
from = "photos"
apply = ["horizontal-flip", { gaussian-noise = { sd = 5 } }]

[distil.few]
from = "photos"
images_per_class = 2
method = "random"

[distil.mean]
from = "photos"
images_per_class = 1
method = "class-mean"

[distil.tiny]
from = "photos"
images_per_class = 1
method = { distribution-matching = { iterations = 3, width = 4, real_batch = 4 } }

[train.net]
from = "{arm.data}"
network = "ultralight"
steps = 12
batch = 8
optimizer = { sgd = { lr = 0.02, momentum = 0.9 } }
transforms = ["flip", { crop = { by = 2 } }]
precision = "fp32"
curve_points = 3
seed = "{seed}"

[evaluate.score]
of = "net"
on = "photos"

[matrix]
arm = [
    { name = "full", data = "photos" },
    { name = "augmented", data = "more" },
    { name = "random", data = "few" },
    { name = "mean", data = "mean" },
    { name = "matched", data = "tiny" },
]
seed = [0, 1]
"#;

const PROJECT: &str = r#"
device = "cpu"

[datasets.birds]
path = "data/birds"
stand_in = "sketch-birds"

[datasets.sketch-birds]
format = { sketch-birds = { train = 12 } }
"#;

fn birds(experiment: &str) -> Project {
    worker_is_built();
    let project = Project::with(experiment);
    project.write("pipeline.toml", PROJECT);
    project
}

/// Artifacts of a kind, each with its time of creation.
fn made(project: &Project, kind: &str) -> BTreeMap<String, String> {
    let text = |receipt: &serde_json::Value, field: &str| receipt[field].as_str().unwrap().to_string();
    let of_kind = project.receipts().into_iter().filter(|receipt| receipt["kind"] == kind);
    of_kind.map(|receipt| (text(&receipt, "key"), text(&receipt, "started_at"))).collect()
}

#[test]
fn the_whole_graph_runs_is_cached_and_leaves_its_tables() {
    let project = birds(BIRDS);
    let said = project.run();
    said.says("sketch-birds");
    assert_eq!(project.artifacts().len(), 5 + 10 + 10);
    let runs = project.read("artifacts/results/x/latest/runs.csv");
    assert_eq!(runs.lines().count(), 1 + 10, "{runs}");
    assert!(runs.contains("sketch-birds standing in for birds"), "{runs}");
    let summary = project.read("artifacts/results/x/latest/summary.csv");
    assert_eq!(summary.lines().count(), 1 + 5, "{summary}");
    for table in ["curves", "confusion", "stages"] {
        assert!(
            project.read(&format!("artifacts/results/x/latest/{table}.csv")).lines().count() > 10,
            "{table}"
        );
    }
    said.says("report: artifacts/results/x/");
    let page = project.path("artifacts/results/x/latest/report.html");
    let written = || std::fs::metadata(&page).unwrap().modified().unwrap();
    let (before, at) = (project.digests(), written());
    project.run().says("25 cached");
    assert_eq!((project.digests(), written()), (before, at));
    project.pipeline(&["report", "x", "--by", "arm", "--to", "page.html"]).expect(0).says("page.html");
    assert!(project.read("page.html").contains("<h2>Leaderboard</h2>"));
    assert!(project.read("page/accuracy_joules.csv").lines().count() > 3);
    project.pipeline(&["compare", "x", "--by", "arm"]).expect(0).says("matched");
    project.pipeline(&["compare", "x", "--by", "arm", "--json"]).expect(0);
    project.pipeline(&["show", "photos", "x.toml", "--sheet", "sheet.png"]).expect(0);
    assert!(image::open(project.path("sheet.png")).is_ok());
}

#[test]
fn equal_bytes_in_two_stores_with_one_job_and_with_four() {
    let digests = |jobs: &str| {
        let project = birds(BIRDS);
        project.pipeline(&["run", "x.toml", "-j", jobs]).expect(0);
        project.digests()
    };
    assert_eq!(digests("1"), digests("4"));
}

#[test]
fn a_larger_test_split_reruns_evaluations_and_nothing_else() {
    let project = birds(BIRDS);
    project.run();
    let kinds = ["augment", "distil", "train"];
    let before = kinds.map(|kind| made(&project, kind));
    project.pipeline(&["run", "x.toml", "--set", "subset.photos.per_class.test=4"]).expect(0);
    assert_eq!(kinds.map(|kind| made(&project, kind)), before);
    assert_eq!(made(&project, "evaluate").len(), 20);
}

#[test]
fn changing_one_arm_reruns_its_training_and_why_names_the_setting() {
    let project =
        birds(&BIRDS.replace("steps = 12", "steps = \"{arm.steps}\"").replace("\" },", "\", steps = 12 },"));
    project.run();
    let before = made(&project, "train");
    let text = project.read("x.toml").replace(
        "name = \"mean\", data = \"mean\", steps = 12",
        "name = \"mean\", data = \"mean\", steps = 15",
    );
    project.write("x.toml", text);
    project.pipeline(&["why", "net[arm=mean, seed=0]", "x.toml"]).expect(0).says("`steps` 12 → 15");
    project.run();
    let after = made(&project, "train");
    assert_eq!(after.len(), before.len() + 2);
    assert!(before.iter().all(|(key, at)| after.get(key) == Some(at)), "what is not touched stays");
}

#[test]
fn photographs_in_place_of_the_stand_in_make_the_dependent_stages_stale() {
    let only = BIRDS.split("[augment.more]").next().unwrap().replace("replicates = [\"seed\"]", "");
    // The photographs made here are all alike.
    let only = only.replace("image_size = 16", "image_size = 16\nkeep_together = \"nothing\"");
    let project = birds(&format!("{only}[command.other]\nrun = \"echo 1 > {{out}}/x\"\n"));
    project.run();
    for class in ["finch", "wren", "heron"] {
        for index in 0..12u8 {
            let path = project.path(&format!("data/birds/train/{class}/{index}.png"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let seed = class.len() as u8 * 40 + index;
            image::RgbImage::from_fn(20, 20, |x, y| image::Rgb([seed, x as u8 * 9, y as u8 * 9]))
                .save(path)
                .unwrap();
        }
    }
    project.run().says("1 cached");
    assert_eq!(made(&project, "subset").len(), 2);
}

/// Long enough to be interrupted, short enough to wait for.
const LONG: &str = r#"
[subset.photos]
dataset = "birds"
classes = { up_to = 2 }
per_class = { train = 6, valid = 2, test = 2 }
image_size = 16

[train.net]
from = "photos"
network = "ultralight"
steps = 1500
batch = 4
optimizer = { adamw = {} }
transforms = ["flip"]
precision = "fp32"
"#;

#[test]
fn an_interrupted_training_resumes_to_the_bits_of_an_uninterrupted_one() {
    let whole = birds(LONG);
    whole.run();
    let project = birds(LONG);
    let engine = project.start(&["run", "x.toml"]);
    let begun = || {
        let folders = fs::read_dir(project.path("artifacts/results/x")).into_iter().flatten().flatten();
        let mut logs =
            folders.map(|folder| fs::read_to_string(folder.path().join("events.jsonl")).unwrap_or_default());
        logs.any(|log| log.contains("\"unit\":\"step\""))
    };
    let seen = (0..3000).any(|_| {
        sleep(Duration::from_millis(10));
        begun()
    });
    assert!(seen, "the training began");
    std::process::Command::new("kill").args(["-INT", &engine.id().to_string()]).status().unwrap();
    Ran::of(&engine.wait_with_output().unwrap()).expect(130).says("saved at step");
    project.run().says("goes on at step");
    assert_eq!(project.digests(), whole.digests());
}

#[test]
fn an_image_set_is_exported_with_the_splits_that_it_passes_on() {
    let project =
        birds(BIRDS.split("[distil.mean]").next().unwrap().replace("replicates = [\"seed\"]", "").as_str());
    project.run();
    project.pipeline(&["export", "more", "x.toml", "--to", "png"]).expect(0);
    let count = |split: &str| {
        let classes = fs::read_dir(project.path("png").join(split)).unwrap().flatten();
        classes.map(|class| fs::read_dir(class.path()).unwrap().count()).sum::<usize>()
    };
    assert_eq!([count("train"), count("valid"), count("test")], [36, 6, 9]);
    project.pipeline(&["export", "more", "x.toml", "--to", "png"]).expect(2).says("not empty");
}

#[test]
fn verify_rerun_makes_the_same_bytes_again() {
    let project =
        birds(BIRDS.split("[distil.mean]").next().unwrap().replace("replicates = [\"seed\"]", "").as_str());
    project.run();
    project.pipeline(&["verify", "--rerun"]).expect(0).says("the same bytes");
}
