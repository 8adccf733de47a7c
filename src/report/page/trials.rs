//! What settings were chosen from: every candidate with what it came to on validation images.

use std::path::Path;

use anyhow::Result;

use super::super::tables::read_csv;
use super::facts::Facts;
use super::html::{Column, Field, note, table};
use crate::recipe::{Describe, Select, files};

/// Columns of `trials.csv` behind the axes, and how the page calls them; accuracies are shown in percent.
const FIGURES: [(&str, &str); 4] = [
    ("trials", "trials"),
    ("diverged", "diverged"),
    ("valid_accuracy_mean", "validation accuracy %"),
    ("valid_loss_mean", "validation loss"),
];

/// A candidate of a choice.
struct Candidate {
    choice: String,
    values: String,
    figures: [Field; 4],
    chosen: bool,
}

/// The table of all choices; empty where nothing was chosen.
///
/// # Errors
/// A table of trials cannot be read.
pub fn trials(facts: &Facts) -> Result<String> {
    let mut all: Vec<Candidate> = Vec::new();
    for stored in facts.evidence.launches() {
        for (at, stage) in
            stored.launch.stages.iter().enumerate().filter(|(_, stage)| stage.kind == Select::KIND)
        {
            let Some(path) = stored.content(at, files::TRIALS) else { continue };
            all.extend(candidates(&stage.label, &path)?);
        }
    }
    if all.is_empty() {
        return Ok(String::new());
    }
    let pinned: Vec<usize> = (0..all.len()).filter(|at| all[*at].chosen).collect();
    let words = |get: fn(&Candidate) -> &String| all.iter().map(|one| Field::words(get(one))).collect();
    let mut columns = vec![
        Column::words("choice", words(|one| &one.choice)),
        Column::words("candidate", words(|one| &one.values)),
    ];
    for (at, (_, name)) in FIGURES.iter().enumerate() {
        columns.push(Column::numbers(name, all.iter().map(|one| one.figures[at].clone()).collect()));
    }
    let said = "The shaded candidates were chosen, by validation images alone; only they were tested. What all trials cost \
                is part of what each run with the choice costs.";
    Ok(table(columns, &pinned) + &note(said))
}

fn candidates(choice: &str, path: &Path) -> Result<Vec<Candidate>> {
    let held = read_csv(path)?;
    let place = |name: &str| held.columns.iter().position(|column| column == name);
    let known = |name: &String| FIGURES.iter().any(|(figure, _)| figure == name) || name == "chosen";
    let axes: Vec<usize> = (0..held.columns.len())
        .filter(|at| !known(&held.columns[*at]) && held.columns[*at] != "valid_accuracy_least")
        .collect();
    let candidate = |row: &Vec<super::super::cells::Cell>| {
        let text = |name: &str| place(name).map_or(String::new(), |at| row[at].plain());
        let pair =
            |at: &usize| format!("{}={}", held.columns[*at].trim_start_matches("axis."), row[*at].plain());
        Candidate {
            choice: choice.to_string(),
            values: axes.iter().map(pair).collect::<Vec<_>>().join(", "),
            figures: FIGURES.map(|(name, _)| figure(name, &text(name))),
            chosen: text("chosen") == "true",
        }
    };
    Ok(held.rows.iter().map(candidate).collect())
}

fn figure(name: &str, text: &str) -> Field {
    let Ok(value) = text.parse::<f64>() else { return Field::words("") };
    match name {
        "valid_accuracy_mean" => Field::number(format!("{:.1}", 100.0 * value), Some(value)),
        "valid_loss_mean" => Field::number(format!("{value:.3}"), Some(value)),
        "diverged" if value == 0.0 => Field::words(""),
        _ => Field::number(text, Some(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_shown_with_its_values_and_figures() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.csv");
        let text = "axis.trials,lr,trials,diverged,valid_accuracy_mean,valid_accuracy_least,valid_loss_mean,chosen\nfew,0.1,2,0,0.525,0.5,1.5,true\nfew,9,2,1,,,,false\n";
        std::fs::write(&path, text).unwrap();
        let found = candidates("best", &path).unwrap();
        assert_eq!((found[0].values.as_str(), found[0].chosen), ("trials=few, lr=0.1", true));
        assert_eq!(found[0].figures.clone().map(|field| field.text), ["2", "", "52.5", "1.500"]);
        assert_eq!(found[1].figures.clone().map(|field| field.text), ["2", "1", "", ""]);
    }
}
