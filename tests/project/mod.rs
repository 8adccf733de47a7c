//! A throw-away project in a temporary folder, and the built program run in it as its user would.

#![allow(dead_code, reason = "each test program uses its part")]

pub mod killing;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

pub struct Project {
    folder: tempfile::TempDir,
}

/// What a run of the program printed, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Fails the test, with everything printed, unless the exit code is `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    #[track_caller]
    pub fn says(&self, text: &str) {
        assert!(
            self.err.contains(text) || self.out.contains(text),
            "`{text}` is not in:\n{}\n{}",
            self.out,
            self.err
        );
    }
}

/// Fails with what to do where stages with tensors could not run: `cargo test` alone does not build the worker.
pub fn worker_is_built() {
    let worker = PathBuf::from(env!("CARGO_BIN_EXE_pipeline")).with_file_name("pipeline-worker");
    assert!(worker.is_file(), "`{}` is not built: run `make test`, or `cargo build` first", worker.display());
}

impl Project {
    /// A project with an empty pipeline.toml.
    pub fn new() -> Project {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pipeline.toml"), "device = \"cpu\"\n").unwrap();
        fs::create_dir(folder.path().join("scratch")).unwrap();
        Project { folder }
    }

    /// A project with one experiment, `x.toml`.
    pub fn with(experiment: &str) -> Project {
        let project = Project::new();
        project.write("x.toml", experiment);
        project
    }

    /// The same on the drawn birds, `sketch-birds`, with stages that need the worker.
    pub fn on_sketches(experiment: &str) -> Project {
        worker_is_built();
        let project = Project::with(experiment);
        project.write(
            "pipeline.toml",
            "device = \"cpu\"\n[datasets.sketch-birds]\nformat = { sketch-birds = { train = 12 } }\n",
        );
        project
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command.args(arguments).current_dir(self.root()).stdin(Stdio::null()).env("NO_COLOR", "1");
        // Named by a variable, so that a file there is no word of the command line and no input.
        command.env("SCRATCH", self.path("scratch"));
        command
    }

    /// Runs the program to its end.
    pub fn pipeline(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }

    /// Starts the program and does not wait.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// `pipeline run x.toml`, which must succeed.
    #[track_caller]
    pub fn run(&self) -> Ran {
        self.pipeline(&["run", "x.toml"]).expect(0)
    }

    /// Folders of artifacts, as `kind/digits`, in order.
    pub fn artifacts(&self) -> Vec<String> {
        let mut found = Vec::new();
        let kinds =
            ["subset", "augment", "experts", "distil", "weights", "train", "evaluate", "select", "command"];
        for kind in kinds {
            let entries = fs::read_dir(self.path("artifacts").join(kind)).into_iter().flatten().flatten();
            found.extend(entries.map(|entry| format!("{kind}/{}", entry.file_name().to_string_lossy())));
        }
        found.sort();
        found
    }

    /// The receipt of every artifact, in the order of [`artifacts`](Self::artifacts).
    pub fn receipts(&self) -> Vec<serde_json::Value> {
        let receipt = |artifact: &String| self.path("artifacts").join(artifact).join("receipt.json");
        let read = |path: PathBuf| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        self.artifacts().iter().map(|artifact| read(receipt(artifact))).collect()
    }

    /// (label, content digest) of every artifact, in order of label.
    pub fn digests(&self) -> Vec<(String, String)> {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_string();
        let receipts = self.receipts();
        let mut digests: Vec<_> = receipts.iter().map(|r| (text(&r["label"]), text(&r["digest"]))).collect();
        digests.sort();
        digests
    }

    /// Lines of a file of `$SCRATCH` that stages append to: how often each ran.
    pub fn tally(&self, name: &str) -> Vec<String> {
        let mut lines: Vec<String> =
            self.read(&format!("scratch/{name}")).lines().map(str::to_string).collect();
        lines.sort();
        lines
    }
}

/// Patches of chance colours: it looks like no other picture of the test.
pub fn picture(seed: u32) -> image::RgbImage {
    image::RgbImage::from_fn(40, 32, |x, y| {
        let patch = seed.wrapping_mul(0x9E37_79B9) ^ (x / 4 * 97 + y / 4).wrapping_mul(0x85EB_CA6B);
        let mixed = (patch ^ (patch >> 15)).wrapping_mul(0x2C1B_3C6D);
        let [.., red, green, blue] = (mixed ^ (mixed >> 12)).to_le_bytes();
        image::Rgb([red, green, blue].map(|value| 20 + value / 2))
    })
}
