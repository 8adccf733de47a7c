//! The axes of the matrix and the combinations of their values that are runs.

use std::collections::HashSet;
use std::sync::Arc;

use super::problem::{Problem, Problems, quoted_list};
use super::source::Origin;
use super::tree::{Entry, Node, Value};

/// More combinations than this are a slip, not an experiment.
const MAX_COMBINATIONS: usize = 1_000_000;

pub struct Axis {
    pub name: Arc<str>,
    pub origin: Origin,
    pub values: Vec<Node>,
    /// Each value as tables and labels show it; no two are alike.
    pub labels: Vec<Arc<str>>,
}

impl Axis {
    pub fn new(name: Arc<str>, origin: Origin, values: Vec<Node>) -> Axis {
        let labels = values.iter().map(|value| value.plain().into()).collect();
        Axis { name, origin, values, labels }
    }

    /// The place of the value that `wanted` equals, or names.
    fn find(&self, wanted: &Node) -> Option<u32> {
        let by_value = self.values.iter().position(|value| value.same_value(wanted));
        let by_name = || {
            let name = wanted.as_text()?;
            self.values.iter().position(|value| value.get("name").and_then(Node::as_text) == Some(name))
        };
        by_value.or_else(by_name).map(|at| at as u32)
    }
}

#[derive(Default)]
pub struct Matrix {
    pub axes: Vec<Axis>,
    /// Of each combination, an index into the values of each axis; the last axis moves fastest.
    pub combinations: Vec<Vec<u32>>,
    /// The combinations that `include` and `exclude` leave: the runs.
    pub kept: Vec<usize>,
}

impl Matrix {
    fn of_none() -> Matrix {
        Matrix { axes: Vec::new(), combinations: vec![Vec::new()], kept: vec![0] }
    }
}

/// Reads `[matrix]`. Without one, there is one combination of no axes.
pub fn read(entry: Option<&Entry>, problems: &mut Problems) -> Matrix {
    let Some(entry) = entry else { return Matrix::of_none() };
    if !entry.node.is_table() {
        let problem = Problem::error(&entry.node.origin, "`matrix` must be a table of axes");
        problems.push(problem.hint("write `[matrix]` and below it, say, `seed = [0, 1, 2]`"));
        return Matrix::default();
    }
    let is_axis = |entry: &&Entry| !matches!(&*entry.key, "include" | "exclude");
    let before = problems.len();
    let axes: Vec<Axis> =
        entry.node.entries().iter().filter(is_axis).map(|entry| read_axis(entry, problems)).collect();
    let include = entry.node.entry("include").map(|entry| read_rows(entry, &axes, problems));
    let exclude = entry.node.entry("exclude").map(|entry| read_rows(entry, &axes, problems));
    let size = axes.iter().try_fold(1usize, |n, axis| n.checked_mul(axis.values.len().max(1)));
    if size.is_none_or(|n| n > MAX_COMBINATIONS) {
        let message = format!("the matrix has more than {MAX_COMBINATIONS} combinations");
        problems.push(Problem::error(&entry.at, message));
        return Matrix { axes, ..Matrix::default() };
    }
    let combinations: Vec<Vec<u32>> = Odometer::new(&axes).collect();
    if problems.len() > before {
        // Nothing will run, but the stages can still be looked at.
        let kept = (0..combinations.len()).collect();
        return Matrix { axes, combinations, kept };
    }
    let keep = |at: &usize| {
        let combination = &combinations[*at];
        include.as_ref().is_none_or(|rows| rows.iter().any(|row| row.matches(combination)))
            && exclude.as_ref().is_none_or(|rows| !rows.iter().any(|row| row.matches(combination)))
    };
    let kept: Vec<usize> = (0..combinations.len()).filter(keep).collect();
    if kept.is_empty() {
        problems.push(none_left(entry));
    }
    Matrix { axes, combinations, kept }
}

fn none_left(matrix: &Entry) -> Problem {
    let mut problem = Problem::error(&matrix.at, "no combination of the matrix is left");
    for name in ["include", "exclude"] {
        if let Some(entry) = matrix.node.entry(name) {
            problem = problem.label(&entry.at, format!("after `{name}`"));
        }
    }
    problem.hint(
        "`include` keeps combinations that match one of its rows, `exclude` removes those that match one",
    )
}

/// An axis that is wrong has the values that could be read, so that stages may name it.
fn read_axis(entry: &Entry, problems: &mut Problems) -> Axis {
    let name = &entry.key;
    let origin = &entry.node.origin;
    if matches!(&**name, "in" | "out") || !is_name(name) {
        let message = format!("an axis cannot be called `{name}`");
        let hint = "letters, digits, `_` and `-`; `in` and `out` have a meaning in commands";
        problems.push(Problem::error(&entry.at, message).hint(hint));
    }
    let values = match &entry.node.value {
        Value::List(values) => values.to_vec(),
        _ => {
            let problem = Problem::error(origin, format!("axis `{name}` must be a list of values"));
            problems.push(problem.hint(format!("write `{name} = [{}]`", entry.node.inline())));
            vec![entry.node.clone()]
        }
    };
    if values.is_empty() {
        let problem = Problem::error(origin, format!("axis `{name}` lists no value"));
        problems.push(problem.hint("without a value there is no combination, and nothing to run"));
    }
    let axis = Axis::new(Arc::clone(name), entry.at.clone(), values);
    let mut seen: HashSet<&str> = HashSet::new();
    for (value, label) in axis.values.iter().zip(&axis.labels) {
        if !seen.insert(label) {
            let message = format!("axis `{name}` lists `{label}` twice");
            problems.push(Problem::error(&value.origin, message));
        }
    }
    axis
}

/// Names of axes and stages.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// A row of `include` or `exclude`: (axis, value).
struct Row(Vec<(usize, u32)>);

impl Row {
    fn matches(&self, combination: &[u32]) -> bool {
        self.0.iter().all(|(axis, value)| combination[*axis] == *value)
    }
}

fn read_rows(entry: &Entry, axes: &[Axis], problems: &mut Problems) -> Vec<Row> {
    let rows = entry.node.items();
    let is_list = matches!(entry.node.value, Value::List(_));
    if !is_list || rows.iter().any(|row| !row.is_table()) {
        let message = format!("`{}` must be a list of tables", entry.key);
        let problem = Problem::error(&entry.node.origin, message);
        problems.push(problem.hint(format!("write `{} = [{{ axis = value }}]`", entry.key)));
        return Vec::new();
    }
    rows.iter().map(|row| read_row(row, axes, problems)).collect()
}

fn read_row(row: &Node, axes: &[Axis], problems: &mut Problems) -> Row {
    let mut cells = Vec::new();
    for cell in row.entries() {
        let Some(at) = axes.iter().position(|axis| axis.name == cell.key) else {
            let problem = Problem::error(&cell.at, format!("the matrix has no axis `{}`", cell.key));
            problems.push(problem.hint_names(&cell.key, axes.iter().map(|axis| &*axis.name)));
            continue;
        };
        match axes[at].find(&cell.node) {
            Some(value) => cells.push((at, value)),
            None => {
                let axis = &axes[at];
                let message = format!("axis `{}` has no value `{}`", axis.name, cell.node.plain());
                let labels: Vec<&str> = axis.labels.iter().take(8).map(|label| &**label).collect();
                let problem = Problem::error(&cell.node.origin, message).label(&axis.origin, "its values");
                problems.push(problem.hint(format!("it has {}", quoted_list(&labels, "and"))));
            }
        }
    }
    Row(cells)
}

/// Every combination, the last axis moving fastest.
struct Odometer<'a> {
    axes: &'a [Axis],
    next: Option<Vec<u32>>,
}

impl Odometer<'_> {
    fn new(axes: &[Axis]) -> Odometer<'_> {
        Odometer { axes, next: Some(vec![0; axes.len()]) }
    }
}

impl Iterator for Odometer<'_> {
    type Item = Vec<u32>;

    fn next(&mut self) -> Option<Vec<u32>> {
        let current = self.next.take()?;
        let mut following = current.clone();
        for axis in (0..following.len()).rev() {
            following[axis] += 1;
            if (following[axis] as usize) < self.axes[axis].values.len() {
                self.next = Some(following);
                break;
            }
            following[axis] = 0;
        }
        Some(current)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::super::source::Source;
    use super::*;

    fn combinations(text: &str) -> (Vec<String>, Vec<String>) {
        let tree = parse(&Source::file("x.toml", text, 0)).unwrap();
        let mut problems = Vec::new();
        let matrix = read(tree.entry("matrix"), &mut problems);
        let show = |at: &usize| {
            let combination = matrix.combinations[*at].iter().zip(&matrix.axes);
            combination.map(|(at, axis)| &*axis.labels[*at as usize]).collect::<Vec<_>>().join(" ")
        };
        let problems: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
        let shown = if problems.is_empty() { matrix.kept.iter().map(show).collect() } else { Vec::new() };
        (shown, problems)
    }

    #[test]
    fn combinations_are_the_product_in_the_order_written() {
        let (all, problems) = combinations("[matrix]\nnet = [\"a\", \"b\"]\nseed = [0, 1]");
        assert_eq!((all, problems), (vec!["a 0".into(), "a 1".into(), "b 0".into(), "b 1".into()], vec![]));
        assert_eq!(combinations("").0, [""]);
    }

    #[test]
    fn include_keeps_and_exclude_removes_by_value_or_name() {
        let matrix = "[matrix]\narm = [{ name = \"x\", d = 1 }, { name = \"y\", d = 2 }]\nseed = [0, 1, 2]\n";
        let (kept, _) = combinations(&format!("{matrix}include = [{{ arm = \"x\" }}, {{ seed = 2 }}]"));
        assert_eq!(kept, ["x 0", "x 1", "x 2", "y 2"]);
        let (kept, _) =
            combinations(&format!("{matrix}exclude = [{{ arm = \"x\", seed = 0 }}, {{ arm = \"y\" }}]"));
        assert_eq!(kept, ["x 1", "x 2"]);
    }

    #[test]
    fn a_matrix_without_a_combination_is_an_error() {
        let (_, problems) = combinations("[matrix]\nseed = [0]\nexclude = [{ seed = 0 }]");
        assert_eq!(problems, ["no combination of the matrix is left"]);
        assert_eq!(combinations("[matrix]\nseed = []").1, ["axis `seed` lists no value"]);
        assert_eq!(combinations("[matrix]\nseed = [1, 1]").1, ["axis `seed` lists `1` twice"]);
        assert_eq!(combinations("[matrix]\nseed = 3").1, ["axis `seed` must be a list of values"]);
        let (_, unknown) = combinations("[matrix]\nseed = [0]\ninclude = [{ sed = 0 }, { seed = 9 }]");
        assert_eq!(unknown, ["the matrix has no axis `sed`", "axis `seed` has no value `9`"]);
    }
}
