//! From text to checked stages, all errors at once: parse → merge → matrix → substitute → check → link → lower.

mod check;
mod choice;
mod complain;
mod cycles;
mod energy;
mod examples;
mod explain;
mod link;
mod lower;
mod matrix;
mod merge;
mod network;
mod parse;
mod problem;
mod project;
mod published;
mod render;
mod schema;
mod selection;
mod shape;
mod source;
mod stages;
mod starting;
mod substitute;
#[cfg(test)]
mod tests;
mod tree;
mod variant;
mod warn;
mod wording;

use std::path::{Path, PathBuf};

pub use explain::{explain, topics};
pub use lower::Run;
pub use network::network;
pub use problem::{Problem, Problems, Severity, has_errors};
pub use render::render;
pub use schema::{experiment_schema, project_schema};
pub use source::{Origin, Source};

use crate::engine::Graph;
use crate::recipe::{DeviceChoice, Facts, Machine, Project, Published, Recipe, Setting};
use link::Parts;
use merge::Place;
use parse::Override;
use tree::Node;

/// An experiment that can run.
#[derive(Debug)]
pub struct Experiment {
    /// The stem of its file.
    pub name: String,
    pub path: PathBuf,
    pub question: Option<String>,
    /// The axes that tables average over.
    pub replicates: Vec<String>,
    /// What a paper reports of the same setting.
    pub published: Option<Published>,
    pub axes: Vec<Axis>,
    pub graph: Graph,
    /// The rows of the tables; each evaluate stage is one.
    pub runs: Vec<Run>,
    /// Of each stage of the graph.
    pub recipes: Vec<Recipe>,
    /// Of each stage of the graph, what is known of what it makes.
    pub facts: Vec<Facts>,
    /// Of each stage of the graph, whether it is a training whose `precision` the machine settled.
    pub leaves_precision_open: Vec<bool>,
    pub project: Project,
    /// The folder of `pipeline.toml`; relative paths start here.
    pub root: PathBuf,
    pub warnings: Problems,
    merged: Node,
}

/// An axis of the matrix, its values as tables show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    pub name: String,
    pub values: Vec<String>,
}

/// Tells, once `pipeline.toml` is read, the machine that a device and a number of torch threads mean.
pub type Resolve<'a> = &'a dyn Fn(DeviceChoice, usize) -> anyhow::Result<Machine>;

impl Experiment {
    /// The experiment as it was run, as TOML: `extends` and `--set` are laid over one another.
    pub fn resolved(&self) -> String {
        self.merged.to_toml()
    }
}

/// Reads an experiment and the project around the current folder, or else around the experiment.
pub fn load(path: &Path, sets: &[String], machine: Resolve<'_>) -> Result<Experiment, Problems> {
    load_from(&current_folder()?, path, sets, machine)
}

/// Reads the project around the folder `dir`: its settings and its root.
pub fn load_project(dir: &Path, sets: &[String]) -> Result<(Project, PathBuf), Problems> {
    let (overrides, mut problems) = read_overrides(sets);
    for over in overrides.iter().filter(|over| !project::is_about_project(over)) {
        let (key, at) = &over.path[0];
        let problem = Problem::error(at, format!("pipeline.toml has no key `{key}`"));
        let known = shape::shapes().project.fields.iter().map(|field| field.name.as_str());
        problems.push(problem.hint_names(key, known));
    }
    if has_errors(&problems) {
        return Err(problem::tidy(problems));
    }
    let found = project::find_and_read(&[dir.to_path_buf()], &overrides, &mut problems);
    match found {
        Ok(found) if !has_errors(&problems) => Ok((found.project, found.root)),
        found => {
            problems.extend(found.err().into_iter().flatten());
            Err(problem::tidy(problems))
        }
    }
}

fn current_folder() -> Result<PathBuf, Problems> {
    std::env::current_dir().map_err(|error| vec![Problem::nowhere(format!("no current folder: {error}"))])
}

fn load_from(
    here: &Path,
    path: &Path,
    sets: &[String],
    machine: Resolve<'_>,
) -> Result<Experiment, Problems> {
    let (overrides, mut problems) = read_overrides(sets);
    let (for_project, for_experiment): (Vec<Override>, Vec<Override>) =
        overrides.into_iter().partition(project::is_about_project);
    let beside = here.join(path).parent().map(Path::to_path_buf).unwrap_or_default();
    let found = project::find_and_read(&[here.to_path_buf(), beside], &for_project, &mut problems);
    let found = keep(found, &mut problems);
    let tree = keep(merge::read_with_bases(path), &mut problems);
    let (Some(found), Some(tree)) = (found, tree) else { return Err(problem::tidy(problems)) };
    let tree = apply(tree, &for_experiment, &mut problems);
    let setting = settle(&found, machine, &mut problems);
    build(path, tree, found, &setting, problems)
}

fn keep<T>(result: Result<T, Problems>, problems: &mut Problems) -> Option<T> {
    result.map_err(|found| problems.extend(found)).ok()
}

fn read_overrides(sets: &[String]) -> (Vec<Override>, Problems) {
    let mut problems = Vec::new();
    let read =
        |(at, text): (usize, &String)| parse::parse_override(&Source::argument(text, (1 << 17) + at as u32));
    let read: Vec<Result<Override, Problem>> = sets.iter().enumerate().map(read).collect();
    let overrides = read.into_iter().filter_map(|over| over.map_err(|problem| problems.push(problem)).ok());
    (overrides.collect(), problems)
}

fn apply(mut tree: Node, overrides: &[Override], problems: &mut Problems) -> Node {
    for over in overrides {
        match merge::unknown_target(&tree, over) {
            Some(problem) => problems.push(problem),
            None => tree = merge::set(&tree, over, Place::Experiment),
        }
    }
    tree
}

fn settle(found: &project::Found, machine: Resolve<'_>, problems: &mut Problems) -> Setting {
    let project = &found.project;
    let machine = machine(project.device, project.torch_threads).unwrap_or_else(|error| {
        let origin = found.tree.get("device").map(|node| node.origin.clone());
        let said = format!("{error:#}");
        let (message, hint) =
            said.split_once("\nhint: ").map_or((&*said, None), |(text, hint)| (text, Some(hint)));
        let hint = hint.map(str::to_string);
        problems.push(Problem { origin, hint, ..Problem::nowhere(message) });
        Machine { cuda: false, deterministic: false, torch_threads: 1, libtorch: String::new(), bf16: false }
    });
    let machine = Machine { deterministic: project.deterministic, ..machine };
    Setting::new(machine, found.root.clone(), project.datasets.clone())
}

fn build(
    path: &Path,
    tree: Node,
    found: project::Found,
    setting: &Setting,
    mut problems: Problems,
) -> Result<Experiment, Problems> {
    stages::check_top(&tree, &mut problems);
    let question = stages::read_question(&tree, &mut problems);
    let matrix = matrix::read(tree.entry("matrix"), &mut problems);
    let replicates = stages::read_replicates(&tree, &matrix.axes, &mut problems);
    let published = published::read(&tree, &mut problems);
    let templates = stages::read_templates(&tree, &matrix.axes, &mut problems);
    let variants = variant::make_variants(&templates, &matrix, setting);
    let parts = Parts { templates: &templates, matrix: &matrix, variants: &variants, setting };
    let Lowered { graph, recipes, facts, leaves_precision_open, runs } =
        stages_and_runs(&parts, &mut problems);
    problems.extend(published.as_ref().and_then(|found| published::unrecorded(&tree, found, &recipes)));
    let problems = problem::tidy(problems);
    if has_errors(&problems) {
        return Err(problems);
    }
    Ok(Experiment {
        name: path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
        path: path.to_path_buf(),
        question,
        replicates,
        published,
        axes: matrix.axes.iter().map(Axis::of).collect(),
        runs,
        graph,
        recipes,
        facts,
        leaves_precision_open,
        project: found.project,
        root: found.root,
        warnings: problems,
        merged: tree,
    })
}

/// What the stages have become; empty where there are errors.
#[derive(Default)]
struct Lowered {
    graph: Graph,
    recipes: Vec<Recipe>,
    facts: Vec<Facts>,
    leaves_precision_open: Vec<bool>,
    runs: Vec<Run>,
}

/// Links and lowers.
fn stages_and_runs(parts: &Parts<'_>, problems: &mut Problems) -> Lowered {
    let order = match cycles::order(parts.templates, parts.variants, parts.matrix) {
        Ok(order) => order,
        Err(loops) => {
            problems.extend(loops);
            problems.extend(parts.variants.all.iter().flat_map(|variant| variant.problems.iter().cloned()));
            return Default::default();
        }
    };
    let linked = link::link(parts, &order, problems);
    if has_errors(problems) {
        return Default::default();
    }
    problems.extend(warn::warnings(parts, &linked));
    let (graph, recipes, facts) = lower::lower(parts, &linked, problems);
    let open = linked.instances.iter().map(|instance| parts.variant(instance).leaves_precision_open());
    Lowered {
        graph,
        recipes,
        facts,
        leaves_precision_open: open.collect(),
        runs: lower::runs(parts, &linked),
    }
}

impl Axis {
    fn of(axis: &matrix::Axis) -> Axis {
        let values = axis.labels.iter().map(|label| label.to_string()).collect();
        Axis { name: axis.name.to_string(), values }
    }
}
