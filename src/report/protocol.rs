//! What the distillation literature makes of accuracies: how near a set comes to full data, and how far from random images
//! (DD-Ranking). Knows no format.
//!
//! With accuracies as shares, and the same network throughout: HLR (hard label recovery) is what full data has over the
//! set, of sets with hard labels alone; IOR (improvement over random) is what the set has over as many random images under
//! the very same training; with α = (IOR - HLR) / 2 the label-robust score is LRS = (e^α - e⁻¹) / (e - e⁻¹), and the
//! augmentation-robust score ARS the same of the mean of both IORs, with and without random changes of the batch.

use std::f64::consts::E;

use super::origin::{Distillation, Images, Recipe};
use super::summary::{ACCURACY, Group};
use crate::recipe::Method;

/// What the figures are, where they are shown.
pub const MEANING: &str = "HLR: what full data has over the set, of hard labels; IOR: what the set has over as many random images, \
                           trained alike; LRS and ARS score both from 0 to 1 (DD-Ranking)";

/// The figures of a group; `None` where no group is there to set it beside.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// Accuracy as a share of full data's.
    pub relative: Option<f64>,
    pub hlr: Option<f64>,
    pub ior: Option<f64>,
    pub lrs: Option<f64>,
    pub ars: Option<f64>,
}

/// Of each group, set beside the others.
pub fn standings(groups: &[&Group]) -> Vec<Standing> {
    groups.iter().map(|group| standing(group, groups)).collect()
}

fn standing(of: &Group, groups: &[&Group]) -> Standing {
    let (Some(own), Some(set)) = (accuracy(of), distillation(of)) else { return Standing::default() };
    let full = full(of, groups).and_then(accuracy);
    let hlr = full.filter(|_| set.hard_labels).map(|full| full - own);
    let ior = over_random(of, groups);
    let score = |mean: f64| (mean.exp() - 1.0 / E) / (E - 1.0 / E);
    Standing {
        relative: full.filter(|full| *full > 0.0).map(|full| own / full),
        hlr,
        ior,
        lrs: ior.zip(hlr).map(|(ior, hlr)| score((ior - hlr) / 2.0)),
        ars: robust(of, groups).map(score),
    }
}

/// What a group's networks were trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Images as they are: all of a subset, or some that were drawn or chosen.
    Real,
    /// Images that were made or changed for the purpose.
    Distilled,
}

/// `None` for images of other stages.
pub fn kind(group: &Group) -> Option<Kind> {
    match &group.rows.first()?.origin.images {
        Images::Full => Some(Kind::Real),
        Images::Distilled(set) => {
            let chooses = Method::named(set.method.as_deref()?).is_some_and(|method| method.chooses());
            Some(if chooses { Kind::Real } else { Kind::Distilled })
        }
        Images::Other => None,
    }
}

fn accuracy(group: &Group) -> Option<f64> {
    Some(group.spread(ACCURACY)?.mean)
}

fn distillation(group: &Group) -> Option<&Distillation> {
    match &group.rows.first()?.origin.images {
        Images::Distilled(distillation) => Some(distillation),
        _ => None,
    }
}

fn recipe(group: &Group) -> Option<&Recipe> {
    group.rows.first()?.origin.recipe.as_ref()
}

/// Whether both are of one launch and one subset, scored alike by networks of the same kind and size.
fn alike(one: &Group, other: &Group) -> bool {
    let launch = |group: &Group| (group.experiment.clone(), group.launch.clone(), group.evaluate.clone());
    let seen = |group: &Group| {
        let row = group.rows.first()?;
        Some((row.origin.subset.clone()?, row.network.name.clone()?, row.network.parameters?))
    };
    launch(one) == launch(other)
        && one.dataset == other.dataset
        && seen(one).is_some()
        && seen(one) == seen(other)
}

/// The same network on full data: trained alike where there is such a group, else the only one.
fn full<'a>(of: &Group, groups: &[&'a Group]) -> Option<&'a Group> {
    let is_full = |group: &&&Group| group.rows.first().is_some_and(|row| row.origin.images == Images::Full);
    let candidates: Vec<&Group> =
        groups.iter().filter(is_full).copied().filter(|group| alike(of, group)).collect();
    let same = candidates.iter().find(|group| recipe(group) == recipe(of));
    same.copied().or_else(|| candidates.first().copied().filter(|_| candidates.len() == 1))
}

/// The one group that there is: of two, none would be the right one.
fn only<'a, 'b>(mut groups: impl Iterator<Item = &'b &'a Group>) -> Option<&'a Group>
where
    'a: 'b,
{
    let first = groups.next()?;
    groups.next().is_none().then_some(*first)
}

/// What a group has over as many random images under the very same training; nothing for random images themselves.
fn over_random(of: &Group, groups: &[&Group]) -> Option<f64> {
    let set = distillation(of)?;
    let is_random = |set: &Distillation| set.method.as_deref() == Some("random");
    if is_random(set) {
        return None;
    }
    let same = |group: &&&Group| {
        let other = distillation(group);
        other.is_some_and(|other| is_random(other) && other.images_per_class == set.images_per_class)
            && alike(of, group)
            && recipe(group) == recipe(of)
    };
    Some(accuracy(of)? - accuracy(only(groups.iter().filter(same))?)?)
}

/// The mean of what a set has over random images with and without random changes of the batch.
fn robust(of: &Group, groups: &[&Group]) -> Option<f64> {
    let (set, own) = (distillation(of)?, recipe(of)?);
    let twin = |group: &&&Group| {
        distillation(group) == Some(set)
            && alike(of, group)
            && recipe(group)
                .is_some_and(|other| other.settings == own.settings && other.augments() != own.augments())
    };
    let twin = only(groups.iter().filter(twin))?;
    Some((over_random(of, groups)? + over_random(twin, groups)?) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::super::runs::rows;
    use super::super::summary;
    use super::*;

    /// Groups `full` .80, `random` .30 and `matched` .50, trained alike; the last two also without changes, at .25 and .35.
    fn groups() -> Vec<Group> {
        let mut fixture = Fixture::sets(&[&[0.80], &[0.80]]);
        for (arm, accuracy) in
            [("random", 0.30), ("matched", 0.50), ("random-plain", 0.25), ("matched-plain", 0.35)]
        {
            fixture.add_sets(&format!("of {arm}"), &[&[accuracy]]);
        }
        let mut groups = summary::groups(&fixture.launch, &rows(&fixture.stored()).unwrap());
        for (place, group) in groups.iter_mut().enumerate() {
            let transforms = if place > 2 { "[]" } else { "[{\"dsa\":{}}]" }.to_string();
            let method = if place % 2 == 1 { "random" } else { "distribution-matching" };
            let set = Distillation {
                method: Some(method.into()),
                images_per_class: Some(1),
                stored_floats: None,
                hard_labels: true,
            };
            for row in &mut group.rows {
                row.origin.images = if place == 0 { Images::Full } else { Images::Distilled(set.clone()) };
                row.origin.subset = Some("photos".into());
                row.origin.recipe = Some(Recipe { settings: "{}".into(), transforms: transforms.clone() });
            }
        }
        groups
    }

    fn close(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-9)
    }

    #[test]
    fn scores_are_those_worked_out_by_hand() {
        let groups = groups();
        let found = standings(&groups.iter().collect::<Vec<_>>());
        let matched = found[2];
        assert!(close(matched.relative, 0.5 / 0.8) && close(matched.hlr, 0.3) && close(matched.ior, 0.2));
        // α = (.2 - .3) / 2 and β = (.2 + .1) / 2.
        let score = |mean: f64| (mean.exp() - (-1f64).exp()) / (1f64.exp() - (-1f64).exp());
        assert!(close(matched.lrs, score(-0.05)) && close(matched.ars, score(0.15)), "{matched:?}");
        assert_eq!(found[0], Standing::default());
        assert!(close(found[1].hlr, 0.5) && found[1].ior.is_none() && found[1].lrs.is_none());
        // A set that needs nothing more than full data, and one that is worth nothing, end at 1 and at 0.
        assert!((score(1.0) - 1.0).abs() < 1e-12 && score(-1.0).abs() < 1e-12);
    }

    #[test]
    fn soft_labels_other_trainings_and_other_amounts_are_not_set_beside_one_another() {
        let mut groups = groups();
        let standing = |groups: &[Group]| standings(&groups.iter().collect::<Vec<_>>())[2];
        let Images::Distilled(set) = &mut groups[2].rows[0].origin.images else { panic!() };
        set.hard_labels = false;
        let soft = standing(&groups);
        assert!(soft.hlr.is_none() && soft.lrs.is_none() && close(soft.ior, 0.2));
        let Images::Distilled(set) = &mut groups[1].rows[0].origin.images else { panic!() };
        set.images_per_class = Some(10);
        assert!(standing(&groups).ior.is_none());
        groups[0].rows[0].network.parameters = Some(7);
        assert!(standing(&groups).relative.is_none());
    }
}
