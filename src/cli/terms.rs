//! From `[energy]` of `pipeline.toml` to what meters are told and tables rest on.

use crate::energy::{Assumptions, Carbon, Kernel, Price, Tariff, Watts};
use crate::recipe::Energy;
use crate::report::Terms;

/// What the figures of a launch on this machine rest on.
pub fn terms(energy: &Energy) -> Terms {
    let kernel = Kernel::default();
    Terms {
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        hardware_threads: kernel.hardware_threads(),
        processor: kernel.processor_model(),
        assumptions: assumptions(energy),
        tariff: tariff(energy),
    }
}

/// What meters are told of the machine.
pub fn assumptions(energy: &Energy) -> Assumptions {
    let watts = |told: Option<f64>| told.map(Watts::new);
    Assumptions {
        watts_per_thread: watts(energy.watts_per_thread),
        tdp_watts: watts(energy.tdp_watts),
        idle_watts: watts(energy.idle_watts),
        gpu_watts: watts(energy.gpu_watts),
    }
}

fn tariff(energy: &Energy) -> Tariff {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let price = energy.price_per_kwh.map(|per_kwh| Price {
        per_kwh,
        currency: text(&energy.currency),
        date: text(&energy.price_date),
        source: text(&energy.price_source),
    });
    let told = energy.g_per_kwh.map(|g_per_kwh| Carbon {
        g_per_kwh,
        country: None,
        country_iso: None,
        date: text(&energy.g_per_kwh_date),
        source: text(&energy.g_per_kwh_source),
    });
    let of_country = energy.country.map(|country| Carbon {
        g_per_kwh: country.grams_per_kwh(),
        country: Some(country.name().to_string()),
        country_iso: Some(country.iso().to_string()).filter(|iso| !iso.is_empty()),
        date: country.year().to_string(),
        source: country.source().to_string(),
    });
    Tariff { price, carbon: told.or(of_country), pue: energy.pue }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Grams, KilowattHours};
    use crate::recipe::Country;

    #[test]
    fn a_country_gives_its_mean_with_year_and_source_and_nothing_is_guessed_without_one() {
        let told = Energy { country: Some(Country::France), ..Energy::default() };
        let tariff = terms(&told).tariff;
        assert_eq!(tariff.co2(KilowattHours::new(2.0).joules()), Some(Grams::new(112.0)));
        let carbon = tariff.carbon.expect("it is told");
        assert_eq!((carbon.date.as_str(), carbon.country_iso.as_deref()), ("2023", Some("FRA")));
        assert!(terms(&Energy::default()).tariff.carbon.is_none());
    }
}
