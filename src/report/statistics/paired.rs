//! Two samples that share something, value by value: Student's t of the differences.

use super::spread::{Difference, Spread};

/// The mean of the differences of pairs; `None` for no pairs.
pub fn paired(differences: &[f64]) -> Option<Difference> {
    let spread = Spread::of(differences)?;
    let error = spread.standard_error().unwrap_or(0.0);
    Some(Difference::by_student(spread.mean, error, (spread.n - 1) as f64))
}

#[cfg(test)]
mod tests {
    use super::super::scipy::{DIFFERENCES, close, figure};
    use super::*;

    #[test]
    fn pairs_agree_with_scipy() {
        let difference = paired(&DIFFERENCES).unwrap();
        let (low, high) = difference.interval.unwrap();
        close(low, figure("paired_low"));
        close(high, figure("paired_high"));
        close(difference.p.unwrap(), figure("paired_p"));
    }

    #[test]
    fn one_pair_or_equal_differences_have_no_interval() {
        assert_eq!(paired(&[0.1]).unwrap().interval, None);
        assert_eq!(paired(&[0.1, 0.1]).unwrap().p, None);
        assert_eq!(paired(&[]), None);
    }
}
