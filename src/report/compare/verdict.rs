//! Sentences about margins: `ultralight is within 2 points of vgg16-bn: not shown, needs about 4 more seeds`.

use super::super::figures;
use super::super::judge::{Judged, Opinion};
use super::super::sides::{Side, Sides};
use super::super::statistics::{FEWEST, Finding, Method, Needs, Verdict};

/// A sentence for each side that was judged by a margin, in points.
pub fn sentences(sides: &Sides, judged: &[Option<Judged>], margin: f64) -> Vec<String> {
    let both = sides.sides.iter().zip(judged);
    both.filter_map(|(side, judged)| sentence(sides, side, judged.as_ref()?, margin)).collect()
}

/// One side's; `None` where no margin was asked about.
pub fn sentence(sides: &Sides, side: &Side, judged: &Judged, margin: f64) -> Option<String> {
    let against = sides.name(&sides.sides[side.against?]);
    let claim = format!("{} is within {} of {against}", sides.name(side), points_of(margin));
    Some(match judged.opinion.as_ref()? {
        Opinion::Given(verdict) => format!("{claim}: {}", found(verdict, side.group.sample())),
        Opinion::Withheld(reason) => format!("{claim}: no verdict, {reason}"),
    })
}

/// `2 points`, `1 point`, `0.5 points`.
pub fn points_of(margin: f64) -> String {
    let points = (1e6 * 100.0 * margin).round() / 1e6;
    format!("{points} point{}", if points == 1.0 { "" } else { "s" })
}

fn found(verdict: &Verdict, axis: &str) -> String {
    let (low, high) = verdict.interval;
    let seen = format!(
        "{} points, 95 % interval {} to {}",
        figures::points(verdict.difference),
        figures::points(low),
        figures::points(high)
    );
    match verdict.finding {
        Finding::Shown if verdict.is_better_by_more() => format!("shown, it is better by more ({seen})"),
        Finding::Shown => format!("shown ({seen})"),
        Finding::Worse => format!("no, it is worse by more ({seen})"),
        Finding::NotShown(needs) => format!("not shown ({seen}); {}", needed(verdict, needs, axis)),
    }
}

fn needed(verdict: &Verdict, needs: Needs, axis: &str) -> String {
    if verdict.difference <= -verdict.margin {
        return "the difference itself is beyond the margin".to_string();
    }
    if verdict.method == Method::Folds {
        return "more folds of the same images would not do".to_string();
    }
    let seeds = |count: usize| format!("{} more {}", about(count), plural(axis, count));
    let images = |count: usize| format!("{} more test images", about(count));
    match needs {
        Needs { seeds: Some(some), images: Some(many), .. } => {
            format!("needs about {} or {}", seeds(some), images(many))
        }
        Needs { seeds: Some(some), .. } => format!("needs about {}", seeds(some)),
        Needs { images: Some(many), .. } => {
            format!("needs about {}; no number of {} would do", images(many), plural(axis, 2))
        }
        Needs { both: Some((some, many)), .. } => {
            format!("needs about {} and {}; neither alone would do", seeds(some), images(many))
        }
        _ => "more of the same would not do".to_string(),
    }
}

fn plural(axis: &str, count: usize) -> String {
    match (axis, count) {
        ("", _) | ("seed", 2..) => "seeds".to_string(),
        ("seed", _) => "seed".to_string(),
        _ => format!("values of `{axis}`"),
    }
}

/// Two digits, rounded up: what is estimated from a few seeds has no more.
fn about(count: usize) -> usize {
    let mut unit = 1;
    while count / unit >= 100 {
        unit *= 10;
    }
    count.div_ceil(unit) * unit
}

/// How the verdicts were come to, for those that there are.
pub fn method(judged: &[Option<Judged>]) -> Option<String> {
    let opinions = judged.iter().flatten().filter_map(|judged| judged.opinion.as_ref());
    let mut methods: Vec<Method> = Vec::new();
    for opinion in opinions {
        if let Opinion::Given(verdict) = opinion
            && !methods.contains(&verdict.method)
        {
            methods.push(verdict.method);
        }
    }
    let told = |method: &Method| match method {
        Method::Bootstrap => "seeds and test images drawn again (two-level bootstrap)".to_string(),
        Method::Student => format!(
            "under {FEWEST} seeds a side are not drawn again: Student's t with the variances of seeds and test images added"
        ),
        Method::Folds => "the corrected t of Nadeau & Bengio over folds".to_string(),
    };
    let told: Vec<String> = methods.iter().map(told).collect();
    (!told.is_empty()).then(|| {
        format!("shown: the whole 95 % interval of the difference lies above the margin; {}", told.join("; "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: Needs = Needs { seeds: None, images: None, both: None };

    fn verdict(difference: f64, finding: Finding) -> Verdict {
        let interval = (difference - 0.03, difference + 0.03);
        Verdict { margin: 0.02, difference, interval, method: Method::Bootstrap, finding }
    }

    #[test]
    fn a_verdict_says_what_was_seen_and_what_would_show_it() {
        let said = |needs| found(&verdict(0.0, Finding::NotShown(needs)), "seed");
        assert_eq!(
            said(Needs { seeds: Some(4), images: Some(1234), both: None }),
            "not shown (+0.0 points, 95 % interval −3.0 to +3.0); needs about 4 more seeds or 1300 more test images"
        );
        assert!(said(Needs { seeds: Some(1), ..NEEDS }).ends_with("needs about 1 more seed"));
        assert!(
            said(Needs { images: Some(700), ..NEEDS }).ends_with("test images; no number of seeds would do")
        );
        assert!(
            said(Needs { both: Some((3, 90)), ..NEEDS })
                .ends_with("3 more seeds and 90 more test images; neither alone would do")
        );
        assert_eq!(
            found(&verdict(0.04, Finding::Shown), "seed"),
            "shown (+4.0 points, 95 % interval +1.0 to +7.0)"
        );
        let worse = found(&verdict(-0.3, Finding::Worse), "seed");
        assert!(worse.starts_with("no, it is worse by more (−30.0 points"), "{worse}");
        let beyond = found(&verdict(-0.03, Finding::NotShown(NEEDS)), "seed");
        assert!(beyond.ends_with("the difference itself is beyond the margin"), "{beyond}");
    }

    #[test]
    fn estimates_have_two_digits_and_are_rounded_up() {
        assert_eq!([7, 99, 101, 1234, 15_000].map(about), [7, 99, 110, 1300, 15_000]);
        assert_eq!([0.02, 0.01, 0.005].map(points_of), ["2 points", "1 point", "0.5 points"]);
    }
}
