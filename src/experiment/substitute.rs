//! `{axis}` and `{axis.field}` in texts: found, checked, and replaced by one combination's values.

use std::ops::Range;
use std::sync::Arc;

use super::matrix::Axis;
use super::problem::{Problem, Problems};
use super::source::Origin;
use super::tree::{Entry, Node, Value};

/// A part of a text.
#[derive(Debug, PartialEq)]
enum Piece {
    /// Bytes of the text that stand for themselves.
    Plain(Range<usize>),
    /// `{{` or `}}`: one brace.
    Brace(char),
    /// The path between braces.
    Axis(Range<usize>),
}

/// A brace that neither opens nor closes a reference; the byte at which it is.
#[derive(Debug, PartialEq)]
struct Stray(usize);

/// What the braces of a text mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Braces {
    Axes,
    /// In a command line, `{in.NAME}` and `{out}` are left for the command itself.
    CommandLine,
}

fn pieces(text: &str, braces: Braces) -> Result<Vec<Piece>, Stray> {
    let mut pieces = Vec::new();
    let (mut at, mut plain, mut input_open) = (0, 0, false);
    while at < text.len() {
        let kept = kept_length(&text.as_bytes()[at..], braces, &mut input_open);
        if kept > 0 {
            at += kept;
            continue;
        }
        let (piece, length) = braced(text, at)?;
        if plain < at {
            pieces.push(Piece::Plain(plain..at));
        }
        pieces.push(piece);
        at += length;
        plain = at;
    }
    if plain < at {
        pieces.push(Piece::Plain(plain..at));
    }
    Ok(pieces)
}

/// How many bytes stand for themselves; 0 at a brace that means something. `input_open` is whether a `{in.` is
/// still to be closed.
fn kept_length(rest: &[u8], braces: Braces, input_open: &mut bool) -> usize {
    let is_command = braces == Braces::CommandLine;
    match rest[0] {
        b'}' if *input_open => {
            *input_open = false;
            1
        }
        b'{' if is_command && rest.starts_with(b"{out}") => b"{out}".len(),
        b'{' if is_command && rest.starts_with(b"{in.") => {
            *input_open = true;
            b"{in.".len()
        }
        b'{' | b'}' => 0,
        _ => 1,
    }
}

/// What the brace at `at` begins, and its length.
fn braced(text: &str, at: usize) -> Result<(Piece, usize), Stray> {
    let rest = &text.as_bytes()[at..];
    match rest {
        [b'{', b'{', ..] => Ok((Piece::Brace('{'), 2)),
        [b'}', b'}', ..] => Ok((Piece::Brace('}'), 2)),
        [b'{', ..] => {
            let length = reference_length(rest).ok_or(Stray(at))?;
            Ok((Piece::Axis(at + 1..at + 1 + length), length + 2))
        }
        _ => Err(Stray(at)),
    }
}

/// The length of `axis.field` in `{axis.field}`.
fn reference_length(rest: &[u8]) -> Option<usize> {
    let end = rest.iter().position(|byte| *byte == b'}')?;
    let name = &rest[1..end];
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    (!name.is_empty() && name.iter().all(allowed)).then_some(name.len())
}

fn braces_of(kind: &str, path: &[&str]) -> Braces {
    if kind == "command" && path == ["run"] { Braces::CommandLine } else { Braces::Axes }
}

/// The axes that a stage's table reads, in order of the matrix; what is wrong with its braces goes to `problems`.
/// What `choices` says of a name in braces that it is a choice is left alone.
pub fn axes_read(
    kind: &str,
    tree: &Node,
    axes: &[Axis],
    choices: &dyn Fn(&str) -> bool,
    problems: &mut Problems,
) -> Vec<usize> {
    let mut read = Vec::new();
    let mut found = |node: &Node, path: &str| match find_axis(path, axes) {
        Some(axis) => read.push(axis),
        None if choices(path) => {}
        None => problems.push(unknown_axis(node, path, axes)),
    };
    let mut strays = Vec::new();
    for entry in tree.entries().iter().filter(|entry| entry.node.open) {
        let braces = braces_of(kind, &[&entry.key]);
        find_axes(&entry.node, braces, &mut found, &mut strays);
    }
    problems.extend(strays);
    read.sort_unstable();
    read.dedup();
    read
}

fn find_axes(node: &Node, braces: Braces, found: &mut dyn FnMut(&Node, &str), strays: &mut Problems) {
    for below in node.items().iter().chain(node.entries().iter().map(|e| &e.node)).filter(|n| n.open) {
        find_axes(below, Braces::Axes, found, strays);
    }
    let Some(text) = node.as_text() else { return };
    match pieces(text, braces) {
        Ok(pieces) => axis_paths(text, &pieces).for_each(|path| found(node, path)),
        Err(Stray(at)) => strays.push(stray(node, &text[at..at + 1])),
    }
}

fn axis_paths<'a>(text: &'a str, pieces: &[Piece]) -> impl Iterator<Item = &'a str> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Axis(span) => Some(&text[span.clone()]),
        _ => None,
    })
}

/// What stands between the braces of a text in a stage's table below the key `key`.
pub fn references<'a>(kind: &str, key: &str, text: &'a str) -> Vec<&'a str> {
    let pieces = pieces(text, braces_of(kind, &[key])).unwrap_or_default();
    axis_paths(text, &pieces).collect()
}

pub fn find_axis(path: &str, axes: &[Axis]) -> Option<usize> {
    let name = path.split('.').next()?;
    axes.iter().position(|axis| &*axis.name == name)
}

fn stray(node: &Node, brace: &str) -> Problem {
    let message = format!("a `{brace}` that belongs to no `{{axis}}`");
    Problem::error(&node.origin.narrow(brace), message).hint("write `{{` and `}}` for braces of your own")
}

fn unknown_axis(node: &Node, path: &str, axes: &[Axis]) -> Problem {
    let name = path.split('.').next().unwrap_or(path);
    let problem = Problem::error(
        &node.origin.narrow(&format!("{{{path}}}")),
        format!("`{{{path}}}` names no axis: the matrix has no `{name}`"),
    );
    if axes.is_empty() {
        return problem.hint(format!(
            "add `[matrix]` with `{name} = [...]`, or write `{{{{` and `}}}}` for braces of your own"
        ));
    }
    problem.hint_names(name, axes.iter().map(|axis| &*axis.name))
}

/// The table with one combination's values: `values` are indices into the axes. Untouched subtrees are shared.
pub fn substitute(kind: &str, tree: &Node, axes: &[Axis], values: &[u32], problems: &mut Problems) -> Node {
    if !tree.open {
        return tree.clone();
    }
    let mut scope = Scope { axes, values, problems };
    let entries = tree.entries().iter().map(|entry| {
        let braces = braces_of(kind, &[&entry.key]);
        Entry { node: scope.node(&entry.node, braces), ..entry.clone() }
    });
    let entries = entries.collect();
    Node { value: Value::Table(Arc::new(entries)), open: false, ..tree.clone() }
}

struct Scope<'a> {
    axes: &'a [Axis],
    values: &'a [u32],
    problems: &'a mut Problems,
}

impl Scope<'_> {
    fn node(&mut self, node: &Node, braces: Braces) -> Node {
        if !node.open {
            return node.clone();
        }
        let value = match &node.value {
            Value::Text(text) => return self.text(node, text, braces),
            Value::List(items) => {
                Value::List(Arc::new(items.iter().map(|item| self.node(item, Braces::Axes)).collect()))
            }
            Value::Table(entries) => {
                let with =
                    |entry: &Entry| Entry { node: self.node(&entry.node, Braces::Axes), ..entry.clone() };
                Value::Table(Arc::new(entries.iter().map(with).collect()))
            }
            other => other.clone(),
        };
        Node { value, open: false, ..node.clone() }
    }

    fn text(&mut self, node: &Node, text: &str, braces: Braces) -> Node {
        // Stray braces were told of when the axes were looked for.
        let pieces = pieces(text, braces).unwrap_or_default();
        if let [Piece::Axis(span)] = &pieces[..] {
            let found = self.lookup(&text[span.clone()], &node.origin);
            return match found {
                Some(value) => Node { via: Some(node.origin.clone()), open: false, ..value },
                None => node.clone(),
            };
        }
        let mut written = String::with_capacity(text.len());
        for piece in pieces {
            match piece {
                Piece::Plain(span) => written.push_str(&text[span]),
                Piece::Brace(brace) => written.push(brace),
                Piece::Axis(span) => {
                    let found = self.lookup(&text[span], &node.origin);
                    written.push_str(&found.map_or_else(String::new, |value| value.plain()));
                }
            }
        }
        Node { value: Value::Text(written.into()), open: false, ..node.clone() }
    }

    fn lookup(&mut self, path: &str, origin: &Origin) -> Option<Node> {
        let axes = self.axes;
        let index = find_axis(path, axes)?;
        let axis = &axes[index];
        let value = &axis.values[self.values[index] as usize];
        let mut found = value;
        for field in path.split('.').skip(1) {
            match found.get(field) {
                Some(below) => found = below,
                None => {
                    self.problems.push(lacks_field(path, field, found, axis, origin));
                    return None;
                }
            }
        }
        Some(found.clone())
    }
}

pub fn lacks_field(path: &str, field: &str, value: &Node, axis: &Axis, origin: &Origin) -> Problem {
    let used = origin.narrow(&format!("{{{path}}}"));
    let fields = || axis.values.iter().flat_map(Node::entries).map(|entry| &*entry.key);
    if axis.values.iter().all(|value| !value.is_table()) {
        let message = format!("`{{{path}}}` asks a field of `{}`, whose values have none", axis.name);
        let hint = format!("write `{{{}}}`, or give it tables as values: `{{ {field} = ... }}`", axis.name);
        return Problem::error(&used, message).label(&value.origin, "a plain value").hint(hint);
    }
    if !fields().any(|known| known == field) {
        let message = format!("no value of `{}` has a field `{field}`", axis.name);
        return Problem::error(&used, message).label(&axis.origin, "its values").hint_names(field, fields());
    }
    Problem::error(&value.origin, format!("this value of `{}` has no `{field}`", axis.name))
        .label(&used, "which is taken here")
        .hint(format!("give every value of `{}` that is used here a `{field}`", axis.name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::source::Source;
    use super::*;

    fn axis(name: &str, values: &[&str]) -> Axis {
        let values = values.iter().map(|value| text(value)).collect();
        Axis::new(name.into(), text("").origin, values)
    }

    fn text(written: &str) -> Node {
        let origin = Origin::new(&Source::file("x.toml", written, 0), 0..written.len());
        Node::new(Value::Text(written.into()), origin)
    }

    fn table(key: &str, node: Node) -> Node {
        let origin = node.origin.clone();
        Node::table(vec![Entry { key: key.into(), at: origin.clone(), node }], origin)
    }

    fn put(kind: &str, key: &str, written: &str) -> (String, usize) {
        let axes = [axis("arm", &["full"]), axis("seed", &["7"])];
        let (mut problems, tree) = (Vec::new(), table(key, text(written)));
        axes_read(kind, &tree, &axes, &|_| false, &mut problems);
        let new = substitute(kind, &tree, &axes, &[0, 0], &mut problems);
        (new.get(key).unwrap().plain(), problems.len())
    }

    #[test]
    fn axes_are_replaced_and_doubled_braces_are_one() {
        assert_eq!(put("train", "from", "a-{arm}-{seed}"), ("a-full-7".into(), 0));
        assert_eq!(put("train", "from", "{{arm}} {arm}"), ("{arm} full".into(), 0));
        assert_eq!(put("train", "from", "{in.photos}").1, 1);
    }

    #[test]
    fn a_command_keeps_its_own_forms() {
        let (run, problems) = put("command", "run", "x {in.photos} {out} {seed} {in.{arm}}");
        assert_eq!((run.as_str(), problems), ("x {in.photos} {out} 7 {in.full}", 0));
        assert_eq!(put("command", "env", "{out}").1, 1);
    }

    #[test]
    fn an_axis_value_keeps_its_type_and_its_place() {
        let source = Source::file("x.toml", "seed = [41]", 0);
        let value = Node::new(Value::Int(41), Origin::new(&source, 8..10));
        let axes = [Axis::new("seed".into(), value.origin.clone(), vec![value])];
        let new = substitute("train", &table("seed", text("{seed}")), &axes, &[0], &mut Vec::new());
        let node = new.get("seed").unwrap();
        assert!(matches!(node.value, Value::Int(41)));
        assert_eq!(node.origin.text(), "41");
        assert_eq!(node.via.as_ref().unwrap().text(), "{seed}");
    }

    proptest! {
        #[test]
        fn substitution_never_panics(written in "(\\PC|[{}.a-z]|\\{arm\\}|\\{in\\.){0,24}") {
            put("train", "from", &written);
            put("command", "run", &written);
        }

        #[test]
        fn text_without_braces_is_left_as_it_is(written in "[^{}]{0,40}") {
            prop_assert_eq!(put("train", "from", &written), (written, 0));
        }

        #[test]
        fn doubling_every_brace_keeps_any_text(written in "\\PC{0,40}") {
            let doubled = written.replace('{', "{{").replace('}', "}}");
            prop_assert_eq!(put("train", "from", &doubled), (written, 0));
        }
    }
}
