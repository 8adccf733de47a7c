//! Writes what a training leaves: weights, description, curve, summary.

use anyhow::{Context, Result};
use pipeline::engine::Task;
use pipeline::recipe::files;
use serde_json::{Value, json};

use super::run::{End, Plan};
use super::state::State;
use crate::figures::rounded;
use crate::models::{Description, weights};

/// Writes the artifact's files.
pub fn write(task: &Task, plan: &Plan, state: &State, end: End) -> Result<()> {
    let (parameters, buffers) = state.kept();
    let (path, whitening) = (task.content(files::WEIGHTS), plan.set.train.whitening());
    weights::write(&path, plan.network, parameters, buffers, whitening)?;
    describe(plan).write(&task.content(files::NETWORK))?;
    state.curve.write(&task.content(files::CURVES))?;
    state.curve.write_times(&task.measured("curve_times.csv"))?;
    let path = task.content(files::TRAINING);
    let text = serde_json::to_string_pretty(&summary(plan, state, end)).expect("names and numbers are JSON");
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

/// Figures are those of the weights that are left. What a training without `keep`, `patience` and budgets has no use for
/// is left out.
fn summary(plan: &Plan, state: &State, end: End) -> Value {
    let best = state.best.as_ref().and_then(|_| state.curve.best());
    let point = best.or(state.curve.0.last());
    let valid = point.and_then(|point| point.valid);
    let mut summary = json!({
        "steps": state.step,
        "epochs": rounded(state.step as f64 / plan.order.steps_per_epoch() as f64),
        "images": plan.set.train.len(),
        "batch": plan.order.batch(),
        "train_loss": point.map(|point| rounded(point.train_loss)),
        "train_accuracy": point.map(|point| rounded(point.train_accuracy)),
        "valid_loss": valid.map(|[loss, _]| rounded(loss)),
        "valid_accuracy": valid.map(|[_, accuracy]| rounded(accuracy)),
        "undertrained": state.curve.undertrained(state.step),
    });
    if let Some(best) = best {
        summary["kept_step"] = json!(best.step);
    }
    if let Some((step, accuracy)) = state.curve.best_on_test() {
        summary["best_test_accuracy"] = json!(rounded(accuracy));
        summary["best_test_step"] = json!(step);
    }
    match end {
        End::Whole => {}
        End::Plateau => summary["ended_by"] = json!("patience"),
        End::OutOfTime => summary["ended_by"] = json!("max_secs"),
        End::OutOfEnergy => summary["ended_by"] = json!("max_joules"),
        End::Diverged => forget_figures(&mut summary),
    }
    summary
}

/// The figures of the last point are not those of the weights that are left.
fn forget_figures(summary: &mut Value) {
    for name in ["train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "undertrained"] {
        summary[name] = Value::Null;
    }
    summary["ended_by"] = json!("divergence");
}
