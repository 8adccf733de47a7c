//! An interval without a distribution: seeds and test images drawn again and again from those there are.

use rayon::prelude::*;

use super::unit::{Draws, Images, Sample, Unit};

/// Seeds a side below which resampling says too little about the seeds that were not drawn: of five there are no more
/// than 126 distinct samples, and the interval comes out too narrow by a tenth.
pub const FEWEST: usize = 6;

/// Samples that are drawn; fewer where there are so many images that this would take seconds.
const DRAWS: usize = 10_000;
const FEWEST_DRAWS: usize = 1_000;
/// Images of all seeds that are looked at, over all samples.
const WORK: usize = 400_000_000;

/// The 95 % percentile interval of the difference of two sides. Where all seeds were scored on the same images, seeds and
/// groups of near-duplicate images are drawn independently of one another (the pigeonhole bootstrap of Owen 2007, which
/// is somewhat wide: it counts what is particular to a seed on an image more than once); else each seed brings its
/// images. Paired seeds are drawn together. The same sample gives the same interval. `None` with fewer than
/// [`FEWEST`] seeds on a side.
pub fn bootstrap(sample: &Sample) -> Option<(f64, f64)> {
    if sample.fewest() < FEWEST {
        return None;
    }
    let looked_at = match sample.images {
        Images::Shared => (sample.of.len() + sample.baseline.len()) * sample.of[0].groups.len(),
        Images::OfUnits => 1,
    };
    let draws = (WORK / looked_at.max(1)).clamp(FEWEST_DRAWS, DRAWS);
    let mut differences: Vec<f64> = match sample.images {
        Images::Shared => (0..draws).into_par_iter().map(|draw| two_levels(sample, draw)).collect(),
        Images::OfUnits => {
            let accuracies = [&sample.of, &sample.baseline].map(|units| accuracies(units));
            (0..draws).map(|draw| drawn(&mut Draws::at(draw as u64), &accuracies, sample.paired)).collect()
        }
    };
    differences.sort_by(f64::total_cmp);
    Some((quantile(&differences, 0.025), quantile(&differences, 0.975)))
}

fn accuracies(units: &[Unit]) -> Vec<f64> {
    units.iter().map(Unit::accuracy).collect()
}

/// One sample of images, then one of seeds.
fn two_levels(sample: &Sample, draw: usize) -> f64 {
    let mut draws = Draws::at(draw as u64);
    let groups = sample.of[0].groups.len();
    let mut times = vec![0.0; groups];
    for _ in 0..groups {
        times[draws.index(groups)] += 1.0;
    }
    let images: f64 = sample.of[0].groups.iter().zip(&times).map(|((_, images), times)| images * times).sum();
    let right = |unit: &Unit| {
        unit.groups.iter().zip(&times).map(|((right, _), times)| right * times).sum::<f64>() / images
    };
    let accuracies = [&sample.of, &sample.baseline].map(|units| units.iter().map(right).collect());
    drawn(&mut draws, &accuracies, sample.paired)
}

/// The difference of the means of seeds drawn with replacement.
fn drawn(draws: &mut Draws, [of, baseline]: &[Vec<f64>; 2], paired: bool) -> f64 {
    let mut mean_of = |values: &[f64]| {
        (0..values.len()).map(|_| values[draws.index(values.len())]).sum::<f64>() / values.len() as f64
    };
    if !paired {
        return mean_of(of) - mean_of(baseline);
    }
    let pairs: Vec<f64> = of.iter().zip(baseline).map(|(of, baseline)| of - baseline).collect();
    mean_of(&pairs)
}

/// Of sorted values, with straight lines between them.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let place = p * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::super::scipy::{DIFFERENCES, figure, two_sides};
    use super::*;

    fn near((low, high): (f64, f64), name: &str, within: f64) {
        let theirs = (figure(&format!("{name}_low")), figure(&format!("{name}_high")));
        assert!(
            (low - theirs.0).abs() < within && (high - theirs.1).abs() < within,
            "{low} {high} {theirs:?}"
        );
    }

    fn alone(accuracy: f64) -> Unit {
        Unit { groups: vec![(accuracy, 1.0)] }
    }

    // scipy 1.17.1: stats.bootstrap((DIFFERENCES,), np.mean, method='percentile', n_resamples=200_000)
    #[test]
    fn pairs_that_bring_their_images_come_as_near_to_scipy_as_ten_thousand_draws_can() {
        let baseline: Vec<Unit> = DIFFERENCES.iter().map(|_| alone(0.5)).collect();
        let of = DIFFERENCES.iter().map(|difference| alone(0.5 + difference)).collect();
        let sample = Sample { of, baseline, images: Images::OfUnits, paired: true, test_to_train: None };
        near(bootstrap(&sample).unwrap(), "bootstrap", 0.0008);
    }

    // The same two levels drawn by numpy, 100,000 times.
    #[test]
    fn two_levels_come_as_near_to_numpy_as_ten_thousand_draws_can() {
        near(bootstrap(&two_sides()).unwrap(), "two_level", 0.0025);
        let paired = Sample { paired: true, ..two_sides() };
        near(bootstrap(&paired).unwrap(), "two_level_paired", 0.0025);
    }

    #[test]
    fn the_same_sample_gives_the_same_interval() {
        assert_eq!(bootstrap(&two_sides()), bootstrap(&two_sides()));
    }

    #[test]
    fn images_are_a_reason_to_doubt_of_their_own() {
        let width = |sample: &Sample| bootstrap(sample).map(|(low, high)| high - low).unwrap();
        let both = two_sides();
        let seeds_alone = Sample { images: Images::OfUnits, ..two_sides() };
        assert!(width(&both) > 1.3 * width(&seeds_alone));
    }

    #[test]
    fn fewer_than_six_seeds_are_not_resampled() {
        let mut sample = two_sides();
        sample.baseline.truncate(5);
        assert_eq!(bootstrap(&sample), None);
    }
}
