//! The subset stage on small data sets made here, and on the real birds where they are.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::data::binary::fixtures;
use crate::data::image_set::{Pixels, Split};
use crate::data::manifest::{Listed, hex};
use crate::data::sidecar::read_preprocess;
use crate::engine::{Device, Job, JobSource, PROTOCOL, StageEvent};

/// A place for a task, and what the task said.
struct Bench {
    folder: tempfile::TempDir,
    said: Rc<RefCell<Vec<StageEvent>>>,
}

impl Bench {
    fn new() -> Bench {
        Bench { folder: tempfile::tempdir().unwrap(), said: Rc::default() }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn output(&self, name: &str) -> PathBuf {
        self.folder.path().join("draft/content").join(name)
    }

    fn list(&self, listed: &[Listed]) {
        let line =
            |file: &Listed| json!({"path": file.path, "size": file.size, "sha256": file.sha256}).to_string();
        let lines: Vec<String> = listed.iter().map(line).collect();
        std::fs::write(self.folder.path().join("manifest"), lines.join("\n")).unwrap();
    }

    fn task(&self, parameters: Value, threads: usize) -> Task {
        let folder = self.folder.path();
        for name in ["draft/content", "draft/measured", "checkpoints"] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        let manifest = folder.join("manifest");
        let source = JobSource { root: self.root(), manifest: manifest.clone() };
        let job = Job {
            protocol: PROTOCOL,
            version: String::new(),
            kind: "subset".into(),
            label: "photos".into(),
            key: String::new(),
            pre_image: json!({ "parameters": parameters }),
            inputs: BTreeMap::new(),
            sources: manifest.exists().then(|| ("dataset".to_string(), source)).into_iter().collect(),
            store: PathBuf::new(),
            root: PathBuf::new(),
            threads,
            device: Device::Cpu,
            provenance: BTreeMap::from([("dataset".to_string(), json!("birds"))]),
            metering: serde_json::Value::Null,
            log: PathBuf::new(),
        };
        let said = self.said.clone();
        let tell = Box::new(move |event: &StageEvent| said.borrow_mut().push(event.clone()));
        Task::new(
            job,
            folder.join("draft"),
            folder.join("checkpoints"),
            Arc::new(AtomicBool::new(false)),
            tell,
        )
    }

    fn run(&self, parameters: Value, threads: usize) -> Result<()> {
        subset(&self.task(parameters, threads))
    }

    fn digests(&self) -> Vec<String> {
        let names = [files::TRAIN, files::VALID, files::TEST, files::CLASSES, files::PREPROCESS];
        names.map(|name| hex(&Sha256::digest(std::fs::read(self.output(name)).unwrap()))).to_vec()
    }

    fn warnings(&self) -> Vec<String> {
        let said = self.said.borrow();
        let warning = |event: &StageEvent| match event {
            StageEvent::Warning { message } => Some(message.clone()),
            _ => None,
        };
        said.iter().filter_map(warning).collect()
    }
}

fn sketches(test: u32) -> Value {
    json!({
        "dataset": { "format": { "sketch-birds": { "seed": 7, "train": 6, "valid": 1, "test": 2 } }, "revision": 1 },
        "classes": ["OLIVE MASKED WARBLER", "AMBER CROWNED WREN"],
        "per_class": { "train": 2, "valid": 2, "test": test },
        "image_size": 8, "fit": "crop", "seed": 0, "skip_unreadable": false,
    })
}

fn photos(train: u32, valid: u32, test: u32) -> Value {
    json!({
        "dataset": { "format": { "image-folder": {} }, "revision": 1 },
        "classes": { "at_least": 1, "up_to": null },
        "per_class": { "train": train, "valid": valid, "test": test },
        "image_size": 16, "fit": "crop", "seed": 0, "skip_unreadable": false,
    })
}

fn jpeg(shade: u8) -> Vec<u8> {
    let image = image::RgbImage::from_fn(24, 20, |x, y| image::Rgb([shade, (x * 9) as u8, (y * 9) as u8]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// `train/A` and `train/B` with `n` pictures each; `spoil` may damage the bytes of any.
fn two_classes(bench: &Bench, n: u8, spoil: impl Fn(&str, &mut Vec<u8>)) -> Vec<Listed> {
    let mut listed = Vec::new();
    for (class, number) in ["A", "B"].into_iter().flat_map(|class| (0..n).map(move |number| (class, number)))
    {
        let path = format!("train/{class}/{number}.jpg");
        let mut bytes = jpeg(number * 5 + class.as_bytes()[0]);
        spoil(&path, &mut bytes);
        listed.push(fixtures::write(&bench.root(), &path, &bytes));
    }
    bench.list(&listed);
    listed
}

fn sources(path: &Path) -> Vec<String> {
    let split = Split::open(path).unwrap();
    (0..split.len()).map(|i| split.source(i).to_string()).collect()
}

/// When this fails on purpose, raise the revision of `subset` or of `sketch-birds`.
#[test]
fn the_bytes_of_a_sketched_subset_are_the_agreed_ones() {
    let bench = Bench::new();
    bench.run(sketches(3), 1).unwrap();
    let digests: Vec<String> = bench.digests().iter().map(|digest| digest[..16].to_string()).collect();
    assert_eq!(digests, GOLDEN);
}

const GOLDEN: [&str; 5] =
    ["69f008d847c92cdd", "78676800a80a5cf8", "8b931557e26294a6", "2fec8c5fe5e38571", "0867ab9862dbd2ee"];

#[test]
fn one_and_four_threads_give_the_same_bytes() {
    let (one, four) = (Bench::new(), Bench::new());
    one.run(sketches(3), 1).unwrap();
    four.run(sketches(3), 4).unwrap();
    assert_eq!(one.digests(), four.digests());
}

#[test]
fn a_larger_test_split_changes_no_other_file() {
    let (small, large) = (Bench::new(), Bench::new());
    small.run(sketches(1), 1).unwrap();
    large.run(sketches(4), 1).unwrap();
    let (small, large) = (small.digests(), large.digests());
    assert_eq!((&small[..2], &small[3..]), (&large[..2], &large[3..]));
    assert_ne!(small[2], large[2]);
}

#[test]
fn a_subset_is_balanced_and_in_the_order_asked() {
    let bench = Bench::new();
    bench.run(sketches(3), 2).unwrap();
    let train = Split::open(&bench.output(files::TRAIN)).unwrap();
    assert_eq!((train.len(), train.height(), train.width()), (4, 8, 8));
    assert_eq!(train.labels().heaviest(), [0, 0, 1, 1]);
    assert!(train.source(0).starts_with("train/OLIVE MASKED WARBLER/"));
    let classes = Classes::read(&bench.output(files::CLASSES)).unwrap();
    assert_eq!(classes.names(), ["OLIVE MASKED WARBLER", "AMBER CROWNED WREN"]);
    // One of the two validation images, and one of the three test images, are unused training images.
    let valid = sources(&bench.output(files::VALID));
    assert_eq!(valid.iter().filter(|source| source.starts_with("train/")).count(), 2, "{valid:?}");
    let Pixels::U8(pixels) = train.pixels() else { panic!("a subset holds bytes") };
    let reds: Vec<f64> = pixels.chunks(3).map(|pixel| f64::from(pixel[0]) / 255.0).collect();
    let mean = reds.iter().sum::<f64>() / reds.len() as f64;
    let found = read_preprocess(&bench.output(files::PREPROCESS)).unwrap();
    assert!((found.mean[0] - mean).abs() < 1e-12, "{} {mean}", found.mean[0]);
    let last =
        bench.said.borrow().iter().rev().find(|event| matches!(event, StageEvent::Progress { .. })).cloned();
    assert!(matches!(last, Some(StageEvent::Progress { done: 14, total: 14, .. })), "{last:?}");
}

#[test]
fn every_file_that_does_not_decode_is_named() {
    let bench = Bench::new();
    two_classes(&bench, 4, |path, bytes| {
        if path.ends_with("A/2.jpg") || path.ends_with("B/1.jpg") {
            bytes.truncate(bytes.len() / 2);
        }
    });
    let message = format!("{:#}", bench.run(photos(2, 1, 1), 2).unwrap_err());
    assert!(message.contains("2 of the images drawn cannot be read"), "{message}");
    assert!(message.contains("`train/A/2.jpg`: the JPEG is cut short"), "{message}");
    assert!(message.contains("`train/B/1.jpg`: the JPEG is cut short"), "{message}");
    assert!(message.contains("skip_unreadable = true"), "{message}");
}

#[test]
fn others_take_the_places_of_files_left_out() {
    let bench = Bench::new();
    two_classes(&bench, 5, |path, bytes| {
        if path.ends_with("A/2.jpg") || path.ends_with("B/1.jpg") {
            *bytes = b"no picture".to_vec();
        }
    });
    let mut parameters = photos(2, 1, 1);
    parameters["skip_unreadable"] = json!(true);
    parameters["keep_together"] = json!({ "nothing": {} });
    bench.run(parameters.clone(), 2).unwrap();
    let mut all: Vec<String> = [files::TRAIN, files::VALID, files::TEST]
        .iter()
        .flat_map(|name| sources(&bench.output(name)))
        .collect();
    all.sort();
    assert_eq!(all.len(), 8);
    all.dedup();
    assert_eq!(all.len(), 8, "{all:?}");
    let left_out = ["train/A/2.jpg", "train/B/1.jpg"];
    assert!(!all.iter().any(|source| left_out.contains(&source.as_str())));
    let table = std::fs::read_to_string(bench.folder.path().join("draft/measured/unreadable.csv")).unwrap();
    assert_eq!(table.lines().next(), Some("source,reason"));
    assert!(left_out.iter().any(|source| table.contains(source)), "{table}");
    assert!(bench.warnings()[0].contains("cannot be read and others took their places"));
    parameters["per_class"]["test"] = json!(2);
    let message = format!("{:#}", bench.run(parameters, 2).unwrap_err());
    assert!(message.contains("class `A` has too few images that can be read"), "{message}");
    assert!(message.contains("`train/A/2.jpg`: no picture in a known format"), "{message}");
}

#[test]
fn a_file_that_changed_after_it_was_keyed_stops_the_stage() {
    let bench = Bench::new();
    two_classes(&bench, 2, |_, _| {});
    std::fs::write(bench.root().join("train/A/0.jpg"), jpeg(200)).unwrap();
    let message = format!("{:#}", bench.run(photos(1, 0, 1), 1).unwrap_err());
    assert!(message.contains("`train/A/0.jpg` changed while it was read"), "{message}");
}

#[test]
fn one_picture_under_two_names_in_two_splits_is_told() {
    let bench = Bench::new();
    let mut listed = two_classes(&bench, 2, |_, _| {});
    for class in ["A", "B"] {
        listed.push(fixtures::write(
            &bench.root(),
            &format!("test/{class}/x.jpg"),
            &jpeg(class.as_bytes()[0]),
        ));
    }
    bench.list(&listed);
    let mut parameters = photos(2, 0, 1);
    parameters["keep_together"] = json!({ "nothing": {} });
    bench.run(parameters, 1).unwrap();
    let warnings = bench.warnings();
    assert!(
        warnings[0].contains("2 images are in two splits") && warnings[0].contains("`test/A/x.jpg`"),
        "{warnings:?}"
    );
}

#[test]
fn classes_that_cannot_give_what_is_asked_are_told_before_anything_is_decoded() {
    let bench = Bench::new();
    two_classes(&bench, 20, |_, bytes| bytes.clear());
    let message = format!("{:#}", bench.run(photos(50, 0, 1), 1).unwrap_err());
    assert!(message.contains("`photos` asks data set `birds`"), "{message}");
    assert!(
        message.contains("class `A` has 20 training images and needs 51: 50 for train, 1 for test"),
        "{message}"
    );
    assert!(message.contains("class `B`") && message.contains("hint: lower `per_class`"), "{message}");
}

#[test]
fn real_birds_become_an_image_set() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/birds");
    if !root.is_dir() {
        println!("skipped: no real birds at {}", root.display());
        return;
    }
    let bench = Bench::new();
    std::os::unix::fs::symlink(root.canonicalize().unwrap(), bench.root()).unwrap();
    let mut listed = Vec::new();
    for path in ["train", "valid", "test"].into_iter().flat_map(|split| jpegs_below(&root, split)) {
        let bytes = std::fs::read(root.join(&path)).unwrap();
        listed.push(Listed { path, size: bytes.len() as u64, sha256: hex(&Sha256::digest(&bytes)) });
    }
    bench.list(&listed);
    bench.run(photos(20, 6, 8), 2).unwrap();
    let split = |name: &str| Split::open(&bench.output(name)).unwrap().len();
    assert_eq!([files::TRAIN, files::VALID, files::TEST].map(split), [100, 30, 40]);
    let classes = Classes::read(&bench.output(files::CLASSES)).unwrap();
    assert_eq!(classes.names()[0], "ASIAN GREEN BEE EATER");
    let found = read_preprocess(&bench.output(files::PREPROCESS)).unwrap();
    assert!(found.mean.iter().all(|mean| (0.3..0.6).contains(mean)), "{found:?}");
}

fn jpegs_below(root: &Path, split: &str) -> Vec<String> {
    let names = |folder: &Path| {
        let entries =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        entries.collect::<Vec<_>>()
    };
    let mut paths = Vec::new();
    for class in names(&root.join(split)) {
        paths.extend(
            names(&root.join(split).join(&class)).iter().map(|name| format!("{split}/{class}/{name}")),
        );
    }
    paths.sort();
    paths
}
