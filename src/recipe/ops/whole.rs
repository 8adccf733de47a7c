//! A strength in whole numbers: one of them, or the ends of a range from which each copy draws its own.

use schemars::{Schema, json_schema};
use serde::{Deserialize, Serialize};

/// As TOML writes it: `3`, or `[3, 7]`. A range is drawn from evenly, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Whole {
    One(u32),
    Between([u32; 2]),
}

impl Whole {
    /// The ends of the range; one number is both.
    pub fn ends(self) -> [u32; 2] {
        match self {
            Whole::One(value) => [value, value],
            Whole::Between(ends) => ends,
        }
    }

    /// What is wrong with ends that are each in range.
    pub fn complaint(self) -> Option<String> {
        match self.ends() {
            [low, high] if low > high => {
                Some(format!("a range begins with its lower end: `[{high}, {low}]`"))
            }
            _ => None,
        }
    }

    /// The schema of a strength whose values lie in `min..=max`.
    pub fn schema(min: u32, max: u32) -> Schema {
        let one = json_schema!({ "type": "integer", "format": "uint32", "minimum": min, "maximum": max });
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 2, "maxItems": 2 }] })
    }
}

impl From<u32> for Whole {
    fn from(value: u32) -> Whole {
        Whole::One(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_one_so_that_its_key_stays_and_a_range_as_read() {
        for text in ["3", "[3,7]"] {
            let read: Whole = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
        assert!(serde_json::from_str::<Whole>("2.5").is_err());
        assert_eq!((Whole::One(3).ends(), Whole::Between([3, 7]).ends()), ([3, 3], [3, 7]));
    }

    #[test]
    fn ends_in_the_wrong_order_are_told_the_right_one() {
        let told = Whole::Between([7, 3]).complaint().unwrap();
        assert!(told.contains("`[3, 7]`"), "{told}");
        assert_eq!(Whole::Between([5, 5]).complaint(), None);
    }
}
