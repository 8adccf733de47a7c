//! How long each stage of a launch is to take: by earlier runs, else by those of its name that this launch ran.

use std::collections::BTreeSet;

use crate::engine::{Size, StageId};

pub struct Expected {
    secs: Vec<Option<f64>>,
    sizes: Vec<Size>,
    names: Vec<String>,
    /// Those that are known only from another network's training.
    guessed: BTreeSet<StageId>,
}

impl Expected {
    /// Of each stage: its name, its size, and its seconds by earlier runs, where there are any.
    pub fn new(names: Vec<String>, sizes: Vec<Size>, secs: Vec<Option<f64>>) -> Expected {
        Expected { secs, sizes, names, guessed: BTreeSet::new() }
    }

    pub fn of(&self, id: StageId) -> Option<f64> {
        self.secs[id]
    }

    /// What a stage took, others of its name are to take in proportion to their sizes, where nothing better is known of them:
    /// a training of the same network is better than one of another.
    pub fn took(&mut self, id: StageId, secs: f64) {
        for other in 0..self.secs.len() {
            let is_open = self.secs[other].is_none() || self.guessed.contains(&other);
            if other == id || self.names[other] != self.names[id] || !is_open {
                continue;
            }
            let (factor, is_alike) = match (self.sizes[id], self.sizes[other]) {
                (Size::Of(one, done), Size::Of(another, to_do)) => (to_do / done, one == another),
                _ => (1.0, true),
            };
            if is_alike {
                self.guessed.remove(&other);
            } else if !self.guessed.insert(other) {
                continue;
            }
            self.secs[other] = Some(secs * factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(sizes: Vec<Size>) -> Expected {
        let names = sizes.iter().map(|_| "net".to_string()).collect();
        let secs = vec![None; sizes.len()];
        Expected::new(names, sizes, secs)
    }

    #[test]
    fn a_stage_without_precedent_is_expected_to_take_what_another_of_its_name_took() {
        let names = ["net", "net", "other", "net"].map(String::from).to_vec();
        let secs = vec![None, None, None, Some(5.0)];
        let mut expected = Expected::new(names, vec![Size::Alike; 4], secs);
        expected.took(0, 7.0);
        assert_eq!(expected.secs, [None, Some(7.0), None, Some(5.0)]);
    }

    #[test]
    fn a_larger_training_is_expected_to_take_longer_and_one_of_its_own_network_tells_most() {
        let small = |size| Size::Of("linear", size);
        let large = |size| Size::Of("swin", size);
        let mut expected = expected(vec![small(1.0), small(2.0), large(100.0), large(100.0), large(200.0)]);
        expected.took(0, 3.0);
        assert_eq!(expected.secs, [None, Some(6.0), Some(300.0), Some(300.0), Some(600.0)]);
        // Of another network, and later: no better than what is known.
        expected.took(1, 8.0);
        assert_eq!(expected.secs[2..], [Some(300.0), Some(300.0), Some(600.0)]);
        expected.took(2, 40.0);
        assert_eq!(expected.secs[3..], [Some(40.0), Some(80.0)]);
        expected.took(1, 8.0);
        assert_eq!(expected.secs[3..], [Some(40.0), Some(80.0)]);
    }
}
