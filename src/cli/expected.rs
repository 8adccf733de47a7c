//! How long each stage of a launch is to take: by earlier runs, else by those of its name that this launch ran.

use crate::engine::{Size, StageId};

pub struct Expected {
    secs: Vec<Option<f64>>,
    sizes: Vec<Size>,
    names: Vec<String>,
}

impl Expected {
    /// Of each stage: its name, its size, and its seconds by earlier runs, where there are any.
    pub fn new(names: Vec<String>, sizes: Vec<Size>, secs: Vec<Option<f64>>) -> Expected {
        Expected { secs, sizes, names }
    }

    pub fn of(&self, id: StageId) -> Option<f64> {
        self.secs[id]
    }

    /// What a stage took, others of its name are to take where nothing is known of them, trainings of the same network in
    /// proportion to their sizes. One of another network tells nothing: a multiply-add takes a small network many times as
    /// long as a large one.
    pub fn took(&mut self, id: StageId, secs: f64) {
        for other in 0..self.secs.len() {
            if self.secs[other].is_none() && self.names[other] == self.names[id] {
                self.secs[other] = match (self.sizes[id], self.sizes[other]) {
                    (Size::Alike, Size::Alike) => Some(secs),
                    (Size::Of(one, done), Size::Of(another, to_do)) if one == another => {
                        Some(secs * to_do / done)
                    }
                    _ => None,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_without_precedent_is_expected_to_take_what_another_of_its_name_took() {
        let names = ["net", "net", "other", "net"].map(String::from).to_vec();
        let secs = vec![None, None, None, Some(5.0)];
        let mut expected = Expected::new(names, vec![Size::Alike; 4], secs);
        expected.took(0, 7.0);
        assert_eq!(expected.secs, [Some(7.0), Some(7.0), None, Some(5.0)]);
    }

    #[test]
    fn a_training_tells_of_others_of_its_network_alone() {
        let sizes = vec![
            Size::Of("linear", 1.0),
            Size::Of("linear", 2.0),
            Size::Of("swin", 100.0),
            Size::Of("swin", 200.0),
            Size::Unknown,
        ];
        let names = vec!["net".to_string(); sizes.len()];
        let mut expected = Expected::new(names, sizes, vec![None; 5]);
        expected.took(0, 3.0);
        assert_eq!(expected.secs, [Some(3.0), Some(6.0), None, None, None]);
        expected.took(2, 40.0);
        assert_eq!(expected.secs[2..], [Some(40.0), Some(80.0), None]);
        expected.took(4, 9.0);
        assert_eq!(expected.secs[4], None);
    }
}
