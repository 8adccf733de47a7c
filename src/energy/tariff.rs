//! What energy costs in money and CO2, by what a person told; nothing is guessed.

use serde::{Deserialize, Serialize};

use super::units::{Grams, Joules};

/// What a kilowatt-hour costs and emits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tariff {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carbon: Option<Carbon>,
    /// What the building draws for each watt of the machine.
    pub pue: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Price {
    pub per_kwh: f64,
    pub currency: String,
    pub date: String,
    pub source: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Carbon {
    pub g_per_kwh: f64,
    /// `france`; none where grams were told as such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Three letters of ISO 3166.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_iso: Option<String>,
    pub date: String,
    pub source: String,
}

impl Default for Tariff {
    fn default() -> Tariff {
        Tariff { price: None, carbon: None, pue: 1.0 }
    }
}

impl Tariff {
    /// In the price's currency; `None` without a price.
    pub fn cost(&self, joules: Joules) -> Option<f64> {
        Some(self.price.as_ref()?.per_kwh * self.drawn_kwh(joules))
    }

    /// `None` without a carbon intensity.
    pub fn co2(&self, joules: Joules) -> Option<Grams> {
        Some(Grams::new(self.carbon.as_ref()?.g_per_kwh * self.drawn_kwh(joules)))
    }

    /// Kilowatt-hours at the building's meter.
    fn drawn_kwh(&self, joules: Joules) -> f64 {
        joules.kilowatt_hours().value() * self.pue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tariff() -> Tariff {
        let price =
            Price { per_kwh: 0.25, currency: "EUR".into(), date: "2025".into(), source: "a contract".into() };
        let carbon = Carbon {
            g_per_kwh: 400.0,
            country: None,
            country_iso: None,
            date: "2024".into(),
            source: "a report".into(),
        };
        Tariff { price: Some(price), carbon: Some(carbon), pue: 1.5 }
    }

    #[test]
    fn ten_kilowatt_hours_cost_what_the_building_draws_for_them() {
        let joules = Joules::new(36_000_000.0);
        assert_eq!(tariff().cost(joules), Some(3.75));
        // Grams, not kilograms.
        assert_eq!(tariff().co2(joules), Some(Grams::new(6000.0)));
    }

    #[test]
    fn without_a_price_or_a_carbon_intensity_there_is_no_figure() {
        let nothing = Tariff::default();
        assert_eq!((nothing.cost(Joules::new(1e9)), nothing.co2(Joules::new(1e9))), (None, None));
    }
}
