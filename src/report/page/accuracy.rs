//! Accuracy against what it costs, with the front of what nothing cheaper reaches.

use super::super::cells::{Cell, Table};
use super::super::figures;
use super::super::statistics::Spread;
use super::Plot;
use super::facts::Facts;
use super::scale::Scale;
use super::svg::{Anchor, Frame, Svg};
use super::words::percent;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;

/// `None` where no group has both.
pub fn plot(facts: &Facts) -> Option<Plot> {
    let known: Vec<usize> = facts
        .indices()
        .filter(|index| facts.cost(*index).is_some() && facts.accuracy(*index).is_some())
        .collect();
    if known.is_empty() {
        return None;
    }
    let title = format!("accuracy against {}", facts.cost.unit);
    let mut svg = Svg::new(WIDTH, HEIGHT, &title);
    let edges = (56.0, 16.0, 540.0, HEIGHT - 48.0);
    let reach = |spread: Option<Spread>| {
        let spread = spread.expect("known groups have both");
        let sd = spread.sd.unwrap_or(0.0);
        [spread.mean - sd, spread.mean, spread.mean + sd]
    };
    let costs = known.iter().flat_map(|index| reach(facts.cost(*index)));
    let accuracies = known.iter().flat_map(|index| reach(facts.accuracy(*index))).map(|share| 100.0 * share);
    let (x, y) = (Scale::log(costs, (edges.0, edges.2)), Scale::linear(accuracies, (edges.3, edges.1)));
    svg.frame(&Frame { edges, x, y, x_label: facts.cost.label, y_label: "test accuracy, %" });
    let front: Vec<(f64, f64)> = facts.front().iter().map(|index| place(facts, *index, &x, &y)).collect();
    if front.len() > 1 {
        svg.polyline(&front, "front");
    }
    for index in &known {
        errors(&mut svg, facts, *index, &x, &y);
    }
    for index in &known {
        svg.mark(
            place(facts, *index, &x, &y),
            facts.looks[*index],
            facts.is_modelled(*index),
            &tip(facts, *index),
        );
    }
    legend(&mut svg, facts, &known, (556.0, 24.0));
    Some(Plot { name: format!("accuracy_{}", facts.cost.unit), svg, data: data(facts, &known) })
}

fn place(facts: &Facts, index: usize, x: &Scale, y: &Scale) -> (f64, f64) {
    let mean = |spread: Option<Spread>| spread.map_or(0.0, |spread| spread.mean);
    (x.place(mean(facts.cost(index))), y.place(100.0 * mean(facts.accuracy(index))))
}

/// One standard deviation either way.
fn errors(svg: &mut Svg, facts: &Facts, index: usize, x: &Scale, y: &Scale) {
    let (across, up) = place(facts, index, x, y);
    let class = format!("error c{}", facts.looks[index].colour);
    if let Some((mean, sd)) = facts.accuracy(index).and_then(|spread| Some((spread.mean, spread.sd?))) {
        svg.line((across, y.place(100.0 * (mean - sd))), (across, y.place(100.0 * (mean + sd))), &class);
    }
    if let Some((mean, sd)) = facts.cost(index).and_then(|spread| Some((spread.mean, spread.sd?))) {
        svg.line((x.place((mean - sd).max(f64::MIN_POSITIVE)), up), (x.place(mean + sd), up), &class);
    }
}

fn tip(facts: &Facts, index: usize) -> String {
    let accuracy = facts.accuracy(index).map_or(String::new(), percent);
    let cost = facts.cost(index).map_or(String::new(), |cost| {
        let sd = cost.sd.map_or(String::new(), |sd| format!(" ± {}", figures::seconds(sd)));
        let about = if facts.is_modelled(index) { "≈ " } else { "" };
        format!("{about}{}{sd} {}", figures::seconds(cost.mean), facts.cost.unit)
    });
    format!("{}\n{accuracy}\n{cost}", facts.name(index))
}

/// A line a group, with its mark; up to 26.
pub fn legend(svg: &mut Svg, facts: &Facts, known: &[usize], (x, y): (f64, f64)) {
    const MOST: usize = 26;
    let step = if known.len() > 20 { 15.0 } else { 18.0 };
    for (line, index) in known.iter().take(MOST).enumerate() {
        let at = y + step * line as f64;
        svg.mark((x, at), facts.looks[*index], facts.is_modelled(*index), "");
        svg.text((x + 12.0, at + 4.0), Anchor::Start, "name", &shortened(&facts.name(*index), 30));
    }
    if known.len() > MOST {
        let text = format!("and {} more", known.len() - MOST);
        svg.text((x + 12.0, y + step * MOST as f64 + 4.0), Anchor::Start, "tick", &text);
    }
}

/// At most so many letters.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

fn data(facts: &Facts, known: &[usize]) -> Table {
    let unit = facts.cost.unit;
    let columns = ["group", "accuracy_mean", "accuracy_sd"].map(str::to_string);
    let columns = columns.into_iter().chain([format!("{unit}_mean"), format!("{unit}_sd")]);
    let mut table = Table::new(columns.chain(["n", "on_front", "modelled"].map(str::to_string)));
    let front = facts.front();
    for index in known {
        let (accuracy, cost) = (facts.accuracy(*index), facts.cost(*index));
        table.rows.push(vec![
            Cell::text(facts.name(*index)),
            accuracy.map(|spread| spread.mean).into(),
            accuracy.and_then(|spread| spread.sd).into(),
            cost.map(|spread| spread.mean).into(),
            cost.and_then(|spread| spread.sd).into(),
            accuracy.map(|spread| spread.n as u64).into(),
            Some(front.contains(index)).into(),
            Some(facts.is_modelled(*index)).into(),
        ]);
    }
    table
}
