//! How networks learnt: the points of their curves, and the mean of a group with its spread.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::super::runs::Row;
use super::super::statistics::Spread;
use super::super::trace;
use super::facts::Facts;
use crate::recipe::files;

/// A look at a network while it is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub step: f64,
    pub epoch: f64,
    /// Since the training began.
    pub secs: Option<f64>,
    /// Drawn since its stage began.
    pub joules: Option<f64>,
    /// Of the validation split, 0..1.
    pub accuracy: f64,
}

/// The mean of the runs of a group at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    pub step: f64,
    pub epoch: f64,
    pub secs: Option<f64>,
    pub joules: Option<f64>,
    pub accuracy: Spread,
}

#[derive(Deserialize)]
struct CurveRow {
    step: f64,
    #[serde(default)]
    epoch: Option<f64>,
    #[serde(default)]
    valid_accuracy: Option<f64>,
}

#[derive(Deserialize)]
struct TimeRow {
    step: f64,
    secs: f64,
}

/// The curve of each run of a group that left one.
///
/// # Errors
/// A curve is there and cannot be read.
pub fn curves(facts: &Facts, side: usize) -> Result<Vec<Vec<Point>>> {
    let rows = &facts.side(side).group.rows;
    let all = rows.iter().map(|row| curve(facts, row)).collect::<Result<Vec<_>>>()?;
    Ok(all.into_iter().filter(|points| !points.is_empty()).collect())
}

fn curve(facts: &Facts, row: &Row) -> Result<Vec<Point>> {
    let found = facts.evidence.place(row).and_then(|(stored, evaluate)| {
        let train = stored.launch.input(evaluate, "of")?;
        Some((
            stored.content(train, files::CURVES)?,
            stored.measured(train, "curve_times.csv"),
            stored,
            train,
        ))
    });
    let Some((curve, times, stored, train)) = found else { return Ok(Vec::new()) };
    let times: Vec<TimeRow> = times.map_or(Ok(Vec::new()), |path| read(&path))?;
    let reached: Vec<f64> = times.iter().map(|time| time.secs).collect();
    let joules = trace::joules_at(stored, train, &reached)?;
    let place = |step: f64| times.iter().position(|time| time.step == step);
    let point = |row: CurveRow| {
        let accuracy = row.valid_accuracy?;
        let place = place(row.step);
        let secs = place.map(|place| reached[place]);
        let joules = place.and_then(|place| Some(joules.as_ref()?[place]));
        Some(Point { step: row.step, epoch: row.epoch.unwrap_or(0.0), secs, joules, accuracy })
    };
    Ok(read::<CurveRow>(&curve)?.into_iter().filter_map(point).collect())
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let damaged = || format!("`{}` is no curve", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(damaged)?;
    reader.deserialize().collect::<Result<_, _>>().with_context(damaged)
}

/// The mean over runs, at the steps that all of them were looked at.
pub fn mean(curves: &[Vec<Point>]) -> Vec<Mean> {
    let mut by_step: BTreeMap<u64, Vec<&Point>> = BTreeMap::new();
    for point in curves.iter().flatten() {
        by_step.entry(point.step as u64).or_default().push(point);
    }
    let of = |points: Vec<&Point>| {
        let accuracies: Vec<f64> = points.iter().map(|point| point.accuracy).collect();
        let all = |get: fn(&Point) -> Option<f64>| {
            points.iter().map(|point| get(point)).collect::<Option<Vec<f64>>>()
        };
        let mean = |values: Vec<f64>| Spread::of(&values).map(|spread| spread.mean);
        Some(Mean {
            step: points[0].step,
            epoch: mean(points.iter().map(|point| point.epoch).collect())?,
            secs: all(|point| point.secs).and_then(mean),
            joules: all(|point| point.joules).and_then(mean),
            accuracy: Spread::of(&accuracies)?,
        })
    };
    by_step.into_values().filter(|points| points.len() == curves.len()).filter_map(of).collect()
}

/// What `get` tells (seconds, joules) when a run first reached a validation accuracy, between looks at it in proportion;
/// `None` where it never did, or that is not known.
pub fn reached(curve: &[Point], accuracy: f64, get: fn(&Point) -> Option<f64>) -> Option<f64> {
    let at = curve.iter().position(|point| point.accuracy >= accuracy)?;
    let after = curve[at];
    let (before, start) = match at.checked_sub(1).map(|before| curve[before]) {
        Some(before) => (before.accuracy, get(&before)?),
        None => return get(&after),
    };
    let share = (accuracy - before) / (after.accuracy - before);
    Some(start + share * (get(&after)? - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(accuracies: &[f64]) -> Vec<Point> {
        let point = |(index, accuracy): (usize, &f64)| {
            let step = 100.0 * (index + 1) as f64;
            let secs = Some(step / 50.0);
            Point { step, epoch: step / 10.0, secs, joules: Some(step), accuracy: *accuracy }
        };
        accuracies.iter().enumerate().map(point).collect()
    }

    #[test]
    fn runs_are_averaged_at_the_steps_that_all_have() {
        let means = mean(&[curve(&[0.2, 0.4, 0.6]), curve(&[0.4, 0.6])]);
        assert_eq!(means.len(), 2);
        assert!((means[1].accuracy.mean - 0.5).abs() < 1e-12 && means[1].secs == Some(4.0));
    }

    #[test]
    fn an_accuracy_is_reached_between_two_looks() {
        let curve = curve(&[0.2, 0.4, 0.6]);
        assert_eq!(
            [0.1, 0.3, 0.6, 0.7].map(|accuracy| reached(&curve, accuracy, |point| point.secs)),
            [Some(2.0), Some(3.0), Some(6.0), None]
        );
        assert_eq!(reached(&curve, 0.3, |point| point.joules), Some(150.0));
    }
}
