//! What the engine is told of a stage: its recipe as data, its inputs and what it needs. Knows no recipe by name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A stage's place in its [`Graph`](super::Graph).
pub type StageId = usize;

/// A node of the graph.
///
/// `kind`, `parts`, `parameters`, `environment` and the *contents* of inputs and sources make the key; everything
/// else is provenance or a need of the schedule and never reaches it.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The kind of stage: `subset`, `train`, ...; also the folder of its artifacts.
    pub kind: &'static str,
    /// What a person calls it: `photos`, or `net[arm=full, seed=0]`.
    pub label: String,
    /// The name it has in the experiment, without axes: `net`.
    pub name: String,
    /// The axis values it reads, directly or through its inputs, as a person reads them.
    pub axes: BTreeMap<String, String>,
    /// The revision of every named part used: `{"train": 1, "network.cnn": 1, "optimizer.sgd": 1}`.
    pub parts: BTreeMap<String, u32>,
    /// The resolved parameters that this stage declares.
    pub parameters: Value,
    /// Artifacts of other stages that it reads.
    pub inputs: Vec<Input>,
    /// Files outside the store that it reads.
    pub sources: Vec<Source>,
    /// Files of an input that this stage hands on unchanged, without a copy: whoever reads them reads the input's.
    pub passes_on: Option<PassesOn>,
    /// Where results depend on it, the class of environment (libtorch, device, threads, ...); else `null`.
    pub environment: Value,
    pub program: Program,
    pub needs: Needs,
    /// Told in the receipt, never in the key: the name of the data set, whether a stand-in served, ...
    pub provenance: BTreeMap<String, Value>,
}

/// An artifact read in a role; only the named files of it enter the key.
#[derive(Clone, Debug)]
pub struct Input {
    pub role: String,
    pub from: StageId,
    pub files: Files,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Files {
    /// These files of the artifact's `content/` (or of what it passes on).
    Named(Vec<&'static str>),
    /// Everything the artifact holds and passes on.
    All,
}

/// Files that are not artifacts, read by content.
#[derive(Clone, Debug)]
pub struct Source {
    pub role: String,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub enum Place {
    /// Every regular file below `root` whose extension (lower case, without dot) is listed; all files if none is.
    Tree {
        root: PathBuf,
        extensions: &'static [&'static str],
    },
    File(PathBuf),
}

#[derive(Clone, Debug)]
pub struct PassesOn {
    /// Index into [`Stage::inputs`].
    pub input: usize,
    pub files: &'static [&'static str],
}

/// Which program does the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// A child process of this very program.
    Own,
    /// `pipeline-worker`, which links libtorch.
    Worker,
}

/// What a stage holds while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Processor threads that it keeps busy.
    pub threads: usize,
    /// Whether it needs a GPU of its own.
    pub cuda: bool,
}

/// The device that a stage was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    Cpu,
    /// The machine's index of the GPU, as `nvidia-smi` counts.
    Cuda(usize),
}
