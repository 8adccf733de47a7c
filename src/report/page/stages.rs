//! What the seconds or joules of each group went into, by kind of stage.

use std::collections::BTreeMap;

use super::super::cells::{Cell, Table};
use super::super::figures;
use super::Plot;
use super::accuracy::shortened;
use super::facts::{Facts, TRIALS};
use super::scale::{Scale, short};
use super::svg::{Anchor, Look, Svg};
use crate::recipe::{Describe, Evaluate, Train};

const WIDTH: f64 = 760.0;
const ROW: f64 = 20.0;

/// `None` where nothing is known of any stage.
pub fn plot(facts: &Facts) -> Option<Plot> {
    let seconds: Vec<BTreeMap<String, f64>> = facts.indices().map(|index| facts.by_kind(index)).collect();
    let kinds = kinds(facts, &seconds);
    if kinds.is_empty() {
        return None;
    }
    let rows = seconds.len() as f64;
    let edges = (210.0, 34.0, WIDTH - 20.0, 34.0 + rows * ROW);
    let mut svg = Svg::new(WIDTH, edges.3 + 44.0, &format!("{} by kind of stage", facts.cost.unit));
    let longest = seconds.iter().map(|kinds| kinds.values().sum()).fold(0.0, f64::max);
    let x = Scale::exactly((0.0, longest * 1.02), (edges.0, edges.2));
    frame(&mut svg, edges, x, facts.cost.unit);
    for (at, kind) in kinds.iter().enumerate() {
        let left = edges.0 + 100.0 * at as f64;
        svg.mark((left, 16.0), Look { colour: at, shape: 1 }, false, "");
        svg.text((left + 10.0, 20.0), Anchor::Start, "name", kind);
    }
    for (index, by_kind) in seconds.iter().enumerate() {
        let top = edges.1 + ROW * index as f64;
        svg.text((edges.0 - 8.0, top + 14.0), Anchor::End, "name", &shortened(&facts.name(index), 30));
        bars(&mut svg, (&facts.name(index), facts.cost.unit), &kinds, by_kind, (top, &x));
    }
    Some(Plot { name: format!("stage_{}", facts.cost.unit), svg, data: data(facts, &kinds, &seconds) })
}

/// Only the axis across: rows have names.
fn frame(svg: &mut Svg, edges: (f64, f64, f64, f64), x: Scale, unit: &str) {
    let label = format!("{unit} of one run, mean over replicates, whenever its stages were made");
    for tick in x.ticks(7) {
        svg.line((x.place(tick), edges.1), (x.place(tick), edges.3), "grid");
        svg.text((x.place(tick), edges.3 + 15.0), Anchor::Middle, "tick", &short(tick));
    }
    svg.line((edges.0, edges.3), (edges.2, edges.3), "axis");
    svg.text(((edges.0 + edges.2) / 2.0, edges.3 + 34.0), Anchor::Middle, "label", &label);
}

fn bars(
    svg: &mut Svg,
    (name, unit): (&str, &str),
    kinds: &[String],
    by_kind: &BTreeMap<String, f64>,
    (top, x): (f64, &Scale),
) {
    let mut before = 0.0;
    for (at, kind) in kinds.iter().enumerate() {
        let Some(cost) = by_kind.get(kind).filter(|cost| **cost > 0.0) else { continue };
        let (left, right) = (x.place(before), x.place(before + cost));
        let tip = format!("{name}\n{kind}: {} {unit}", figures::seconds(*cost));
        svg.cell((left, top + 3.0), (right - left, ROW - 6.0), &format!("bar c{at}"), "", &tip);
        before += cost;
    }
}

/// In the order in which a run comes to them: what it is trained on, the training, the scores.
fn kinds(facts: &Facts, seconds: &[BTreeMap<String, f64>]) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    let used = |kind: &str| seconds.iter().any(|by_kind| by_kind.contains_key(kind));
    for stage in facts.launches.iter().flat_map(|launch| &launch.stages) {
        if !kinds.contains(&stage.kind) && used(&stage.kind) {
            kinds.push(stage.kind.clone());
        }
    }
    kinds.extend(used(TRIALS).then(|| TRIALS.to_string()));
    kinds.sort_by_key(|kind| match kind.as_str() {
        Train::KIND => 1,
        Evaluate::KIND => 2,
        _ => 0,
    });
    kinds
}

fn data(facts: &Facts, kinds: &[String], seconds: &[BTreeMap<String, f64>]) -> Table {
    let columns = kinds.iter().map(|kind| format!("{kind}_{}", facts.cost.unit));
    let mut table = Table::new(["group".to_string()].into_iter().chain(columns));
    for (index, by_kind) in seconds.iter().enumerate() {
        let cells = kinds.iter().map(|kind| Cell::from(by_kind.get(kind).copied()));
        table.rows.push([Cell::text(facts.name(index))].into_iter().chain(cells).collect());
    }
    table
}
