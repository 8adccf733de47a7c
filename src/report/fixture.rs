//! Launches with a store beside them, for the tests of this room.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::drawn::Terms;
use super::launch::{InputRecord, Launch, Run, StageRecord, State, VERSION};
use super::stored::Stored;
use crate::data::{Labels, Pixels, write_split};
use crate::energy::{Assumptions, Carbon, Joules, Price, Tariff};
use crate::engine::Store;

pub struct Fixture {
    pub launch: Launch,
    pub store: Store,
    folder: TempDir,
}

const CLASSES: [&str; 5] = ["bulbul", "crake", "hoopoe", "kestrel", "teal"];

impl Fixture {
    /// Arms `full` and `distilled` by networks `vgg16-bn` and `ultralight` by three seeds, scored on 250 images.
    pub fn birds() -> Fixture {
        let mut fixture = Fixture::empty("verdict", &["arm", "network", "seed"], &["seed"]);
        let photos = fixture.subset();
        let tiny = fixture.stage("distil", "tiny", &[], &[("from", photos)], 40.0, &images(100));
        for (arm, data, best) in [("full", photos, 0.80), ("distilled", tiny, 0.60)] {
            for (network, parameters, less) in [("vgg16-bn", 14_724_042, 0.0), ("ultralight", 93_450, 0.1)] {
                for seed in 0..3 {
                    let axes = [("arm", arm), ("network", network), ("seed", ["0", "1", "2"][seed])];
                    let accuracy = best - less + 0.02 * seed as f64;
                    let undertrained = arm == "full" && network == "vgg16-bn" && seed < 2;
                    fixture.run(&axes, data, photos, accuracy, parameters, undertrained);
                }
            }
        }
        fixture
    }

    /// Every stage kept one thread of 4 W busy, on two of the machine's four; the price and the grams of CO2 of a
    /// kilowatt-hour are told.
    pub fn with_energy(mut self, told: Option<(f64, f64)>) -> Fixture {
        let price = |per_kwh| Price {
            per_kwh,
            currency: "EUR".into(),
            date: "2025-06".into(),
            source: "Eurostat".into(),
        };
        let carbon = |g_per_kwh| Carbon {
            g_per_kwh,
            country: Some("germany".into()),
            country_iso: Some("DEU".into()),
            date: "2023".into(),
            source: "Ember".into(),
        };
        let tariff = Tariff {
            price: told.map(|(per_kwh, _)| price(per_kwh)),
            carbon: told.map(|(_, g_per_kwh)| carbon(g_per_kwh)),
            pue: 1.0,
        };
        let assumptions = Assumptions::default();
        self.launch.energy =
            Some(Terms { host: "here".into(), hardware_threads: 4, processor: None, assumptions, tariff });
        for stage in 0..self.launch.stages.len() {
            self.change(stage, |receipt| {
                receipt["cpu_secs"] = receipt["took_secs"].clone();
                receipt["provenance"]["host"] = json!("here");
            });
        }
        self
    }

    /// Changes the receipt of a stage that has one.
    pub fn change(&self, stage: usize, change: impl FnOnce(&mut Value)) {
        let path = self.place(stage).join("receipt.json");
        let Ok(bytes) = std::fs::read(&path) else { return };
        let mut receipt: Value = serde_json::from_slice(&bytes).unwrap();
        change(&mut receipt);
        std::fs::write(path, receipt.to_string()).unwrap();
    }

    /// One group of runs: accuracies by set, then by network within it.
    pub fn sets(accuracies: &[&[f64]]) -> Fixture {
        let mut fixture = Fixture::empty("one_image", &["arm", "set", "net"], &["set", "net"]);
        fixture.add_sets("random", accuracies);
        fixture
    }

    pub fn add_sets(&mut self, arm: &str, accuracies: &[&[f64]]) {
        let photos = if self.launch.stages.is_empty() { self.subset() } else { 0 };
        for (set, networks) in accuracies.iter().enumerate() {
            let set = set.to_string();
            let axes = [("arm", arm), ("set", set.as_str())];
            let data = self.stage("distil", "set", &axes, &[("from", photos)], 5.0, &images(100));
            for (net, accuracy) in networks.iter().enumerate() {
                let axes = [("arm", arm), ("set", set.as_str()), ("net", &net.to_string())];
                self.run(&axes, data, photos, *accuracy, 320_000, false);
            }
        }
    }

    /// The training and the scores of a run are not there.
    pub fn with_failed_run(mut self, run: usize) -> Fixture {
        let evaluate = self.launch.runs[run].evaluate;
        let train = self.launch.input(evaluate, "of").unwrap();
        self.launch.stages[evaluate].state = State::Failed;
        self.launch.stages[evaluate].key = None;
        self.launch.stages[train].state = State::Failed;
        self.launch.stages[train].reason = "killed by signal 9 (SIGKILL)".into();
        self
    }

    pub fn launches(&self) -> &[Launch] {
        std::slice::from_ref(&self.launch)
    }

    pub fn stored(&self) -> Stored<'_> {
        Stored::new(&self.launch, &self.store)
    }

    /// A file of the scores of a run.
    pub fn content(&self, run: &Run, name: &str) -> PathBuf {
        self.place(run.evaluate).join("content").join(name)
    }

    pub fn place(&self, stage: usize) -> PathBuf {
        let stage = &self.launch.stages[stage];
        self.store.place(&stage.kind, stage.key.as_deref().unwrap())
    }

    fn empty(experiment: &str, axes: &[&str], replicates: &[&str]) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("artifacts")).unwrap();
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        let launch = Launch {
            version: VERSION,
            experiment: experiment.into(),
            question: Some("Can distilled data reach VGG16's accuracy?".into()),
            launch: "20260314-092653".into(),
            started_at: "2026-03-14T09:26:53Z".into(),
            pipeline: "0.1.0".into(),
            command_line: names(&["pipeline", "run", "verdict.toml"]),
            axes: names(axes),
            replicates: names(replicates),
            published: None,
            energy: None,
            stages: Vec::new(),
            runs: Vec::new(),
        };
        Fixture { launch, store, folder }
    }

    fn subset(&mut self) -> usize {
        let photos = self.stage("subset", "photos", &[], &[], 10.0, &images(4000));
        let told = [("dataset", json!("birds")), ("stand_in", json!("sketch-birds"))];
        self.launch.stages[photos].provenance = told.map(|(name, value)| (name.to_string(), value)).into();
        photos
    }

    fn run(
        &mut self,
        axes: &[(&str, &str)],
        data: usize,
        on: usize,
        accuracy: f64,
        parameters: u64,
        under: bool,
    ) {
        let training =
            json!({"steps": 600, "epochs": 38.4, "images": 500, "batch": 32, "undertrained": under});
        let network = json!({
            "name": "net", "parameters": parameters, "precision": "fp32", "image_size": 64, "classes": CLASSES,
            "network": {"vgg16-bn": {}},
        });
        let curve = format!("step,valid_accuracy\n300,0.5\n600,{accuracy}\n");
        let files = [
            ("training.json", training.to_string()),
            ("network.json", network.to_string()),
            ("curves.csv", curve),
        ];
        let train = self.stage("train", "net", axes, &[("from", data)], 120.0, &files);
        let per_class = CLASSES.map(|class| json!({"class": class, "images": 50, "accuracy": accuracy}));
        let metrics = json!({
            "accuracy": accuracy, "top5_accuracy": 1.0, "loss": 1.0 - accuracy, "images": 250, "split": "test",
            "per_class": per_class,
        });
        let confusion = confusion();
        let files = [("metrics.json", metrics.to_string()), ("confusion.csv", confusion)];
        let score = self.stage("evaluate", "score", axes, &[("of", train), ("on", on)], 2.0, &files);
        let measured = self.place(score).join("measured");
        std::fs::create_dir_all(&measured).unwrap();
        let speed = json!({"latency_ms": 1.5, "peak_memory_bytes": 300_000_000});
        std::fs::write(measured.join("inference.json"), speed.to_string()).unwrap();
        self.launch.runs.push(Run { axes: texts(axes), evaluate: score });
    }

    fn stage(
        &mut self,
        kind: &str,
        name: &str,
        axes: &[(&str, &str)],
        inputs: &[(&str, usize)],
        took: f64,
        files: &[(&str, String)],
    ) -> usize {
        let index = self.launch.stages.len();
        let key = format!("{index:016x}{}", "0".repeat(48));
        let label = label(name, axes);
        let input = |(role, stage): &(&str, usize)| InputRecord { role: role.to_string(), stage: *stage };
        self.launch.stages.push(StageRecord {
            name: name.into(),
            label: label.clone(),
            kind: kind.into(),
            axes: texts(axes),
            key: Some(key.clone()),
            inputs: inputs.iter().map(input).collect(),
            state: State::Cached,
            reason: String::new(),
            spent_secs: 0.0,
            spent_joules: Some(Joules::default()),
            made: None,
            provenance: BTreeMap::new(),
        });
        let receipt = receipt(kind, &key, &json!({"steps": 600, "optimizer": {"sgd": {"lr": 0.02}}}));
        self.write(
            Value::Object(
                receipt
                    .into_iter()
                    .chain([("label".into(), json!(label)), ("took_secs".into(), json!(took))])
                    .collect(),
            ),
            files,
        );
        index
    }

    /// Makes an artifact without files.
    pub fn put(&self, kind: &str, key: &str, parameters: &Value) {
        self.write(Value::Object(receipt(kind, key, parameters)), &[]);
    }

    /// Adds a file to the artifact of a stage, and to its receipt.
    pub fn file(&self, stage: usize, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.place(stage).join("content").join(name), &bytes).unwrap();
        let path = self.place(stage).join("receipt.json");
        let mut receipt: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        receipt["files"][name] = digest(bytes.as_ref());
        std::fs::write(path, receipt.to_string()).unwrap();
    }

    /// Writes the predictions of a run on 250 images, and its accuracy: right where `right` says so of an image.
    pub fn predict(&self, run: usize, right: impl Fn(usize) -> bool) {
        let evaluate = self.launch.runs[run].evaluate;
        let mut table = "index,source,label,predicted,probability,label_probability,loss\n".to_string();
        for image in 0..250 {
            let (label, other) = (CLASSES[image % 5], CLASSES[(image + 1) % 5]);
            let predicted = if right(image) { label } else { other };
            table.push_str(&format!("{image},test/{label}/{image}.jpg,{label},{predicted},0.75,0.5,0.5\n"));
        }
        self.file(evaluate, "predictions.csv", table);
        let accuracy = (0..250).filter(|image| right(*image)).count() as f64 / 250.0;
        let metrics = json!({"accuracy": accuracy, "loss": 1.0 - accuracy, "images": 250, "split": "test"});
        self.file(evaluate, "metrics.json", metrics.to_string());
    }

    /// Gives the subset 250 test images of so many pixels a side, of one grey each.
    pub fn test_images(&self, side: usize) {
        let pixels: Vec<u8> = (0..250).flat_map(|image| vec![image as u8; side * side * 3]).collect();
        let labels = Labels::Hard((0..250).map(|image| image % 5).collect());
        let sources: Vec<String> = (0..250).map(|image| format!("test/{image}.jpg")).collect();
        let path = self.place(0).join("content").join("test.safetensors");
        write_split(&path, side, side, Pixels::U8(&pixels), &labels, &sources).unwrap();
        self.file(0, "test.safetensors", std::fs::read(&path).unwrap());
    }

    /// Adds a fact to the provenance of an artifact.
    pub fn note(&self, stage: usize, name: &str, fact: &str) {
        let path = self.place(stage).join("receipt.json");
        let mut receipt: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        receipt["provenance"][name] = json!(fact);
        std::fs::write(path, receipt.to_string()).unwrap();
    }

    fn write(&self, mut receipt: Value, files: &[(&str, String)]) {
        let place = self.store.place(receipt["kind"].as_str().unwrap(), receipt["key"].as_str().unwrap());
        std::fs::create_dir_all(place.join("content")).unwrap();
        for (name, text) in files {
            std::fs::write(place.join("content").join(name), text).unwrap();
            receipt["files"][name] = digest(text.as_bytes());
        }
        std::fs::write(place.join("receipt.json"), receipt.to_string()).unwrap();
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }
}

fn texts(axes: &[(&str, &str)]) -> BTreeMap<String, String> {
    axes.iter().map(|(axis, value)| (axis.to_string(), value.to_string())).collect()
}

fn label(name: &str, axes: &[(&str, &str)]) -> String {
    let values: Vec<String> = axes.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
    if axes.is_empty() { name.to_string() } else { format!("{name}[{}]", values.join(", ")) }
}

fn images(bytes: usize) -> [(&'static str, String); 1] {
    [("train.safetensors", "x".repeat(bytes))]
}

/// Of 50 bulbuls ten are taken for crakes.
fn confusion() -> String {
    let row = |index: usize| {
        let count = |column: usize| match (index, column) {
            (0, 0) => "40",
            (0, 1) => "10",
            _ if index == column => "50",
            _ => "0",
        };
        let counts: Vec<&str> = (0..CLASSES.len()).map(count).collect();
        format!("{},{}\n", CLASSES[index], counts.join(","))
    };
    format!("true,{}\n", CLASSES.join(",")) + &(0..CLASSES.len()).map(row).collect::<String>()
}

fn digest(bytes: &[u8]) -> Value {
    json!({"size": bytes.len(), "sha256": "0".repeat(64)})
}

fn receipt(kind: &str, key: &str, parameters: &Value) -> Map<String, Value> {
    let receipt = json!({
        "key": key, "kind": kind, "label": kind, "digest": "", "files": {},
        "pre_image": {"parts": {kind: 1}, "parameters": parameters, "environment": {"device": "cpu"}},
        "provenance": {"libtorch": "2.11.0"}, "started_at": "2026-03-14T09:26:53.000Z", "took_secs": 1.0,
        "cpu_secs": 1.0, "attempts": 1, "threads": 1, "device": "cpu", "jobs": 2,
    });
    receipt.as_object().cloned().unwrap()
}
