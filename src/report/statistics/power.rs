//! What more seeds or more test images would show.

use super::spread::Spread;
use super::unit::{Images, Sample, Unit};

/// Where the doubt about a difference comes from, as variances of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Doubt {
    /// Of other seeds: (variance, degrees of freedom) of either side; of pairs the first alone.
    pub seeds: [(f64, f64); 2],
    /// Of other test images, likewise; nothing where each seed brings its own.
    pub images: (f64, f64),
}

impl Doubt {
    /// `None` with fewer than two seeds on a side.
    pub fn of(sample: &Sample) -> Option<Doubt> {
        let accuracies = |units: &[Unit]| units.iter().map(Unit::accuracy).collect::<Vec<f64>>();
        let (of, baseline) = (accuracies(&sample.of), accuracies(&sample.baseline));
        let seeds = if sample.paired {
            let pairs: Vec<f64> = of.iter().zip(&baseline).map(|(of, baseline)| of - baseline).collect();
            [of_mean(&pairs)?, (0.0, 1.0)]
        } else {
            [of_mean(&of)?, of_mean(&baseline)?]
        };
        Some(Doubt { seeds, images: of_images(sample) })
    }

    pub fn of_seeds(&self) -> f64 {
        self.seeds.iter().map(|(variance, _)| variance).sum()
    }

    pub fn total(&self) -> f64 {
        self.of_seeds() + self.images.0
    }
}

/// The variance of a mean, and its degrees of freedom.
fn of_mean(values: &[f64]) -> Option<(f64, f64)> {
    let spread = Spread::of(values)?;
    Some((spread.standard_error()?.powi(2), (spread.n - 1) as f64))
}

/// The variance of the difference over other groups of images, as that of a ratio (Cochran 1977, section 6.3).
fn of_images(sample: &Sample) -> (f64, f64) {
    let (Images::Shared, Some(first)) = (sample.images, sample.of.first()) else { return (0.0, 1.0) };
    let groups = first.groups.len();
    if groups < 2 {
        return (0.0, 1.0);
    }
    let mean = |units: &[Unit], group: usize| {
        units.iter().map(|unit| unit.groups[group].0).sum::<f64>() / units.len() as f64
    };
    let (difference, images) =
        (sample.difference(), first.groups.iter().map(|(_, images)| images).sum::<f64>());
    let off = |group: usize| {
        let right = mean(&sample.of, group) - mean(&sample.baseline, group);
        (right - difference * first.groups[group].1).powi(2)
    };
    let squares: f64 = (0..groups).map(off).sum();
    (squares * groups as f64 / (groups - 1) as f64 / images.powi(2), (groups - 1) as f64)
}

/// What would show it, with four chances in five, if the difference stays what it is and spreads as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// More seeds a side, the images staying as they are; `None` where no number of them would do.
    pub seeds: Option<usize>,
    /// More test images, the seeds staying as they are; `None` where no number of them would do, or each seed brings its
    /// own.
    pub images: Option<usize>,
    /// More of both, where neither alone would do.
    pub both: Option<(usize, usize)>,
}

/// 1.96 standard errors for the interval and 0.84 for four chances in five.
const ERRORS: f64 = 1.959_964 + 0.841_621;

impl Needs {
    pub const NOTHING_HELPS: Needs = Needs { seeds: None, images: None, both: None };

    /// For a `difference` to be shown to lie above −`margin`.
    pub fn of(sample: &Sample, doubt: &Doubt, margin: f64) -> Needs {
        let room = sample.difference() + margin;
        if room <= 0.0 || sample.test_to_train.is_some() {
            return Needs::NOTHING_HELPS;
        }
        let allowed = (room / ERRORS).powi(2);
        let seeds = more(sample.fewest() as f64, doubt.of_seeds(), allowed - doubt.images.0);
        if sample.images == Images::OfUnits {
            return Needs { seeds, images: None, both: None };
        }
        let scored: f64 = sample.of[0].groups.iter().map(|(_, images)| images).sum();
        let images = more(scored, doubt.images.0, allowed - doubt.of_seeds());
        let both = (seeds.is_none() && images.is_none()).then(|| {
            let half = |n, variance| more(n, variance, allowed / 2.0).unwrap_or(0);
            (half(sample.fewest() as f64, doubt.of_seeds()), half(scored, doubt.images.0))
        });
        Needs { seeds, images, both }
    }
}

/// How many more than `n` bring a variance that falls with their number down to what is allowed.
fn more(n: f64, variance: f64, allowed: f64) -> Option<usize> {
    (allowed > 0.0).then(|| (n * variance / allowed - n).max(0.0).ceil().max(1.0) as usize)
}

#[cfg(test)]
mod tests {
    use super::super::scipy::{close, figure, two_sides};
    use super::*;

    #[test]
    fn variances_agree_with_numpy() {
        let doubt = Doubt::of(&two_sides()).unwrap();
        close(doubt.of_seeds(), figure("doubt_seeds"));
        close(doubt.images.0, figure("doubt_images"));
    }

    #[test]
    fn seeds_cannot_make_up_for_few_images() {
        let (sample, doubt) = (two_sides(), Doubt::of(&two_sides()).unwrap());
        let wide = Needs::of(&sample, &doubt, 0.5);
        assert!(wide.seeds.is_some() && wide.images.is_some(), "{wide:?}");
        // Room for half of what the images alone leave in doubt.
        let room = ERRORS * (0.5 * doubt.images.0).sqrt();
        let needs = Needs::of(&sample, &doubt, room - sample.difference());
        assert_eq!(needs.seeds, None);
        let (seeds, images) = needs.both.unwrap_or((0, needs.images.unwrap_or(0)));
        assert!(images > 40, "{seeds} {images}");
    }

    #[test]
    fn nothing_helps_where_the_difference_itself_is_beyond_the_margin() {
        let (sample, doubt) = (two_sides(), Doubt::of(&two_sides()).unwrap());
        assert!(sample.difference() < 0.0);
        assert_eq!(Needs::of(&sample, &doubt, -sample.difference()), Needs::NOTHING_HELPS);
    }

    #[test]
    fn four_times_the_variance_needs_three_times_as_many_more() {
        assert_eq!(more(6.0, 4.0, 1.0), Some(18));
        assert_eq!((more(6.0, 4.0, 0.0), more(6.0, 1.0, 2.0)), (None, Some(1)));
    }
}
