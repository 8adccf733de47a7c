//! Whether one side is no worse than another by more than a margin.

use super::bootstrap::bootstrap;
use super::folds::nadeau_bengio;
use super::power::{Doubt, Needs};
use super::spread::Difference;
use super::unit::{Sample, Unit};
use super::welch::satterthwaite;

/// What can be said of a difference and a margin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// 0..1.
    pub margin: f64,
    pub difference: f64,
    /// The 95 % interval of the difference over other seeds and, where all seeds share them, other test images.
    pub interval: (f64, f64),
    pub method: Method,
    pub finding: Finding,
}

impl Verdict {
    /// Whether the whole interval lies above the margin: "within" would then be less than what is shown.
    pub fn is_better_by_more(&self) -> bool {
        self.interval.0 > self.margin
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Seeds and test images resampled, from six seeds a side.
    Bootstrap,
    /// Student's t with the variances of seeds and of test images added, for fewer seeds.
    Student,
    /// The corrected t of Nadeau & Bengio, for folds.
    Folds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The whole interval lies above −margin.
    Shown,
    /// The interval holds −margin.
    NotShown(Needs),
    /// The whole interval lies below −margin.
    Worse,
}

/// `None` with fewer than two seeds on a side, and where nothing spreads.
pub fn within_margin(sample: &Sample, margin: f64) -> Option<Verdict> {
    let doubt = Doubt::of(sample).filter(|doubt| doubt.total() > 0.0)?;
    let (interval, method) = interval(sample, &doubt)?;
    let finding = match interval {
        (low, _) if low > -margin => Finding::Shown,
        (_, high) if high < -margin => Finding::Worse,
        _ => Finding::NotShown(Needs::of(sample, &doubt, margin)),
    };
    Some(Verdict { margin, difference: sample.difference(), interval, method, finding })
}

fn interval(sample: &Sample, doubt: &Doubt) -> Option<((f64, f64), Method)> {
    if let Some(test_to_train) = sample.test_to_train {
        let accuracy = |(of, baseline): (&Unit, &Unit)| of.accuracy() - baseline.accuracy();
        let differences: Vec<f64> = sample.of.iter().zip(&sample.baseline).map(accuracy).collect();
        return Some((nadeau_bengio(&differences, test_to_train)?.interval?, Method::Folds));
    }
    if let Some(interval) = bootstrap(sample) {
        return Some((interval, Method::Bootstrap));
    }
    let parts: Vec<(f64, f64)> = doubt.seeds.into_iter().chain([doubt.images]).collect();
    let error = doubt.total().sqrt();
    let difference = Difference::by_student(sample.difference(), error, satterthwaite(&parts));
    Some((difference.interval?, Method::Student))
}

#[cfg(test)]
mod tests {
    use super::super::scipy::{close, figure, two_sides};
    use super::super::unit::Images;
    use super::*;

    #[test]
    fn a_margin_wider_than_the_doubt_is_shown_and_a_narrow_one_is_not() {
        let verdict = |margin| within_margin(&two_sides(), margin).unwrap();
        assert_eq!((verdict(0.4).finding, verdict(0.4).method), (Finding::Shown, Method::Bootstrap));
        assert!(matches!(verdict(0.05).finding, Finding::NotShown(needs) if needs != Needs::NOTHING_HELPS));
        assert_eq!(verdict(0.0).finding, Finding::NotShown(Needs::NOTHING_HELPS));
        assert_eq!(verdict(-0.5).finding, Finding::Worse);
    }

    #[test]
    fn few_seeds_get_students_t_over_seeds_and_images() {
        let mut sample = two_sides();
        sample.of.truncate(3);
        sample.baseline.truncate(3);
        let verdict = within_margin(&sample, 0.02).unwrap();
        assert_eq!(verdict.method, Method::Student);
        close(verdict.interval.0, figure("student_low"));
        close(verdict.interval.1, figure("student_high"));
    }

    #[test]
    fn one_seed_a_side_says_nothing_of_others() {
        let mut sample = two_sides();
        sample.of.truncate(1);
        assert_eq!(within_margin(&sample, 0.02), None);
    }

    #[test]
    fn folds_are_judged_by_their_own_test_and_more_of_them_do_not_help() {
        let mut sample = two_sides();
        sample.of.truncate(5);
        sample.baseline.truncate(5);
        let sample = Sample { images: Images::OfUnits, paired: true, test_to_train: Some(0.25), ..sample };
        let verdict = within_margin(&sample, 0.06).unwrap();
        assert_eq!(verdict.method, Method::Folds);
        assert_eq!(verdict.finding, Finding::NotShown(Needs::NOTHING_HELPS));
    }
}
