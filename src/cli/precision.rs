//! What `precision = "auto"` came to on this machine, as a plan says it.

use serde_json::{Value, json};

use super::machine;
use crate::engine::{Plan, State};
use crate::experiment::Experiment;
use crate::recipe::{Precision, Recipe};

/// What it came to, where a training asks for it that is part of the plan.
pub struct Settled {
    precision: Precision,
    reason: String,
}

impl Settled {
    pub fn of(experiment: &Experiment, plan: &Plan) -> Option<Settled> {
        let stages = experiment.recipes.iter().enumerate();
        let asked = stages.filter(|(id, _)| plan.states[*id] != State::NotAsked);
        let mut asked = asked.filter(|(id, _)| experiment.leaves_precision_open[*id]);
        let (id, precision) = asked.find_map(|(id, recipe)| match recipe {
            Recipe::Train(train) => Some((id, train.precision)),
            _ => None,
        })?;
        let unit = match experiment.graph.stages[id].needs.cuda {
            true => Some("the GPU"),
            false => machine::bf16_unit(),
        };
        let reason = unit.map_or_else(|| "no unit here multiplies bf16 faster".to_string(), str::to_string);
        Some(Settled { precision, reason })
    }

    /// ``precision `auto`: bf16 (AMX)``
    pub fn line(&self) -> String {
        format!("precision `auto`: {} ({})", self.name(), self.reason)
    }

    pub fn as_value(&self) -> Value {
        json!({ "precision": self.precision, "reason": self.reason })
    }

    fn name(&self) -> &'static str {
        match self.precision {
            Precision::Bf16 => "bf16",
            Precision::Fp32 | Precision::Auto => "fp32",
        }
    }
}
