//! What the energy of a run would cost and emit elsewhere: a what-if, whatever the project's own price and place are.

use super::super::figures;
use super::super::summary::ENERGY;
use super::facts::Facts;
use super::html::{Column, Field, note, table};

/// Mean carbon intensity in g CO2 a kWh: IEA 2025.
const GRAMS: [(&str, f64); 7] = [
    ("world", 445.0),
    ("Sweden", 41.0),
    ("France", 56.0),
    ("USA", 369.0),
    ("Germany", 381.0),
    ("Poland", 662.0),
    ("India", 713.0),
];
/// Of a household in the EU, all taxes included (Eurostat, first half of 2025).
const EUROS: f64 = 0.2872;
const JOULES_A_KWH: f64 = 3.6e6;

/// Empty where energy is not known.
pub fn scenarios(facts: &Facts) -> String {
    let joules: Vec<Option<f64>> = facts
        .indices()
        .map(|index| facts.side(index).group.spread(ENERGY).map(|spread| spread.mean))
        .collect();
    if joules.iter().all(Option::is_none) {
        return String::new();
    }
    let each = |factor: f64| {
        let field = |joules: &Option<f64>| {
            let value = joules.map(|joules| factor * joules / JOULES_A_KWH);
            Field::number(value.map_or(String::new(), figures::significant), value)
        };
        joules.iter().map(field).collect::<Vec<_>>()
    };
    let mut columns = vec![
        Column::words("group", facts.indices().map(|index| Field::words(facts.name(index))).collect()),
        Column::numbers("Wh", each(1000.0)),
        Column::numbers("€ cents, EU household", each(100.0 * EUROS)),
    ];
    columns
        .extend(GRAMS.iter().map(|(place, grams)| Column::numbers(&format!("g CO₂, {place}"), each(*grams))));
    let said = "Energy of one run as in the leaderboard, at 0.2872 € a kWh (Eurostat, first half of 2025) and the mean carbon intensity of the grid (g CO₂ a kWh: world 445, Sweden 41, France 56, USA 369, Germany 381, Poland 662, India 713); nothing added for cooling (PUE 1).";
    format!("<h3>What if: elsewhere</h3>\n{}{}", table(columns, &facts.baselines()), note(said))
}
