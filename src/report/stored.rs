//! The artifacts of a launch's stages, each receipt read at most once and only when something asks for it.

use std::cell::OnceCell;
use std::path::PathBuf;

use super::drawn::of_receipt;
use super::launch::{Launch, Made};
use crate::engine::{Artifact, Store};

/// A launch and where its artifacts are.
pub struct Stored<'a> {
    pub launch: &'a Launch,
    store: &'a Store,
    found: Vec<OnceCell<Option<Artifact>>>,
}

impl<'a> Stored<'a> {
    pub fn new(launch: &'a Launch, store: &'a Store) -> Stored<'a> {
        Stored { launch, store, found: launch.stages.iter().map(|_| OnceCell::new()).collect() }
    }

    /// The artifact of a stage that is done, if it is still there and whole.
    pub fn artifact(&self, stage: usize) -> Option<&Artifact> {
        let (kind, key) = self.name_of(stage)?;
        self.found[stage].get_or_init(|| self.store.find(kind, key)).as_ref()
    }

    /// What the artifact cost when it was made.
    pub fn made(&self, stage: usize) -> Option<Made> {
        self.launch.stages[stage].made.or_else(|| {
            let receipt = &self.artifact(stage)?.receipt;
            Some(Made {
                took_secs: receipt.took_secs,
                cpu_secs: Some(receipt.cpu_secs),
                bytes: receipt.size(),
                drawn: of_receipt(receipt, self.launch.energy.as_ref()),
            })
        })
    }

    /// A file of the artifact, if it is there.
    pub fn content(&self, stage: usize, file: &str) -> Option<PathBuf> {
        self.file(stage, "content", file)
    }

    /// What was measured while the artifact was made, if it is there: no part of its content.
    pub fn measured(&self, stage: usize, file: &str) -> Option<PathBuf> {
        self.file(stage, "measured", file)
    }

    fn file(&self, stage: usize, folder: &str, file: &str) -> Option<PathBuf> {
        let (kind, key) = self.name_of(stage)?;
        let path = self.store.place(kind, key).join(folder).join(file);
        path.is_file().then_some(path)
    }

    /// Size of a file of the artifact.
    pub fn file_size(&self, stage: usize, file: &str) -> Option<u64> {
        std::fs::metadata(self.content(stage, file)?).ok().map(|metadata| metadata.len())
    }

    /// `cpu` or `cuda`: where the stage's tensors were.
    pub fn device(&self, stage: usize) -> Option<String> {
        let device = self.artifact(stage)?.receipt.pre_image.pointer("/environment/device")?;
        device.as_str().map(str::to_string)
    }

    fn name_of(&self, stage: usize) -> Option<(&'a str, &'a str)> {
        let stage = &self.launch.stages[stage];
        let key = stage.key.as_deref().filter(|_| stage.state.is_done())?;
        Some((&stage.kind, key))
    }
}
