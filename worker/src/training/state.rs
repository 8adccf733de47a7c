//! Everything that moves in a training, and its checkpoints.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use safetensors::tensor::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad};

use pipeline::recipe::{Keep, Train};

use super::curve::{Curve, Point};
use super::keep::Values;
use super::optimizer::Optimizer;
use super::step;
use crate::models::weights::{NOTE, tensor_of, write_tensors};
use crate::models::{Network, Parameters};
use crate::pace::Pace;

const FILE: &str = "training.safetensors";

/// What a step reads and changes.
pub struct State {
    pub parameters: Parameters,
    pub buffers: Vec<Tensor>,
    pub optimizer: Optimizer,
    /// The running mean of weights and statistics, where one is kept.
    pub average: Option<Values>,
    /// Those that did best on validation images so far, where they are kept; before the first point those of the start.
    pub best: Option<Values>,
    /// Images that go through the network at once; `None` for all of a step.
    pub at_once: Option<usize>,
    /// Steps done.
    pub step: u64,
    pub curve: Curve,
    /// Since the last point of the curve, f64 on the device: the sum of the losses, the hits, the steps.
    pub sums: Tensor,
    /// Seconds of earlier attempts.
    pub earlier: f64,
}

/// What a checkpoint says of itself beside its tensors.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    /// Of the stage.
    key: String,
    version: String,
    /// The order in which flat buffers hold weights.
    layout: String,
    step: u64,
    /// Images at once, where they are not all of a step.
    #[serde(default)]
    at_once: Option<usize>,
}

impl State {
    /// Before the first step, from these weights and statistics on.
    pub fn new(network: &Network, recipe: &Train, first: (Parameters, Vec<Tensor>), device: Device) -> State {
        let (parameters, buffers) = first;
        let copy = || Values::of(network, &parameters, &buffers, device);
        State {
            optimizer: Optimizer::new(&recipe.optimizer, &parameters, network.head()),
            average: recipe.ema.map(|_| copy()),
            best: (recipe.keep == Keep::Best).then(copy),
            at_once: step::at_once(recipe),
            sums: Tensor::zeros([3], (Kind::Double, device)),
            parameters,
            buffers,
            step: 0,
            curve: Curve::default(),
            earlier: 0.0,
        }
    }

    /// What is scored: the running mean where there is one, else what is trained.
    pub fn scored(&self) -> (&Parameters, &[Tensor]) {
        match &self.average {
            Some(average) => (&average.parameters, &average.buffers),
            None => (&self.parameters, &self.buffers),
        }
    }

    /// What the training leaves: what did best where that is kept, else what is scored.
    pub fn kept(&self) -> (&Parameters, &[Tensor]) {
        match &self.best {
            Some(best) => (&best.parameters, &best.buffers),
            None => self.scored(),
        }
    }

    fn note(&self, key: &str) -> Note {
        let layout = format!("{:?}", self.parameters.layout());
        let version = env!("CARGO_PKG_VERSION").to_string();
        Note { key: key.to_string(), version, layout, step: self.step, at_once: self.at_once }
    }

    /// Every tensor that moves, by name; `curve` stands for the points.
    fn tensors<'a>(&'a self, curve: &'a Tensor) -> Vec<(String, &'a Tensor)> {
        let mut tensors = vec![("parameters".to_string(), self.parameters.flat())];
        tensors.extend(self.buffers.iter().enumerate().map(|(i, buffer)| (format!("buffer.{i}"), buffer)));
        tensors.extend(
            self.optimizer.state().iter().enumerate().map(|(i, flat)| (format!("optimizer.{i}"), flat)),
        );
        tensors.extend(self.average.iter().flat_map(|average| average.tensors("average")));
        tensors.extend(self.best.iter().flat_map(|best| best.tensors("best")));
        tensors.extend([("sums".to_string(), &self.sums), ("curve".to_string(), curve)]);
        tensors
    }

    /// Writes the checkpoint of the stage `key` into `folder`: the whole of it or nothing.
    fn save(&self, folder: &Path, key: &str, secs: f64) -> Result<()> {
        let curve = points_to_tensor(&self.curve, secs);
        let tensors = self.tensors(&curve);
        let note = serde_json::to_string(&self.note(key)).expect("names and numbers are JSON");
        let (path, draft) = (folder.join(FILE), folder.join(format!("{FILE}.draft")));
        write_tensors(&draft, tensors.iter().map(|(name, tensor)| (name.as_str(), *tensor)), Some(&note))?;
        std::fs::rename(&draft, &path).with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// Takes over the checkpoint of the stage `key` from `folder`; `false` when there is none.
    ///
    /// # Errors
    /// There is one that cannot be used; the state is as before.
    pub fn restore(&mut self, folder: &Path, key: &str, total: u64) -> Result<bool> {
        let Ok(bytes) = std::fs::read(folder.join(FILE)) else { return Ok(false) };
        let file = SafeTensors::deserialize(&bytes)?;
        let (_, header) = SafeTensors::read_metadata(&bytes)?;
        let note = header
            .metadata()
            .as_ref()
            .and_then(|notes| notes.get(NOTE))
            .context("it says nothing of itself")?;
        let note: Note = serde_json::from_str(note)?;
        let expected = Note { step: note.step, at_once: note.at_once, ..self.note(key) };
        ensure!(note == expected && note.step <= total, "it belongs to another training");
        let (points, secs) = points_from_tensor(&doubles(&file, "curve")?)?;
        let sums = doubles(&file, "sums")?;
        ensure!(sums.len() == 3, "`sums` has {} values", sums.len());
        let curve = Tensor::new();
        let targets = self.tensors(&curve);
        let targets = targets.iter().filter(|(name, _)| name != "curve" && name != "sums");
        let found: Result<Vec<(Tensor, &Tensor)>> =
            targets.map(|(name, target)| Ok((tensor_of(&file, name, &target.size())?, *target))).collect();
        for (source, target) in found? {
            no_grad(|| target.shallow_clone().copy_(&source));
        }
        self.sums.copy_(&Tensor::from_slice(&sums));
        (self.step, self.curve, self.earlier) = (note.step, points, secs);
        self.at_once = note.at_once;
        Ok(true)
    }
}

/// When and where checkpoints are written.
pub struct Checkpoints<'a> {
    folder: &'a Path,
    key: &'a str,
    began: Instant,
    pace: Pace,
}

impl<'a> Checkpoints<'a> {
    /// The training of `state` begins now.
    pub fn new(folder: &'a Path, key: &'a str, state: &State) -> Checkpoints<'a> {
        // The curve is small.
        let curve = Tensor::from(0.0);
        let pace = Pace::of(state.tensors(&curve).into_iter().map(|(_, tensor)| tensor));
        Checkpoints { folder, key, began: Instant::now(), pace }
    }

    /// Seconds since the training began, in all attempts.
    pub fn seconds(&self, state: &State) -> f64 {
        state.earlier + self.began.elapsed().as_secs_f64()
    }

    /// Whether it is time for one.
    pub fn due(&self) -> bool {
        self.pace.is_due()
    }

    /// Saves the state; the larger it is, the longer until the next.
    pub fn save(&mut self, state: &State) -> Result<()> {
        let secs = self.seconds(state);
        self.pace.save(|| state.save(self.folder, self.key, secs))
    }

    /// The file, for messages.
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }
}

/// Figures of a point, in a row; NaN stands for none.
const WIDTH: usize = 9;

/// Points `[n + 1, 9]` f64; the last row holds the seconds so far.
fn points_to_tensor(curve: &Curve, secs: f64) -> Tensor {
    let row = |p: &Point| {
        let [loss, accuracy] = p.valid.unwrap_or([f64::NAN; 2]);
        let test = p.test.unwrap_or(f64::NAN);
        [p.step as f64, p.epoch, p.train_loss, p.train_accuracy, loss, accuracy, test, p.lr, p.secs]
    };
    let mut values: Vec<f64> = curve.0.iter().flat_map(row).collect();
    values.extend([secs; WIDTH]);
    Tensor::from_slice(&values).view([-1, WIDTH as i64])
}

fn points_from_tensor(values: &[f64]) -> Result<(Curve, f64)> {
    let (rows, rest) = values.as_chunks::<WIDTH>();
    ensure!(rest.is_empty(), "`curve` has {} values", values.len());
    let (last, rows) = rows.split_last().context("`curve` is empty")?;
    let point = |row: &[f64; WIDTH]| {
        let [step, epoch, train_loss, train_accuracy, loss, accuracy, test, lr, secs] = *row;
        let valid = (!accuracy.is_nan()).then_some([loss, accuracy]);
        let test = Some(test).filter(|test| !test.is_nan());
        Point { step: step as u64, epoch, train_loss, train_accuracy, valid, test, lr, secs }
    };
    Ok((Curve(rows.iter().map(point).collect()), last[0]))
}

fn doubles(file: &SafeTensors, name: &str) -> Result<Vec<f64>> {
    let view = file.tensor(name).with_context(|| format!("no tensor `{name}`"))?;
    ensure!(view.dtype() == Dtype::F64, "`{name}` holds {:?} instead of F64", view.dtype());
    Ok(view.data().as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
}
