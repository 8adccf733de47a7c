//! Means, intervals and differences of small samples. Knows no run and no table.

/// A sample's mean, with its spread where there are two values or more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub mean: f64,
    /// Sample standard deviation (divisor n − 1).
    pub sd: Option<f64>,
    pub n: usize,
}

impl Spread {
    /// `None` for no values.
    pub fn of(values: &[f64]) -> Option<Spread> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Spread { mean, sd: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()), n })
    }

    /// The 95 % interval of the mean by Student's t: what the mean over many more such replicates would be.
    pub fn interval(&self) -> Option<(f64, f64)> {
        let half = t_quantile(0.975, (self.n - 1) as f64) * self.standard_error()?;
        Some((self.mean - half, self.mean + half))
    }

    fn standard_error(&self) -> Option<f64> {
        self.sd.map(|sd| sd / (self.n as f64).sqrt())
    }
}

/// A difference of two means with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    pub mean: f64,
    /// `None` where a side has one value, or neither side spreads.
    pub interval: Option<(f64, f64)>,
}

impl Difference {
    /// Whether the interval excludes 0.
    pub fn is_clear(&self) -> bool {
        self.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }
}

/// `of` minus `baseline`, as independent samples of unequal variance (Welch 1947).
pub fn difference(of: &Spread, baseline: &Spread) -> Difference {
    let mean = of.mean - baseline.mean;
    Difference { mean, interval: welch_half_width(of, baseline).map(|half| (mean - half, mean + half)) }
}

fn welch_half_width(of: &Spread, baseline: &Spread) -> Option<f64> {
    let (a, b) = (of.standard_error()?.powi(2), baseline.standard_error()?.powi(2));
    if a + b == 0.0 {
        return None;
    }
    let freedom = (a + b).powi(2) / (a * a / (of.n - 1) as f64 + b * b / (baseline.n - 1) as f64);
    Some(t_quantile(0.975, freedom) * (a + b).sqrt())
}

/// Wilson's 95 % interval of a share that was `share` of `n` trials (Wilson 1927).
pub fn wilson(share: f64, n: f64) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    let scale = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    (centre - half, centre + half)
}

/// The value that Student's t with `freedom` > 0 degrees (not only whole ones) stays under with probability `p`, for
/// `p` in 0.5..1.
fn t_quantile(p: f64, freedom: f64) -> f64 {
    let above = |t: f64| 0.5 * incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5);
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

/// The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
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
fn ln_gamma(x: f64) -> f64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(ours: f64, theirs: f64) {
        assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0), "{ours} is not {theirs}");
    }

    // scipy 1.17.1: stats.t.ppf(p, df)
    #[test]
    fn quantiles_of_t_agree_with_scipy() {
        assert_close(t_quantile(0.975, 1.0), 12.706204736174694);
        assert_close(t_quantile(0.975, 2.0), 4.302652729749462);
        assert_close(t_quantile(0.975, 2.5), 3.5746548420036817);
        assert_close(t_quantile(0.975, 4.0), 2.7764451051977934);
        assert_close(t_quantile(0.975, 7.3), 2.345066736547703);
        assert_close(t_quantile(0.975, 30.0), 2.0422724563012378);
        assert_close(t_quantile(0.975, 1000.0), 1.9623390808264083);
        assert_close(t_quantile(0.9, 3.0), 1.637744353696209);
        assert_close(t_quantile(0.995, 1.5), 17.820310514462804);
    }

    // scipy 1.17.1: special.betainc(2.5, 0.5, 0.3); special.gammaln(0.5), (7.3)
    #[test]
    fn special_functions_agree_with_scipy() {
        assert_close(incomplete_beta(0.3, 2.5, 0.5), 0.018927124071945658);
        assert_close(ln_gamma(0.5), 0.5723649429247);
        assert_close(ln_gamma(7.3), 7.147892523022249);
    }

    const A: [f64; 5] = [0.62, 0.66, 0.61, 0.64, 0.63];
    const B: [f64; 4] = [0.50, 0.58, 0.47, 0.55];

    // scipy 1.17.1: np.std(A, ddof=1); stats.t.interval(0.95, 4, np.mean(A), stats.sem(A))
    #[test]
    fn a_mean_and_its_interval_agree_with_scipy() {
        let spread = Spread::of(&A).unwrap();
        assert_close(spread.mean, 0.632);
        assert_close(spread.sd.unwrap(), 0.01923538406167136);
        let (low, high) = spread.interval().unwrap();
        assert_close(low, 0.6081161161190002);
        assert_close(high, 0.6558838838809998);
    }

    // scipy 1.17.1: stats.ttest_ind(A, B, equal_var=False).confidence_interval(0.95)
    #[test]
    fn a_difference_of_means_agrees_with_scipy() {
        let difference = difference(&Spread::of(&A).unwrap(), &Spread::of(&B).unwrap());
        assert_close(difference.mean, 0.107);
        let (low, high) = difference.interval.unwrap();
        assert_close(low, 0.032381289036117616);
        assert_close(high, 0.18161871096388235);
        assert!(difference.is_clear());
    }

    // scipy 1.17.1: stats.binomtest(212, 250).proportion_ci(0.95, 'wilson'), stats.binomtest(0, 10)...
    #[test]
    fn the_interval_of_a_share_agrees_with_scipy() {
        let (low, high) = wilson(212.0 / 250.0, 250.0);
        assert_close(low, 0.7982548908329247);
        assert_close(high, 0.8872123327182458);
        let (low, high) = wilson(0.0, 10.0);
        assert_close(low, 0.0);
        assert_close(high, 0.27753279986288926);
    }

    #[test]
    fn one_value_has_no_spread_and_none_has_no_mean() {
        let one = Spread::of(&[0.5]).unwrap();
        assert_eq!((one.sd, one.interval()), (None, None));
        assert_eq!(Spread::of(&[]), None);
        let unknown = difference(&one, &Spread::of(&A).unwrap());
        assert!(unknown.interval.is_none() && !unknown.is_clear());
    }

    #[test]
    fn values_that_do_not_differ_claim_no_interval_of_a_difference() {
        let (same, other) = (Spread::of(&[0.5, 0.5]).unwrap(), Spread::of(&[0.25, 0.25]).unwrap());
        assert_eq!(difference(&same, &other), Difference { mean: 0.25, interval: None });
    }
}
