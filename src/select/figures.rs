//! What a trial came to on validation images, as its training or its scores say.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Figures of one trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Share of validation images that it gets right, 0..1; `None` where it has none.
    pub accuracy: Option<f64>,
    /// Mean loss on them.
    pub loss: Option<f64>,
    /// Its loss came to be no number.
    pub diverged: bool,
}

/// `training.json` or `metrics.json`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Held {
    valid_accuracy: Option<f64>,
    valid_loss: Option<f64>,
    ended_by: Option<String>,
    accuracy: Option<f64>,
    loss: Option<f64>,
    split: Option<String>,
}

/// Reads what a training or an evaluation left.
///
/// # Errors
/// Scores of another split than `valid`.
pub fn read(path: &Path) -> Result<Figures> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let held: Held = serde_json::from_slice(&bytes)
        .with_context(|| format!("`{}` does not hold what it should", path.display()))?;
    let diverged = held.ended_by.as_deref() == Some("divergence");
    if let Some(split) = &held.split {
        ensure!(split == "valid", "a choice goes by validation images, and these are scores of `{split}`");
        return Ok(Figures { accuracy: held.accuracy, loss: held.loss, diverged });
    }
    Ok(Figures { accuracy: held.valid_accuracy, loss: held.valid_loss, diverged })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Figures> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn a_training_is_judged_by_its_validation_and_scores_by_themselves() {
        let trained = of(r#"{"steps": 3, "train_accuracy": 1.0, "valid_accuracy": 0.5, "valid_loss": 1.2}"#);
        assert_eq!(trained.unwrap(), Figures { accuracy: Some(0.5), loss: Some(1.2), diverged: false });
        let scored = of(r#"{"accuracy": 0.25, "loss": 2.0, "split": "valid", "images": 4}"#);
        assert_eq!(scored.unwrap(), Figures { accuracy: Some(0.25), loss: Some(2.0), diverged: false });
        assert!(of(r#"{"ended_by": "divergence"}"#).unwrap().diverged);
    }

    #[test]
    fn scores_of_the_test_split_are_refused() {
        let refused = of(r#"{"accuracy": 0.25, "loss": 2.0, "split": "test"}"#).unwrap_err().to_string();
        assert!(refused.contains("scores of `test`"), "{refused}");
    }
}
