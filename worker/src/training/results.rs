//! Writes what a training leaves: weights, description, curve, summary.

use anyhow::{Context, Result};
use pipeline::engine::Task;
use pipeline::recipe::files;
use serde_json::{Value, json};

use super::run::Plan;
use super::state::State;
use crate::figures::rounded;
use crate::models::{Description, weights};

/// Writes the artifact's files.
pub fn write(task: &Task, plan: &Plan, state: &State) -> Result<()> {
    let (path, whitening) = (task.content(files::WEIGHTS), plan.set.train.whitening());
    weights::write(&path, plan.network, &state.parameters, &state.buffers, whitening)?;
    describe(plan).write(&task.content(files::NETWORK))?;
    state.curve.write(&task.content(files::CURVES))?;
    state.curve.write_times(&task.measured("curve_times.csv"))?;
    let path = task.content(files::TRAINING);
    let text = serde_json::to_string_pretty(&summary(plan, state)).expect("names and numbers are JSON");
    std::fs::write(&path, text + "\n").with_context(|| format!("cannot write `{}`", path.display()))
}

fn describe(plan: &Plan) -> Description {
    Description {
        name: plan.recipe.network.name().to_string(),
        network: plan.recipe.network.clone(),
        classes: plan.set.classes.clone(),
        image_size: plan.set.image_size,
        preprocess: plan.set.preprocess.clone(),
        whitened: plan.set.train.whitening().is_some(),
        parameters: plan.network.count(),
        precision: plan.recipe.precision,
    }
}

fn summary(plan: &Plan, state: &State) -> Value {
    let last = state.curve.0.last();
    let valid = last.and_then(|point| point.valid);
    json!({
        "steps": state.step,
        "epochs": rounded(state.step as f64 / plan.order.steps_per_epoch() as f64),
        "images": plan.set.train.len(),
        "batch": plan.order.batch(),
        "train_loss": last.map(|point| rounded(point.train_loss)),
        "train_accuracy": last.map(|point| rounded(point.train_accuracy)),
        "valid_loss": valid.map(|[loss, _]| rounded(loss)),
        "valid_accuracy": valid.map(|[_, accuracy]| rounded(accuracy)),
        "undertrained": state.curve.undertrained(plan.total),
    })
}
