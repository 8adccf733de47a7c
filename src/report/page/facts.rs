//! What a page is made from: the groups, what they stand against, and what they cost.

use std::collections::BTreeMap;

use anyhow::Result;

use super::super::chosen::made_for_choices;
use super::super::evidence::Evidence;
use super::super::judge::{Asked, Judged, judge};
use super::super::launch::{Launch, Made};
use super::super::runs::Row;
use super::super::sides::{Chosen, Side, Sides, sides};
use super::super::statistics::Spread;
use super::super::summary::{ACCURACY, ENERGY, Quantity, TOTAL_SECS};
use super::svg::{COLOURS, Look};
use crate::energy::Joules;
use crate::engine::Store;
use crate::recipe::{Describe, Evaluate};

pub struct Facts<'a> {
    pub launches: &'a [Launch],
    pub evidence: Evidence<'a>,
    pub sides: Sides,
    /// By side.
    pub judged: Vec<Option<Judged>>,
    /// 0..1.
    pub margin: f64,
    pub cost: Cost,
    pub looks: Vec<Look>,
}

/// What trials are called beside kinds of stages.
pub const TRIALS: &str = "trials";

/// What accuracy is set against.
#[derive(Clone, Copy)]
pub struct Cost {
    pub quantity: Quantity,
    /// `seconds`, `joules`.
    pub unit: &'static str,
    /// What it is of, for the axis of a plot.
    pub label: &'static str,
}

const SECONDS: Cost = Cost {
    quantity: TOTAL_SECS,
    unit: "seconds",
    label: "seconds of all stages that a run rests on (not energy: it was not metered for every run)",
};

const JOULES: Cost = Cost {
    quantity: ENERGY,
    unit: "joules",
    label: "joules of all stages that a run rests on (hollow: modelled)",
};

impl<'a> Facts<'a> {
    /// # Errors
    /// As [`sides`], and when an artifact cannot be read.
    pub fn gather(
        launches: &'a [Launch],
        store: &'a Store,
        chosen: &Chosen,
        margin: f64,
    ) -> Result<Facts<'a>> {
        let sides = sides(launches, store, chosen)?;
        let evidence = Evidence::new(launches, store);
        let judged = judge(&sides, &evidence, Asked { margin: Some(margin), ..Asked::default() })?;
        let metered = |side: &Side| side.group.rows.iter().all(|row| row.energy_joules.is_some());
        let scored = || sides.sides.iter().filter(|side| !side.group.rows.is_empty());
        let cost = if scored().next().is_some() && scored().all(metered) { JOULES } else { SECONDS };
        let looks = looks(&sides);
        Ok(Facts { launches, evidence, sides, judged, margin, cost, looks })
    }

    pub fn name(&self, index: usize) -> String {
        self.sides.name(&self.sides.sides[index])
    }

    /// The values of the labels that vary, but for the first of them: groups that differ in that alone belong together.
    pub fn facet(&self, index: usize) -> String {
        self.varying().skip(1).map(|at| self.side(index).labels[at].1.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The value of the first label that varies alone, or the whole name.
    pub fn short_name(&self, index: usize, alone: bool) -> String {
        let first = self.varying().next().filter(|_| alone);
        first.map_or_else(|| self.name(index), |at| self.side(index).labels[at].1.clone())
    }

    fn varying(&self) -> impl Iterator<Item = usize> {
        let sides = &self.sides.sides;
        let labels = sides.first().map_or(0, |side| side.labels.len());
        (0..labels).filter(|at| sides.iter().any(|side| side.labels[*at].1 != sides[0].labels[*at].1))
    }

    pub fn side(&self, index: usize) -> &Side {
        &self.sides.sides[index]
    }

    pub fn accuracy(&self, index: usize) -> Option<Spread> {
        self.side(index).group.spread(ACCURACY)
    }

    pub fn cost(&self, index: usize) -> Option<Spread> {
        self.side(index).group.spread(self.cost.quantity)
    }

    pub fn indices(&self) -> std::ops::Range<usize> {
        0..self.sides.sides.len()
    }

    /// Sides that others are measured against, in order.
    pub fn baselines(&self) -> Vec<usize> {
        let mut found: Vec<usize> = self.sides.sides.iter().filter_map(|side| side.against).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The side with the highest mean accuracy.
    pub fn best(&self) -> Option<usize> {
        let mean = |index: &usize| self.accuracy(*index).map(|spread| spread.mean);
        self.indices()
            .filter(|index| mean(index).is_some())
            .max_by(|one, other| mean(one).unwrap_or(0.0).total_cmp(&mean(other).unwrap_or(0.0)))
    }

    /// Sides that no other reaches with less cost and at least their accuracy, from the cheapest on; none where costs
    /// were taken on unlike machines or meters.
    pub fn front(&self) -> Vec<usize> {
        let meters = self.cost.unit == "joules" && self.sides.unlike_meters().is_some();
        let unlike = meters || self.sides.unlike_hardware().is_some();
        if unlike && !self.sides.unlike {
            return Vec::new();
        }
        let place = |index: usize| Some((self.cost(index)?.mean, self.accuracy(index)?.mean, index));
        let mut places: Vec<(f64, f64, usize)> = self.indices().filter_map(place).collect();
        places.sort_by(|one, other| one.0.total_cmp(&other.0).then(other.1.total_cmp(&one.1)));
        let mut best = f64::NEG_INFINITY;
        places.retain(|(_, accuracy, _)| {
            *accuracy > best && {
                best = *accuracy;
                true
            }
        });
        places.into_iter().map(|(.., index)| index).collect()
    }

    /// Whether any of the energy of a side is a model's.
    pub fn is_modelled(&self, index: usize) -> bool {
        self.cost.unit == "joules"
            && self.side(index).group.rows.iter().any(|row| row.energy_class.as_deref() != Some("measured"))
    }

    /// What making an artifact cost, in the unit of the page.
    fn cost_of(&self, made: &Made) -> Option<f64> {
        match self.cost.unit {
            "joules" => made.drawn?.joules.map(Joules::value),
            _ => Some(made.took_secs),
        }
    }

    /// Mean cost of a side by kind of stage, each stage of a run once, whenever it was made; what serves a choice of settings
    /// alone stands together as [`TRIALS`].
    pub fn by_kind(&self, index: usize) -> BTreeMap<String, f64> {
        let rows = &self.side(index).group.rows;
        let mut costs = BTreeMap::new();
        for row in rows {
            let Some((stored, evaluate)) = self.evidence.place(row) else { continue };
            let apart = made_for_choices(stored.launch, evaluate);
            for stage in stored.launch.lineage(evaluate) {
                let Some(cost) = stored.made(stage).and_then(|made| self.cost_of(&made)) else { continue };
                let kind = if apart.contains(&stage) { TRIALS } else { &stored.launch.stages[stage].kind };
                *costs.entry(kind.to_string()).or_insert(0.0) += cost / rows.len() as f64;
            }
        }
        costs
    }

    /// Mean cost of what is made once and trained on any number of times, and of one training.
    pub fn once_and_each(&self, index: usize) -> Option<(f64, f64)> {
        let training = |row: &Row| {
            let (stored, evaluate) = self.evidence.place(row)?;
            self.cost_of(&stored.made(stored.launch.input(evaluate, "of")?)?)
        };
        let trainings: Vec<f64> = self.side(index).group.rows.iter().filter_map(training).collect();
        let each = Spread::of(&trainings)?.mean;
        let mut costs = self.by_kind(index);
        costs.remove(Evaluate::KIND);
        Some(((costs.values().sum::<f64>() - each).max(0.0), each))
    }
}

/// Colour by the first label that varies, shape by the others.
fn looks(sides: &Sides) -> Vec<Look> {
    let Some(first) = sides.sides.first() else { return Vec::new() };
    let varies = |at: &usize| sides.sides.iter().any(|side| side.labels[*at].1 != first.labels[*at].1);
    let mut varying = (0..first.labels.len()).filter(varies);
    let Some(by_colour) = varying.next() else {
        return vec![Look { colour: 0, shape: 0 }; sides.sides.len()];
    };
    let by_shape: Vec<usize> = varying.collect();
    let (mut colours, mut shapes) = (Vec::new(), Vec::new());
    let look = |side: &Side| {
        let colour = place(&mut colours, vec![side.labels[by_colour].1.clone()]);
        let shape = place(&mut shapes, by_shape.iter().map(|at| side.labels[*at].1.clone()).collect());
        // More values than colours: the same colour comes back in another shape.
        Look { colour: colour % COLOURS, shape: shape + colour / COLOURS }
    };
    sides.sides.iter().map(look).collect()
}

fn place(known: &mut Vec<Vec<String>>, value: Vec<String>) -> usize {
    known.iter().position(|other| *other == value).unwrap_or_else(|| {
        known.push(value);
        known.len() - 1
    })
}

#[cfg(test)]
pub mod tests {
    use super::super::super::fixture::Fixture;
    use super::*;

    pub fn facts(fixture: &Fixture) -> Facts<'_> {
        Facts::gather(fixture.launches(), &fixture.store, &Chosen::default(), 0.02).unwrap()
    }

    #[test]
    fn the_front_holds_what_nothing_cheaper_reaches() {
        let fixture = Fixture::birds();
        // 132 s: 82 % and 72 %; 172 s: 62 % and 52 %.
        assert_eq!(facts(&fixture).front(), [0]);
        let train = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
        fixture.note(train, "host", "lab-3");
        assert!(facts(&fixture).front().is_empty());
    }

    #[test]
    fn without_meters_the_cost_is_seconds_and_says_so() {
        let fixture = Fixture::birds();
        let facts = facts(&fixture);
        assert_eq!(facts.cost.unit, "seconds");
        assert!(facts.cost.label.contains("not energy"));
        assert_eq!(facts.cost(0).unwrap().mean, 132.0);
        // Subset and distillation once, each training.
        assert_eq!(facts.once_and_each(2), Some((50.0, 120.0)));
    }

    #[test]
    fn where_energy_is_known_of_every_run_the_cost_is_joules() {
        let fixture = Fixture::birds().with_energy(None);
        let facts = facts(&fixture);
        assert_eq!((facts.cost.unit, facts.is_modelled(0)), ("joules", true));
        // 132 s of one thread at 4 W, of which 120 s of training and 10 s of drawing the subset.
        assert!((facts.cost(0).unwrap().mean - 528.0).abs() < 1e-9);
        let (once, each) = facts.once_and_each(0).unwrap();
        assert!((once - 40.0).abs() < 1e-9 && (each - 480.0).abs() < 1e-9, "{once} {each}");
    }

    #[test]
    fn groups_of_an_axis_share_a_colour_and_those_of_another_a_shape() {
        let fixture = Fixture::birds();
        let looks = facts(&fixture).looks;
        assert_eq!(looks[0].colour, looks[1].colour);
        assert_eq!(looks[0].shape, looks[2].shape);
        assert!(looks[0].colour != looks[2].colour && looks[0].shape != looks[1].shape);
    }
}
