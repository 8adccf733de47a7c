//! Trainings that start from weights, with some of them frozen.

use std::collections::BTreeMap;
use std::path::Path;

use pipeline::data::Classes;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::*;

/// A training that starts from the weights in `start`.
fn from(folder: &Path, start: &Path, changes: Value) -> Bench {
    let mut bench = bench(folder, changes);
    bench.job.inputs.insert("init_from".into(), fixture::input("first", start));
    bench
}

/// A first training of a few steps; its artifact's folder.
fn first(folder: &Path) -> std::path::PathBuf {
    let bench = bench(&folder.join("first"), json!({ "steps": 6 }));
    let _ = done(&bench);
    bench.folder.join("content")
}

/// Bytes of every tensor by name.
fn tensors(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    file.iter().map(|(name, view)| (name.to_string(), view.data().to_vec())).collect()
}

/// Names of the tensors that are not the same in both.
fn moved(before: &[u8], after: &[u8]) -> Vec<String> {
    let (before, after) = (tensors(before), tensors(after));
    assert!(before.keys().eq(after.keys()));
    before.iter().filter(|(name, bytes)| after[*name] != **bytes).map(|(name, _)| name.clone()).collect()
}

fn failure(bench: &Bench) -> String {
    format!("{:#}", train(&bench.task(), Device::Cpu).unwrap_err())
}

#[test]
fn a_frozen_backbone_stays_to_the_bit_with_its_statistics_and_decay() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let start = first(folder.path());
    let before = std::fs::read(start.join(files::WEIGHTS)).unwrap();
    for optimizer in
        [json!({ "sgd": { "lr": 0.02, "weight_decay": 0.1 } }), json!({ "adamw": { "weight_decay": 0.1 } })]
    {
        let changes = json!({ "steps": 4, "freeze": "backbone", "optimizer": optimizer, "clip_norm": 1.0 });
        let [after, _] = done(&from(&folder.path().join(optimizer.to_string()), &start, changes));
        assert_eq!(moved(&before, &after), ["dense.bias", "dense.weight"]);
    }
}

#[test]
fn layers_are_frozen_by_name_with_all_that_is_below_them() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let start = first(folder.path());
    let before = std::fs::read(start.join(files::WEIGHTS)).unwrap();
    let changes = json!({ "steps": 2, "freeze": ["conv1", "conv2.weight"] });
    let [after, _] = done(&from(&folder.path().join("some"), &start, changes));
    let moved = moved(&before, &after);
    assert!(!moved.iter().any(|name| name.starts_with("conv1.") || name == "conv2.weight"), "{moved:?}");
    assert_eq!(moved.len(), tensors(&after).len() - 3, "{moved:?}");
    let message = failure(&from(&folder.path().join("none"), &start, json!({ "freeze": ["conv"] })));
    assert!(message.starts_with("`freeze` names `conv`, and `cnn` has no such layer"), "{message}");
    let all = json!({ "freeze": ["conv1", "conv2", "conv3", "norm1", "norm2", "norm3", "dense"] });
    let message = failure(&from(&folder.path().join("all"), &start, all));
    assert!(message.starts_with("`freeze` leaves nothing to train"), "{message}");
}

#[test]
fn other_classes_get_a_new_last_layer_and_equal_ones_keep_it() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let start = first(folder.path());
    let before = std::fs::read(start.join(files::WEIGHTS)).unwrap();
    let still = json!({ "steps": 1, "optimizer": { "sgd": { "lr": 0.0 } } });
    let [kept, _] = done(&from(&folder.path().join("kept"), &start, still.clone()));
    let statistics = |name: &String| name.contains("running");
    assert!(moved(&before, &kept).iter().all(statistics), "{:?}", moved(&before, &kept));
    let others = ["bulbul", "dunlin", "crake"].map(String::from).to_vec();
    Classes(others).write(&folder.path().join("set").join(files::CLASSES)).unwrap();
    let [anew, _] = done(&from(&folder.path().join("anew"), &start, still));
    let mut moved = moved(&before, &anew);
    moved.retain(|name| !statistics(name));
    assert_eq!(moved, ["dense.bias", "dense.weight"]);
}

#[test]
fn the_last_layer_can_have_a_learning_rate_of_its_own() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let start = first(folder.path());
    let before = std::fs::read(start.join(files::WEIGHTS)).unwrap();
    let run = |name: &str, changes| done(&from(&folder.path().join(name), &start, changes))[0].clone();
    let still = run("still", json!({ "steps": 2, "lr_head": 0.0 }));
    assert!(moved(&before, &still).iter().all(|name| !name.starts_with("dense.")));
    let optimizer = json!({ "sgd": { "lr": 0.0 } });
    let only = run("only", json!({ "steps": 2, "lr_head": 0.1, "optimizer": optimizer }));
    let mut moved = moved(&before, &only);
    moved.retain(|name| !name.contains("running"));
    assert_eq!(moved, ["dense.bias", "dense.weight"]);
    let same = |lr_head: Value| run(&format!("same-{lr_head}"), json!({ "steps": 3, "lr_head": lr_head }));
    assert_eq!(same(Value::Null), same(json!(0.02)));
}

#[test]
fn a_fine_tuning_resumes_to_the_same_bytes() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let start = first(folder.path());
    let changes = json!({ "steps": 6, "freeze": ["conv1", "norm1"], "lr_head": 0.1 });
    let whole = done(&from(&folder.path().join("whole"), &start, changes.clone()));
    let mut halted = from(&folder.path().join("halted"), &start, changes);
    halted.stop_at = Some(3);
    assert!(train(&halted.task(), Device::Cpu).unwrap_err().is::<Stopped>());
    halted.stop_at = None;
    assert_eq!(done(&halted), whole);
}

#[test]
fn a_file_without_a_description_starts_a_network_in_any_number_format() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let start = first(folder.path());
    let bytes = std::fs::read(start.join(files::WEIGHTS)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let halves: Vec<(String, Vec<usize>, Vec<u8>)> = file
        .iter()
        .map(|(name, view)| {
            let tensor = Tensor::from_data_size(
                view.data(),
                &view.shape().iter().map(|side| *side as i64).collect::<Vec<_>>(),
                Kind::Float,
            );
            let half = tensor.to_kind(Kind::BFloat16);
            let mut bytes = vec![0; 2 * half.numel()];
            half.copy_data_u8(&mut bytes, half.numel());
            (name.to_string(), view.shape().to_vec(), bytes)
        })
        .collect();
    let views = halves.iter().map(|(name, shape, bytes)| {
        (name.clone(), TensorView::new(Dtype::BF16, shape.clone(), bytes).unwrap())
    });
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    safetensors::serialize_to_file(views, None, &elsewhere.join(files::WEIGHTS)).unwrap();
    let still = json!({ "steps": 1, "freeze": "backbone", "lr_head": 0.0 });
    let [after, _] = done(&from(&folder.path().join("run"), &elsewhere, still));
    let narrowed =
        |bytes: &[u8], place: usize| u32::from_le_bytes(bytes[place..place + 4].try_into().unwrap());
    for (name, bytes) in tensors(&after) {
        let before = &tensors(&std::fs::read(start.join(files::WEIGHTS)).unwrap())[&name];
        let (before, after) = (f32::from_bits(narrowed(before, 0)), f32::from_bits(narrowed(&bytes, 0)));
        assert!((before - after).abs() <= before.abs() / 128.0, "{name}: {before} {after}");
        assert_eq!(after.to_bits() & 0xffff, 0, "{name}");
    }
}

#[test]
fn what_whitens_patches_comes_from_the_images_and_not_from_the_seed() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let changes =
        |seed: u64| json!({ "network": "airbench", "freeze": ["whiten.weight"], "steps": 2, "seed": seed });
    let [one, other] =
        [5, 6].map(|seed| done(&bench(&folder.path().join(seed.to_string()), changes(seed)))[0].clone());
    let moved = moved(&one, &other);
    assert!(!moved.contains(&"whiten.weight".to_string()), "{moved:?}");
    assert_eq!(moved.len(), tensors(&one).len() - 1, "{moved:?}");
    let mut halted = bench(&folder.path().join("halted"), changes(5));
    halted.stop_at = Some(1);
    assert!(train(&halted.task(), Device::Cpu).unwrap_err().is::<Stopped>());
    halted.stop_at = None;
    assert_eq!(done(&halted)[0], one);
}

#[test]
fn weights_that_do_not_fit_are_refused_with_the_name_and_a_remedy() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let start = first(folder.path());
    let other = from(&folder.path().join("other"), &start, json!({ "network": "resnet18" }));
    let message = failure(&other);
    assert!(
        message.starts_with("`first` has no weights called `conv1.weight`")
            || message.contains("conv1.weight")
    );
    let size = json!({ "network": { "mlp": { "width": 8 } }, "steps": 1 });
    let small = bench(&folder.path().join("small"), size);
    let _ = done(&small);
    let larger = json!({ "network": { "mlp": { "width": 9 } }, "steps": 1 });
    let message = failure(&from(&folder.path().join("larger"), &small.folder.join("content"), larger));
    assert!(message.contains("has shape [8, 768] instead of [9, 768]\nhint: give the network"), "{message}");
}

#[test]
fn a_vision_transformer_starts_from_one_with_other_patches() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let patches =
        |patch: u32| json!({ "network": { "vit-tiny": { "patch": patch } }, "steps": 1, "batch": 4 });
    let fine = bench(&folder.path().join("fine"), patches(4));
    let _ = done(&fine);
    // Kernels of another size are other weights, positions of another number are not.
    let message = failure(&from(&folder.path().join("coarse"), &fine.folder.join("content"), patches(8)));
    assert!(message.contains("`patch_embed.proj.weight` of `first` has shape"), "{message}");
    let weights = std::fs::read(fine.folder.join("content").join(files::WEIGHTS)).unwrap();
    let mut numbers = weights.clone();
    let bad = numbers.len() - 4;
    numbers[bad..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(fine.folder.join("content").join(files::WEIGHTS), numbers).unwrap();
    let message = failure(&from(&folder.path().join("bad"), &fine.folder.join("content"), patches(4)));
    assert!(message.contains("holds values that are no numbers"), "{message}");
}

#[test]
fn a_learned_rate_is_the_one_of_the_set() {
    let _alone = fixture::alone();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, lr: Value| {
        bench(&folder.path().join(name), json!({ "steps": 6, "optimizer": { "sgd": { "lr": lr } } }))
    };
    let given = done(&at("given", json!(0.07)));
    let message = failure(&at("without", json!("learned")));
    assert!(
        message.contains("no learning rate was learned with `photos`\nhint: give `lr` a number"),
        "{message}"
    );
    std::fs::write(folder.path().join("set/student.json"), "{ \"lr\": 0.07 }").unwrap();
    assert_eq!(done(&at("learned", json!("learned"))), given);
    std::fs::write(folder.path().join("set/student.json"), "{ \"lr\": -1 }").unwrap();
    assert!(failure(&at("negative", json!("learned"))).contains("has the learning rate -1"));
}
