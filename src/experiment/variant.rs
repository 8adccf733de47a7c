//! One stage with the values of the axes that it reads itself: substituted, checked, built; once, however many runs
//! share it.

use std::collections::HashMap;

use super::check::check;
use super::matrix::Matrix;
use super::problem::{Problem, Problems, quoted_list};
use super::shape::shapes;
use super::source::Origin;
use super::stages::Template;
use super::substitute::substitute;
use super::tree::Node;
use crate::engine::Files;
use crate::recipe::{Recipe, Setting, Thing};

pub struct Variant {
    pub template: usize,
    /// The values of the template's axes, in their order.
    pub values: Vec<u32>,
    /// Its settings with the axes put in.
    pub tree: Node,
    /// `None` when not even a repaired table could be built.
    pub recipe: Option<Recipe>,
    /// Whether the recipe is what was written, and not repaired.
    pub sound: bool,
    pub reads: Vec<Read>,
    pub problems: Problems,
}

/// A stage that another reads.
pub struct Read {
    pub field: &'static str,
    pub role: String,
    pub files: Files,
    pub wants: Thing,
    /// The stage named, if there is one.
    pub template: Option<usize>,
    /// Where it is named.
    pub origin: Origin,
}

/// Every variant, and which one serves each template in each combination.
pub struct Variants {
    pub all: Vec<Variant>,
    /// `[combination][template]`, flat.
    serving: Vec<u32>,
    templates: usize,
}

impl Variants {
    pub fn serving(&self, combination: usize, template: usize) -> usize {
        self.serving[combination * self.templates + template] as usize
    }
}

/// Makes each template's variants, in order of the combinations.
pub fn make_variants(templates: &[Template], matrix: &Matrix, setting: &Setting) -> Variants {
    let names: HashMap<&str, usize> =
        templates.iter().enumerate().map(|(at, template)| (&*template.name, at)).collect();
    let maker = Maker { templates, matrix, setting, names };
    let mut known: HashMap<(usize, Vec<u32>), u32> = HashMap::new();
    let mut all = Vec::new();
    let mut serving = Vec::with_capacity(matrix.combinations.len() * templates.len());
    for combination in &matrix.combinations {
        for (at, template) in templates.iter().enumerate() {
            // What reads no axis has one variant: that of the first combination.
            if let Some(first) = serving.get(at).copied().filter(|_| template.axes.is_empty()) {
                serving.push(first);
                continue;
            }
            let values: Vec<u32> = template.axes.iter().map(|axis| combination[*axis]).collect();
            let variant = known.entry((at, values)).or_insert_with_key(|(_, values)| {
                all.push(maker.make(at, values, combination));
                all.len() as u32 - 1
            });
            serving.push(*variant);
        }
    }
    Variants { all, serving, templates: templates.len() }
}

struct Maker<'a> {
    templates: &'a [Template],
    matrix: &'a Matrix,
    setting: &'a Setting,
    names: HashMap<&'a str, usize>,
}

impl Maker<'_> {
    fn make(&self, at: usize, values: &[u32], combination: &[u32]) -> Variant {
        let template = &self.templates[at];
        let mut variant = Variant {
            template: at,
            values: values.to_vec(),
            tree: template.tree.clone(),
            recipe: None,
            sound: false,
            reads: Vec::new(),
            problems: Vec::new(),
        };
        if template.broken {
            return variant;
        }
        let axes = &self.matrix.axes;
        variant.tree = substitute(template.kind, &template.tree, axes, combination, &mut variant.problems);
        if !variant.problems.is_empty() {
            return variant;
        }
        let name = format!("{}.{}", template.kind, template.name);
        let checked = check(&variant.tree, &shapes().kinds[template.kind], &name);
        variant.problems = checked.problems;
        variant.sound = variant.problems.is_empty();
        match Recipe::build(template.kind, checked.value) {
            Ok(mut recipe) => {
                recipe.settle(self.setting);
                self.resolve(&mut variant, &recipe, &checked.repaired);
                variant.recipe = Some(recipe);
            }
            Err(error) if variant.sound => {
                variant.problems.push(Problem::error(&template.at, format!("`{name}`: {error}")));
                variant.sound = false;
            }
            Err(_) => {}
        }
        variant
    }

    /// Finds the stages and the data set that the recipe names.
    fn resolve(&self, variant: &mut Variant, recipe: &Recipe, repaired: &[String]) {
        let is_repaired = |field: &str| repaired.iter().any(|name| name == field);
        for read in recipe.reads().into_iter().filter(|read| !is_repaired(read.field)) {
            let node = variant.tree.get(read.field);
            let origin = node.map_or(&self.templates[variant.template].at, |node| &node.origin);
            let origin =
                if read.field == "run" { narrow_to_input(origin, &read.stage) } else { origin.clone() };
            let template = self.names.get(read.stage.as_str()).copied();
            if template.is_none() {
                let via = node.and_then(|node| node.via.as_ref());
                variant.problems.push(self.unknown_stage(&read.stage, &origin, via));
            }
            let (role, files, wants) = (read.role, read.files, read.wants);
            variant.reads.push(Read { field: read.field, role, files, wants, template, origin });
        }
        if let Recipe::Subset(subset) = recipe
            && !is_repaired("dataset")
            && !self.setting.datasets.contains_key(&subset.dataset)
        {
            let node = variant.tree.get("dataset").unwrap_or(&variant.tree);
            variant.problems.push(self.unknown_dataset(&subset.dataset, node));
            variant.sound = false;
        }
    }

    fn unknown_stage(&self, name: &str, origin: &Origin, via: Option<&Origin>) -> Problem {
        let mut problem = Problem::error(origin, format!("no stage is called `{name}`"));
        if let Some(via) = via {
            problem = problem.label(via, "taken here");
        }
        if self.setting.datasets.contains_key(name) {
            let hint =
                "is a data set: draw from it with `[subset.NAME]` and `dataset = ...`, and name that stage";
            return problem.hint(format!("`{name}` {hint}"));
        }
        problem.hint_names(name, self.templates.iter().map(|template| &*template.name))
    }

    fn unknown_dataset(&self, name: &str, node: &Node) -> Problem {
        let mut problem = Problem::error(&node.origin, format!("no data set is called `{name}`"));
        if let Some(via) = &node.via {
            problem = problem.label(via, "taken here");
        }
        if self.setting.datasets.is_empty() {
            let hint =
                format!("define it in pipeline.toml: `[datasets.{name}]` with `path = \"data/{name}\"`");
            return problem.hint(hint);
        }
        let known: Vec<&str> = self.setting.datasets.keys().map(String::as_str).collect();
        let near = super::problem::nearest(name, known.iter().copied());
        match near.is_empty() {
            true => problem.hint(format!("pipeline.toml defines {}", quoted_list(&known, "and"))),
            false => problem.hint(format!("did you mean {}?", quoted_list(&near, "or"))),
        }
    }
}

/// Where a command line names an input.
fn narrow_to_input(origin: &Origin, stage: &str) -> Origin {
    origin.narrow(&format!("{{in.{stage}}}"))
}
