//! How many copies of each image there are, and which augmentations each copy gets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::choice::choice;
use super::super::{Complaint, Facts};
use super::Augment;

choice! {
    /// How many copies there are, and which augmentations each gets.
    pub enum Policy {
        /// `copies` copies of each image; each gets all of `apply`, or `ops_per_copy` of them.
        "chain" => Chain @ 1,
        /// `copies` copies of each image for each augmentation of `apply`, the only one that they get.
        "one-copy-per-op" => OneCopyPerOp @ 1,
        /// As `chain`, with more copies of the images of smaller classes, so that all classes end equal.
        "class-balanced" => ClassBalanced @ 1,
    }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy::Chain(Chain {})
    }
}

impl Policy {
    pub(super) fn is_chain(&self) -> bool {
        matches!(self, Policy::Chain(_))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chain {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneCopyPerOp {}

/// Within a class images get equally many copies; where that does not come out even, the first ones get one more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassBalanced {
    /// Training images of each class in the result, kept originals included; without it, as many as the largest class
    /// has with `copies` copies of each of its images.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub per_class: Option<u32>,
}

/// What cannot work together with a policy; `from` is what is known of the set to augment.
pub(super) fn complaints(augment: &Augment, from: Option<&Facts>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if matches!(augment.policy, Policy::OneCopyPerOp(_)) && augment.ops_per_copy.is_some() {
        let message = "under `policy = \"one-copy-per-op\"` each copy gets one";
        complaints.push(Complaint::new(&["ops_per_copy"], message).hint("leave one of the two out"));
    }
    let Policy::ClassBalanced(ClassBalanced { per_class: Some(per_class) }) = augment.policy else {
        return complaints;
    };
    if augment.copies != 1 {
        let message = "`per_class` says already how many copies there are";
        complaints.push(Complaint::new(&["copies"], message).hint("leave one of the two out"));
    }
    if let Some(kept) = from.and_then(|from| from.train_per_class).filter(|_| augment.keep_originals)
        && kept >= per_class
    {
        let field = ["policy", "class-balanced", "per_class"];
        let message = format!("the {kept} training images of each class are kept: no room for a copy");
        let complaint = Complaint::new(&field, message).against("from", &["per_class", "train"]);
        complaints.push(complaint.hint("raise it, or set `keep_originals = false`"));
    }
    complaints
}
