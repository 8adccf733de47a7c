//! One stage's work order, as the engine writes it and a stage's process (or, later, a cluster job) reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::stage::Device;

/// Raised when the job file or the events change their meaning.
pub const PROTOCOL: u32 = 1;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub protocol: u32,
    /// Version of the program that wrote it; a worker of another version refuses.
    pub version: String,
    pub kind: String,
    pub label: String,
    /// The full key, 64 hex digits.
    pub key: String,
    /// What the key is the digest of; holds the parameters.
    pub pre_image: Value,
    pub inputs: BTreeMap<String, JobInput>,
    pub sources: BTreeMap<String, JobSource>,
    pub store: PathBuf,
    /// The project's folder, where commands run.
    pub root: PathBuf,
    pub threads: usize,
    pub device: Device,
    /// Deterministic facts to be written into the receipt beside what the process adds.
    pub provenance: BTreeMap<String, Value>,
    /// What the meter is told of the machine.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub metering: Value,
    /// Where the process sends its stdout and stderr.
    pub log: PathBuf,
}

/// The files that a stage may read in one role: name in the artifact → file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct JobInput {
    /// What a person calls the stage that made them.
    pub label: String,
    pub files: BTreeMap<String, JobFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFile {
    pub path: PathBuf,
    pub size: u64,
    pub sha256: String,
}

/// Files outside the store: the root and the manifest that was keyed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobSource {
    pub root: PathBuf,
    /// A file of JSON lines `{"path": relative, "size": n, "sha256": hex}` in order of path.
    pub manifest: PathBuf,
}
