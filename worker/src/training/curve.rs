//! The curve of a training: figures at evenly spaced steps.

use std::path::Path;

use anyhow::{Context, Result};

use crate::figures::{cell, rounded};

/// A rise of the validation accuracy in the last fifth that says: not finished.
const STILL_RISING: f64 = 0.01;
const LAST_FIFTH: f64 = 0.8;

/// Figures at one step. Accuracies are fractions; the training's own are means over the steps since the last point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Steps done.
    pub step: u64,
    pub epoch: f64,
    pub train_loss: f64,
    pub train_accuracy: f64,
    /// Loss and accuracy, where there are validation images.
    pub valid: Option<[f64; 2]>,
    /// Accuracy on the test split, where that was asked for; for reporting alone.
    pub test: Option<f64>,
    /// Of the last step.
    pub lr: f64,
    /// Since the training began, in all attempts.
    pub secs: f64,
}

/// Points so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve(pub Vec<Point>);

/// Whether figures are taken once `done` of `total` steps are done, at `points` points in all; the last is the end.
pub fn is_point(done: u64, total: u64, points: u32) -> bool {
    let points = u64::from(points).min(total);
    // The k-th point is at ⌈k · total / points⌉.
    let before = |done: u64| u128::from(done) * u128::from(points) / u128::from(total.max(1));
    done > 0 && before(done) > before(done - 1)
}

impl Curve {
    /// Whether the best validation accuracy in the last fifth is more than a point above the best before it; `None`
    /// where the curve cannot tell.
    pub fn undertrained(&self, total: u64) -> Option<bool> {
        let late = |point: &Point| point.step as f64 > LAST_FIFTH * total as f64;
        let best = |wanted: bool| {
            let accuracies =
                self.0.iter().filter(|point| late(point) == wanted).filter_map(|point| point.valid);
            accuracies.map(|[_, accuracy]| accuracy).reduce(f64::max)
        };
        Some(best(true)? - best(false)? > STILL_RISING + 1e-9)
    }

    /// The point at which the network did best on validation images: highest accuracy, then lowest loss, then first.
    pub fn best(&self) -> Option<&Point> {
        let scored = self.0.iter().filter_map(|point| Some((point, point.valid?)));
        let better = |[loss, accuracy]: [f64; 2], [least, most]: [f64; 2]| {
            accuracy > most || (accuracy == most && loss < least)
        };
        let best = scored.reduce(|best, next| if better(next.1, best.1) { next } else { best });
        best.map(|(point, _)| point)
    }

    /// The point with the highest accuracy on the test split, the first of equals.
    pub fn best_on_test(&self) -> Option<(u64, f64)> {
        let scored = self.0.iter().filter_map(|point| Some((point.step, point.test?)));
        scored.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// Points since the best one.
    pub fn stalled(&self) -> u32 {
        let best = self.best().map_or(0, |best| best.step);
        self.0.iter().filter(|point| point.step > best).count() as u32
    }

    /// Writes `curves.csv`.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut header =
            vec!["step", "epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "lr"];
        header.extend(self.best_on_test().map(|_| "test_accuracy"));
        write_table(path, &header, self.0.iter().map(row))
    }

    /// Writes `curve_times.csv`: when each point was reached.
    pub fn write_times(&self, path: &Path) -> Result<()> {
        let row = |point: &Point| vec![point.step.to_string(), rounded(point.secs).to_string()];
        write_table(path, &["step", "secs"], self.0.iter().map(row))
    }
}

fn row(point: &Point) -> Vec<String> {
    let valid = |place: usize| cell(point.valid.map(|figures| figures[place]));
    let train = [point.epoch, point.train_loss, point.train_accuracy].map(|figure| cell(Some(figure)));
    let mut row = vec![point.step.to_string()];
    row.extend(train);
    // Learning rates end at 10⁻⁸ and less: digits that count, not decimals.
    row.extend([valid(0), valid(1), format!("{:.6e}", point.lr)]);
    row.extend(point.test.map(|accuracy| cell(Some(accuracy))));
    row
}

/// Writes a CSV file.
pub fn write_table<'a>(
    path: &Path,
    header: &[impl AsRef<[u8]>],
    rows: impl Iterator<Item = Vec<String>> + 'a,
) -> Result<()> {
    let failed = || format!("cannot write `{}`", path.display());
    let mut table = csv::Writer::from_path(path).with_context(failed)?;
    table.write_record(header).with_context(failed)?;
    for row in rows {
        table.write_record(&row).with_context(failed)?;
    }
    table.flush().with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(accuracies: &[f64]) -> Curve {
        let point = |(place, accuracy): (usize, &f64)| Point {
            step: 10 * (place as u64 + 1),
            epoch: 0.0,
            train_loss: 0.0,
            train_accuracy: 0.0,
            valid: Some([0.0, *accuracy]),
            test: None,
            lr: 0.0,
            secs: 0.0,
        };
        Curve(accuracies.iter().enumerate().map(point).collect())
    }

    #[test]
    fn points_are_evenly_spaced_and_end_with_the_training() {
        let points =
            |total, points| (0..=total).filter(|d| is_point(*d, total, points)).collect::<Vec<u64>>();
        assert_eq!(points(100, 4), [25, 50, 75, 100]);
        assert_eq!(points(10, 3), [4, 7, 10]);
        assert_eq!(points(3, 20), [1, 2, 3]);
    }

    #[test]
    fn a_training_that_still_rose_by_more_than_a_point_is_undertrained() {
        assert_eq!(curve(&[0.2, 0.5, 0.6, 0.7, 0.72]).undertrained(50), Some(true));
        assert_eq!(curve(&[0.2, 0.5, 0.6, 0.7, 0.71]).undertrained(50), Some(false));
        assert_eq!(curve(&[0.2, 0.75, 0.6, 0.7, 0.72]).undertrained(50), Some(false));
        assert_eq!(curve(&[]).undertrained(50), None);
    }

    #[test]
    fn the_best_point_is_the_first_of_the_most_accurate_ones_with_the_least_loss() {
        let best = |curve: &Curve| curve.best().map(|point| point.step);
        let mut rising = curve(&[0.2, 0.7, 0.5, 0.7, 0.7]);
        assert_eq!((best(&rising), rising.stalled()), (Some(20), 3));
        rising.0[3].valid = Some([-0.5, 0.7]);
        assert_eq!((best(&rising), rising.stalled()), (Some(40), 1));
        let mut unseen = curve(&[0.2, 0.7]);
        unseen.0.iter_mut().for_each(|point| point.valid = None);
        assert_eq!(best(&unseen), None);
    }
}
