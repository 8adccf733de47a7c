//! `select`: which candidate did best on validation images. Knows nothing of what was tried but its figures.

mod figures;
mod rank;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::engine::Task;
use crate::recipe::{Metric, Select, files};
use figures::{Figures, read};
use rank::{Candidate, best};

/// What the stage is told.
#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    metric: Metric,
    /// Of each input, the values that it tries.
    trials: Vec<BTreeMap<String, Value>>,
}

/// Does the stage: from the trials in roles `of.N` to `choice.json`, the values of the best candidate by axis, and
/// `trials.csv`, what the choice rests on. Who takes a choice reads the first alone.
///
/// # Errors
/// A trial has no figures of validation images, or none of the candidates came to any.
pub fn select(task: &Task) -> Result<()> {
    let Parameters { metric, trials } = task.parameters()?;
    task.started(None);
    let mut candidates: Vec<Candidate> = Vec::new();
    for (place, values) in trials.iter().enumerate() {
        let figures = figures_of(task, &Select::role(place))?;
        match candidates.iter_mut().find(|candidate| candidate.values == *values) {
            Some(candidate) => candidate.figures.push(figures),
            None => candidates.push(Candidate { values: values.clone(), figures: vec![figures] }),
        }
        task.progress(place as u64 + 1, trials.len() as u64, "trial", &[]);
    }
    let chosen = best(&candidates, metric).context(
        "every candidate diverged in some trial: there is nothing to choose\nhint: try lower learning rates",
    )?;
    let mut text = serde_json::to_string_pretty(&candidates[chosen].values)?;
    text.push('\n');
    write(&task.content(files::CHOICE), text.as_bytes())?;
    write(&task.content(files::TRIALS), &rank::table(&candidates, chosen)?)
}

fn figures_of(task: &Task, role: &str) -> Result<Figures> {
    let path = task.input(role, files::TRAINING).or_else(|_| task.input(role, files::METRICS));
    let path =
        path.with_context(|| format!("`{}` is neither a training nor scores", task.input_label(role)))?;
    let figures = read(path)?;
    ensure!(
        figures.diverged || figures.accuracy.is_some(),
        "`{}` has no figures of validation images\nhint: `per_class.valid` of the subset says how many it has",
        task.input_label(role)
    );
    Ok(figures)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
}
