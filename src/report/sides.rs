//! Which groups stand against one another: the sides of a comparison and what else must agree. Knows no format.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::hardware::{hardware, meters};
use super::launch::Launch;
use super::statistics::{Difference, difference};
use super::stored::Stored;
use super::summary::{self, Group, Quantity};
use super::{pin, runs};
use crate::engine::Store;

/// A group with everything that names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Names and values: experiment, launch, the axes of all launches, `scores` (the evaluate
    /// stage, if the launch has several), `data`. Blank where the group reads no such axis.
    pub labels: Vec<(String, String)>,
    pub group: Group,
    /// What its runs were timed on.
    pub hardware: BTreeSet<String>,
    /// Index of the side that it is measured against; none for a baseline, or where there is nothing to compare to.
    pub against: Option<usize>,
}

impl Side {
    pub fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
    }
}

/// Sides in an order that puts together what is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Sides {
    pub sides: Vec<Side>,
    /// The label whose values stand against one another; none where everything is measured against the first side.
    pub by: Option<String>,
    /// The value of `by` that the others are measured against.
    pub baseline: String,
    /// Whether figures of unlike machines, or of unlike meters, may stand against one another.
    pub unlike: bool,
}

/// Which groups to compare.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chosen<'a> {
    /// The axis (or `experiment`, `launch`) whose values stand against one another.
    pub by: Option<&'a str>,
    /// The value of `by` that the others are measured against, or axes with values that mean one group; else the first.
    pub baseline: Option<&'a str>,
    /// Groups that are kept: for each axis, its values, with commas between them.
    pub only: Vec<(&'a str, &'a str)>,
    /// The axes that groups are made by; runs are averaged over the others. All, where it is empty.
    pub group_by: Vec<&'a str>,
    pub unlike: bool,
}

impl Sides {
    /// The difference of means of a quantity to the side it is measured against.
    pub fn difference(&self, side: &Side, quantity: Quantity) -> Option<Difference> {
        let against = &self.sides[side.against?].group;
        Some(difference(&side.group.spread(quantity)?, &against.spread(quantity)?))
    }

    /// A mean as a multiple of that of the side it is measured against; `None` where they were taken on unlike machines
    /// or, of energy, with unlike meters, unless that was asked for.
    pub fn ratio(&self, side: &Side, quantity: Quantity) -> Option<f64> {
        let against = &self.sides[side.against?];
        let is_energy = matches!(quantity.0, "energy_joules" | "cost" | "co2_g");
        if !self.unlike
            && (!like(side, against) || (is_energy && meters(&side.group) != meters(&against.group)))
        {
            return None;
        }
        Some(side.group.spread(quantity)?.mean / against.group.spread(quantity)?.mean)
            .filter(|ratio| ratio.is_finite())
    }

    /// The machines of all sides, where they are not the same.
    pub fn unlike_hardware(&self) -> Option<BTreeSet<&str>> {
        let all: BTreeSet<&str> =
            self.sides.iter().flat_map(|side| &side.hardware).map(String::as_str).collect();
        (all.len() > 1).then_some(all)
    }

    /// The meters of all sides, where they are not the same.
    pub fn unlike_meters(&self) -> Option<BTreeSet<String>> {
        let all: BTreeSet<String> = self.sides.iter().flat_map(|side| meters(&side.group)).collect();
        (all.len() > 1).then_some(all)
    }

    /// What tells a side from the others: the values of labels that vary, in order. The data set where nothing varies.
    pub fn name(&self, side: &Side) -> String {
        let varies = |at: usize| self.sides.iter().any(|other| other.labels[at].1 != side.labels[at].1);
        let told = side.labels.iter().enumerate().filter(|(at, (_, value))| !value.is_empty() && varies(*at));
        // An experiment has one launch here, unless launches of one experiment are compared.
        let several = self.sides.iter().any(|other| {
            other.label("experiment") == side.label("experiment")
                && other.label("launch") != side.label("launch")
        });
        let told = told.filter(|(_, (name, _))| several || name != "launch");
        let values: Vec<&str> = told.map(|(_, (_, value))| value.as_str()).collect();
        if values.is_empty() { side.label("data").to_string() } else { values.join(", ") }
    }
}

/// Groups of all launches, each measured against the one that has the baseline's value of `by` and agrees in
/// everything else. An axis that one of two groups does not read agrees with every value of it. Without `by`, launches
/// stand against the first launch, and the groups of a single launch against its first group. A baseline that means one
/// group stands against all others. Groups on different data never do.
///
/// # Errors
/// When no launch has such an axis or value, or an artifact cannot be read.
pub fn sides(launches: &[Launch], store: &Store, chosen: &Chosen) -> Result<Sides> {
    let grouped = regrouped(launches, &chosen.group_by)?;
    let launches = grouped.as_slice();
    let mut sides = every_side(launches, store)?;
    keep_only(&mut sides, &chosen.only)?;
    // A value may look like a pin.
    let is_value = |text: &str| chosen.by.is_some_and(|by| sides.iter().any(|side| side.label(by) == text));
    let pin = chosen.baseline.filter(|text| !is_value(text));
    let pin = pin.and_then(|text| Some((text, pin::parse(text, &sides)?)));
    let Some((text, wanted)) = pin else { return by_label(launches, sides, chosen) };
    // One axis with a value that several groups have says what to compare by.
    if let [(axis, value)] = wanted[..]
        && chosen.by.is_none_or(|by| by == axis)
        && several(&sides, &wanted)
    {
        let chosen = Chosen { by: Some(axis), baseline: Some(value), ..chosen.clone() };
        return by_label(launches, sides, &chosen);
    }
    if let Some(by) = chosen.by {
        bail!(
            "`{text}` means one group for all others, not one for each value of `{by}`\nhint: leave out `--by`"
        );
    }
    let found = pin::find(&sides, text, &wanted)?;
    let pinned =
        |index: usize| (index != found && agree(&sides[index], &sides[found], None)).then_some(found);
    let against: Vec<Option<usize>> = (0..sides.len()).map(pinned).collect();
    sides.iter_mut().zip(against).for_each(|(side, against)| side.against = against);
    Ok(Sides { sides, by: None, baseline: text.to_string(), unlike: chosen.unlike })
}

/// Whether several sides have the value of an axis. Groups of different data or scores are never compared, so that
/// those are no axes here.
fn several(sides: &[Side], wanted: &[(&str, &str)]) -> bool {
    let is_axis = wanted.iter().all(|(axis, _)| !matches!(*axis, "data" | "scores"));
    is_axis && sides.iter().filter(|side| pin::fits(side, wanted)).count() > 1
}

fn every_side(launches: &[Launch], store: &Store) -> Result<Vec<Side>> {
    let mut sides = Vec::new();
    for launch in launches {
        let stored = Stored::new(launch, store);
        let groups = summary::groups(launch, &runs::rows(&stored)?);
        sides.extend(groups.into_iter().map(|group| Side {
            labels: labels(launches, launch, &group),
            hardware: hardware(&stored, &group),
            group,
            against: None,
        }));
    }
    Ok(sides)
}

/// Launches whose groups are made by these axes alone: the others are averaged over first.
fn regrouped(launches: &[Launch], group_by: &[&str]) -> Result<Vec<Launch>> {
    for axis in group_by {
        if !launches.iter().any(|launch| launch.group_axes().any(|known| known == axis)) {
            let mut known: Vec<String> =
                launches.iter().flat_map(Launch::group_axes).map(|axis| format!("`{axis}`")).collect();
            known.dedup();
            bail!("there is no axis `{axis}` to group by\nhint: there is {}", known.join(", "));
        }
    }
    let regroup = |launch: &Launch| {
        let mut launch = launch.clone();
        let open = |axis: &&String| !group_by.is_empty() && !group_by.contains(&axis.as_str());
        let averaged: Vec<String> = launch.group_axes().filter(open).cloned().collect();
        launch.replicates.extend(averaged);
        launch
    };
    Ok(launches.iter().map(regroup).collect())
}

fn keep_only(sides: &mut Vec<Side>, only: &[(&str, &str)]) -> Result<()> {
    let only: Vec<(&str, Vec<&str>)> =
        only.iter().map(|(axis, values)| (*axis, pin::values_of(values, axis, sides))).collect();
    for (axis, wanted) in &only {
        let names = sides.first().map(|side| side.labels.as_slice()).unwrap_or_default();
        if !sides.is_empty() && !names.iter().any(|(name, _)| name == axis) {
            let known: Vec<String> = names.iter().map(|(name, _)| format!("`{name}`")).collect();
            bail!("there is no axis `{axis}` to keep groups by\nhint: there is {}", known.join(", "));
        }
        for value in wanted {
            if !sides.is_empty() && !sides.iter().any(|side| side.label(axis) == *value) {
                let known = values(sides, &|side: &Side| side.label(axis).to_string());
                bail!("nothing has `{axis}` = `{value}`\nhint: there is {known}");
            }
        }
    }
    sides.retain(|side| only.iter().all(|(axis, wanted)| wanted.contains(&side.label(axis))));
    Ok(())
}

fn by_label(launches: &[Launch], sides: Vec<Side>, chosen: &Chosen) -> Result<Sides> {
    let by = chosen.by.or_else(|| launch_label(launches)).map(str::to_string);
    if let Some(by) = &by {
        check_label(launches, &sides, by)?;
    }
    let value = |side: &Side| by.as_ref().map(|by| side.label(by).to_string()).unwrap_or_default();
    let first = sides.first().map(&value).unwrap_or_default();
    let baseline = chosen.baseline.map_or(first, str::to_string);
    if !sides.is_empty() && !sides.iter().any(|side| value(side) == baseline) {
        bail!(
            "nothing has the value `{baseline}` to measure the others against\nhint: there is {}",
            values(&sides, &value)
        );
    }
    let sides = matched(in_order(sides, by.as_deref()), by.as_deref(), &baseline);
    Ok(Sides { sides, by, baseline, unlike: chosen.unlike })
}

/// Whether two sides were timed on the same machine.
fn like(one: &Side, other: &Side) -> bool {
    one.hardware == other.hardware && one.hardware.len() <= 1
}

/// What tells launches apart: their experiments, or, of one experiment, the launches themselves.
fn launch_label(launches: &[Launch]) -> Option<&'static str> {
    let (first, rest) = launches.split_first()?;
    if rest.is_empty() {
        return None;
    }
    let same = rest.iter().any(|launch| launch.experiment == first.experiment);
    Some(if same { "launch" } else { "experiment" })
}

fn labels(launches: &[Launch], launch: &Launch, group: &Group) -> Vec<(String, String)> {
    let mut labels = vec![
        ("experiment".to_string(), group.experiment.clone()),
        ("launch".to_string(), group.launch.clone()),
    ];
    for axis in launches.iter().flat_map(Launch::group_axes) {
        if !labels.iter().any(|(label, _)| label == axis) {
            labels.push((axis.clone(), group.axis(axis).to_string()));
        }
    }
    let one = launch.runs.iter().all(|run| launch.stages[run.evaluate].name == group.evaluate);
    labels.push(("scores".to_string(), if one { String::new() } else { group.evaluate.clone() }));
    labels.push(("data".to_string(), group.dataset.clone()));
    labels
}

fn check_label(launches: &[Launch], sides: &[Side], by: &str) -> Result<()> {
    if launches.iter().any(|launch| launch.replicates.iter().any(|axis| axis == by)) {
        bail!(
            "`{by}` is a replicate: tables average over it\nhint: take it out of `replicates`, or compare by another axis"
        );
    }
    let names: Vec<&str> =
        sides.first().map_or(Vec::new(), |side| side.labels.iter().map(|(name, _)| name.as_str()).collect());
    if sides.is_empty() || names.contains(&by) {
        return Ok(());
    }
    let known: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    bail!("there is no axis `{by}` to compare by\nhint: there is {}", known.join(", "))
}

fn values(sides: &[Side], value: &dyn Fn(&Side) -> String) -> String {
    let mut values: Vec<String> = Vec::new();
    for side in sides {
        let quoted = format!("`{}`", value(side));
        if !values.contains(&quoted) {
            values.push(quoted);
        }
    }
    values.join(", ")
}

/// Whether the labels that are not compared agree; the data must be the same.
fn agree(one: &Side, other: &Side, by: Option<&str>) -> bool {
    let Some(by) = by else {
        return one.label("data") == other.label("data") && one.label("scores") == other.label("scores");
    };
    // Launches differ in name wherever experiments are compared, and the other way round.
    let is_open = |name: &str| {
        name == by || ((by == "experiment" || by == "launch") && (name == "experiment" || name == "launch"))
    };
    one.labels.iter().zip(&other.labels).all(|((name, a), (_, b))| {
        is_open(name) || a == b || (name != "data" && (a.is_empty() || b.is_empty()))
    })
}

/// Puts together what agrees, in the order of first appearance.
fn in_order(sides: Vec<Side>, by: Option<&str>) -> Vec<Side> {
    let Some(_) = by else { return sides };
    let mut ordered: Vec<Side> = Vec::new();
    for side in sides {
        let place =
            ordered.iter().rposition(|other| agree(&side, other, by)).map_or(ordered.len(), |last| last + 1);
        ordered.insert(place, side);
    }
    ordered
}

fn matched(mut sides: Vec<Side>, by: Option<&str>, baseline: &str) -> Vec<Side> {
    let is_baseline = |side: &Side| by.is_some_and(|by| side.label(by) == baseline);
    let against = |index: usize| {
        let side = &sides[index];
        if by.is_none() {
            return (index > 0 && agree(side, &sides[0], by)).then_some(0);
        }
        if is_baseline(side) {
            return None;
        }
        let mut fitting =
            (0..sides.len()).filter(|other| is_baseline(&sides[*other]) && agree(side, &sides[*other], by));
        let first = fitting.next()?;
        // Two that fit: an unread axis would make the choice arbitrary.
        fitting.next().is_none().then_some(first)
    };
    let found: Vec<Option<usize>> = (0..sides.len()).map(against).collect();
    for (side, against) in sides.iter_mut().zip(found) {
        side.against = against;
    }
    sides
}

#[cfg(test)]
#[path = "sides_tests.rs"]
mod tests;
