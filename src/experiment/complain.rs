//! What recipes say cannot work, put at the places where it was written.

use super::link::{Instance, Parts};
use super::problem::{Problem, Problems};
use super::source::Origin;
use super::tree::Node;
use crate::recipe::{Complaint, Facts};

/// Asks the recipe of a sound instance, whose inputs are among `instances`.
pub fn complain(parts: &Parts<'_>, instance: &Instance, instances: &[Instance], problems: &mut Problems) {
    let variant = parts.variant(instance);
    let known = |input: &Option<usize>| input.map_or_else(Facts::default, |at| instances[at].facts.clone());
    let facts: Vec<Facts> = instance.inputs.iter().map(known).collect();
    for (tree, recipe) in variant.candidates() {
        for complaint in recipe.complaints(parts.setting, &facts) {
            problems.push(place(complaint, tree, (parts, instance, instances)));
        }
    }
}

fn place(
    complaint: Complaint,
    tree: &Node,
    (parts, instance, instances): (&Parts<'_>, &Instance, &[Instance]),
) -> Problem {
    let variant = parts.variant(instance);
    let node = tree.towards(&complaint.field);
    let mut problem = match complaint.field.is_empty() {
        true => Problem::error(&header(parts, instance), name_it(parts, instance, &complaint.message)),
        false => Problem::error(&node.origin, &complaint.message),
    };
    problem.hint = complaint.hint;
    if let Some(via) = &node.via {
        problem = problem.label(via, "taken here");
    }
    let Some((by, field)) = complaint.other else { return problem };
    let read = variant.reads.iter().position(|read| read.field == by);
    let input = read.and_then(|read| instance.inputs[read]);
    match input.and_then(|input| find_above(parts, &instances[input], instances, &field)) {
        Some((owner, found)) => {
            let label = format!("`{}` of `{}`", field.join("."), parts.template(owner).name);
            problem.label(&found.origin, label)
        }
        None => problem,
    }
}

/// Below a header, the message does not say which stage it is about.
fn name_it(parts: &Parts<'_>, instance: &Instance, message: &str) -> String {
    let template = parts.template(instance);
    format!("`{}.{}`: {message}", template.kind, template.name)
}

fn header(parts: &Parts<'_>, instance: &Instance) -> Origin {
    parts.template(instance).at.clone()
}

/// The nearest stage, from `instance` up its inputs, whose settings hold the field.
fn find_above<'a>(
    parts: &'a Parts<'_>,
    instance: &'a Instance,
    instances: &'a [Instance],
    field: &[String],
) -> Option<(&'a Instance, &'a Node)> {
    let mut level = vec![instance];
    while !level.is_empty() {
        let found = level.iter().find_map(|at| Some((*at, parts.variant(at).tree.at(field)?)));
        if found.is_some() {
            return found;
        }
        level = level.iter().flat_map(|at| at.inputs.iter().flatten()).map(|at| &instances[*at]).collect();
    }
    None
}
