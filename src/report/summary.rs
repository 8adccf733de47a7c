//! Runs grouped over the replicates: mean, spread and interval. Knows no file and no terminal.
//!
//! Replicate axes are nested, outermost first: with `replicates = ["set", "network_seed"]` the networks of a set are
//! averaged, and the sets are the sample. So `n`, the standard deviation and the interval are over sets: they say how
//! the mean would move with other draws of the *outermost* axis, on these very test images. An axis that no run of a
//! group reads is left out of the nesting. Runs that rest on the same scores count once.

use std::collections::BTreeSet;

use super::cells::{Cell, Table};
use super::launch::Launch;
use super::runs::{Row, axis_column};
use super::statistics::{Spread, wilson};
use crate::energy::Class;

/// Runs that differ in replicates only.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub experiment: String,
    pub launch: String,
    pub dataset: String,
    pub evaluate: String,
    /// Axes that are no replicates, in order; blank where the group does not read one.
    pub axes: Vec<(String, String)>,
    /// Replicate axes that the group reads, outermost first.
    pub over: Vec<String>,
    /// Runs in the experiment.
    pub runs: usize,
    /// Those of them that failed, or did not come to their scores.
    pub without_scores: usize,
    /// Runs with scores, one for each distinct artifact.
    pub rows: Vec<Row>,
}

/// Something that is averaged: its name, with the unit, and where a row keeps it.
pub type Quantity = (&'static str, fn(&Row) -> Option<f64>);

pub const ACCURACY: Quantity = ("accuracy", |row| row.scores.accuracy);
/// Chosen on the test split: for reporting alone.
pub const BEST_ON_TEST: Quantity = ("best_test_accuracy", |row| row.training.best_test_accuracy);
pub const TRAIN_SECS: Quantity = ("train_secs", |row| row.train_secs);
/// Of the networks that were trained for the distillation.
pub const TEACHER_SECS: Quantity = ("teacher_secs", |row| row.origin.teacher_secs);
pub const DISTIL_SECS: Quantity = ("distil_secs", |row| row.origin.distil_secs);
pub const TOTAL_SECS: Quantity = ("total_secs", |row| row.total_secs);
pub const ENERGY: Quantity = ("energy_joules", |row| row.energy_joules);
pub const COST: Quantity = ("cost", |row| row.cost);
pub const CO2: Quantity = ("co2_g", |row| row.co2_g);
pub const JOULES_PER_1000: Quantity = ("joules_per_1000_inferences", |row| row.joules_per_1000);
pub const TRIALS_SECS: Quantity = ("trials_secs", |row| row.chosen.trials_secs);

/// Everything that is averaged. Shares are in 0..1.
pub const QUANTITIES: &[Quantity] = &[
    ACCURACY,
    ("top5_accuracy", |row| row.scores.top5_accuracy),
    ("loss", |row| row.scores.loss),
    TRAIN_SECS,
    TOTAL_SECS,
    ENERGY,
    COST,
    CO2,
    TRIALS_SECS,
    JOULES_PER_1000,
    ("trials_joules", |row| row.chosen.trials_joules),
];

/// Something that tends to be the same for all runs of a group, and is shown only if it is.
pub type Constant = (&'static str, fn(&Row) -> Option<u64>);

pub const STEPS: Constant = ("steps", |row| row.training.steps);
pub const PARAMETERS: Constant = ("parameters", |row| row.network.parameters);
pub const MULTIPLY_ADDS: Constant = ("multiply_adds", |row| row.costs.multiply_adds);
pub const STORED_BYTES: Constant = ("stored_bytes", |row| row.stored_bytes);
/// Values of a distilled set's images, labels and codes.
pub const STORED_FLOATS: Constant = ("stored_floats", |row| row.origin.images.stored_floats());
pub const IMAGES_TRAINED_ON: Constant = ("images_trained_on", |row| row.training.images);
pub const TEST_IMAGES: Constant = ("test_images", |row| row.scores.images);

const CONSTANTS: &[Constant] =
    &[STEPS, PARAMETERS, MULTIPLY_ADDS, STORED_BYTES, IMAGES_TRAINED_ON, TEST_IMAGES];

/// Groups in the order in which their first runs come.
pub fn groups(launch: &Launch, rows: &[Row]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let axes: Vec<(String, String)> =
            launch.group_axes().map(|axis| (axis.clone(), value(row, axis).to_string())).collect();
        let same = |group: &&mut Group| {
            group.axes == axes && group.evaluate == row.evaluate && group.dataset == row.dataset
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.take(row),
            None => {
                let mut group = Group::empty(row, axes);
                group.take(row);
                groups.push(group);
            }
        }
    }
    for group in &mut groups {
        let read = |axis: &&String| group.rows.iter().any(|row| !value(row, axis).is_empty());
        group.over = launch.replicates.iter().filter(read).cloned().collect();
    }
    groups
}

fn value<'a>(row: &'a Row, axis: &str) -> &'a str {
    row.axes.get(axis).map_or("", String::as_str)
}

impl Group {
    fn empty(row: &Row, axes: Vec<(String, String)>) -> Group {
        Group {
            experiment: row.experiment.clone(),
            launch: row.launch.clone(),
            dataset: row.dataset.clone(),
            evaluate: row.evaluate.clone(),
            axes,
            over: Vec::new(),
            runs: 0,
            without_scores: 0,
            rows: Vec::new(),
        }
    }

    fn take(&mut self, row: &Row) {
        self.runs += 1;
        if row.scores.accuracy.is_none() {
            self.without_scores += 1;
        } else if !self.rows.iter().any(|other| other.evaluate_key == row.evaluate_key) {
            self.rows.push(row.clone());
        }
    }

    /// Mean and spread of a quantity, inner replicates averaged first; `None` where no run has it.
    pub fn spread(&self, (_, get): Quantity) -> Option<Spread> {
        Spread::of(&values(named_means(&self.rows.iter().collect::<Vec<_>>(), &self.over, get)))
    }

    /// The values of a quantity that its spread is over: by value of the outermost replicate axis, inner ones averaged.
    pub fn units(&self, (_, get): Quantity) -> Vec<(String, f64)> {
        named_means(&self.rows.iter().collect::<Vec<_>>(), &self.over, get)
    }

    /// Runs by value of the outermost replicate axis.
    pub fn runs_by_unit(&self) -> Vec<(&str, Vec<&Row>)> {
        units(&self.rows.iter().collect::<Vec<_>>(), self.sample())
    }

    /// The value that all runs share, to a thousandth: sets of equally many images differ by the length of a few names.
    pub fn constant(&self, (_, get): Constant) -> Option<u64> {
        let values = self.rows.iter().map(get).collect::<Option<Vec<u64>>>()?;
        let (least, most) = (*values.iter().min()?, *values.iter().max()?);
        let mean = values.iter().sum::<u64>() / values.len() as u64;
        (most - least <= most / 1000).then_some(mean)
    }

    /// Runs that stopped while they still improved.
    pub fn undertrained(&self) -> usize {
        self.rows.iter().filter(|row| row.training.undertrained() == Some(true)).count()
    }

    /// The values of an axis that its runs' settings were chosen to have: `0.01`, or `0.01, 0.03`; empty for none.
    pub fn chosen(&self, axis: &str) -> String {
        let values: BTreeSet<&str> =
            self.rows.iter().filter_map(|row| row.chosen.values.get(axis)).map(String::as_str).collect();
        values.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// All that was chosen: `lr=0.01, decay=0.0005`; empty for nothing.
    pub fn all_chosen(&self) -> String {
        let axes: BTreeSet<&String> = self.rows.iter().flat_map(|row| row.chosen.values.keys()).collect();
        let pair = |axis: &String| format!("{axis}={}", self.chosen(axis));
        axes.into_iter().map(pair).collect::<Vec<_>>().join(", ")
    }

    /// Runs that rest on weights made elsewhere.
    pub fn upstream(&self) -> usize {
        self.rows.iter().filter(|row| row.upstream).count()
    }

    /// The outermost replicate axis: what `n` counts and the interval is over; empty where nothing is replicated.
    pub fn sample(&self) -> &str {
        self.over.first().map_or("", String::as_str)
    }

    /// Wilson's 95 % interval of the mean accuracy over as many test images as a run had; `None` where runs had
    /// unequally many, or nothing was scored.
    pub fn wilson(&self) -> Option<(f64, f64)> {
        let images = self.constant(TEST_IMAGES).filter(|images| *images > 0)?;
        Some(wilson(self.spread(ACCURACY)?.mean.clamp(0.0, 1.0), images as f64))
    }

    /// The worst class of its energies; `None` where a run has none.
    pub fn energy_class(&self) -> Option<Class> {
        let class =
            |row: &Row| row.energy.drawn.filter(|drawn| drawn.joules.is_some()).map(|drawn| drawn.class);
        self.rows.iter().map(class).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// What its energies were taken under, each once: those of groups with unlike ones are not set against each other.
    pub fn energy_basis(&self) -> BTreeSet<&str> {
        self.rows.iter().map(|row| row.energy.basis.as_str()).collect()
    }

    pub fn axis(&self, name: &str) -> &str {
        self.axes.iter().find(|(axis, _)| axis == name).map_or("", |(_, value)| value)
    }
}

/// One value for each value of the outermost axis: the mean of those one level further in.
fn named_means(rows: &[&Row], over: &[String], get: fn(&Row) -> Option<f64>) -> Vec<(String, f64)> {
    let Some((outer, inner)) = over.split_first() else {
        return rows.iter().filter_map(|row| Some((String::new(), get(row)?))).collect();
    };
    let mean = |(unit, rows): (&str, Vec<&Row>)| {
        Some((unit.to_string(), Spread::of(&values(named_means(&rows, inner, get)))?.mean))
    };
    units(rows, outer).into_iter().filter_map(mean).collect()
}

fn values(named: Vec<(String, f64)>) -> Vec<f64> {
    named.into_iter().map(|(_, value)| value).collect()
}

/// Runs by value of an axis, in the order of first appearance.
fn units<'a>(rows: &[&'a Row], axis: &str) -> Vec<(&'a str, Vec<&'a Row>)> {
    let mut units: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in rows {
        let unit = value(row, axis);
        match units.iter_mut().find(|(known, _)| *known == unit) {
            Some((_, rows)) => rows.push(row),
            None => units.push((unit, vec![row])),
        }
    }
    units
}

/// `summary.csv`: a row a group. `n`, `sd` and the 95 % interval (`low_95`, `high_95`, Student's t) are over the axis
/// that the column `over` names. The interval of `accuracy_wilson` is over test images: that of the mean accuracy on as
/// many as one run was scored on.
pub fn table(launch: &Launch, groups: &[Group]) -> Table {
    let axes: Vec<&String> = launch.group_axes().collect();
    let quantities = QUANTITIES
        .iter()
        .flat_map(|(name, _)| ["mean", "sd", "low_95", "high_95"].map(|what| format!("{name}_{what}")));
    let fixed = [
        "experiment",
        "launch",
        "dataset",
        "evaluate",
        "runs",
        "artifacts",
        "n",
        "over",
        "undertrained",
        "energy_class",
        "chosen",
    ];
    let constants = CONSTANTS.iter().map(|(name, _)| *name);
    let taken: Vec<&str> = fixed.iter().copied().chain(constants.clone()).collect();
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let columns = names(&fixed[..3])
        .into_iter()
        .chain(axes.iter().map(|axis| axis_column(axis, &taken)))
        .chain(names(&fixed[3..8]))
        .chain(quantities)
        .chain(constants.map(str::to_string))
        .chain(names(&fixed[8..]))
        .chain(names(&["accuracy_wilson_low_95", "accuracy_wilson_high_95"]))
        .chain(names(&["teacher_secs_mean", "distil_secs_mean", "stored_floats"]));
    let mut table = Table::new(columns);
    table.rows = groups.iter().map(cells).collect();
    table
}

fn cells(group: &Group) -> Vec<Cell> {
    let mut cells =
        vec![Cell::text(&group.experiment), Cell::text(&group.launch), Cell::text(&group.dataset)];
    cells.extend(group.axes.iter().map(|(_, value)| Cell::text(value)));
    let n = group.spread(ACCURACY).map_or(0, |spread| spread.n);
    cells.extend([
        Cell::text(&group.evaluate),
        Cell::Count(group.runs as u64),
        Cell::Count(group.rows.len() as u64),
        Cell::Count(n as u64),
        Cell::text(group.sample()),
    ]);
    for quantity in QUANTITIES {
        let spread = group.spread(*quantity);
        let interval = spread.and_then(|spread| spread.interval());
        cells.push(spread.map(|spread| spread.mean).into());
        cells.push(spread.and_then(|spread| spread.sd).into());
        cells.push(interval.map(|(low, _)| low).into());
        cells.push(interval.map(|(_, high)| high).into());
    }
    cells.extend(CONSTANTS.iter().map(|constant| Cell::from(group.constant(*constant))));
    cells.push(Cell::Count(group.undertrained() as u64));
    cells.push(group.energy_class().map_or(Cell::Missing, |class| Cell::text(class.name())));
    cells.push(Cell::text(group.all_chosen()));
    let wilson = group.wilson();
    cells.extend([wilson.map(|(low, _)| low), wilson.map(|(_, high)| high)].map(Cell::from));
    let mean = |quantity| Cell::from(group.spread(quantity).map(|spread| spread.mean));
    cells.extend([mean(TEACHER_SECS), mean(DISTIL_SECS), group.constant(STORED_FLOATS).into()]);
    cells
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::super::runs::rows;
    use super::*;

    fn groups_of(fixture: &Fixture) -> Vec<Group> {
        groups(&fixture.launch, &rows(&fixture.stored()).unwrap())
    }

    #[test]
    fn replicates_are_averaged_and_counted() {
        let groups = groups_of(&Fixture::birds());
        assert_eq!(groups.len(), 4);
        let spread = groups[0].spread(ACCURACY).unwrap();
        // 0.80, 0.82, 0.84
        assert!((spread.mean - 0.82).abs() < 1e-12 && (spread.sd.unwrap() - 0.02).abs() < 1e-12);
        assert_eq!((spread.n, groups[0].sample()), (3, "seed"));
        assert_eq!(groups[0].constant(PARAMETERS), Some(14_724_042));
    }

    #[test]
    fn networks_are_averaged_within_a_set_and_the_spread_is_over_sets() {
        let fixture = Fixture::sets(&[&[0.50, 0.54], &[0.60, 0.64], &[0.40, 0.44]]);
        let groups = groups_of(&fixture);
        let spread = groups[0].spread(ACCURACY).unwrap();
        // Means of the sets: 0.52, 0.62, 0.42.
        assert!((spread.mean - 0.52).abs() < 1e-12 && (spread.sd.unwrap() - 0.1).abs() < 1e-12);
        assert_eq!((spread.n, groups[0].rows.len(), groups[0].sample()), (3, 6, "set"));
    }

    #[test]
    fn a_set_with_more_networks_weighs_no_more_than_the_others() {
        let groups = groups_of(&Fixture::sets(&[&[0.5], &[0.7, 0.7, 0.7]]));
        assert!((groups[0].spread(ACCURACY).unwrap().mean - 0.6).abs() < 1e-12);
    }

    #[test]
    fn runs_that_rest_on_the_same_scores_count_once() {
        let mut fixture = Fixture::birds();
        let key = fixture.launch.stages[fixture.launch.runs[0].evaluate].key.clone();
        let second = fixture.launch.runs[1].evaluate;
        fixture.launch.stages[second].key = key;
        let group = &groups_of(&fixture)[0];
        assert_eq!((group.runs, group.rows.len(), group.spread(ACCURACY).unwrap().n), (3, 2, 2));
    }

    #[test]
    fn sizes_that_differ_by_the_length_of_a_name_are_one_and_others_are_none() {
        let mut group = groups_of(&Fixture::birds()).swap_remove(0);
        let mut shown = |sizes: [u64; 3]| {
            for (row, size) in group.rows.iter_mut().zip(sizes) {
                row.stored_bytes = Some(size);
            }
            group.constant(STORED_BYTES)
        };
        assert_eq!(shown([35_765, 35_766, 35_766]), Some(35_765));
        assert_eq!(shown([35_765, 35_766, 36_000]), None);
    }

    #[test]
    fn a_failed_run_is_no_zero() {
        let group = &groups_of(&Fixture::birds().with_failed_run(0))[0];
        let spread = group.spread(ACCURACY).unwrap();
        assert_eq!((group.runs, spread.n), (3, 2));
        assert!((spread.mean - 0.83).abs() < 1e-12);
    }

    #[test]
    fn one_replicate_has_a_mean_and_an_empty_spread() {
        let fixture = Fixture::sets(&[&[0.5]]);
        let table = table(&fixture.launch, &groups_of(&fixture));
        let cell = |name: &str| {
            table.rows[0][table.columns.iter().position(|column| column == name).unwrap()].plain()
        };
        assert_eq!(["accuracy_mean", "accuracy_sd", "accuracy_low_95", "n"].map(cell), ["0.5", "", "", "1"]);
        assert_eq!(table.columns.len(), table.rows[0].len());
    }
}
