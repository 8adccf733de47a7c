//! What the difference of two groups is worth: which test fits them, its interval and p, and whether one is within a
//! margin of the other. Knows no format.

use anyhow::Result;

use super::evidence::{Evidence, Pairs};
use super::runs::Row;
use super::sides::{Side, Sides};
use super::statistics::{
    Difference, McNemar, Verdict, difference, holm, nadeau_bengio, paired, seeds_needed, sign_flip,
    within_margin,
};
use super::summary::{ACCURACY, Group};

/// What p is held against where seeds are counted.
pub const ALPHA: f64 = 0.05;

/// How a difference of accuracies was tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Replicates share nothing: Welch's t.
    Welch,
    /// Replicates share a draw: Student's t of the differences for the interval, flipped signs for p.
    Pairs,
    /// Replicates are folds: Nadeau & Bengio.
    Folds,
    /// One network a side, on the same images.
    McNemar,
}

impl Test {
    pub fn name(self) -> &'static str {
        match self {
            Test::Welch => "welch",
            Test::Pairs => "pairs",
            Test::Folds => "folds",
            Test::McNemar => "mcnemar",
        }
    }
}

/// What is asked beside the difference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Asked {
    /// Whether a side is no worse than its baseline by more than this; 0..1.
    pub margin: Option<f64>,
    /// Also counts image by image for every two runs of one seed, which reads the predictions of all; else only where each
    /// side is one network.
    pub image_by_image: bool,
}

/// Of a side and the one that it is measured against.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub test: Test,
    /// 95 %, of the difference of accuracies, over replicates; `None` where it is not known.
    pub interval: Option<(f64, f64)>,
    /// Two-sided; `None` where the test has none, or too few pairs to say anything.
    pub p: Option<f64>,
    /// Corrected for the number of comparisons (Holm).
    pub p_holm: Option<f64>,
    pub pairs: Option<Pairs>,
    /// Runs with the same values of all replicate axes, on the same images.
    pub mcnemar: Vec<(String, McNemar)>,
    /// Where a margin was asked about.
    pub opinion: Option<Opinion>,
}

/// Whether a side is within a margin of another.
#[derive(Clone, Debug, PartialEq)]
pub enum Opinion {
    Given(Verdict),
    /// Why there is none.
    Withheld(String),
}

/// A judgement for each side that is measured against another.
///
/// # Errors
/// A table of predictions cannot be read.
pub fn judge(sides: &Sides, evidence: &Evidence, asked: Asked) -> Result<Vec<Option<Judged>>> {
    let compared = sides.sides.iter().filter(|side| side.against.is_some()).count();
    let judge = |side: &Side| {
        let against = side.against.map(|index| &sides.sides[index]);
        against.map(|against| judge_one(side, against, compared, evidence, asked)).transpose()
    };
    let mut judged = sides.sides.iter().map(judge).collect::<Result<Vec<_>>>()?;
    let ps: Vec<Option<f64>> = judged.iter().map(|judged| judged.as_ref()?.p).collect();
    for (judged, p) in judged.iter_mut().zip(holm(&ps)) {
        if let Some(judged) = judged {
            judged.p_holm = p;
        }
    }
    Ok(judged)
}

fn judge_one(
    side: &Side,
    against: &Side,
    compared: usize,
    evidence: &Evidence,
    asked: Asked,
) -> Result<Judged> {
    let (of, baseline) = (&side.group, &against.group);
    let pairs = evidence.pairs(of, baseline);
    let alone = of.rows.len() == 1 && baseline.rows.len() == 1;
    let counted = asked.image_by_image || alone;
    let mcnemar = if counted { same_seeds(of, baseline, evidence)? } else { Vec::new() };
    let (test, found) = tested(of, baseline, pairs.as_ref(), &mcnemar);
    let p = match (test, &pairs) {
        (Test::Pairs, Some(pairs)) if pairs.differences.len() < seeds_needed(compared, 2, ALPHA) => None,
        (Test::Pairs, Some(pairs)) => sign_flip(&pairs.differences),
        (Test::McNemar, _) => mcnemar.first().map(|(_, counts)| counts.mid_p()),
        _ => found.and_then(|found| found.p),
    };
    let opinion = asked.margin.map(|margin| opinion(of, baseline, evidence, margin)).transpose()?;
    let interval = found.and_then(|found| found.interval);
    Ok(Judged { test, interval, p, p_holm: None, pairs, mcnemar, opinion })
}

fn tested(
    of: &Group,
    baseline: &Group,
    pairs: Option<&Pairs>,
    mcnemar: &[(String, McNemar)],
) -> (Test, Option<Difference>) {
    match pairs {
        Some(Pairs { differences, test_to_train: Some(share), .. }) => {
            (Test::Folds, nadeau_bengio(differences, *share))
        }
        Some(Pairs { differences, .. }) => (Test::Pairs, paired(differences)),
        None if of.rows.len() == 1 && baseline.rows.len() == 1 && !mcnemar.is_empty() => {
            (Test::McNemar, None)
        }
        None => {
            let spreads = of.spread(ACCURACY).zip(baseline.spread(ACCURACY));
            (Test::Welch, spreads.map(|(of, baseline)| difference(&of, &baseline)))
        }
    }
}

/// Runs of both groups that have the same values of the replicate axes, or are the only ones.
fn same_seeds(of: &Group, baseline: &Group, evidence: &Evidence) -> Result<Vec<(String, McNemar)>> {
    let mut found = Vec::new();
    for run in &of.rows {
        let value = |axis: &String| run.axes.get(axis).cloned().unwrap_or_default();
        let alone = of.rows.len() == 1 && baseline.rows.len() == 1;
        let same =
            |other: &&Row| alone || of.over.iter().all(|axis| other.axes.get(axis) == run.axes.get(axis));
        let Some(other) = baseline.rows.iter().find(same) else { continue };
        if let Some(counts) = evidence.mcnemar(run, other)? {
            let named = of.over.iter().map(|axis| format!("{axis}={}", value(axis)));
            found.push((named.collect::<Vec<_>>().join(", "), counts));
        }
    }
    Ok(found)
}

fn opinion(of: &Group, baseline: &Group, evidence: &Evidence, margin: f64) -> Result<Opinion> {
    let withheld = |reason: &str| Ok(Opinion::Withheld(reason.to_string()));
    let undertrained = of.undertrained() + baseline.undertrained();
    if undertrained > 0 {
        let networks = of.rows.len() + baseline.rows.len();
        let be = if undertrained == 1 { "is" } else { "are" };
        return withheld(&format!("{undertrained} of {networks} networks {be} undertrained"));
    }
    if of.units(ACCURACY).len() < 2 || baseline.units(ACCURACY).len() < 2 {
        return withheld("one result a side says nothing about other seeds");
    }
    let Some(sample) = evidence.sample(of, baseline)? else {
        return withheld("its predictions are not there");
    };
    match within_margin(&sample, margin) {
        Some(verdict) => Ok(Opinion::Given(verdict)),
        None => withheld("nothing spreads"),
    }
}
