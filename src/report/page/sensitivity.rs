//! How far what is said of energy hangs on the watts of a model: the same joules with every modelled part halved and doubled.

use super::super::figures;
use super::super::runs::Row;
use super::super::summary::{ENERGY, Quantity};
use super::facts::Facts;
use super::html::{Column, Field, note, table};

/// By the names that [`super::super::sides::Sides::ratio`] knows as energy.
const HALVED: Quantity = (ENERGY.0, |row| at_watts(row, 0.5));
const DOUBLED: Quantity = (ENERGY.0, |row| at_watts(row, 2.0));

/// Joules of a run with every modelled watt so many times as large; what was measured stands.
fn at_watts(row: &Row, times: f64) -> Option<f64> {
    let (joules, measured) = (row.energy_joules?, row.energy.drawn?.measured_joules.value());
    Some(measured + times * (joules - measured).max(0.0))
}

/// Empty where no energy is modelled.
pub fn at_other_watts(facts: &Facts) -> String {
    if !facts.indices().any(|index| facts.is_modelled(index)) {
        return String::new();
    }
    let columns = [("watts × 0.5", HALVED), ("watts × 1", ENERGY), ("watts × 2", DOUBLED)]
        .into_iter()
        .flat_map(|(head, quantity)| [joules(facts, head, quantity), ratio(facts, head, quantity)]);
    let names = facts.indices().map(|index| Field::words(facts.name(index))).collect();
    let columns: Vec<Column> = [Column::words("group", names)].into_iter().chain(columns).collect();
    let said = words(facts);
    format!("<h3>What if: other watts</h3>\n{}{}", table(columns, &facts.baselines()), note(&said))
}

fn joules(facts: &Facts, head: &str, quantity: Quantity) -> Column {
    let field = |index: usize| {
        let mean = facts.side(index).group.spread(quantity).map(|spread| spread.mean);
        Field::number(mean.map_or(String::new(), figures::significant), mean)
    };
    Column::numbers(&format!("J, {head}"), facts.indices().map(field).collect())
}

fn ratio(facts: &Facts, head: &str, quantity: Quantity) -> Column {
    let field = |index: usize| {
        let ratio = facts.sides.ratio(facts.side(index), quantity);
        Field::number(ratio.map_or(String::new(), figures::ratio), ratio)
    };
    Column::numbers(&format!("× baseline, {head}"), facts.indices().map(field).collect())
}

/// What of the comparison would change.
fn words(facts: &Facts) -> String {
    let order = |quantity: Quantity| {
        let mean = |index: &usize| {
            facts.side(*index).group.spread(quantity).map_or(f64::INFINITY, |spread| spread.mean)
        };
        let mut order: Vec<usize> = facts.indices().collect();
        order.sort_by(|one, other| mean(one).total_cmp(&mean(other)));
        order
    };
    let rows = || facts.indices().flat_map(|index| &facts.side(index).group.rows);
    let measured =
        rows().any(|row| row.energy.drawn.is_some_and(|drawn| drawn.measured_joules.value() > 0.0));
    if !measured {
        return "All joules are modelled from CPU-seconds: other watts scale every group alike, so no ratio, order or break-even changes. What they cannot show is a network that draws more in each of its seconds than another."
            .into();
    }
    let stays = order(HALVED) == order(ENERGY) && order(DOUBLED) == order(ENERGY);
    let order = match stays {
        true => "The order of the groups by energy is the same at all three",
        false => "The order of the groups by energy is not the same at all three: it rests on the model",
    };
    format!(
        "Of these joules a part is measured, and stands; the modelled rest is halved and doubled. {order}."
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::Fixture;
    use super::super::facts::tests::facts;
    use super::*;

    #[test]
    fn a_model_alone_scales_every_group_alike() {
        let fixture = Fixture::birds().with_energy(None);
        let facts = facts(&fixture);
        let html = at_other_watts(&facts);
        // 132 s of a thread at 4 W are 528 J.
        for joules in ["264", "528", "1056"] {
            assert!(html.contains(&format!(">{joules}<")), "{joules}: {html}");
        }
        let side = facts.side(2);
        let ratios = [HALVED, ENERGY, DOUBLED].map(|quantity| facts.sides.ratio(side, quantity).unwrap());
        assert!((ratios[0] - ratios[1]).abs() < 1e-12 && (ratios[2] - ratios[1]).abs() < 1e-12, "{ratios:?}");
        assert!(html.contains("no ratio, order or break-even changes"));
    }

    #[test]
    fn what_was_measured_stands_while_the_model_is_doubled() {
        let fixture = Fixture::birds().with_energy(None);
        let facts = facts(&fixture);
        let mut row = facts.side(0).group.rows[0].clone();
        let drawn = row.energy.drawn.as_mut().unwrap();
        drawn.measured_joules = crate::energy::Joules::new(500.0);
        assert_eq!([0.5, 1.0, 2.0].map(|times| at_watts(&row, times).unwrap()), [514.0, 528.0, 556.0]);
    }

    #[test]
    fn seconds_have_no_watts() {
        assert_eq!(at_other_watts(&facts(&Fixture::birds())), "");
    }
}
