//! A comparison as data: a row a group, at full precision.

use super::super::cells::{Cell, Table};
use super::super::judge::{Judged, Opinion};
use super::super::protocol::{Standing, standings};
use super::super::sides::{Side, Sides};
use super::super::statistics::{Finding, sign_flip};
use super::super::summary::{
    ACCURACY, BEST_ON_TEST, CO2, COST, Constant, DISTIL_SECS, ENERGY, IMAGES_TRAINED_ON, JOULES_PER_1000,
    MULTIPLY_ADDS, PARAMETERS, Quantity, STEPS, STORED_BYTES, STORED_FLOATS, TEACHER_SECS, TEST_IMAGES,
    TOTAL_SECS, TRAIN_SECS, TRIALS_SECS,
};

const MEANS: &[Quantity] = &[TRAIN_SECS, TOTAL_SECS];
const CONSTANTS: &[Constant] =
    &[PARAMETERS, MULTIPLY_ADDS, STORED_BYTES, IMAGES_TRAINED_ON, STEPS, TEST_IMAGES];
const METERED: &[Quantity] = &[ENERGY, COST, CO2, JOULES_PER_1000, TRIALS_SECS];

/// `difference` columns are to the group that has the baseline's value and agrees in everything else, and empty where
/// there is none. `accuracy_difference_low_95` is Welch's; the columns from `test` on are of the test that fits.
pub fn table(sides: &Sides, judged: &[Option<Judged>], only_diff: bool) -> Table {
    let labels = sides
        .sides
        .first()
        .map_or(Vec::new(), |side| side.labels.iter().map(|(name, _)| name.clone()).collect());
    let means = |quantities: &[Quantity]| -> Vec<String> {
        quantities.iter().flat_map(|(name, _)| [format!("{name}_mean"), format!("{name}_ratio")]).collect()
    };
    let constants = CONSTANTS.iter().map(|(name, _)| name.to_string());
    let columns = labels
        .into_iter()
        .chain(ACCURACIES.map(str::to_string))
        .chain(means(MEANS))
        .chain(constants)
        .chain(["undertrained".to_string()])
        .chain(JUDGED.map(str::to_string))
        .chain(means(METERED))
        .chain(["energy_class", "chosen"].map(str::to_string))
        .chain(PROTOCOL.map(str::to_string));
    let mut table = Table::new(columns);
    let groups: Vec<_> = sides.sides.iter().map(|side| &side.group).collect();
    let rows = sides.sides.iter().zip(judged).zip(standings(&groups));
    table.rows = rows
        .map(|((side, judged), standing)| {
            let mut cells = cells(sides, side, judged.as_ref());
            cells.extend(protocol(side, &standing));
            cells
        })
        .collect();
    if only_diff && table.rows.len() > 1 {
        table.keep_columns(|name, cells| {
            name.starts_with("accuracy") || name == "n" || cells.windows(2).any(|pair| pair[0] != pair[1])
        });
    }
    table
}

/// Of the distillation literature: seconds of each part, and how a set stands between random images and full data.
const PROTOCOL: [&str; 9] = [
    "teacher_secs_mean",
    "distil_secs_mean",
    "best_test_accuracy_mean",
    "relative_accuracy",
    "hlr",
    "ior",
    "lrs",
    "ars",
    "stored_floats",
];

fn protocol(side: &Side, standing: &Standing) -> [Cell; 9] {
    let mean = |quantity: Quantity| Cell::from(side.group.spread(quantity).map(|spread| spread.mean));
    let Standing { relative, hlr, ior, lrs, ars } = *standing;
    [
        mean(TEACHER_SECS),
        mean(DISTIL_SECS),
        mean(BEST_ON_TEST),
        relative.into(),
        hlr.into(),
        ior.into(),
        lrs.into(),
        ars.into(),
        side.group.constant(STORED_FLOATS).into(),
    ]
}

const ACCURACIES: [&str; 9] = [
    "n",
    "over",
    "accuracy_mean",
    "accuracy_sd",
    "accuracy_low_95",
    "accuracy_high_95",
    "accuracy_difference",
    "accuracy_difference_low_95",
    "accuracy_difference_high_95",
];

fn cells(sides: &Sides, side: &Side, judged: Option<&Judged>) -> Vec<Cell> {
    let mut cells: Vec<Cell> = side.labels.iter().map(|(_, value)| Cell::text(value)).collect();
    cells.extend(accuracies(sides, side));
    let mean = |cells: &mut Vec<Cell>, quantity: &Quantity| {
        cells.push(side.group.spread(*quantity).map(|spread| spread.mean).into());
        cells.push(sides.ratio(side, *quantity).into());
    };
    MEANS.iter().for_each(|quantity| mean(&mut cells, quantity));
    cells.extend(CONSTANTS.iter().map(|constant| Cell::from(side.group.constant(*constant))));
    cells.push(Cell::Count(side.group.undertrained() as u64));
    cells.extend(judgement(side, judged));
    METERED.iter().for_each(|quantity| mean(&mut cells, quantity));
    cells.push(side.group.energy_class().map_or(Cell::Missing, |class| Cell::text(class.name())));
    cells.push(Cell::text(side.group.all_chosen()));
    cells
}

fn accuracies(sides: &Sides, side: &Side) -> [Cell; 9] {
    let spread = side.group.spread(ACCURACY);
    let interval = spread.and_then(|spread| spread.interval());
    let difference = sides.difference(side, ACCURACY);
    let between = difference.and_then(|difference| difference.interval);
    [
        Cell::Count(spread.map_or(0, |spread| spread.n) as u64),
        Cell::text(side.group.sample()),
        spread.map(|spread| spread.mean).into(),
        spread.and_then(|spread| spread.sd).into(),
        interval.map(|(low, _)| low).into(),
        interval.map(|(_, high)| high).into(),
        difference.map(|difference| difference.mean).into(),
        between.map(|(low, _)| low).into(),
        between.map(|(_, high)| high).into(),
    ]
}

const JUDGED: [&str; 13] = [
    "accuracy_wilson_low_95",
    "accuracy_wilson_high_95",
    "test",
    "test_low_95",
    "test_high_95",
    "pairs",
    "sign_flip_p",
    "p",
    "p_holm",
    "margin",
    "margin_low_95",
    "margin_high_95",
    "within_margin",
];

/// `within_margin` is `shown`, `not shown`, `worse` or, with its reason, `no verdict`.
fn judgement(side: &Side, judged: Option<&Judged>) -> [Cell; 13] {
    let wilson = side.group.wilson();
    let between = judged.and_then(|judged| judged.interval);
    let pairs = judged.and_then(|judged| judged.pairs.as_ref());
    let opinion = judged.and_then(|judged| judged.opinion.as_ref());
    let verdict = match opinion {
        Some(Opinion::Given(verdict)) => Some(verdict),
        _ => None,
    };
    let within = match opinion {
        None => String::new(),
        Some(Opinion::Withheld(reason)) => format!("no verdict: {reason}"),
        Some(Opinion::Given(verdict)) => match verdict.finding {
            Finding::Shown => "shown".to_string(),
            Finding::NotShown(_) => "not shown".to_string(),
            Finding::Worse => "worse".to_string(),
        },
    };
    [
        wilson.map(|(low, _)| low).into(),
        wilson.map(|(_, high)| high).into(),
        Cell::text(judged.map_or("", |judged| judged.test.name())),
        between.map(|(low, _)| low).into(),
        between.map(|(_, high)| high).into(),
        pairs.map(|pairs| pairs.differences.len() as u64).into(),
        pairs.and_then(|pairs| sign_flip(&pairs.differences)).into(),
        judged.and_then(|judged| judged.p).into(),
        judged.and_then(|judged| judged.p_holm).into(),
        verdict.map(|verdict| verdict.margin).into(),
        verdict.map(|verdict| verdict.interval.0).into(),
        verdict.map(|verdict| verdict.interval.1).into(),
        Cell::text(within),
    ]
}
