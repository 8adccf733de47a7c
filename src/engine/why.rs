//! Why a stage is stale: the difference of two pre-images, so that no explanation can disagree with a key.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use super::history::History;
use super::job::Job;
use super::plan::Resolved;
use super::receipt::{RECEIPT, Receipt};
use super::stage::Stage;
use super::store::{Store, names_in};
use super::tree::{manifest_path, read_manifest};

/// Why a stage has to run.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// This experiment never had a stage of this name and these axes.
    New,
    /// Since it last ran. Empty where what it was is no longer known.
    Changed(Vec<Difference>),
    /// It was made, and the artifact is gone.
    Missing {
        by_gc: bool,
    },
    /// The last attempt at this very key failed or was stopped.
    Unfinished,
    /// The artifact is not as its receipt says; the text says how.
    Damaged(String),
    Forced,
}

/// One difference between what a stage was and what it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    Parameter {
        path: String,
        from: Option<Value>,
        to: Option<Value>,
    },
    Environment {
        path: String,
        from: Option<Value>,
        to: Option<Value>,
    },
    /// The revision of a named part; `None` where it is not used.
    Part {
        name: String,
        from: Option<u64>,
        to: Option<u64>,
    },
    Input {
        role: String,
        file: String,
        change: Change,
    },
    Source {
        role: String,
        change: Change,
        files: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    OtherBytes,
    Added,
    Removed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::New => f.write_str("new"),
            Reason::Changed(differences) if differences.is_empty() => {
                f.write_str("changed; what it was is no longer known")
            }
            Reason::Changed(differences) => {
                let texts: Vec<String> = differences.iter().map(Difference::to_string).collect();
                f.write_str(&texts.join(", "))
            }
            Reason::Missing { by_gc: true } => f.write_str("removed by `pipeline gc`"),
            Reason::Missing { by_gc: false } => f.write_str("its artifact is gone"),
            Reason::Unfinished => f.write_str("its last attempt did not finish"),
            Reason::Damaged(how) => write!(f, "its artifact is damaged: {how}"),
            Reason::Forced => f.write_str("forced"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Parameter { path, from, to } => {
                write!(f, "parameter `{path}` {}", step(from.as_ref(), to.as_ref()))
            }
            Difference::Environment { path, from, to } => {
                write!(f, "environment `{path}` {}", step(from.as_ref(), to.as_ref()))
            }
            Difference::Part { name, from: Some(from), to: Some(to) } => {
                write!(f, "part `{name}` revision {from} → {to}")
            }
            Difference::Part { name, from: None, .. } => write!(f, "part `{name}` added"),
            Difference::Part { name, .. } => write!(f, "part `{name}` removed"),
            Difference::Input { role, file, change } => write!(f, "input `{role}`: `{file}` {change}"),
            Difference::Source { role, change, files } => match files.as_slice() {
                [] => write!(f, "file `{role}` {change}"),
                [only] => write!(f, "source `{role}`: {only}"),
                [first, rest @ ..] => write!(f, "source `{role}`: {first}, and {} more", rest.len()),
            },
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Change::OtherBytes => "has other bytes",
            Change::Added => "is added",
            Change::Removed => "is removed",
        })
    }
}

fn step(from: Option<&Value>, to: Option<&Value>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => format!("{} → {}", plain(from), plain(to)),
        (None, Some(to)) => format!("added: {}", plain(to)),
        (Some(from), None) => format!("removed (was {})", plain(from)),
        (None, None) => String::new(),
    }
}

/// A value as a table's cell would hold it.
fn plain(value: &Value) -> String {
    const LONG: usize = 60;
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= LONG {
        return text;
    }
    text.chars().take(LONG - 1).chain(['…']).collect()
}

/// Why a stage with this key, whose artifact is not there, has to run.
pub fn reason(stage: &Stage, now: &Resolved, history: &mut History, store: &Store) -> Reason {
    let key = &now.key;
    let last = history.last(&stage.label).filter(|last| last.kind == stage.kind);
    if store.tombstone(stage.kind, key).exists() {
        return Reason::Missing { by_gc: true };
    }
    match last {
        None => Reason::New,
        Some(last) if last.key == *key && last.made => Reason::Missing { by_gc: false },
        Some(last) if last.key == *key => Reason::Unfinished,
        Some(last) => {
            let new: Value = serde_json::from_str(&now.pre_image).unwrap_or_default();
            let old = pre_image_of(store, &last.kind, &last.key);
            Reason::Changed(old.map(|old| difference(&old, &new, store)).unwrap_or_default())
        }
    }
}

/// The pre-image of a key, from its receipt, its tombstone or an attempt at it.
pub fn pre_image_of(store: &Store, kind: &str, key: &str) -> Option<Value> {
    let receipts = [store.place(kind, key).join(RECEIPT), store.tombstone(kind, key)];
    let mut read = receipts.iter().filter_map(|path| Receipt::read(path).ok());
    if let Some(receipt) = read.find(|receipt| receipt.key == key) {
        return Some(receipt.pre_image);
    }
    let work = store.work(key);
    names_in(&work).into_iter().rev().find_map(|attempt| {
        let text = std::fs::read(work.join(attempt).join("job.json")).ok()?;
        let job: Job = serde_json::from_slice(&text).ok()?;
        (job.key == key).then_some(job.pre_image)
    })
}

/// What differs between two pre-images: parameters first, then parts, environment, inputs and sources.
pub fn difference(old: &Value, new: &Value, store: &Store) -> Vec<Difference> {
    let mut found = Vec::new();
    leaves("", old.get("parameters"), new.get("parameters"), &mut |path, from, to| {
        found.push(Difference::Parameter { path, from, to });
    });
    let explained = !found.is_empty();
    for (name, from, to) in both(&old["parts"], &new["parts"]) {
        let (from, to) = (from.and_then(Value::as_u64), to.and_then(Value::as_u64));
        // A part that comes or goes does so by a parameter, which says it better.
        if from != to && (from.is_some() && to.is_some() || !explained) {
            found.push(Difference::Part { name: name.to_string(), from, to });
        }
    }
    leaves("", old.get("environment"), new.get("environment"), &mut |path, from, to| {
        found.push(Difference::Environment { path, from, to });
    });
    for (role, from, to) in both(&old["inputs"], &new["inputs"]) {
        for (file, from, to) in both(from.unwrap_or(&Value::Null), to.unwrap_or(&Value::Null)) {
            if let Some(change) = change(from, to) {
                found.push(Difference::Input { role: role.to_string(), file: file.to_string(), change });
            }
        }
    }
    for (role, from, to) in both(&old["sources"], &new["sources"]) {
        if let Some(change) = change(from, to) {
            let files = files_changed(from, to, store);
            found.push(Difference::Source { role: role.to_string(), change, files });
        }
    }
    found
}

fn change(from: Option<&Value>, to: Option<&Value>) -> Option<Change> {
    match (from.filter(|from| !from.is_null()), to.filter(|to| !to.is_null())) {
        (from, to) if from == to => None,
        (None, _) => Some(Change::Added),
        (_, None) => Some(Change::Removed),
        _ => Some(Change::OtherBytes),
    }
}

/// Calls `tell` with every path at which two values differ.
fn leaves(
    path: &str,
    old: Option<&Value>,
    new: Option<&Value>,
    tell: &mut dyn FnMut(String, Option<Value>, Option<Value>),
) {
    if old == new {
        return;
    }
    let (Some(Value::Object(from)), Some(Value::Object(to))) = (old, new) else {
        return tell(path.to_string(), old.cloned(), new.cloned());
    };
    if let (Some(from), Some(to)) = (choice(from), choice(to))
        && from != to
    {
        return tell(path.to_string(), Some(from.into()), Some(to.into()));
    }
    let keys: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    for key in keys {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        leaves(&path, from.get(key), to.get(key), tell);
    }
}

/// The name in `{ name = { settings } }`.
fn choice(fields: &Map<String, Value>) -> Option<&str> {
    let mut fields = fields.iter();
    match (fields.next(), fields.next()) {
        (Some((name, Value::Object(_))), None) => Some(name),
        _ => None,
    }
}

/// The keys of two tables with what each holds there.
fn both<'a>(old: &'a Value, new: &'a Value) -> Vec<(&'a str, Option<&'a Value>, Option<&'a Value>)> {
    let mut keys: BTreeMap<&str, (Option<&Value>, Option<&Value>)> = BTreeMap::new();
    for (key, value) in old.as_object().into_iter().flatten() {
        keys.entry(key).or_default().0 = Some(value);
    }
    for (key, value) in new.as_object().into_iter().flatten() {
        keys.entry(key).or_default().1 = Some(value);
    }
    keys.into_iter().map(|(key, (from, to))| (key, from, to)).collect()
}

/// Which files of a tree differ, from the two manifests; at least how many there were, where one is gone.
fn files_changed(from: Option<&Value>, to: Option<&Value>, store: &Store) -> Vec<String> {
    let count = |side: Option<&Value>| side.and_then(|side| side.get("files")).and_then(Value::as_u64);
    if count(from).is_none() && count(to).is_none() {
        return Vec::new();
    }
    let manifest = |side: Option<&Value>| -> Option<BTreeMap<String, String>> {
        let path = manifest_path(store.root(), side?.get("sha256")?.as_str()?);
        Some(read_manifest(&path).ok()?.into_iter().map(|entry| (entry.path, entry.sha256)).collect())
    };
    let (Some(old), Some(new)) = (manifest(from), manifest(to)) else {
        let files = |side| count(side).map_or("no".to_string(), |count| count.to_string());
        return vec![format!("{} files → {} files of other content", files(from), files(to))];
    };
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = paths.into_iter().filter_map(|path| {
        let change = match (old.get(path), new.get(path)) {
            (from, to) if from == to => return None,
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            _ => Change::OtherBytes,
        };
        Some(format!("`{path}` {change}"))
    });
    changed.collect()
}

#[cfg(test)]
#[path = "why_tests.rs"]
mod tests;
