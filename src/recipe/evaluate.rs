//! `[evaluate.NAME]`: how well a network does on a split of an image set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Complaint, Describe, Facts, Reads, Setting, Thing, files};
use crate::engine::Program;

/// How well a network does on a split of an image set. Makes scores: a row of `runs.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluate {
    /// The network to score.
    pub of: String,
    /// The image set to score it on.
    pub on: String,
    /// Which split of it. Settings are chosen on `valid`; `test` is for the answer.
    #[serde(default)]
    pub split: Split,
    /// Images at a time. It does not change the scores beyond rounding.
    #[serde(default = "batch")]
    #[schemars(range(min = 1, max = 65536))]
    pub batch: u32,
    /// Scores each image by the mean of its logits and those of its mirror image; not for digits and letters. Without it,
    /// by its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mirror: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn batch() -> u32 {
    128
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    Train,
    Valid,
    #[default]
    Test,
}

impl Split {
    /// The file of an image set that holds it.
    pub fn file(self) -> &'static str {
        match self {
            Split::Train => files::TRAIN,
            Split::Valid => files::VALID,
            Split::Test => files::TEST,
        }
    }
}

impl Describe for Evaluate {
    const KIND: &'static str = "evaluate";
    const REVISION: u32 = 1;
    const MAKES: Thing = Thing::Scores;
    const PROGRAM: Program = Program::Worker;

    fn reads(&self) -> Vec<Reads> {
        vec![
            Reads::named("of", &self.of, Thing::Network, &[files::WEIGHTS, files::NETWORK]),
            Reads::named("on", &self.on, Thing::ImageSet, &[self.split.file(), files::CLASSES]),
        ]
    }

    fn facts(&self, _setting: &Setting, inputs: &[Facts]) -> Facts {
        let validates = inputs.get(1).and_then(|on| on.validates);
        Facts { scored: Some(self.split), validates, ..Facts::default() }
    }

    fn complaints(&self, _setting: &Setting, inputs: &[Facts]) -> Vec<Complaint> {
        let sizes = (inputs.first().and_then(|of| of.image_size), inputs.get(1).and_then(|on| on.image_size));
        let (Some(network), Some(images)) = sizes else { return Vec::new() };
        if network == images {
            return Vec::new();
        }
        let message = format!("images of {images} pixels for a network trained on {network}");
        vec![Complaint::new(&["on"], message).against("on", &["image_size"])]
    }
}
