//! Tests of trainings as wholes.

mod ending;
mod parts;
mod precision;
mod starting;
mod teaching;

use std::path::Path;

use pipeline::engine::{StageEvent, Stopped};
use pipeline::recipe::{self, files};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use super::optimizer::{Optimizer, Rates};
use super::{keep, loss, optimizer, train};
use crate::fixture::{self, Bench};
use crate::models::{Layout, Parameters};

/// A training of `cnn` (BatchNorm and dropout) with every transform, and what `changes` sets.
fn bench(folder: &Path, changes: Value) -> Bench {
    let set = folder.parent().unwrap().join("set");
    if !set.exists() {
        fixture::image_set(&set, 40, 12);
    }
    let mut parameters = json!({
        "network": "cnn",
        "steps": 40,
        "batch": 12,
        "optimizer": { "sgd": { "lr": 0.02, "momentum": 0.9, "weight_decay": 5e-4 } },
        "transforms": ["flip", { "crop": { "by": 2 } }, "dsa"],
        "label_smoothing": 0.1,
        "precision": "fp32",
        "curve_points": 5,
        "seed": 3,
    });
    for (name, value) in changes.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    parameters["network"] = match &parameters["network"] {
        Value::String(name) => json!({ name: {} }),
        other => other.clone(),
    };
    let transforms = parameters["transforms"].as_array().unwrap().iter().map(|transform| match transform {
        Value::String(name) => json!({ name: {} }),
        other => other.clone(),
    });
    parameters["transforms"] = transforms.collect();
    Bench::new(folder, "train", parameters, vec![("from", fixture::input("photos", &set))])
}

fn done(bench: &Bench) -> [Vec<u8>; 2] {
    train(&bench.task(), Device::Cpu).unwrap();
    [files::WEIGHTS, files::CURVES].map(|name| bench.content(name))
}

#[test]
fn the_same_training_twice_gives_equal_bytes() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, changes| done(&bench(&folder.path().join(name), changes));
    let adamw = json!({ "optimizer": { "adamw": {} }, "steps": 8 });
    assert_eq!(run("a", json!({ "steps": 8 })), run("b", json!({ "steps": 8 })));
    assert_eq!(run("c", adamw.clone()), run("d", adamw));
    assert_ne!(run("e", json!({ "steps": 8, "seed": 4 })), run("a", json!({ "steps": 8 })));
}

#[test]
fn a_stopped_and_resumed_training_gives_the_bytes_of_an_uninterrupted_one() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let rules = [
        json!({ "sgd": { "lr": 0.02, "momentum": 0.9 } }),
        json!({ "adamw": { "lr": 0.001 } }),
        json!({ "adam": { "lr": 0.001 } }),
        json!({ "lamb": {} }),
        json!({ "muon": {} }),
    ];
    for optimizer in rules {
        let changes = json!({ "optimizer": optimizer });
        let name = optimizer.as_object().unwrap().keys().next().unwrap();
        let whole = done(&bench(&folder.path().join(format!("whole-{name}")), changes.clone()));
        let mut halted = bench(&folder.path().join(format!("halted-{name}")), changes);
        halted.stop_at = Some(17);
        let stop = train(&halted.task(), Device::Cpu).unwrap_err();
        assert_eq!(stop.downcast_ref::<Stopped>().unwrap().saved_at, Some(17));
        halted.stop_at = None;
        assert_eq!(done(&halted), whole);
        assert_eq!(halted.starts(), [None, Some(17)]);
    }
}

#[test]
fn networks_with_branches_and_attention_resume_to_the_same_bytes_too() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    for (name, settings) in [
        ("convnext", json!({ "drop_path": 0.2 })),
        ("resnet18", json!({ "drop_path": 0.2 })),
        ("swin", json!({ "width": 32, "drop_path": 0.2 })),
        ("vit-tiny", json!({ "drop_path": 0.2 })),
    ] {
        let changes = json!({ "network": { name: settings }, "steps": 4, "batch": 4, "transforms": [] });
        let whole = done(&bench(&folder.path().join(format!("whole-{name}")), changes.clone()));
        let mut halted = bench(&folder.path().join(format!("halted-{name}")), changes);
        halted.stop_at = Some(2);
        assert!(train(&halted.task(), Device::Cpu).unwrap_err().is::<Stopped>(), "{name}");
        halted.stop_at = None;
        assert_eq!(done(&halted), whole, "{name}");
    }
}

#[test]
fn a_damaged_checkpoint_is_left_aside_with_a_warning() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(&folder.path().join("run"), json!({ "steps": 3 }));
    let _ = bench.task();
    std::fs::write(bench.folder.join("checkpoints/training.safetensors"), [7; 100]).unwrap();
    let _ = done(&bench);
    assert_eq!(bench.starts(), [None]);
    let heard = bench.heard.borrow();
    assert!(
        heard
            .iter()
            .any(|event| matches!(event, StageEvent::Warning { message } if message.contains("left aside")))
    );
}

#[test]
fn a_training_learns_and_leaves_what_others_read() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(&folder.path().join("run"), json!({ "network": "ultralight", "transforms": [] }));
    let _ = done(&bench);
    let summary = bench.json(files::TRAINING);
    assert!(summary["valid_accuracy"].as_f64().unwrap() > 0.8, "{summary}");
    assert_eq!(
        (&summary["steps"], &summary["images"], &summary["batch"]),
        (&json!(40), &json!(40), &json!(12))
    );
    let network = bench.json(files::NETWORK);
    assert_eq!(network["classes"], json!(["bulbul", "crake", "dunlin"]));
    assert_eq!((&network["name"], &network["image_size"]), (&json!("ultralight"), &json!(16)));
    let curve = String::from_utf8(bench.content(files::CURVES)).unwrap();
    let lines: Vec<&str> = curve.lines().collect();
    assert_eq!(lines[0], "step,epoch,train_loss,train_accuracy,valid_loss,valid_accuracy,lr");
    assert_eq!(lines.len(), 6);
    assert!(lines[5].starts_with("40,13.333333,"), "{}", lines[5]);
    assert!(bench.folder.join("measured/curve_times.csv").is_file());
}

#[test]
fn without_validation_images_the_curve_says_nothing_of_them() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    fixture::image_set(&folder.path().join("set"), 10, 0);
    let bench = bench(&folder.path().join("run"), json!({ "steps": null, "epochs": 3, "batch": 64 }));
    let _ = done(&bench);
    let summary = bench.json(files::TRAINING);
    assert_eq!((&summary["steps"], &summary["batch"]), (&json!(3), &json!(10)));
    assert_eq!((&summary["undertrained"], &summary["valid_accuracy"]), (&Value::Null, &Value::Null));
    let curve = String::from_utf8(bench.content(files::CURVES)).unwrap();
    assert!(curve.lines().nth(1).unwrap().contains(",,,"), "{curve}");
}

#[test]
fn a_diverging_training_says_where_and_what_to_do() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let changes = json!({ "optimizer": { "sgd": { "lr": 1e30 } }, "schedule": { "constant": {} } });
    let bench = bench(&folder.path().join("run"), changes);
    let message = train(&bench.task(), Device::Cpu).unwrap_err().to_string();
    assert!(message.starts_with("the loss is") && message.contains("at step"), "{message}");
    let hint = "hint: lower the learning rate (`optimizer.sgd.lr`, now 1e30), or set `if_diverged = \"end\"`";
    assert!(message.ends_with(hint), "{message}");
}

#[test]
fn bf16_trains_too() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(&folder.path().join("run"), json!({ "precision": "bf16", "steps": 5 }));
    let _ = done(&bench);
    assert!(bench.json(files::TRAINING)["train_loss"].as_f64().unwrap().is_finite());
}

#[test]
fn losses_are_those_of_pytorch() {
    let logits = Tensor::from_slice(&[1.0f32, -2.0, 0.5, 0.3, 0.1, -0.7]).view([2, 3]);
    let hard = Tensor::from_slice(&[2i64, 0]);
    let soft = Tensor::from_slice(&[0.2f32, 0.3, 0.5, 0.9, 0.1, 0.0]).view([2, 3]);
    let of = |labels, smoothing| loss::cross_entropy(&logits, labels, smoothing, None).double_value(&[]);
    let expected = LOSSES_OF_PYTORCH;
    for (loss, expected) in [of(&hard, 0.0), of(&hard, 0.1), of(&soft, 0.0)].iter().zip(expected) {
        assert!((loss - expected).abs() < 1e-6, "{loss} {expected}");
    }
}

/// `cross_entropy` of PyTorch 2.11: hard, with label smoothing .1, and with soft labels.
const LOSSES_OF_PYTORCH: [f64; 3] = [0.893_474_70, 0.946_808_04, 1.228_474_74];

/// Five updates of a weight `[2, 3]` (which decays) and a bias `[2]` (which does not) by made-up gradients.
fn five_updates(rule: &recipe::Optimizer, clip_norm: Option<f64>) -> Vec<f64> {
    let parameter = |name: &str, shape: &[i64], decays| crate::models::Parameter {
        name: name.to_string(),
        shape: shape.to_vec(),
        initial: crate::models::Initial::Constant(0.0),
        decays,
    };
    let list = [parameter("weight", &[2, 3], true), parameter("bias", &[2], false)];
    let parameters = Parameters::zeros(&list, Layout::ChannelsLast, Device::Cpu);
    parameters.set(&Tensor::from_slice(&[0.1f32, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, -0.8]));
    let mut optimizer = Optimizer::new(rule, &parameters, Vec::new());
    for step in 0..5 {
        let places = Tensor::arange(8, (Kind::Float, Device::Cpu));
        let flat = (places + step as f64).sin();
        let mut gradients = [flat.narrow(0, 0, 6).view([2, 3]), flat.narrow(0, 6, 2)];
        if let Some(most) = clip_norm {
            optimizer::clip(&mut gradients, most);
        }
        let lr = optimizer.lr();
        optimizer.update(&parameters, &gradients, Rates { body: lr, head: lr }, step);
    }
    Vec::<f64>::try_from(parameters.flat().to_kind(Kind::Double)).unwrap()
}

#[test]
fn five_updates_are_those_of_pytorch() {
    let sgd = |nesterov| {
        recipe::Optimizer::Sgd(recipe::Sgd { lr: 0.1.into(), momentum: 0.9, nesterov, weight_decay: 0.05 })
    };
    let adamw = recipe::AdamW { lr: 0.01, weight_decay: 0.1, ..recipe::AdamW::default() };
    let adam = recipe::Adam { lr: 0.01, weight_decay: 0.1, ..recipe::Adam::default() };
    let plain = recipe::Sgd { lr: 0.1.into(), momentum: 0.0, nesterov: false, weight_decay: 0.0 };
    let rules = [
        (sgd(false), None),
        (sgd(true), None),
        (recipe::Optimizer::AdamW(adamw), None),
        (recipe::Optimizer::Adam(adam), None),
        (recipe::Optimizer::Sgd(plain), Some(0.5)),
        (
            recipe::Optimizer::Lamb(recipe::Lamb { lr: 0.01, weight_decay: 0.1, ..recipe::Lamb::default() }),
            None,
        ),
        (
            recipe::Optimizer::Muon(recipe::Muon {
                weight_decay: 0.1,
                adam_lr: 0.01,
                ..recipe::Muon::default()
            }),
            None,
        ),
    ];
    for ((rule, clip_norm), expected) in rules.iter().zip(UPDATES_OF_PYTORCH) {
        let found = five_updates(rule, *clip_norm);
        let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart < 2e-6, "{}: {found:?}", rule.name());
    }
}

/// `torch.optim` of PyTorch 2.11: SGD, SGD with Nesterov's look-ahead, AdamW, Adam, and plain SGD after
/// `clip_grad_norm_` to .5; timm's `Lamb`; and `torch.optim.Muon` (with Newton-Schulz in f32 instead of bf16) for the
/// weight, beside AdamW for the bias.
const UPDATES_OF_PYTORCH: [[f64; 8]; 7] = [
    [-0.38784561, -0.63169837, 0.28133425, 0.07155232, 0.9481951, -0.48719025, 0.2964693, -1.31760395],
    [-0.44654647, -0.58860141, 0.37582302, 0.14673467, 0.91338301, -0.57303363, 0.21331973, -1.31728876],
    [0.07316181, -0.22923832, 0.28721857, -0.3831816, 0.52965248, -0.58243579, 0.68770725, -0.83392459],
    [0.0633287, -0.2296904, 0.2873463, -0.38371715, 0.5307858, -0.5828743, 0.68770725, -0.83392459],
    [0.07165962, -0.20412496, 0.32388297, -0.37006706, 0.50846267, -0.6207881, 0.66907358, -0.81263119],
    [0.08164973, -0.21357645, 0.29869151, -0.38511267, 0.51416081, -0.59538883, 0.6877073, -0.83392453],
    [0.06842981, -0.19139688, 0.3347303, -0.38558567, 0.5320071, -0.56448615, 0.68770725, -0.83392459],
];
