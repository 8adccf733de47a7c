//! `[energy]` of `pipeline.toml`: what a kilowatt-hour costs and emits, and what this machine draws where no counter
//! tells.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a kilowatt-hour costs and emits here, and what the machine draws where no counter can be read. Nothing of it is
/// guessed: without a price no money is shown, without `country` or `g_per_kwh` no CO2. Results do not depend on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Energy {
    /// Price of a kilowatt-hour in `currency`. Goes with `currency`, `price_date` and `price_source`.
    #[schemars(range(min = 0))]
    pub price_per_kwh: Option<f64>,
    /// The currency of the price, in the three letters of ISO 4217: `EUR`.
    pub currency: Option<String>,
    /// When the price held: `2025`, `2025-06` or `2025-06-30`.
    pub price_date: Option<String>,
    /// Where the price is from: a contract, a statistic.
    pub price_source: Option<String>,
    /// Whose electricity it is: its mean emissions a kilowatt-hour are taken. `world` is the mean of all.
    pub country: Option<Country>,
    /// Grams of CO2 a kilowatt-hour, instead of a country's mean. Goes with `g_per_kwh_date` and `g_per_kwh_source`.
    #[schemars(range(min = 0, max = 2000))]
    pub g_per_kwh: Option<f64>,
    /// When `g_per_kwh` held: `2025`, `2025-06` or `2025-06-30`.
    pub g_per_kwh_date: Option<String>,
    /// Where `g_per_kwh` is from.
    pub g_per_kwh_source: Option<String>,
    /// Power usage effectiveness: what the building draws for each watt of the machine. Money and CO2 are multiplied by
    /// it, joules are not. Where a data centre's is unknown, 1.56 is the mean (Uptime Institute 2024).
    #[schemars(range(min = 1, max = 5))]
    pub pue: f64,
    /// Thermal design power in watts of all processor packages together, from their data sheet; for processors without
    /// a readable counter.
    #[schemars(range(min = 1, max = 10_000))]
    pub tdp_watts: Option<f64>,
    /// Watts that a busy hardware thread draws above idle, instead of `tdp_watts`. Without either it is taken for 4 W.
    #[schemars(range(min = 0.01, max = 1000))]
    pub watts_per_thread: Option<f64>,
    /// Watts that all processor packages together draw while nothing runs. A stage is charged its share by the threads
    /// that it was given. Without it, none is charged apart.
    #[schemars(range(min = 0, max = 10_000))]
    pub idle_watts: Option<f64>,
    /// Watts of a GPU while a stage holds it; for GPUs that tell nothing themselves.
    #[schemars(range(min = 1, max = 10_000))]
    pub gpu_watts: Option<f64>,
}

impl Default for Energy {
    fn default() -> Energy {
        Energy {
            price_per_kwh: None,
            currency: None,
            price_date: None,
            price_source: None,
            country: None,
            g_per_kwh: None,
            g_per_kwh_date: None,
            g_per_kwh_source: None,
            pue: 1.0,
            tdp_watts: None,
            watts_per_thread: None,
            idle_watts: None,
            gpu_watts: None,
        }
    }
}

/// Sources of the table of countries.
macro_rules! source {
    (IEA) => {
        "IEA, Electricity 2025"
    };
    (EMBER) => {
        "Ember and Energy Institute, by Our World in Data"
    };
}

/// Declares [`Country`]: the name, ISO 3166's three letters, grams of CO2 a kilowatt-hour, the year and the source.
macro_rules! countries {
    ($($name:literal $iso:literal => $country:ident: $grams:literal in $year:literal by $source:ident,)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum Country {
            $(
                #[doc = concat!(stringify!($grams), " g/kWh for ", $year, " (", source!($source), ")")]
                #[serde(rename = $name)]
                $country,
            )+
        }

        impl Country {
            /// Every country of the table.
            pub const ALL: &[Country] = &[$(Country::$country,)+];

            /// As TOML writes it.
            pub fn name(self) -> &'static str {
                match self { $(Country::$country => $name,)+ }
            }

            /// Three letters of ISO 3166; empty for the world.
            pub fn iso(self) -> &'static str {
                match self { $(Country::$country => $iso,)+ }
            }

            /// Grams of CO2 equivalent a kilowatt-hour of electricity.
            pub fn grams_per_kwh(self) -> f64 {
                match self { $(Country::$country => f64::from($grams as u16),)+ }
            }

            /// The year of that figure.
            pub fn year(self) -> &'static str {
                match self { $(Country::$country => $year,)+ }
            }

            /// Where that figure is from.
            pub fn source(self) -> &'static str {
                match self { $(Country::$country => source!($source),)+ }
            }
        }
    };
}

countries! {
    "world" "" => World: 445 in "2024" by IEA,
    "australia" "AUS" => Australia: 549 in "2023" by EMBER,
    "austria" "AUT" => Austria: 111 in "2023" by EMBER,
    "belgium" "BEL" => Belgium: 138 in "2023" by EMBER,
    "brazil" "BRA" => Brazil: 98 in "2023" by EMBER,
    "canada" "CAN" => Canada: 170 in "2023" by EMBER,
    "china" "CHN" => China: 582 in "2023" by EMBER,
    "czechia" "CZE" => Czechia: 450 in "2023" by EMBER,
    "denmark" "DNK" => Denmark: 152 in "2023" by EMBER,
    "finland" "FIN" => Finland: 79 in "2023" by EMBER,
    "france" "FRA" => France: 56 in "2023" by EMBER,
    "germany" "DEU" => Germany: 381 in "2023" by EMBER,
    "greece" "GRC" => Greece: 337 in "2023" by EMBER,
    "hungary" "HUN" => Hungary: 204 in "2023" by EMBER,
    "india" "IND" => India: 713 in "2023" by EMBER,
    "ireland" "IRL" => Ireland: 291 in "2023" by EMBER,
    "norway" "NOR" => Norway: 30 in "2023" by EMBER,
    "poland" "POL" => Poland: 662 in "2023" by EMBER,
    "sweden" "SWE" => Sweden: 41 in "2023" by EMBER,
    "united-states" "USA" => UnitedStates: 369 in "2023" by EMBER,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_a_plausible_figure_with_its_year_and_source() {
        for country in Country::ALL {
            let grams = country.grams_per_kwh();
            assert!((10.0..1000.0).contains(&grams), "{}: {grams}", country.name());
            assert!(country.year().len() == 4 && !country.source().is_empty());
            assert!(country.iso().len() == 3 || *country == Country::World);
        }
        assert_eq!(Country::World.grams_per_kwh(), 445.0);
    }
}
