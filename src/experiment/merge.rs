//! Lays trees over one another: a file over the file that it extends, and `--set` over both.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::parse::{Override, parse};
use super::problem::{Problem, Problems};
use super::shape::{Shape, Table, shapes};
use super::source::{Origin, Source};
use super::tree::{Entry, Node, Value};

/// What is known of the place that a merge has come to; choices are replaced whole, so they have to be known.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    Experiment,
    Kind(&'a Table),
    Table(&'a Table),
    Shape(&'a Shape),
    Unknown,
}

impl Place<'static> {
    pub fn project() -> Place<'static> {
        Place::Table(&shapes().project)
    }
}

impl Place<'_> {
    fn below(self, key: &str) -> Self {
        let found = match self {
            Place::Experiment => shapes().kinds.get(key).map(Place::Kind),
            Place::Kind(table) => Some(Place::Table(table)),
            Place::Table(table) => table.field(key).map(|field| Place::Shape(&field.shape)),
            Place::Shape(shape) => shape.below(key).map(Place::Shape),
            Place::Unknown => None,
        };
        found.unwrap_or(Place::Unknown)
    }

    fn is_choice(self) -> bool {
        matches!(self, Place::Shape(Shape::Choice(_)))
    }
}

/// An experiment file over the files that it extends, the first of which is read last.
pub fn read_with_bases(path: &Path) -> Result<Node, Problems> {
    let mut layers: Vec<Node> = Vec::new();
    let mut seen: Vec<(PathBuf, Option<Origin>)> = Vec::new();
    let mut next = Some((path.to_path_buf(), None));
    while let Some((path, named_at)) = next.take() {
        check_loop(&path, &named_at, &seen)?;
        let source = Source::read(&path, layers.len() as u32)
            .map_err(|problem| vec![Problem { origin: named_at.clone(), ..problem }])?;
        let mut tree = parse(&source)?;
        let base = take_extends(&mut tree)?;
        next = base.map(|(name, origin)| (path.parent().unwrap_or(Path::new("")).join(name), Some(origin)));
        seen.push((identity(&path), named_at));
        layers.push(tree);
    }
    let merged = layers.into_iter().rev().reduce(|base, over| merge(&base, over, Place::Experiment));
    Ok(merged.expect("the file itself is a layer"))
}

fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

fn check_loop(
    path: &Path,
    named_at: &Option<Origin>,
    seen: &[(PathBuf, Option<Origin>)],
) -> Result<(), Problems> {
    let (Some(named_at), path) = (named_at, identity(path)) else { return Ok(()) };
    let Some(first) = seen.iter().position(|(known, _)| *known == path) else { return Ok(()) };
    let mut problem = Problem::error(named_at, "files extend one another in a loop");
    for origin in seen[first + 1..].iter().filter_map(|(_, origin)| origin.as_ref()) {
        problem = problem.label(origin, "which is extended here");
    }
    Err(vec![problem.hint("one of these files must stand on its own")])
}

fn take_extends(tree: &mut Node) -> Result<Option<(String, Origin)>, Problems> {
    let Some(entry) = tree.entry("extends") else { return Ok(None) };
    let Some(name) = entry.node.as_text() else {
        let problem = Problem::error(&entry.node.origin, "`extends` must be the path of one file, in quotes");
        return Err(vec![
            problem.hint("write `extends = \"base.toml\"`; the path starts at this file's folder"),
        ]);
    };
    let found = (name.to_string(), entry.node.origin.clone());
    if let Value::Table(entries) = &mut tree.value {
        Arc::make_mut(entries).retain(|entry| &*entry.key != "extends");
    }
    Ok(Some(found))
}

/// Table by table; everything else, choices and lists included, is replaced whole.
pub fn merge(base: &Node, over: Node, place: Place<'_>) -> Node {
    if !base.is_table() || !over.is_table() || place.is_choice() {
        return over;
    }
    let mut entries = base.entries().to_vec();
    let places: HashMap<Arc<str>, usize> =
        entries.iter().enumerate().map(|(at, entry)| (Arc::clone(&entry.key), at)).collect();
    for entry in over.entries() {
        match places.get(&entry.key) {
            Some(at) => {
                let node = merge(&entries[*at].node, entry.node.clone(), place.below(&entry.key));
                entries[*at] = Entry { node, ..entry.clone() };
            }
            None => entries.push(entry.clone()),
        }
    }
    Node::table(entries, over.origin)
}

/// A `--set` that would invent a stage: most likely a slip in its name.
pub fn unknown_target(tree: &Node, over: &Override) -> Option<Problem> {
    let [(kind, _), (name, at), _, ..] = &over.path[..] else { return None };
    let stages = tree.get(kind).map(Node::entries).unwrap_or_default();
    if !shapes().kinds.contains_key(&**kind) || stages.iter().any(|entry| entry.key == *name) {
        return None;
    }
    let problem = Problem::error(at, format!("no stage is called `{kind}.{name}`"));
    Some(problem.hint_names(name, stages.iter().map(|entry| &*entry.key)))
}

/// Lays one `--set` over the tree. Inside a choice, another name replaces the choice; the same name keeps the rest.
pub fn set(tree: &Node, over: &Override, place: Place<'_>) -> Node {
    set_below(Some(tree), &over.path, &over.value, place)
}

fn set_below(node: Option<&Node>, path: &[(Arc<str>, Origin)], value: &Node, place: Place<'_>) -> Node {
    let Some(((key, at), rest)) = path.split_first() else { return value.clone() };
    let mut entries = match node {
        Some(node) if place.is_choice() => same_choice(node, key),
        Some(node) => node.entries().to_vec(),
        None => Vec::new(),
    };
    let below = if place.is_choice() { choice_below(place, key) } else { place.below(key) };
    let known = entries.iter().position(|entry| entry.key == *key);
    let new = set_below(known.map(|at| &entries[at].node), rest, value, below);
    match known {
        Some(known) => entries[known].node = new,
        None => entries.push(Entry { key: Arc::clone(key), at: at.clone(), node: new }),
    }
    let origin = node.filter(|node| node.is_table()).map_or(at, |node| &node.origin);
    Node::table(entries, origin.clone())
}

/// The entries to keep of a choice when the settings of `name` are set.
fn same_choice(node: &Node, name: &str) -> Vec<Entry> {
    if node.as_text() == Some(name) {
        let at = node.origin.clone();
        return vec![Entry { key: name.into(), at: at.clone(), node: Node::table(Vec::new(), at) }];
    }
    node.entries().iter().filter(|entry| &*entry.key == name).cloned().collect()
}

fn choice_below<'a>(place: Place<'a>, name: &str) -> Place<'a> {
    let Place::Shape(Shape::Choice(choices)) = place else { return Place::Unknown };
    choices.iter().find(|choice| choice.name == name).map_or(Place::Unknown, |c| Place::Table(&c.settings))
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse_override;
    use super::*;

    fn tree(text: &str) -> Node {
        parse(&Source::file("x.toml", text, 0)).unwrap()
    }

    fn after_set(text: &str, argument: &str) -> String {
        let over = parse_override(&Source::argument(argument, 9)).unwrap();
        set(&tree(text), &over, Place::Experiment).inline()
    }

    #[test]
    fn tables_merge_and_lists_and_choices_are_replaced_whole() {
        let base = tree(
            "[train.net]\nsteps = 1\nbatch = 2\noptimizer = { sgd = { lr = 1.0 } }\ntransforms = [\"flip\"]",
        );
        let over = tree("[train.net]\nsteps = 5\noptimizer.adamw = {}\ntransforms = []");
        let merged = merge(&base, over, Place::Experiment).inline();
        assert_eq!(
            merged,
            "{ train = { net = { steps = 5, batch = 2, optimizer = { adamw = {} }, transforms = [] } } }"
        );
    }

    #[test]
    fn set_reaches_into_a_choice_of_the_same_name_and_replaces_another() {
        let text = "[train.net]\noptimizer = { sgd = { lr = 1.0, momentum = 0.5 } }";
        assert_eq!(
            after_set(text, "train.net.optimizer.sgd.lr=2"),
            "{ train = { net = { optimizer = { sgd = { lr = 2, momentum = 0.5 } } } } }"
        );
        assert_eq!(
            after_set(text, "train.net.optimizer.adamw.lr=0.5"),
            "{ train = { net = { optimizer = { adamw = { lr = 0.5 } } } } }"
        );
        assert_eq!(
            after_set("[train.net]\nnetwork = \"convnet\"", "train.net.network.convnet.width=64"),
            "{ train = { net = { network = { convnet = { width = 64 } } } } }"
        );
    }

    #[test]
    fn what_is_no_toml_is_text() {
        assert_eq!(after_set("", "train.net.from=photos"), "{ train = { net = { from = \"photos\" } } }");
        assert_eq!(after_set("", "a.b=/x/y z"), "{ a = { b = \"/x/y z\" } }");
        assert_eq!(after_set("", "a.\"b=c\"=[1, 2]"), "{ a = { \"b=c\" = [1, 2] } }");
    }
}
