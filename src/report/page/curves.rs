//! Learning curves: the mean of each group with a band of one standard deviation, against steps, epochs, seconds and joules.

use anyhow::Result;

use super::super::cells::{Cell, Table};
use super::super::figures;
use super::Plot;
use super::accuracy::shortened;
use super::facts::Facts;
use super::learning::{self, Mean};
use super::scale::Scale;
use super::svg::{Anchor, Frame, Look, Svg};

/// Panels in a row, and the place that each takes.
const COLUMNS: usize = 3;
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 262.0;
/// Names of groups in a row above a panel.
const KEYS: usize = 3;
/// Groups in a panel, where no axis says which belong together.
const TOGETHER: usize = 6;
/// Panels that are drawn.
const MOST: usize = 12;

/// What a curve is drawn against.
struct Against {
    name: &'static str,
    label: &'static str,
    get: fn(&Mean) -> Option<f64>,
}

const AGAINST: [Against; 4] = [
    Against { name: "steps", label: "steps", get: |mean| Some(mean.step) },
    Against { name: "epochs", label: "epochs", get: |mean| Some(mean.epoch) },
    Against { name: "seconds", label: "seconds of training", get: |mean| mean.secs },
    Against { name: "joules", label: "joules of training", get: |mean| mean.joules },
];

/// Groups that are drawn together.
struct Panel {
    title: String,
    sides: Vec<usize>,
}

/// A plot for each thing that the curves can be drawn against; none where no network left a curve.
///
/// # Errors
/// A curve cannot be read.
pub fn plots(facts: &Facts) -> Result<Vec<Plot>> {
    let means = facts.indices().map(|index| Ok(learning::mean(&learning::curves(facts, index)?)));
    let means = means.collect::<Result<Vec<Vec<Mean>>>>()?;
    let drawn = AGAINST.iter().filter(|against| {
        means.iter().flatten().any(|mean| (against.get)(mean).is_some_and(|value| value > 0.0))
    });
    Ok(drawn.map(|against| plot(facts, &means, against)).collect())
}

fn panels(facts: &Facts, means: &[Vec<Mean>]) -> Vec<Panel> {
    let known: Vec<usize> = facts.indices().filter(|index| means[*index].len() > 1).collect();
    let mut panels: Vec<Panel> = Vec::new();
    for index in &known {
        let title = facts.facet(*index);
        match panels.iter_mut().find(|panel| panel.title == title) {
            Some(panel) => panel.sides.push(*index),
            None => panels.push(Panel { title, sides: vec![*index] }),
        }
    }
    if panels.len() == 1 || panels.iter().any(|panel| panel.sides.len() > TOGETHER) {
        let chunk = |sides: &[usize]| Panel { title: String::new(), sides: sides.to_vec() };
        panels = known.chunks(TOGETHER).map(chunk).collect();
    }
    panels.truncate(MOST);
    panels
}

fn plot(facts: &Facts, means: &[Vec<Mean>], against: &Against) -> Plot {
    let panels = panels(facts, means);
    let columns = panels.len().clamp(1, COLUMNS);
    let rows = panels.len().div_ceil(columns).max(1);
    let title = format!("validation accuracy against {}", against.name);
    let (width, height) = if panels.len() == 1 { (2.0 * WIDTH, 1.4 * HEIGHT) } else { (WIDTH, HEIGHT) };
    let mut svg = Svg::new(width * columns as f64, height * rows as f64, &title);
    let shown = || panels.iter().flat_map(|panel| &panel.sides).flat_map(|index| &means[*index]);
    let low_high = |mean: &Mean| {
        let sd = mean.accuracy.sd.unwrap_or(0.0);
        [100.0 * (mean.accuracy.mean - sd), 100.0 * (mean.accuracy.mean + sd)]
    };
    let y = Scale::linear(shown().flat_map(low_high), (0.0, 1.0));
    for (at, panel) in panels.iter().enumerate() {
        let corner = (width * (at % columns) as f64, height * (at / columns) as f64);
        drawn(&mut svg, facts, means, against, panel, (corner, (width, height), y));
    }
    Plot { name: format!("curves_{}", against.name), svg, data: data(facts, means) }
}

/// A panel with its title and names, at its corner and in its size.
fn drawn(
    svg: &mut Svg,
    facts: &Facts,
    means: &[Vec<Mean>],
    against: &Against,
    panel: &Panel,
    ((left, top), (width, height), y): ((f64, f64), (f64, f64), Scale),
) {
    let rows = panel.sides.len().div_ceil(KEYS) as f64;
    let edges = (left + 52.0, top + 24.0 + 14.0 * rows, left + width - 12.0, top + height - 44.0);
    let values = panel.sides.iter().flat_map(|index| &means[*index]).filter_map(against.get);
    let x = Scale::exactly((0.0, 1.02 * values.fold(0.0, f64::max)), (edges.0, edges.2));
    let y = y.between((edges.3, edges.1));
    svg.frame(&Frame { edges, x, y, x_label: against.label, y_label: "validation accuracy, %" });
    svg.text((edges.0, top + 14.0), Anchor::Start, "label head", &panel.title);
    for (at, (index, look)) in panel.sides.iter().zip(looks(facts, panel)).enumerate() {
        draw(svg, &facts.name(*index), &means[*index], against, look, (&x, &y));
        let across = (edges.2 - edges.0) / KEYS as f64;
        let place = (edges.0 + across * (at % KEYS) as f64, top + 30.0 + 14.0 * (at / KEYS) as f64);
        key(svg, place, look, &facts.short_name(*index, !panel.title.is_empty()), across);
    }
}

/// Colours of a panel: those of the page where they tell its groups apart.
fn looks(facts: &Facts, panel: &Panel) -> Vec<Look> {
    let own: Vec<Look> = panel.sides.iter().map(|index| Look { shape: 0, ..facts.looks[*index] }).collect();
    let apart = own.iter().enumerate().all(|(at, look)| !own[..at].contains(look));
    if apart { own } else { (0..panel.sides.len()).map(|colour| Look { colour, shape: 0 }).collect() }
}

fn draw(svg: &mut Svg, name: &str, means: &[Mean], against: &Against, look: Look, (x, y): (&Scale, &Scale)) {
    let value = |mean: &Mean| (against.get)(mean);
    let at = |mean: &Mean, sds: f64| {
        let sd = mean.accuracy.sd.unwrap_or(0.0);
        Some((x.place(value(mean)?), y.place(100.0 * (mean.accuracy.mean + sds * sd))))
    };
    let line: Vec<(f64, f64)> = means.iter().filter_map(|mean| at(mean, 0.0)).collect();
    if means.iter().any(|mean| mean.accuracy.sd.is_some()) {
        let above = means.iter().filter_map(|mean| at(mean, 1.0));
        let below: Vec<(f64, f64)> = means.iter().filter_map(|mean| at(mean, -1.0)).collect();
        svg.polygon(
            &above.chain(below.into_iter().rev()).collect::<Vec<_>>(),
            &format!("band c{}", look.colour),
        );
    }
    svg.polyline(&line, &format!("curve c{0} d{0}", look.colour));
    for mean in means {
        let (Some(place), Some(value)) = (at(mean, 0.0), value(mean)) else { continue };
        let sd = mean.accuracy.sd.map_or(String::new(), |sd| format!(" ± {}", figures::percent(sd)));
        let accuracy = figures::percent(mean.accuracy.mean);
        let tip = format!("{name}\n{accuracy}{sd} % after {} {}", figures::seconds(value), against.name);
        svg.dot(place, look.colour, &tip);
    }
}

fn key(svg: &mut Svg, (x, y): (f64, f64), look: Look, name: &str, across: f64) {
    svg.line((x, y - 4.0), (x + 18.0, y - 4.0), &format!("curve c{0} d{0}", look.colour));
    // Letters of this size are six pixels wide or less.
    svg.text((x + 22.0, y), Anchor::Start, "tick", &shortened(name, ((across - 26.0) / 6.0) as usize));
}

fn data(facts: &Facts, means: &[Vec<Mean>]) -> Table {
    let mut table = Table::new([
        "group",
        "step",
        "epoch",
        "train_secs",
        "train_joules",
        "valid_accuracy_mean",
        "valid_accuracy_sd",
        "n",
    ]);
    for (index, means) in means.iter().enumerate() {
        table.rows.extend(means.iter().map(|mean| {
            vec![
                Cell::text(facts.name(index)),
                Cell::Number(mean.step),
                Cell::Number(mean.epoch),
                mean.secs.into(),
                mean.joules.into(),
                Cell::Number(mean.accuracy.mean),
                mean.accuracy.sd.into(),
                Cell::Count(mean.accuracy.n as u64),
            ]
        }));
    }
    table
}
