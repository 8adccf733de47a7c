//! One stage with the values of the axes that it reads itself: substituted, checked, built; once, however many runs
//! share it.

use std::collections::HashMap;

use super::check::check;
use super::choice::{Taken, candidates, not_as_it_stands};
use super::matrix::Matrix;
use super::problem::{Problem, Problems, quoted_list};
use super::shape::shapes;
use super::source::Origin;
use super::stages::Template;
use super::substitute::substitute;
use super::tree::Node;
use crate::engine::Files;
use crate::recipe::{Recipe, Select, Setting, Thing, files};

pub struct Variant {
    pub template: usize,
    /// The values of the template's axes, in their order.
    pub values: Vec<u32>,
    /// Its settings with the axes put in.
    pub tree: Node,
    /// `None` when not even a repaired table could be built.
    pub recipe: Option<Recipe>,
    /// What else it may come to be: its settings and recipe with each other value that may be chosen.
    pub others: Vec<(Node, Recipe)>,
    /// Whether the recipe is what was written, and not repaired.
    pub sound: bool,
    pub reads: Vec<Read>,
    /// Of a selection, the axes that it does away with.
    pub collapsed: Option<Collapsed>,
    pub problems: Problems,
}

/// Axes as indices in order of the matrix.
pub struct Collapsed {
    /// Those whose values are chosen.
    pub over: Vec<usize>,
    /// Those that repeat a trial.
    pub mean_over: Vec<usize>,
}

impl Collapsed {
    pub fn axes(&self) -> impl Iterator<Item = usize> {
        self.over.iter().chain(&self.mean_over).copied()
    }

    pub fn holds(&self, axis: usize) -> bool {
        self.axes().any(|known| known == axis)
    }
}

/// The role of the choice that is the so-and-so-many-th of a stage.
pub fn role_of_choice(place: usize) -> String {
    format!("choice.{place}")
}

impl Variant {
    /// Its settings and recipe, and all that it may come to be.
    pub fn candidates(&self) -> impl Iterator<Item = (&Node, &Recipe)> {
        let own = self.recipe.iter().map(|recipe| (&self.tree, recipe));
        own.chain(self.others.iter().map(|(tree, recipe)| (tree, recipe)))
    }

    /// Whether it is a training whose `precision` the machine settled.
    pub fn leaves_precision_open(&self) -> bool {
        let written = self.tree.get("precision").and_then(Node::as_text);
        matches!(self.recipe, Some(Recipe::Train(_))) && written.is_none_or(|text| text == "auto")
    }
}

/// A stage's table as it was read.
struct Built {
    tree: Node,
    recipe: Option<Recipe>,
    repaired: Vec<String>,
    problems: Problems,
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
            others: Vec::new(),
            sound: false,
            reads: Vec::new(),
            collapsed: None,
            problems: Vec::new(),
        };
        if template.broken {
            return variant;
        }
        let candidates =
            candidates(&template.tree, &template.taken, &self.matrix.axes, &mut variant.problems);
        let mut candidates = candidates.iter();
        let Some(first) = candidates.next() else { return variant };
        let Built { tree, recipe, repaired, problems } = self.build(template, first, combination);
        variant.sound = problems.is_empty() && variant.problems.is_empty();
        variant.tree = tree;
        variant.problems.extend(problems);
        if let Some(recipe) = &recipe {
            self.resolve(&mut variant, recipe, &repaired);
        }
        variant.recipe = recipe;
        for candidate in candidates {
            let built = self.build(template, candidate, combination);
            variant.sound &= built.problems.is_empty();
            variant.problems.extend(built.problems);
            variant.others.extend(built.recipe.map(|recipe| (built.tree, recipe)));
        }
        variant
    }

    /// A stage's table with one combination's values.
    fn build(&self, template: &Template, tree: &Node, combination: &[u32]) -> Built {
        let mut problems = Vec::new();
        let tree = substitute(template.kind, tree, &self.matrix.axes, combination, &mut problems);
        if !problems.is_empty() {
            return Built { tree, recipe: None, repaired: Vec::new(), problems };
        }
        let name = format!("{}.{}", template.kind, template.name);
        let checked = check(&tree, &shapes().kinds[template.kind], &name);
        problems.extend(checked.problems);
        let recipe = match Recipe::build(template.kind, checked.value) {
            Ok(mut recipe) => {
                recipe.settle(self.setting);
                if problems.is_empty() {
                    problems.extend(self.wrongly_taken(template, &tree, &recipe));
                }
                Some(recipe)
            }
            Err(error) => {
                if problems.is_empty() {
                    problems.push(Problem::error(&template.at, format!("`{name}`: {error}")));
                }
                None
            }
        };
        Built { tree, recipe, repaired: checked.repaired, problems }
    }

    fn wrongly_taken(&self, template: &Template, tree: &Node, recipe: &Recipe) -> Problems {
        let parameters = recipe.parameters(self.setting).unwrap_or_default();
        let reads = recipe.reads();
        let wrong = |taken: &Taken| {
            if reads.iter().any(|read| taken.path[0] == read.field) {
                let message = format!("`{}` names a stage, which cannot be chosen later", taken.path[0]);
                let hint = "settings can be chosen; what reads what is known before anything runs";
                return Some(Problem::error(&taken.origin, message).hint(hint));
            }
            not_as_it_stands(taken, tree, &parameters)
        };
        template.taken.iter().filter_map(wrong).collect()
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
        self.resolve_choices(variant);
        if let Recipe::Select(select) = recipe {
            variant.collapsed = self.collapsed(variant, select);
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

    /// The stages that choose, each read once.
    fn resolve_choices(&self, variant: &mut Variant) {
        let template = &self.templates[variant.template];
        for (place, name) in template.selections().into_iter().enumerate() {
            let first = template.taken.iter().find(|taken| &*taken.selection == name);
            variant.reads.push(Read {
                field: "choice",
                role: role_of_choice(place),
                files: Files::Named(vec![files::CHOICE]),
                wants: Thing::Choice,
                template: self.names.get(name).copied(),
                origin: first.map_or(&template.at, |taken| &taken.origin).clone(),
            });
        }
    }

    /// The axes that a selection does away with; `None` where it names one that there is not.
    fn collapsed(&self, variant: &mut Variant, select: &Select) -> Option<Collapsed> {
        let mut problems = Vec::new();
        let axes = &self.matrix.axes;
        let mut places = |field: &str, names: &[String]| -> Option<Vec<usize>> {
            let place = |(at, name): (usize, &String)| {
                let known = axes.iter().position(|axis| *axis.name == **name);
                if known.is_none() {
                    let node = variant.tree.towards(&[field.to_string(), at.to_string()]);
                    let problem = Problem::error(&node.origin, format!("the matrix has no axis `{name}`"));
                    problems.push(problem.hint_names(name, axes.iter().map(|axis| &*axis.name)));
                }
                known
            };
            // All of them are looked at before any is missed.
            names.iter().enumerate().map(place).collect::<Vec<_>>().into_iter().collect()
        };
        let (over, mean_over) = (places("over", &select.over), places("mean_over", &select.mean_over));
        variant.sound &= problems.is_empty();
        variant.problems.extend(problems);
        Some(Collapsed { over: over?, mean_over: mean_over? })
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
