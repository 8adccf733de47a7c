//! One augmented copy of one image: which augmentations it gets, and from which random numbers.

use super::image::{Image, Picture, Spare};
use super::random::Random;
use super::stage::Round;
use super::{apply, apply_to};
use crate::recipe::Augment;

/// Stands where an augmentation's place in the list would: what decides which of them are drawn.
const DRAW: u64 = u64::MAX;

/// What a thread keeps from copy to copy.
#[derive(Debug, Default)]
pub struct Workspace {
    spare: Spare,
    drawn: Vec<usize>,
}

impl Workspace {
    /// Makes the copy of image `index` of the set that a round asks for into `image`, of `original`. An augmentation's random numbers come from (seed, index, copy, its place in `apply`).
    pub fn make_copy(
        &mut self,
        settings: &Augment,
        (index, round): (usize, Round),
        original: Picture,
        image: &mut Image,
    ) {
        let at = |place: u64| Random::at([settings.seed, index as u64, u64::from(round.copy), place]);
        self.drawn.clear();
        if let Some(place) = round.only {
            self.drawn.push(place);
        } else {
            let listed = settings.apply.len();
            let wanted = settings.ops_per_copy.map_or(listed, |count| count as usize);
            at(DRAW).choose(wanted, listed, &mut self.drawn);
        }
        let Some((&first, others)) = self.drawn.split_first() else { return image.copy_from(original) };
        let spare = &mut self.spare;
        apply_to(&settings.apply[first], original, image, spare, &mut at(first as u64));
        for &place in others {
            apply(&settings.apply[place], image, spare, &mut at(place as u64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{every_op, fixtures};
    use super::*;

    fn copies(settings: &Augment, indices: std::ops::Range<usize>, copies: u32) -> Vec<Vec<u8>> {
        let original = fixtures::colour();
        let mut workspace = Workspace::default();
        let mut make = |index, copy| {
            let (round, mut image) = (Round { number: 1, copy, only: None }, Image::default());
            workspace.make_copy(settings, (index, round), original.as_picture(), &mut image);
            image.pixels
        };
        indices.flat_map(|index| (0..copies).map(|copy| make(index, copy)).collect::<Vec<_>>()).collect()
    }

    fn settings(ops: Vec<crate::recipe::Op>, ops_per_copy: Option<u32>) -> Augment {
        let (from, policy) = ("set".into(), Default::default());
        Augment { from, apply: ops, policy, ops_per_copy, copies: 1, keep_originals: true, seed: 3 }
    }

    #[test]
    fn images_copies_and_seeds_differ_and_repeat_themselves() {
        let noise =
            settings(every_op().into_iter().filter(|op| op.name() == "gaussian-noise").collect(), None);
        let made = copies(&noise, 0..5, 4);
        assert_eq!(made.iter().collect::<std::collections::BTreeSet<_>>().len(), 20);
        assert_eq!(made[8..12], copies(&noise, 2..3, 4));
        assert_ne!(made, copies(&Augment { seed: 4, ..noise }, 0..5, 4));
    }

    #[test]
    fn as_many_augmentations_are_drawn_as_asked_each_equally_often() {
        let ops = [r#"{"brightness":{"by":0.0}}"#, r#"{"horizontal-flip":{}}"#, r#"{"edges":{}}"#];
        let ops = ops.map(|op| serde_json::from_str(op).unwrap()).to_vec();
        let one_each: Vec<Vec<u8>> =
            (0..3).flat_map(|op| copies(&settings(vec![Clone::clone(&ops[op])], None), 0..1, 1)).collect();
        let made = copies(&settings(ops, Some(1)), 0..600, 1);
        for image in &one_each {
            let times = made.iter().filter(|copy| *copy == image).count();
            assert!(times.abs_diff(200) < 50, "{times} of 600");
        }
        assert!(made.iter().all(|copy| one_each.contains(copy)));
    }

    #[test]
    fn a_round_of_one_augmentation_applies_it_as_any_copy_would() {
        let all = settings(every_op(), None);
        for (place, op) in all.apply.iter().enumerate() {
            let mut wanted = fixtures::colour();
            apply(op, &mut wanted, &mut Spare::default(), &mut Random::at([3, 7, 2, place as u64]));
            let (original, mut image) = (fixtures::colour(), Image::default());
            let round = Round { number: 1, copy: 2, only: Some(place) };
            Workspace::default().make_copy(&all, (7, round), original.as_picture(), &mut image);
            assert!(image == wanted, "{}", op.name());
        }
    }

    #[test]
    fn each_augmentation_of_a_chain_is_applied_with_its_probability() {
        let ops =
            r#"[{"horizontal-flip":{"probability":0.25}},{"brightness":{"by":[0.2,0.2],"probability":0.5}}]"#;
        let made = copies(&settings(serde_json::from_str(ops).unwrap(), None), 0..1, 2000);
        let original = fixtures::colour();
        let count = |wanted: &dyn Fn(&Vec<u8>) -> bool| made.iter().filter(|copy| wanted(copy)).count();
        let is_brighter = |copy: &Vec<u8>| copy.iter().all(|level| *level >= 51);
        let neither = count(&|copy| *copy == original.pixels);
        let brighter = count(&|copy| is_brighter(copy));
        assert!(neither.abs_diff(750) < 90, "{neither} of 2000 unchanged");
        assert!(brighter.abs_diff(1000) < 100, "{brighter} of 2000 brighter");
    }

    #[test]
    fn without_a_number_all_are_applied_in_the_order_listed() {
        let flip_then_edges = r#"[{"bitmap-compression":{"bits":1}},{"median-blur":{}}]"#;
        let ops: Vec<crate::recipe::Op> = serde_json::from_str(flip_then_edges).unwrap();
        let mut wanted = fixtures::colour();
        for op in &ops {
            apply(op, &mut wanted, &mut Spare::default(), &mut Random::at([0; 4]));
        }
        assert_eq!(copies(&settings(ops.clone(), None), 0..1, 1)[0], wanted.pixels);
        assert_eq!(copies(&settings(ops, Some(2)), 0..1, 1)[0], wanted.pixels);
    }
}
