//! A sample's mean and spread, and what a difference of two means looks like.

use super::student;

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
        let half = student::quantile(0.975, (self.n - 1) as f64) * self.standard_error()?;
        Some((self.mean - half, self.mean + half))
    }

    pub(super) fn standard_error(&self) -> Option<f64> {
        self.sd.map(|sd| sd / (self.n as f64).sqrt())
    }
}

/// A difference of two means with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    pub mean: f64,
    /// `None` where a side has one value, or nothing spreads.
    pub interval: Option<(f64, f64)>,
    /// The probability of a difference at least as large, in either direction, where there is none; `None` with the
    /// interval.
    pub p: Option<f64>,
}

impl Difference {
    /// By Student's t with so many degrees of freedom; no interval where nothing spreads.
    pub(super) fn by_student(mean: f64, standard_error: f64, freedom: f64) -> Difference {
        if standard_error <= 0.0 {
            return Difference { mean, interval: None, p: None };
        }
        let half = student::quantile(0.975, freedom) * standard_error;
        let p = student::two_sided(mean / standard_error, freedom);
        Difference { mean, interval: Some((mean - half, mean + half)), p: Some(p) }
    }

    /// Whether the interval excludes 0.
    pub fn is_clear(&self) -> bool {
        self.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scipy::close;
    use super::*;

    // scipy 1.17.1: np.std(A, ddof=1); stats.t.interval(0.95, 4, np.mean(A), stats.sem(A))
    #[test]
    fn a_mean_and_its_interval_agree_with_scipy() {
        let spread = Spread::of(&[0.62, 0.66, 0.61, 0.64, 0.63]).unwrap();
        close(spread.mean, 0.632);
        close(spread.sd.unwrap(), 0.01923538406167136);
        let (low, high) = spread.interval().unwrap();
        close(low, 0.6081161161190002);
        close(high, 0.6558838838809998);
    }

    #[test]
    fn one_value_has_no_spread_and_none_has_no_mean() {
        let one = Spread::of(&[0.5]).unwrap();
        assert_eq!((one.sd, one.interval()), (None, None));
        assert_eq!(Spread::of(&[]), None);
    }
}
