//! The training itself: step after step until the end, a stop, a budget that is used up or a loss that is no number.

use anyhow::{Result, bail, ensure};
use pipeline::engine::{Stopped, Task};
use pipeline::recipe::{IfDiverged, Train};
use tch::{Device, Kind};

use super::curve::{Point, is_point};
use super::objective::Objective;
use super::optimizer::Rates;
use super::order::Order;
use super::set::Set;
use super::state::{Checkpoints, State};
use super::transforms::Transforms;
use super::{budget, loss, results, schedule, start};
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
    pub transforms: Transforms<'a>,
    pub objective: Objective,
    /// Steps in all, were nothing to end it earlier.
    pub total: u64,
    pub compute: Kind,
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All steps are done.
    Whole,
    /// Validation has not got better for `patience` points.
    Plateau,
    /// `max_secs` are over.
    OutOfTime,
    /// `max_joules` are drawn.
    OutOfEnergy,
    /// The loss is no number any more.
    Diverged,
}

/// Does the stage: from the image set in role `from` to weights, description and curve.
///
/// # Errors
/// Beside damaged inputs: weights or a teacher that do not fit, the loss is no number any more, or [`Stopped`].
pub fn train(task: &Task, device: Device) -> Result<()> {
    let recipe = start::with_learned_rate(task, task.parameters::<Train>()?)?;
    let mut set = Set::open(task, &recipe, device)?;
    if recipe.test_curve {
        set = set.with_test(task, device)?;
    }
    ensure!(
        set.valid.is_some() || !recipe.chooses(),
        "`{}` has no validation images for `keep` or `patience` to go by\n\
         hint: `per_class.valid` of the subset says how many it has",
        task.input_label("from")
    );
    let network = start::network(&recipe, &set)?;
    let order =
        Order::new(set.train.len(), recipe.batch.of_a_step() as usize, mix(recipe.seed, &[purpose::ORDER]));
    let transforms = Transforms::new(&recipe, &set);
    let objective = Objective::open(task, &recipe, &set, device)?;
    let total = length(&recipe, &order);
    let compute = kind_of(recipe.precision);
    let plan =
        Plan { recipe: &recipe, set: &set, network: &network, order, transforms, objective, total, compute };
    let first = start::first(task, &recipe, &network, &set, device)?;
    let mut state = State::new(&network, &recipe, first, device);
    let mut checkpoints = Checkpoints::new(task.checkpoints(), &task.job.key, &state);
    resume(task, &checkpoints, &mut state, total);
    plan.note_parts(task, &state);
    let end = plan.run(task, &mut state, &mut checkpoints)?;
    results::write(task, &plan, &state, end)
}

/// Steps of the whole training.
fn length(recipe: &Train, order: &Order) -> u64 {
    let asked = recipe.steps.unwrap_or_else(|| recipe.epochs.unwrap_or(1) * order.steps_per_epoch());
    asked.min(recipe.max_steps.unwrap_or(u64::MAX))
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
    /// Goes on from where the state is.
    fn run(&self, task: &Task, state: &mut State, checkpoints: &mut Checkpoints) -> Result<End> {
        while state.step < self.total {
            if task.should_stop() {
                checkpoints.save(state)?;
                bail!(Stopped { saved_at: Some(state.step) });
            }
            let secs = checkpoints.seconds(state);
            if state.step > 0
                && let Some((end, why)) = budget::used_up(self.recipe, task, secs)?
            {
                self.cut_off(task, state, secs, &why)?;
                return Ok(end);
            }
            self.step(task, state)?;
            if self.has_diverged(state)? {
                return Ok(End::Diverged);
            }
            let is_point = is_point(state.step, self.total, self.recipe.curve_points);
            if is_point {
                self.mark(state, checkpoints.seconds(state))?;
            }
            self.tell(task, state)?;
            if is_point && self.recipe.patience.is_some_and(|points| state.curve.stalled() >= points) {
                return Ok(End::Plateau);
            }
            if checkpoints.due() {
                checkpoints.save(state)?;
            }
        }
        Ok(End::Whole)
    }

    /// Ends the curve where the training does.
    fn cut_off(&self, task: &Task, state: &mut State, secs: f64, why: &str) -> Result<()> {
        if state.curve.0.last().is_none_or(|point| point.step < state.step) {
            self.mark(state, secs)?;
        }
        task.note("deterministic", false);
        task.warn(format!(
            "{why} ended the training at step {} of {}: on another machine, or at another time, it ends elsewhere",
            state.step, self.total
        ));
        Ok(())
    }

    /// Learning rates of `step`, counted from 0.
    pub(super) fn rates(&self, state: &State, step: u64) -> Rates {
        let rate = |highest| schedule::rate(&self.recipe.schedule, highest, step, self.total);
        let head = self.recipe.lr_head.unwrap_or(state.optimizer.lr_of_head());
        Rates { body: rate(state.optimizer.lr()), head: rate(head) }
    }

    /// Adds a point to the curve, keeps the weights if they are the best so far, and starts the running sums anew.
    fn mark(&self, state: &mut State, secs: f64) -> Result<()> {
        let [train_loss, train_accuracy] = self.running(state)?;
        let valid = self.set.valid.as_ref().map(|images| self.score(state, images));
        let test = self.set.test.as_ref().map(|images| self.score(state, images)[1]);
        let epoch = state.step as f64 / self.order.steps_per_epoch() as f64;
        let _ = state.sums.zero_();
        let lr = self.rates(state, state.step - 1).body;
        let step = state.step;
        state.curve.0.push(Point { step, epoch, train_loss, train_accuracy, valid, test, lr, secs });
        let is_best = state.curve.best().is_some_and(|best| best.step == state.step);
        if let Some(best) = state.best.as_ref().filter(|_| is_best) {
            let (parameters, buffers) = state.scored();
            best.take(parameters, buffers);
        }
        Ok(())
    }

    /// Mean loss and accuracy on `images`, without label smoothing.
    fn score(&self, state: &State, images: &Images) -> [f64; 2] {
        let _quiet = tch::no_grad_guard();
        let (parameters, buffers) = state.scored();
        let mut sums = [0.0; 2];
        // What a pass forth and back has no room for may be too much for a pass forth, too.
        let at_once = state.at_once.map_or(SCORED_AT_ONCE, |images| images.min(SCORED_AT_ONCE));
        for (x, labels) in images.batches(at_once) {
            let logits = self.network.forward(parameters.tensors(), buffers, &x, Mode::Eval, self.compute);
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
                 hint: lower the learning rate (`optimizer.{}.lr`, now {:?}), or set `if_diverged = \"end\"`",
                self.recipe.optimizer.name(),
                state.optimizer.lr()
            );
        }
        Ok([losses / steps.max(1.0), hits / steps.max(1.0)])
    }

    /// Whether the training ends here because its loss is no number, where that is no failure.
    fn has_diverged(&self, state: &State) -> Result<bool> {
        if self.recipe.if_diverged == IfDiverged::Fail || !self.looks(state) {
            return Ok(false);
        }
        let sums = Vec::<f64>::try_from(&state.sums)?;
        Ok(sums.iter().any(|sum| !sum.is_finite()))
    }

    /// Whether the loss is looked at after this step: where a point is taken, too, as that starts the sums anew.
    fn looks(&self, state: &State) -> bool {
        !state.sums.device().is_cuda()
            || state.step.is_multiple_of(LOOKS_ON_GPU)
            || is_point(state.step, self.total, self.recipe.curve_points)
    }

    /// Tells how far it is, and looks whether the loss is a number.
    fn tell(&self, task: &Task, state: &State) -> Result<()> {
        if !self.looks(state) {
            return Ok(());
        }
        let [loss, accuracy] = match state.curve.0.last() {
            // The sums have just been put into this point.
            Some(point) if point.step == state.step => [point.train_loss, point.train_accuracy],
            _ => self.running(state)?,
        };
        let lr = self.rates(state, state.step - 1).body;
        let mut figures = vec![("loss", loss), ("accuracy", accuracy), ("lr", lr)];
        figures.extend(
            state.curve.0.last().and_then(|p| p.valid).map(|[_, accuracy]| ("valid_accuracy", accuracy)),
        );
        task.progress(state.step, self.total, "step", &figures);
        Ok(())
    }
}
