//! How the learning rate moves over the training, by name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::choice::choice;
use crate::recipe::Complaint;

choice! {
    /// How the learning rate moves over the training.
    pub enum Schedule {
        /// The same throughout, after a warm-up.
        "constant" => Constant @ 1,
        /// Up along a cosine, then down along one to almost nothing (Smith & Topin 2018).
        "one-cycle" => OneCycle @ 1,
        /// Down along a cosine, after a warm-up (Loshchilov & Hutter 2017).
        "cosine" => CosineDecay @ 1,
        /// Down along a line, after a warm-up.
        "linear" => LinearDecay @ 1,
        /// Multiplied by a factor at given points, after a warm-up.
        "step-down" => StepDown @ 1,
    }
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule::OneCycle(OneCycle::default())
    }
}

impl Schedule {
    /// Points at which it could not fall. Fields start at `schedule`.
    pub(super) fn complaints(&self) -> Vec<Complaint> {
        let Schedule::StepDown(StepDown { at, .. }) = self else { return Vec::new() };
        let wrong = at.iter().enumerate().filter(|(_, share)| !(**share > 0.0 && **share < 1.0));
        let complaint = |(place, share): (usize, &f64)| {
            let message = format!("the learning rate cannot fall after {share} of the training");
            Complaint::new(&["schedule", "step-down", "at", &place.to_string()], message)
                .hint("`at` lists shares of the training, not steps: 0.5 is its middle")
        };
        wrong.map(complaint).collect()
    }
}

fn is_none(share: &f64) -> bool {
    *share == 0.0
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Constant {
    /// Share of the training over which it rises along a line first.
    #[serde(skip_serializing_if = "is_none")]
    #[schemars(range(min = 0.0, max = 0.9), extend("default" = 0.0))]
    pub warm_up: f64,
}

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
    /// Shares of the training after which it falls, each above 0 and below 1.
    pub at: Vec<f64>,
    #[schemars(range(min = 0.0, max = 1.0))]
    pub factor: f64,
    /// Share of the training over which it rises along a line first.
    #[serde(skip_serializing_if = "is_none")]
    #[schemars(range(min = 0.0, max = 0.9), extend("default" = 0.0))]
    pub warm_up: f64,
}

impl Default for StepDown {
    fn default() -> StepDown {
        StepDown { at: vec![0.5], factor: 0.1, warm_up: 0.0 }
    }
}
