//! `pipeline.toml`: data sets, device, threads and where artifacts go.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dataset::Dataset;
use super::energy::Energy;

/// What holds for every experiment of the project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Project {
    /// Folder of the store and the results, from the folder of `pipeline.toml`.
    pub artifacts: PathBuf,
    /// Where networks are trained: `auto` takes CUDA where there is an NVIDIA driver, else the CPU.
    pub device: DeviceChoice,
    /// Whether a GPU is to give the same bits each time, as the processor does: libtorch then takes only algorithms that
    /// do, which are slower (by how much, this project has not measured), and an operation that has none fails the
    /// stage, by name. Part of the key of what a GPU makes. Without it, such results are marked as not deterministic.
    pub deterministic: bool,
    /// Threads that libtorch computes with in each stage. Results depend on it, so it is part of the key.
    #[schemars(range(min = 1, max = 256))]
    pub torch_threads: usize,
    /// Stages at a time; without it, as many as the cores hold at `torch_threads`.
    #[schemars(range(min = 1, max = 1024))]
    pub jobs: Option<usize>,
    /// What a kilowatt-hour costs and emits, and what the machine draws.
    pub energy: Energy,
    /// Data sets by name.
    pub datasets: BTreeMap<String, Dataset>,
}

impl Default for Project {
    fn default() -> Project {
        Project {
            artifacts: PathBuf::from("artifacts"),
            device: DeviceChoice::Auto,
            deterministic: false,
            torch_threads: 1,
            jobs: None,
            energy: Energy::default(),
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
