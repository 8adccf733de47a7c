//! Trainings that read other stages, and what is said of those that cannot.

use serde_json::json;

use super::*;
use crate::engine::Files;
use crate::networks::Structure;
use crate::recipe::Network;

/// The design's experiment with further settings of its training, and further stages, on sketches.
pub fn with(settings: &str, stages: &str) -> Folder {
    let text = DESIGN.replace("[train.net]\n", &format!("{stages}\n[train.net]\n{settings}\n"));
    Folder::new(
        &text
            .replace("network = \"{network}\"", "network = \"cnn\"")
            .replace("network = [\"vgg16-bn\", \"cnn\", \"ultralight\"]\n", ""),
    )
}

pub const BASE: &str = r#"
[train.base]
from = "photos"
network = "cnn"
steps = 10
optimizer = "adamw"
"#;

/// Asserts that each of these is part of what is said.
pub fn says(folder: &Folder, parts: &[&str]) {
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
    says(&folder, &["`here.safetensors` is no safetensors file", "path = \"here.safetensors\"", "save_file"]);
    folder.write("here.safetensors", header_of(&cnn(), 64));
    let experiment = folder.load(&[]).unwrap_or_else(|problems| panic!("{}", folder.show(&problems)));
    let stage = experiment.graph.stages.iter().find(|stage| stage.kind == "weights").unwrap();
    assert_eq!(stage.parameters, serde_json::json!({}), "where a file lies is no part of the key");
    assert_eq!(stage.provenance["upstream_energy"], "unknown");
    assert_eq!(stage.sources.len(), 1);
}

fn cnn() -> Network {
    Network::Cnn(crate::recipe::Cnn {})
}

/// The head of a file with the weights of a network for ten classes.
fn header_of(network: &Network, image_size: u32) -> Vec<u8> {
    let structure = Structure::new(network, 10, image_size).unwrap();
    let told = |name: &str, shape: Vec<i64>| {
        (name.to_string(), json!({ "dtype": "F32", "shape": shape, "data_offsets": [0, 0] }))
    };
    let trained = structure.parameters.iter().map(|p| told(&p.name, p.shape.clone()));
    let kept = structure.buffers.iter().map(|b| told(&b.name, vec![b.channels]));
    let text = serde_json::to_vec(&trained.chain(kept).collect::<serde_json::Map<_, _>>()).unwrap();
    (text.len() as u64).to_le_bytes().into_iter().chain(text).collect()
}

#[test]
fn weights_that_do_not_fit_are_told_of_before_anything_runs() {
    let weights = "[weights.made]\npath = \"made.safetensors\"\n";
    let with_file = |network: Network, image_size: u32| {
        let folder = with("init_from = \"made\"", weights);
        folder.write("made.safetensors", header_of(&network, image_size));
        folder
    };
    // The last layer starts anew where it does not fit: at 32 pixels `cnn` has a smaller one.
    assert_eq!(with_file(cnn(), 32).said(&[]), with("", "").said(&[]));
    says(
        &with_file(Network::Ultralight(crate::recipe::Ultralight {}), 64),
        &[
            "`conv1.weight` of `made` has shape [16, 3, 3, 3] instead of [32, 3, 3, 3]",
            "others do not fit either",
            "init_from = \"made\"",
            "the weights of `made`",
            "give the network the settings",
        ],
    );
    says(
        &with_file(Network::Linear(crate::recipe::Linear {}), 64),
        &["`made` has no weights called `conv1.weight` (it has `dense.bias` and `dense.weight`)"],
    );
}

#[test]
fn another_training_of_other_shapes_is_told_of_unless_only_its_last_layer_differs() {
    let convnet = |width: u32| format!("network = {{ convnet = {{ width = {width} }} }}");
    let both = |own: u32, theirs: u32| {
        let base = BASE.replace("network = \"cnn\"", &convnet(theirs));
        let folder = with("init_from = \"base\"", &base);
        let text = std::fs::read_to_string(folder.path("x.toml")).unwrap();
        folder.write("x.toml", text.replace("network = \"cnn\"", &convnet(own)));
        folder
    };
    both(16, 16).load(&[]).unwrap();
    says(&both(16, 8), &["`conv1.weight` of `base` has shape [8, 3, 3, 3] instead of [16, 3, 3, 3]"]);
    let small = "[subset.small]\ndataset = \"sketches\"\nper_class = { train = 5, valid = 2, test = 5 }\n";
    let small = small.to_string() + "image_size = 32\nclasses = { up_to = 3 }\n";
    let base = small + &BASE.replace("\"photos\"", "\"small\"");
    with("init_from = \"base\"", &base).load(&[]).unwrap();
    let same = base.replace("{ up_to = 3 }", "{ at_least = 200, up_to = 10 }");
    says(&with("init_from = \"base\"", &same), &["`dense.weight` of `base` has shape"]);
}

#[test]
fn layers_to_freeze_are_known_before_anything_runs() {
    with("freeze = [\"conv1\", \"norm1.weight\", \"conv2\"]", "").load(&[]).unwrap();
    says(
        &with("freeze = [\"conv1\", \"conv9\"]", ""),
        &["`cnn` has no layer `conv9`", "did you mean `conv1`, `conv2` or `conv3`?"],
    );
    says(
        &with("freeze = [\"encoder\"]", ""),
        &[
            "`cnn` has no layer `encoder`",
            "it has `conv1`, `norm1`, `conv2`, `norm2`, `conv3`, `norm3` and 1 more",
        ],
    );
    let all = "freeze = [\"conv1\", \"norm1\", \"conv2\", \"norm2\", \"conv3\", \"norm3\", \"dense\"]";
    says(&with(all, ""), &["`freeze` leaves nothing to train", "leave the last layer out of it"]);
}

#[test]
fn an_automatic_batch_is_a_number_in_the_key_whatever_the_machine() {
    let folder = with("batch = \"auto\"", "");
    let experiment = folder.load(&[]).unwrap_or_else(|problems| panic!("{}", folder.show(&problems)));
    let net = experiment.graph.stages.iter().find(|stage| stage.name == "net").unwrap();
    assert_eq!((&net.parameters["batch"], &net.parameters["micro_batch"]), (&json!(32), &json!("auto")));
    let folder = with("batch = \"auto\"\nmicro_batch = 8", "");
    let experiment = folder.load(&[]).unwrap();
    let net = experiment.graph.stages.iter().find(|stage| stage.name == "net").unwrap();
    assert_eq!((&net.parameters["batch"], &net.parameters["micro_batch"]), (&json!(32), &json!(8)));
}

#[test]
fn a_part_of_a_step_is_no_larger_than_the_step() {
    says(
        &with("batch = 16\nmicro_batch = 20", ""),
        &["20 images at once are more than the 16 of a step", "micro_batch = 20", "a smaller `micro_batch`"],
    );
    says(&with("batch = \"large\"", ""), &["`batch`", "`auto`"]);
    says(&with("batch = 0", ""), &["`batch` must be an integer from 1 to 65536, not 0"]);
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
