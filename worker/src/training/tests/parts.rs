//! Trainings whose steps go through the network in parts.

use safetensors::tensor::SafeTensors;

use super::*;
use crate::memory::imagined::with_room_for;

/// The values of all weights that a training leaves.
fn weights(bench: &Bench) -> Vec<f32> {
    let [bytes, _] = done(bench);
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut names = file.names();
    names.sort_unstable();
    let values = names.iter().flat_map(|name| file.tensor(name).unwrap().data().as_chunks::<4>().0.to_vec());
    values.map(f32::from_le_bytes).collect()
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn warnings(bench: &Bench) -> Vec<String> {
    let heard = bench.heard.borrow();
    let warning = |event: &StageEvent| match event {
        StageEvent::Warning { message } => Some(message.clone()),
        _ => None,
    };
    heard.iter().filter_map(warning).collect()
}

/// A network without batch norm and dropout, and a step whose length is its gradient's.
fn plain(changes: Value) -> Value {
    let mut all = json!({
        "network": { "convnet": { "width": 8 } },
        "steps": 1,
        "optimizer": { "sgd": { "lr": 1.0, "momentum": 0.0 } },
        "schedule": { "constant": {} },
    });
    for (name, value) in changes.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

#[test]
fn parts_add_up_to_the_gradient_of_the_whole_batch() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        json!({}),
        json!({ "class_weights": "balanced" }),
        json!({ "transforms": ["mixup"] }),
        json!({ "class_weights": "balanced", "transforms": ["mixup"] }),
        json!({ "loss": "mse", "label_smoothing": 0.0 }),
        json!({ "clip_norm": 0.1 }),
    ];
    for (place, case) in cases.iter().enumerate() {
        let run = |name: &str, micro_batch: Value, lr: f64| {
            let mut changes = plain(case.clone());
            changes["micro_batch"] = micro_batch;
            changes["optimizer"]["sgd"]["lr"] = json!(lr);
            weights(&bench(&folder.path().join(format!("{name}-{place}")), changes))
        };
        let (whole, start) = (run("whole", Value::Null, 1.0), run("start", Value::Null, 0.0));
        assert!(apart(&whole, &start) > 1e-3, "{case}: nothing moved");
        for images in [1, 5, 6, 11] {
            let parts = run(&format!("parts-of-{images}"), json!(images), 1.0);
            assert!(apart(&whole, &parts) < 1e-5, "{case}, {images}: {}", apart(&whole, &parts));
        }
        // As many as there are is the whole batch, to the bit.
        assert_eq!(run("all", json!(12), 1.0), whole);
    }
}

#[test]
fn parts_learn_from_a_teacher_as_the_whole_does() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let teacher = bench(&folder.path().join("teacher"), json!({ "steps": 3 }));
    let _ = done(&teacher);
    let run = |name: &str, micro_batch: Value| {
        let changes = plain(json!({ "micro_batch": micro_batch, "class_weights": "balanced" }));
        let mut student = bench(&folder.path().join(name), changes);
        let content = teacher.folder.join("content");
        student.job.inputs.insert("teacher".into(), fixture::input("big", &content));
        weights(&student)
    };
    let whole = run("whole", Value::Null);
    assert!(apart(&whole, &run("parts", json!(5))) < 1e-5);
}

#[test]
fn memory_that_does_not_suffice_makes_parts_of_a_step_and_says_so() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let changes = json!({ "steps": 6, "micro_batch": "auto" });
    let auto = bench(&folder.path().join("auto"), changes.clone());
    let task = auto.task();
    with_room_for(4, || train(&task, Device::Cpu)).unwrap();
    let told = warnings(&auto);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        told[1],
        "memory ran out: 2.50 GiB more were wanted, and of the device's 79.11 GiB there were 1.25 GiB free; from step 0 on, \
         the 12 images of a step go through the network 3 at once, and their gradients are added up (12 images make an \
         update as before; batch norms go by each part)"
    );
    let noted = task.noted();
    assert_eq!((&noted["micro_batch"], &noted["deterministic"]), (&json!(3), &json!(false)));
    assert_eq!(auto.json(files::TRAINING)["batch"], json!(12));
    // What broke off has left no trace: the weights and statistics are those of a training in such parts.
    let fixed = done(&bench(&folder.path().join("fixed"), json!({ "steps": 6, "micro_batch": 3 })));
    assert_eq!([files::WEIGHTS, files::CURVES].map(|name| auto.content(name)), fixed);
    // With room enough, nothing is split, and nothing said.
    let ample = bench(&folder.path().join("ample"), changes);
    let task = ample.task();
    with_room_for(12, || train(&task, Device::Cpu)).unwrap();
    let whole = done(&bench(&folder.path().join("whole"), json!({ "steps": 6 })));
    assert_eq!([files::WEIGHTS, files::CURVES].map(|name| ample.content(name)), whole);
    assert!(warnings(&ample).is_empty() && !task.noted().contains_key("micro_batch"));
}

#[test]
fn a_training_in_parts_resumes_in_parts() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let changes = json!({ "steps": 6, "micro_batch": "auto" });
    let whole = bench(&folder.path().join("whole"), changes.clone());
    with_room_for(6, || train(&whole.task(), Device::Cpu)).unwrap();
    let mut halted = bench(&folder.path().join("halted"), changes);
    halted.stop_at = Some(3);
    assert!(with_room_for(6, || train(&halted.task(), Device::Cpu)).unwrap_err().is::<Stopped>());
    halted.stop_at = None;
    // By now there is room for more.
    let task = halted.task();
    train(&task, Device::Cpu).unwrap();
    assert_eq!(task.noted()["micro_batch"], json!(6));
    assert_eq!(halted.content(files::WEIGHTS), whole.content(files::WEIGHTS));
}

#[test]
fn memory_that_never_suffices_is_told_with_the_sizes_and_a_remedy() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let failure = |name: &str, room: usize, changes: Value| {
        let bench = bench(&folder.path().join(name), changes);
        with_room_for(room, || train(&bench.task(), Device::Cpu)).unwrap_err().to_string()
    };
    let sizes =
        "memory ran out: 2.50 GiB more were wanted, and of the device's 79.11 GiB there were 1.25 GiB free; ";
    let fixed = failure("fixed", 11, json!({ "network": "ultralight" }));
    assert!(fixed.starts_with(&format!("{sizes}12 images at once leave ")), "{fixed}");
    assert!(
        fixed.contains(" of activations (") && fixed.contains(" weights with their gradients"),
        "{fixed}"
    );
    assert!(
        fixed.contains("\nhint: `micro_batch = \"auto\"` makes the same step in parts that fit"),
        "{fixed}"
    );
    let parts = failure("parts", 3, json!({ "micro_batch": 4 }));
    assert!(parts.starts_with(&format!("{sizes}4 images at once leave ")), "{parts}");
    assert!(parts.contains("\nhint: a smaller `micro_batch`, or `micro_batch = \"auto\"`"), "{parts}");
    let auto = failure("auto", 1, json!({ "micro_batch": "auto" }));
    assert!(auto.starts_with(&format!("{sizes}2 images at once leave ")), "{auto}");
    assert!(auto.contains("\nhint: a smaller `image_size` or network"), "{auto}");
}
