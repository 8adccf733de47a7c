//! `[train.NAME]`: a network trained on an image set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::choice::choice;
use super::{Complaint, Describe, Facts, Network, Reads, Setting, Thing, files};
use crate::engine::{Needs, Program};

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
    /// Images in a step; the whole split where it has fewer. A last batch that is not full is left out.
    #[serde(default = "batch")]
    #[schemars(range(min = 1, max = 65536))]
    pub batch: u32,
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
    /// Number format of convolutions and dense layers; `auto` takes bf16 where the device multiplies it faster.
    #[serde(default)]
    pub precision: Precision,
    /// Points of the validation curve, evenly spaced over the training; the last one is the end.
    #[serde(default = "curve_points")]
    #[schemars(range(min = 1, max = 10_000))]
    pub curve_points: u32,
    /// Initial weights, order of images, dropout and transforms.
    #[serde(default)]
    pub seed: u64,
}

fn batch() -> u32 {
    32
}

fn curve_points() -> u32 {
    20
}

choice! {
    /// What turns gradients into updates.
    pub enum Optimizer {
        /// Stochastic gradient descent.
        "sgd" => Sgd @ 1,
        /// Adam (Kingma & Ba 2015); weight decay is added to the gradient.
        "adam" => Adam @ 1,
        /// Adam with decoupled weight decay (Loshchilov & Hutter 2019).
        "adamw" => AdamW @ 1,
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// Learning rate, at its highest.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.9999))]
    pub momentum: f64,
    /// Nesterov's look-ahead; needs momentum.
    #[serde(default)]
    pub nesterov: bool,
    /// Added to the gradient as weight × this; not for norms and biases.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adam {
    /// Learning rate, at its highest.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Decay of the running mean and of the running square of the gradient.
    pub betas: [f64; 2],
    #[schemars(range(min = 0.0))]
    pub eps: f64,
    /// Added to the gradient as weight × this; not for norms and biases.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Adam {
        Adam { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdamW {
    /// Learning rate, at its highest.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Decay of the running mean and of the running square of the gradient.
    pub betas: [f64; 2],
    #[schemars(range(min = 0.0))]
    pub eps: f64,
    /// Share of each weight taken off in a step, times the learning rate; not for norms and biases.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> AdamW {
        AdamW { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01 }
    }
}

choice! {
    /// How the learning rate moves over the training.
    pub enum Schedule {
        "constant" => Constant @ 1,
        /// Up along a cosine, then down along one to almost nothing (Smith & Topin 2018).
        "one-cycle" => OneCycle @ 1,
        /// Down along a cosine, after a warm-up (Loshchilov & Hutter 2017).
        "cosine" => CosineDecay @ 1,
        /// Down along a line, after a warm-up.
        "linear" => LinearDecay @ 1,
        /// Multiplied by a factor at given points.
        "step-down" => StepDown @ 1,
    }
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule::OneCycle(OneCycle::default())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constant {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OneCycle {
    /// Share of the training over which it rises.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rise: f64,
    /// The first learning rate is the highest divided by this.
    #[schemars(range(min = 1.0))]
    pub start_div: f64,
    /// The last learning rate is the first divided by this.
    #[schemars(range(min = 1.0))]
    pub end_div: f64,
}

impl Default for OneCycle {
    fn default() -> OneCycle {
        OneCycle { rise: 0.3, start_div: 25.0, end_div: 10_000.0 }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Decay {
    /// Share of the training over which it rises along a line first.
    #[schemars(range(min = 0.0, max = 0.9))]
    pub warm_up: f64,
    /// What it falls towards, as a share of the highest.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub end: f64,
}

pub type CosineDecay = Decay;
pub type LinearDecay = Decay;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StepDown {
    /// Shares of the training after which it falls, each in 0..1.
    pub at: Vec<f64>,
    #[schemars(range(min = 0.0, max = 1.0))]
    pub factor: f64,
}

impl Default for StepDown {
    fn default() -> StepDown {
        StepDown { at: vec![0.5], factor: 0.1 }
    }
}

choice! {
    /// A random change of the training batch, made on the device.
    pub enum Transform {
        /// Mirrors half of the images left to right.
        "flip" => Flip @ 1,
        /// Shifts each image by up to `by` pixels each way, with the mean colour coming in.
        "crop" => Crop @ 1,
        /// One of colour, crop, cutout, flip, scale and rotate for the whole batch, with strengths drawn per image
        /// (Zhao & Bilen 2021).
        "dsa" => Dsa @ 1,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flip {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Crop {
    #[schemars(range(min = 1, max = 512))]
    pub by: u32,
}

impl Default for Crop {
    fn default() -> Crop {
        Crop { by: 4 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dsa {
    /// Whether mirroring is among the changes; not for digits and letters.
    pub flip: bool,
}

impl Default for Dsa {
    fn default() -> Dsa {
        Dsa { flip: true }
    }
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
    #[default]
    Auto,
    Fp32,
    /// Weights stay in fp32; products are taken in bf16.
    Bf16,
}

/// The class of environment that results of tensor stages depend on.
pub fn tensor_environment(setting: &Setting) -> Value {
    let machine = &setting.machine;
    json!({
        "libtorch": machine.libtorch,
        "device": if machine.cuda { "cuda" } else { "cpu" },
        "torch_threads": machine.torch_threads,
    })
}

impl Describe for Train {
    const KIND: &'static str = "train";
    const REVISION: u32 = 1;
    const MAKES: Thing = Thing::Network;
    const PROGRAM: Program = Program::Worker;

    fn reads(&self) -> Vec<Reads> {
        let files = [files::TRAIN, files::VALID, files::CLASSES, files::PREPROCESS];
        vec![Reads::named("from", &self.from, Thing::ImageSet, &files)]
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
        if self.precision == Precision::Auto {
            self.precision = if setting.machine.bf16 { Precision::Bf16 } else { Precision::Fp32 };
        }
    }

    fn environment(&self, setting: &Setting) -> Value {
        tensor_environment(setting)
    }

    fn needs(&self, setting: &Setting) -> Needs {
        Needs { threads: setting.machine.torch_threads, cuda: setting.machine.cuda }
    }

    fn complaints(&self, _setting: &Setting, inputs: &[Facts]) -> Vec<Complaint> {
        let from = inputs.first().cloned().unwrap_or_default();
        let own = [self.length(), self.nesterov(), self.smoothed(), self.learned(&from)];
        let own = own.into_iter().flatten();
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
            (Some(_), Some(_)) => Some(Complaint::new(&["epochs"], "both `steps` and `epochs` are given")),
            _ => None,
        }
    }

    fn smoothed(&self) -> Option<Complaint> {
        let message = "`label_smoothing` is a matter of cross-entropy";
        let both = self.loss == Loss::Mse && self.label_smoothing > 0.0;
        both.then(|| Complaint::new(&["label_smoothing"], message).hint("leave one of the two out"))
    }

    fn learned(&self, from: &Facts) -> Option<Complaint> {
        let learned = from.learned_labels && self.loss == Loss::CrossEntropy;
        let message = "cross-entropy with learned labels, which are no probabilities, has no minimum";
        learned.then(|| {
            Complaint::new(&["from"], message).hint("set `loss = \"mse\"`").against("from", &["method"])
        })
    }

    fn nesterov(&self) -> Option<Complaint> {
        let Optimizer::Sgd(Sgd { nesterov: true, momentum, .. }) = self.optimizer else { return None };
        let field = ["optimizer", "sgd", "nesterov"];
        (momentum == 0.0).then(|| Complaint::new(&field, "Nesterov's look-ahead needs `momentum` above 0"))
    }
}
