//! The loop of methods that change their images step by step: pictures, progress, checkpoints, the stop, and the guard
//! against losses that are no number. Knows no method.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use pipeline::engine::{Stopped, Task};
use tch::{Tensor, no_grad};

use super::checkpoint::{self, Tensors};
use super::losses::Losses;
use super::synthetic::Synthetic;
use super::{curve, forming};
use crate::figures::rounded;
use crate::pace::Pace;

/// The curve's name in `content/`.
const LOSS_TABLE: &str = "loss.csv";
const TELL_EVERY: Duration = Duration::from_millis(100);

/// A method that goes step by step.
pub trait Iterated {
    /// What iterations change.
    type State;

    /// Iterations in all.
    fn total(&self) -> u64;

    /// Before the first iteration.
    fn first(&self) -> Self::State;

    /// Everything of the state that the next iteration depends on.
    fn tensors(&self, state: &Self::State) -> Tensors;

    /// One update, counted from 0; gives its loss, a scalar.
    fn step(&self, state: &mut Self::State, iteration: u64) -> Tensor;

    /// What holds of the images throughout.
    fn synthetic(&self) -> &Synthetic<'_>;

    /// The images, `[classes × per class, 3, h, w]`.
    fn images<'a>(&self, state: &'a Self::State) -> &'a Tensor;

    /// What pictures show of the state, `[classes × n, 3, h, w]`: the images, where these are not coded.
    fn shown(&self, state: &Self::State) -> Tensor {
        self.images(state).shallow_clone()
    }

    /// What to do about a loss that is no number.
    fn remedy(&self) -> String;
}

/// What iterations came to.
pub struct Outcome<S> {
    pub state: S,
    pub iterations: u64,
    /// Mean loss over the last stretch of the curve.
    pub final_loss: Option<f64>,
}

/// Does all iterations, from a checkpoint on where there is one; the outcome is the same. Writes the curve and the
/// pictures.
///
/// # Errors
/// A loss is no number, or [`Stopped`].
pub fn run<M: Iterated>(task: &Task, method: &M) -> Result<Outcome<M::State>> {
    let mut state = method.first();
    let mut losses = resume(task, task.checkpoints(), &method.tensors(&state));
    task.started(Some(losses.iterations()).filter(|done| *done > 0));
    iterate(task, method, &mut state, &mut losses)?;
    forming::publish(task, method.synthetic().real.size())?;
    let rows = curve::thinned(losses.settled());
    curve::write(&task.content(LOSS_TABLE), &rows)?;
    let final_loss = rows.last().map(|(_, loss)| rounded(*loss));
    Ok(Outcome { state, iterations: losses.iterations(), final_loss })
}

/// Does all iterations of something that a method rests on, without curve and pictures, from a checkpoint in `folder` of the
/// checkpoints on where there is one; the outcome is the same.
///
/// # Errors
/// A loss is no number, or [`Stopped`].
pub fn prepare<M: Iterated>(task: &Task, method: &M, folder: &str) -> Result<M::State> {
    let path = task.checkpoints().join(folder);
    std::fs::create_dir_all(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
    let (mut state, total) = (method.first(), method.total());
    let mut losses = resume(task, &path, &method.tensors(&state));
    task.started(Some(losses.iterations()).filter(|done| *done > 0));
    let mut told = Instant::now();
    let mut pace = Pace::of(method.tensors(&state).iter().map(|(_, tensor)| tensor));
    while losses.iterations() < total {
        losses.push(method.step(&mut state, losses.iterations()));
        let done = losses.iterations();
        let stop = task.should_stop();
        let save = stop || done == total || pace.is_due();
        if save || told.elapsed() >= TELL_EVERY {
            losses.settle().map_err(|error| diverged(&error, method))?;
            let loss = losses.settled().last().map(|loss| ("loss", *loss));
            task.progress(done, total, &format!("{folder} step"), &loss.into_iter().collect::<Vec<_>>());
            told = Instant::now();
        }
        if save {
            pace.save(|| checkpoint::save(&path, &method.tensors(&state), &losses))?;
        }
        if stop {
            return Err(Stopped { saved_at: Some(done) }.into());
        }
    }
    Ok(state)
}

fn resume(task: &Task, folder: &Path, tensors: &Tensors) -> Losses {
    match checkpoint::restore(folder, tensors) {
        Ok(found) => found.unwrap_or_default(),
        Err(error) => {
            task.warn(format!("{error:#}; starting over"));
            Losses::default()
        }
    }
}

fn iterate<M: Iterated>(task: &Task, method: &M, state: &mut M::State, losses: &mut Losses) -> Result<()> {
    let total = method.total();
    let mut told = None::<Instant>;
    let mut pace = Pace::of(method.tensors(state).iter().map(|(_, tensor)| tensor));
    loop {
        let done = losses.iterations();
        if forming::is_due(done, total) {
            let (synthetic, images) = (method.synthetic(), no_grad(|| method.shown(state)));
            let per_class = images.size()[0] / synthetic.classes() as i64;
            forming::picture(task, &synthetic.pixels(&images), per_class, &forming::after(done))?;
        }
        let stop = task.should_stop();
        let save = stop || pace.is_due();
        if done == total || save || told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            losses.settle().map_err(|error| diverged(&error, method))?;
            let loss = losses.settled().last().map(|loss| ("loss", *loss));
            task.progress(done, total, "iteration", &loss.into_iter().collect::<Vec<_>>());
            told = Some(Instant::now());
        }
        if done == total {
            return Ok(());
        }
        if save {
            pace.save(|| checkpoint::save(task.checkpoints(), &method.tensors(state), losses))?;
        }
        if stop {
            return Err(Stopped { saved_at: Some(done) }.into());
        }
        losses.push(method.step(state, done));
    }
}

fn diverged<M: Iterated>(error: &anyhow::Error, method: &M) -> anyhow::Error {
    anyhow!("{error:#}: the images do not converge\nhint: {}", method.remedy())
}

/// Does the first `count` iterations and saves, as a process does that is killed after them.
#[cfg(test)]
pub fn cut_off<M: Iterated>(task: &Task, method: &M, count: u64) {
    cut_off_in(task.checkpoints(), method, count);
}

/// The same, with the checkpoint in `folder`.
#[cfg(test)]
pub fn cut_off_in<M: Iterated>(folder: &Path, method: &M, count: u64) {
    std::fs::create_dir_all(folder).unwrap();
    let (mut state, mut losses) = (method.first(), Losses::default());
    (0..count).for_each(|iteration| losses.push(method.step(&mut state, iteration)));
    losses.settle().unwrap();
    checkpoint::save(folder, &method.tensors(&state), &losses).unwrap();
    let restored = checkpoint::restore(folder, &method.tensors(&method.first()));
    assert_eq!(restored.unwrap().unwrap().iterations(), count);
}
