//! From instances to the engine's stages, and to the runs that are rows of the tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::choice::{Taken, put};
use super::link::{Instance, Linked, Parts};
use super::problem::{Problem, Problems};
use super::stages::Template;
use super::variant::{Variant, role_of_choice};
use crate::engine::{Files, Graph, Input, PassesOn, Stage, StageId, taken};
use crate::recipe::{Facts, Recipe, Select, files};

/// One row of the tables: a combination's values of the axes that its scores depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub axes: BTreeMap<String, String>,
    /// The stage whose scores the row holds.
    pub evaluate: StageId,
}

/// The graph, and of each of its stages the recipe and what is known of what it makes. What was linked has no errors.
pub fn lower(
    parts: &Parts<'_>,
    linked: &Linked,
    problems: &mut Problems,
) -> (Graph, Vec<Recipe>, Vec<Facts>) {
    let mut lowered: Vec<Option<Lowered>> = parts.variants.all.iter().map(|_| None).collect();
    let mut uses = vec![0usize; lowered.len()];
    linked.instances.iter().for_each(|instance| uses[instance.variant] += 1);
    let mut graph = Graph::default();
    let mut recipes = Vec::with_capacity(linked.instances.len());
    let mut facts = Vec::with_capacity(linked.instances.len());
    for instance in &linked.instances {
        let variant = parts.variant(instance);
        let Some(recipe) = &variant.recipe else { continue };
        let known = &mut lowered[instance.variant];
        if known.is_none() {
            match Lowered::new(recipe, variant, parts) {
                Ok(new) => *known = Some(new),
                Err(error) => {
                    let message = format!("the settings have no canonical form: {error}");
                    problems.push(Problem::error(&parts.template(instance).at, message));
                }
            }
        }
        uses[instance.variant] -= 1;
        // The last instance takes what the others copy.
        let own = if uses[instance.variant] == 0 { known.take() } else { known.clone() };
        if let Some(lowered) = own {
            graph.stages.push(lowered.into_stage(parts, instance));
            recipes.push(recipe.clone());
            facts.push(instance.facts.clone());
        }
    }
    (graph, recipes, facts)
}

/// The rows, in order of the combinations.
pub fn runs(parts: &Parts<'_>, linked: &Linked) -> Vec<Run> {
    let run = |at: &usize| Run { axes: axes_of(parts, &linked.instances[*at]), evaluate: *at };
    linked.scored.iter().map(run).collect()
}

/// What every instance of a variant has in common.
#[derive(Clone)]
struct Lowered {
    stage: Stage,
    /// Role and files of each input.
    reads: Vec<(String, Files)>,
}

impl Lowered {
    fn new(recipe: &Recipe, variant: &Variant, parts: &Parts<'_>) -> Result<Lowered, serde_json::Error> {
        let setting = parts.setting;
        let reads: Vec<(String, Files)> =
            variant.reads.iter().map(|read| (read.role.clone(), read.files.clone())).collect();
        let from = reads.iter().position(|(role, _)| role == "from");
        let mut parameters = recipe.parameters(setting)?;
        for (path, value) in taken_in(&parts.templates[variant.template], parts) {
            put(&mut parameters, path, value);
        }
        let passes_on = from.filter(|_| !recipe.passes_on().is_empty());
        let stage = Stage {
            kind: recipe.kind(),
            label: String::new(),
            name: String::new(),
            axes: BTreeMap::new(),
            // Of whatever it may come to be.
            parts: variant.candidates().flat_map(|(_, recipe)| recipe.parts()).collect(),
            parameters,
            inputs: Vec::new(),
            sources: recipe.sources(setting),
            passes_on: passes_on.map(|input| PassesOn { input, files: recipe.passes_on() }),
            environment: recipe.environment(setting),
            program: recipe.program(),
            needs: recipe.needs(setting),
            provenance: recipe.provenance(setting),
        };
        Ok(Lowered { stage, reads })
    }

    fn into_stage(mut self, parts: &Parts<'_>, instance: &Instance) -> Stage {
        if let Some(trials) = &instance.trials {
            let files = self.reads.swap_remove(0).1;
            self.reads = (0..trials.len()).map(|at| (Select::role(at), files.clone())).collect();
            put(&mut self.stage.parameters, &[Select::TRIALS.to_string()], trials.as_slice().into());
        }
        let reads = self.reads.into_iter().zip(&instance.inputs);
        let inputs = reads.filter_map(|((role, files), from)| Some(Input { role, from: (*from)?, files }));
        let name = parts.template(instance).name.to_string();
        Stage {
            label: label(&name, parts, instance),
            name,
            axes: axes_of(parts, instance),
            inputs: inputs.collect(),
            ..self.stage
        }
    }
}

/// Where a stage's settings are chosen, and what stands there in its key.
fn taken_in<'a>(template: &'a Template, parts: &Parts<'_>) -> Vec<(&'a [String], Value)> {
    let selections = template.selections();
    let reference = |one: &'a Taken| {
        let place = selections.iter().position(|name| *name == &*one.selection).unwrap_or_default();
        let axis = &*parts.matrix.axes[one.axis].name;
        let at: Vec<&str> = std::iter::once(axis).chain(one.fields.iter().map(String::as_str)).collect();
        (&one.path[..], taken(&role_of_choice(place), files::CHOICE, &at))
    };
    template.taken.iter().map(reference).collect()
}

/// `net[arm=full, seed=0]`, in order of the matrix.
fn label(name: &str, parts: &Parts<'_>, instance: &Instance) -> String {
    let mut label = name.to_string();
    for (at, (axis, value)) in named_values(parts, instance).enumerate() {
        let _ = write!(label, "{}{axis}={value}", if at == 0 { "[" } else { ", " });
    }
    if !instance.axes.is_empty() {
        label.push(']');
    }
    label
}

fn axes_of(parts: &Parts<'_>, instance: &Instance) -> BTreeMap<String, String> {
    named_values(parts, instance).map(|(axis, value)| (axis.to_string(), value.to_string())).collect()
}

fn named_values<'a>(
    parts: &'a Parts<'_>,
    instance: &'a Instance,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let axes = &parts.matrix.axes;
    instance.axes.iter().map(|(axis, value)| (&*axes[*axis].name, &*axes[*axis].labels[*value as usize]))
}
