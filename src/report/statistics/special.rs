//! The special functions that distributions are made of.

/// The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22).
pub fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    if x <= 0.0 {
        return 0.0;
    }
    let ln_beta = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let front = (a * x.ln() + b * (-x).ln_1p() - ln_beta).exp() / a;
    front / beta_fraction(x, a, b)
}

/// The continued fraction's value, from the innermost of as many terms as settle it.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TERMS: u32 = 300;
    let term = |index: u32| {
        let m = f64::from(index / 2);
        if index.is_multiple_of(2) {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        }
    };
    (1..=TERMS).rev().fold(1.0, |inner, index| 1.0 + term(index) / inner)
}

/// ln Γ(x) for x > 0: Stirling's series (DLMF 5.11.1) above 12, the recurrence below.
pub fn ln_gamma(x: f64) -> f64 {
    let (mut shifted, mut below) = (x, 0.0);
    while shifted < 12.0 {
        below += shifted.ln();
        shifted += 1.0;
    }
    let square = shifted * shifted;
    let tail =
        (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0) / square) / square) / square) / shifted;
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * std::f64::consts::TAU.ln() + tail - below
}

/// ln of the binomial coefficient.
pub fn ln_choose(n: u64, k: u64) -> f64 {
    let factorial = |n: u64| ln_gamma(n as f64 + 1.0);
    factorial(n) - factorial(k) - factorial(n - k)
}

#[cfg(test)]
mod tests {
    use super::super::scipy::close;
    use super::*;

    // scipy 1.17.1: special.betainc(2.5, 0.5, 0.3); special.gammaln(0.5), (7.3); log(special.comb(30, 12))
    #[test]
    fn special_functions_agree_with_scipy() {
        close(incomplete_beta(0.3, 2.5, 0.5), 0.018927124071945658);
        close(ln_gamma(0.5), 0.5723649429247);
        close(ln_gamma(7.3), 7.147892523022249);
        close(ln_choose(30, 12), 86_493_225_f64.ln());
    }
}
