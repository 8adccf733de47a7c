//! Confusion matrices of the groups, each with its difference to what it is measured against.

use anyhow::Result;

use super::super::cells::{Cell, Table};
use super::super::confusion::Confusion;
use super::super::figures;
use super::Plot;
use super::accuracy::shortened;
use super::facts::Facts;
use super::svg::{Anchor, Svg};
use crate::recipe::files;

/// Classes up to which a matrix is drawn.
const CLASSES: usize = 20;
/// Groups that are drawn.
const GROUPS: usize = 12;
const WIDTH: f64 = 1040.0;

/// Shares of the images of each true class, `[true][predicted]`, over all runs of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    pub classes: Vec<String>,
    pub shares: Vec<Vec<f64>>,
}

/// The shares of each side; `None` where its runs left no matrix, or have other classes than one another.
///
/// # Errors
/// A matrix cannot be read.
pub fn shares(facts: &Facts) -> Result<Vec<Option<Shares>>> {
    facts.indices().map(|index| of_side(facts, index)).collect()
}

fn of_side(facts: &Facts, index: usize) -> Result<Option<Shares>> {
    let mut sum: Option<Confusion> = None;
    for row in &facts.side(index).group.rows {
        let path = facts
            .evidence
            .place(row)
            .and_then(|(stored, evaluate)| stored.content(evaluate, files::CONFUSION));
        let Some(path) = path else { return Ok(None) };
        let own = Confusion::read(&path)?;
        match &mut sum {
            None => sum = Some(own),
            Some(sum) if sum.classes == own.classes => add(sum, &own),
            Some(_) => return Ok(None),
        }
    }
    let share = |row: &Vec<u64>| {
        let images = row.iter().sum::<u64>().max(1) as f64;
        row.iter().map(|count| *count as f64 / images).collect()
    };
    Ok(sum.map(|sum| Shares { shares: sum.counts.iter().map(share).collect(), classes: sum.classes }))
}

fn add(sum: &mut Confusion, own: &Confusion) {
    for (row, more) in sum.counts.iter_mut().zip(&own.counts) {
        row.iter_mut().zip(more).for_each(|(count, more)| *count += more);
    }
}

/// `None` where there is no matrix, or too many classes to draw.
pub fn plot(facts: &Facts, shares: &[Option<Shares>]) -> Option<Plot> {
    let known: Vec<(usize, &Shares)> =
        shares.iter().enumerate().filter_map(|(index, shares)| Some((index, shares.as_ref()?))).collect();
    let classes = known.first()?.1.classes.len();
    if classes > CLASSES {
        return None;
    }
    let cell = (125.0 / classes as f64).clamp(16.0, 26.0);
    let side = cell * classes as f64;
    let (across, down) = (2.0 * side + 72.0, side + 56.0);
    let columns = ((WIDTH / across) as usize).max(1);
    let shown = &known[..known.len().min(GROUPS)];
    let rows = shown.len().div_ceil(columns);
    let mut svg = Svg::new((across * columns as f64).max(400.0), down * rows as f64, "confusion matrices");
    for (at, (index, own)) in shown.iter().enumerate() {
        let corner = (across * (at % columns) as f64 + 22.0, down * (at / columns) as f64 + 38.0);
        let most = ((across - 10.0) / 6.6) as usize;
        svg.text(
            (corner.0, corner.1 - 22.0),
            Anchor::Start,
            "name head",
            &shortened(&facts.name(*index), most),
        );
        matrix(&mut svg, own, None, corner, cell);
        let other = facts.side(*index).against.and_then(|against| shares[against].as_ref());
        if let Some(other) = other.filter(|other| other.classes == own.classes) {
            matrix(&mut svg, own, Some(other), (corner.0 + side + 30.0, corner.1), cell);
        }
    }
    Some(Plot { name: "confusion".into(), svg, data: data(facts, &known) })
}

/// Shares in percent, or their difference to another's in points.
fn matrix(svg: &mut Svg, own: &Shares, other: Option<&Shares>, (left, top): (f64, f64), cell: f64) {
    for (at, _) in own.classes.iter().enumerate() {
        let middle = (at as f64 + 0.5) * cell;
        svg.text((left + middle, top - 5.0), Anchor::Middle, "tick", &letter(at));
        svg.text((left - 5.0, top + middle + 4.0), Anchor::End, "tick", &letter(at));
    }
    for (label, row) in own.shares.iter().enumerate() {
        for (predicted, share) in row.iter().enumerate() {
            let value = other.map_or(*share, |other| share - other.shares[label][predicted]);
            let place = (left + cell * predicted as f64, top + cell * label as f64);
            let class = if value < 0.0 { "tile less" } else { "tile more" };
            // A difference of half the images is as dark as all of them.
            let depth = if other.is_some() { (2.0 * value.abs()).min(1.0) } else { value };
            let names = format!("{} taken for {}", own.classes[label], own.classes[predicted]);
            let said = if other.is_some() {
                format!("{} points", figures::points(value))
            } else {
                format!("{} %", figures::percent(value))
            };
            svg.cell(place, (cell, cell), class, &format!("--a:{depth:.2}"), &format!("{names}\n{said}"));
            let rounded = (100.0 * value).round();
            if rounded != 0.0 && cell >= 22.0 {
                let text = if other.is_some() {
                    format!("{rounded:+}").replace('-', "−")
                } else {
                    format!("{rounded}")
                };
                let class = if depth > 0.55 { "count on" } else { "count" };
                svg.text((place.0 + cell / 2.0, place.1 + cell / 2.0 + 4.0), Anchor::Middle, class, &text);
            }
        }
    }
}

/// `a` to `t`.
pub fn letter(class: usize) -> String {
    char::from(b'a' + (class % 26) as u8).to_string()
}

fn data(facts: &Facts, known: &[(usize, &Shares)]) -> Table {
    let mut table = Table::new(["group", "true", "predicted", "share"]);
    for (index, own) in known {
        for (label, row) in own.classes.iter().zip(&own.shares) {
            for (predicted, share) in own.classes.iter().zip(row) {
                let names = [facts.name(*index), label.clone(), predicted.clone()].map(Cell::text);
                table.rows.push(names.into_iter().chain([Cell::Number(*share)]).collect());
            }
        }
    }
    table
}
