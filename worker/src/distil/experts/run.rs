//! The training of all experts: one step after the other until the end, a stop or a loss that is no number.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use pipeline::engine::{Stopped, Task};
use pipeline::recipe::Experts;
use tch::{Kind, Tensor, no_grad};

use super::trajectories::Draft;
use crate::distil::checkpoint::{self, Tensors};
use crate::distil::draws::{self, Use};
use crate::distil::learner::{Learner, Lessons};
use crate::distil::losses::Losses;
use crate::figures::rounded;
use crate::pace::Pace;
use crate::training::order::Order;
use crate::training::{loss, write_table};

const TELL_EVERY: Duration = Duration::from_millis(100);

/// What holds throughout.
pub struct Plan<'a> {
    pub recipe: &'a Experts,
    pub lessons: Lessons<'a>,
    pub trajectories: &'a Draft,
}

/// What steps change.
struct State {
    learner: Learner,
    /// The expert that learns, and its order of images.
    expert: u64,
    order: Order,
    /// Steps of all experts, `[1]` i64.
    done: Tensor,
    /// Since the epoch began, f64 on the device: the sum of the losses, the hits, the images.
    sums: Tensor,
    /// Mean loss of every epoch so far.
    losses: Losses,
    /// Training accuracy of every epoch, `[experts · epochs]` f64; 0 of those to come.
    accuracies: Tensor,
}

/// Mean loss and accuracy of every epoch, on the batches as they were trained on.
pub struct Curve {
    epochs: u64,
    pub losses: Vec<f64>,
    pub accuracies: Vec<f64>,
}

/// Trains all experts, from a checkpoint on where there is one and `there` says that its rows are; the outcome is the same.
pub fn run(task: &Task, plan: &Plan, there: bool) -> Result<Curve> {
    let mut state = plan.first();
    if there {
        plan.resume(task, &mut state);
    }
    task.started(Some(state.steps()).filter(|done| *done > 0));
    plan.train(task, &mut state)?;
    let accuracies = Vec::try_from(&state.accuracies)?;
    Ok(Curve { epochs: plan.recipe.epochs.into(), losses: state.losses.settled().to_vec(), accuracies })
}

impl State {
    fn steps(&self) -> u64 {
        self.done.int64_value(&[0]) as u64
    }

    fn tensors(&self) -> Tensors {
        let own = [("done", &self.done), ("sums", &self.sums), ("accuracies", &self.accuracies)];
        let own = own.map(|(name, tensor)| (name.to_string(), tensor.shallow_clone()));
        self.learner.tensors().into_iter().chain(own).collect()
    }

    /// Mean loss and accuracy since the epoch began.
    fn running(&self) -> Result<[f64; 2]> {
        let sums = Vec::<f64>::try_from(&self.sums)?;
        let [loss, hits, images] = sums[..] else { bail!("three sums are kept, not {}", sums.len()) };
        Ok([loss / images.max(1.0), hits / images.max(1.0)])
    }
}

impl Plan<'_> {
    /// Before the first step of the first expert.
    fn first(&self) -> State {
        let device = self.lessons.device;
        let all = i64::from(self.recipe.experts) * i64::from(self.recipe.epochs);
        State {
            learner: self.lessons.first(self.seed(0)),
            expert: 0,
            order: self.lessons.order(self.seed(0)),
            done: Tensor::zeros([1], (Kind::Int64, tch::Device::Cpu)),
            sums: Tensor::zeros([3], (Kind::Double, device)),
            losses: Losses::default(),
            accuracies: Tensor::zeros([all], (Kind::Double, tch::Device::Cpu)),
        }
    }

    fn seed(&self, expert: u64) -> u64 {
        draws::seed(self.recipe.seed, Use::Expert, &[expert])
    }

    /// Steps of one expert.
    fn length(&self, state: &State) -> u64 {
        u64::from(self.recipe.epochs) * state.order.steps_per_epoch()
    }

    fn resume(&self, task: &Task, state: &mut State) {
        match checkpoint::restore(task.checkpoints(), &state.tensors()) {
            Ok(None) => {}
            Ok(Some(losses)) => {
                state.losses = losses;
                // Whoever has just ended is followed by the next, which begins with its first step.
                let expert = state.steps() / self.length(state);
                state.expert = expert.min(u64::from(self.recipe.experts) - 1);
                state.order = self.lessons.order(self.seed(state.expert));
            }
            Err(error) => task.warn(format!("{error:#}; starting over")),
        }
    }

    fn train(&self, task: &Task, state: &mut State) -> Result<()> {
        let total = u64::from(self.recipe.experts) * self.length(state);
        let mut told = Instant::now();
        let mut pace = Pace::of(state.tensors().iter().map(|(_, tensor)| tensor));
        loop {
            let done = state.steps();
            let stop = task.should_stop();
            if stop || pace.is_due() {
                pace.save(|| {
                    self.trajectories.sync()?;
                    checkpoint::save(task.checkpoints(), &state.tensors(), &state.losses)
                })?;
            }
            if stop {
                bail!(Stopped { saved_at: Some(done) });
            }
            if done == total {
                return Ok(());
            }
            self.step(state)?;
            if told.elapsed() >= TELL_EVERY || done + 1 == total {
                self.tell(task, state, total)?;
                told = Instant::now();
            }
        }
    }

    /// One update; with the first of an expert its weights as they start are written, and with the last of an epoch those
    /// that it has come to.
    fn step(&self, state: &mut State) -> Result<()> {
        let (length, per_epoch) = (self.length(state), state.order.steps_per_epoch());
        let (expert, step) = (state.steps() / length, state.steps() % length);
        if step == 0 {
            let seed = self.seed(expert);
            state.learner.renew(&self.lessons.first(seed));
            (state.expert, state.order) = (expert, self.lessons.order(seed));
            self.trajectories.put(expert, 0, state.learner.parameters.flat())?;
        }
        let looked = self.lessons.step(&mut state.learner, &state.order, self.seed(expert), step);
        no_grad(|| {
            let images = looked.places.len() as f64;
            let hits = loss::hits(&looked.logits, &looked.labels).to_kind(Kind::Double);
            let count = Tensor::full([], images, (Kind::Double, hits.device()));
            state.sums += Tensor::stack(&[looked.loss.to_kind(Kind::Double) * images, hits, count], 0);
        });
        state.done += 1;
        if (step + 1).is_multiple_of(per_epoch) {
            self.end_epoch(state, (step + 1) / per_epoch)?;
        }
        Ok(())
    }

    /// `epoch` counts from 1.
    fn end_epoch(&self, state: &mut State, epoch: u64) -> Result<()> {
        let [loss, accuracy] = self.checked(state)?;
        let weights = state.learner.parameters.flat();
        ensure!(bool::try_from(weights.isfinite().all())?, self.diverged("weights are no numbers", state));
        self.trajectories.put(state.expert, epoch, weights)?;
        let place = state.losses.iterations() as i64;
        let _ = state.accuracies.get(place).fill_(rounded(accuracy));
        state.losses.push(Tensor::from(rounded(loss)));
        state.losses.settle()?;
        let _ = state.sums.zero_();
        Ok(())
    }

    fn tell(&self, task: &Task, state: &State, total: u64) -> Result<()> {
        let [mut loss, mut accuracy] = self.checked(state)?;
        if let (Some(last), 0.0) = (state.losses.settled().last(), state.sums.double_value(&[2])) {
            // An epoch has just ended.
            let place = state.losses.iterations() as i64 - 1;
            (loss, accuracy) = (*last, state.accuracies.double_value(&[place]));
        }
        task.progress(state.steps(), total, "step", &[("loss", loss), ("accuracy", accuracy)]);
        Ok(())
    }

    /// Mean loss and accuracy since the epoch began, which must be numbers.
    fn checked(&self, state: &State) -> Result<[f64; 2]> {
        let [loss, accuracy] = state.running()?;
        ensure!(loss.is_finite(), self.diverged(&format!("loss is {loss}"), state));
        Ok([loss, accuracy])
    }

    fn diverged(&self, what: &str, state: &State) -> String {
        let step = state.steps() - state.expert * self.length(state);
        format!(
            "the {what} at step {step} of expert {} of {}: the training has diverged\n\
             hint: lower the learning rate (`optimizer.{}.lr`)",
            state.expert + 1,
            self.recipe.experts,
            self.recipe.optimizer.name(),
        )
    }
}

/// Does steps until so many are done and saves, as a process does that is killed then.
#[cfg(test)]
pub fn cut_off(task: &Task, plan: &Plan, there: bool, count: u64) {
    let mut state = plan.first();
    if there {
        plan.resume(task, &mut state);
    }
    while state.steps() < count {
        plan.step(&mut state).unwrap();
    }
    checkpoint::save(task.checkpoints(), &state.tensors(), &state.losses).unwrap();
}

impl Curve {
    /// Writes `expert,epoch,train_loss,train_accuracy`; both count from 1.
    pub fn write(&self, path: &Path) -> Result<()> {
        let cells = |(place, (loss, accuracy)): (u64, (&f64, &f64))| {
            let (expert, epoch) = (place / self.epochs + 1, place % self.epochs + 1);
            vec![expert.to_string(), epoch.to_string(), loss.to_string(), accuracy.to_string()]
        };
        let rows = (0..).zip(self.losses.iter().zip(&self.accuracies)).map(cells);
        write_table(path, &["expert", "epoch", "train_loss", "train_accuracy"], rows)
    }

    /// Mean over the experts of the accuracy in their last epoch.
    pub fn last_accuracy(&self) -> f64 {
        let last = self.accuracies.chunks(self.epochs as usize).filter_map(|expert| expert.last());
        let experts = self.accuracies.len() as f64 / self.epochs as f64;
        rounded(last.sum::<f64>() / experts)
    }
}
