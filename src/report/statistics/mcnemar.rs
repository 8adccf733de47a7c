//! Two networks on the same images: only those count that one gets right and the other wrong.

use super::special::{incomplete_beta, ln_choose};

/// Numbers of images that two networks were right and wrong about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct McNemar {
    pub both: u64,
    pub only_first: u64,
    pub only_second: u64,
    pub neither: u64,
}

impl McNemar {
    /// From whether each network was right, image by image.
    pub fn of(first: &[bool], second: &[bool]) -> McNemar {
        let mut counts = McNemar::default();
        for pair in first.iter().zip(second) {
            match pair {
                (true, true) => counts.both += 1,
                (true, false) => counts.only_first += 1,
                (false, true) => counts.only_second += 1,
                (false, false) => counts.neither += 1,
            }
        }
        counts
    }

    /// Two-sided, from the binomial distribution. Never above its level, and often far below it.
    pub fn exact(&self) -> f64 {
        let (n, fewer) = self.discordant();
        if n == 0 {
            return 1.0;
        }
        (2.0 * at_most(fewer, n)).min(1.0)
    }

    /// The exact p less half the probability of what was seen, on each side (Lancaster 1961); nearer to its level than the
    /// exact one, and hardly ever above (Fagerland, Lydersen & Laake 2013). Without a continuity correction.
    pub fn mid_p(&self) -> f64 {
        let (n, fewer) = self.discordant();
        if n == 0 {
            return 1.0;
        }
        let seen = (ln_choose(n, fewer) - n as f64 * std::f64::consts::LN_2).exp();
        (2.0 * at_most(fewer, n) - seen).min(1.0)
    }

    fn discordant(&self) -> (u64, u64) {
        (self.only_first + self.only_second, self.only_first.min(self.only_second))
    }
}

/// The probability of at most `k` heads in `n` throws of a coin.
fn at_most(k: u64, n: u64) -> f64 {
    if k >= n { 1.0 } else { incomplete_beta(0.5, (n - k) as f64, (k + 1) as f64) }
}

#[cfg(test)]
mod tests {
    use super::super::scipy::{close, figure};
    use super::*;

    fn counts(only_first: u64, only_second: u64) -> McNemar {
        McNemar { both: 100, only_first, only_second, neither: 10 }
    }

    // Fagerland, Lydersen & Laake 2013, table 1 and section "airway hyper-responsiveness": 1 and 7 of 21 pairs.
    #[test]
    fn a_published_table_gives_its_published_p() {
        assert_eq!(format!("{:.4} {:.4}", counts(1, 7).exact(), counts(1, 7).mid_p()), "0.0703 0.0391");
    }

    #[test]
    fn counts_agree_with_scipy() {
        close(counts(14, 31).exact(), figure("mcnemar_exact"));
        close(counts(14, 31).mid_p(), figure("mcnemar_mid_p"));
        close(counts(420, 500).exact(), figure("mcnemar_many"));
    }

    #[test]
    fn networks_that_never_part_do_not_differ() {
        assert_eq!((counts(0, 0).exact(), counts(0, 0).mid_p()), (1.0, 1.0));
        assert_eq!(counts(5, 5).exact(), 1.0);
        close(counts(5, 5).mid_p(), 1.0);
    }

    #[test]
    fn images_are_counted_by_who_was_right() {
        let counted = McNemar::of(&[true, true, false, false], &[true, false, true, false]);
        assert_eq!(counted, McNemar { both: 1, only_first: 1, only_second: 1, neither: 1 });
    }
}
