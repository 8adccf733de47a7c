//! Joules, watts, kilowatt-hours and grams as types, so that no unit is taken for another. None is ever negative.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};

use serde::{Deserialize, Serialize};

/// Joules in a kilowatt-hour, by definition.
const JOULES_A_KILOWATT_HOUR: f64 = 3_600_000.0;

macro_rules! units {
    ($($(#[$doc:meta])* $unit:ident,)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $unit(f64);

        impl $unit {
            /// # Panics
            /// For what is negative or no number: whoever reads a meter or a setting has refused that.
            pub const fn new(value: f64) -> $unit {
                assert!(value >= 0.0, "a quantity of energy is never negative");
                $unit(value)
            }

            pub const fn value(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $unit {
            type Error = String;

            fn try_from(value: f64) -> Result<$unit, String> {
                if value >= 0.0 { Ok($unit(value)) } else { Err(format!("{value} is negative or no number")) }
            }
        }

        impl From<$unit> for f64 {
            fn from(unit: $unit) -> f64 {
                unit.0
            }
        }

        impl Add for $unit {
            type Output = $unit;

            fn add(self, other: $unit) -> $unit {
                $unit(self.0 + other.0)
            }
        }

        impl AddAssign for $unit {
            fn add_assign(&mut self, other: $unit) {
                self.0 += other.0;
            }
        }

        impl Sum for $unit {
            fn sum<I: Iterator<Item = $unit>>(parts: I) -> $unit {
                parts.fold($unit(0.0), Add::add)
            }
        }

        impl Mul<f64> for $unit {
            type Output = $unit;

            fn mul(self, times: f64) -> $unit {
                $unit::new(self.0 * times)
            }
        }
    )+ };
}

units! {
    /// Energy.
    Joules,
    /// Power.
    Watts,
    /// Energy, as it is paid for.
    KilowattHours,
    /// Mass of CO2 and what warms alike.
    Grams,
}

impl Watts {
    /// The energy of this power over so many seconds.
    pub fn over(self, secs: f64) -> Joules {
        Joules::new(self.0 * secs)
    }
}

impl Joules {
    pub fn kilowatt_hours(self) -> KilowattHours {
        KilowattHours(self.0 / JOULES_A_KILOWATT_HOUR)
    }

    /// What came since `earlier`; `None` where it would be negative.
    pub fn since(self, earlier: Joules) -> Option<Joules> {
        (self.0 >= earlier.0).then_some(Joules(self.0 - earlier.0))
    }
}

impl KilowattHours {
    pub fn joules(self) -> Joules {
        Joules(self.0 * JOULES_A_KILOWATT_HOUR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kilowatt_hour_is_a_kilowatt_for_an_hour() {
        assert_eq!(Watts::new(1000.0).over(3600.0).kilowatt_hours(), KilowattHours::new(1.0));
        assert_eq!(KilowattHours::new(0.25).joules(), Joules::new(900_000.0));
    }

    #[test]
    fn nothing_negative_is_read_from_a_file_or_made_by_a_difference() {
        assert!(serde_json::from_str::<Joules>("-1.0").is_err());
        assert_eq!(serde_json::from_str::<Joules>("1.5").unwrap(), Joules::new(1.5));
        assert_eq!(Joules::new(1.0).since(Joules::new(2.0)), None);
    }
}
