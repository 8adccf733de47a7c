//! How accurate networks are at equal cost: the best that each has reached by the time that so much is spent.

use anyhow::Result;

use super::super::figures;
use super::super::statistics::Spread;
use super::break_even::cost_of;
use super::facts::Facts;
use super::html::{Column, Field, note, table};
use super::learning::{self, Point};

/// Costs that are looked at.
const BUDGETS: usize = 5;

/// A table of validation accuracies, a column a budget; empty where no network left a curve.
///
/// # Errors
/// A curve cannot be read.
pub fn at_equal_cost(facts: &Facts) -> Result<String> {
    let curves = facts.indices().map(|index| learning::curves(facts, index)).collect::<Result<Vec<_>>>()?;
    let once = |index: usize| facts.once_and_each(index).map_or(0.0, |(once, _)| once);
    let spent: Vec<Vec<Vec<(f64, f64)>>> = facts
        .indices()
        .map(|index| curves[index].iter().map(|curve| spent(facts, curve, once(index))).collect())
        .collect();
    let budgets = budgets(spent.iter().flatten().flatten().map(|(cost, _)| *cost));
    if budgets.is_empty() {
        return Ok(String::new());
    }
    let unit = facts.cost.unit;
    let mut columns =
        vec![Column::words("group", facts.indices().map(|index| Field::words(facts.name(index))).collect())];
    for budget in budgets {
        let cells = spent.iter().map(|curves| cell(curves, budget)).collect();
        columns.push(Column::numbers(&format!("{} {unit}", figures::significant(budget)), cells));
    }
    let said = format!(
        "Best validation accuracy in percent by the time that so many {unit} are spent, what is made once before training included; mean of the runs that have one by then, with their number where some have none."
    );
    Ok(format!("<h3>Accuracy at equal {unit}</h3>\n{}{}", table(columns, &facts.baselines()), note(&said)))
}

/// (cost, best accuracy so far) at each point of a curve.
fn spent(facts: &Facts, curve: &[Point], once: f64) -> Vec<(f64, f64)> {
    let mut best = f64::NEG_INFINITY;
    let cost = cost_of(facts);
    let point = |point: &Point| {
        best = best.max(point.accuracy);
        Some((once + cost(point)?, best))
    };
    curve.iter().filter_map(point).collect()
}

/// By equal factors from the least that any network cost to the most.
fn budgets(costs: impl Iterator<Item = f64>) -> Vec<f64> {
    let costs: Vec<f64> = costs.filter(|cost| *cost > 0.0).collect();
    let (least, most) =
        (costs.iter().copied().fold(f64::INFINITY, f64::min), costs.iter().copied().fold(0.0, f64::max));
    if least >= most {
        return Vec::new();
    }
    let budget = |at: usize| least * (most / least).powf(at as f64 / (BUDGETS - 1) as f64);
    // The last one is the most itself, whatever the powers round to.
    (0..BUDGETS - 1).map(budget).chain([most]).collect()
}

fn cell(curves: &[Vec<(f64, f64)>], budget: f64) -> Field {
    let by_then =
        |curve: &Vec<(f64, f64)>| curve.iter().rev().find(|(cost, _)| *cost <= budget).map(|(_, best)| *best);
    let reached: Vec<f64> = curves.iter().filter_map(by_then).collect();
    let Some(spread) = Spread::of(&reached) else { return Field::words("") };
    let some = if reached.len() < curves.len() {
        format!(" ({} of {})", reached.len(), curves.len())
    } else {
        String::new()
    };
    Field::number(format!("{}{some}", figures::percent(spread.mean)), Some(spread.mean))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_lie_between_the_least_and_the_most_by_equal_factors() {
        let budgets = budgets([10.0, 1.0, 10_000.0].into_iter());
        let wanted = [1.0, 10.0, 100.0, 1000.0, 10_000.0];
        assert!(
            budgets.iter().zip(wanted).all(|(one, other)| (one / other - 1.0).abs() < 1e-9),
            "{budgets:?}"
        );
        assert!(super::budgets([3.0, 3.0].into_iter()).is_empty());
    }

    #[test]
    fn a_budget_buys_the_best_accuracy_so_far() {
        let curves = [vec![(10.0, 0.3), (20.0, 0.6), (30.0, 0.6)], vec![(15.0, 0.4)]];
        let text = |budget| cell(&curves, budget).text;
        assert_eq!([5.0, 10.0, 25.0].map(text), ["", "30.0 (1 of 2)", "50.0"]);
    }
}
