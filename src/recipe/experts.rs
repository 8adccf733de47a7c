//! `[experts.NAME]`: networks trained on an image set, with their weights at every epoch.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Complaint, Describe, Dsa, Facts, Network, Optimizer, Reads, Setting, Sgd, Thing, Trajectories, Transform,
    files,
};
use crate::engine::Program;

/// Networks trained on the training split of an image set, each with its weights at the start and after every epoch: what
/// `trajectory-matching` and `difficulty-aligned` match. They take 4 bytes × weights × (epochs + 1) × experts in the store:
/// 653 MB for 10 experts of 50 epochs of a `convnet` at 32 pixels with ten classes. Several distillations may share them.
/// In fp32 throughout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experts {
    /// The image set to train on.
    pub from: String,
    /// What all of them are; students have the same network.
    pub network: Network,
    /// How many. The papers take 100; 10 to 20 do to start with.
    #[serde(default = "experts")]
    #[schemars(range(min = 1, max = 10_000))]
    pub experts: u32,
    /// Passes of each over the training split. A distillation needs its latest start and its `expert_epochs` beyond it.
    #[serde(default = "epochs")]
    #[schemars(range(min = 1, max = 10_000))]
    pub epochs: u32,
    /// Images in a step; the whole split where it has fewer. A last batch that is not full is left out.
    #[serde(default = "batch")]
    #[schemars(range(min = 1, max = 65536))]
    pub batch: u32,
    /// Of every step alike: the learning rate does not move. The papers take SGD at 0.01 without momentum and decay.
    #[serde(default = "optimizer")]
    pub optimizer: Optimizer,
    /// Random changes of the training batch, in order.
    #[serde(default = "transforms")]
    pub transforms: Vec<Transform>,
    /// ZCA whitening as `[distil.NAME]` has it, and set alike in both.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("default" = false))]
    pub zca: bool,
    /// Initial weights, order of images, dropout and transforms.
    #[serde(default)]
    pub seed: u64,
}

fn experts() -> u32 {
    10
}

fn epochs() -> u32 {
    50
}

fn batch() -> u32 {
    256
}

fn optimizer() -> Optimizer {
    Optimizer::Sgd(Sgd { lr: 0.01.into(), momentum: 0.0, nesterov: false, weight_decay: 0.0 })
}

fn transforms() -> Vec<Transform> {
    vec![Transform::Dsa(Dsa::default())]
}

impl Describe for Experts {
    const KIND: &'static str = "experts";
    const REVISION: u32 = 1;
    const MAKES: Thing = Thing::Trajectories;
    const PROGRAM: Program = Program::Worker;

    fn reads(&self) -> Vec<Reads> {
        let files = [files::TRAIN, files::CLASSES, files::PREPROCESS];
        vec![Reads::named("from", &self.from, Thing::ImageSet, &files)]
    }

    fn parts(&self) -> Vec<(String, u32)> {
        let named = [
            (format!("network.{}", self.network.name()), self.network.revision()),
            (format!("optimizer.{}", self.optimizer.name()), self.optimizer.revision()),
        ];
        let transforms = self.transforms.iter().map(|t| (format!("transform.{}", t.name()), t.revision()));
        named.into_iter().chain(transforms).collect()
    }

    fn facts(&self, _setting: &Setting, inputs: &[Facts]) -> Facts {
        let from = inputs.first().cloned().unwrap_or_default();
        let trajectories = Trajectories { epochs: self.epochs, whitened: self.zca };
        Facts { network: Some(self.network.name()), trajectories: Some(trajectories), ..from }
    }

    fn complaints(&self, _setting: &Setting, inputs: &[Facts]) -> Vec<Complaint> {
        let from = inputs.first().cloned().unwrap_or_default();
        let whitened = super::distil::too_large_to_whiten(self.zca, &from);
        let rate = self.optimizer.no_set_to_learn_from();
        let own =
            [rate, whitened, self.learned(&from)].into_iter().flatten().chain(self.optimizer.complaints());
        let own = own.chain(Transform::wrong_ranges(&self.transforms)).chain(self.of_pixels());
        own.chain(self.network.complaints(from.image_size)).collect()
    }
}

impl Experts {
    /// Transforms that take whitened images for pixels.
    fn of_pixels(&self) -> impl Iterator<Item = Complaint> {
        let takes_pixels = |t: &Transform| matches!(t, Transform::Colour(_) | Transform::RandAugment(_));
        let wrong = self.transforms.iter().enumerate().filter(move |(_, t)| self.zca && takes_pixels(t));
        wrong.map(|(place, transform)| {
            let message = format!("`{}` changes pixels, and `zca` leaves none", transform.name());
            Complaint::new(&["transforms", &place.to_string()], message).hint("leave one of the two out")
        })
    }

    fn learned(&self, from: &Facts) -> Option<Complaint> {
        let message =
            "experts learn by cross-entropy, and learned labels that are no probabilities give it no minimum";
        from.learned_labels.then(|| Complaint::new(&["from"], message).against("from", &["method"]))
    }
}
