//! A student's gradients against plain autograd, and whole distillations on a toy set.

use std::path::Path;

use pipeline::data::{Labels, Split};
use pipeline::engine::Task;
use pipeline::recipe::{self, Convnet};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};
use tempfile::TempDir;

use super::super::experts;
use super::super::real::Real;
use super::super::tests::{bench, content};
use super::super::zca::Zca;
use super::kept::Kept;
use super::student::{Loss, Outcome};
use super::*;
use crate::fixture::{Bench, alone, input};
use crate::models::{Parameters, Signs};

const LR: f64 = 0.3;

fn scattered(shape: &[i64], phase: f64) -> Tensor {
    let places = Tensor::arange(shape.iter().product::<i64>(), (Kind::Double, Device::Cpu));
    ((places * 1.7 + phase).sin() * 0.5).to_kind(Kind::Float).view(shape)
}

fn network() -> Network {
    let convnet = Convnet { width: 4, depth: Some(2), ..Convnet::default() };
    Network::new(&recipe::Network::Convnet(convnet), 3, 8).unwrap()
}

fn way(network: &Network) -> Way {
    let from = scattered(&[network.count()], 0.2);
    let to = &from + scattered(&[network.count()], 1.1) * 0.2;
    Way { from, to, lr: LR }
}

/// Of three images, mirrored in every other step, against the softmax of labels.
fn loss(network: &Network) -> impl Loss + '_ {
    |step: u64, weights: &[Tensor], leaves: &Leaves, kinks: Kinks| {
        let images = if step % 2 == 1 { leaves.images.flip([3]) } else { leaves.images.shallow_clone() };
        let logits = network.forward_at(kinks, weights, &[], &images, Mode::Train, Kind::Float);
        let labels = leaves.labels.as_ref().unwrap().softmax(-1, Kind::Float);
        loss::cross_entropy(&logits, &labels, 0.0, None)
    }
}

fn leaves() -> Leaves {
    Leaves::of(&scattered(&[3, 3, 8, 8], 0.6), Some(&scattered(&[3, 3], 0.9)))
}

/// The loss of a student's end, with every step's weights in the graph or, `detached`, only its gradients; then the
/// gradients with respect to images, labels and learning rate.
fn by_autograd(network: &Network, steps: u64, detached: bool) -> (f64, [Tensor; 3]) {
    let (way, leaves, loss) = (way(network), leaves(), loss(network));
    let parameters = Parameters::zeros(network.parameters(), network.layout(), Device::Cpu);
    let lr = Tensor::from(LR as f32).set_requires_grad(true);
    let mut theta = way.from.copy();
    let mut moved = theta.copy();
    for step in 0..steps {
        parameters.set(&theta);
        let mut flat = moved.shallow_clone();
        let weights: Vec<Tensor> = if detached {
            parameters.tensors().iter().map(|w| w.detach().copy().set_requires_grad(true)).collect()
        } else {
            if step == 0 {
                flat = flat.set_requires_grad(true);
                moved = flat.shallow_clone();
            }
            let shapes = parameters.tensors().iter().enumerate();
            shapes.map(|(i, w)| flat.narrow(0, parameters.start(i), w.numel() as i64).view_as(w)).collect()
        };
        let gradients =
            Tensor::run_backward(&[loss(step, &weights, &leaves, Kinks::Free)], &weights, true, true);
        moved = &moved - &lr * parameters.flatten(&gradients);
        theta = moved.detach();
    }
    let apart = (&moved - &way.to).square().sum(Kind::Float);
    let end = apart / (&way.from - &way.to).square().sum(Kind::Float);
    let labels = leaves.labels.as_ref().unwrap();
    let found = Tensor::run_backward(&[&end], &[&leaves.images, labels, &lr], false, false);
    (end.double_value(&[]), found.try_into().unwrap())
}

/// How far apart they are, as a share of the second's length.
fn apart(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).norm().double_value(&[]) / b.norm().double_value(&[])
}

fn student(network: &Network, steps: u64, reach: Reach) -> Student<'_> {
    Student::new(network, steps, reach, &scattered(&[1], 0.0))
}

fn found_by(student: &Student) -> Outcome {
    student.gradients(&way(student.network), &leaves(), loss(student.network))
}

/// Once by differences, and once by autograd, as a network with max pooling has to.
fn both_ways(network: &Network, steps: u64, reach: Reach) -> [Outcome; 2] {
    let by_autograd = Student { kept: None, ..student(network, steps, reach) };
    [found_by(&student(network, steps, reach)), found_by(&by_autograd)]
}

#[test]
fn gradients_are_those_of_autograd_with_the_weights_of_every_step_detached_or_not() {
    let _turn = alone();
    let network = network();
    for (reach, detached) in [(Reach::Step, true), (Reach::Way, false)] {
        let (end, [images, labels, lr]) = by_autograd(&network, 7, detached);
        for (found, most) in both_ways(&network, 7, reach).into_iter().zip([1e-2, 1e-4]) {
            assert!((found.loss - end).abs() < 1e-5 * end, "{} {end}", found.loss);
            let far = [apart(&found.images, &images), apart(&found.labels.unwrap(), &labels)];
            assert!(far.iter().all(|far| *far < most), "{far:?}");
            assert!((found.lr / lr.double_value(&[]) - 1.0).abs() < 1e-3, "{} {lr}", found.lr);
        }
    }
}

#[test]
fn what_images_do_to_later_steps_counts_unless_there_are_none() {
    let _turn = alone();
    let network = network();
    let far = |steps: u64| -> Vec<f64> {
        let all = [Reach::Step, Reach::Way].map(|reach| both_ways(&network, steps, reach));
        let [[a, b], [c, d]] = all;
        vec![apart(&a.images, &c.images), apart(&b.images, &d.images)]
    };
    let [differences, autograd] = far(1)[..] else { panic!() };
    assert!(differences < 1e-2 && autograd < 1e-4, "{differences} {autograd}");
    assert!(far(7).iter().all(|far| *far > 3e-2), "{:?}", far(7));
}

#[test]
fn a_student_that_keeps_less_finds_the_same_bits() {
    let _turn = alone();
    let network = network();
    let bits = |student: &Student| {
        let Outcome { loss, lr, images, labels } = found_by(student);
        (loss, lr, images, labels)
    };
    for reach in [Reach::Step, Reach::Way] {
        let keeps = student(&network, 7, reach);
        let told = bits(&keeps);
        let kept = || Kept::new(&network, 7, reach, Device::Cpu);
        let forgets = |kept: Kept| Student { kept: Some(kept), ..student(&network, 7, reach) };
        assert_eq!(told, bits(&forgets(kept().without_signs())));
        if reach == Reach::Step {
            assert_eq!(told, bits(&forgets(kept().without_weights())));
        }
        // What was kept of another way does not show.
        let other = Way { lr: LR / 3.0, ..way(&network) };
        keeps.gradients(&other, &leaves(), loss(&network));
        assert_eq!(told, bits(&keeps));
    }
}

#[test]
fn signs_that_are_too_many_are_not_kept() {
    let network = network();
    let signs = Signs::default();
    let weights = Parameters::zeros(network.parameters(), network.layout(), Device::Cpu);
    drop(loss(&network)(0, weights.tensors(), &leaves(), Kinks::Noted(&signs)));
    let most = (64 << 20) / signs.count() as u64;
    for (steps, fits) in [(most, true), (most + 1, false)] {
        let kept = Kept::new(&network, steps, Reach::Step, Device::Cpu);
        assert!(kept.may_keep_signs());
        assert_eq!((kept.signs(0, &signs).is_some(), kept.may_keep_signs()), (fits, fits));
    }
}

#[test]
fn bytes_of_a_way_grow_with_its_steps_up_to_a_limit_unless_it_cannot_do_without() {
    let network = network();
    let each = 4 * network.count() as u64;
    let limit = 64 << 20;
    let most = limit / each;
    let kept = |steps: u64, batch: u64, reach| kept::bytes(&network, steps, batch, reach, Device::Cpu);
    let weights = [1, 7, most, most + 1, u64::MAX].map(|steps| kept(steps, 0, Reach::Step));
    assert_eq!(weights, [each, 7 * each, most * each, 0, 0]);
    assert_eq!([7, 2 * most].map(|steps| kept(steps, 0, Reach::Way)), [14 * each, 4 * most * each]);
    let signs = [1, u64::from(u32::MAX)].map(|batch| kept(7, batch, Reach::Step) - 7 * each);
    assert_eq!(signs, [7 * network.activation_bytes() / 4, limit]);
    // Without weights there are no signs to hold beside them.
    assert_eq!(kept(most + 1, 9, Reach::Step), 0);
}

/// A distillation in `folder`, after its experts.
fn stage(folder: &Path, parameters: &Value) -> Bench {
    let about = json!({
        "network": { "convnet": { "width": 8 } }, "experts": 2, "epochs": 6, "batch": 6, "seed": 1,
        "optimizer": { "sgd": { "lr": 0.1 } }, "transforms": [], "zca": parameters["zca"] == json!(true),
    });
    let teachers = folder.join("teachers");
    std::fs::create_dir_all(&teachers).unwrap();
    let mut bench = bench(folder, parameters.clone());
    let mut learn = Bench::new(&teachers, "experts", about, Vec::new());
    learn.job.inputs = bench.job.inputs.clone();
    if !teachers.join("content").exists() {
        experts::experts(&learn.task(), Device::Cpu).unwrap();
    }
    bench.job.inputs.insert("experts".into(), input("teachers", &teachers.join("content")));
    bench
}

fn run(folder: &Path, parameters: &Value) -> Split {
    super::super::distil(&stage(folder, parameters).task(), Device::Cpu).unwrap();
    Split::open(&folder.join("content/train.safetensors")).unwrap()
}

fn matching(more: Value) -> Value {
    let mut settings = json!({
        "iterations": 40, "student_steps": 6, "latest_start": 3, "lr": 20.0, "student_lr": 0.1, "student_lr_lr": 1e-4,
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "images_per_class": 2, "method": { "trajectory-matching": settings }, "seed": 5 })
}

fn aligned() -> Value {
    let settings = json!({
        "iterations": 25, "student_steps": 5, "first_latest_start": 1, "latest_start": 4, "expansion": 10, "lr": 20.0,
        "student_lr": 0.1, "labels_lr": 3.0, "batch": 4,
    });
    json!({ "images_per_class": 2, "method": { "difficulty-aligned": settings }, "seed": 5 })
}

fn losses(folder: &Path) -> Vec<f64> {
    let table = &content(folder)["loss.csv"];
    let mut rows = csv::Reader::from_reader(&table[..]);
    rows.records().map(|row| row.unwrap()[1].parse().unwrap()).collect()
}

#[test]
fn a_matching_lowers_its_loss_learns_a_rate_and_gives_the_same_bits_twice() {
    let _turn = alone();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    folders.iter().for_each(|folder| drop(run(folder.path(), &matching(json!({})))));
    assert_eq!(content(folders[0].path()), content(folders[1].path()));
    let losses = losses(folders[0].path());
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    assert!(mean(&losses[30..]) < 0.9 * mean(&losses[..10]), "{losses:?}");
    let student: Value = serde_json::from_slice(&content(folders[0].path())["student.json"]).unwrap();
    assert!((student["lr"].as_f64().unwrap() - 0.1).abs() > 1e-4, "{student}");
}

#[test]
fn labels_are_classes_probabilities_of_an_expert_or_learned_ones() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let labels =
        |which: &str| run(folder.path(), &matching(json!({ "labels": which, "iterations": 4 }))).labels();
    assert_eq!(labels("hard"), Labels::Hard(vec![0, 0, 1, 1, 2, 2]));
    let (soft, learned) = (labels("soft"), labels("learned"));
    assert_ne!(soft, learned);
    for labels in [soft, learned] {
        let Labels::Soft { values, classes: 3 } = labels else { panic!() };
        let sums = values.chunks(3).map(|row| row.iter().sum::<f32>());
        assert!(sums.into_iter().all(|sum| (sum - 1.0).abs() < 1e-5), "{values:?}");
    }
}

#[test]
fn aligned_images_start_from_those_that_an_expert_classifies_rightly() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut parameters = aligned();
    parameters["method"]["difficulty-aligned"]["threshold"] = json!(0.0);
    // Nothing is below the threshold, so everything stays as it starts.
    let split = run(folder.path(), &parameters);
    assert_eq!(split.labels().heaviest(), [0, 0, 1, 1, 2, 2]);
    let (pixels, real) = (split, Split::open(&folder.path().join("photos/train.safetensors")).unwrap());
    let pipeline::data::Pixels::F32(found) = pixels.image(0) else { panic!() };
    let near = (0..real.len()).any(|place| {
        let pipeline::data::Pixels::U8(bytes) = real.image(place) else { panic!() };
        bytes.iter().zip(found).all(|(byte, value)| (f32::from(*byte) / 255.0 - value).abs() < 1e-3)
    });
    assert!(near);
}

/// A distillation that was cut off after `count` iterations ends in the bytes of one that was not, whose folder it gives.
fn resumes(parameters: &Value, count: u64) -> TempDir {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    run(folders[0].path(), parameters);
    let task = stage(folders[1].path(), parameters).task();
    cut_off(&task, count);
    run(folders[1].path(), parameters);
    assert_eq!(content(folders[1].path()), content(folders[0].path()));
    let [whole, _] = folders;
    whole
}

fn cut_off(task: &Task, count: u64) {
    let recipe: recipe::Distil = task.parameters().unwrap();
    let real = Real::open(task).unwrap();
    let zca = recipe.zca.then(|| Zca::of(task, &real).unwrap());
    let synthetic = Synthetic::new(&real, &recipe, zca.as_ref(), Device::Cpu).unwrap();
    let following = recipe.method.following(recipe.images_per_class).unwrap();
    let described = Description::read(task.input("experts", files::EXPERTS).unwrap()).unwrap();
    let network = described.network_for(task, &real, recipe.zca).unwrap();
    let trajectories = Trajectories::read(task.input("experts", files::TRAJECTORIES).unwrap()).unwrap();
    let matching = Matching::new(task, &synthetic, &following, &network, &trajectories).unwrap();
    iteration::cut_off(task, &matching, count);
}

#[test]
fn matchings_cut_off_and_resumed_equal_those_that_were_not() {
    let _turn = alone();
    let mut whitened = matching(json!({ "iterations": 15, "labels": "learned" }));
    whitened["zca"] = json!(true);
    resumes(&whitened, 7);
    resumes(&matching(json!({ "iterations": 9, "unroll": true, "init": "herding" })), 4);
    resumes(&aligned(), 13);
}

#[test]
fn coded_matchings_label_every_picture_and_resume_to_the_same_bits() {
    let _turn = alone();
    let mut small = matching(json!({ "iterations": 9, "init": "noise", "batch": 7 }));
    small["code"] = json!({ "factor": { "by": 2 } });
    small["zca"] = json!(true);
    let folder = resumes(&small, 4);
    let split = Split::open(&folder.path().join("content/train.safetensors")).unwrap();
    assert_eq!(split.labels(), Labels::Hard([[0; 8], [1; 8], [2; 8]].concat()));
    let mut components = aligned();
    components["code"] = json!({ "pca": { "components": 4, "side": 4, "pictures": 5 } });
    let folder = resumes(&components, 13);
    let facts: Value = serde_json::from_slice(&content(folder.path())["distillation.json"]).unwrap();
    // 15 pictures of 4 values and 3 labels; 4 components and their mean.
    assert_eq!(facts["stored_floats"], json!(15 * (4 + 3) + 5 * 48));
}

#[test]
fn experts_of_other_images_are_refused_by_name() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    stage(folder.path(), &matching(json!({})));
    let mut parameters = matching(json!({}));
    parameters["zca"] = json!(true);
    let error = super::super::distil(&stage(folder.path(), &parameters).task(), Device::Cpu).unwrap_err();
    assert!(error.to_string().contains("set `zca` alike in both"), "{error}");
}

#[test]
fn a_matching_that_diverges_names_its_remedy() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let parameters = matching(json!({ "student_lr": 1e30 }));
    let error = super::super::distil(&stage(folder.path(), &parameters).task(), Device::Cpu).unwrap_err();
    let message = format!("{error:#}");
    assert!(message.contains("hint: lower the method's `lr`, now 20"), "{message}");
}

#[test]
fn only_networks_that_pick_no_maximum_are_smooth_but_for_relu() {
    for (name, smooth) in
        [("convnet", true), ("mlp", true), ("vit-tiny", true), ("cnn", false), ("vgg16-bn", false)]
    {
        let settings = serde_json::from_value(json!({ name: {} })).unwrap();
        let network = Network::new(&settings, 3, 32).unwrap();
        assert_eq!(network.is_smooth_but_for_relu(), smooth, "{name}");
    }
}
