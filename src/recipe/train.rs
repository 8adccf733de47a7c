//! `[train.NAME]`: a network trained on an image set.

mod batch;
mod ending;
mod fine_tuning;
mod optimizer;
mod schedule;
mod teaching;
mod transform;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Complaint, Describe, Facts, Network, Reads, Setting, Thing, files};
use crate::engine::Program;
pub use batch::{Auto, Batch};
pub use ending::{IfDiverged, Keep};
pub use fine_tuning::{Backbone, Freeze};
pub use optimizer::{Adam, AdamW, Lamb, Muon, Optimizer, Rate, Sgd};
pub use schedule::{Constant, CosineDecay, LinearDecay, OneCycle, Schedule, StepDown};
pub use teaching::ClassWeights;
pub use transform::{Colour, Crop, Cutmix, Cutout, Dsa, Erase, Flip, Mixup, RandAugment, Transform};

/// A network trained on the training split of an image set; the validation split gives the curve. Makes a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// The image set to train on.
    pub from: String,
    pub network: Network,
    /// Updates of the weights. Give `steps` or `epochs`. Arms that differ in data are compared fairly at equal steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub steps: Option<u64>,
    /// Passes over the training split. Give `steps` or `epochs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub epochs: Option<u64>,
    /// Images in a step; the whole split where it has fewer. A last batch that is not full is left out. `"auto"` is 32 on
    /// every machine, with `micro_batch = "auto"`.
    #[serde(default = "batch::usual")]
    pub batch: Batch,
    /// Images that go through the network at once. A step stays that of `batch`: the gradients of its parts, as equal as
    /// can be, are added up. Batch norms go by each part's statistics, though, and dropout draws other numbers. `"auto"` takes
    /// all images of a step at once and halves the parts whenever the device's memory does not suffice: that depends on
    /// the machine, so such a result is marked as not deterministic. Without it, all at once, and too little memory is an
    /// error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_batch: Option<Batch>,
    pub optimizer: Optimizer,
    /// How the learning rate moves.
    #[serde(default)]
    pub schedule: Schedule,
    /// Gradients are scaled down so that their norm over all weights is at most this (Pascanu et al. 2013).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1e-6))]
    pub clip_norm: Option<f64>,
    /// Random changes of the training batch, in order.
    #[serde(default)]
    pub transforms: Vec<Transform>,
    /// What is minimised, and reported as the loss.
    #[serde(default, skip_serializing_if = "Loss::is_cross_entropy")]
    #[schemars(extend("default" = "cross-entropy"))]
    pub loss: Loss,
    /// Probability spread evenly over all classes (Szegedy et al. 2016); not for soft labels.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub label_smoothing: f64,
    /// Weights of the classes in the loss; without it, every image counts alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// Another `[train.NAME]` with the same classes and image size, whose outputs for the very images of each step are
    /// learnt beside the labels (Hinton et al. 2015). It is scored within this stage, whose time and energy hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<String>,
    /// What both networks' logits are divided by before they are compared; the comparison is multiplied by its square.
    #[serde(default = "temperature", skip_serializing_if = "is_usual_temperature")]
    #[schemars(range(min = 0.01, max = 1000.0), extend("default" = temperature()))]
    pub temperature: f64,
    /// Share of the teacher in the loss; the labels have the rest.
    #[serde(default = "teacher_weight", skip_serializing_if = "is_usual_teacher_weight")]
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = teacher_weight()))]
    pub teacher_weight: f64,
    /// Decay of a running mean of the weights (and of norms' statistics), step by step; it is what is validated and left.
    /// In step t it is (1 + t) / (10 + t) where that is less. Without it, there is no mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 0.999999))]
    pub ema: Option<f64>,
    /// Which weights are left: the last ones, or those of the point of the curve with the best validation accuracy (then the
    /// lowest loss). The test split has no say.
    #[serde(default, skip_serializing_if = "Keep::is_last")]
    #[schemars(extend("default" = "last"))]
    pub keep: Keep,
    /// Ends the training once validation has not got better for so many points of the curve; goes by what `keep = "best"`
    /// goes by. The schedule is that of the whole training. What it ends counts as trained: no † marks it in tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub patience: Option<u32>,
    /// At most so many updates, whatever `epochs` come to; the schedule is spread over what is left of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub max_steps: Option<u64>,
    /// Ends the training at the first step after so many seconds, in all attempts; the schedule is that of the whole
    /// training, and is cut off. Where it ends depends on the machine and its load: such a result is marked as not
    /// deterministic, and a rerun may make other bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.001))]
    pub max_secs: Option<f64>,
    /// Ends the training at the first step after its meter has said that it drew so many joules, in all attempts; otherwise
    /// as `max_secs`. The meter is read once a second, so it may go over by what is drawn in one. Where no counter can be
    /// read (`pipeline doctor` says), the joules are a model's, and a bound on processor seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.001))]
    pub max_joules: Option<f64>,
    /// What is done once the loss is no number any more.
    #[serde(default, skip_serializing_if = "IfDiverged::is_fail")]
    #[schemars(extend("default" = "fail"))]
    pub if_diverged: IfDiverged,
    /// Number format of convolutions and dense layers; `auto` takes bf16 where the device multiplies it faster.
    #[serde(default)]
    pub precision: Precision,
    /// Points of the validation curve, evenly spaced over the training; the last one is the end.
    #[serde(default = "curve_points")]
    #[schemars(range(min = 1, max = 10_000))]
    pub curve_points: u32,
    /// Also scores the test split at every point of the curve, and reports the best of these accuracies: what papers publish
    /// that keep the best epoch. For reporting alone: nothing is chosen by it, and the weights that are left are the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("default" = false))]
    pub test_curve: bool,
    /// Where the weights start: at those of another `[train.NAME]` of the same network, or of a `[weights.NAME]`; without
    /// it, at random. The last layer starts anew where it tells other classes apart, and the positions of `vit-tiny` and
    /// `swin` are resampled where there are more or fewer of them. The steps, the optimiser and the schedule begin at 0: a training with
    /// more `epochs` never goes on from a shorter one unless it is named here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_from: Option<String>,
    /// What stays as it starts: `"backbone"` (all but the last layer), or a list of layers by name, each with all that is
    /// below it (`["layer1"]` holds `layer1.0.conv1`). Frozen norms keep their running statistics, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Freeze>,
    /// Highest learning rate of the last layer; without it, that of the others, or the `adam_lr` of `muon`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub lr_head: Option<f64>,
    /// Initial weights, order of images, dropout and transforms.
    #[serde(default)]
    pub seed: u64,
}

fn curve_points() -> u32 {
    20
}

fn temperature() -> f64 {
    4.0
}

fn is_usual_temperature(value: &f64) -> bool {
    *value == temperature()
}

fn teacher_weight() -> f64 {
    0.9
}

fn is_usual_teacher_weight(value: &f64) -> bool {
    *value == teacher_weight()
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Of the softmax of the outputs against the labels.
    #[default]
    CrossEntropy,
    /// Mean over images and classes of the squared difference of outputs and labels. A hard label counts as 1 for its
    /// class and 0 for the others, less their mean; soft ones are taken as they are. For learned labels, which are no
    /// probabilities.
    Mse,
}

impl Loss {
    fn is_cross_entropy(&self) -> bool {
        *self == Loss::CrossEntropy
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// bf16 where the processor or the GPU has instructions for it, else fp32.
    #[default]
    Auto,
    /// On an NVIDIA GPU convolutions round their factors to TF32, as libtorch has it by default.
    Fp32,
    /// Weights stay in fp32; products are taken in bf16.
    Bf16,
}

impl Describe for Train {
    const KIND: &'static str = "train";
    const REVISION: u32 = 1;
    const MAKES: Thing = Thing::Network;
    const PROGRAM: Program = Program::Worker;

    fn reads(&self) -> Vec<Reads> {
        let mut seen = vec![files::TRAIN, files::VALID, files::CLASSES, files::PREPROCESS];
        seen.extend(self.test_curve.then_some(files::TEST));
        seen.extend(self.optimizer.learned_rate().then_some(files::STUDENT));
        let mut reads = vec![Reads::named("from", &self.from, Thing::ImageSet, &seen)];
        if let Some(stage) = &self.init_from {
            reads.push(Reads::named("init_from", stage, Thing::Weights, &[files::WEIGHTS, files::NETWORK]));
        }
        if let Some(stage) = &self.teacher {
            reads.push(Reads::named("teacher", stage, Thing::Network, &[files::WEIGHTS, files::NETWORK]));
        }
        reads
    }

    fn parts(&self) -> Vec<(String, u32)> {
        let named = [
            (format!("network.{}", self.network.name()), self.network.revision()),
            (format!("optimizer.{}", self.optimizer.name()), self.optimizer.revision()),
            (format!("schedule.{}", self.schedule.name()), self.schedule.revision()),
        ];
        let transforms = self.transforms.iter().map(|t| (format!("transform.{}", t.name()), t.revision()));
        named.into_iter().chain(transforms).collect()
    }

    fn settle(&mut self, setting: &Setting) {
        self.settle_batch();
        if self.precision == Precision::Auto {
            self.precision = if setting.machine.bf16 { Precision::Bf16 } else { Precision::Fp32 };
        }
    }

    fn facts(&self, _setting: &Setting, inputs: &[Facts]) -> Facts {
        let from = inputs.first().cloned().unwrap_or_default();
        Facts { network: Some(self.network.name()), ..from }
    }

    fn complaints(&self, _setting: &Setting, inputs: &[Facts]) -> Vec<Complaint> {
        let from = inputs.first().cloned().unwrap_or_default();
        let own = [
            self.length(),
            self.empty_freeze(),
            self.another_network(inputs),
            self.larger_part(),
            self.learned(&from),
            self.no_rate(&from),
        ];
        let own = own.into_iter().flatten().chain(self.of_cross_entropy());
        let own = own.chain(self.optimizer.complaints()).chain(self.schedule.complaints());
        let own = own.chain(self.wrong_ending(&from)).chain(self.wrong_teaching(inputs));
        let own = own.chain(Transform::wrong_ranges(&self.transforms));
        own.chain(self.network.complaints(from.image_size)).collect()
    }
}

impl Train {
    fn length(&self) -> Option<Complaint> {
        match (self.steps, self.epochs) {
            (None, None) => {
                let complaint = Complaint::new(&[], "neither `steps` nor `epochs` says how long to train");
                Some(
                    complaint
                        .hint("`steps = 600` trains every arm equally long, whatever the size of its data"),
                )
            }
            (Some(_), Some(_)) => {
                let complaint = Complaint::new(&["epochs"], "both `steps` and `epochs` are given");
                Some(complaint.hint("keep one; `steps` are fair where arms differ in the size of their data"))
            }
            _ => None,
        }
    }

    /// Settings that squared error has no use for.
    fn of_cross_entropy(&self) -> impl Iterator<Item = Complaint> {
        let set = [
            ("label_smoothing", self.label_smoothing > 0.0),
            ("class_weights", self.class_weights.is_some()),
            ("teacher", self.teacher.is_some()),
        ];
        let other = self.loss == Loss::Mse;
        set.into_iter().filter(move |(_, is_set)| other && *is_set).map(|(name, _)| {
            let message = format!("`{name}` is a matter of cross-entropy");
            Complaint::new(&[name], message).hint("leave one of the two out")
        })
    }

    /// A learned rate of a set that was not made with one.
    fn no_rate(&self, from: &Facts) -> Option<Complaint> {
        let missing = self.optimizer.learned_rate() && from.learned_rate == Some(false);
        let message = format!("no learning rate was learned with `{}`", self.from);
        let hint =
            "give `lr` a number, or train on a set of `trajectory-matching` or `difficulty-aligned` itself";
        missing.then(|| Complaint::new(&["optimizer", "sgd", "lr"], message).hint(hint))
    }

    fn learned(&self, from: &Facts) -> Option<Complaint> {
        let learned = from.learned_labels && self.loss == Loss::CrossEntropy;
        let message = "cross-entropy with learned labels, which are no probabilities, has no minimum";
        learned.then(|| {
            Complaint::new(&["from"], message).hint("set `loss = \"mse\"`").against("from", &["method"])
        })
    }
}
