//! The table that ends a run: a row a group, and below it what a reader has to know to read it rightly.

use std::collections::BTreeSet;

use anyhow::Result;

use super::figures;
use super::launch::Launch;
use super::layout::{self, Column, Style};
use super::replicates;
use super::runs::{self, Row};
use super::statistics::{Spread, wilson};
use super::stored::Stored;
use super::summary::{
    self, ACCURACY, ENERGY, Group, IMAGES_TRAINED_ON, MULTIPLY_ADDS, PARAMETERS, Quantity, STEPS,
    STORED_BYTES, STORED_FLOATS, TOTAL_SECS, TRAIN_SECS, TRIALS_SECS,
};
use crate::energy::Class;
use crate::engine::Store;

/// Marks groups whose networks were still getting better.
const UNDERTRAINED: &str = " †";

/// The runs of a launch, averaged over the replicates; empty for an experiment that evaluates nothing.
///
/// `width` is in characters. Ends with a line end.
///
/// # Errors
/// When an artifact holds a file that cannot be read.
pub fn render_runs(launch: &Launch, store: &Store, width: usize, color: bool) -> Result<String> {
    let rows = runs::rows(&Stored::new(launch, store))?;
    let groups = summary::groups(launch, &rows);
    if groups.is_empty() {
        return Ok(String::new());
    }
    let style = Style { color };
    let mut constants = Vec::new();
    let mut columns = labels(&groups);
    columns.extend(scores(&groups));
    columns.extend(varying(&groups, &mut constants));
    let hidden = layout::fit(&mut columns, width);
    let mut text = layout::draw(&columns, width, &style);
    text.push_str("\n\n");
    for note in notes(&groups, &constants, &hidden) {
        text.push_str(&note.paint(width, &style));
    }
    if !hidden.is_empty() {
        text.push_str(&no_room_for(&hidden, "`runs.csv` and `summary.csv` have them").paint(width, &style));
    }
    Ok(text)
}

/// What tells the groups apart: the axes, the evaluate stage and the data set, as far as they vary.
fn labels(groups: &[Group]) -> Vec<Column> {
    let column = |header: &str, get: &dyn Fn(&Group) -> String| {
        Column::words(header, groups.iter().map(get).collect())
    };
    let axes = groups.first().map(|group| group.axes.as_slice()).unwrap_or_default();
    let axes = axes.iter().map(|(axis, _)| column(axis, &|group| group.axis(axis).to_string()));
    let others =
        [column("scores", &|group| group.evaluate.clone()), column("data", &|group| group.dataset.clone())];
    let told = axes.chain(others).filter(|column| !column.is_constant());
    let chosen = chosen_axes(groups).into_iter();
    told.chain(chosen.map(|axis| column(axis, &|group| group.chosen(axis)))).collect()
}

/// Axes whose values were chosen while the runs were made.
fn chosen_axes(groups: &[Group]) -> BTreeSet<&str> {
    let rows = groups.iter().flat_map(|group| &group.rows);
    rows.flat_map(|row| row.chosen.values.keys().map(String::as_str)).collect()
}

fn scores(groups: &[Group]) -> Vec<Column> {
    let mut columns = vec![
        accuracy_column(groups),
        Column::numbers("n", groups.iter().map(sample_size).collect(), 0),
        spread_column("train s", groups, TRAIN_SECS, figures::SECONDS, 2),
        spread_column("total s", groups, TOTAL_SECS, figures::SECONDS, 3),
        energy_column(groups, 2),
    ];
    if !chosen_axes(groups).is_empty() {
        columns.insert(4, spread_column("trials s", groups, TRIALS_SECS, figures::SECONDS, 3));
    }
    columns
}

/// In J, kJ or MJ, as the largest asks for; `≈` stands before what is modelled.
pub(super) fn energy_column(groups: &[Group], rank: u8) -> Column {
    let most = groups.iter().filter_map(|group| Some(group.spread(ENERGY)?.mean)).fold(0.0, f64::max);
    let (header, unit) = match most {
        1e7.. => ("energy MJ", figures::MEGAJOULES),
        1e4.. => ("energy kJ", figures::KILOJOULES),
        _ => ("energy J", figures::JOULES),
    };
    let mut column = spread_column(header, groups, ENERGY, unit, rank);
    for (cell, group) in column.cells.iter_mut().zip(groups) {
        if group.energy_class() == Some(Class::Modelled) {
            *cell = format!("≈ {cell}");
        }
    }
    column
}

/// In percent, with a mark where networks were undertrained.
pub(super) fn accuracy_column(groups: &[Group]) -> Column {
    let mut accuracy = spread_column("accuracy %", groups, ACCURACY, figures::PERCENT, 0);
    if groups.iter().any(|group| group.undertrained() > 0) {
        for (cell, group) in accuracy.cells.iter_mut().zip(groups) {
            cell.push_str(if group.undertrained() > 0 { UNDERTRAINED } else { "  " });
        }
    }
    accuracy
}

pub(super) fn spread_column(
    header: &str,
    groups: &[Group],
    quantity: Quantity,
    unit: figures::Unit,
    rank: u8,
) -> Column {
    let spreads: Vec<Option<Spread>> = groups.iter().map(|group| group.spread(quantity)).collect();
    Column::numbers(header, figures::spreads(&spreads, unit), rank)
}

/// `3`, or `2 (−1)` where a run has no scores.
pub(super) fn sample_size(group: &Group) -> String {
    let n = group.spread(ACCURACY).map_or(0, |spread| spread.n);
    if group.without_scores > 0 { format!("{n} (−{})", group.without_scores) } else { n.to_string() }
}

/// A figure that tends to be the same in all runs: its header, how it is written, when it goes for want of room, and
/// how the line below the table calls it.
struct Trait {
    header: &'static str,
    constant: summary::Constant,
    write: fn(u64) -> String,
    rank: u8,
    called: &'static str,
}

const TRAITS: [Trait; 6] = [
    Trait {
        header: "parameters",
        constant: PARAMETERS,
        write: figures::count,
        rank: 1,
        called: "parameters",
    },
    Trait {
        header: "mult-adds",
        constant: MULTIPLY_ADDS,
        write: figures::count,
        rank: 7,
        called: "multiply-adds an image",
    },
    Trait { header: "images", constant: IMAGES_TRAINED_ON, write: whole, rank: 4, called: "training images" },
    Trait {
        header: "stored",
        constant: STORED_BYTES,
        write: figures::bytes,
        rank: 5,
        called: "of training images",
    },
    Trait {
        header: "values",
        constant: STORED_FLOATS,
        write: figures::count,
        rank: 5,
        called: "values of the distilled set",
    },
    Trait { header: "steps", constant: STEPS, write: whole, rank: 6, called: "steps" },
];

pub(super) fn whole(count: u64) -> String {
    count.to_string()
}

/// Columns of what varies between groups; what does not is told in one line below.
fn varying(groups: &[Group], constants: &mut Vec<String>) -> Vec<Column> {
    let mut shown = Vec::new();
    for each in &TRAITS {
        let cell = |group: &Group| group.constant(each.constant).map_or(String::new(), each.write);
        let column = Column::numbers(each.header, groups.iter().map(cell).collect(), each.rank);
        match column.cells.first() {
            Some(value) if column.is_constant() && !value.is_empty() => {
                constants.push(format!("{value} {}", each.called))
            }
            _ => shown.push(column),
        }
    }
    constants.reverse();
    shown
}

/// A line below a table.
pub(super) struct Note {
    pub text: String,
    caution: bool,
}

impl Note {
    pub fn plain(text: String) -> Note {
        Note { text, caution: false }
    }

    /// Wrapped and coloured, with a line end.
    pub fn paint(&self, width: usize, style: &Style) -> String {
        let wrapped = layout::wrap(&self.text, width);
        let painted = if self.caution { style.caution(&wrapped) } else { style.dim(&wrapped) };
        painted + "\n"
    }
}

pub(super) fn notes(groups: &[Group], constants: &[String], hidden: &[String]) -> Vec<Note> {
    let mut notes = datasets(groups);
    let mut tell = |text: String, caution: bool| notes.push(Note { text, caution });
    if !constants.is_empty() {
        tell(format!("every run: {}", constants.join(", ")), false);
    }
    if let Some(text) = replicates::meaning_of_spread(groups) {
        tell(text, false);
    }
    if groups.iter().any(|group| group.spread(TOTAL_SECS).is_some())
        && !hidden.iter().any(|name| name == "total s")
    {
        tell("total s: every stage that a run rests on, whenever it was made".to_string(), false);
    }
    for text in on_choices(groups).into_iter().chain(on_energy(groups, hidden)) {
        tell(text, false);
    }
    let undertrained: usize = groups.iter().map(Group::undertrained).sum();
    if undertrained > 0 {
        let runs = figures::plural(undertrained, "network");
        let rose = "validation accuracy still rose by more than a point in the last fifth of the training";
        tell(format!("† undertrained ({runs}): {rose}"), true);
    }
    let upstream: usize = groups.iter().map(Group::upstream).sum();
    if upstream > 0 {
        let runs = figures::plural(upstream, "run");
        tell(
            format!(
                "{runs} started from weights made elsewhere: the time and energy of making them are unknown and in no total"
            ),
            true,
        );
    }
    let without: usize = groups.iter().map(|group| group.without_scores).sum();
    if without > 0 {
        tell(format!("{} without scores (−): see `stages.csv`", figures::plural(without, "run")), true);
    }
    notes
}

/// What was chosen while the runs were made, and what the trials are charged to.
fn on_choices(groups: &[Group]) -> Option<String> {
    let chosen: Vec<&str> = chosen_axes(groups).into_iter().collect();
    let text = "chosen by validation accuracy or loss, never by the test images; trials s: what was made for the \
                choice alone, which total s and energy hold in full";
    (!chosen.is_empty()).then(|| format!("{}: {text}", chosen.join(", ")))
}

fn on_energy(groups: &[Group], hidden: &[String]) -> Vec<String> {
    let known: Vec<&Group> = groups.iter().filter(|group| group.spread(ENERGY).is_some()).collect();
    if known.is_empty() || hidden.iter().any(|name| name.starts_with("energy")) {
        return Vec::new();
    }
    let mut text =
        "energy: every distinct stage that a run rests on, in full, whenever it was made".to_string();
    if known.iter().any(|group| group.energy_class() == Some(Class::Modelled)) {
        text.push_str("; ≈ modelled from CPU-seconds, not measured: a comparison is a ratio of CPU-seconds");
    }
    let mut bases: Vec<_> = known.iter().map(|group| group.energy_basis()).collect();
    bases.dedup();
    let unlike =
        "energies were taken under unlike conditions (`energy_basis` in `runs.csv`): do not rank them";
    let unlike = (bases.len() > 1).then(|| unlike.to_string());
    [text].into_iter().chain(unlike).collect()
}

pub(super) fn no_room_for(columns: &[String], hint: &str) -> Note {
    Note::plain(format!("no room for {}: {hint}", columns.join(", ")))
}

/// A line for each set of images that scores were taken on.
pub(super) fn datasets(groups: &[Group]) -> Vec<Note> {
    let mut notes: Vec<(String, f64, Note)> = Vec::new();
    for group in groups {
        let Some(row) = group.rows.first() else { continue };
        let Some((images, most)) = images_scored(group) else { continue };
        let share = group.spread(ACCURACY).map_or(0.5, |spread| spread.mean);
        let (low, high) = wilson(share.clamp(0.0, 1.0), images as f64);
        let (line, half) = (what_was_scored(group, row, images, most), (high - low) / 2.0);
        match notes.iter_mut().find(|(known, ..)| *known == line) {
            Some((_, widest, _)) => *widest = widest.max(half),
            None => {
                let caution = group.dataset.contains("standing in");
                notes.push((line, half, Note { text: String::new(), caution }));
            }
        }
    }
    let finish = |(line, half, note): (String, f64, Note)| {
        let known = format!("{line}: one accuracy is known to ±\u{a0}{:.0} points", (100.0 * half).max(1.0));
        Note { text: known, ..note }
    };
    notes.into_iter().map(finish).collect()
}

/// The fewest and the most images that one run was scored on: folds differ.
fn images_scored(group: &Group) -> Option<(u64, u64)> {
    let images = || group.rows.iter().filter_map(|row| row.scores.images).filter(|images| *images > 0);
    Some((images().min()?, images().max()?))
}

fn what_was_scored(group: &Group, row: &Row, images: u64, most: u64) -> String {
    let mut parts = Vec::new();
    if !group.dataset.is_empty() {
        parts.push(group.dataset.clone());
    }
    if let Some(chance) = row.scores.chance() {
        parts.push(format!(
            "{} classes, chance {}\u{a0}%",
            row.scores.per_class.len(),
            figures::percent(chance)
        ));
    }
    let split = row.scores.split.as_deref().unwrap_or("test");
    parts.push(match images == most {
        true => format!("{images} {split} images"),
        false => format!("{images} to {most} {split} images a run"),
    });
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    fn rendered(fixture: &Fixture, width: usize) -> String {
        let text = render_runs(&fixture.launch, &fixture.store, width, false).unwrap();
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{line}");
        }
        text
    }

    #[test]
    fn the_table_of_a_launch_reads_as_documented() {
        insta::assert_snapshot!(rendered(&Fixture::birds(), 100));
    }

    #[test]
    fn energies_that_are_modelled_carry_their_mark() {
        insta::assert_snapshot!(rendered(&Fixture::birds().with_energy(None), 120));
    }

    #[test]
    fn a_narrow_terminal_gets_fewer_columns_and_is_told_which() {
        insta::assert_snapshot!(rendered(&Fixture::birds(), 60));
    }

    #[test]
    fn runs_without_scores_are_counted_and_named() {
        insta::assert_snapshot!(rendered(&Fixture::birds().with_failed_run(0), 100));
    }

    #[test]
    fn nested_replicates_say_what_is_averaged_first() {
        let fixture = Fixture::sets(&[&[0.50, 0.54], &[0.60, 0.64], &[0.40, 0.44]]);
        insta::assert_snapshot!(rendered(&fixture, 100));
    }

    #[test]
    fn an_experiment_that_evaluates_nothing_has_no_table() {
        let mut fixture = Fixture::birds();
        fixture.launch.runs.clear();
        assert_eq!(rendered(&fixture, 100), "");
    }
}
