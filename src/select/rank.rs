//! Candidates by their means over trials: which is best, and the table that says why.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::Value;

use super::figures::Figures;
use crate::recipe::Metric;

/// Values of the axes that are chosen, and what trials with them came to.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub values: BTreeMap<String, Value>,
    pub figures: Vec<Figures>,
}

/// Means closer than this are equal: figures are rounded to as much.
const EQUAL: f64 = 1e-9;

/// The place of the best candidate; of equal ones by both figures, the first. One of which a trial diverged is out.
pub fn best(candidates: &[Candidate], metric: Metric) -> Option<usize> {
    let sound = (0..candidates.len()).filter(|place| candidates[*place].diverged() == 0);
    sound.reduce(|best, next| match candidates[next].against(&candidates[best], metric) {
        Ordering::Greater => next,
        _ => best,
    })
}

impl Candidate {
    fn diverged(&self) -> usize {
        self.figures.iter().filter(|figures| figures.diverged).count()
    }

    fn mean(&self, get: fn(&Figures) -> Option<f64>) -> Option<f64> {
        let values = self.figures.iter().map(get).collect::<Option<Vec<f64>>>()?;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Greater is better.
    fn against(&self, other: &Candidate, metric: Metric) -> Ordering {
        let accuracy = || compare(self.mean(|one| one.accuracy), other.mean(|one| one.accuracy));
        let loss = || compare(other.mean(|one| one.loss), self.mean(|one| one.loss));
        match metric {
            Metric::Accuracy => accuracy().then_with(loss),
            Metric::Loss => loss().then_with(accuracy),
        }
    }
}

/// What is not known decides nothing.
fn compare(one: Option<f64>, other: Option<f64>) -> Ordering {
    match one.zip(other) {
        Some((one, other)) if (one - other).abs() > EQUAL => one.total_cmp(&other),
        _ => Ordering::Equal,
    }
}

/// What stands right of the axes in `trials.csv`.
const COLUMNS: [&str; 6] =
    ["trials", "diverged", "valid_accuracy_mean", "valid_accuracy_least", "valid_loss_mean", "chosen"];

/// `trials.csv`: a row a candidate, in the order of the axes.
pub fn table(candidates: &[Candidate], chosen: usize) -> Result<Vec<u8>> {
    let axes: BTreeSet<&String> = candidates.iter().flat_map(|candidate| candidate.values.keys()).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let column =
        |axis: &String| if COLUMNS.contains(&&**axis) { format!("axis.{axis}") } else { axis.clone() };
    writer.write_record(axes.iter().map(|axis| column(axis)).chain(COLUMNS.map(str::to_string)))?;
    for (place, candidate) in candidates.iter().enumerate() {
        let number = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.6}"));
        let least = candidate.figures.iter().filter_map(|one| one.accuracy).reduce(f64::min);
        let values = axes.iter().map(|axis| candidate.values.get(*axis).map_or(String::new(), plain));
        writer.write_record(values.chain([
            candidate.figures.len().to_string(),
            candidate.diverged().to_string(),
            number(candidate.mean(|one| one.accuracy)),
            number(least),
            number(candidate.mean(|one| one.loss)),
            (place == chosen).to_string(),
        ]))?;
    }
    Ok(writer.into_inner()?)
}

/// A value as tables show it: a labelled one by its name.
fn plain(value: &Value) -> String {
    match value.get("name").unwrap_or(value) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn candidate(lr: f64, figures: &[(f64, f64)]) -> Candidate {
        let of = |(accuracy, loss): &(f64, f64)| Figures {
            accuracy: Some(*accuracy),
            loss: Some(*loss),
            diverged: false,
        };
        let values = BTreeMap::from([("lr".to_string(), json!(lr))]);
        Candidate { values, figures: figures.iter().map(of).collect() }
    }

    #[test]
    fn the_best_mean_is_chosen_and_not_the_best_trial() {
        let candidates = [
            candidate(0.1, &[(0.9, 1.0), (0.3, 1.0)]),
            candidate(0.01, &[(0.7, 2.0), (0.6, 2.0)]),
            candidate(0.001, &[(0.5, 0.5), (0.5, 0.5)]),
        ];
        assert_eq!(best(&candidates, Metric::Accuracy), Some(1));
        assert_eq!(best(&candidates, Metric::Loss), Some(2));
    }

    #[test]
    fn of_equal_ones_the_other_figure_decides_and_then_the_order() {
        let equal =
            [candidate(0.1, &[(0.5, 1.0)]), candidate(0.2, &[(0.5, 0.9)]), candidate(0.3, &[(0.5, 0.9)])];
        assert_eq!(best(&equal, Metric::Accuracy), Some(1));
        let by_loss = [candidate(0.1, &[(0.5, 1.0)]), candidate(0.2, &[(0.6, 1.0)])];
        assert_eq!(best(&by_loss, Metric::Loss), Some(1));
    }

    #[test]
    fn a_candidate_that_diverged_once_is_out() {
        let mut diverged = candidate(0.1, &[(0.9, 0.1), (0.9, 0.1)]);
        diverged.figures[1] = Figures { accuracy: None, loss: None, diverged: true };
        assert_eq!(best(&[diverged.clone(), candidate(0.2, &[(0.4, 1.0)])], Metric::Accuracy), Some(1));
        assert_eq!(best(&[diverged], Metric::Accuracy), None);
    }

    #[test]
    fn the_table_says_what_was_tried_how_often_and_what_came_of_it() {
        let mut candidates = [candidate(0.1, &[(0.5, 1.0), (0.7, 2.0)]), candidate(0.2, &[(0.4, 1.0)])];
        candidates[0].values.insert("trials".into(), json!({ "name": "few", "x": 1 }));
        candidates[1].figures[0] = Figures { accuracy: None, loss: None, diverged: true };
        let text = String::from_utf8(table(&candidates, 0).unwrap()).unwrap();
        assert_eq!(
            text,
            "lr,axis.trials,trials,diverged,valid_accuracy_mean,valid_accuracy_least,valid_loss_mean,chosen\n\
             0.1,few,2,0,0.600000,0.500000,1.500000,true\n\
             0.2,,1,1,,,,false\n"
        );
    }
}
