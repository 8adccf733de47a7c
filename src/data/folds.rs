//! Cross-validation: every image of every class in exactly one fold, groups whole, classes in equal shares.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use super::catalog::{ClassImages, ImageRef};
use super::draw::{Rank, rank};
use super::kin::Groups;

/// Sets the folds' ranks apart from those of the draw, which would else take every validation set from the first fold.
const OF_FOLDS: u64 = 0x666f_6c64;

/// A data set of its own, whose test images are the fold `fold` and whose training images are all others, with their
/// groups.
///
/// # Errors
/// A class cannot fill every fold.
pub fn hold_out(
    classes: &[&ClassImages],
    groups: &Groups,
    folds: usize,
    fold: usize,
    seed: u64,
) -> Result<(Vec<ClassImages>, Groups)> {
    let dealt = deal(classes, groups, folds, seed)?;
    let mut held = Vec::with_capacity(classes.len());
    let mut of = Vec::with_capacity(classes.len());
    for (class, ids) in classes.iter().zip(&groups.of) {
        let (mut images, mut group_ids) = (ClassImages::new(&class.name), [const { Vec::new() }; 3]);
        for (image, id) in class.images.iter().flatten().zip(ids.iter().flatten()) {
            let split = if dealt[*id] == fold { 2 } else { 0 };
            images.images[split].push(image.clone());
            group_ids[split].push(*id);
        }
        held.push(images);
        of.push(group_ids);
    }
    Ok((held, Groups { of }))
}

/// The seed of the draw of validation and train around a fold.
pub fn seed_around(seed: u64, fold: usize) -> u64 {
    seed ^ ((fold as u64 + 1) << 40)
}

/// The fold of every group.
///
/// Class by class: groups of several images go, largest first, to the fold that holds fewest of the class; images that
/// stand alone fill up the folds in order of rank, so that one more of them moves at most one image over each boundary
/// between two folds. A group of several classes goes where the first of them puts it.
fn deal(classes: &[&ClassImages], groups: &Groups, folds: usize, seed: u64) -> Result<Vec<usize>> {
    const NONE: usize = usize::MAX;
    let mut dealt = vec![NONE; groups.count()];
    let mut sizes = vec![0_usize; groups.count()];
    groups.of.iter().flatten().flatten().for_each(|id| sizes[*id] += 1);
    let mut poor = Vec::new();
    for (class, ids) in classes.iter().zip(&groups.of) {
        let mut held = vec![0_usize; folds];
        let (mut bundles, mut singles) = (Vec::new(), Vec::new());
        for (id, members) in members(class, ids, seed) {
            match dealt[id] {
                NONE if sizes[id] == 1 => singles.push((members.rank, id)),
                NONE => bundles.push((std::cmp::Reverse(members.count), members.rank, id)),
                fold => held[fold] += members.count,
            }
        }
        bundles.sort();
        for (count, _, id) in bundles {
            dealt[id] = emptiest(&held);
            held[dealt[id]] += count.0;
        }
        singles.sort();
        let shares = shares(&mut held, singles.len());
        let places = shares.iter().enumerate().flat_map(|(fold, share)| std::iter::repeat_n(fold, *share));
        singles.iter().zip(places).for_each(|((_, id), fold)| dealt[*id] = fold);
        if held.contains(&0) {
            poor.push(lack(class, ids, folds));
        }
    }
    if poor.is_empty() {
        return Ok(dealt);
    }
    bail!(
        "{}\nhint: take fewer `folds`, or larger classes only: `classes = {{ at_least = ... }}`",
        poor.join("\n")
    );
}

fn lack(class: &ClassImages, ids: &[Vec<usize>; 3], folds: usize) -> String {
    let count: usize = class.images.iter().map(Vec::len).sum();
    let groups = ids.iter().flatten().collect::<BTreeSet<_>>().len();
    let alike =
        if groups < count { format!(" in {groups} groups that are kept together") } else { String::new() };
    format!("class `{}` has {count} images{alike}, which do not fill {folds} folds", class.name)
}

/// Of one group, what a class has.
struct Members {
    count: usize,
    /// Of its first image.
    rank: Rank,
}

fn members(class: &ClassImages, ids: &[Vec<usize>; 3], seed: u64) -> BTreeMap<usize, Members> {
    let mut members: BTreeMap<usize, Members> = BTreeMap::new();
    let images = class.images.iter().flatten().zip(ids.iter().flatten());
    for (image, id) in images {
        let first = |image: &ImageRef| Members { count: 0, rank: rank(image, &class.name, seed ^ OF_FOLDS) };
        members.entry(*id).or_insert_with(|| first(image)).count += 1;
    }
    members
}

fn emptiest(held: &[usize]) -> usize {
    (0..held.len()).min_by_key(|fold| held[*fold]).expect("there is a fold")
}

/// How many of `count` images each fold gets, so that all hold as equally many as can be; adds them to `held`.
fn shares(held: &mut [usize], count: usize) -> Vec<usize> {
    let before = held.to_vec();
    for _ in 0..count {
        held[emptiest(held)] += 1;
    }
    held.iter().zip(before).map(|(after, before)| after - before).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::catalog::Place;
    use super::*;

    fn class(name: &str, sizes: [usize; 3]) -> ClassImages {
        let mut class = ClassImages::new(name);
        for (split, size) in sizes.into_iter().enumerate() {
            let image =
                |i| ImageRef { id: format!("{name}/{split}/{i}"), place: Place { file: 0, record: 0 } };
            class.images[split] = (0..size).map(image).collect();
        }
        class
    }

    fn test_ids(classes: &[&ClassImages], groups: &Groups, folds: usize, fold: usize) -> Vec<String> {
        let (held, _) = hold_out(classes, groups, folds, fold, 3).unwrap();
        held.iter().flat_map(|class| &class.images[2]).map(|image| image.id.clone()).collect()
    }

    proptest! {
        #[test]
        fn every_image_is_in_one_fold_and_every_group_whole(
            folds in 2..7_usize,
            sizes in prop::array::uniform3(0..30_usize),
            kin in prop::collection::vec((0..2_usize, 0..3_usize, 0..30_usize, 0..6_usize), 0..20),
        ) {
            let (a, b) = (class("A", [20, sizes[0], 4]), class("B", [sizes[1] + 20, 2, sizes[2]]));
            let classes = [&a, &b];
            let mut groups = Groups::alone(&classes);
            let first = groups.count();
            for (label, split, at, group) in kin {
                let of = &mut groups.of[label][split];
                if !of.is_empty() {
                    let at = at % of.len();
                    of[at] = first + group;
                }
            }
            let Ok(dealt) = deal(&classes, &groups, folds, 3) else { return Ok(()) };
            let mut seen = BTreeSet::new();
            for fold in 0..folds {
                for id in test_ids(&classes, &groups, folds, fold) {
                    prop_assert!(seen.insert(id));
                }
                let (held, ids) = hold_out(&classes, &groups, folds, fold, 3).unwrap();
                prop_assert!(held.iter().all(|class| !class.images[2].is_empty() && class.images[1].is_empty()));
                for (label, class) in ids.of.iter().enumerate() {
                    prop_assert_eq!(class[0].len(), held[label].images[0].len());
                    prop_assert!(class[2].iter().all(|id| dealt[*id] == fold));
                    prop_assert!(class[0].iter().all(|id| dealt[*id] != fold));
                }
            }
            let count = classes.iter().flat_map(|class| &class.images).map(Vec::len).sum::<usize>();
            prop_assert_eq!(seen.len(), count);
        }

        #[test]
        fn without_groups_folds_differ_by_one_image_of_each_class(n in 10..60_usize, folds in 2..7_usize) {
            let (a, b) = (class("A", [n, 2, 3]), class("B", [30, 0, 0]));
            let classes = [&a, &b];
            let groups = Groups::alone(&classes);
            for class in ["A", "B"] {
                let sizes = (0..folds).map(|fold| {
                    let ids = test_ids(&classes, &groups, folds, fold);
                    ids.iter().filter(|id| id.starts_with(class)).count()
                });
                let sizes: BTreeSet<usize> = sizes.collect();
                prop_assert!(sizes.last().unwrap() - sizes.first().unwrap() <= 1, "{:?}", sizes);
            }
        }

        #[test]
        fn one_more_image_moves_at_most_one_over_each_boundary(n in 10..60_usize, folds in 2..7_usize) {
            let (small, large) = (class("A", [n, 0, 0]), class("A", [n + 1, 0, 0]));
            let before = deal(&[&small], &Groups::alone(&[&small]), folds, 3).unwrap();
            let after = deal(&[&large], &Groups::alone(&[&large]), folds, 3).unwrap();
            let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
            prop_assert!(moved < folds, "{}", moved);
        }
    }

    #[test]
    fn a_class_that_cannot_fill_the_folds_is_named_with_its_groups() {
        let (a, b) = (class("A", [9, 0, 0]), class("B", [3, 0, 0]));
        let mut groups = Groups::alone(&[&a, &b]);
        groups.of[0][0][..7].fill(0);
        let message = hold_out(&[&a, &b], &groups, 4, 0, 0).err().unwrap().to_string();
        assert!(message.contains("class `A` has 9 images in 3 groups that are kept together"), "{message}");
        assert!(message.contains("class `B` has 3 images, which do not fill 4 folds"), "{message}");
    }
}
