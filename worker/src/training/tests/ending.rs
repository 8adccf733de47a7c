//! Trainings that average their weights, choose among them, and end before their last step.

use pipeline::energy::{Energy, Figure, Joules, Method};
use pipeline::engine::{SoFar, Spent};

use super::*;

fn curve(bench: &Bench) -> Vec<Vec<String>> {
    let text = String::from_utf8(bench.content(files::CURVES)).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_string).collect()).collect()
}

/// Ends in chaos: what did best lies before the end.
fn unsteady(changes: Value) -> Value {
    let mut all = json!({
        "network": "ultralight", "transforms": [], "schedule": { "constant": {} }, "curve_points": 20,
        "optimizer": { "sgd": { "lr": 0.2, "momentum": 0.9 } },
    });
    all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    all
}

#[test]
fn the_best_weights_are_those_that_the_curve_names() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let best = bench(&folder.path().join("best"), unsteady(json!({ "keep": "best" })));
    let [kept, curves] = done(&best);
    let summary = best.json(files::TRAINING);
    let step = summary["kept_step"].as_u64().unwrap();
    let points = curve(&best);
    let accuracy = |point: &Vec<String>| point[5].parse::<f64>().unwrap();
    let most = points.iter().map(accuracy).fold(0.0, f64::max);
    let first = points.iter().find(|point| accuracy(point) == most).unwrap();
    assert_eq!(summary["valid_accuracy"].as_f64().unwrap(), most);
    assert!(step >= first[0].parse().unwrap() && step < 40, "{summary}");
    // As many steps as that, with the schedule of the whole training, give the same weights.
    let short = bench(&folder.path().join("short"), unsteady(json!({ "steps": step })));
    assert_eq!(done(&short)[0], kept);
    let last = bench(&folder.path().join("last"), unsteady(json!({})));
    let [other, same] = done(&last);
    assert_ne!(other, kept);
    assert_eq!(same, curves);
    assert_eq!(last.json(files::TRAINING)["kept_step"], Value::Null);
}

#[test]
fn patience_ends_a_training_and_says_so() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let changes = unsteady(json!({ "patience": 2, "steps": 400, "curve_points": 200, "keep": "best" }));
    let bench = bench(&folder.path().join("run"), changes);
    let _ = done(&bench);
    let summary = bench.json(files::TRAINING);
    assert_eq!(summary["ended_by"], json!("patience"));
    let (steps, kept) = (summary["steps"].as_u64().unwrap(), summary["kept_step"].as_u64().unwrap());
    assert_eq!(steps, kept + 2 * 2);
    assert_eq!(curve(&bench).last().unwrap()[0], steps.to_string());
}

#[test]
fn averages_and_choices_resume_to_the_same_bytes() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    for (name, changes) in [
        ("mean", json!({ "ema": 0.9, "steps": 12 })),
        ("best", json!({ "keep": "best", "steps": 12, "curve_points": 6 })),
        ("both", json!({ "keep": "best", "ema": 0.9, "steps": 12, "curve_points": 6, "patience": 3 })),
    ] {
        let whole = done(&bench(&folder.path().join(format!("whole-{name}")), changes.clone()));
        let mut halted = bench(&folder.path().join(format!("halted-{name}")), changes);
        halted.stop_at = Some(7);
        assert!(train(&halted.task(), Device::Cpu).unwrap_err().is::<Stopped>(), "{name}");
        halted.stop_at = None;
        assert_eq!(done(&halted), whole, "{name}");
        assert_eq!(halted.starts(), [None, Some(7)]);
    }
}

#[test]
fn the_mean_of_the_weights_is_what_is_validated_and_left() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, changes| {
        let bench = bench(&folder.path().join(name), unsteady(changes));
        let [weights, _] = done(&bench);
        (weights, curve(&bench))
    };
    let (plain, points) = run("plain", json!({ "steps": 8, "curve_points": 4 }));
    let (mean, averaged) = run("mean", json!({ "steps": 8, "curve_points": 4, "ema": 0.9 }));
    assert_ne!(mean, plain);
    for (a, b) in points.iter().zip(&averaged) {
        assert_eq!(a[2..4], b[2..4], "the training itself is the same");
    }
    assert!(points.iter().zip(&averaged).any(|(a, b)| a[4] != b[4]));
    // Nothing of the old stays: the mean is what is trained.
    assert_eq!(run("none", json!({ "steps": 8, "curve_points": 4, "ema": 0.0 })).0, plain);
}

#[test]
fn a_mean_moves_as_the_formula_says() {
    let network = crate::models::Network::new(&recipe::Network::Linear(recipe::Linear {}), 2, 4).unwrap();
    let (parameters, buffers) = network.initial(1, Device::Cpu);
    let values = keep::Values::of(&network, &parameters, &buffers, Device::Cpu);
    let mut expected = parameters.flat().copy();
    for step in 1..=100u64 {
        tch::no_grad(|| parameters.flat().shallow_clone().copy_(&(parameters.flat() * 1.01 + 0.1)));
        values.move_towards(&parameters, &buffers, 0.9, step);
        let decay = f64::min(0.9, (1.0 + step as f64) / (10.0 + step as f64));
        expected = expected * decay + parameters.flat() * (1.0 - decay);
    }
    let apart = (values.parameters.flat() - expected).abs().max().double_value(&[]);
    assert!(apart < 1e-4, "{apart}");
}

#[test]
fn budgets_end_a_training_by_steps_or_by_time() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let few = json!({ "steps": null, "epochs": 100, "max_steps": 5 });
    let capped = done(&bench(&folder.path().join("capped"), few));
    assert_eq!(capped[0], done(&bench(&folder.path().join("five"), json!({ "steps": 5 })))[0]);
    let timed = bench(&folder.path().join("timed"), json!({ "steps": 100_000, "max_secs": 1.0 }));
    let _ = done(&timed);
    let summary = timed.json(files::TRAINING);
    assert_eq!(summary["ended_by"], json!("max_secs"));
    let steps = summary["steps"].as_u64().unwrap();
    assert!((1..100_000).contains(&steps), "{summary}");
    assert_eq!(curve(&timed).last().unwrap()[0], steps.to_string());
    let heard = timed.heard.borrow();
    let warned = |event: &StageEvent| matches!(event, StageEvent::Warning { message } if message.contains("it ends elsewhere"));
    assert!(heard.iter().any(warned));
}

#[test]
fn a_choice_without_validation_images_is_refused() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    fixture::image_set(&folder.path().join("set"), 10, 0);
    for changes in [json!({ "keep": "best" }), json!({ "patience": 3 })] {
        let bench = bench(&folder.path().join("run"), changes);
        let message = train(&bench.task(), Device::Cpu).unwrap_err().to_string();
        assert!(message.starts_with("`photos` has no validation images"), "{message}");
    }
}

/// What a meter says of an attempt.
fn drawn(joules: Option<f64>) -> serde_json::Value {
    let figure = match joules {
        Some(joules) => Figure::new(Joules::new(joules), Method::ModelTdp, 0.4, 1.0),
        None => Figure::missing("NVML: no driver"),
    };
    json!(Energy { processor: figure, memory: None, gpu: None, sampling_cpu_secs: None })
}

#[test]
fn a_training_ends_once_its_meter_has_said_so_many_joules() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let said = |name: &str, joules: Option<f64>| {
        let bench = bench(&folder.path().join(name), json!({ "steps": 6, "max_joules": 50.0 }));
        let so_far = SoFar::default();
        so_far.hearing(Box::new(|_| ()))(drawn(joules));
        (train(&bench.task().metered_by(so_far), Device::Cpu), bench)
    };
    let (ended, bench) = said("enough", Some(60.0));
    ended.unwrap();
    assert_eq!(bench.json(files::TRAINING)["ended_by"], json!("max_joules"));
    assert_eq!(curve(&bench).last().unwrap()[0], "1");
    let warned = |event: &StageEvent| matches!(event, StageEvent::Warning { message } if message.starts_with("`max_joules` (60.0 J, modelled) ended the training at step 1 of 6"));
    assert!(bench.heard.borrow().iter().any(warned), "{:?}", bench.heard.borrow());
    let (whole, bench) = said("less", Some(40.0));
    whole.unwrap();
    assert_eq!(bench.json(files::TRAINING)["ended_by"], json!(null));
    let (refused, _) = said("unknown", None);
    let message = refused.unwrap_err().to_string();
    assert!(message.starts_with("`max_joules` cannot be held to: NVML: no driver"), "{message}");
}

#[test]
fn joules_of_earlier_attempts_count() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(&folder.path().join("run"), json!({ "steps": 6, "max_joules": 50.0 }));
    let before = Spent { energy: drawn(Some(30.0)), ..Spent::default() };
    let so_far = SoFar::after(&[before]);
    so_far.hearing(Box::new(|_| ()))(drawn(Some(30.0)));
    train(&bench.task().metered_by(so_far), Device::Cpu).unwrap();
    assert_eq!(bench.json(files::TRAINING)["steps"], json!(1));
}

#[test]
fn a_loss_that_is_no_number_fails_the_stage_or_ends_the_training_as_told() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let changes = |more: &str| {
        let mut changes = json!({ "steps": 50, "optimizer": { "sgd": { "lr": 1e30 } } });
        if !more.is_empty() {
            changes["if_diverged"] = json!(more);
        }
        changes
    };
    let failed = bench(&folder.path().join("fails"), changes(""));
    let message = train(&failed.task(), Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("the training has diverged"), "{message}");
    let ended = bench(&folder.path().join("ends"), changes("end"));
    train(&ended.task(), Device::Cpu).unwrap();
    let summary = ended.json(files::TRAINING);
    assert_eq!((&summary["ended_by"], &summary["valid_accuracy"]), (&json!("divergence"), &json!(null)));
    assert!(summary["steps"].as_u64().unwrap() < 50, "{summary}");
}

#[test]
fn a_test_curve_tells_the_best_accuracy_and_changes_nothing_else_whole_or_resumed() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let plain = bench(&folder.path().join("plain"), json!({}));
    let [weights, curve] = done(&plain);
    let watched = bench(&folder.path().join("watched"), json!({ "test_curve": true }));
    let [same_weights, with_test] = done(&watched);
    assert_eq!(same_weights, weights);
    let (curve, with_test) = (String::from_utf8(curve).unwrap(), String::from_utf8(with_test).unwrap());
    let cut = |line: &str| line.rsplit_once(',').unwrap().0.to_string();
    assert_eq!(with_test.lines().map(cut).collect::<Vec<_>>(), curve.lines().collect::<Vec<_>>());
    let last = |line: &str| line.rsplit_once(',').unwrap().1.parse::<f64>().unwrap();
    let best = with_test.lines().skip(1).map(last).fold(0.0, f64::max);
    let summary = watched.json(files::TRAINING);
    assert_eq!(summary["best_test_accuracy"], json!(best));
    assert!(plain.json(files::TRAINING).get("best_test_accuracy").is_none());
    let mut halted = bench(&folder.path().join("halted"), json!({ "test_curve": true }));
    halted.stop_at = Some(17);
    train(&halted.task(), Device::Cpu).unwrap_err();
    halted.stop_at = None;
    assert_eq!(done(&halted)[1], with_test.into_bytes());
}
