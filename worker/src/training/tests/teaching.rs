//! Trainings with a teacher, and with weights of the classes.

use std::path::{Path, PathBuf};

use pipeline::data::{Classes, write_preprocess};
use pipeline::recipe::Preprocess;

use super::*;
use crate::training::set::Set;
use crate::training::teacher::Teacher;

fn taught(folder: &Path, teacher: &Path, changes: Value) -> Bench {
    let mut student = bench(folder, changes);
    student.job.inputs.insert("teacher".into(), fixture::input("big", teacher));
    student
}

/// A network that knows its set well; its artifact's folder.
fn teacher(folder: &Path) -> PathBuf {
    let changes = json!({ "network": "ultralight", "transforms": [], "steps": 40, "label_smoothing": 0.0 });
    let bench = bench(&folder.join("teacher"), changes);
    let _ = done(&bench);
    assert!(bench.json(files::TRAINING)["valid_accuracy"].as_f64().unwrap() > 0.8);
    bench.folder.join("content")
}

#[test]
fn the_distance_to_a_teacher_is_that_of_pytorch() {
    let student = Tensor::from_slice(&[1.0f32, -2.0, 0.5, 0.3, 0.1, -0.7]).view([2, 3]);
    let teacher = Tensor::from_slice(&[0.4f32, -1.0, 2.0, 3.0, 0.2, -0.5]).view([2, 3]);
    for (temperature, expected) in [(1.0, DISTANCES_OF_PYTORCH[0]), (4.0, DISTANCES_OF_PYTORCH[1])] {
        let found = loss::distilled(&student, &teacher, temperature).double_value(&[]);
        assert!((found - expected).abs() < 1e-6, "{temperature}: {found}");
    }
}

/// `kl_div(log_softmax(s / T), log_softmax(t / T), reduction="batchmean", log_target=True) * T * T` of PyTorch 2.11 for
/// T of 1 and 4.
const DISTANCES_OF_PYTORCH: [f64; 2] = [0.451_313_38, 0.625_420_03];

#[test]
fn weighted_losses_are_those_of_pytorch() {
    let logits = Tensor::from_slice(&[1.0f32, -2.0, 0.5, 0.3, 0.1, -0.7]).view([2, 3]);
    let hard = Tensor::from_slice(&[2i64, 0]);
    let soft = Tensor::from_slice(&[0.2f32, 0.3, 0.5, 0.9, 0.1, 0.0]).view([2, 3]);
    let weights = Tensor::from_slice(&[0.5f32, 1.0, 2.0]);
    let of =
        |labels, smoothing| loss::cross_entropy(&logits, labels, smoothing, Some(&weights)).double_value(&[]);
    for (found, expected) in [of(&hard, 0.0), of(&hard, 0.1), of(&soft, 0.0)].iter().zip(WEIGHTED_OF_PYTORCH)
    {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}

/// `cross_entropy` of PyTorch 2.11 with weights of .5, 1 and 2: hard, with label smoothing .1, and with soft labels.
const WEIGHTED_OF_PYTORCH: [f64; 3] = [0.960_148_05, 1.006_857_51, 1.278_364_78];

#[test]
fn balanced_weights_make_up_for_unequal_classes() {
    let counted = |labels: &Tensor, classes| Vec::<f64>::try_from(loss::balanced(labels, classes)).unwrap();
    let hard = Tensor::from_slice(&[0i64, 0, 0, 1, 0, 0, 0, 1]);
    assert_eq!(counted(&hard, 2), [8.0 / 12.0, 8.0 / 4.0].map(|weight: f64| f64::from(weight as f32)));
    assert_eq!(counted(&hard, 3)[2], 0.0);
    let soft = Tensor::from_slice(&[0.75f32, 0.25, 0.75, 0.25]).view([2, 2]);
    assert_eq!(counted(&soft, 2), [2.0 / 3.0, 2.0].map(|weight: f64| f64::from(weight as f32)));
}

#[test]
fn a_student_without_labels_of_its_own_learns_what_its_teacher_knows() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let teacher = teacher(folder.path());
    let changes =
        json!({ "network": "ultralight", "transforms": ["flip"], "teacher_weight": 1.0, "seed": 9 });
    // Mirrored, two of the classes are each other: labels tell them apart no better than a coin, the teacher does.
    let student = taught(&folder.path().join("student"), &teacher, changes);
    let _ = done(&student);
    let summary = student.json(files::TRAINING);
    assert!(summary["valid_accuracy"].as_f64().unwrap() > 0.8, "{summary}");
}

#[test]
fn a_teacher_changes_the_student_and_a_share_of_nothing_does_not() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let teacher = teacher(folder.path());
    let plain = done(&bench(&folder.path().join("plain"), json!({ "steps": 3 })));
    let run = |name: &str, changes| done(&taught(&folder.path().join(name), &teacher, changes));
    assert_eq!(run("deaf", json!({ "steps": 3, "teacher_weight": 0.0 }))[0], plain[0]);
    assert_ne!(run("taught", json!({ "steps": 3 }))[0], plain[0]);
    let whole = run("whole", json!({ "steps": 6 }));
    let mut halted = taught(&folder.path().join("halted"), &teacher, json!({ "steps": 6 }));
    halted.stop_at = Some(3);
    assert!(train(&halted.task(), Device::Cpu).unwrap_err().is::<Stopped>());
    halted.stop_at = None;
    assert_eq!(done(&halted), whole);
}

#[test]
fn a_teacher_of_other_classes_or_sizes_is_refused() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let teacher = teacher(folder.path());
    let failure = |name: &str| {
        let bench = taught(&folder.path().join(name), &teacher, json!({ "steps": 1 }));
        format!("{:#}", train(&bench.task(), Device::Cpu).unwrap_err())
    };
    let path = teacher.join(files::NETWORK);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"image_size\": 16", "\"image_size\": 32")).unwrap();
    let message = failure("larger");
    assert_eq!(message, "the teacher `big` takes images of 32 pixels, and `photos` has 16");
    let others = ["bulbul", "dunlin", "crake"].map(String::from).to_vec();
    Classes(others).write(&folder.path().join("set").join(files::CLASSES)).unwrap();
    let message = failure("others");
    assert!(
        message.starts_with("the teacher `big` tells apart other classes than `photos` holds"),
        "{message}"
    );
}

#[test]
fn a_teacher_that_was_normalised_otherwise_says_the_same() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let teacher = teacher(folder.path());
    let student = taught(&folder.path().join("student"), &teacher, json!({}));
    let logits = || {
        let task = student.task();
        let set = Set::open(&task, &task.parameters().unwrap(), Device::Cpu).unwrap();
        Teacher::open(&task, &set, Device::Cpu).unwrap().logits(&set.train.run(0, 12).0)
    };
    let before = logits();
    let path = folder.path().join("set").join(files::PREPROCESS);
    let preprocess = Preprocess { mean: [0.6, 0.5, 0.3], sd: [0.5, 0.3, 0.1] };
    write_preprocess(&path, &preprocess).unwrap();
    let apart = (logits() - &before).abs().max().double_value(&[]);
    assert!(apart < 1e-4 * before.abs().max().double_value(&[]), "{apart}");
}
