//! One row a run: what it scored, what it cost, what it was made of.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::cells::{Cell, Table};
use super::chosen::{Chosen, chosen};
use super::drawn::{Charged, Drawn, charged};
use super::launch::{Run, State};
use super::network::{Costs, Described};
use super::origin::Origin;
use super::stored::Stored;
use crate::energy::Joules;
use crate::recipe::files;

/// A run and what is known of it. `None` is not known, or not measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub experiment: String,
    pub launch: String,
    /// `birds`, or `sketch-birds standing in for birds`.
    pub dataset: String,
    /// Values by axis; an axis that no stage of the run reads is left out.
    pub axes: BTreeMap<String, String>,
    /// Name of the evaluate stage.
    pub evaluate: String,
    /// What became of the evaluate stage.
    pub state: State,
    pub scores: Scores,
    pub training: Training,
    pub network: NetworkFacts,
    pub costs: Costs,
    pub inference: Inference,
    /// Of a thousand images scored one at a time: the watts that its evaluation drew on average × the time of one image.
    pub joules_per_1000: Option<f64>,
    /// What settings were chosen while it ran.
    pub chosen: Chosen,
    /// Whether it rests on weights that were made elsewhere, at a cost that nobody here knows.
    pub upstream: bool,
    /// Size of `train.safetensors` of the image set that the network was trained on.
    pub stored_bytes: Option<u64>,
    /// What its network was trained on, and how.
    pub origin: Origin,
    /// Wall seconds of the training.
    pub train_secs: Option<f64>,
    /// Wall seconds of every stage the run rests on, each once, whenever they were made.
    pub total_secs: Option<f64>,
    /// What every distinct stage that the run rests on drew, once and in full, whenever it was made.
    pub energy_joules: Option<f64>,
    /// `measured` or `modelled`: that of the worst part.
    pub energy_class: Option<String>,
    pub energy: Charged,
    /// Of `energy_joules`, in the currency of the launch.
    pub cost: Option<f64>,
    /// Of `energy_joules`.
    pub co2_g: Option<f64>,
    /// Of `cost`.
    pub currency: Option<String>,
    /// `cpu` or `cuda`.
    pub device: Option<String>,
    pub evaluate_key: Option<String>,
    pub train_key: Option<String>,
}

/// `metrics.json` of an evaluate stage.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Scores {
    /// Share of images whose likeliest class is the true one, 0..1.
    pub accuracy: Option<f64>,
    /// Share of images whose true class is among the five likeliest, 0..1.
    pub top5_accuracy: Option<f64>,
    /// Mean cross-entropy in nats.
    pub loss: Option<f64>,
    /// Images that were scored.
    pub images: Option<u64>,
    pub split: Option<String>,
    pub per_class: Vec<ClassScore>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ClassScore {
    pub class: String,
    pub images: u64,
    /// `None` for a class without images.
    pub accuracy: Option<f64>,
}

impl Scores {
    /// The accuracy of always naming the class with the most images, 0..1.
    pub fn chance(&self) -> Option<f64> {
        let images: u64 = self.per_class.iter().map(|class| class.images).sum();
        let most = self.per_class.iter().map(|class| class.images).max()?;
        (images > 0).then(|| most as f64 / images as f64)
    }
}

/// `training.json` of a train stage.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Training {
    pub steps: Option<u64>,
    /// Passes over the training split; need not be whole.
    pub epochs: Option<f64>,
    /// Images of the training split.
    pub images: Option<u64>,
    pub batch: Option<u64>,
    /// Whether validation accuracy still rose by more than a point in the last fifth; [`undertrained`](Self::undertrained)
    /// says what to make of it.
    #[serde(rename = "undertrained")]
    pub rose_late: Option<bool>,
    /// `patience`, `max_secs`, `max_joules` or `divergence`, where that ended it before its last step.
    pub ended_by: Option<String>,
    /// The best on the test split at any point of the curve, 0..1; for reporting alone.
    pub best_test_accuracy: Option<f64>,
}

impl Training {
    /// Whether it was stopped while validation accuracy still rose. What its patience ended had waited for a rise, and
    /// none came: that there was one in the last fifth then says that it was long, and nothing else.
    pub fn undertrained(&self) -> Option<bool> {
        Some(self.rose_late? && self.ended_by.as_deref() != Some("patience"))
    }
}

/// What the tables want of `network.json`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct NetworkFacts {
    pub name: Option<String>,
    /// Trained numbers.
    pub parameters: Option<u64>,
    /// `fp32` or `bf16`.
    pub precision: Option<String>,
    /// Height and width in pixels.
    pub image_size: Option<u64>,
}

/// `inference.json` beside an evaluate stage's scores.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Inference {
    /// From one image to its logits, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Of the process that scored, at most.
    pub peak_memory_bytes: Option<u64>,
}

/// A row for each run of the launch, in its order.
///
/// # Errors
/// When a file of an artifact is there and cannot be read; a file that is not there leaves its cells empty.
pub fn rows(stored: &Stored) -> Result<Vec<Row>> {
    stored.launch.runs.iter().map(|run| row(stored, run)).collect()
}

fn row(stored: &Stored, run: &Run) -> Result<Row> {
    let launch = stored.launch;
    let evaluate = &launch.stages[run.evaluate];
    let train = launch.input(run.evaluate, "of");
    let seen = train.and_then(|train| launch.input(train, "from"));
    let energy = charged(stored, run.evaluate);
    let joules = energy.drawn.and_then(|drawn| drawn.joules);
    let tariff = launch.energy.as_ref().map(|terms| &terms.tariff);
    let inference = inference(stored, run.evaluate)?;
    Ok(Row {
        experiment: launch.experiment.clone(),
        launch: launch.launch.clone(),
        dataset: launch.dataset(run.evaluate),
        axes: run.axes.clone(),
        evaluate: evaluate.name.clone(),
        state: evaluate.state,
        scores: content(stored, Some(run.evaluate), files::METRICS)?,
        training: content(stored, train, files::TRAINING)?,
        network: content(stored, train, files::NETWORK)?,
        costs: content::<Described>(stored, train, files::NETWORK)?.costs(),
        joules_per_1000: joules_per_1000(stored, run.evaluate, &inference),
        inference,
        chosen: chosen(stored, run.evaluate)?,
        upstream: launch.rests_on_upstream(run.evaluate),
        stored_bytes: seen.and_then(|seen| stored.file_size(seen, files::TRAIN)),
        origin: Origin::of(stored, run.evaluate)?,
        train_secs: train.and_then(|train| stored.made(train)).map(|made| made.took_secs),
        total_secs: total_secs(stored, run.evaluate),
        energy_joules: joules.map(Joules::value),
        energy_class: joules.and(energy.drawn).map(|drawn| drawn.class.name().to_string()),
        cost: joules.and_then(|joules| tariff?.cost(joules)),
        co2_g: joules.and_then(|joules| Some(tariff?.co2(joules)?.value())),
        currency: tariff.and_then(|tariff| Some(tariff.price.as_ref()?.currency.clone())),
        energy,
        device: stored.device(run.evaluate),
        evaluate_key: evaluate.key.clone(),
        train_key: train.and_then(|train| launch.stages[train].key.clone()),
    })
}

fn inference(stored: &Stored, evaluate: usize) -> Result<Inference> {
    let path = stored.measured(evaluate, "inference.json");
    path.map_or(Ok(Inference::default()), |path| read_json(&path))
}

/// Watts × milliseconds are millijoules an image, and joules a thousand.
fn joules_per_1000(stored: &Stored, evaluate: usize, inference: &Inference) -> Option<f64> {
    let made = stored.made(evaluate).filter(|made| made.took_secs > 0.0)?;
    Some(made.drawn?.joules?.value() / made.took_secs * inference.latency_ms?)
}

/// `None` when the cost of any of the stages is not known: a part is not a total.
fn total_secs(stored: &Stored, stage: usize) -> Option<f64> {
    stored.launch.lineage(stage).into_iter().map(|stage| Some(stored.made(stage)?.took_secs)).sum()
}

/// A JSON file of a stage's artifact; all fields missing where there is no such file.
pub(super) fn content<T: DeserializeOwned + Default>(
    stored: &Stored,
    stage: Option<usize>,
    file: &str,
) -> Result<T> {
    let path = stage.and_then(|stage| stored.content(stage, file));
    path.map_or(Ok(T::default()), |path| read_json(&path))
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("`{}` does not hold what it should", path.display()))
}

/// A column: its name and how a row fills it.
type Column = (&'static str, fn(&Row) -> Cell);

/// What stands left of the axes in `runs.csv`.
const BEFORE_AXES: &[Column] = &[
    ("experiment", |row| Cell::text(&row.experiment)),
    ("launch", |row| Cell::text(&row.launch)),
    ("dataset", |row| Cell::text(&row.dataset)),
];

/// What stands right of the axes. Shares are in 0..1.
const AFTER_AXES: &[Column] = &[
    ("evaluate", |row| Cell::text(&row.evaluate)),
    ("state", |row| Cell::text(row.state.name())),
    ("split", |row| text(&row.scores.split)),
    ("accuracy", |row| row.scores.accuracy.into()),
    ("top5_accuracy", |row| row.scores.top5_accuracy.into()),
    ("loss", |row| row.scores.loss.into()),
    ("test_images", |row| row.scores.images.into()),
    ("steps", |row| row.training.steps.into()),
    ("epochs", |row| row.training.epochs.into()),
    ("train_secs", |row| row.train_secs.into()),
    ("total_secs", |row| row.total_secs.into()),
    ("energy_joules", |row| row.energy_joules.into()),
    ("energy_class", |row| text(&row.energy_class)),
    ("upstream_energy", |row| Cell::text(if row.upstream { "unknown" } else { "" })),
    ("cost", |row| row.cost.into()),
    ("co2_g", |row| row.co2_g.into()),
    ("currency", |row| text(&row.currency)),
    ("energy_method", |row| drawn(row, |drawn| Cell::text(drawn.method.name()))),
    ("energy_error_joules", |row| drawn(row, |drawn| joules(drawn.error_joules))),
    ("energy_measured_share", |row| drawn(row, |drawn| drawn.measured_share().into())),
    ("processor_joules", |row| drawn(row, |drawn| joules(drawn.processor_joules))),
    ("memory_joules", |row| drawn(row, |drawn| joules(drawn.memory_joules))),
    ("gpu_joules", |row| drawn(row, |drawn| joules(drawn.gpu_joules))),
    ("energy_spent_joules", |row| joules(row.energy.spent)),
    ("energy_basis", |row| Cell::text(&row.energy.basis)),
    ("architecture", |row| text(&row.network.name)),
    ("parameters", |row| row.network.parameters.into()),
    ("multiply_adds", |row| row.costs.multiply_adds.into()),
    ("weight_bytes", |row| row.costs.weight_bytes.into()),
    ("activation_bytes", |row| row.costs.activation_bytes.into()),
    ("latency_ms", |row| row.inference.latency_ms.into()),
    ("joules_per_1000_inferences", |row| row.joules_per_1000.into()),
    ("peak_memory_bytes", |row| row.inference.peak_memory_bytes.into()),
    ("stored_bytes", |row| row.stored_bytes.into()),
    ("images_trained_on", |row| row.training.images.into()),
    ("undertrained", |row| row.training.undertrained().into()),
    ("chosen", |row| Cell::text(row.chosen.text())),
    ("trials_secs", |row| row.chosen.trials_secs.into()),
    ("trials_joules", |row| row.chosen.trials_joules.into()),
    ("precision", |row| text(&row.network.precision)),
    ("device", |row| text(&row.device)),
    ("evaluate_key", |row| text(&row.evaluate_key)),
    ("train_key", |row| text(&row.train_key)),
    ("teacher_secs", |row| row.origin.teacher_secs.into()),
    ("distil_secs", |row| row.origin.distil_secs.into()),
    ("stored_floats", |row| row.origin.images.stored_floats().into()),
    ("best_test_accuracy", |row| row.training.best_test_accuracy.into()),
    ("ended_by", |row| text(&row.training.ended_by)),
];

fn drawn(row: &Row, cell: fn(&Drawn) -> Cell) -> Cell {
    row.energy.drawn.as_ref().map_or(Cell::Missing, cell)
}

fn joules(joules: Option<Joules>) -> Cell {
    joules.map(Joules::value).into()
}

fn text(text: &Option<String>) -> Cell {
    Cell::text(text.as_deref().unwrap_or_default())
}

/// `runs.csv`: every row with the axes as columns.
pub fn table(axes: &[String], rows: &[Row]) -> Table {
    let names = |columns: &[Column]| columns.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
    let (before, after) = (names(BEFORE_AXES), names(AFTER_AXES));
    let fixed: Vec<&str> = before.iter().chain(&after).map(String::as_str).collect();
    let axis_columns = axes.iter().map(|axis| axis_column(axis, &fixed));
    let mut table = Table::new(before.iter().cloned().chain(axis_columns).chain(after.iter().cloned()));
    for row in rows {
        let fill = |columns: &[Column]| columns.iter().map(|(_, cell)| cell(row)).collect::<Vec<_>>();
        let axes = axes.iter().map(|axis| text(&row.axes.get(axis).cloned()));
        table.rows.push(fill(BEFORE_AXES).into_iter().chain(axes).chain(fill(AFTER_AXES)).collect());
    }
    table
}

/// The column of an axis: its name, with `axis.` in front where that would take the name of another column.
pub(super) fn axis_column(axis: &str, fixed: &[&str]) -> String {
    if fixed.contains(&axis) { format!("axis.{axis}") } else { axis.to_string() }
}

#[cfg(test)]
#[path = "runs_tests.rs"]
mod tests;
