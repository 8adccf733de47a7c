//! Student's t: its quantiles and its tails.

use super::special::incomplete_beta;

/// The value that Student's t with `freedom` > 0 degrees (not only whole ones) stays under with probability `p`, for
/// `p` in 0.5..1.
pub fn quantile(p: f64, freedom: f64) -> f64 {
    let above = |t: f64| 0.5 * two_sided(t, freedom);
    let (mut low, mut high) = (0.0, 1.0);
    while above(high) > 1.0 - p && high < 1e12 {
        (low, high) = (high, high * 2.0);
    }
    // Halving ends when no number lies between: about 55 times.
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if above(middle) > 1.0 - p { low = middle } else { high = middle }
    }
}

/// The probability that Student's t lies at least as far from 0 as `t`, on either side.
pub fn two_sided(t: f64, freedom: f64) -> f64 {
    incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

#[cfg(test)]
mod tests {
    use super::super::scipy::close;
    use super::*;

    // scipy 1.17.1: stats.t.ppf(p, df)
    #[test]
    fn quantiles_agree_with_scipy() {
        close(quantile(0.975, 1.0), 12.706204736174694);
        close(quantile(0.975, 2.0), 4.302652729749462);
        close(quantile(0.975, 2.5), 3.5746548420036817);
        close(quantile(0.975, 4.0), 2.7764451051977934);
        close(quantile(0.975, 7.3), 2.345066736547703);
        close(quantile(0.975, 30.0), 2.0422724563012378);
        close(quantile(0.975, 1000.0), 1.9623390808264083);
        close(quantile(0.9, 3.0), 1.637744353696209);
        close(quantile(0.995, 1.5), 17.820310514462804);
    }
}
