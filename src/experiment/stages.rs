//! The top of an experiment: its question, its replicates, and its stages as written, before any axis is put in.

use std::collections::HashMap;
use std::sync::Arc;

use super::choice::{self, Selections, Taken};
use super::matrix::{Axis, is_name};
use super::problem::{Problem, Problems};
use super::shape::shapes;
use super::source::Origin;
use super::substitute::axes_read;
use super::tree::{Entry, Node, Value};
use crate::recipe::{Describe, KINDS, Select};

/// A stage as written; each combination of the axes that it reads makes one of it.
pub struct Template {
    pub kind: &'static str,
    pub name: Arc<str>,
    /// Where its name was written.
    pub at: Origin,
    pub tree: Node,
    /// The axes that its own settings read, as indices in order of the matrix.
    pub axes: Vec<usize>,
    /// Settings that other stages choose.
    pub taken: Vec<Taken>,
    /// Its braces are wrong, which has been told; there is no sense in looking further.
    pub broken: bool,
}

impl Template {
    /// The stages that choose settings of it, each once, in the order in which they are first named.
    pub fn selections(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for taken in &self.taken {
            if !names.contains(&&*taken.selection) {
                names.push(&taken.selection);
            }
        }
        names
    }
}

/// Keys at the top of an experiment beside the kinds.
pub const TOP: &[&str] = &["question", "replicates", "matrix", "published", "extends"];

/// Names of kinds and keys that may stand at the top.
pub fn check_top(tree: &Node, problems: &mut Problems) {
    for entry in tree.entries() {
        let name = &*entry.key;
        if KINDS.contains(&name) || matches!(name, "question" | "replicates" | "matrix" | "published") {
            continue;
        }
        let problem = Problem::error(&entry.at, format!("unknown key `{name}`"));
        problems.push(if name == "extends" {
            problem.hint("`extends` is a matter of files: write it into the experiment")
        } else if shapes().project.field(name).is_some() {
            problem.hint(format!("`{name}` belongs in pipeline.toml"))
        } else {
            let of_project = shapes().project.fields.iter().map(|field| field.name.as_str());
            let for_argument = of_project.filter(|_| entry.at.source.is_argument);
            problem.hint_names(name, KINDS.iter().chain(TOP).copied().chain(for_argument))
        });
    }
}

/// `question`, or nothing.
pub fn read_question(tree: &Node, problems: &mut Problems) -> Option<String> {
    let node = tree.get("question")?;
    if node.as_text().is_none() {
        problems.push(Problem::error(&node.origin, "`question` must be text in quotes"));
    }
    node.as_text().map(str::to_string)
}

/// `replicates`: names of axes.
pub fn read_replicates(tree: &Node, axes: &[Axis], problems: &mut Problems) -> Vec<String> {
    let Some(node) = tree.get("replicates") else { return Vec::new() };
    let Value::List(items) = &node.value else {
        let problem = Problem::error(&node.origin, "`replicates` must be a list of axes");
        problems.push(problem.hint("write `replicates = [\"seed\"]`"));
        return Vec::new();
    };
    let mut names = Vec::new();
    for item in items.iter() {
        let name = item.plain();
        if !axes.iter().any(|axis| *axis.name == *name) {
            let problem = Problem::error(&item.origin, format!("the matrix has no axis `{name}`"));
            problems.push(problem.hint_names(&name, axes.iter().map(|axis| &*axis.name)));
        }
        names.push(name);
    }
    names
}

/// The stages in the order of the file.
pub fn read_templates(tree: &Node, axes: &[Axis], problems: &mut Problems) -> Vec<Template> {
    let mut templates: Vec<Template> = Vec::new();
    let selections = Selections::of(tree);
    let kinds = tree.entries().iter();
    for (kind, table) in kinds.filter_map(|entry| Some((kind_named(&entry.key)?, entry))) {
        if !table.node.is_table() {
            let message = format!("`{kind}` must be a table of stages");
            let problem = Problem::error(&table.node.origin, message);
            problems.push(problem.hint(format!("write `[{kind}.NAME]` and the settings below it")));
            continue;
        }
        for entry in table.node.entries() {
            templates.extend(read_template(kind, entry, (axes, &selections), problems));
        }
    }
    templates.sort_by_key(|template| {
        let (rank, _, start, _) = template.at.place();
        (std::cmp::Reverse(rank), start)
    });
    check_unique(&templates, problems);
    if templates.is_empty() && problems.is_empty() {
        let problem = Problem::error(&tree.origin, "the experiment has no stage");
        problems.push(
            problem
                .hint("the first could be `[subset.photos]`; `pipeline explain subset` lists its settings"),
        );
    }
    templates
}

fn kind_named(name: &str) -> Option<&'static str> {
    KINDS.iter().find(|kind| **kind == name).copied()
}

fn read_template(
    kind: &'static str,
    entry: &Entry,
    (axes, selections): (&[Axis], &Selections<'_>),
    problems: &mut Problems,
) -> Option<Template> {
    let name = &entry.key;
    if !entry.node.is_table() {
        let problem = Problem::error(&entry.at, format!("`{kind}.{name}` must be a table"));
        let is_setting = shapes().kinds[kind].field(name).is_some();
        let hint = format!("a stage has a name of its own: write `[{kind}.NAME]` and its settings below it");
        problems.push(if is_setting { problem.hint(hint) } else { problem });
        return None;
    }
    if !is_name(name) {
        let message = format!("a stage cannot be called `{name}`");
        problems.push(Problem::error(&entry.at, message).hint("letters, digits, `_` and `-`"));
        return None;
    }
    if kind == Select::KIND
        && let Some(axis) = axes.iter().find(|axis| axis.name == *name)
    {
        let problem = Problem::error(&entry.at, format!("`{{{name}}}` would be an axis and a choice"));
        problems.push(problem.label(&axis.origin, "the axis").hint("give one of them another name"));
    }
    let before = problems.len();
    let read = axes_read(kind, &entry.node, axes, &|path| selections.holds(path), problems);
    let taken = choice::taken(kind, &entry.node, axes, selections, problems);
    let broken = problems.len() > before || read.iter().any(|axis| axes[*axis].values.is_empty());
    Some(Template {
        kind,
        name: Arc::clone(name),
        at: entry.at.clone(),
        tree: entry.node.clone(),
        axes: read,
        taken,
        broken,
    })
}

fn check_unique(templates: &[Template], problems: &mut Problems) {
    let mut first: HashMap<&str, &Template> = HashMap::new();
    for template in templates {
        let Some(other) = first.insert(&template.name, template) else { continue };
        let message = format!("two stages are called `{}`", template.name);
        let problem = Problem::error(&template.at, message);
        let problem = problem.label(&other.at, format!("the other, of the kind `{}`", other.kind));
        problems
            .push(problem.hint("stages name one another, so every name is given once, whatever the kind"));
    }
}
