//! Jobs, image sets and tasks for tests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use pipeline::data::{Classes, Labels, Pixels, write_preprocess, write_split};
use pipeline::engine::{Device, Job, JobFile, JobInput, PROTOCOL, StageEvent, Task};
use pipeline::recipe::{Preprocess, files};
use serde_json::{Value, json};

/// libtorch has one generator for all threads: tests that draw from it take turns.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// An image set of three classes of 16×16 pixels that differ in where they are bright.
pub fn image_set(folder: &Path, train: usize, valid: usize) {
    std::fs::create_dir_all(folder).unwrap();
    let names = ["bulbul", "crake", "dunlin"].map(String::from).to_vec();
    Classes(names).write(&folder.join(files::CLASSES)).unwrap();
    let preprocess = Preprocess { mean: [0.4, 0.4, 0.4], sd: [0.25, 0.25, 0.25] };
    write_preprocess(&folder.join(files::PREPROCESS), &preprocess).unwrap();
    split(&folder.join(files::TRAIN), train, 1);
    split(&folder.join(files::VALID), valid, 2);
    split(&folder.join(files::TEST), valid, 3);
}

/// Writes a split of `n` images.
pub fn split(path: &Path, n: usize, seed: u64) {
    let mut random = crate::randomness::Stream::new(seed, &[]);
    let labels: Vec<i64> = (0..n as i64).map(|i| i % 3).collect();
    let mut pixels = Vec::new();
    for label in &labels {
        for place in 0..16 * 16 {
            let bright = (place % 16) / 6 == *label;
            let base = if bright { 120.0 } else { 60.0 };
            pixels.extend((0..3).map(|_| (base + 100.0 * random.unit()) as u8));
        }
    }
    let sources: Vec<String> = (0..n).map(|i| format!("drawn/{i}.png")).collect();
    write_split(path, 16, 16, Pixels::U8(&pixels), &Labels::Hard(labels), &sources).unwrap();
}

/// All files of a folder, as a stage reads them.
pub fn input(label: &str, folder: &Path) -> JobInput {
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, JobFile { size: path.metadata().unwrap().len(), sha256: String::new(), path })
    };
    JobInput { label: label.to_string(), files: std::fs::read_dir(folder).unwrap().map(file).collect() }
}

/// A stage to be done in `folder`, and what it says while it is done.
pub struct Bench {
    pub folder: PathBuf,
    pub job: Job,
    pub heard: Rc<RefCell<Vec<StageEvent>>>,
    /// Asks to stop once so many steps are done.
    pub stop_at: Option<u64>,
}

impl Bench {
    pub fn new(folder: &Path, kind: &str, parameters: Value, inputs: Vec<(&str, JobInput)>) -> Bench {
        let job = Job {
            protocol: PROTOCOL,
            version: String::new(),
            kind: kind.to_string(),
            label: kind.to_string(),
            key: "00".repeat(32),
            pre_image: json!({ "parameters": parameters }),
            inputs: inputs.into_iter().map(|(role, input)| (role.to_string(), input)).collect(),
            sources: BTreeMap::new(),
            store: folder.to_path_buf(),
            root: folder.to_path_buf(),
            threads: 1,
            device: Device::Cpu,
            provenance: BTreeMap::new(),
            metering: serde_json::Value::Null,
            log: folder.join("log"),
        };
        Bench { folder: folder.to_path_buf(), job, heard: Rc::default(), stop_at: None }
    }

    /// The task; checkpoints stay from one to the next.
    pub fn task(&self) -> Task {
        for name in ["content", "measured", "checkpoints"] {
            std::fs::create_dir_all(self.folder.join(name)).unwrap();
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (heard, ask, stop_at) = (self.heard.clone(), stop.clone(), self.stop_at);
        let tell = move |event: &StageEvent| {
            if let StageEvent::Progress { done, .. } = event {
                ask.fetch_or(stop_at == Some(*done), Ordering::Relaxed);
            }
            heard.borrow_mut().push(event.clone());
        };
        let checkpoints = self.folder.join("checkpoints");
        Task::new(self.job.clone(), self.folder.clone(), checkpoints, stop, Box::new(tell))
    }

    pub fn content(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join("content").join(name)).unwrap()
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.content(name)).unwrap()
    }

    /// Steps at which work began: `None` at the beginning.
    pub fn starts(&self) -> Vec<Option<u64>> {
        let heard = self.heard.borrow();
        let start = |event: &StageEvent| match event {
            StageEvent::Started { resumed_at, .. } => Some(*resumed_at),
            _ => None,
        };
        heard.iter().filter_map(start).collect()
    }
}
