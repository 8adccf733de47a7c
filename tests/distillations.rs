//! Distillations as whole programs: those that are killed in their middle end in the bytes of those that were not, and what
//! they take in memory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod project;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use project::killing::{attempts, kill_each_once, process_at};
use project::{Project, Ran};

/// Every method that goes step by step, for a second or two.
const EXPERIMENT: &str = r#"
[subset.photos]
dataset = "sketch-birds"
classes = { up_to = 3 }
per_class = { train = 8, valid = 2, test = 3 }
image_size = 32

[experts.teachers]
from = "photos"
network = { convnet = { width = 8 } }
experts = 20
epochs = 15
batch = 6

[distil.tiny]
from = "photos"
images_per_class = 1
method = "{method}"
code = "{code}"

[distil.plain]
from = "photos"
images_per_class = 1
method = "{plain}"

[train.teacher]
from = "photos"
network = { convnet = { width = 8 } }
steps = 20
optimizer = { sgd = { lr = 0.02, momentum = 0.9 } }

[distil.patched]
from = "photos"
images_per_class = 1
method = { realistic-patches = { crops = 100 } }
teacher = "teacher"

[distil.followed]
from = "photos"
images_per_class = 1
method = "{followed}"
experts = "teachers"

[matrix]
method = [{ distribution-matching = { iterations = 120, width = 16, real_batch = 8 } }]
code = [{ autoencoder = { code = 8, width = 3, depth = 2, iterations = 250, batch = 8, pictures = 3 } }]
plain = [
    { distribution-matching = { iterations = 250, width = 16, real_batch = 8 } },
    { gradient-matching = { iterations = 60, width = 16, real_batch = 8 } },
    { feature-regression = { iterations = 250, width = 8, real_batch = 16, pool = 3, oldest = 7 } },
    { characteristic-function = { iterations = 200, width = 16, real_batch = 8 } },
    { autoencoder = { iterations = 200, batch = 16, code = 8, width = 8 } },
    { forgetting = { network = { convnet = { width = 8 } }, epochs = 160, batch = 6 } },
]
followed = [
    { trajectory-matching = { iterations = 60, student_steps = 8, expert_epochs = 1 } },
    { difficulty-aligned = { iterations = 60, student_steps = 8, expert_epochs = 1, latest_start = 3 } },
]
"#;

fn project() -> Project {
    Project::on_sketches(EXPERIMENT)
}

#[test]
fn methods_whose_processes_are_killed_in_their_middle_go_on_and_end_in_the_same_bytes() {
    let whole = project();
    whole.run();
    let torn = project();
    let (mut killed, mut resumed) = (BTreeSet::new(), 0);
    // What follows the experts begins in the second launch, in which these go on.
    for _ in 0..2 {
        let mut engine = torn.start(&["run", "x.toml", "--keep-going"]);
        kill_each_once(&torn, &mut engine, &mut killed);
        let ran = Ran::of(&engine.wait_with_output().unwrap()).expect(1);
        ran.says("SIGKILL");
        resumed += ran.err.matches("goes on at step").count();
    }
    resumed += torn.run().err.matches("goes on at step").count();
    assert_eq!(torn.digests(), whole.digests());
    // The teacher may be done before it has saved anything.
    let short = |name: &&String| name.starts_with("subset") || name.starts_with("train");
    let iterated: Vec<String> = whole.artifacts().iter().filter(|name| !short(name)).cloned().collect();
    let was_killed = |name: &&String| killed.iter().any(|key| key.file_name() == Path::new(name).file_name());
    let count = iterated.iter().filter(was_killed).count();
    assert_eq!((iterated.len(), count), (11, 11), "every stage but the subset and the teacher was killed");
    assert!(resumed >= count, "{resumed} of {count} went on");
}

/// Peak of the resident memory of each stage's process, in bytes, by label; the launch must succeed.
fn peaks(project: &Project) -> BTreeMap<String, u64> {
    let mut engine = project.start(&["run", "x.toml", "--jobs", "1"]);
    let mut peaks = BTreeMap::new();
    while engine.try_wait().unwrap().is_none() {
        for attempt in attempts(project) {
            let Some(process) = process_at(&engine, &attempt) else { continue };
            let (Ok(job), Ok(status)) = (
                fs::read_to_string(attempt.join("job.json")),
                fs::read_to_string(format!("/proc/{process}/status")),
            ) else {
                continue;
            };
            let job: serde_json::Value = serde_json::from_str(&job).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
            peaks.insert(job["label"].as_str().unwrap().to_string(), 1024 * kilobytes.unwrap_or(0));
        }
        sleep(Duration::from_millis(5));
    }
    Ran::of(&engine.wait_with_output().unwrap()).expect(0);
    peaks
}

/// As many steps of a student as need 6, 25 and 100 MB of weights, were all kept.
const STEPS: &str = r#"
[subset.photos]
dataset = "sketch-birds"
classes = { up_to = 3 }
per_class = { train = 4, valid = 2, test = 3 }
image_size = 32

[experts.teachers]
from = "photos"
network = "convnet"
experts = 1
epochs = 2

[distil.followed]
from = "photos"
images_per_class = 1
method = { trajectory-matching = { iterations = 1, student_steps = "{steps}", expert_epochs = 1, latest_start = 1 } }
experts = "teachers"

[matrix]
steps = [5, 20, 80]
"#;

#[test]
fn memory_of_trajectory_matching_does_not_grow_with_the_steps_of_the_student() {
    let project = project();
    project.write("x.toml", STEPS);
    let peaks = peaks(&project);
    let [few, some, many] = [5, 20, 80].map(|steps| peaks[&format!("followed[steps={steps}]")] >> 20);
    assert!(some < few + 64 && many < few + 64, "MB of 5, 20 and 80 steps: {few}, {some}, {many}");
}
