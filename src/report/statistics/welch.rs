//! Two samples that share nothing: Welch's t.

use super::spread::{Difference, Spread};

/// `of` minus `baseline`, as independent samples of unequal variance (Welch 1947).
pub fn difference(of: &Spread, baseline: &Spread) -> Difference {
    let mean = of.mean - baseline.mean;
    let (Some(a), Some(b)) = (of.standard_error(), baseline.standard_error()) else {
        return Difference { mean, interval: None, p: None };
    };
    let freedom = satterthwaite(&[(a * a, (of.n - 1) as f64), (b * b, (baseline.n - 1) as f64)]);
    Difference::by_student(mean, (a * a + b * b).sqrt(), freedom)
}

/// Degrees of freedom of a sum of variances, each with its own (Satterthwaite 1946).
pub fn satterthwaite(parts: &[(f64, f64)]) -> f64 {
    let sum: f64 = parts.iter().map(|(variance, _)| variance).sum();
    sum.powi(2) / parts.iter().map(|(variance, freedom)| variance * variance / freedom).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::super::scipy::close;
    use super::*;

    const A: [f64; 5] = [0.62, 0.66, 0.61, 0.64, 0.63];
    const B: [f64; 4] = [0.50, 0.58, 0.47, 0.55];

    // scipy 1.17.1: stats.ttest_ind(A, B, equal_var=False), .confidence_interval(0.95)
    #[test]
    fn a_difference_of_means_agrees_with_scipy() {
        let difference = difference(&Spread::of(&A).unwrap(), &Spread::of(&B).unwrap());
        close(difference.mean, 0.107);
        let (low, high) = difference.interval.unwrap();
        close(low, 0.032381289036117616);
        close(high, 0.18161871096388235);
        close(difference.p.unwrap(), super::super::scipy::figure("welch_p"));
        assert!(difference.is_clear());
    }

    #[test]
    fn a_side_of_one_value_leaves_the_interval_unknown() {
        let unknown = difference(&Spread::of(&[0.5]).unwrap(), &Spread::of(&A).unwrap());
        assert!(unknown.interval.is_none() && unknown.p.is_none() && !unknown.is_clear());
    }

    #[test]
    fn values_that_do_not_differ_claim_no_interval_of_a_difference() {
        let (same, other) = (Spread::of(&[0.5, 0.5]).unwrap(), Spread::of(&[0.25, 0.25]).unwrap());
        assert_eq!(difference(&same, &other), Difference { mean: 0.25, interval: None, p: None });
    }
}
