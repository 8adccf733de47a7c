//! Several tests at once.

/// Each p adjusted so that all of those at or below a level are wrong together no more often than that (Holm 1979). What
/// is `None` was not tested, and does not count.
pub fn holm(ps: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> =
        ps.iter().enumerate().filter_map(|(index, p)| Some((index, (*p)?))).collect();
    order.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    let tests = order.len();
    let (mut adjusted, mut least) = (vec![None; ps.len()], 0.0_f64);
    for (rank, (index, p)) in order.into_iter().enumerate() {
        least = least.max(p * (tests - rank) as f64).min(1.0);
        adjusted[index] = Some(least);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::super::scipy::close;
    use super::*;

    // R 4.5: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    #[test]
    fn four_tests_agree_with_r() {
        let adjusted = holm(&[Some(0.01), Some(0.04), None, Some(0.03), Some(0.005)]);
        for (ours, theirs) in adjusted.iter().flatten().zip([0.03, 0.06, 0.06, 0.02]) {
            close(*ours, theirs);
        }
        assert_eq!(adjusted[2], None);
    }

    #[test]
    fn one_test_stays_as_it_is_and_no_p_exceeds_one() {
        assert_eq!(holm(&[Some(0.04)]), [Some(0.04)]);
        assert_eq!(holm(&[Some(0.9), Some(0.8)]), [Some(1.0), Some(1.0)]);
    }
}
