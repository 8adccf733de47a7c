//! The stages and who reads what of whom.

use std::collections::HashSet;

use anyhow::{Result, bail, ensure};

use super::stage::{Files, Input, Stage, StageId};
use super::store::FOLDERS;

/// Stages in an order in which inputs come first.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub stages: Vec<Stage>,
}

impl Graph {
    /// # Errors
    /// When the stages are not in order, or two could not be told apart. Whoever builds graphs sees to that, so an
    /// error here is a bug there.
    pub fn validate(&self) -> Result<()> {
        let mut labels = HashSet::new();
        for (id, stage) in self.stages.iter().enumerate() {
            let label = &stage.label;
            ensure!(labels.insert(label), "two stages are called `{label}`");
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            let named =
                !stage.kind.is_empty() && stage.kind.bytes().all(plain) && !FOLDERS.contains(&stage.kind);
            ensure!(named, "`{}` cannot be the kind of `{label}`: its folder has another use", stage.kind);
            let mut roles = HashSet::new();
            for input in &stage.inputs {
                ensure!(input.from < id, "`{label}` comes before its input `{}`", input.role);
                ensure!(roles.insert(&input.role), "`{label}` has two inputs called `{}`", input.role);
            }
            if let Some(passes) = &stage.passes_on {
                ensure!(passes.input < stage.inputs.len(), "`{label}` passes on an input that it has not");
            }
            let mut sources = HashSet::new();
            if let Some(twice) = stage.sources.iter().find(|source| !sources.insert(&source.role)) {
                bail!("`{label}` has two sources called `{}`", twice.role);
            }
        }
        Ok(())
    }

    /// The stages that `text` means: a label (`net[seed=0]`), or a name with or without its kind (`net`,
    /// `train.net`), which stands for all its runs.
    pub fn select(&self, text: &str) -> Vec<StageId> {
        let named = |stage: &Stage| {
            let kind_and_name = text.strip_prefix(stage.kind).and_then(|rest| rest.strip_prefix('.'));
            stage.label == text || stage.name == text || kind_and_name == Some(stage.name.as_str())
        };
        (0..self.stages.len()).filter(|id| named(&self.stages[*id])).collect()
    }

    /// The stage whose artifact holds `file` of `stage`: another one where the file is passed on.
    pub fn owner(&self, mut stage: StageId, file: &str) -> StageId {
        while let Some(passes) = &self.stages[stage].passes_on
            && passes.files.contains(&file)
        {
            stage = self.stages[stage].inputs[passes.input].from;
        }
        stage
    }

    /// The stages whose artifacts `stage` reads, each once. A passed-on file is read where it was made, so that
    /// nobody waits for a stage that only hands it on.
    pub fn reads(&self, stage: StageId) -> Vec<StageId> {
        let mut read = Vec::new();
        for input in &self.stages[stage].inputs {
            match &input.files {
                Files::Named(files) => read.extend(files.iter().map(|file| self.owner(input.from, file))),
                Files::All => {
                    read.push(input.from);
                    read.extend(self.passed_on(input).map(|(_, owner)| owner));
                }
            }
        }
        let mut seen = HashSet::new();
        read.retain(|id| seen.insert(*id));
        read
    }

    /// The files that the input's stage passes on, with the stages that made them.
    pub fn passed_on(&self, input: &Input) -> impl Iterator<Item = (&'static str, StageId)> {
        let files = self.stages[input.from].passes_on.as_ref().map_or(&[] as &[_], |passes| passes.files);
        files.iter().map(|file| (*file, self.owner(input.from, file)))
    }

    /// The stages needed for `targets` (all of them for none), themselves among them.
    pub fn needed(&self, targets: &[StageId]) -> Vec<bool> {
        if targets.is_empty() {
            return vec![true; self.stages.len()];
        }
        let mut needed = vec![false; self.stages.len()];
        let mut left = targets.to_vec();
        while let Some(id) = left.pop() {
            if !std::mem::replace(&mut needed[id], true) {
                left.extend(self.reads(id));
            }
        }
        needed
    }
}
