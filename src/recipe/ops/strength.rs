//! A strength: one number, or the ends of a range from which each copy draws its own.

use schemars::{Schema, json_schema};
use serde::{Deserialize, Serialize};

/// As TOML writes it: `0.2`, or `[0.1, 0.3]`. A range is drawn from evenly; one whose ends are equal is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Strength {
    One(f64),
    Between([f64; 2]),
}

impl Strength {
    /// The ends of the range; one number is both.
    pub fn ends(self) -> [f64; 2] {
        match self {
            Strength::One(value) => [value, value],
            Strength::Between(ends) => ends,
        }
    }

    /// The ends of the range; one number reaches as far below zero as above.
    pub fn ends_either_way(self) -> [f64; 2] {
        match self {
            Strength::One(value) => [-value, value],
            Strength::Between(ends) => ends,
        }
    }

    /// What is wrong with ends that are each in range.
    pub fn complaint(self) -> Option<String> {
        match self {
            Strength::Between([low, high]) if low > high => {
                Some(format!("a range begins with its lower end: `[{high}, {low}]`"))
            }
            _ => None,
        }
    }

    /// The schema of a strength whose values lie in `min..=max`.
    pub fn schema(min: f64, max: f64) -> Schema {
        Strength::schema_of(min, max, min)
    }

    /// The schema of a strength up to `max` that one number takes either way.
    pub fn schema_either_way(max: f64) -> Schema {
        Strength::schema_of(0.0, max, -max)
    }

    fn schema_of(min: f64, max: f64, lowest_end: f64) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "number", "minimum": min, "maximum": max },
            {
                "type": "array",
                "items": { "type": "number", "minimum": lowest_end, "maximum": max },
                "minItems": 2,
                "maxItems": 2,
            },
        ] })
    }
}

impl From<f64> for Strength {
    fn from(value: f64) -> Strength {
        Strength::One(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_itself_or_reaches_either_way_and_a_range_is_as_written() {
        let read = |text| serde_json::from_str::<Strength>(text).unwrap();
        assert_eq!((read("0.2").ends(), read("0.2").ends_either_way()), ([0.2, 0.2], [-0.2, 0.2]));
        assert_eq!((read("[0, 3]").ends(), read("[-1, 3]").ends_either_way()), ([0.0, 3.0], [-1.0, 3.0]));
        assert!(serde_json::from_str::<Strength>("[1]").is_err());
    }

    #[test]
    fn a_number_is_written_as_one_so_that_its_key_stays() {
        assert_eq!(serde_json::to_string(&Strength::from(10.0)).unwrap(), "10.0");
        assert_eq!(serde_json::to_string(&Strength::Between([0.0, 1.5])).unwrap(), "[0.0,1.5]");
    }

    #[test]
    fn ends_in_the_wrong_order_are_told_the_right_one() {
        let told = Strength::Between([20.0, 5.0]).complaint().unwrap();
        assert!(told.contains("`[5, 20]`"), "{told}");
        assert_eq!(Strength::Between([5.0, 5.0]).complaint(), None);
    }
}
