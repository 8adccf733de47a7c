//! What the draw promises, over random groups, sizes and seeds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::choose::fixtures::class;
use super::*;
use crate::recipe::All;

const ALL: Amount = Amount::Every(All::All);

fn numbers(counts: [usize; 3]) -> [Amount; 3] {
    counts.map(|count| Amount::Number(count as u32))
}

/// Images of one class in one group each, unless `kin` says otherwise: (split, index) → group.
fn grouped(class: &ClassImages, kin: &BTreeMap<(usize, usize), usize>) -> Groups {
    let mut groups = Groups::alone(&[class]);
    for ((split, index), group) in kin {
        let of = &mut groups.of[0][*split];
        if !of.is_empty() {
            let at = index % of.len();
            of[at] = 500 + group;
        }
    }
    groups
}

fn drawn<'a>(class: &'a ClassImages, groups: &Groups, seed: u64, amounts: [Amount; 3]) -> [Vec<&'a str>; 3] {
    let mut draws = Draws::new(&[class], groups, amounts, seed);
    draws.draw().map(|slots| slots.into_iter().map(|(_, image)| image.id.as_str()).collect())
}

fn alone(class: &ClassImages, seed: u64, counts: [usize; 3]) -> [Vec<&str>; 3] {
    drawn(class, &Groups::alone(&[class]), seed, numbers(counts))
}

/// The splits that draw of each group.
fn splits_of_groups(
    class: &ClassImages,
    groups: &Groups,
    drawn: &[Vec<&str>; 3],
) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut by_id = BTreeMap::new();
    for (split, images) in class.images.iter().enumerate() {
        by_id.extend(
            images.iter().zip(&groups.of[0][split]).map(|(image, group)| (image.id.as_str(), *group)),
        );
    }
    let mut splits: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (split, ids) in drawn.iter().enumerate() {
        for id in ids {
            splits.entry(by_id[id]).or_default().insert(split);
        }
    }
    splits
}

fn kin() -> impl Strategy<Value = BTreeMap<(usize, usize), usize>> {
    prop::collection::btree_map((0..3_usize, 0..60_usize), 0..12_usize, 0..40)
}

proptest! {
    #[test]
    fn no_image_is_drawn_twice_and_no_group_for_two_splits(
        sizes: [u8; 3], counts: [u8; 3], kin in kin(), seed: u64, every in 0..8_u8,
    ) {
        let class = class("A", sizes.map(|size| usize::from(size % 60)));
        let groups = grouped(&class, &kin);
        let mut amounts = numbers(counts.map(|count| usize::from(count % 40)));
        (0..3).filter(|split| every >> split & 1 == 1).for_each(|split| amounts[split] = ALL);
        let splits = drawn(&class, &groups, seed, amounts);
        let distinct: BTreeSet<&str> = splits.iter().flatten().copied().collect();
        prop_assert_eq!(distinct.len(), splits.iter().map(Vec::len).sum::<usize>());
        for (group, splits) in splits_of_groups(&class, &groups, &splits) {
            prop_assert_eq!(splits.len(), 1, "group {}", group);
        }
        for (split, amount) in amounts.iter().enumerate() {
            if let Amount::Number(n) = amount {
                prop_assert!(splits[split].len() <= *n as usize);
            }
        }
    }

    #[test]
    fn without_groups_a_class_gives_what_it_has(sizes: [u8; 3], counts: [u8; 3], seed: u64) {
        let (sizes, counts) = (sizes.map(usize::from), counts.map(usize::from));
        let splits = alone(&class("A", sizes), seed, counts).map(|ids| ids.len());
        let train = counts[0].min(sizes[0]);
        let valid = counts[1].min(sizes[1] + sizes[0] - train);
        let test = counts[2].min(sizes[2] + sizes[0] - train - (valid - counts[1].min(sizes[1])));
        prop_assert_eq!(splits, [train, valid, test]);
    }

    #[test]
    fn a_larger_test_split_leaves_train_and_valid_as_they_are(
        test in 0..40_usize, more in 0..40_usize, kin in kin(), seed: u64,
    ) {
        let class = class("A", [100, 3, 5]);
        let groups = grouped(&class, &kin);
        let before = drawn(&class, &groups, seed, numbers([10, 7, test]));
        let after = drawn(&class, &groups, seed, numbers([10, 7, test + more]));
        prop_assert_eq!(&before[0], &after[0]);
        prop_assert_eq!(&before[1], &after[1]);
        prop_assert_eq!(&before[2][..], &after[2][..before[2].len()]);
    }

    #[test]
    fn another_file_that_is_like_no_other_changes_few_draws(kin in kin(), seed: u64) {
        let (small, large) = (class("A", [50, 0, 0]), class("A", [51, 0, 0]));
        let kin: BTreeMap<_, _> = kin.into_iter().filter(|((split, index), _)| *split == 0 && *index < 50).collect();
        let counts = numbers([20, 0, 0]);
        let before = drawn(&small, &grouped(&small, &kin), seed, counts);
        let after = drawn(&large, &grouped(&large, &kin), seed, counts);
        let before: BTreeSet<&str> = before[0].iter().copied().collect();
        let lost = after[0].iter().filter(|id| !before.contains(*id)).count();
        // The new one pushes out one image, or the group that no longer fits whole, for which others come in.
        let largest = kin.values().map(|group| kin.values().filter(|other| *other == group).count()).max();
        prop_assert!(lost <= 1 + largest.unwrap_or(0), "{} {:?}", lost, largest);
        if kin.is_empty() {
            prop_assert!(lost <= 1);
        }
    }
}

#[test]
fn a_training_image_like_a_test_image_of_the_data_set_may_serve_test_alone() {
    let class = class("A", [10, 0, 2]);
    let groups = grouped(&class, &BTreeMap::from([((0, 4), 0), ((2, 1), 0)]));
    for seed in 0..20 {
        let splits = drawn(&class, &groups, seed, [ALL, Amount::Number(0), Amount::Number(2)]);
        assert_eq!(splits[0].len(), 9);
        assert!(!splits[0].contains(&"0/4"));
        let more = drawn(&class, &groups, seed, numbers([2, 0, 10]));
        assert!(!more[0].contains(&"0/4"));
        assert_eq!(more[2].len(), 10);
    }
}

#[test]
fn a_group_that_is_not_wanted_whole_gives_way_to_images_that_stand_alone() {
    let class = class("A", [12, 0, 0]);
    let kin = (0..8).map(|index| ((0, index), 0)).collect();
    let groups = grouped(&class, &kin);
    for seed in 0..20 {
        let splits = drawn(&class, &groups, seed, numbers([4, 0, 8]));
        assert_eq!(splits.each_ref().map(Vec::len), [4, 0, 8]);
        assert!(splits[0].iter().all(|id| ["0/8", "0/9", "0/10", "0/11"].contains(id)), "{splits:?}");
    }
}

#[test]
fn seeds_and_classes_draw_differently() {
    let counts = [10, 0, 0];
    let (a, b) = (class("A", [100, 0, 0]), class("B", [100, 0, 0]));
    assert_ne!(alone(&a, 0, counts), alone(&a, 1, counts));
    assert_ne!(alone(&a, 0, counts), alone(&b, 0, counts));
}

#[test]
fn an_image_that_cannot_be_read_is_replaced_within_its_split() {
    let class = class("A", [5, 1, 0]);
    let groups = Groups::alone(&[&class]);
    let mut draws = Draws::new(&[&class], &groups, numbers([2, 1, 1]), 0);
    let mut all: Vec<&str> = draws.draw().iter().flatten().map(|(_, image)| image.id.as_str()).collect();
    all.push(draws.next(0, 0).unwrap().id.as_str());
    all.push(draws.next(0, 2).unwrap().id.as_str());
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 6);
    assert!(draws.next(0, 1).is_none());
}
