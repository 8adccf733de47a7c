//! The files of a launch's folder that other programs read: `runs.csv`, `summary.csv`, `curves.csv`, `confusion.csv`,
//! `stages.csv`, `emissions.csv`, and `trials.csv` where settings were chosen. Columns keep their meaning once released.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::cells::{Cell, Table};
use super::confusion::Confusion;
use super::drawn::Drawn;
use super::launch::Launch;
use super::runs::axis_column;
use super::stored::Stored;
use super::{emissions, runs, summary};
use crate::energy::Joules;
use crate::engine::Store;
use crate::recipe::files;

/// Writes the tables into `folder` and says where they are. `confusion.csv` has a row for each pair of classes
/// that occurred.
///
/// # Errors
/// When an artifact holds a file that cannot be read, or a table cannot be written.
pub fn write_tables(launch: &Launch, store: &Store, folder: &Path) -> Result<Vec<PathBuf>> {
    let stored = Stored::new(launch, store);
    let rows = runs::rows(&stored)?;
    let groups = summary::groups(launch, &rows);
    let tables = [
        ("runs.csv", runs::table(&launch.axes, &rows)),
        ("summary.csv", summary::table(launch, &groups)),
        ("curves.csv", gathered(&stored, files::CURVES, read_csv)?),
        ("confusion.csv", gathered(&stored, files::CONFUSION, |path| Ok(Confusion::read(path)?.pairs()))?),
        ("stages.csv", stages(&stored)),
        ("emissions.csv", emissions::table(&stored)),
    ];
    let trials = gathered(&stored, files::TRIALS, read_csv)?;
    let trials = Some(("trials.csv", trials)).filter(|(_, trials)| !trials.rows.is_empty());
    let mut written = Vec::new();
    for (name, table) in tables.into_iter().chain(trials) {
        let path = folder.join(name);
        fs::write(&path, table.csv()?).with_context(|| format!("cannot write `{}`", path.display()))?;
        written.push(path);
    }
    Ok(written)
}

/// Columns of `stages.csv`; the axes stand behind the third.
const STAGES: [&str; 19] = [
    "label",
    "kind",
    "name",
    "dataset",
    "state",
    "took_secs",
    "cpu_secs",
    "spent_secs",
    "energy_joules",
    "energy_class",
    "energy_method",
    "energy_error_joules",
    "processor_joules",
    "memory_joules",
    "gpu_joules",
    "spent_joules",
    "stored_bytes",
    "reason",
    "key",
];

/// `stages.csv`: a row a stage. `took_secs` and `cpu_secs` are what making the artifact took, whenever that was;
/// `spent_secs` is what this launch spent on it. So are `energy_joules` and `spent_joules`.
fn stages(stored: &Stored) -> Table {
    let launch = stored.launch;
    let axes = launch.axes.iter().map(|axis| axis_column(axis, &STAGES));
    let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let mut table = Table::new(names(&STAGES[..3]).into_iter().chain(axes).chain(names(&STAGES[3..])));
    for (index, stage) in launch.stages.iter().enumerate() {
        let made = stored.made(index);
        let mut row = vec![Cell::text(&stage.label), Cell::text(&stage.kind), Cell::text(&stage.name)];
        row.extend(launch.axes.iter().map(|axis| axis_value(stored, index, axis)));
        row.extend([
            Cell::text(stage.dataset().unwrap_or_default()),
            Cell::text(stage.state.name()),
            made.map(|made| made.took_secs).into(),
            made.and_then(|made| made.cpu_secs).into(),
            Cell::Number(stage.spent_secs),
        ]);
        row.extend(energy(made.and_then(|made| made.drawn)));
        row.extend([
            stage.spent_joules.map(Joules::value).into(),
            made.map(|made| made.bytes).into(),
            Cell::text(&stage.reason),
            Cell::text(stage.key.as_deref().unwrap_or_default()),
        ]);
        table.rows.push(row);
    }
    table
}

/// Empty where nothing is known; never 0 for that.
fn energy(drawn: Option<Drawn>) -> [Cell; 7] {
    let joules =
        |get: fn(&Drawn) -> Option<Joules>| Cell::from(drawn.as_ref().and_then(get).map(Joules::value));
    let name = |get: fn(&Drawn) -> &'static str| {
        drawn.as_ref().map_or(Cell::Missing, |drawn| Cell::text(get(drawn)))
    };
    [
        joules(|drawn| drawn.joules),
        name(|drawn| drawn.class.name()),
        name(|drawn| drawn.method.name()),
        joules(|drawn| drawn.error_joules),
        joules(|drawn| drawn.processor_joules),
        joules(|drawn| drawn.memory_joules),
        joules(|drawn| drawn.gpu_joules),
    ]
}

fn axis_value(stored: &Stored, stage: usize, axis: &str) -> Cell {
    Cell::text(stored.launch.stages[stage].axes.get(axis).map_or("", String::as_str))
}

/// The rows of the table `file` of every stage that has one, with the stage and its axes in front. A column that only
/// some files have is empty in the rows of the others.
fn gathered(stored: &Stored, file: &str, read: fn(&Path) -> Result<Table>) -> Result<Table> {
    let launch = stored.launch;
    let mut columns: Vec<String> = Vec::new();
    let mut rows: Vec<(usize, Vec<(usize, Cell)>)> = Vec::new();
    for stage in 0..launch.stages.len() {
        let Some(path) = stored.content(stage, file) else { continue };
        let table = read(&path)?;
        let places: Vec<usize> = table.columns.iter().map(|column| place(&mut columns, column)).collect();
        rows.extend(table.rows.into_iter().map(|row| (stage, places.iter().copied().zip(row).collect())));
    }
    let fixed: Vec<&str> =
        ["experiment", "stage"].into_iter().chain(columns.iter().map(String::as_str)).collect();
    let axes = launch.axes.iter().map(|axis| axis_column(axis, &fixed));
    let mut table = Table::new(
        ["experiment", "stage"].map(str::to_string).into_iter().chain(axes).chain(columns.clone()),
    );
    for (stage, values) in rows {
        let mut row = vec![Cell::text(&launch.experiment), Cell::text(&launch.stages[stage].name)];
        row.extend(launch.axes.iter().map(|axis| axis_value(stored, stage, axis)));
        let start = row.len();
        row.resize(start + columns.len(), Cell::Missing);
        for (place, value) in values {
            row[start + place] = value;
        }
        table.rows.push(row);
    }
    Ok(table)
}

/// A CSV file as it is.
pub(super) fn read_csv(path: &Path) -> Result<Table> {
    let damaged = || format!("`{}` is no table", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(damaged)?;
    let mut table = Table::new(reader.headers().with_context(damaged)?);
    for record in reader.records() {
        table.rows.push(record.with_context(damaged)?.iter().map(Cell::text).collect());
    }
    Ok(table)
}

fn place(columns: &mut Vec<String>, column: &str) -> usize {
    columns.iter().position(|known| known == column).unwrap_or_else(|| {
        columns.push(column.to_string());
        columns.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    fn written(fixture: &Fixture, name: &str) -> String {
        let folder = fixture.folder();
        let paths = write_tables(&fixture.launch, &fixture.store, &folder).unwrap();
        let path = paths.iter().find(|path| path.ends_with(name)).unwrap();
        fs::read_to_string(path).unwrap()
    }

    fn head(text: &str, lines: usize) -> String {
        text.lines().take(lines).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn runs_csv_reads_as_documented() {
        insta::assert_snapshot!(head(&written(&Fixture::birds(), "runs.csv"), 2));
    }

    #[test]
    fn summary_csv_reads_as_documented() {
        insta::assert_snapshot!(head(&written(&Fixture::birds(), "summary.csv"), 2));
    }

    #[test]
    fn stages_csv_says_what_became_of_each_stage() {
        insta::assert_snapshot!(head(&written(&Fixture::birds().with_failed_run(0), "stages.csv"), 6));
    }

    #[test]
    fn curves_and_confusions_are_gathered_with_their_axes() {
        let fixture = Fixture::birds();
        let curves = written(&fixture, "curves.csv");
        assert_eq!(
            head(&curves, 3),
            "experiment,stage,arm,network,seed,step,valid_accuracy\nverdict,net,full,vgg16-bn,0,300,0.5\nverdict,net,full,vgg16-bn,0,600,0.8"
        );
        assert_eq!(curves.lines().count(), 1 + 12 * 2);
        let confusion = written(&fixture, "confusion.csv");
        assert_eq!(
            head(&confusion, 2),
            "experiment,stage,arm,network,seed,true,predicted,count\nverdict,score,full,vgg16-bn,0,bulbul,bulbul,40"
        );
    }

    #[test]
    fn files_with_other_columns_share_a_table() {
        let fixture = Fixture::birds();
        let train = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
        fixture.file(train, "curves.csv", "step,lr\n1,0.5\n");
        let curves = written(&fixture, "curves.csv");
        assert_eq!(
            head(&curves, 3),
            "experiment,stage,arm,network,seed,step,lr,valid_accuracy\nverdict,net,full,vgg16-bn,0,1,0.5,\nverdict,net,full,vgg16-bn,1,300,,0.5"
        );
    }

    #[test]
    fn a_launch_without_runs_has_tables_of_headers() {
        let mut fixture = Fixture::birds();
        fixture.launch.runs.clear();
        assert_eq!(written(&fixture, "runs.csv").lines().count(), 1);
    }
}
