//! The groups as a table that a reader can sort.

use super::super::compare::points_of;
use super::super::figures;
use super::super::judge::Opinion;
use super::super::statistics::{Finding, Spread};
use super::super::summary::{
    ACCURACY, CO2, COST, Constant, ENERGY, IMAGES_TRAINED_ON, JOULES_PER_1000, MULTIPLY_ADDS, PARAMETERS,
    Quantity, STEPS, STORED_BYTES, STORED_FLOATS, TEST_IMAGES, TOTAL_SECS, TRAIN_SECS,
};
use super::facts::Facts;
use super::html::{Column, Field, table};

pub fn leaderboard(facts: &Facts) -> String {
    table(columns(facts), &facts.baselines())
}

/// Its columns, from what tells groups apart to their sizes.
pub fn columns(facts: &Facts) -> Vec<Column> {
    let mut columns = labels(facts);
    columns.push(chosen(facts));
    columns.extend(accuracies(facts));
    columns.extend(differences(facts));
    columns.extend(costs(facts));
    columns.extend(intervals(facts));
    columns.extend(sizes(facts));
    columns
}

/// Labels that vary.
pub fn labels(facts: &Facts) -> Vec<Column> {
    let sides = &facts.sides.sides;
    let Some(first) = sides.first() else { return Vec::new() };
    let varies = |at: &usize| sides.iter().any(|side| side.labels[*at].1 != first.labels[*at].1);
    let column = |at: usize| {
        Column::words(
            &first.labels[at].0,
            sides.iter().map(|side| Field::words(&side.labels[at].1)).collect(),
        )
    };
    (0..first.labels.len()).filter(varies).map(column).collect()
}

/// Settings that were chosen on validation images.
fn chosen(facts: &Facts) -> Column {
    Column::words("chosen", each(facts, |index| Field::words(facts.side(index).group.all_chosen())))
}

fn each(facts: &Facts, cell: impl Fn(usize) -> Field) -> Vec<Field> {
    facts.indices().map(cell).collect()
}

fn accuracies(facts: &Facts) -> [Column; 2] {
    let n = |index: usize| {
        facts
            .accuracy(index)
            .map_or(Field::default(), |spread| Field::number(spread.n.to_string(), Some(spread.n as f64)))
    };
    [
        Column::numbers("accuracy %", each(facts, |index| accuracy(facts, index))),
        Column::numbers("n", each(facts, n)),
    ]
}

/// Of the accuracies themselves.
fn intervals(facts: &Facts) -> [Column; 2] {
    let seeds =
        |index: usize| between(facts.accuracy(index).and_then(|spread| spread.interval()), figures::percent);
    let images = |index: usize| between(facts.side(index).group.wilson(), figures::percent);
    [
        Column::numbers("95 % over seeds", each(facts, seeds)),
        Column::numbers("95 % over test images", each(facts, images)),
    ]
}

fn accuracy(facts: &Facts, index: usize) -> Field {
    let marked = if facts.side(index).group.undertrained() > 0 { " †" } else { "" };
    facts.accuracy(index).map_or(Field::default(), |spread| {
        let sd = spread.sd.map_or(String::new(), |sd| format!(" ± {}", figures::percent(sd)));
        Field::number(format!("{}{sd}{marked}", figures::percent(spread.mean)), Some(spread.mean))
    })
}

/// Sorted by its lower end.
fn between(interval: Option<(f64, f64)>, write: fn(f64) -> String) -> Field {
    interval.map_or(Field::default(), |(low, high)| {
        Field::number(format!("{} to {}", write(low), write(high)), Some(low))
    })
}

/// To what each group is measured against.
fn differences(facts: &Facts) -> [Column; 4] {
    let judged = |index: usize| facts.judged[index].as_ref();
    let difference = |index: usize| {
        let mean = facts.sides.difference(facts.side(index), ACCURACY).map(|difference| difference.mean);
        Field::number(mean.map_or(String::new(), figures::points), mean)
    };
    let interval = |index: usize| between(judged(index).and_then(|judged| judged.interval), figures::points);
    let p = |index: usize| {
        let p = judged(index).and_then(|judged| judged.p_holm);
        Field::number(p.map_or(String::new(), figures::chance), p)
    };
    let within = format!("within {}", points_of(facts.margin));
    [
        Column::numbers("Δ points", each(facts, difference)),
        Column::numbers("95 % of Δ", each(facts, interval)),
        Column::numbers("p (Holm)", each(facts, p)),
        Column::words(&within, each(facts, |index| opinion(facts, index))),
    ]
}

fn opinion(facts: &Facts, index: usize) -> Field {
    let text = match facts.judged[index].as_ref().and_then(|judged| judged.opinion.as_ref()) {
        None => "",
        Some(Opinion::Withheld(_)) => "no verdict",
        Some(Opinion::Given(verdict)) => match verdict.finding {
            Finding::Shown => "shown",
            Finding::NotShown(_) => "not shown",
            Finding::Worse => "worse",
        },
    };
    Field::words(text)
}

fn costs(facts: &Facts) -> Vec<Column> {
    let spread = |quantity: Quantity| {
        move |index: usize| {
            let spread: Option<Spread> = facts.side(index).group.spread(quantity);
            spread.map_or(Field::default(), |spread| {
                let sd = spread.sd.map_or(String::new(), |sd| format!(" ± {}", figures::seconds(sd)));
                Field::number(format!("{}{sd}", figures::seconds(spread.mean)), Some(spread.mean))
            })
        }
    };
    let ratio = |index: usize| {
        let ratio = facts.sides.ratio(facts.side(index), facts.cost.quantity);
        Field::number(ratio.map_or(String::new(), figures::ratio), ratio)
    };
    let class = |index: usize| {
        let group = &facts.side(index).group;
        let mut classes: Vec<&str> =
            group.rows.iter().filter_map(|row| row.energy_class.as_deref()).collect();
        classes.sort_unstable();
        classes.dedup();
        Field::words(classes.join(", "))
    };
    let per_epoch = |index: usize| {
        let each = facts.side(index).group.spread(("", |row| {
            Some(row.energy_joules? / row.training.epochs.filter(|epochs| *epochs > 0.0)?)
        }));
        each.map_or(Field::default(), |each| Field::number(figures::seconds(each.mean), Some(each.mean)))
    };
    vec![
        Column::numbers("total s", each(facts, spread(TOTAL_SECS))),
        Column::numbers("train s", each(facts, spread(TRAIN_SECS))),
        Column::numbers("energy J", each(facts, spread(ENERGY))),
        Column::words("meter", each(facts, class)),
        Column::numbers("J an epoch", each(facts, per_epoch)),
        Column::numbers("cost", each(facts, spread(COST))),
        Column::numbers("g CO₂", each(facts, spread(CO2))),
        Column::numbers(&format!("× {}", facts.cost.unit), each(facts, ratio)),
    ]
}

fn sizes(facts: &Facts) -> Vec<Column> {
    let constant = |constant: Constant, write: fn(u64) -> String| {
        move |index: usize| {
            let value = facts.side(index).group.constant(constant);
            Field::number(value.map_or(String::new(), write), value.map(|value| value as f64))
        }
    };
    let whole = |count: u64| count.to_string();
    let latency = |index: usize| {
        let spread = facts.side(index).group.spread(("latency_ms", |row| row.inference.latency_ms));
        spread.map_or(Field::default(), |spread| {
            Field::number(figures::seconds(spread.mean), Some(spread.mean))
        })
    };
    let thousand = |index: usize| {
        let spread = facts.side(index).group.spread(JOULES_PER_1000);
        spread.map_or(Field::default(), |spread| {
            Field::number(figures::significant(spread.mean), Some(spread.mean))
        })
    };
    vec![
        Column::numbers("parameters", each(facts, constant(PARAMETERS, figures::count))),
        Column::numbers("multiply-adds", each(facts, constant(MULTIPLY_ADDS, figures::count))),
        Column::numbers("training images", each(facts, constant(IMAGES_TRAINED_ON, whole))),
        Column::numbers("stored", each(facts, constant(STORED_BYTES, figures::bytes))),
        Column::numbers("stored values", each(facts, constant(STORED_FLOATS, figures::count))),
        Column::numbers("steps", each(facts, constant(STEPS, whole))),
        Column::numbers("test images", each(facts, constant(TEST_IMAGES, whole))),
        Column::numbers("ms an image", each(facts, latency)),
        Column::numbers("J per 1000", each(facts, thousand)),
    ]
}
