//! The bytes of every kind of stage with tensors, pinned: other bytes from the same inputs need another revision.
//!
//! libtorch's results depend on the processor. So the test holds its libraries to AVX2, and pins a table for each model of
//! processor; on one that has no table yet, it prints the lines to add and says that it compared nothing.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod project;

use project::Project;

const EXPERIMENT: &str = r#"
[subset.photos]
dataset = "sketch-birds"
classes = { up_to = 3 }
per_class = { train = 5, valid = 2, test = 3 }
image_size = 32

[distil.tiny]
from = "photos"
images_per_class = 1
method = "{method}"

[experts.teachers]
from = "photos"
network = { convnet = { width = 4 } }
experts = 2
epochs = 2
batch = 6

[distil.followed]
from = "photos"
images_per_class = 1
method = { trajectory-matching = { iterations = 3, student_steps = 3, expert_epochs = 1 } }
experts = "teachers"

[distil.aligned]
from = "photos"
images_per_class = 1
method = { difficulty-aligned = { iterations = 3, student_steps = 3, expert_epochs = 1, latest_start = 2 } }
experts = "teachers"

[distil.forgotten]
from = "photos"
images_per_class = 1
method = { forgetting = { network = { convnet = { width = 4 } }, epochs = 2, batch = 6 } }

[train.net]
from = "photos"
network = "{network}"
steps = 4
batch = 6
optimizer = "{optimizer}"
transforms = ["flip", { crop = { by = 2 } }]
label_smoothing = 0.1
precision = "fp32"
curve_points = 2

[train.student]
from = "tiny"
network = { convnet = { width = 4 } }
steps = 3
optimizer = { adamw = {} }
schedule = "step-down"
transforms = ["dsa"]
precision = "fp32"

[evaluate.score]
of = "net"
on = "photos"

[evaluate.student_score]
of = "student"
on = "photos"

[matrix]
network = ["vgg16-bn", "cnn", "ultralight", { convnet = { width = 8 } }]
optimizer = [{ sgd = { lr = 0.02, momentum = 0.9, weight_decay = 5e-4 } }, { adamw = {} }]
method = ["random", "class-mean", { distribution-matching = { iterations = 3, width = 4, real_batch = 4 } }]
exclude = [{ network = "vgg16-bn", optimizer = { adamw = {} } }]
"#;

/// Libraries below libtorch, held to what every processor of the last ten years computes alike.
const HELD: [(&str, &str); 3] =
    [("ATEN_CPU_CAPABILITY", "avx2"), ("ONEDNN_MAX_CPU_ISA", "AVX2"), ("MKL_CBWR", "COMPATIBLE")];

/// By processor, lines of label, parts with their revisions, and first digits of the digest.
const PINNED: &[(&str, &str)] = &[("AuthenticAMD-25-17", include_str!("golden/AuthenticAMD-25-17.txt"))];

#[test]
fn stages_with_tensors_make_the_bytes_that_were_pinned() {
    let project = Project::on_sketches(EXPERIMENT);
    let mut run = project.command(&["run", "x.toml"]);
    let ran = run.envs(HELD).output().unwrap();
    project::Ran::of(&ran).expect(0);
    let seen = project.receipts().iter().filter_map(line_of).collect::<std::collections::BTreeSet<_>>();
    assert!(seen.len() > 10, "{seen:?}");
    let processor = processor();
    let text = seen.iter().map(|line| format!("{line}\n")).collect::<String>();
    let Some((_, pinned)) = PINNED.iter().find(|(name, _)| *name == processor) else {
        eprintln!(
            "skipped: nothing is pinned for `{processor}`; tests/golden/{processor}.txt would hold\n{text}"
        );
        return;
    };
    let changed: Vec<&String> = seen.iter().filter(|line| !pinned.lines().any(|pin| pin == **line)).collect();
    assert!(
        changed.is_empty() && pinned.lines().count() == seen.len(),
        "other bytes than were pinned: {changed:#?}\n\
         hint: raise the revision of the part that changed, note it in CHANGELOG.md, and pin in tests/golden/{processor}.txt\n{text}"
    );
}

/// What a stage with tensors is pinned by; none for the others, which are pinned beside their code.
fn line_of(receipt: &serde_json::Value) -> Option<String> {
    let kind = receipt["kind"].as_str()?;
    let parts = receipt["pre_image"]["parts"].as_object()?;
    let parts: Vec<String> = parts.iter().map(|(part, revision)| format!("{part}@{revision}")).collect();
    let digest = &receipt["digest"].as_str()?[..16];
    let label = receipt["label"].as_str()?;
    ["experts", "distil", "train", "evaluate"]
        .contains(&kind)
        .then(|| format!("{label} | {} | {digest}", parts.join(" ")))
}

/// `AuthenticAMD-26-2`: maker, family and model. Two models of a family may have caches of other sizes, and libraries block
/// their loops by those.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
        pairs.find(|(key, _)| key.trim() == name).map_or("unknown", |(_, value)| value.trim())
    };
    ["vendor_id", "cpu family", "model"].map(field).join("-")
}
