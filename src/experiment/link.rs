//! From variants to the instances that runs need: each is a variant with its inputs, made once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;

use super::complain::complain;
use super::cycles::Order;
use super::matrix::Matrix;
use super::problem::{Problem, Problems, nearest, quoted_list};
use super::stages::Template;
use super::variant::{Collapsed, Variant, Variants};
use super::{selection, starting};
use crate::recipe::{Facts, Setting, Thing};

/// A node of the graph to be.
pub struct Instance {
    pub variant: usize,
    /// In order of the variant's reads; `None` where what is read does not exist.
    pub inputs: Vec<Option<usize>>,
    /// (axis, value) that it reads directly or through its inputs, in order of the matrix.
    pub axes: Vec<(usize, u32)>,
    /// What is known of the thing it makes.
    pub facts: Facts,
    /// Of a selection, the values that each input tries, in the order of the inputs.
    pub trials: Option<Vec<Json>>,
}

pub struct Linked {
    /// Inputs come first.
    pub instances: Vec<Instance>,
    /// The instances that are rows of the runs, each once.
    pub scored: Vec<usize>,
}

/// What linking looks at.
pub struct Parts<'a> {
    pub templates: &'a [Template],
    pub matrix: &'a Matrix,
    pub variants: &'a Variants,
    pub setting: &'a Setting,
}

impl Parts<'_> {
    pub fn variant(&self, instance: &Instance) -> &Variant {
        &self.variants.all[instance.variant]
    }

    pub fn template(&self, instance: &Instance) -> &Template {
        &self.templates[self.variant(instance).template]
    }
}

/// Makes what the sinks need in each combination: every `evaluate`, and every stage that none reads.
pub fn link(parts: &Parts<'_>, order: &Order, problems: &mut Problems) -> Linked {
    let sinks = sinks(parts);
    let mut linker = Linker {
        parts,
        order,
        instances: Vec::new(),
        known: HashMap::new(),
        gathered: HashMap::new(),
        demanded: BTreeSet::new(),
    };
    let mut scored = Vec::new();
    let mut made: Vec<Option<usize>> = Vec::new();
    for kept in 0..parts.matrix.kept.len() {
        linker.combination(kept, &sinks, &mut made, problems);
        let evaluated = (0..parts.templates.len()).filter(|at| parts.templates[*at].kind == "evaluate");
        scored.extend(evaluated.filter_map(|at| made[at]));
    }
    let mut seen = BTreeSet::new();
    scored.retain(|instance| seen.insert(*instance));
    for variant in &linker.demanded {
        problems.extend(parts.variants.all[*variant].problems.iter().cloned());
    }
    Linked { instances: linker.instances, scored }
}

fn sinks(parts: &Parts<'_>) -> Vec<bool> {
    let mut sinks = vec![true; parts.templates.len()];
    let reads = parts.variants.all.iter().flat_map(|variant| &variant.reads);
    reads.filter_map(|read| read.template).for_each(|read| sinks[read] = false);
    for (sink, template) in sinks.iter_mut().zip(parts.templates) {
        *sink |= template.kind == "evaluate";
    }
    sinks
}

/// A selection, as a variant, and the values of the axes that it does not do away with.
type Choosing = (usize, Vec<(usize, u32)>);

struct Linker<'a> {
    parts: &'a Parts<'a>,
    order: &'a Order,
    instances: Vec<Instance>,
    known: HashMap<(usize, Vec<Option<usize>>), usize>,
    /// The trials of each choice.
    gathered: HashMap<Choosing, Vec<usize>>,
    /// Variants that some run needs: only their problems are told.
    demanded: BTreeSet<usize>,
}

impl Linker<'_> {
    /// Fills `made`: of each template that the `kept`-th combination needs for those `wanted`, the instance.
    fn combination(
        &mut self,
        kept: usize,
        wanted: &[bool],
        made: &mut Vec<Option<usize>>,
        problems: &mut Problems,
    ) {
        let (variants, order) = (self.parts.variants, self.order.of(kept));
        let combination = self.parts.matrix.kept[kept];
        let mut needed = wanted.to_vec();
        for template in order.iter().rev() {
            if needed[*template] {
                let variant = &variants.all[variants.serving(combination, *template)];
                variant.reads.iter().filter_map(|read| read.template).for_each(|input| needed[input] = true);
            }
        }
        made.clear();
        made.resize(order.len(), None);
        for template in order.iter().copied().filter(|template| needed[*template]) {
            let variant = variants.serving(combination, template);
            let reads = &variants.all[variant].reads;
            let inputs = reads.iter().map(|read| read.template.and_then(|input| made[input])).collect();
            let inputs = self.with_other_trials(variant, inputs, problems);
            made[template] = Some(self.instance(variant, inputs, problems));
        }
    }

    /// What a selection reads is made in other combinations, too: those that differ in the axes it does away with.
    fn with_other_trials(
        &mut self,
        at: usize,
        inputs: Vec<Option<usize>>,
        problems: &mut Problems,
    ) -> Vec<Option<usize>> {
        let variant = &self.parts.variants.all[at];
        let (Some(collapsed), Some(Some(trial))) = (&variant.collapsed, inputs.first()) else {
            return inputs;
        };
        let Some(template) = variant.reads[0].template else { return inputs };
        let axes = &self.instances[*trial].axes;
        let fixed: Vec<(usize, u32)> =
            axes.iter().copied().filter(|(axis, _)| !collapsed.holds(*axis)).collect();
        if !self.gathered.contains_key(&(at, fixed.clone())) {
            let trials = self.gather(template, collapsed, &fixed, problems);
            problems.extend(selection::wrong_trials(self.parts, at, &trials, &self.instances));
            self.gathered.insert((at, fixed.clone()), trials);
        }
        self.gathered[&(at, fixed)].iter().copied().map(Some).collect()
    }

    /// Every trial with these values of the axes that stay, in order of the values that are chosen.
    fn gather(
        &mut self,
        template: usize,
        collapsed: &Collapsed,
        fixed: &[(usize, u32)],
        problems: &mut Problems,
    ) -> Vec<usize> {
        let matrix = self.parts.matrix;
        let mut wanted = vec![false; self.parts.templates.len()];
        wanted[template] = true;
        let mut tried: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
        for (kept, combination) in matrix.kept.iter().map(|at| &matrix.combinations[*at]).enumerate() {
            let values: Vec<u32> = collapsed.axes().map(|axis| combination[axis]).collect();
            let fits = fixed.iter().all(|(axis, value)| combination[*axis] == *value);
            if !fits || tried.contains_key(&values) {
                continue;
            }
            let mut made = Vec::new();
            self.combination(kept, &wanted, &mut made, problems);
            tried.extend(made[template].map(|trial| (values, trial)));
        }
        let mut trials: Vec<usize> = tried.into_values().collect();
        let mut seen = BTreeSet::new();
        trials.retain(|trial| seen.insert(*trial));
        trials
    }

    fn instance(&mut self, variant: usize, inputs: Vec<Option<usize>>, problems: &mut Problems) -> usize {
        if let Some(known) = self.known.get(&(variant, inputs.clone())) {
            return *known;
        }
        self.demanded.insert(variant);
        let instance = self.new_instance(variant, inputs.clone());
        problems.extend(wrong_things(self.parts, &instance));
        if self.parts.variant(&instance).sound {
            complain(self.parts, &instance, &self.instances, problems);
            starting::complain(self.parts, &instance, &self.instances, problems);
        }
        self.instances.push(instance);
        self.known.insert((variant, inputs), self.instances.len() - 1);
        self.instances.len() - 1
    }

    fn new_instance(&self, at: usize, inputs: Vec<Option<usize>>) -> Instance {
        let variant = &self.parts.variants.all[at];
        let own = self.parts.templates[variant.template].axes.iter().copied();
        let mut axes: Vec<(usize, u32)> = own.zip(variant.values.iter().copied()).collect();
        let mut facts = Vec::with_capacity(inputs.len());
        for input in &inputs {
            let input = input.map(|input| &self.instances[input]);
            axes.extend(input.into_iter().flat_map(|input| &input.axes));
            facts.push(input.map_or_else(Facts::default, |input| input.facts.clone()));
        }
        let collapsed = variant.collapsed.as_ref();
        let trials = collapsed.map(|axes| selection::trials(self.parts, axes, &inputs, &self.instances));
        axes.retain(|(axis, _)| collapsed.is_none_or(|collapsed| !collapsed.holds(*axis)));
        axes.sort_unstable();
        axes.dedup();
        let recipe = variant.recipe.as_ref().filter(|_| variant.sound);
        let facts = recipe.map_or_else(Facts::default, |recipe| recipe.facts(self.parts.setting, &facts));
        Instance { variant: at, inputs, axes, facts, trials }
    }
}

/// A network where an image set is wanted, and the like.
fn wrong_things(parts: &Parts<'_>, instance: &Instance) -> Problems {
    let variant = parts.variant(instance);
    let mut problems = Vec::new();
    for read in &variant.reads {
        let Some(named) = read.template else { continue };
        let Some(makes) = made_by(parts, named) else { continue };
        if makes.serves_as(read.wants) {
            continue;
        }
        let other = &parts.templates[named];
        let template = parts.template(instance);
        let message = format!(
            "`{}` of `{}.{}` wants {}, and `{}` makes {}",
            read.field,
            template.kind,
            template.name,
            with_article(read.wants),
            other.name,
            with_article(makes)
        );
        let problem = Problem::error(&read.origin, message);
        let problem = problem.label(&other.at, format!("`{}` is of the kind `{}`", other.name, other.kind));
        problems.push(hint_right_things(problem, parts, read.wants, &other.name));
    }
    problems
}

fn hint_right_things(problem: Problem, parts: &Parts<'_>, wanted: Thing, asked: &str) -> Problem {
    let serves = |made: Thing| made != Thing::Anything && made.serves_as(wanted);
    let right = |at: &usize| made_by(parts, *at).is_some_and(serves);
    let names: Vec<&str> =
        (0..parts.templates.len()).filter(right).map(|at| &*parts.templates[at].name).collect();
    let near = nearest(asked, names.iter().copied());
    let plural = wanted.name().trim_end_matches('s');
    match (near.is_empty(), names.is_empty()) {
        (false, _) => problem.hint(format!("did you mean {}?", quoted_list(&near, "or"))),
        (true, false) if names.len() <= 12 => {
            problem.hint(format!("{plural}s here: {}", quoted_list(&names, "and")))
        }
        (true, false) => problem,
        (true, true) => problem.hint(format!("no stage here makes {}", with_article(wanted))),
    }
}

fn made_by(parts: &Parts<'_>, template: usize) -> Option<Thing> {
    // Any variant will do: what a stage makes follows from its kind.
    (0..parts.matrix.combinations.len()).find_map(|combination| {
        let variant = &parts.variants.all[parts.variants.serving(combination, template)];
        variant.recipe.as_ref().map(|recipe| recipe.makes())
    })
}

fn with_article(thing: Thing) -> String {
    match thing {
        Thing::ImageSet => "an image set".into(),
        Thing::Weights | Thing::Trajectories | Thing::Scores | Thing::Anything => thing.name().into(),
        Thing::Network | Thing::Choice | Thing::Trial => format!("a {}", thing.name()),
    }
}
