//! Energy beside energies that people have a notion of, each with its source.

use super::units::{Joules, KilowattHours};

/// A well-known energy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Equivalent {
    pub what: &'static str,
    pub kwh: f64,
    pub source: &'static str,
}

/// In order of size.
pub const EQUIVALENTS: &[Equivalent] = &[
    Equivalent {
        what: "the electricity of an average US household in a year",
        kwh: 10_649.0,
        source: "US Energy Information Administration, for 2019",
    },
    Equivalent {
        what: "training MegatronLM",
        kwh: 27_648.0,
        source: "512 V100 at 250 W for nine days, computed from Shoeybi et al. 2019",
    },
    Equivalent {
        what: "training GPT-3, by the lower estimate",
        kwh: 190_000.0,
        source: "Anthony et al. 2020 (carbontracker)",
    },
    Equivalent {
        what: "training GPT-3, by the higher estimate",
        kwh: 1_287_000.0,
        source: "Patterson et al. 2021",
    },
];

impl Equivalent {
    /// How many times it goes into an energy; below 1 for a part of it.
    pub fn times(&self, joules: Joules) -> f64 {
        joules.kilowatt_hours().value() / self.kwh
    }

    pub fn energy(&self) -> KilowattHours {
        KilowattHours::new(self.kwh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_energy_is_set_beside_known_ones_in_the_right_unit() {
        let week = KilowattHours::new(10_649.0 * 7.0 / 365.0).joules();
        assert!((EQUIVALENTS[0].times(week) - 7.0 / 365.0).abs() < 1e-12);
        // 512 GPUs × 250 W × 9 days; kilowatt-hours, not megawatt-hours.
        assert_eq!(EQUIVALENTS[1].kwh, 512.0 * 0.25 * 9.0 * 24.0);
        assert!(EQUIVALENTS.windows(2).all(|pair| pair[0].kwh < pair[1].kwh));
    }
}
