//! The line on energy, money and CO2 that ends a run.

use super::drawn::{Drawn, Totals, totals};
use super::figures;
use super::launch::Launch;
use super::stored::Stored;
use crate::energy::equivalents::EQUIVALENTS;
use crate::energy::{Class, Joules, KilowattHours};
use crate::engine::Store;

/// What the launch spent and what all that it shows cost, in kilowatt-hours with their class, money and CO2; or which
/// setting would show what is not known.
pub fn bill(launch: &Launch, store: &Store) -> String {
    let Totals { spent, attributed } = totals(&Stored::new(launch, store));
    let Some((drawn, joules)) = attributed.and_then(|drawn| Some((drawn, drawn.joules?))) else {
        return match attributed {
            Some(_) => {
                "energy: not known of every stage; `pipeline doctor` says what can be read".to_string()
            }
            None => String::new(),
        };
    };
    let mark = mark(drawn.class);
    let written = |joules: Joules| {
        // Nothing is nothing, by whatever method.
        let mark = if joules.value() > 0.0 { mark } else { "" };
        format!("{mark}{}", figures::energy(joules))
    };
    let spent = spent.map_or("not known".to_string(), written);
    let mut parts =
        vec![format!("energy: {spent} spent now, {} in all ({})", written(joules), quality(&drawn))];
    parts.extend(money_and_co2(launch, joules, mark));
    parts.extend(equivalent(joules));
    parts.join("; ")
}

/// Stands before whatever is modelled.
pub fn mark(class: Class) -> &'static str {
    if class == Class::Modelled { "≈\u{a0}" } else { "" }
}

/// `measured`, `91 % measured`, `modelled ± 40 %`.
fn quality(drawn: &Drawn) -> String {
    match (drawn.class, drawn.measured_share()) {
        (Class::Measured, _) => "measured".to_string(),
        (_, Some(share)) if share > 0.0 => format!("{:.0} % measured, the rest modelled", 100.0 * share),
        _ => {
            let error = drawn.error_joules.zip(drawn.joules).map(|(error, all)| error.value() / all.value());
            let error = error.filter(|error| error.is_finite());
            error.map_or("modelled".to_string(), |error| format!("modelled, ± {:.0} %", 100.0 * error))
        }
    }
}

/// From a kilowatt-hour on, the energy beside one that people have a notion of.
fn equivalent(joules: Joules) -> Option<String> {
    if joules.kilowatt_hours() < KilowattHours::new(1.0) {
        return None;
    }
    let known = EQUIVALENTS.iter().rev().find(|known| known.times(joules) >= 1.0).unwrap_or(&EQUIVALENTS[0]);
    let times = known.times(joules);
    let share = match times {
        1.0.. => format!("{} times", figures::significant(times)),
        _ => format!("{} % of", figures::significant(100.0 * times)),
    };
    Some(format!("{share} {} ({})", known.what, known.source))
}

fn money_and_co2(launch: &Launch, joules: Joules, mark: &str) -> [String; 2] {
    let tariff = launch.energy.as_ref().map(|terms| &terms.tariff);
    let price = tariff.and_then(|tariff| Some((tariff.cost(joules)?, &tariff.price.as_ref()?.currency)));
    let money = match price {
        Some((cost, currency)) => format!("{mark}{} {currency}", figures::significant(cost)),
        None => "no money without `energy.price_per_kwh`".to_string(),
    };
    let co2 = match tariff.and_then(|tariff| tariff.co2(joules)) {
        Some(grams) => format!("{mark}{} g CO2", figures::significant(grams.value())),
        None => "no CO2 without `energy.country` or `energy.g_per_kwh` in pipeline.toml".to_string(),
    };
    [money, co2]
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn the_bill_names_the_settings_that_would_show_more() {
        let fixture = Fixture::birds().with_energy(None);
        insta::assert_snapshot!(bill(&fixture.launch, &fixture.store));
    }

    #[test]
    fn the_bill_has_money_and_co2_where_they_are_told() {
        let fixture = Fixture::birds().with_energy(Some((0.2872, 381.0)));
        insta::assert_snapshot!(bill(&fixture.launch, &fixture.store));
    }

    #[test]
    fn an_energy_worth_it_is_set_beside_one_that_people_know() {
        let said = |kwh| equivalent(KilowattHours::new(kwh).joules());
        assert_eq!(said(0.9), None);
        assert!(said(10.649).unwrap().starts_with("0.100 % of the electricity of an average US household"));
        assert!(said(2.0 * 27_648.0).unwrap().starts_with("2.00 times training MegatronLM"));
    }

    #[test]
    fn a_launch_without_figures_claims_none() {
        let fixture = Fixture::birds();
        assert_eq!(bill(&fixture.launch, &fixture.store), "");
    }
}
