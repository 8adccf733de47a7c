//! What a bundle says of itself: its files, its data, and the digests that another machine is to come to.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub const MANIFEST: &str = "manifest.json";

/// Holds no time, host or path of the machine that it was made on, so that the same experiment gives the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this layout.
    pub version: u32,
    pub experiment: String,
    /// The experiment's file in the bundle.
    pub file: String,
    /// Version of the program.
    pub pipeline: String,
    /// major.minor; empty where no stage needs it.
    pub libtorch: String,
    /// The classes of environment that stages with tensors ran in; their digests hold within one.
    pub environments: Vec<Value>,
    pub data: BTreeMap<String, Data>,
    /// Every other file of the bundle.
    pub files: Vec<Listed>,
    /// Of the stages that were run before the bundle was made.
    pub expected: Vec<Expected>,
}

/// A data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// Its folder in the bundle.
    pub path: String,
    /// The list of all its files, in the bundle.
    pub listing: String,
    pub files: usize,
    pub bytes: u64,
    /// How many of the files are in the bundle.
    pub included: usize,
    /// Where it can be had, if `pipeline.toml` says so.
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    pub path: String,
    pub size: u64,
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    pub kind: String,
    pub label: String,
    pub key: String,
    /// Of the artifact's content.
    pub digest: String,
}

impl Manifest {
    pub fn read(folder: &Path) -> Result<Manifest> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read(&path).with_context(|| {
            format!("cannot read `{}`\nhint: name the folder that a bundle was unpacked to", path.display())
        })?;
        let manifest: Manifest =
            serde_json::from_slice(&text).with_context(|| format!("`{}` is no manifest", path.display()))?;
        ensure!(manifest.version == 1, "`{}` is of a later version of the program", path.display());
        for path in
            manifest.files.iter().map(|file| &file.path).chain(manifest.data.values().map(|d| &d.path))
        {
            ensure!(is_inside(path), "the manifest names `{path}`, which lies outside the bundle");
        }
        Ok(manifest)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a manifest is text and numbers");
        bytes.push(b'\n');
        bytes
    }
}

/// Whether a path stays below the folder that it starts at.
pub fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_bundle_are_told_from_those_that_do_not() {
        assert!(is_inside("data/birds/..1.jpg") && is_inside("a"));
        assert!(["../a", "/etc/passwd", "a/../../b", "", "./a"].iter().all(|path| !is_inside(path)));
    }

    #[test]
    fn a_manifest_that_names_what_lies_outside_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let listed = Listed { path: "../x".into(), size: 0, sha256: String::new() };
        let manifest = Manifest {
            version: 1,
            experiment: "x".into(),
            file: "experiments/x.toml".into(),
            pipeline: "0".into(),
            libtorch: String::new(),
            environments: Vec::new(),
            data: BTreeMap::new(),
            files: vec![listed],
            expected: Vec::new(),
        };
        std::fs::write(folder.path().join(MANIFEST), manifest.to_bytes()).unwrap();
        let message = Manifest::read(folder.path()).unwrap_err().to_string();
        assert!(message.contains("names `../x`, which lies outside"), "{message}");
    }
}
