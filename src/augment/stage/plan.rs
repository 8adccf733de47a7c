//! Which copies are made, of which images, in which order. Knows settings and labels, no pixel.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use crate::data::Labels;
use crate::recipe::{Augment, ClassBalanced, Policy};

/// Copies that are made of each image, or of some, before any image gets another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// From 1; files name copies by it.
    pub number: usize,
    /// The copy that random numbers are drawn for, from 0.
    pub copy: u32,
    /// The place in `apply` of the one augmentation that the copies get; else as `ops_per_copy` has it.
    pub only: Option<usize>,
}

/// Every copy of a set.
#[derive(Debug)]
pub struct Plan {
    rounds: Vec<Round>,
    /// How many copies each image gets: those of as many rounds.
    wanted: Vec<usize>,
}

impl Plan {
    /// Of a set whose images have `labels`; an image with soft labels counts for its heaviest class.
    ///
    /// # Errors
    /// A class has more images than classes are to end with.
    pub fn new(settings: &Augment, labels: &Labels) -> Result<Plan> {
        let copies = settings.copies as usize;
        let (wanted, ops) = match &settings.policy {
            Policy::Chain(_) => (vec![copies; labels.len()], None),
            Policy::OneCopyPerOp(_) => {
                (vec![copies * settings.apply.len(); labels.len()], Some(settings.apply.len()))
            }
            Policy::ClassBalanced(balanced) => (balanced_copies(settings, balanced, labels)?, None),
        };
        let number_of_rounds = wanted.iter().max().copied().unwrap_or(0);
        let rounds = (0..number_of_rounds).map(|round| Round {
            number: round + 1,
            copy: (round / ops.unwrap_or(1)) as u32,
            only: ops.map(|ops| round % ops),
        });
        Ok(Plan { rounds: rounds.collect(), wanted })
    }

    /// Number of copies.
    pub fn copies(&self) -> usize {
        self.wanted.iter().sum()
    }

    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    /// The images that are copied in a round, in their order.
    pub fn images(&self, round: Round) -> impl Iterator<Item = usize> {
        let wanted = self.wanted.iter().enumerate();
        wanted.filter(move |(_, wanted)| **wanted >= round.number).map(|(index, _)| index)
    }
}

fn balanced_copies(settings: &Augment, balanced: &ClassBalanced, labels: &Labels) -> Result<Vec<usize>> {
    let labels = labels.heaviest();
    let mut sizes: BTreeMap<i64, usize> = BTreeMap::new();
    labels.iter().for_each(|label| *sizes.entry(*label).or_default() += 1);
    let largest = sizes.values().max().copied().unwrap_or(0);
    let kept = usize::from(settings.keep_originals);
    let target = balanced.per_class.map_or(largest * (settings.copies as usize + kept), |n| n as usize);
    if let Some((label, size)) = sizes.iter().find(|(_, size)| **size * kept > target) {
        bail!(
            "class {label} has {size} training images, and every class is to end with {target}\n\
             hint: raise `per_class`, or set `keep_originals = false`"
        );
    }
    let mut seen: BTreeMap<i64, usize> = BTreeMap::new();
    let wanted = labels.iter().map(|label| {
        let (size, before) = (sizes[label], seen.entry(*label).or_default());
        let copies = target - size * kept;
        let wanted = copies / size + usize::from(*before < copies % size);
        *before += 1;
        wanted
    });
    Ok(wanted.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(policy: &str, labels: &[i64]) -> Result<Plan> {
        let settings = format!(
            r#"{{ "from": "set", "apply": [{{ "edges": {{}} }}, {{ "median-blur": {{}} }}], "copies": 2, {policy} }}"#
        );
        Plan::new(&serde_json::from_str(&settings).unwrap(), &Labels::Hard(labels.to_vec()))
    }

    fn all(plan: &Plan) -> Vec<(usize, u32, Option<usize>)> {
        let of_round = |round: &Round| {
            let (copy, only) = (round.copy, round.only);
            plan.images(*round).map(move |index| (index, copy, only)).collect::<Vec<_>>()
        };
        plan.rounds().iter().flat_map(of_round).collect()
    }

    #[test]
    fn a_chain_copies_every_image_in_every_round() {
        let plan = plan(r#""policy": { "chain": {} }"#, &[0, 1]).unwrap();
        assert_eq!(all(&plan), [(0, 0, None), (1, 0, None), (0, 1, None), (1, 1, None)]);
    }

    #[test]
    fn one_copy_per_op_goes_through_the_ops_before_the_next_copies() {
        let plan = plan(r#""policy": { "one-copy-per-op": {} }"#, &[0]).unwrap();
        let wanted = [(0, 0, Some(0)), (0, 0, Some(1)), (0, 1, Some(0)), (0, 1, Some(1))];
        assert_eq!((all(&plan), plan.copies()), (wanted.to_vec(), 4));
    }

    #[test]
    fn classes_end_equal_at_what_the_largest_one_comes_to() {
        let labels = [5, 0, 5, 5, 0, 2];
        let plan = plan(r#""policy": { "class-balanced": {} }"#, &labels).unwrap();
        let of_class = |class| all(&plan).iter().filter(|copy| labels[copy.0] == class).count();
        assert_eq!([5, 0, 2].map(of_class), [6, 7, 8]);
        assert_eq!(plan.copies(), 21);
        let of_image = |index| all(&plan).iter().filter(|copy| copy.0 == index).count();
        assert_eq!([1, 4].map(of_image), [4, 3]);
    }

    #[test]
    fn a_number_of_images_a_class_is_met_with_and_without_originals() {
        let policy = r#""policy": { "class-balanced": { "per_class": 4 } }, "keep_originals": "#;
        let count = |kept: &str, labels| plan(&format!("{policy}{kept}"), labels).map(|plan| plan.copies());
        assert_eq!(count("true", &[0, 0, 1]).unwrap(), 8 - 3);
        assert_eq!(count("false", &[0, 0, 1]).unwrap(), 8);
        assert_eq!(count("false", &[0, 0, 0, 0, 0]).unwrap(), 4);
        let told = count("true", &[1, 0, 0, 0, 0, 0]).unwrap_err().to_string();
        assert!(told.contains("class 0 has 5") && told.contains("hint:"), "{told}");
    }

    #[test]
    fn an_empty_set_gets_no_copies() {
        for policy in ["chain", "one-copy-per-op", "class-balanced"] {
            let plan = plan(&format!(r#""policy": {{ "{policy}": {{}} }}"#), &[]).unwrap();
            assert_eq!(all(&plan), []);
        }
    }
}
