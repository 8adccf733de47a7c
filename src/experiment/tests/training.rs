//! Trainings that read other stages, and what is said of those that cannot.

use super::*;
use crate::engine::Files;

/// The design's experiment with further settings of its training, and further stages, on sketches.
fn with(settings: &str, stages: &str) -> Folder {
    let text = DESIGN.replace("[train.net]\n", &format!("{stages}\n[train.net]\n{settings}\n"));
    Folder::new(
        &text
            .replace("network = \"{network}\"", "network = \"cnn\"")
            .replace("network = [\"vgg16-bn\", \"cnn\", \"ultralight\"]\n", ""),
    )
}

const BASE: &str = r#"
[train.base]
from = "photos"
network = "cnn"
steps = 10
optimizer = "adamw"
"#;

/// Asserts that each of these is part of what is said.
fn says(folder: &Folder, parts: &[&str]) {
    let said = folder.said(&[]);
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
}

#[test]
fn a_training_reads_the_stages_that_it_starts_and_learns_from() {
    let folder = with("init_from = \"base\"\nteacher = \"base\"\nfreeze = \"backbone\"", BASE);
    let experiment = folder.load(&[]).unwrap_or_else(|problems| panic!("{}", folder.show(&problems)));
    let stages = &experiment.graph.stages;
    let net = stages.iter().find(|stage| stage.name == "net").unwrap();
    let roles: Vec<(&str, &str)> =
        net.inputs.iter().map(|input| (input.role.as_str(), stages[input.from].name.as_str())).collect();
    assert_eq!(roles, [("from", "photos"), ("init_from", "base"), ("teacher", "base")]);
    assert!(net.parameters.get("init_from").is_none() && net.parameters.get("teacher").is_none());
    assert_eq!(net.parameters["freeze"], "backbone");
}

#[test]
fn a_setting_at_its_default_is_no_part_of_the_key() {
    let folder = with("", "");
    let experiment = folder.load(&[]).unwrap();
    let parameters = |kind: &str| {
        let stage = experiment.graph.stages.iter().find(|stage| stage.kind == kind).unwrap();
        stage.parameters.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let expected = [
        "batch",
        "curve_points",
        "label_smoothing",
        "network",
        "optimizer",
        "precision",
        "schedule",
        "seed",
        "steps",
        "transforms",
    ];
    assert_eq!(parameters("train"), expected);
    assert_eq!(parameters("evaluate"), ["batch", "split"]);
}

#[test]
fn weights_of_another_network_are_told_of_before_anything_runs() {
    let other = BASE.replace("\"cnn\"", "\"ultralight\"");
    says(
        &with("init_from = \"base\"", &other),
        &["weights of `ultralight` cannot start `cnn`", "`network` of `base`"],
    );
    let set = with("init_from = \"photos\"", BASE);
    says(&set, &["`init_from` of `train.net` wants weights, and `photos` makes an image set"]);
    says(&with("init_from = \"bse\"", BASE), &["no stage is called `bse`", "did you mean `base`?"]);
}

#[test]
fn a_teacher_on_other_images_and_settings_without_one_are_told_of() {
    let small = r#"
[subset.small]
dataset = "sketches"
per_class = { train = 5, valid = 2, test = 5 }
image_size = 32
"#;
    let base = format!("{small}{}", BASE.replace("\"photos\"", "\"small\""));
    says(&with("teacher = \"base\"", &base), &["images of 64 pixels for a teacher trained on 32"]);
    let other = small.replace("image_size = 32", "image_size = 64\nclasses = [\"a\", \"b\"]");
    let base = format!("{other}{}", BASE.replace("\"photos\"", "\"small\""));
    let folder = with("teacher = \"base\"", &base);
    let text = std::fs::read_to_string(folder.path("x.toml")).unwrap();
    folder.write("x.toml", text.replace("{ at_least = 200, up_to = 10 }", "[\"a\", \"b\", \"c\"]"));
    says(&folder, &["images of 3 classes for a teacher that tells apart 2"]);
    says(&with("temperature = 2.0", ""), &["`temperature` is of no use without `teacher`"]);
}

#[test]
fn a_choice_without_validation_images_and_two_lengths_are_told_of() {
    let blind = |setting: &str| {
        let folder = with(setting, "");
        let text = std::fs::read_to_string(folder.path("x.toml")).unwrap();
        folder.write("x.toml", text.replace("valid = 20, ", ""));
        folder
    };
    says(&blind("keep = \"best\""), &["`keep` goes by validation images, and there are none"]);
    says(&blind("patience = 3"), &["`patience` goes by validation images, and there are none"]);
    says(&with("max_steps = 3", ""), &["`steps` and `max_steps` both say how many steps"]);
    says(
        &with("transforms = [\"flip\", { erase = { area = [0.4, 0.1] } }]", ""),
        &["an area of 0.4 to 0.1 of the image is none to draw from"],
    );
}

#[test]
fn weights_say_where_they_are_once() {
    let weights = |settings: &str| with("init_from = \"made\"", &format!("[weights.made]\n{settings}\n"));
    says(&weights(""), &["neither `path` nor `url` says where the weights are"]);
    says(&weights("path = \"gone.safetensors\""), &["no file `gone.safetensors`"]);
    says(&weights("url = \"https://example.org/x\""), &["`url` lacks `sha256`"]);
    says(&weights("url = \"example.org\"\nsha256 = \"12\""), &["is no address of a file", "is no SHA-256"]);
    let folder = weights("path = \"here.safetensors\"");
    folder.write("here.safetensors", [1, 2, 3]);
    let experiment = folder.load(&[]).unwrap_or_else(|problems| panic!("{}", folder.show(&problems)));
    let stage = experiment.graph.stages.iter().find(|stage| stage.kind == "weights").unwrap();
    assert_eq!(stage.parameters, serde_json::json!({}), "where a file lies is no part of the key");
    assert_eq!(stage.provenance["upstream_energy"], "unknown");
    assert_eq!(stage.sources.len(), 1);
}

/// Sets that a learning rate was learned with, `followed`, and without one.
const FOLLOWED: &str = r#"
[experts.runs]
from = "photos"
network = { convnet = { width = 8 } }
epochs = 4

[distil.followed]
from = "photos"
images_per_class = 1
method = "trajectory-matching"
experts = "runs"

[augment.mirrored]
from = "followed"
apply = ["horizontal-flip"]
"#;

/// The training of [`with`] on `set`, at the learned rate.
fn at_learned_rate(set: &str) -> Folder {
    let folder = with("", FOLLOWED);
    let text = std::fs::read_to_string(folder.path("x.toml")).unwrap();
    let text = text.replace("from = \"{arm.data}\"", &format!("from = \"{set}\""));
    let text = text.lines().filter(|line| !line.starts_with("arm = ")).collect::<Vec<_>>().join("\n");
    folder.write("x.toml", text.replace("lr = 0.02", "lr = \"learned\""));
    folder
}

#[test]
fn a_learned_rate_is_read_from_the_set_and_refused_where_none_was_learned() {
    let folder = at_learned_rate("followed");
    let experiment = folder.load(&[]).unwrap_or_else(|problems| panic!("{}", folder.show(&problems)));
    let net = experiment.graph.stages.iter().find(|stage| stage.name == "net").unwrap();
    let Files::Named(files) = &net.inputs[0].files else { panic!("all files are read") };
    assert!(files.contains(&"student.json"), "it is part of the key: {files:?}");
    assert_eq!(net.parameters["optimizer"]["sgd"]["lr"], "learned");
    for set in ["photos", "tiny", "mirrored"] {
        let hint = "give `lr` a number, or train on a set of `trajectory-matching`";
        says(&at_learned_rate(set), &[&format!("no learning rate was learned with `{set}`"), hint]);
    }
    let folder = at_learned_rate("followed");
    let text = std::fs::read_to_string(folder.path("x.toml")).unwrap();
    let learned = "epochs = 4\noptimizer = { sgd = { lr = \"learned\" } }";
    folder.write("x.toml", text.replace("epochs = 4", learned));
    says(&folder, &["a learned rate belongs to a distilled set"]);
    folder.write("x.toml", text.replace("lr = \"learned\"", "lr = \"leaned\""));
    says(&folder, &["learned"]);
}
