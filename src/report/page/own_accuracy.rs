//! When a distilled set pays at the accuracy of its own students, against the cheapest way there without distillation.
//!
//! With N networks, a set costs what is made once and N trainings; a way without distillation (all images, or real ones that
//! are chosen) its own once and N trainings that stop as soon as they are as accurate. The set breaks even at the least N from
//! which no such way costs less. Accuracies are those of the validation split, which tells when to stop.

use anyhow::Result;

use super::super::figures;
use super::super::protocol::{Kind, kind};
use super::super::statistics::Spread;
use super::break_even::cost_of;
use super::facts::Facts;
use super::html::{Column, Field, note, table};
use super::learning::{self, Point, reached};

/// What a way to an accuracy costs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Way {
    side: usize,
    once: f64,
    each: f64,
    /// Whether a run was there at the first look at it: then it costs at most so much, and less is not known.
    at_most: bool,
}

/// A distilled set and the way without distillation that holds out the longest against it.
struct Case {
    set: Way,
    accuracy: f64,
    /// `None` where no other group gets there.
    rival: Option<Way>,
    /// Networks from which on the set has cost less than every way; `None` if it never does.
    pays_from: Option<f64>,
}

/// A row for each distilled set; empty where there is none, or machines were unlike.
///
/// # Errors
/// A curve cannot be read.
pub fn words(facts: &Facts) -> Result<String> {
    let cases = cases(facts)?;
    if cases.is_empty() {
        return Ok(String::new());
    }
    let unit = facts.cost.unit;
    let each = |cell: &dyn Fn(&Case) -> Field| cases.iter().map(cell).collect::<Vec<_>>();
    let rival =
        |write: &dyn Fn(&Way) -> Field| each(&|case| case.rival.as_ref().map_or(Field::words(""), write));
    let columns = vec![
        Column::words("set", each(&|case| Field::words(facts.name(case.set.side)))),
        Column::numbers("validation accuracy %", each(&|case| percent(case.accuracy))),
        Column::numbers(&format!("{unit} once"), each(&|case| cost(case.set.once))),
        Column::numbers(&format!("{unit} a training"), each(&|case| cost(case.set.each))),
        Column::words("without distillation", rival(&|way| Field::words(facts.name(way.side)))),
        Column::numbers(&format!("its {unit} once"), rival(&|way| cost(way.once))),
        Column::numbers(&format!("its {unit} until then"), rival(&until_then)),
        Column::numbers("pays from", each(&pays)),
    ];
    let meaning = "Each set at the validation accuracy at which its own students end, against all images, or real ones that \
                   are chosen, trained until they are as accurate: the way that holds out the longest. It pays from so many \
                   networks on; never where a training on it costs no less. ≤: it was there at the first look at its curve \
                   (`curve_points`), so that the set pays later, if at all. A set is charged its students' whole trainings, as \
                   the protocol has them, though they may be there earlier.";
    Ok(format!("<h3>Break-even at a set’s own accuracy</h3>\n{}{}", table(columns, &[]), note(meaning)))
}

fn pays(case: &Case) -> Field {
    match (case.rival, case.pays_from) {
        (None, _) => Field::words("nothing else gets there"),
        (Some(Way { at_most: true, .. }), Some(count)) => {
            Field::number(format!("{:.0} networks or more", count.ceil()), Some(count))
        }
        (_, Some(count)) if count <= 1.0 => Field::number("the first", Some(1.0)),
        (_, Some(count)) => Field::number(format!("{:.0} networks", count.ceil()), Some(count)),
        (_, None) => Field::words("never"),
    }
}

fn until_then(way: &Way) -> Field {
    let before = if way.at_most { "≤ " } else { "" };
    Field::number(format!("{before}{}", figures::seconds(way.each)), Some(way.each))
}

fn percent(share: f64) -> Field {
    Field::number(figures::percent(share), Some(share))
}

fn cost(value: f64) -> Field {
    Field::number(figures::seconds(value), Some(value))
}

fn cases(facts: &Facts) -> Result<Vec<Case>> {
    if facts.sides.unlike_hardware().is_some() && !facts.sides.unlike {
        return Ok(Vec::new());
    }
    let curves = facts.indices().map(|index| learning::curves(facts, index)).collect::<Result<Vec<_>>>()?;
    let sets = facts.indices().filter(|side| kind(&facts.side(*side).group) == Some(Kind::Distilled));
    Ok(sets.filter_map(|side| case(facts, &curves, side)).collect())
}

fn case(facts: &Facts, curves: &[Vec<Vec<Point>>], side: usize) -> Option<Case> {
    let (once, each) = facts.once_and_each(side)?;
    let ends: Vec<f64> = curves[side].iter().filter_map(|curve| Some(curve.last()?.accuracy)).collect();
    let accuracy = Spread::of(&ends)?.mean;
    let set = Way { side, once, each, at_most: false };
    let ways = facts.indices().filter_map(|other| way(facts, curves, (side, other), accuracy));
    let (rival, pays_from) = against(set, ways);
    Some(Case { set, accuracy, rival, pays_from })
}

/// What another group needs to be so accurate; `None` unless it is undistilled, scored on the same images, and all its runs
/// get there.
fn way(
    facts: &Facts,
    curves: &[Vec<Vec<Point>>],
    (side, other): (usize, usize),
    accuracy: f64,
) -> Option<Way> {
    let (set, group) = (&facts.side(side).group, &facts.side(other).group);
    let scored = |group: &super::super::summary::Group| (group.dataset.clone(), group.evaluate.clone());
    if kind(group) != Some(Kind::Real) || scored(group) != scored(set) {
        return None;
    }
    let (once, _) = facts.once_and_each(other)?;
    let spent = curves[other].iter().map(|curve| reached(curve, accuracy, cost_of(facts)));
    let each = Spread::of(&spent.collect::<Option<Vec<f64>>>()?)?.mean;
    let there_at_first = |curve: &Vec<Point>| curve.first().is_some_and(|point| point.accuracy >= accuracy);
    Some(Way { side: other, once, each, at_most: curves[other].iter().any(there_at_first) })
}

/// The way that a set has cost less than last, and from how many networks on; where there is one that it never does, that
/// with the cheapest training.
fn against(set: Way, ways: impl Iterator<Item = Way>) -> (Option<Way>, Option<f64>) {
    let from = |way: &Way| match set.each < way.each {
        true => Some(((set.once - way.once) / (way.each - set.each)).max(1.0)),
        false => None,
    };
    let rank = |way: &Way| (from(way).unwrap_or(f64::INFINITY), -way.each);
    let rival =
        ways.max_by(|one, other| rank(one).partial_cmp(&rank(other)).unwrap_or(std::cmp::Ordering::Equal));
    (rival, rival.as_ref().and_then(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(side: usize, once: f64, each: f64) -> Way {
        Way { side, once, each, at_most: false }
    }

    #[test]
    fn a_set_pays_once_it_has_cost_less_than_every_other_way() {
        // All images take 5 s more a network, chosen ones 2 s more but 20 s once: 100 / 5 and 80 / 2.
        let (rival, from) = against(way(0, 100.0, 1.0), [way(1, 0.0, 6.0), way(2, 20.0, 3.0)].into_iter());
        assert_eq!((rival.map(|way| way.side), from), (Some(2), Some(40.0)));
        let (rival, from) = against(way(0, 5.0, 1.0), [way(1, 10.0, 6.0)].into_iter());
        assert_eq!((rival.map(|way| way.side), from), (Some(1), Some(1.0)));
    }

    #[test]
    fn what_was_there_at_the_first_look_bounds_the_networks_from_below() {
        let rival = Way { at_most: true, ..way(1, 0.0, 6.0) };
        let case = Case { set: way(0, 100.0, 1.0), accuracy: 0.5, rival: Some(rival), pays_from: Some(20.0) };
        assert_eq!(
            (pays(&case).text.as_str(), until_then(&rival).text.as_str()),
            ("20 networks or more", "≤ 6.0")
        );
        let case = Case { pays_from: None, ..case };
        assert_eq!(pays(&case).text, "never");
    }

    #[test]
    fn a_set_whose_training_costs_no_less_than_the_cheapest_way_never_pays() {
        let (rival, from) =
            against(way(0, 100.0, 3.0), [way(1, 0.0, 6.0), way(2, 0.0, 2.0), way(3, 0.0, 3.0)].into_iter());
        assert_eq!((rival.map(|way| way.side), from), (Some(2), None));
        assert_eq!(against(way(0, 1.0, 1.0), std::iter::empty()), (None, None));
    }
}
