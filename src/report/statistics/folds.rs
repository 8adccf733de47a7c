//! Folds of one cross-validation: they share training images, so that their differences are no independent pairs.

use super::spread::{Difference, Spread};

/// The corrected t of Nadeau & Bengio (2003): the variance of the mean over folds is taken as
/// `s² (1 / folds + test / train)`, where `test_to_train` is the number of test images a fold over that of its training
/// images. `None` for no folds.
pub fn nadeau_bengio(differences: &[f64], test_to_train: f64) -> Option<Difference> {
    let spread = Spread::of(differences)?;
    let share = 1.0 / spread.n as f64 + test_to_train;
    let error = spread.sd.unwrap_or(0.0) * share.sqrt();
    Some(Difference::by_student(spread.mean, error, (spread.n - 1) as f64))
}

#[cfg(test)]
mod tests {
    use super::super::paired;
    use super::super::scipy::{DIFFERENCES, close, figure};
    use super::*;

    #[test]
    fn five_folds_agree_with_the_formula_worked_out_in_scipy() {
        let difference = nadeau_bengio(&DIFFERENCES[..5], 0.25).unwrap();
        let (low, high) = difference.interval.unwrap();
        close(low, figure("folds_low"));
        close(high, figure("folds_high"));
        close(difference.p.unwrap(), figure("folds_p"));
    }

    #[test]
    fn shared_training_images_widen_the_interval_of_pairs() {
        let width = |difference: Option<Difference>| {
            difference.and_then(|difference| difference.interval).map(|(low, high)| high - low).unwrap()
        };
        let plain = width(paired(&DIFFERENCES[..5]));
        // √((1/5 + 1/4) / (1/5)) = 1.5
        close(width(nadeau_bengio(&DIFFERENCES[..5], 0.25)), 1.5 * plain);
    }
}
