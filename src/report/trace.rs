//! What a stage drew and used while it ran, as its meter wrote it down once a second. A stage that was over before has
//! no trace.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::stored::Stored;
use crate::energy::Joules;

/// The file beside an artifact.
const FILE: &str = "power.csv";

/// Readings at one moment; watts are means since the one before. `None` where nothing could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Reading {
    /// Since the attempt began.
    pub secs: f64,
    pub processor_watts: Option<f64>,
    pub memory_watts: Option<f64>,
    pub gpu_watts: Option<f64>,
    /// Threads that its own process kept busy.
    pub busy_threads: Option<f64>,
    pub resident_bytes: Option<f64>,
    /// Share of the time in which the GPU worked, 0..1.
    pub gpu_busy: Option<f64>,
    pub gpu_memory_bytes: Option<f64>,
}

impl Reading {
    /// Of all parts that could be read; `None` if none could.
    pub fn watts(&self) -> Option<f64> {
        let parts = [self.processor_watts, self.memory_watts, self.gpu_watts].into_iter().flatten();
        parts.reduce(|one, other| one + other)
    }
}

/// The trace of a stage's last attempt; empty where none was kept.
///
/// # Errors
/// It is there and cannot be read.
pub fn read(stored: &Stored, stage: usize) -> Result<Vec<Reading>> {
    let Some(path) = stored.measured(stage, FILE) else { return Ok(Vec::new()) };
    let damaged = || format!("`{}` is no trace", path.display());
    let mut reader = csv::Reader::from_path(&path).with_context(damaged)?;
    reader.deserialize().collect::<Result<_, _>>().with_context(damaged)
}

/// Joules that a stage had drawn at each of `times`, in seconds since its training began, of which the last is its end.
/// They follow the trace where there is one of all its attempts; else it is taken to have drawn evenly. `None` where its
/// energy is not known.
///
/// # Errors
/// A trace is there and cannot be read.
pub fn joules_at(stored: &Stored, stage: usize, times: &[f64]) -> Result<Option<Vec<f64>>> {
    let drawn = stored.made(stage).and_then(|made| Some((made.drawn?.joules?, made.took_secs)));
    let (Some((joules, took)), Some(end)) = (drawn, times.last().copied().filter(|end| *end > 0.0)) else {
        return Ok(None);
    };
    let attempts = stored.artifact(stage).map_or(1, |artifact| artifact.receipt.attempts);
    let readings = if attempts == 1 { read(stored, stage)? } else { Vec::new() };
    // What a stage does before it trains (loading) was drawn by then, too.
    let before = (took - end).max(0.0);
    let shares = Shares::of(&readings, before + end);
    let at = |secs: &f64| joules.value() * shares.at(before + secs);
    Ok(Some(times.iter().map(at).collect()))
}

/// The share of a stage's energy that was drawn by a moment.
struct Shares {
    /// (seconds, joules until then), from (0, 0) on.
    until: Vec<(f64, f64)>,
}

impl Shares {
    fn of(readings: &[Reading], end: f64) -> Shares {
        let mut until = vec![(0.0, 0.0)];
        let mut watts = 0.0;
        for reading in readings {
            let (secs, joules) = until[until.len() - 1];
            let known = reading.watts().filter(|_| reading.secs > secs && reading.secs <= end);
            let Some(now) = known else { continue };
            watts = now;
            until.push((reading.secs, joules + Joules::new(now * (reading.secs - secs)).value()));
        }
        // Without readings, evenly; after the last one, as before it.
        let (secs, joules) = until[until.len() - 1];
        let watts = if until.len() == 1 { 1.0 } else { watts };
        if end > secs {
            until.push((end, joules + watts * (end - secs)));
        }
        Shares { until }
    }

    fn at(&self, secs: f64) -> f64 {
        let all = self.until[self.until.len() - 1].1;
        if all <= 0.0 {
            return 1.0;
        }
        let after = self.until.iter().position(|(known, _)| *known >= secs);
        let Some(after) = after else { return 1.0 };
        let (end, joules) = self.until[after];
        let Some((start, before)) = after.checked_sub(1).map(|before| self.until[before]) else { return 0.0 };
        (before + (joules - before) * (secs - start) / (end - start)) / all
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    fn reading(secs: f64, watts: f64) -> Reading {
        Reading { secs, processor_watts: Some(watts), ..Reading::default() }
    }

    #[test]
    fn energy_follows_the_trace_and_goes_on_as_it_was_after_its_last_reading() {
        let shares = Shares::of(&[reading(1.0, 2.0), reading(2.0, 6.0)], 3.0);
        // 2 J, 8 J, and 14 J at the end.
        assert_eq!(
            [0.0, 0.5, 1.0, 2.0, 3.0, 9.0].map(|secs| shares.at(secs) * 14.0),
            [0.0, 1.0, 2.0, 8.0, 14.0, 14.0]
        );
    }

    #[test]
    fn without_a_trace_energy_is_drawn_evenly() {
        let shares = Shares::of(&[], 4.0);
        assert_eq!([0.0, 1.0, 4.0].map(|secs| shares.at(secs)), [0.0, 0.25, 1.0]);
        let fixture = Fixture::birds().with_energy(None);
        let train = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
        // 120 s of one thread at 4 W.
        let joules = joules_at(&fixture.stored(), train, &[60.0, 120.0]).unwrap().unwrap();
        assert_eq!(joules, [240.0, 480.0]);
    }

    #[test]
    fn a_stage_whose_energy_is_not_known_has_none_at_any_time() {
        let fixture = Fixture::birds();
        let train = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
        assert_eq!(joules_at(&fixture.stored(), train, &[1.0]).unwrap(), None);
    }
}
