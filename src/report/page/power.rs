//! Power, threads and memory of trainings over time, where a trace was kept.

use anyhow::Result;

use super::super::cells::{Cell, Table};
use super::super::launch::StageRecord;
use super::super::trace::{self, Reading};
use super::Plot;
use super::accuracy::shortened;
use super::facts::Facts;
use super::scale::Scale;
use super::svg::{Anchor, COLOURS, Frame, Svg};

const WIDTH: f64 = 760.0;
const PANEL: f64 = 150.0;
/// Trainings that are drawn.
const MOST: usize = 6;
const MEGABYTE: f64 = 1e6;

/// A training and what was read while it ran.
struct Traced {
    label: String,
    readings: Vec<Reading>,
}

/// What a panel shows: its label and the figure.
type Figure = (&'static str, fn(&Reading) -> Option<f64>);

const FIGURES: [Figure; 5] = [
    ("watts", |reading| reading.watts()),
    ("busy threads", |reading| reading.busy_threads),
    ("memory, MB", |reading| Some(reading.resident_bytes? / MEGABYTE)),
    ("GPU busy, %", |reading| Some(100.0 * reading.gpu_busy?)),
    ("GPU memory, MB", |reading| Some(reading.gpu_memory_bytes? / MEGABYTE)),
];

/// The first run of each group, in order, as far as they left traces; `None` where none did.
///
/// # Errors
/// A trace is there and cannot be read.
pub fn plot(facts: &Facts) -> Result<Option<Plot>> {
    let mut traced = Vec::new();
    for index in facts.indices() {
        traced.extend(of_group(facts, index)?);
    }
    traced.truncate(MOST);
    if traced.is_empty() {
        return Ok(None);
    }
    let known = |figure: &&Figure| {
        traced.iter().flat_map(|one| &one.readings).any(|reading| (figure.1)(reading).is_some())
    };
    let figures: Vec<&Figure> = FIGURES.iter().filter(known).collect();
    let top = 12.0 + 16.0 * traced.len().div_ceil(2) as f64;
    let height = top + PANEL * figures.len() as f64 + 30.0;
    let mut svg = Svg::new(WIDTH, height, "power, threads and memory of trainings over time");
    names(&mut svg, &traced);
    for (at, figure) in figures.iter().enumerate() {
        let above = top + PANEL * at as f64;
        let is_last = at + 1 == figures.len();
        panel(&mut svg, &traced, figure, ((60.0, above, WIDTH - 16.0, above + PANEL - 34.0), is_last));
    }
    Ok(Some(Plot { name: "power".into(), svg, data: data(&traced) }))
}

/// A trace of two readings or more; less is no curve.
fn of_group(facts: &Facts, index: usize) -> Result<Option<Traced>> {
    let Some(row) = facts.side(index).group.rows.first() else { return Ok(None) };
    let Some((stored, evaluate)) = facts.evidence.place(row) else { return Ok(None) };
    let Some(train) = stored.launch.input(evaluate, "of") else { return Ok(None) };
    let StageRecord { label, .. } = &stored.launch.stages[train];
    let readings = trace::read(stored, train)?;
    Ok((readings.len() > 1).then(|| Traced { label: label.clone(), readings }))
}

fn names(svg: &mut Svg, traced: &[Traced]) {
    for (at, one) in traced.iter().enumerate() {
        let (x, y) = (60.0 + 350.0 * (at % 2) as f64, 14.0 + 16.0 * (at / 2) as f64);
        svg.line((x, y - 4.0), (x + 18.0, y - 4.0), &format!("curve c{0} d{0}", at % COLOURS));
        svg.text((x + 24.0, y), Anchor::Start, "tick", &shortened(&one.label, 52));
    }
}

fn panel(
    svg: &mut Svg,
    traced: &[Traced],
    (label, get): &Figure,
    (edges, is_last): ((f64, f64, f64, f64), bool),
) {
    let all = || traced.iter().flat_map(|one| &one.readings);
    let longest = all().map(|reading| reading.secs).fold(0.0, f64::max);
    let x = Scale::exactly((0.0, longest), (edges.0, edges.2));
    let most = all().filter_map(get).fold(0.0, f64::max);
    let y = Scale::exactly((0.0, 1.08 * most), (edges.3, edges.1));
    let x_label = if is_last { "seconds since the stage began" } else { "" };
    svg.frame(&Frame { edges, x, y, x_label, y_label: label });
    for (at, one) in traced.iter().enumerate() {
        let place = |reading: &Reading| Some((x.place(reading.secs), y.place(get(reading)?)));
        let line: Vec<(f64, f64)> = one.readings.iter().filter_map(place).collect();
        svg.polyline(&line, &format!("curve c{0} d{0}", at % COLOURS));
    }
}

fn data(traced: &[Traced]) -> Table {
    let mut table = Table::new([
        "stage",
        "secs",
        "processor_watts",
        "memory_watts",
        "gpu_watts",
        "busy_threads",
        "resident_bytes",
        "gpu_busy",
        "gpu_memory_bytes",
    ]);
    for (one, reading) in traced.iter().flat_map(|one| one.readings.iter().map(move |reading| (one, reading)))
    {
        table.rows.push(vec![
            Cell::text(&one.label),
            Cell::Number(reading.secs),
            reading.processor_watts.into(),
            reading.memory_watts.into(),
            reading.gpu_watts.into(),
            reading.busy_threads.into(),
            reading.resident_bytes.into(),
            reading.gpu_busy.into(),
            reading.gpu_memory_bytes.into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::Fixture;
    use super::super::facts::tests::facts;
    use super::*;

    #[test]
    fn a_trace_is_drawn_with_what_could_be_read_and_nothing_else() {
        let fixture = Fixture::birds();
        assert!(plot(&facts(&fixture)).unwrap().is_none());
        let train = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
        let folder = fixture.place(train).join("measured");
        std::fs::create_dir_all(&folder).unwrap();
        let text = "secs,processor_watts,memory_watts,gpu_watts,busy_threads,resident_bytes,processor_celsius,gpu_busy,gpu_memory_bytes,gpu_celsius\n1.0,4.0,,,1.0,250000000,,,,\n2.0,3.5,0.5,,0.9,260000000,,,,\n";
        std::fs::write(folder.join("power.csv"), text).unwrap();
        let plot = plot(&facts(&fixture)).unwrap().unwrap();
        assert_eq!(plot.data.rows.len(), 2);
        assert_eq!(
            plot.data.rows[1][1..5],
            [Cell::Number(2.0), Cell::Number(3.5), Cell::Number(0.5), Cell::Missing]
        );
        let drawn = plot.svg.alone();
        assert!(
            drawn.contains("memory, MB") && drawn.contains("busy threads") && !drawn.contains("GPU"),
            "{drawn}"
        );
    }
}
