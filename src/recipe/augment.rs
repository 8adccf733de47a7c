//! `[augment.NAME]`: more training images, made from those of an image set.

mod policy;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use policy::{Chain, ClassBalanced, OneCopyPerOp, Policy};

use super::{Complaint, Describe, Facts, Op, Reads, Setting, Thing, files};
use crate::engine::{Needs, Program};

/// More training images, made from those of an image set. Validation and test images are passed on unchanged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// The image set to augment.
    pub from: String,
    /// The augmentations, in the order in which they are applied. A strength is a number, or `[low, high]`, from which
    /// each copy draws evenly; with a `probability`, some copies go without.
    pub apply: Vec<Op>,
    /// How many copies there are, and which of `apply` each gets.
    #[serde(default, skip_serializing_if = "Policy::is_chain")]
    #[schemars(extend("default" = "chain"))]
    pub policy: Policy,
    /// How many of `apply` each copy gets, drawn at random and applied in the order listed; without it, all.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub ops_per_copy: Option<u32>,
    /// Augmented copies of each training image; under `one-copy-per-op`, for each augmentation.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub copies: u32,
    /// Whether the training images themselves stay in the set, ahead of the copies.
    #[serde(default = "yes")]
    pub keep_originals: bool,
    /// Randomness comes from (seed, image, copy) alone.
    #[serde(default)]
    pub seed: u64,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

impl Describe for Augment {
    const KIND: &'static str = "augment";
    const REVISION: u32 = 1;
    const MAKES: Thing = Thing::ImageSet;
    const PROGRAM: Program = Program::Own;
    const PASSES_ON: &'static [&'static str] =
        &[files::VALID, files::TEST, files::CLASSES, files::PREPROCESS];

    fn reads(&self) -> Vec<Reads> {
        vec![Reads::named("from", &self.from, Thing::ImageSet, &[files::TRAIN])]
    }

    fn parts(&self) -> Vec<(String, u32)> {
        let ops = self.apply.iter().map(|op| (format!("op.{}", op.name()), op.revision()));
        let policy = (!self.policy.is_chain())
            .then(|| (format!("policy.{}", self.policy.name()), self.policy.revision()));
        ops.chain(policy).collect()
    }

    fn needs(&self, _setting: &Setting) -> Needs {
        Needs { threads: std::thread::available_parallelism().map_or(1, usize::from), cuda: false }
    }

    fn facts(&self, _setting: &Setting, inputs: &[Facts]) -> Facts {
        let from = inputs.first().cloned().unwrap_or_default();
        // It belongs to the very images that it was learned with.
        let from = Facts { learned_rate: from.learned_rate.map(|_| false), ..from };
        let kept = u32::from(self.keep_originals);
        let times = match &self.policy {
            Policy::ClassBalanced(ClassBalanced { per_class: Some(per_class) }) => {
                return Facts { train_per_class: Some(*per_class), ..from };
            }
            Policy::OneCopyPerOp(_) => self.copies.saturating_mul(self.apply.len() as u32),
            Policy::Chain(_) | Policy::ClassBalanced(_) => self.copies,
        };
        let times = times.saturating_add(kept);
        Facts { train_per_class: from.train_per_class.map(|n| n.saturating_mul(times)), ..from }
    }

    fn complaints(&self, _setting: &Setting, inputs: &[Facts]) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        if self.apply.is_empty() {
            let message = "no augmentation is listed: the copies would equal the originals";
            complaints
                .push(Complaint::new(&["apply"], message).hint("`pipeline explain augment` lists them"));
        }
        if self.ops_per_copy.is_some_and(|n| n as usize > self.apply.len()) {
            let message = format!("more than the {} augmentations that `apply` lists", self.apply.len());
            complaints.push(Complaint::new(&["ops_per_copy"], message));
        }
        for (index, op) in self.apply.iter().enumerate() {
            if let Some((field, message)) = op.complaint() {
                complaints.push(Complaint::new(&["apply", &index.to_string(), op.name(), field], message));
            }
        }
        complaints.extend(policy::complaints(self, inputs.first()));
        complaints
    }
}

#[cfg(test)]
mod tests;
