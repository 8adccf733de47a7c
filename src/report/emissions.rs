//! `emissions.csv`: the columns that CodeCarbon 2 writes, a row for each stage that the launch ran.
//!
//! Their units: seconds, kg, kg/s, W and kWh; like theirs, energies and emissions are those at the building's meter (PUE).
//! `country_name` stays empty where no country was told, and what is not known is empty where CodeCarbon writes 0. Behind
//! their columns stand what they lack: the class and the method of each figure.

use super::cells::{Cell, Table};
use super::drawn::{Drawn, Terms};
use super::launch::{Launch, Made, StageRecord, State};
use super::stored::Stored;
use crate::energy::{Carbon, Joules};
use crate::engine::Receipt;

/// A stage that the launch ran.
struct Ran<'a> {
    launch: &'a Launch,
    stage: &'a StageRecord,
    made: Made,
    drawn: Drawn,
    receipt: &'a Receipt,
    terms: &'a Terms,
}

impl Ran<'_> {
    fn watts(&self, joules: Option<Joules>) -> Cell {
        joules.map(|joules| joules.value() / self.made.took_secs).into()
    }

    /// At the building's meter.
    fn kwh(&self, joules: Option<Joules>) -> Cell {
        joules.map(|joules| joules.kilowatt_hours().value() * self.terms.tariff.pue).into()
    }

    fn kg(&self) -> Option<f64> {
        Some(self.terms.tariff.co2(self.drawn.joules?)?.value() / 1000.0)
    }

    fn carbon(&self, text: fn(&Carbon) -> Option<String>) -> Cell {
        Cell::text(self.terms.tariff.carbon.as_ref().and_then(text).unwrap_or_default())
    }

    fn told(&self, name: &str) -> Option<&str> {
        self.receipt.provenance.get(name).and_then(|value| value.as_str())
    }

    /// What is known of the machine, if it ran on the launch's.
    fn machine(&self, cell: fn(&Terms) -> Cell) -> Cell {
        let here = self.told("host") == Some(self.terms.host.as_str());
        if here { cell(self.terms) } else { Cell::Missing }
    }
}

/// A column: its name and what stands in it.
type Column = (&'static str, fn(&Ran) -> Cell);

const UNKNOWN: fn(&Ran) -> Cell = |_| Cell::Missing;

const COLUMNS: &[Column] = &[
    ("timestamp", |ran| Cell::text(ran.receipt.started_at.get(..19).unwrap_or(&ran.receipt.started_at))),
    ("project_name", |ran| Cell::text(&ran.launch.experiment)),
    ("run_id", |ran| Cell::text(format!("{}/{}", ran.launch.launch, ran.stage.label))),
    ("experiment_id", |ran| Cell::text(&ran.stage.label)),
    ("duration", |ran| Cell::Number(ran.made.took_secs)),
    ("emissions", |ran| ran.kg().into()),
    ("emissions_rate", |ran| ran.kg().map(|kg| kg / ran.made.took_secs).into()),
    ("cpu_power", |ran| ran.watts(ran.drawn.processor_joules)),
    ("gpu_power", |ran| ran.watts(ran.drawn.gpu_joules)),
    ("ram_power", |ran| ran.watts(ran.drawn.memory_joules)),
    ("cpu_energy", |ran| ran.kwh(ran.drawn.processor_joules)),
    ("gpu_energy", |ran| ran.kwh(ran.drawn.gpu_joules)),
    ("ram_energy", |ran| ran.kwh(ran.drawn.memory_joules)),
    ("energy_consumed", |ran| ran.kwh(ran.drawn.joules)),
    ("country_name", |ran| ran.carbon(|carbon| carbon.country.as_deref().map(capitalised))),
    ("country_iso_code", |ran| ran.carbon(|carbon| carbon.country_iso.clone())),
    ("region", UNKNOWN),
    ("cloud_provider", UNKNOWN),
    ("cloud_region", UNKNOWN),
    ("os", |ran| ran.told("system").map_or(Cell::Missing, |release| Cell::text(format!("Linux-{release}")))),
    ("python_version", UNKNOWN),
    ("codecarbon_version", UNKNOWN),
    ("cpu_count", |ran| ran.machine(|terms| Cell::Count(terms.hardware_threads as u64))),
    ("cpu_model", |ran| ran.machine(|terms| Cell::text(terms.processor.clone().unwrap_or_default()))),
    ("gpu_count", |ran| ran.drawn.gpu_joules.map(|_| 1).into()),
    ("gpu_model", UNKNOWN),
    ("longitude", UNKNOWN),
    ("latitude", UNKNOWN),
    ("ram_total_size", UNKNOWN),
    ("tracking_mode", |_| Cell::text("process")),
    ("on_cloud", UNKNOWN),
    ("pue", |ran| Cell::Number(ran.terms.tariff.pue)),
    ("energy_class", |ran| Cell::text(ran.drawn.class.name())),
    ("energy_method", |ran| Cell::text(ran.drawn.method.name())),
];

/// A row for each stage that the launch ran and that has a figure.
pub fn table(stored: &Stored) -> Table {
    let mut table = Table::new(COLUMNS.iter().map(|(name, _)| *name));
    let Some(terms) = &stored.launch.energy else { return table };
    for (index, stage) in stored.launch.stages.iter().enumerate() {
        let Some(made) = stored.made(index).filter(|_| stage.state == State::Ran) else { continue };
        let (Some(drawn), Some(artifact)) = (made.drawn, stored.artifact(index)) else { continue };
        let ran = Ran { launch: stored.launch, stage, made, drawn, receipt: &artifact.receipt, terms };
        table.rows.push(COLUMNS.iter().map(|(_, cell)| cell(&ran)).collect());
    }
    table
}

/// `united-states` as a person writes it.
fn capitalised(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
    };
    name.split('-').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn a_stage_that_ran_has_a_row_in_kilowatt_hours_and_kilograms() {
        let mut fixture = Fixture::birds().with_energy(Some((0.25, 360.0)));
        assert!(table(&fixture.stored()).rows.is_empty(), "what was cached emitted nothing now");
        fixture.launch.stages[2].state = State::Ran;
        let table = table(&fixture.stored());
        let cell = |name: &str| {
            table.rows[0][table.columns.iter().position(|column| column == name).unwrap()].plain()
        };
        // 120 s of one thread at 4 W: 480 J.
        let kwh: f64 = cell("energy_consumed").parse().unwrap();
        assert!((kwh - 480.0 / 3.6e6).abs() < 1e-15);
        assert!((cell("emissions").parse::<f64>().unwrap() - kwh * 0.36).abs() < 1e-15);
        assert_eq!(["cpu_power", "gpu_power", "gpu_energy"].map(cell), ["4", "", ""]);
        assert_eq!(
            ["country_name", "country_iso_code", "energy_class"].map(cell),
            ["Germany", "DEU", "modelled"]
        );
        assert_eq!((table.rows.len(), table.rows[0].len()), (1, COLUMNS.len()));
    }
}
