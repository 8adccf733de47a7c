//! How the figures were come to: the machine, the constants, the statistics, the settings and the command.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::compare::{method as verdict_method, points_of};
use super::super::launch::Launch;
use super::super::settings::{Setting, different_settings};
use super::facts::Facts;
use super::html::{Column, Field, escape, list, note, table};
use crate::engine::Store;

/// What the axes of the launches are, and the settings that differ between launches.
pub fn settings(facts: &Facts, store: &Store, sources: &[(String, String)]) -> String {
    let mut html = axes(facts);
    if facts.launches.len() > 1 {
        let differ = different_settings(facts.launches, store);
        html.push_str("<h3>Settings that differ between launches</h3>\n");
        html.push_str(&if differ.is_empty() { note("none") } else { differing(facts.launches, &differ) });
    }
    for (name, text) in sources {
        html.push_str(&format!(
            "<details><summary>{}, as it was resolved</summary><pre>{}</pre></details>\n",
            escape(name),
            escape(text)
        ));
    }
    html
}

/// An axis and its values.
type Axis = (String, BTreeSet<String>);

fn axes(facts: &Facts) -> String {
    let mut values: Vec<Axis> = Vec::new();
    for launch in facts.launches {
        for axis in &launch.axes {
            let found = launch.stages.iter().filter_map(|stage| stage.axes.get(axis).cloned());
            match values.iter_mut().find(|(known, _)| known == axis) {
                Some((_, known)) => known.extend(found),
                None => values.push((axis.clone(), found.collect())),
            }
        }
    }
    let replicate = |axis: &String| facts.launches.iter().any(|launch| launch.replicates.contains(axis));
    let rows = || facts.sides.sides.iter().flat_map(|side| &side.group.rows);
    let role = |axis: &String| match () {
        () if replicate(axis) => "averaged over",
        () if rows().any(|row| row.chosen.values.contains_key(axis)) => "chosen on validation",
        () if rows().any(|row| row.axes.contains_key(axis)) => "compared",
        () => "of trials, or of no run",
    };
    let said = |values: &BTreeSet<String>| values.iter().cloned().collect::<Vec<_>>().join(", ");
    let words = |get: &dyn Fn(&Axis) -> Field| values.iter().map(get).collect::<Vec<_>>();
    table(
        vec![
            Column::words("axis", words(&|(axis, _)| Field::words(axis))),
            Column::words("", words(&|(axis, _)| Field::words(role(axis)))),
            Column::words("values", words(&|(_, values)| Field { long: true, ..Field::words(said(values)) })),
        ],
        &[],
    )
}

fn differing(launches: &[Launch], settings: &[Setting]) -> String {
    let words = |get: &dyn Fn(&Setting) -> String| {
        settings.iter().map(|setting| Field::words(get(setting))).collect()
    };
    let mut columns = vec![
        Column::words("stage", words(&|setting| format!("{} {}", setting.kind, setting.stage))),
        Column::words("setting", words(&|setting| setting.setting.clone())),
    ];
    for (index, launch) in launches.iter().enumerate() {
        let name = format!("{} {}", launch.experiment, launch.launch);
        columns.push(Column::words(&name, words(&|setting| setting.values[index].join(", "))));
    }
    table(columns, &[])
}

/// Facts of receipts that are told, with what they are called.
const TOLD: [(&str, &str); 7] = [
    ("host", "host"),
    ("system", "system"),
    ("cpu_capability", "vector extensions of libtorch"),
    ("libtorch", "libtorch"),
    ("version", "pipeline"),
    ("warnings", "warnings of stages"),
    ("gpu", "graphics processor"),
];

/// Machines, versions and warnings, as the receipts have them.
pub fn environment(facts: &Facts) -> String {
    list(&machines(facts))
}

/// The same, a line each.
pub fn machines(facts: &Facts) -> Vec<String> {
    let mut found: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut run: BTreeSet<String> = BTreeSet::new();
    for stored in facts.evidence.launches() {
        for stage in 0..stored.launch.stages.len() {
            let Some(artifact) = stored.artifact(stage) else { continue };
            let receipt = &artifact.receipt;
            run.insert(format!("{} at a time, {} a stage", stages(receipt.jobs), threads(receipt.threads)));
            for (place, (name, _)) in TOLD.iter().enumerate() {
                found.entry(place).or_default().extend(texts(receipt.provenance.get(*name)));
            }
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for (place, values) in found.iter().filter(|(_, values)| !values.is_empty()) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        lines.push(format!("{}: {}", TOLD[*place].1, values.join("; ")));
    }
    if !run.is_empty() {
        lines.push(format!("stages: {}", run.into_iter().collect::<Vec<_>>().join("; ")));
    }
    lines
}

fn stages(count: usize) -> String {
    super::super::figures::plural(count, "stage")
}

fn threads(count: usize) -> String {
    super::super::figures::plural(count, "thread")
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_string).collect(),
        _ => Vec::new(),
    }
}

/// What every figure means.
pub fn method(facts: &Facts) -> String {
    list(&sentences(facts))
}

/// The same, a paragraph each.
pub fn sentences(facts: &Facts) -> Vec<String> {
    let mut lines = vec![
        "Accuracy: share of test images whose likeliest class is the true one. ± is the sample standard deviation over the outermost replicate axis, inner ones averaged first; n counts different results.".to_string(),
        "95 % over seeds: Student's t. 95 % over test images: Wilson's interval of the mean accuracy on as many images as one run was scored on.".to_string(),
        "95 % of Δ: Welch's t where replicates share nothing; Student's t of pairs where they share a draw; Nadeau & Bengio's t for folds; none for one network a side. p is two-sided, of the same test (flipped signs for pairs, McNemar's mid-p for one network a side), corrected over all comparisons (Holm).".to_string(),
        format!("Within {}: the whole 95 % interval of the difference, over seeds and test images, lies above the margin. What is needed is estimated for four chances in five, if the difference stays as it is.", points_of(facts.margin)),
        "Seconds are wall time of every stage that a run rests on, each once, whenever it was made; stages that run side by side slow one another. What is distilled or augmented is charged to each run that uses it.".to_string(),
    ];
    if facts.cost.unit == "joules" {
        lines.push(
            "Joules are of the same stages. Hollow marks and ≈ are modelled, in whole or in part. Along a training they follow the trace of its power, where one was kept (stages of a second or more, in one attempt), and are spread evenly otherwise."
                .to_string(),
        );
        lines.push(
            "J per 1000: of a thousand inferences, one image at a time: the mean power of the evaluation × the median time from an image in memory to its logits."
                .to_string(),
        );
    }
    lines.extend(verdict_method(&facts.judged));
    lines
}

/// What makes the page again.
pub fn commands(launches: &[Launch]) -> String {
    format!("<pre>{}</pre>\n", escape(&command_lines(launches)))
}

/// A comment and a command for each launch.
pub fn command_lines(launches: &[Launch]) -> String {
    let command = |launch: &Launch| {
        let mut words = launch.command_line.iter();
        let program = words.next().map_or("pipeline", |word| word.rsplit('/').next().unwrap_or(word));
        let words = words.map(|word| quoted(word));
        [program.to_string()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
    };
    let lines: Vec<String> = launches
        .iter()
        .map(|launch| {
            format!(
                "# {} {}, pipeline {}\n{}",
                launch.experiment,
                launch.launch,
                launch.pipeline,
                command(launch)
            )
        })
        .collect();
    lines.join("\n")
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./=:,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_command_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(quoted("train.net.steps=100"), "train.net.steps=100");
        assert_eq!(quoted("net[seed=0] it's"), "'net[seed=0] it'\\''s'");
    }
}
