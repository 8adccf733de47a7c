//! `pipeline.toml`: data sets, device, threads and where artifacts go.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::choice;

/// What holds for every experiment of the project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Project {
    /// Folder of the store and the results, from the folder of `pipeline.toml`.
    pub artifacts: PathBuf,
    /// Where networks are trained: `auto` takes CUDA where there is an NVIDIA driver, else the CPU.
    pub device: DeviceChoice,
    /// Threads that libtorch computes with in each stage. Results depend on it, so it is part of the key.
    #[schemars(range(min = 1, max = 256))]
    pub torch_threads: usize,
    /// Stages at a time; without it, as many as the cores hold at `torch_threads`.
    #[schemars(range(min = 1, max = 1024))]
    pub jobs: Option<usize>,
    /// Data sets by name.
    pub datasets: BTreeMap<String, Dataset>,
}

impl Default for Project {
    fn default() -> Project {
        Project {
            artifacts: PathBuf::from("artifacts"),
            device: DeviceChoice::Auto,
            torch_threads: 1,
            jobs: None,
            datasets: BTreeMap::new(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChoice {
    Auto,
    Cpu,
    Cuda,
}

/// A data set: where its files are and how they are laid out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Folder of the files, from the folder of `pipeline.toml`. Not for data sets that the program draws itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// How the files are laid out.
    #[serde(default)]
    pub format: Format,
    /// Another data set that serves while `path` does not exist. Whatever it serves says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<String>,
}

choice! {
    /// The layout of a data set's files.
    pub enum Format {
        /// `train/CLASS/*`, `valid/CLASS/*` and `test/CLASS/*`, or `CLASS/*` alone; JPEG, PNG, WebP, BMP, GIF, TIFF.
        "image-folder" => ImageFolder @ 1,
        /// CIFAR-10's binary files: `data_batch_1.bin` ..., `test_batch.bin`, `batches.meta.txt`.
        "cifar10" => Cifar10 @ 1,
        /// CIFAR-100's binary files: `train.bin`, `test.bin`, `fine_label_names.txt`.
        "cifar100" => Cifar100 @ 1,
        /// MNIST's layout: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-...`, each also as `.gz`.
        "idx" => Idx @ 1,
        /// Birds of ten species drawn by the program.
        "sketch-birds" => SketchBirds @ 1,
    }
}

impl Default for Format {
    fn default() -> Format {
        Format::ImageFolder(ImageFolder {})
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageFolder {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cifar10 {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cifar100 {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Idx {}

/// Birds of ten species drawn by the program: 224×224, deterministic in (seed, species, index).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SketchBirds {
    /// Another seed draws other birds of the same species.
    pub seed: u64,
    /// Training images of each species.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub train: u32,
    /// Validation images of each species.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub valid: u32,
    /// Test images of each species.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub test: u32,
}

impl Default for SketchBirds {
    fn default() -> SketchBirds {
        SketchBirds { seed: 0, train: 250, valid: 5, test: 5 }
    }
}
