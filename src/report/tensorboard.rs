//! Curves of stages as TensorBoard reads them: a folder a stage, an event file in it. Knows TensorBoard by its file
//! format alone: records of TFRecord, messages of `Event` (`event.proto`, `summary.proto`).

mod event;
mod live;
mod record;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

use super::launch::Launch;
use super::stored::Stored;
use super::trace;
use crate::engine::Store;
use crate::recipe::files;
use event::Event;

pub use live::LiveCurves;

/// When the points of a curve were reached, beside the artifact.
const TIMES: &str = "curve_times.csv";

const EVENT_FILE: &str = "events.out.tfevents.";

/// Columns of a curve that are no figures but places.
const PLACES: [&str; 2] = ["step", "epoch"];

/// Writes an event file for every stage of the launch that left a curve, below `to`, in a folder of the stage's label, over
/// what an earlier call left there. How many there are.
///
/// # Errors
/// A curve cannot be read, or a file not be written.
pub fn write_tensorboard(launch: &Launch, store: &Store, to: &Path) -> Result<usize> {
    let stored = Stored::new(launch, store);
    let mut written = 0;
    for stage in 0..launch.stages.len() {
        let Some(curve) = stored.content(stage, files::CURVES) else { continue };
        let events = events(&stored, stage, &curve)?;
        write(&to.join(folder_name(&launch.stages[stage].label)), &events)?;
        written += 1;
    }
    Ok(written)
}

/// The label, but for what folders are told apart by.
fn folder_name(label: &str) -> String {
    label.replace(['/', '\\'], "_")
}

/// The name of a file whose first event is of that second; by its beginning TensorBoard knows it.
fn event_file(unix_secs: f64) -> String {
    format!("{EVENT_FILE}{unix_secs:.0}.pipeline")
}

fn write(folder: &Path, events: &[Event]) -> Result<()> {
    let failed = || format!("cannot write to `{}`", folder.display());
    fs::create_dir_all(folder).with_context(failed)?;
    for old in fs::read_dir(folder).with_context(failed)?.flatten() {
        // Two files in one folder would be shown as one curve that goes back.
        if old.file_name().to_string_lossy().starts_with(EVENT_FILE) {
            fs::remove_file(old.path()).with_context(failed)?;
        }
    }
    let first = events.first().map_or(0.0, |event| event.wall_time);
    let mut file = BufWriter::new(File::create(folder.join(event_file(first))).with_context(failed)?);
    for event in events {
        file.write_all(&record::record(&event.encode())).with_context(failed)?;
    }
    file.flush().with_context(failed)
}

/// The version, then a scalar for each figure of each point.
fn events(stored: &Stored, stage: usize, curve: &Path) -> Result<Vec<Event>> {
    let rows = columns(curve)?;
    let times = stored.measured(stage, TIMES).map_or(Ok(Vec::new()), |path| columns(&path))?;
    let secs: BTreeMap<i64, f64> =
        times.iter().filter_map(|row| Some((step(row)?, *row.get("secs")?))).collect();
    let began = stored.artifact(stage).map_or(0.0, |artifact| unix_secs(&artifact.receipt.started_at));
    let timed: Vec<f64> = secs.values().copied().collect();
    let joules = trace::joules_at(stored, stage, &timed)?.unwrap_or_default();
    let joules: BTreeMap<i64, f64> = secs.keys().copied().zip(joules).collect();
    let mut events = vec![Event::version(began)];
    for row in &rows {
        let Some(step) = step(row) else { continue };
        let wall_time = began + secs.get(&step).copied().unwrap_or(0.0);
        let figures = row.iter().filter(|(name, _)| !PLACES.contains(&name.as_str()));
        let figures = figures.map(|(name, value)| (tag(name), *value));
        let energy = joules.get(&step).map(|joules| ("energy/joules".to_string(), *joules));
        events.extend(figures.chain(energy).map(|(tag, value)| Event::scalar(wall_time, step, tag, value)));
    }
    Ok(events)
}

fn step(row: &BTreeMap<String, f64>) -> Option<i64> {
    row.get("step").map(|step| *step as i64)
}

/// `valid_accuracy` → `accuracy/valid`, so that figures of one kind are shown together.
fn tag(column: &str) -> String {
    match column.split_once('_') {
        Some((split @ ("train" | "valid"), figure)) => format!("{figure}/{split}"),
        _ => column.to_string(),
    }
}

/// The numbers of a CSV file by column, row by row; cells that hold none are left out.
fn columns(path: &Path) -> Result<Vec<BTreeMap<String, f64>>> {
    let damaged = || format!("`{}` is no table", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(damaged)?;
    let names: Vec<String> = reader.headers().with_context(damaged)?.iter().map(str::to_string).collect();
    let row = |record: csv::Result<csv::StringRecord>| {
        let record = record.with_context(damaged)?;
        let numbers = names.iter().zip(&record);
        Ok(numbers.filter_map(|(name, cell)| Some((name.clone(), cell.parse().ok()?))).collect())
    };
    reader.records().map(row).collect()
}

/// Of `2026-03-14T09:26:53.589Z`, seconds since 1970; 0 where it is no such text.
fn unix_secs(text: &str) -> f64 {
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|part| part.parse::<f64>().ok());
    let parts = [0..4, 5..7, 8..10, 11..13, 14..16].map(number);
    let secs = text.get(17..).and_then(|rest| rest.trim_end_matches('Z').parse::<f64>().ok());
    let ([Some(year), Some(month), Some(day), Some(hour), Some(minute)], Some(secs)) = (parts, secs) else {
        return 0.0;
    };
    // Days from 1 March of year 0, so that leap days come last (Hinnant, "chrono-compatible low-level date algorithms").
    let (year, month) = if month > 2.0 { (year, month - 3.0) } else { (year - 1.0, month + 9.0) };
    let days = 365.0 * year + (year / 4.0).floor() - (year / 100.0).floor()
        + (year / 400.0).floor()
        + ((153.0 * month + 2.0) / 5.0).floor()
        + day
        - 719_469.0;
    86_400.0 * days + 3600.0 * hour + 60.0 * minute + secs
}

#[cfg(test)]
mod tests;
