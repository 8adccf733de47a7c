//! Accuracies as a matrix: what was trained on down, the values of one axis across; or any other two things.

use anyhow::{Result, bail};
use serde_json::json;

use super::super::cells::{Cell, Table, latex, markdown};
use super::super::figures;
use super::super::launch::Launch;
use super::super::layout::{self, Column, Style};
use super::super::replicates;
use super::super::sides::{Chosen, Side, sides};
use super::super::summary::{ACCURACY, Group};
use super::super::terminal;
use super::{Format, VERSION, text};
use crate::engine::Store;

/// Groups by the labels that are left, and by the value of the axis.
struct Matrix {
    axis: String,
    /// Labels that vary beside the axis.
    names: Vec<String>,
    values: Vec<String>,
    /// Of each row its labels, and a group for each value where there is one.
    rows: Vec<(Vec<String>, Vec<Option<Group>>)>,
}

/// A column for each value of `axis`, a row for each group of the others: mean accuracy with its standard deviation.
///
/// # Errors
/// No launch has the axis, it has a single value, or an artifact cannot be read.
pub fn across(
    launches: &[Launch],
    store: &Store,
    chosen: &Chosen,
    axis: &str,
    format: Format,
) -> Result<String> {
    let found = sides(launches, store, chosen)?;
    if found.sides.is_empty() {
        return Ok(String::new());
    }
    let matrix = matrix(&found.sides, axis)?;
    let groups: Vec<Group> = found.sides.iter().map(|side| side.group.clone()).collect();
    Ok(match format {
        Format::Text { width, color } => {
            let mut columns = matrix.columns();
            let hidden = layout::fit(&mut columns, width);
            let style = Style { color };
            let mut text = layout::draw(&columns, width, &style) + "\n\n";
            for note in notes(&groups) {
                text.push_str(&format!("{}\n", layout::wrap(&note, width)));
            }
            if !hidden.is_empty() {
                text.push_str(&terminal::no_room_for(&hidden, "`--csv` has them").paint(width, &style));
            }
            text
        }
        Format::Markdown => text::drawn(&matrix.columns(), markdown) + &lines(&groups, "\n"),
        Format::Latex => {
            let table = text::drawn(&matrix.columns(), latex);
            format!("% \\usepackage{{booktabs}}\n{}{table}", lines(&groups, "% "))
        }
        Format::Csv => String::from_utf8(matrix.table().csv()?)?,
        Format::Json => {
            let rows = matrix.table().json();
            format!("{:#}\n", json!({ "version": VERSION, "across": matrix.axis, "rows": rows }))
        }
    })
}

fn notes(groups: &[Group]) -> Vec<String> {
    let mut notes = vec!["accuracy in percent".to_string()];
    notes.extend(terminal::datasets(groups).into_iter().map(|note| note.text));
    notes.extend(replicates::meaning_of_spread(groups));
    notes
}

fn lines(groups: &[Group], before: &str) -> String {
    notes(groups).into_iter().map(|note| format!("{before}{note}\n")).collect()
}

fn matrix(sides: &[Side], axis: &str) -> Result<Matrix> {
    let names: Vec<&str> = sides[0].labels.iter().map(|(name, _)| name.as_str()).collect();
    let values = distinct(sides.iter().map(|side| side.label(axis)).filter(|value| !value.is_empty()));
    if values.len() < 2 {
        let varying: Vec<String> = names
            .iter()
            .filter(|name| distinct(sides.iter().map(|side| side.label(name))).len() > 1)
            .map(|name| format!("`{name}`"))
            .collect();
        bail!("nothing varies across `{axis}`\nhint: these vary: {}", varying.join(", "));
    }
    let others = |name: &&str| *name != axis && distinct(sides.iter().map(|side| side.label(name))).len() > 1;
    let names: Vec<String> = names.iter().filter(|name| others(name)).map(|name| name.to_string()).collect();
    let mut rows: Vec<(Vec<String>, Vec<Option<Group>>)> = Vec::new();
    for side in sides {
        let labels: Vec<String> = names.iter().map(|name| side.label(name).to_string()).collect();
        let Some(column) = values.iter().position(|value| value == side.label(axis)) else { continue };
        let row = rows.iter().position(|(known, _)| *known == labels).unwrap_or_else(|| {
            rows.push((labels, vec![None; values.len()]));
            rows.len() - 1
        });
        rows[row].1[column] = Some(side.group.clone());
    }
    Ok(Matrix { axis: axis.to_string(), names, values, rows })
}

/// Each once, in order.
fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in texts {
        if !found.iter().any(|known| known == text) {
            found.push(text.to_string());
        }
    }
    found
}

impl Matrix {
    fn columns(&self) -> Vec<Column> {
        let name = |(at, name): (usize, &String)| {
            Column::words(name, self.rows.iter().map(|(labels, _)| labels[at].clone()).collect())
        };
        let value = |(at, value): (usize, &String)| {
            let spread =
                |(_, groups): &(Vec<String>, Vec<Option<Group>>)| groups[at].as_ref()?.spread(ACCURACY);
            let spreads: Vec<_> = self.rows.iter().map(spread).collect();
            Column::numbers(value, figures::spreads(&spreads, figures::PERCENT), at.min(255) as u8)
        };
        let names = self.names.iter().enumerate().map(name);
        names.chain(self.values.iter().enumerate().map(value)).collect()
    }

    /// Means at full precision, 0..1.
    fn table(&self) -> Table {
        let mut table = Table::new(self.names.iter().chain(&self.values).cloned());
        for (labels, groups) in &self.rows {
            let spread = |group: &Option<Group>| group.as_ref()?.spread(ACCURACY);
            let mean = |group: &Option<Group>| Cell::from(spread(group).map(|spread| spread.mean));
            table.rows.push(labels.iter().map(Cell::text).chain(groups.iter().map(mean)).collect());
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::Fixture;
    use super::*;

    fn said(axis: &str, format: Format) -> Result<String> {
        let fixture = Fixture::birds();
        across(fixture.launches(), &fixture.store, &Chosen::default(), axis, format)
    }

    #[test]
    fn accuracies_stand_across_an_axis() {
        insta::assert_snapshot!(said("network", Format::Text { width: 100, color: false }).unwrap());
        insta::assert_snapshot!(said("arm", Format::Csv).unwrap());
    }

    #[test]
    fn an_axis_that_does_not_vary_is_refused_with_those_that_do() {
        let message = said("networks", Format::Csv).unwrap_err().to_string();
        assert!(message.contains("across `networks`") && message.contains("`arm`, `network`"), "{message}");
    }
}
