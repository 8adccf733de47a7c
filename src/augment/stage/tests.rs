//! The stage as the engine calls it: a task, an image set, the file it leaves.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, channel};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::{every_op, fixtures};
use super::*;
use crate::data::{Labels, write_split};
use crate::engine::{Device, Job, JobFile, JobInput, PROTOCOL, StageEvent, digest_file};
use crate::recipe::{Describe, Policy};

const HARD: fn(usize) -> Labels = |n| Labels::Hard((0..n as i64).map(|i| i % 3).collect());

/// An image set of `n` images of 9 × 7 in `folder`.
fn image_set(folder: &Path, n: usize, labels: &Labels) {
    let pixels = fixtures::noise(9 * n, 7).pixels;
    let sources: Vec<String> = (0..n).map(|i| format!("train/A/{i}.jpg")).collect();
    write_split(&folder.join("in.safetensors"), 7, 9, Pixels::U8(&pixels), labels, &sources).unwrap();
}

fn task(folder: &Path, settings: &Augment, threads: usize, stop: bool) -> (Task, Receiver<StageEvent>) {
    let file = JobFile { path: folder.join("in.safetensors"), size: 0, sha256: String::new() };
    let input = JobInput { label: "photos".into(), files: BTreeMap::from([(files::TRAIN.into(), file)]) };
    let mut parameters = serde_json::to_value(settings).unwrap();
    parameters.as_object_mut().unwrap().remove("from");
    let job = Job {
        protocol: PROTOCOL,
        version: String::new(),
        kind: "augment".into(),
        label: "more".into(),
        key: String::new(),
        pre_image: json!({ "parameters": parameters }),
        inputs: BTreeMap::from([("from".to_string(), input)]),
        sources: BTreeMap::new(),
        store: folder.into(),
        root: folder.into(),
        threads,
        device: Device::Cpu,
        provenance: BTreeMap::new(),
        metering: serde_json::Value::Null,
        log: folder.join("log"),
    };
    let draft = folder.join(format!("draft-{threads}"));
    std::fs::create_dir_all(draft.join("content")).unwrap();
    let (tell, said) = channel();
    let tell = Box::new(move |event: &StageEvent| tell.send(event.clone()).unwrap());
    (Task::new(job, draft, folder.join("checkpoints"), Arc::new(AtomicBool::new(stop)), tell), said)
}

fn settings(copies: u32, keep_originals: bool) -> Augment {
    let apply = every_op();
    let (from, policy) = ("photos".into(), Policy::default());
    Augment { from, apply, policy, ops_per_copy: Some(3), copies, keep_originals, seed: 5 }
}

fn made(folder: &Path, settings: &Augment, threads: usize) -> (Split, Receiver<StageEvent>) {
    let (task, said) = task(folder, settings, threads, false);
    augment(&task).unwrap();
    (Split::open(&task.content(files::TRAIN)).unwrap(), said)
}

#[test]
fn originals_come_first_then_each_round_of_copies() {
    let folder = tempfile::tempdir().unwrap();
    image_set(folder.path(), 4, &HARD(4));
    let (split, said) = made(folder.path(), &settings(2, true), 2);
    let original = Split::open(&folder.path().join("in.safetensors")).unwrap();
    assert_eq!((split.len(), split.height(), split.width()), (12, 7, 9));
    assert!((0..4).all(|i| split.image(i) == original.image(i) && split.image(i) != split.image(i + 4)));
    assert_eq!(split.labels(), Labels::Hard([0, 1, 2, 0].repeat(3)));
    assert_eq!(split.source(1), "train/A/1.jpg");
    assert_eq!((split.source(5), split.source(11)), ("train/A/1.jpg#copy1", "train/A/3.jpg#copy2"));
    let said: Vec<StageEvent> = said.try_iter().collect();
    assert!(matches!(said[0], StageEvent::Started { .. }));
    assert!(
        matches!(said.last(), Some(StageEvent::Progress { done: 12, total: 12, unit, .. }) if unit == "image")
    );
}

#[test]
fn the_digest_made_on_the_way_is_the_files() {
    let folder = tempfile::tempdir().unwrap();
    image_set(folder.path(), 40, &HARD(40));
    for threads in [1, 2] {
        let (task, _said) = task(folder.path(), &settings(2, threads == 1), threads, false);
        augment(&task).unwrap();
        let path = task.content(files::TRAIN);
        let known = task.known_digests();
        assert_eq!(known[&path].1, digest_file(&path).unwrap(), "{threads} threads");
    }
}

#[test]
fn originals_are_left_out_when_not_kept_and_change_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    image_set(folder.path(), 4, &HARD(4));
    let (with, _) = made(folder.path(), &settings(2, true), 1);
    let (without, _) = made(folder.path(), &settings(3, false), 2);
    assert_eq!(without.len(), 12);
    assert!((0..8).all(|i| without.image(i) == with.image(i + 4)));
}

#[test]
fn bytes_are_equal_for_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    image_set(folder.path(), 40, &HARD(40));
    let read = |threads| {
        let (split, _) = made(folder.path(), &settings(3, true), threads);
        std::fs::read(split.path()).unwrap()
    };
    let one = read(1);
    assert!(one == read(2) && one == read(7));
}

#[test]
fn every_policy_gives_equal_bytes_for_any_number_of_threads_over_many_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let n = 13;
    let pixels = fixtures::noise(512 * n, 512).pixels;
    let sources: Vec<String> = (0..n).map(|i| format!("{i}")).collect();
    write_split(&folder.path().join("in.safetensors"), 512, 512, Pixels::U8(&pixels), &HARD(n), &sources)
        .unwrap();
    for policy in ["chain", "one-copy-per-op", "class-balanced"] {
        let policy = serde_json::from_value(json!({ policy: {} })).unwrap();
        let apply = vec![every_op().swap_remove(0), every_op().swap_remove(9)];
        let settings = Augment { policy, apply, ops_per_copy: None, ..settings(1, false) };
        let read = |threads| std::fs::read(made(folder.path(), &settings, threads).0.path()).unwrap();
        let one = read(1);
        assert!(one == read(2) && one == read(7), "{:?}", settings.policy);
    }
}

#[test]
fn one_copy_per_op_names_each_copy_after_its_augmentation() {
    let folder = tempfile::tempdir().unwrap();
    image_set(folder.path(), 2, &HARD(2));
    let policy = serde_json::from_value(json!({ "one-copy-per-op": {} })).unwrap();
    let apply = every_op();
    let settings = Augment { policy, ops_per_copy: None, ..settings(2, false) };
    let (split, _) = made(folder.path(), &settings, 2);
    assert_eq!(split.len(), 2 * 2 * apply.len());
    for (place, op) in apply.iter().enumerate() {
        assert_eq!(split.source(2 * place), format!("train/A/0.jpg#copy{}-{}", place + 1, op.name()));
        let wanted = {
            let original = Split::open(&folder.path().join("in.safetensors")).unwrap();
            let Pixels::U8(pixels) = original.image(1) else { panic!("bytes were written") };
            let mut image = Image::new(9, 7, pixels.to_vec()).unwrap();
            let random = &mut super::super::Random::at([5, 1, 1, place as u64]);
            super::super::apply(op, &mut image, &mut Default::default(), random);
            image.pixels
        };
        assert!(split.image(2 * (apply.len() + place) + 1) == Pixels::U8(&wanted), "{}", op.name());
    }
}

#[test]
fn balanced_classes_end_equal_and_the_originals_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    image_set(folder.path(), 7, &Labels::Hard(vec![0, 0, 0, 0, 1, 1, 2]));
    let policy = serde_json::from_value(json!({ "class-balanced": {} })).unwrap();
    let (split, _) = made(folder.path(), &Augment { policy, ..settings(2, true) }, 2);
    let labels = split.labels().heaviest();
    assert_eq!([0, 1, 2].map(|class| labels.iter().filter(|label| **label == class).count()), [12; 3]);
    let different: std::collections::BTreeSet<&str> = (0..split.len()).map(|i| split.source(i)).collect();
    assert_eq!(different.len(), 36);
    assert_eq!(labels[..7], [0, 0, 0, 0, 1, 1, 2]);
}

#[test]
fn the_file_changes_only_with_the_revision() {
    let folder = tempfile::tempdir().unwrap();
    image_set(folder.path(), 4, &HARD(4));
    let (split, _) = made(folder.path(), &settings(2, true), 2);
    let digest = Sha256::digest(std::fs::read(split.path()).unwrap());
    let digest: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        (Augment::REVISION, digest.as_str()),
        (1, "6de399351eba680a"),
        "other bytes than were pinned\nhint: if the augmentations' own pins hold, raise `REVISION` in \
         src/recipe/augment.rs, and pin both here"
    );
}

#[test]
fn soft_labels_are_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let labels = Labels::Soft { values: vec![0.25, 0.75, 1.0, 0.0], classes: 2 };
    image_set(folder.path(), 2, &labels);
    let (split, _) = made(folder.path(), &settings(1, true), 1);
    assert_eq!(split.labels(), Labels::Soft { values: [0.25, 0.75, 1.0, 0.0].repeat(2), classes: 2 });
}

#[test]
fn a_stop_request_ends_the_work() {
    let folder = tempfile::tempdir().unwrap();
    image_set(folder.path(), 3, &HARD(3));
    let (task, _said) = task(folder.path(), &settings(1, false), 1, true);
    let error = augment(&task).unwrap_err();
    assert!(error.downcast_ref::<Stopped>().is_some());
}

#[test]
fn images_of_floats_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.safetensors");
    write_split(&path, 1, 1, Pixels::F32(&[0.0; 3]), &HARD(1), &["a".into()]).unwrap();
    let (task, _said) = task(folder.path(), &settings(1, false), 1, false);
    let message = augment(&task).unwrap_err().to_string();
    assert!(message.contains("`photos`") && message.contains("hint:"), "{message}");
}

#[test]
fn an_empty_set_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    image_set(folder.path(), 0, &HARD(0));
    assert_eq!(made(folder.path(), &settings(2, true), 2).0.len(), 0);
}
