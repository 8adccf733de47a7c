//! Pairs without a distribution: were the signs of the differences thrown by a coin?

use super::unit::Draws;

/// Every assignment of signs is looked at for so many pairs; of more, [`SAMPLED`] are drawn.
const EXACT: usize = 20;
const SAMPLED: u64 = 100_000;

/// The probability, over all assignments of signs to `differences`, that their sum lies at least as far from 0 (Fisher
/// 1935). Exact up to 20 pairs; above, 100,000 assignments are drawn from a fixed seed, and the observed one is counted
/// among them (Phipson & Smyth 2010). `None` for no pairs.
pub fn sign_flip(differences: &[f64]) -> Option<f64> {
    if differences.is_empty() {
        return None;
    }
    let observed = differences.iter().sum::<f64>().abs();
    // Sums of the same numbers in another order differ in their last digits.
    let least = observed - 1e-9 * differences.iter().map(|value| value.abs()).sum::<f64>();
    Some(if differences.len() <= EXACT { exact(differences, least) } else { sampled(differences, least) })
}

/// Half of all assignments suffice: the other half are their mirror images. Each differs from the one before in one sign.
fn exact(differences: &[f64], least: f64) -> f64 {
    let half = 1_u64 << (differences.len() - 1);
    let mut signed = differences.to_vec();
    let mut far = 0_u64;
    for step in 1..=half {
        // Summed anew, so that errors do not add up over a million steps.
        far += u64::from(signed.iter().sum::<f64>().abs() >= least);
        if step < half {
            let flipped = step.trailing_zeros() as usize;
            signed[flipped] = -signed[flipped];
        }
    }
    far as f64 / half as f64
}

fn sampled(differences: &[f64], least: f64) -> f64 {
    let far = (0..SAMPLED).filter(|draw| {
        let mut draws = Draws::at(*draw);
        let sum: f64 = differences.iter().map(|value| if draws.coin() { *value } else { -value }).sum();
        sum.abs() >= least
    });
    (far.count() as f64 + 1.0) / (SAMPLED as f64 + 1.0)
}

/// Pairs that are needed so that the least possible p of a sign-flip test reaches `alpha` when Holm's correction is over
/// so many comparisons of so many sides: ceil(log2(comparisons · sides / alpha)).
pub fn seeds_needed(comparisons: usize, sides: u32, alpha: f64) -> usize {
    (comparisons.max(1) as f64 * f64::from(sides) / alpha).log2().ceil().max(1.0) as usize
}

#[cfg(test)]
mod tests {
    use super::super::scipy::{DIFFERENCES, close, figure};
    use super::*;

    #[test]
    fn every_assignment_of_signs_agrees_with_scipy() {
        close(sign_flip(&DIFFERENCES).unwrap(), figure("sign_flip_p"));
    }

    #[test]
    fn a_sampled_test_comes_near_the_exact_one() {
        let least = DIFFERENCES.iter().sum::<f64>().abs() - 1e-12;
        let (exact, sampled) = (exact(&DIFFERENCES, least), sampled(&DIFFERENCES, least));
        assert!((exact - sampled).abs() < 0.004, "{exact} {sampled}");
        let many: Vec<f64> = (0..40).map(|index| 0.01 * f64::from(index % 7) - 0.02).collect();
        assert_eq!(sign_flip(&many), sign_flip(&many));
    }

    #[test]
    fn differences_of_one_sign_have_the_least_p_that_their_number_allows() {
        for n in 1..10 {
            close(sign_flip(&vec![0.1; n]).unwrap(), 2.0 / f64::from(1 << n));
        }
        assert_eq!(sign_flip(&[]), None);
    }

    #[test]
    fn the_seeds_that_a_p_needs_grow_with_the_comparisons() {
        // 2 / 2^6 = 0.031; with 11 comparisons 22 / 2^9 = 0.043
        assert_eq!([1, 11].map(|comparisons| seeds_needed(comparisons, 2, 0.05)), [6, 9]);
        assert_eq!(seeds_needed(1, 1, 0.05), 5);
    }
}
