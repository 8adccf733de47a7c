//! What is known before anything runs: the machine, the project, and the shape of what will flow.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::dataset::Dataset;
use super::evaluate::Split;

/// The part of the machine that results may depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Whether tensor stages run on CUDA.
    pub cuda: bool,
    /// Whether CUDA is to give the same bits each time.
    pub deterministic: bool,
    /// Threads that libtorch computes with, in each stage.
    pub torch_threads: usize,
    /// libtorch's version, major.minor: `2.11`.
    pub libtorch: String,
    /// Whether the device multiplies bf16 faster than fp32 (AMX, AVX-512 bf16, or a GPU of compute capability 8 or later).
    pub bf16: bool,
}

/// What recipes are settled against.
#[derive(Clone, Debug)]
pub struct Setting {
    pub machine: Machine,
    /// Folder of `pipeline.toml`; relative paths start here.
    pub root: PathBuf,
    pub datasets: BTreeMap<String, Dataset>,
    /// Which words of command lines were found to name files: most stand in many lines.
    files: RefCell<HashMap<String, bool>>,
}

impl Setting {
    pub fn new(machine: Machine, root: PathBuf, datasets: BTreeMap<String, Dataset>) -> Setting {
        Setting { machine, root, datasets, files: RefCell::default() }
    }

    /// Whether `path`, relative to the root, is a file.
    pub fn holds_file(&self, path: &str) -> bool {
        if let Some(known) = self.files.borrow().get(path) {
            return *known;
        }
        let is_file = self.root.join(path).is_file();
        self.files.borrow_mut().insert(path.to_string(), is_file);
        is_file
    }
}

/// What is known of a thing without making it; `None` is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Height and width in pixels.
    pub image_size: Option<u32>,
    /// Training images of each class.
    pub train_per_class: Option<u32>,
    /// Whether there are validation images.
    pub validates: Option<bool>,
    /// How many classes there are.
    pub classes: Option<usize>,
    /// Of a network, its name.
    pub network: Option<&'static str>,
    /// Of scores, the split that they are of.
    pub scored: Option<Split>,
    /// Whether training labels are learned values of either sign instead of classes or probabilities.
    pub learned_labels: bool,
    /// Of an image set, whether a learning rate was learned with it.
    pub learned_rate: Option<bool>,
    /// Of experts, what those who match them must know.
    pub trajectories: Option<Trajectories>,
}

/// What is known of experts without training them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trajectories {
    /// Epochs of each.
    pub epochs: u32,
    /// Whether they were trained on whitened images.
    pub whitened: bool,
}

/// A value that cannot work. `field` is a path below the stage's table (`["per_class", "train"]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    pub field: Vec<String>,
    pub message: String,
    pub hint: Option<String>,
    /// The other place: the field of ours that names the stage, and the field there that does not agree.
    pub other: Option<(&'static str, Vec<String>)>,
}

impl Complaint {
    pub fn new(field: &[&str], message: impl Into<String>) -> Complaint {
        let field = field.iter().map(|part| part.to_string()).collect();
        Complaint { field, message: message.into(), hint: None, other: None }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Complaint {
        self.hint = Some(hint.into());
        self
    }

    /// Names the field that disagrees in the stage which our field `by` names (or in the nearest ancestor of it that
    /// has such a field).
    pub fn against(mut self, by: &'static str, field: &[&str]) -> Complaint {
        self.other = Some((by, field.iter().map(|part| part.to_string()).collect()));
        self
    }
}
