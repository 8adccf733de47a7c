//! The trials of a `[select.NAME]`: what each of them tries, and whether they can be compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::link::{Instance, Linked, Parts};
use super::problem::{Problem, Problems, quoted_list};
use super::variant::{Collapsed, Variant};
use crate::recipe::{Recipe, Thing};

/// The values that each input tries, by axis.
pub fn trials(
    parts: &Parts<'_>,
    collapsed: &Collapsed,
    inputs: &[Option<usize>],
    instances: &[Instance],
) -> Vec<Json> {
    let one = |input: &Option<usize>| {
        let axes = input.map_or(&[] as &[_], |input| &instances[input].axes);
        let chosen = axes.iter().filter(|(axis, _)| collapsed.over.contains(axis));
        let pair = |(axis, value): &(usize, u32)| {
            let axis = &parts.matrix.axes[*axis];
            (axis.name.to_string(), axis.values[*value as usize].json())
        };
        Json::Object(chosen.map(pair).collect::<Map<String, Json>>())
    };
    inputs.iter().map(one).collect()
}

/// Axes that the trials do not differ in, and candidates that were not tried as often as others.
pub fn wrong_trials(parts: &Parts<'_>, at: usize, trials: &[usize], instances: &[Instance]) -> Problems {
    let variant = &parts.variants.all[at];
    let Some(collapsed) = &variant.collapsed else { return Vec::new() };
    let read: BTreeSet<usize> =
        trials.iter().flat_map(|trial| instances[*trial].axes.iter().map(|(axis, _)| *axis)).collect();
    let unread = [("over", &collapsed.over), ("mean_over", &collapsed.mean_over)].into_iter().flat_map(
        |(field, axes)| {
            let unread = axes.iter().enumerate().filter(|(_, axis)| !read.contains(axis));
            unread.map(move |(place, axis)| (field, place, *axis))
        },
    );
    let mut problems: Problems = unread.map(|unread| not_read(parts, variant, unread)).collect();
    if problems.is_empty() {
        problems.extend(unequally_often(parts, variant, collapsed, trials, instances));
    }
    problems
}

fn not_read(parts: &Parts<'_>, variant: &Variant, (field, place, axis): (&str, usize, usize)) -> Problem {
    let node = variant.tree.towards(&[field.to_string(), place.to_string()]);
    let trial = variant.reads[0].template.map_or("", |template| &parts.templates[template].name);
    let axis = &parts.matrix.axes[axis].name;
    let message = format!("`{trial}` does not read the axis `{axis}`, so its runs do not differ in it");
    let hint = format!("write `\"{{{axis}}}\"` where `{trial}` is to take its value");
    Problem::error(&node.origin, message).hint(hint)
}

fn unequally_often(
    parts: &Parts<'_>,
    variant: &Variant,
    collapsed: &Collapsed,
    trials: &[usize],
    instances: &[Instance],
) -> Option<Problem> {
    let mut often: BTreeMap<Vec<(usize, u32)>, usize> = BTreeMap::new();
    for trial in trials {
        let axes = instances[*trial].axes.iter().copied();
        *often.entry(axes.filter(|(axis, _)| collapsed.over.contains(axis)).collect()).or_default() += 1;
    }
    let name = |candidate: &[(usize, u32)]| {
        let named = |(axis, value): &(usize, u32)| {
            let axis = &parts.matrix.axes[*axis];
            format!("{}={}", axis.name, axis.labels[*value as usize])
        };
        candidate.iter().map(named).collect::<Vec<_>>().join(", ")
    };
    let least = often.iter().min_by_key(|(_, often)| **often)?;
    let most = often.iter().rev().max_by_key(|(_, often)| **often)?;
    if least.1 == most.1 {
        return None;
    }
    let (least_name, most_name) = (name(least.0), name(most.0));
    let message = format!(
        "candidates are not tried equally often: `{least_name}` {} ×, `{most_name}` {} ×",
        least.1, most.1
    );
    let hint = "let `include` and `exclude` of the matrix leave as many trials of each";
    Some(Problem::error(&variant.reads[0].origin, message).hint(hint))
}

/// Stages that take a choice and are trained with a seed that a trial had.
pub fn stale_seeds(parts: &Parts<'_>, linked: &Linked) -> Problems {
    let seed = |at: usize| match parts.variant(&linked.instances[at]).recipe.as_ref()? {
        Recipe::Train(train) => Some(train.seed),
        _ => None,
    };
    let mut problems = Vec::new();
    for (at, instance) in linked.instances.iter().enumerate() {
        let variant = parts.variant(instance);
        let Some(own) = seed(at) else { continue };
        for (read, input) in variant.reads.iter().zip(&instance.inputs) {
            let Some(choice) = input.filter(|_| read.wants == Thing::Choice) else { continue };
            let trained =
                linked.instances[choice].inputs.iter().flatten().map(|trial| trained(parts, linked, *trial));
            if trained.flatten().any(|trial| seed(trial) == Some(own)) {
                problems.push(stale_seed(parts, instance, own));
            }
        }
    }
    problems
}

/// The training that a trial is, or whose scores it is.
fn trained(parts: &Parts<'_>, linked: &Linked, trial: usize) -> Option<usize> {
    let instance = &linked.instances[trial];
    match parts.variant(instance).recipe.as_ref()? {
        Recipe::Evaluate(_) => instance.inputs.first().copied().flatten(),
        _ => Some(trial),
    }
}

fn stale_seed(parts: &Parts<'_>, instance: &Instance, seed: u64) -> Problem {
    let (variant, template) = (parts.variant(instance), parts.template(instance));
    let place = template.tree.get("seed").map_or(&template.at, |node| &node.origin);
    let axes = quoted_list(&template.selections(), "and");
    let message = format!("`{}` trains with seed {seed}, and so did a trial of {axes}", template.name);
    let problem = Problem::warning(place, message);
    let problem = match variant.tree.get("seed").and_then(|node| node.via.as_ref().map(|_| &node.origin)) {
        Some(value) => problem.label(value, "its value"),
        None => problem,
    };
    problem.hint("what did best with a seed may owe it to the seed: give the trials seeds of their own, and `mean_over`")
}
