//! `"{best.lr}"`: a setting that a `[select.NAME]` chooses while the experiment runs, and all that it may turn out to be.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::matrix::Axis;
use super::problem::{Problem, Problems, quoted_list};
use super::source::Origin;
use super::substitute::{find_axis, lacks_field, references};
use super::tree::{Node, Value};
use crate::recipe::{Augment, Describe, Distil, Select, Train};

/// Kinds of stages whose settings may be chosen.
const TAKING: &[&str] = &[Augment::KIND, Distil::KIND, Train::KIND];

/// Candidates that a stage is checked with, at most.
const CHECKED: usize = 4096;

/// A setting that is taken from a choice.
pub struct Taken {
    /// Where it stands in the stage's table: keys and indices.
    pub path: Vec<String>,
    /// The stage that chooses.
    pub selection: Arc<str>,
    /// The axis whose value is taken.
    pub axis: usize,
    /// The field of the value, from outside in; empty for the value itself.
    pub fields: Vec<String>,
    pub origin: Origin,
}

/// The `[select.NAME]` tables of an experiment, by name.
pub struct Selections<'a>(BTreeMap<&'a str, &'a Node>);

impl<'a> Selections<'a> {
    pub fn of(tree: &'a Node) -> Selections<'a> {
        let tables = tree.get(Select::KIND).map_or(&[] as &[_], Node::entries);
        Selections(tables.iter().map(|entry| (&*entry.key, &entry.node)).collect())
    }

    /// Whether `best.lr` begins with the name of one.
    pub fn holds(&self, path: &str) -> bool {
        path.split('.').next().is_some_and(|name| self.0.contains_key(name))
    }
}

/// The settings of a stage's table that are taken from choices.
pub fn taken(
    kind: &str,
    tree: &Node,
    axes: &[Axis],
    selections: &Selections<'_>,
    problems: &mut Problems,
) -> Vec<Taken> {
    let mut finder = Finder { kind, axes, selections, problems, found: Vec::new() };
    for entry in tree.entries().iter().filter(|entry| entry.node.open) {
        finder.look(&entry.node, &mut vec![entry.key.to_string()]);
    }
    finder.found
}

struct Finder<'a> {
    kind: &'a str,
    axes: &'a [Axis],
    selections: &'a Selections<'a>,
    problems: &'a mut Problems,
    found: Vec<Taken>,
}

impl Finder<'_> {
    fn look(&mut self, node: &Node, path: &mut Vec<String>) {
        let named = node.entries().iter().map(|entry| (entry.key.to_string(), &entry.node));
        let counted = node.items().iter().enumerate().map(|(at, item)| (at.to_string(), item));
        for (step, below) in named.chain(counted).filter(|(_, below)| below.open) {
            path.push(step);
            self.look(below, path);
            path.pop();
        }
        let Some(text) = node.as_text() else { return };
        // An axis of the same name is told of where the stage is read.
        let chosen = |path: &&str| find_axis(path, self.axes).is_none() && self.selections.holds(path);
        for reference in references(self.kind, &path[0], text).into_iter().filter(chosen).collect::<Vec<_>>()
        {
            match self.read(reference, node, text, path) {
                Ok(taken) => self.found.extend(taken),
                Err(problem) => self.problems.push(problem),
            }
        }
    }

    /// `None` where the selection itself is wrong, which is told there.
    fn read(
        &self,
        reference: &str,
        node: &Node,
        text: &str,
        path: &[String],
    ) -> Result<Option<Taken>, Problem> {
        let written = format!("{{{reference}}}");
        let error = |message: String| Problem::error(&node.origin.narrow(&written), message);
        if !TAKING.contains(&self.kind) {
            let message = format!("no setting of `{}` can be chosen while the experiment runs", self.kind);
            return Err(error(message).hint(format!("those of {} can", quoted_list(TAKING, "and"))));
        }
        if text != written {
            let message = format!("`{written}` is known only later, so it cannot be a part of a text");
            return Err(error(message).hint(format!("let a setting be just `\"{written}\"`")));
        }
        let mut steps = reference.split('.');
        let name = steps.next().unwrap_or_default();
        let over: Vec<&str> = self.over(name);
        let Some(axis) = steps.next() else {
            let message = format!("`{written}` does not say which of its values is meant");
            let ways: Vec<String> = over.iter().map(|axis| format!("{{{name}.{axis}}}")).collect();
            return Err(error(message).hint(format!("write {}", quoted_list(&ways, "or"))));
        };
        if !over.contains(&axis) {
            let message = format!("`{name}` does not choose a value of `{axis}`");
            return Err(error(message).hint_names(axis, over.iter().copied()));
        }
        let Some(axis) = find_axis(axis, self.axes) else { return Ok(None) };
        let fields = steps.map(str::to_string).collect();
        let (path, origin) = (path.to_vec(), node.origin.clone());
        Ok(Some(Taken { path, selection: name.into(), axis, fields, origin }))
    }

    fn over(&self, selection: &str) -> Vec<&str> {
        let over = self.selections.0.get(selection).and_then(|node| node.get("over"));
        over.map_or(&[] as &[_], Node::items).iter().filter_map(Node::as_text).collect()
    }
}

/// The stage's table with each combination of the values that may be chosen; itself, where nothing is.
pub fn candidates(tree: &Node, taken: &[Taken], axes: &[Axis], problems: &mut Problems) -> Vec<Node> {
    let mut chosen: Vec<usize> = taken.iter().map(|taken| taken.axis).collect();
    chosen.sort_unstable();
    chosen.dedup();
    let mut places: Vec<Vec<usize>> = vec![Vec::new()];
    for axis in &chosen {
        let values = 0..axes[*axis].values.len();
        let with = |before: Vec<usize>| {
            values.clone().map(move |value| before.iter().copied().chain([value]).collect::<Vec<_>>())
        };
        places = places.into_iter().flat_map(with).take(CHECKED).collect();
    }
    let one = |places: Vec<usize>| {
        let value = |taken: &Taken| {
            let place = chosen.iter().position(|axis| *axis == taken.axis).expect("it is among the chosen");
            found(taken, &axes[taken.axis], places[place], problems)
        };
        let values: Option<Vec<Node>> = taken.iter().map(value).collect();
        let put = |tree: Node, (taken, value): (&Taken, Node)| tree.with(&taken.path, value);
        Some(taken.iter().zip(values?).fold(tree.clone(), put))
    };
    places.into_iter().filter_map(one).collect()
}

fn found(taken: &Taken, axis: &Axis, place: usize, problems: &mut Problems) -> Option<Node> {
    let mut value = &axis.values[place];
    for field in &taken.fields {
        let Some(below) = value.get(field) else {
            let path = format!("{}.{}.{}", taken.selection, axis.name, taken.fields.join("."));
            problems.push(lacks_field(&path, field, value, axis, &taken.origin));
            return None;
        };
        value = below;
    }
    Some(Node { via: Some(taken.origin.clone()), open: false, ..value.clone() })
}

/// A value is put in as it stands, so it must stand as the stage's parameters have it: nothing is left to be settled.
pub fn not_as_it_stands(taken: &Taken, tree: &Node, parameters: &Json) -> Option<Problem> {
    let node = tree.at(&taken.path)?;
    let found = taken.path.iter().try_fold(parameters, |below, step| match below {
        Json::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => below.get(step),
    })?;
    if same(found, &node.json()) {
        return None;
    }
    let hint = match node.value {
        Value::Text(_) => format!("write it out: `{found}`"),
        _ => "give it as a value that needs nothing added".to_string(),
    };
    let message = format!("`{}` is short for something else, which cannot be chosen", node.plain());
    Some(Problem::error(&node.origin, message).label(&taken.origin, "taken here").hint(hint))
}

/// Equal, 1 and 1.0 being so.
fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => one.as_f64() == other.as_f64(),
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            // What is left out has its default.
            other.iter().all(|(name, value)| one.get(name).is_none_or(|one| same(one, value)))
        }
        _ => one == other,
    }
}

/// Puts a value at a path of keys and indices, where the table above it is there.
pub fn put(parameters: &mut Json, path: &[String], new: Json) {
    let Some((last, above)) = path.split_last() else { return };
    let table = above.iter().try_fold(parameters, |below, step| match below {
        Json::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
        _ => below.get_mut(step),
    });
    match table {
        Some(Json::Object(fields)) => _ = fields.insert(last.clone(), new),
        Some(Json::Array(items)) => {
            if let Some(item) = last.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                *item = new;
            }
        }
        _ => {}
    }
}
