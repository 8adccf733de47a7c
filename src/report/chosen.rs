//! What a run's settings were chosen by: the values that did best on validation images, and what the trials cost.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::Value;

use super::launch::Launch;
use super::runs::read_json;
use super::stored::Stored;
use crate::energy::Joules;
use crate::recipe::{Describe, Select, files};

/// The choices that a run rests on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chosen {
    /// Values by axis, as tables show them.
    pub values: BTreeMap<String, String>,
    /// Wall seconds of every stage that was made for the choice alone; `None` where any is not known, or nothing was chosen.
    pub trials_secs: Option<f64>,
    /// What those stages drew.
    pub trials_joules: Option<f64>,
}

/// The choices below `stage`.
///
/// # Errors
/// A choice is there and cannot be read.
pub fn chosen(stored: &Stored, stage: usize) -> Result<Chosen> {
    let launch = stored.launch;
    let is_choice = |stage: usize| launch.stages[stage].kind == Select::KIND;
    let all = launch.lineage(stage);
    let mut values = BTreeMap::new();
    for choice in all.iter().copied().filter(|stage| is_choice(*stage)) {
        let Some(path) = stored.content(choice, files::CHOICE) else { continue };
        let read: BTreeMap<String, Value> = read_json(&path)?;
        values.extend(read.into_iter().map(|(axis, value)| (axis, plain(&value))));
    }
    if !all.iter().copied().any(is_choice) {
        return Ok(Chosen::default());
    }
    let apart = made_for_choices(launch, stage);
    let made = |stage: &usize| stored.made(*stage);
    let joules: Option<Joules> = apart.iter().map(|stage| made(stage)?.drawn?.joules).sum();
    let trials_secs = apart.iter().map(|stage| Some(made(stage)?.took_secs)).sum();
    Ok(Chosen { values, trials_secs, trials_joules: joules.map(Joules::value) })
}

/// Stages below `stage` that serve a choice alone, each artifact once: the trials, and what only they read.
pub fn made_for_choices(launch: &Launch, stage: usize) -> Vec<usize> {
    let is_choice = |stage: usize| launch.stages[stage].kind == Select::KIND;
    let name = |stage: &usize| (launch.stages[*stage].kind.as_str(), launch.stages[*stage].key.as_deref());
    let own = launch.lineage_within(stage, &|stage| !is_choice(stage));
    let mut seen: BTreeSet<_> = own.iter().map(name).collect();
    launch.lineage(stage).into_iter().filter(|stage| seen.insert(name(stage))).collect()
}

/// A labelled value by its name.
fn plain(value: &Value) -> String {
    match value.get("name").unwrap_or(value) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Chosen {
    /// `lr=0.01, decay=0.0005`; empty where nothing was chosen.
    pub fn text(&self) -> String {
        let pair = |(axis, value): (&String, &String)| format!("{axis}={value}");
        self.values.iter().map(pair).collect::<Vec<_>>().join(", ")
    }
}
