//! Which GPU a stage is given, on a machine that a worker made up for it says to have 4000: locks of GPUs are the machine's, and nobody holds those of the last ones.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod project;

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use project::{Project, Ran};
use serde_json::Value;

/// Tells of GPUs, and of a stage keeps its job alone.
const WORKER: &str = r#"#!/bin/sh
if [ "$1" = --describe ]; then
    [ -z "$CUDA_VISIBLE_DEVICES" ] || exit 1
    echo '{"version":"VERSION","libtorch":"2.11.0","cuda":{"available":true,"devices":4000}}'
    exit
fi
read -r job && cp "$job" "$SCRATCH/job.json"
exit 1
"#;

const TRAINING: &str = r#"
[subset.few]
dataset = "sketch-birds"
per_class = { train = 4, valid = 1, test = 1 }
image_size = 16

[train.net]
from = "few"
network = "linear"
steps = 2
optimizer = "adam"
"#;

fn project() -> Project {
    let project = Project::on_sketches(TRAINING);
    project.write("worker", WORKER.replace("VERSION", env!("CARGO_PKG_VERSION")));
    set_permissions(project.path("worker"), Permissions::from_mode(0o755)).unwrap();
    project
}

/// `run` with `CUDA_VISIBLE_DEVICES` as told.
fn run(project: &Project, visible: &str) -> Ran {
    let mut command = project.command(&["run", "x.toml", "--set", "device=cuda"]);
    command.env("PIPELINE_WORKER", project.path("worker")).env("XDG_CACHE_HOME", project.path("cache"));
    Ran::of(&command.env("CUDA_VISIBLE_DEVICES", visible).output().unwrap())
}

#[test]
fn a_stage_is_given_a_gpu_that_the_variable_leaves() {
    let project = project();
    for (visible, given) in [("3917", 3917), ("3919,3918", 3918)] {
        run(&project, visible).says("net failed");
        let job: Value = serde_json::from_str(&project.read("scratch/job.json")).unwrap();
        assert_eq!(job["device"]["cuda"], given, "{job}");
    }
}

#[test]
fn where_the_variable_leaves_no_gpu_nothing_runs_and_it_is_named() {
    let project = project();
    for (visible, says) in [("-1", "leaves none of"), ("MIG-2e", "names `MIG-2e`, which is none of")] {
        let ran = run(&project, visible).expect(3);
        ran.says(&format!("`CUDA_VISIBLE_DEVICES={visible}` {says} the machine's 4000 GPUs"));
        assert!(project.artifacts().is_empty());
    }
}
