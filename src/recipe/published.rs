//! `[published]`: what a paper reports of the setting that an experiment repeats.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a paper reports of the setting that the experiment repeats. `pipeline compare EXPERIMENT --against published` sets
/// its results beside it. Part of no key: it changes nothing that runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Mean accuracy on the test split, in percent.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub accuracy: f64,
    /// Standard deviation over the authors' runs, in points, where they give one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub sd: Option<f64>,
    /// Which accuracy of a training the authors report, so that like is set beside like.
    pub statistic: Statistic,
    /// Paper and table that the figure stands in.
    pub source: String,
    /// In what the experiment knowingly differs from the authors' setting, each in a few words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("default" = []))]
    pub differs: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// That of the weights at the end.
    Last,
    /// The best that any epoch had on the test split itself, which flatters. Trainings record it with `test_curve = true`.
    BestOnTest,
}

impl Statistic {
    /// As TOML and the tables write it.
    pub fn name(self) -> &'static str {
        match self {
            Statistic::Last => "last",
            Statistic::BestOnTest => "best-on-test",
        }
    }
}
