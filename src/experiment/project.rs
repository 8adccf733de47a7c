//! `pipeline.toml`: found in a folder or its nearest parent, overridden by `--set`, checked.

use std::path::{Path, PathBuf};

use super::check::check;
use super::energy;
use super::merge::{Place, set};
use super::parse::{Override, parse};
use super::problem::{Problem, Problems};
use super::shape::shapes;
use super::source::{Origin, Source};
use super::tree::Node;
use crate::recipe::{Dataset, Format, Project};

const FILE: &str = "pipeline.toml";
/// After the experiment and its bases, before the arguments.
const RANK: u32 = 1 << 16;

/// A project, the folder that its relative paths start at, and its settings as written.
pub struct Found {
    pub project: Project,
    pub root: PathBuf,
    pub tree: Node,
}

/// Whether a `--set` is about pipeline.toml.
pub fn is_about_project(over: &Override) -> bool {
    over.path.first().is_some_and(|(key, _)| shapes().project.field(key).is_some())
}

/// The nearest `pipeline.toml` from any of `folders` upwards; without one, the defaults at the first folder. Wrong
/// settings go to `problems` and are repaired, so that experiments can still be looked at.
pub fn find_and_read(
    folders: &[PathBuf],
    overrides: &[Override],
    problems: &mut Problems,
) -> Result<Found, Problems> {
    let above = folders.iter().flat_map(|folder| folder.ancestors());
    let file = above.map(|folder| folder.join(FILE)).find(|file| file.is_file());
    let here = folders.first().map_or(Path::new(""), PathBuf::as_path);
    let (root, mut tree) = match file {
        Some(file) => (file.parent().unwrap_or(here).to_path_buf(), read(&file, here)?),
        None => {
            let origin = Origin::new(&Source::file(FILE, "", RANK), 0..0);
            (here.to_path_buf(), Node::table(Vec::new(), origin))
        }
    };
    for over in overrides {
        tree = set(&tree, over, Place::project());
    }
    let checked = check(&tree, &shapes().project, FILE);
    let before = problems.len();
    problems.extend(checked.problems);
    match serde_json::from_value::<Project>(checked.value) {
        Ok(project) => {
            check_datasets(&project, &tree, before, problems);
            if let Some(node) = tree.get("energy") {
                let told = origins(&problems[before..]);
                problems.extend(energy::check(&project.energy, node, &told));
            }
            Ok(Found { project, root, tree })
        }
        Err(error) => Err(vec![Problem::error(&tree.origin, format!("`{FILE}`: {error}"))]),
    }
}

/// The file's tree; messages name it from the folder `here`.
fn read(file: &Path, here: &Path) -> Result<Node, Problems> {
    let mut source = Source::read(file, RANK).map_err(|problem| vec![problem])?;
    if let Ok(shown) = file.strip_prefix(here) {
        source = Source::file(shown.display().to_string(), source.text.clone(), RANK);
    }
    parse(&source)
}

/// Looks at data sets of which nothing was said from `before` on.
fn check_datasets(project: &Project, tree: &Node, before: usize, problems: &mut Problems) {
    let told = origins(&problems[before..]);
    for (name, dataset) in &project.datasets {
        let Some(entry) = tree.get("datasets").and_then(|sets| sets.entry(name)) else { continue };
        let below = entry.node.entries();
        if below.iter().any(|entry| told.contains(&entry.at) || told.contains(&entry.node.origin)) {
            continue;
        }
        problems.extend(lacks_path(name, dataset, &entry.node));
        problems.extend(stand_in_problem(name, dataset, &entry.node, project));
        problems.extend(fetch_problem(name, dataset, &entry.node));
    }
}

fn origins(problems: &[Problem]) -> Vec<Origin> {
    problems.iter().filter_map(|problem| problem.origin.clone()).collect()
}

fn lacks_path(name: &str, dataset: &Dataset, node: &Node) -> Option<Problem> {
    if dataset.path.is_some() || matches!(dataset.format, Some(Format::SketchBirds(_))) {
        return None;
    }
    let problem =
        Problem::error(&node.origin, format!("data set `{name}` lacks `path`: the folder of its files"));
    Some(problem.hint(format!("write `path = \"data/{name}\"`")))
}

fn stand_in_problem(name: &str, dataset: &Dataset, node: &Node, project: &Project) -> Option<Problem> {
    let other = dataset.stand_in.as_ref()?;
    let origin = node.get("stand_in").map_or(&node.origin, |node| &node.origin);
    if other == name {
        return Some(Problem::error(origin, format!("data set `{name}` stands in for itself")));
    }
    if project.datasets.contains_key(other) {
        return None;
    }
    let problem = Problem::error(origin, format!("no data set is called `{other}`"));
    Some(
        problem.hint_names(other, project.datasets.keys().map(String::as_str).filter(|known| known != &name)),
    )
}

/// What `pipeline data fetch` could not work with.
fn fetch_problem(name: &str, dataset: &Dataset, node: &Node) -> Option<Problem> {
    let origin = |key: &str| node.get(key).map_or(&node.origin, |node| &node.origin);
    let (url, sha256) = match (&dataset.url, &dataset.sha256) {
        (None, None) => return None,
        (Some(_), None) => {
            let message = format!("data set `{name}` has `url` and lacks `sha256`");
            let hint = "what is fetched is checked against it: `sha256sum FILE` computes it";
            return Some(Problem::error(origin("url"), message).hint(hint));
        }
        (None, Some(_)) => {
            let message = format!("data set `{name}` has `sha256` and lacks `url`");
            return Some(Problem::error(origin("sha256"), message).hint("say where the file comes from"));
        }
        (Some(url), Some(sha256)) => (url, sha256),
    };
    if dataset.path.is_none() {
        let problem = Problem::error(origin("url"), format!("data set `{name}` has `url` and lacks `path`"));
        return Some(problem.hint("say where what is fetched goes"));
    }
    if !url.starts_with("https://") && !url.starts_with("http://") {
        let problem = Problem::error(origin("url"), format!("`{url}` is no address of a file"));
        return Some(problem.hint("it begins with `https://`"));
    }
    let is_digest = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    let problem = || Problem::error(origin("sha256"), format!("`{sha256}` is no SHA-256"));
    (!is_digest).then(|| problem().hint("64 hexadecimal digits, as `sha256sum FILE` prints them"))
}
