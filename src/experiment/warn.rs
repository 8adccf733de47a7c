//! What runs, but hardly as meant: unused axes, unfair arms, stand-ins.

use std::collections::{BTreeMap, BTreeSet};

use super::link::{Linked, Parts};
use super::problem::{Problem, Problems};
use super::{selection, starting};
use crate::recipe::Recipe;

/// Looks over what was linked without an error.
pub fn warnings(parts: &Parts<'_>, linked: &Linked) -> Problems {
    let mut problems = unused_axes(parts, linked);
    problems.extend(unequal_steps(parts, linked));
    problems.extend(stand_ins(parts, linked));
    problems.extend(random_features(parts, linked));
    problems.extend(selection::stale_seeds(parts, linked));
    problems
}

fn unused_axes(parts: &Parts<'_>, linked: &Linked) -> Problems {
    let used: BTreeSet<usize> =
        linked.instances.iter().flat_map(|instance| instance.axes.iter().map(|(axis, _)| *axis)).collect();
    let axes = parts.matrix.axes.iter().enumerate();
    let unused = axes.filter(|(at, _)| !used.contains(at)).map(|(_, axis)| {
        let message = format!("no stage reads the axis `{}`", axis.name);
        Problem::warning(&axis.origin, message)
            .hint(format!("write `\"{{{}}}\"` where a stage is to take its value", axis.name))
    });
    unused.collect()
}

/// Arms with other data and equal epochs get other numbers of updates.
fn unequal_steps(parts: &Parts<'_>, linked: &Linked) -> Problems {
    let mut data: BTreeMap<usize, BTreeSet<(usize, Option<u32>)>> = BTreeMap::new();
    for instance in &linked.instances {
        let variant = parts.variant(instance);
        let Some(Recipe::Train(train)) = &variant.recipe else { continue };
        let Some(from) = instance.inputs.first().copied().flatten().filter(|_| train.epochs.is_some()) else {
            continue;
        };
        let from = &linked.instances[from];
        let set = (parts.variant(from).template, from.facts.train_per_class);
        data.entry(variant.template).or_default().insert(set);
    }
    let unequal = data.into_iter().filter(|(_, sets)| sets.len() > 1).map(|(at, _)| {
        let template = &parts.templates[at];
        let epochs = template.tree.entry("epochs").map_or(&template.at, |entry| &entry.at);
        let from = template.tree.get("from").map_or(&template.at, |node| &node.origin);
        let message = format!(
            "the arms of `{}` differ in their data, so equal epochs are not equal work",
            template.name
        );
        Problem::warning(epochs, message)
            .label(from, "data that varies with the matrix")
            .hint("`steps` gives every arm as many updates; at one image a class 30 epochs are 30 updates")
    });
    unequal.collect()
}

/// What is frozen and starts from nothing stays at random.
fn random_features(parts: &Parts<'_>, linked: &Linked) -> Problems {
    let frozen = linked.instances.iter().filter_map(|instance| {
        let variant = parts.variant(instance);
        let Some(Recipe::Train(train)) = &variant.recipe else { return None };
        let node = variant.tree.get("freeze").filter(|_| train.init_from.is_none())?;
        if starting::freezes_what_is_fitted(train, &instance.facts) {
            return None;
        }
        let message = "`freeze` without `init_from` keeps weights as chance made them: features are random";
        let hint = "`init_from` names the `[train.NAME]` or `[weights.NAME]` to start from";
        Some(Problem::warning(&node.origin, message).hint(hint))
    });
    frozen.collect()
}

fn stand_ins(parts: &Parts<'_>, linked: &Linked) -> Problems {
    let mut problems = Vec::new();
    for instance in &linked.instances {
        let variant = parts.variant(instance);
        let Some(Recipe::Subset(subset)) = &variant.recipe else { continue };
        let Some((serving, _)) = subset.serving(parts.setting) else { continue };
        if serving == subset.dataset {
            continue;
        }
        let Some(node) = variant.tree.get("dataset") else { continue };
        let set = &parts.setting.datasets[&subset.dataset];
        let path = set.path.as_deref().unwrap_or("".as_ref());
        let message = format!("data set `{}` is not there: its stand-in `{serving}` serves", subset.dataset);
        let hint = match &set.url {
            Some(_) => set.remedy(&subset.dataset),
            None => format!("put its files at `{}`", path.display()),
        };
        problems.push(Problem::warning(&node.origin, message).hint(hint));
    }
    problems
}
