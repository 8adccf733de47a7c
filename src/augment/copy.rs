//! One augmented copy of one image: which augmentations it gets, and from which random numbers.

use super::apply;
use super::image::{Image, Spare};
use super::random::Random;
use crate::recipe::Augment;

/// Stands where an augmentation's place in the list would: what decides which of them are drawn.
const DRAW: u64 = u64::MAX;

/// What a thread keeps from copy to copy.
#[derive(Debug, Default)]
pub struct Workspace {
    image: Image,
    spare: Spare,
    drawn: Vec<usize>,
}

impl Workspace {
    /// Writes copy `copy` of image `index` of the set over `out`; both are `[height, width, 3]`. An augmentation's
    /// random numbers come from (seed, index, copy, its place in `apply`).
    pub fn make_copy(
        &mut self,
        settings: &Augment,
        (index, copy): (usize, u32),
        (width, original): (usize, &[u8]),
        out: &mut [u8],
    ) {
        let at = |place: u64| Random::at([settings.seed, index as u64, u64::from(copy), place]);
        let listed = settings.apply.len();
        let wanted = settings.ops_per_copy.map_or(listed, |count| count as usize);
        at(DRAW).choose(wanted, listed, &mut self.drawn);
        let height = original.len() / (width * 3).max(1);
        self.image.copy_from(width, height, original);
        for &place in &self.drawn {
            apply(&settings.apply[place], &mut self.image, &mut self.spare, &mut at(place as u64));
        }
        out.copy_from_slice(&self.image.pixels);
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
            let mut out = vec![0; original.pixels.len()];
            let original = (original.width, &original.pixels[..]);
            workspace.make_copy(settings, (index, copy), original, &mut out);
            out
        };
        indices.flat_map(|index| (0..copies).map(|copy| make(index, copy)).collect::<Vec<_>>()).collect()
    }

    fn settings(ops: Vec<crate::recipe::Op>, ops_per_copy: Option<u32>) -> Augment {
        Augment { from: "set".into(), apply: ops, ops_per_copy, copies: 1, keep_originals: true, seed: 3 }
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
