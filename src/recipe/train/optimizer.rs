//! What turns gradients into updates, by name.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::super::choice::choice;
use crate::recipe::Complaint;

choice! {
    /// What turns gradients into updates.
    pub enum Optimizer {
        /// Stochastic gradient descent.
        "sgd" => Sgd @ 1,
        /// Adam (Kingma & Ba 2015); weight decay is added to the gradient.
        "adam" => Adam @ 1,
        /// Adam with decoupled weight decay (Loshchilov & Hutter 2019).
        "adamw" => AdamW @ 1,
        /// AdamW whose step on each layer is as large as the layer's weights are, for large batches (You et al. 2020); norms
        /// and biases take Adam's.
        "lamb" => Lamb @ 1,
        /// Momentum whose step on each layer is made orthogonal by Newton-Schulz (Jordan et al. 2024); the last layer,
        /// depthwise convolutions, norms, biases and positions take AdamW's.
        "muon" => Muon @ 1,
    }
}

/// A learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Rate {
    Of(f64),
    FromSet(Learned),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Learned {
    /// The rate that was learned with the set.
    Learned,
}

fn rates(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [
        { "type": "number", "minimum": 0.0 },
        { "type": "string", "enum": ["learned"] },
    ] })
}

impl From<f64> for Rate {
    fn from(lr: f64) -> Rate {
        Rate::Of(lr)
    }
}

impl Optimizer {
    /// Values that it keeps of each weight from one step to the next: a momentum, or running means of the gradient and of
    /// its square.
    pub fn values_kept(&self) -> u64 {
        match self {
            Optimizer::Sgd(Sgd { momentum, .. }) => u64::from(*momentum != 0.0),
            _ => 2,
        }
    }

    /// Whether its learning rate is the one that was learned with the set.
    pub fn learned_rate(&self) -> bool {
        matches!(self, Optimizer::Sgd(Sgd { lr: Rate::FromSet(_), .. }))
    }

    /// The same with the learning rate that was learned with the set, where it takes that.
    pub fn at_rate(self, lr: f64) -> Optimizer {
        match self {
            Optimizer::Sgd(sgd @ Sgd { lr: Rate::FromSet(_), .. }) => {
                Optimizer::Sgd(Sgd { lr: lr.into(), ..sgd })
            }
            other => other,
        }
    }

    /// A learned rate where no distilled set is trained on.
    pub(in crate::recipe) fn no_set_to_learn_from(&self) -> Option<Complaint> {
        let message = "a learned rate belongs to a distilled set, and only `[train.NAME]` trains on one";
        let complaint = || Complaint::new(&["optimizer", "sgd", "lr"], message).hint("give `lr` a number");
        self.learned_rate().then(complaint)
    }

    /// Settings with which no step can be made, or not as meant. Fields start at `optimizer`.
    pub(in crate::recipe) fn complaints(&self) -> Vec<Complaint> {
        match self {
            Optimizer::Sgd(sgd) => idle_nesterov(sgd).into_iter().collect(),
            Optimizer::Adam(Adam { betas, eps, .. })
            | Optimizer::AdamW(AdamW { betas, eps, .. })
            | Optimizer::Lamb(Lamb { betas, eps, .. }) => {
                wrong_betas(self.name(), *betas).chain(no_eps(self.name(), *eps)).collect()
            }
            Optimizer::Muon(_) => Vec::new(),
        }
    }
}

/// Nesterov's look-ahead at a momentum that is not there.
fn idle_nesterov(sgd: &Sgd) -> Option<Complaint> {
    let idle = sgd.nesterov && sgd.momentum == 0.0;
    let message = "Nesterov's look-ahead needs `momentum` above 0";
    let complaint = || Complaint::new(&["optimizer", "sgd", "nesterov"], message);
    idle.then(|| complaint().hint("`momentum = 0.9` is usual; or leave `nesterov` out"))
}

/// A running mean is one between its past and the present only where its decay is a share.
fn wrong_betas(name: &str, betas: [f64; 2]) -> impl Iterator<Item = Complaint> {
    let wrong = betas.into_iter().enumerate().filter(|(_, beta)| !(0.0..1.0).contains(beta));
    wrong.map(move |(place, beta)| {
        let field = ["optimizer", name, "betas", &place.to_string()];
        let message = format!("a decay of {beta} in `betas`: each must be 0 or more, and below 1");
        Complaint::new(&field, message).hint("`betas = [0.9, 0.999]` is usual")
    })
}

fn no_eps(name: &str, eps: f64) -> Option<Complaint> {
    let message = "with `eps` of 0, a weight whose gradient stays 0 takes a step of 0 / 0";
    let complaint = || Complaint::new(&["optimizer", name, "eps"], message);
    (eps == 0.0).then(|| complaint().hint("`eps = 1e-8` is usual"))
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// Learning rate, at its highest. `"learned"` takes the one in `student.json` of the set that a `[train.NAME]` is trained
    /// on, which `trajectory-matching` and `difficulty-aligned` learn.
    #[schemars(schema_with = "rates")]
    pub lr: Rate,
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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lamb {
    /// Learning rate, at its highest.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Decay of the running mean and of the running square of the gradient.
    pub betas: [f64; 2],
    #[schemars(range(min = 0.0))]
    pub eps: f64,
    /// Added to Adam's step as weight × this, ahead of its scaling; not for norms and biases.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

impl Default for Lamb {
    fn default() -> Lamb {
        Lamb { lr: 5e-3, betas: [0.9, 0.999], eps: 1e-6, weight_decay: 0.01 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Muon {
    /// Learning rate, at its highest; times √(outputs / inputs) for layers with more outputs than inputs.
    #[schemars(range(min = 1e-9))]
    pub lr: f64,
    /// Of the gradient's running mean, with Nesterov's look-ahead.
    #[schemars(range(min = 0.0, max = 0.9999))]
    pub momentum: f64,
    /// Share of each weight taken off in a step, times the learning rate; not for norms and biases.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Iterations of Newton-Schulz.
    #[schemars(range(min = 1, max = 20))]
    pub iterations: u32,
    /// Highest learning rate of what AdamW takes; its betas are .9 and .999.
    #[schemars(range(min = 0.0))]
    pub adam_lr: f64,
}

impl Default for Muon {
    fn default() -> Muon {
        Muon { lr: 0.02, momentum: 0.95, weight_decay: 0.01, iterations: 5, adam_lr: 1e-3 }
    }
}
