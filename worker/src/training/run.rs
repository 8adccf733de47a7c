//! The training itself: step after step until the end, a stop or a loss that is no number.

use anyhow::{Result, bail};
use pipeline::engine::{Stopped, Task};
use pipeline::recipe::Train;
use tch::{Device, Kind, Tensor, no_grad};

use super::curve::{Point, is_point};
use super::order::Order;
use super::set::Set;
use super::state::{Checkpoints, State};
use super::{loss, optimizer, results, schedule, transforms};
use crate::images::Images;
use crate::models::{Mode, Network, kind_of};
use crate::randomness::{mix, purpose};

/// Images at a time when accuracy is taken.
const SCORED_AT_ONCE: usize = 128;
/// Steps between two looks at the loss on a GPU, which has to be waited for; on the CPU every step.
const LOOKS_ON_GPU: u64 = 20;

/// What holds throughout a training.
pub struct Plan<'a> {
    pub recipe: &'a Train,
    pub set: &'a Set,
    pub network: &'a Network,
    pub order: Order,
    /// Steps in all.
    pub total: u64,
    pub compute: Kind,
}

/// Does the stage: from the image set in role `from` to weights, description and curve.
///
/// # Errors
/// Beside damaged inputs: the loss is no number any more, or [`Stopped`].
pub fn train(task: &Task, device: Device) -> Result<()> {
    let recipe: Train = task.parameters()?;
    let set = Set::open(task, device)?;
    let network = Network::new(&recipe.network, set.classes.len(), set.image_size)?;
    let order = Order::new(set.train.len(), recipe.batch as usize, mix(recipe.seed, &[purpose::ORDER]));
    let total = recipe.steps.unwrap_or_else(|| recipe.epochs.unwrap_or(1) * order.steps_per_epoch());
    let compute = kind_of(recipe.precision);
    let plan = Plan { recipe: &recipe, set: &set, network: &network, order, total, compute };
    let mut state = State::new(&network, &recipe.optimizer, mix(recipe.seed, &[purpose::WEIGHTS]), device);
    let mut checkpoints = Checkpoints::new(task.checkpoints(), &task.job.key);
    resume(task, &checkpoints, &mut state, total);
    while state.step < total {
        if task.should_stop() {
            checkpoints.save(&state)?;
            bail!(Stopped { saved_at: Some(state.step) });
        }
        let lr = plan.step(&mut state);
        if is_point(state.step, total, recipe.curve_points) {
            let secs = checkpoints.seconds(&state);
            plan.mark(&mut state, lr, secs)?;
        }
        plan.tell(task, &state, lr)?;
        if checkpoints.due() {
            checkpoints.save(&state)?;
        }
    }
    results::write(task, &plan, &state)
}

fn resume(task: &Task, checkpoints: &Checkpoints, state: &mut State, total: u64) {
    match state.restore(task.checkpoints(), &task.job.key, total) {
        Ok(found) => task.started(found.then_some(state.step)),
        Err(reason) => {
            let path = checkpoints.path();
            task.warn(format!("the checkpoint `{}` is left aside: {reason:#}", path.display()));
            task.started(None);
        }
    }
}

impl Plan<'_> {
    /// One update of the weights; gives the learning rate it took.
    fn step(&self, state: &mut State) -> f64 {
        let (recipe, step) = (self.recipe, state.step);
        // The generator's state cannot be saved: each step starts it anew, which makes resuming exact.
        tch::manual_seed(mix(recipe.seed, &[purpose::DROPOUT, step]) as i64);
        let (images, labels) = self.set.train.at(&self.order.places(step));
        let images =
            transforms::apply(&recipe.transforms, images, mix(recipe.seed, &[purpose::TRANSFORMS]), step);
        let tensors = state.parameters.tensors();
        let logits = self.network.forward(tensors, &state.buffers, &images, Mode::Train, self.compute);
        let loss = loss::mean(recipe.loss, &logits, &labels, recipe.label_smoothing);
        let mut gradients = Tensor::run_backward(&[&loss], tensors, false, false);
        if let Some(most) = recipe.clip_norm {
            optimizer::clip(&mut gradients, most);
        }
        let lr = schedule::rate(&recipe.schedule, state.optimizer.lr(), step, self.total);
        state.optimizer.update(&state.parameters, &gradients, lr, step);
        no_grad(|| {
            let hits = loss::hits(&logits, &labels).to_kind(Kind::Double) / self.order.batch() as f64;
            let one = Tensor::ones([], (Kind::Double, hits.device()));
            state.sums += Tensor::stack(&[loss.detach().to_kind(Kind::Double), hits, one], 0);
        });
        state.step += 1;
        lr
    }

    /// Adds a point to the curve and starts the running sums anew.
    fn mark(&self, state: &mut State, lr: f64, secs: f64) -> Result<()> {
        let [train_loss, train_accuracy] = self.running(state)?;
        let valid = self.set.valid.as_ref().map(|images| self.score(state, images));
        let epoch = state.step as f64 / self.order.steps_per_epoch() as f64;
        let _ = state.sums.zero_();
        state.curve.0.push(Point { step: state.step, epoch, train_loss, train_accuracy, valid, lr, secs });
        Ok(())
    }

    /// Mean loss and accuracy on `images`, without label smoothing.
    fn score(&self, state: &State, images: &Images) -> [f64; 2] {
        let _quiet = tch::no_grad_guard();
        let tensors = state.parameters.tensors();
        let mut sums = [0.0; 2];
        for (x, labels) in images.batches(SCORED_AT_ONCE) {
            let logits = self.network.forward(tensors, &state.buffers, &x, Mode::Eval, self.compute);
            sums[0] += loss::of_each(self.recipe.loss, &logits, &labels).sum(Kind::Double).double_value(&[]);
            sums[1] += loss::hits(&logits, &labels).int64_value(&[]) as f64;
        }
        sums.map(|sum| sum / images.len() as f64)
    }

    /// Mean loss and accuracy over the steps since the last point of the curve.
    fn running(&self, state: &State) -> Result<[f64; 2]> {
        let sums = Vec::<f64>::try_from(&state.sums)?;
        let [losses, hits, steps] = sums[..] else { bail!("three sums are kept, not {}", sums.len()) };
        if !losses.is_finite() {
            let step = state.step;
            bail!(
                "the loss is {losses} at step {step}: the training has diverged\n\
                 hint: lower the learning rate (`optimizer.{}.lr`, now {:?})",
                self.recipe.optimizer.name(),
                state.optimizer.lr()
            );
        }
        Ok([losses / steps.max(1.0), hits / steps.max(1.0)])
    }

    /// Tells how far it is, and looks whether the loss is a number.
    fn tell(&self, task: &Task, state: &State, lr: f64) -> Result<()> {
        let looks = !state.sums.device().is_cuda()
            || state.step.is_multiple_of(LOOKS_ON_GPU)
            || state.step == self.total;
        if !looks {
            return Ok(());
        }
        let [loss, accuracy] = match state.curve.0.last() {
            // The sums have just been put into this point.
            Some(point) if point.step == state.step => [point.train_loss, point.train_accuracy],
            _ => self.running(state)?,
        };
        let mut figures = vec![("loss", loss), ("accuracy", accuracy), ("lr", lr)];
        figures.extend(
            state.curve.0.last().and_then(|p| p.valid).map(|[_, accuracy]| ("valid_accuracy", accuracy)),
        );
        task.progress(state.step, self.total, "step", &figures);
        Ok(())
    }
}
