//! `pipeline.toml`: found in a folder or its nearest parent, overridden by `--set`, checked.

use std::path::{Path, PathBuf};

use super::check::check;
use super::merge::{Place, set};
use super::parse::{Override, parse};
use super::problem::{Problem, Problems, has_errors};
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

/// The nearest `pipeline.toml` from any of `folders` upwards; without one, the defaults at the first folder.
pub fn find_and_read(folders: &[PathBuf], overrides: &[Override]) -> Result<Found, Problems> {
    let above = folders.iter().flat_map(|folder| folder.ancestors());
    let file = above.map(|folder| folder.join(FILE)).find(|file| file.is_file());
    let (root, mut tree) = match file {
        Some(file) => {
            let mut source = Source::read(&file, RANK).map_err(|problem| vec![problem])?;
            if let Some(shown) = folders.first().and_then(|here| file.strip_prefix(here).ok()) {
                source = Source::file(shown.display().to_string(), source.text.clone(), RANK);
            }
            let root = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
            (root, parse(&source)?)
        }
        None => {
            let origin = Origin::new(&Source::file(FILE, "", RANK), 0..0);
            (folders.first().cloned().unwrap_or_default(), Node::table(Vec::new(), origin))
        }
    };
    for over in overrides {
        tree = set(&tree, over, Place::project());
    }
    let mut checked = check(&tree, &shapes().project, FILE);
    let project = match serde_json::from_value::<Project>(checked.value) {
        Ok(project) => project,
        Err(error) => {
            checked.problems.push(Problem::error(&tree.origin, format!("`{FILE}`: {error}")));
            return Err(checked.problems);
        }
    };
    check_datasets(&project, &tree, &mut checked.problems);
    if has_errors(&checked.problems) {
        return Err(checked.problems);
    }
    Ok(Found { project, root, tree })
}

fn check_datasets(project: &Project, tree: &Node, problems: &mut Problems) {
    for (name, dataset) in &project.datasets {
        let Some(entry) = tree.get("datasets").and_then(|sets| sets.entry(name)) else { continue };
        let known = problems.iter().any(|problem| {
            problem.origin.as_ref().is_some_and(|origin| {
                entry.node.entries().iter().any(|below| *origin == below.at || *origin == below.node.origin)
            })
        });
        if known {
            continue;
        }
        problems.extend(lacks_path(name, dataset, &entry.node));
        problems.extend(stand_in_problem(name, dataset, &entry.node, project));
    }
}

fn lacks_path(name: &str, dataset: &Dataset, node: &Node) -> Option<Problem> {
    if dataset.path.is_some() || matches!(dataset.format, Format::SketchBirds(_)) {
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
