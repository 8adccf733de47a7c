//! One update of the weights: of the whole batch at once, or of parts of it whose gradients are added up, where that is
//! wanted or memory does not suffice.

use anyhow::{Result, anyhow};
use pipeline::engine::Task;
use pipeline::networks::written;
use pipeline::recipe::{Batch, Train};
use tch::{Kind, Tensor, no_grad};

use super::loss;
use super::optimizer;
use super::run::Plan;
use super::state::State;
use crate::memory::{self, OutOfMemory};
use crate::models::{Mode, Network};
use crate::randomness::{mix, purpose};

/// What a batch comes to.
struct Passed {
    /// Of the trained parameters, in order.
    gradients: Vec<Tensor>,
    /// A scalar.
    loss: Tensor,
    /// `[n, classes]`.
    logits: Tensor,
    /// `[n]` or `[n, classes]`, as they were learnt.
    labels: Tensor,
}

/// Images that go through the network at once as a training begins; `None` for all of a step.
pub fn at_once(recipe: &Train) -> Option<usize> {
    match recipe.micro_batch {
        Some(Batch::Images(images)) => Some(images as usize),
        _ => None,
    }
}

impl Plan<'_> {
    /// One update of the weights.
    ///
    /// # Errors
    /// Memory does not suffice.
    pub(super) fn step(&self, task: &Task, state: &mut State) -> Result<()> {
        let (recipe, step) = (self.recipe, state.step);
        let Passed { mut gradients, loss, logits, labels } = self.passed(task, state)?;
        if let Some(most) = recipe.clip_norm {
            optimizer::clip(&mut gradients, most);
        }
        let rates = self.rates(state, step);
        state.optimizer.update(&state.parameters, &gradients, rates, step);
        no_grad(|| {
            let hits = loss::hits(&logits, &labels).to_kind(Kind::Double) / self.order.batch() as f64;
            let one = Tensor::ones([], (Kind::Double, hits.device()));
            state.sums += Tensor::stack(&[loss.to_kind(Kind::Double), hits, one], 0);
        });
        state.step += 1;
        if state.step < self.total {
            self.set.train.ahead(&self.order.places(state.step));
        }
        if let (Some(average), Some(decay)) = (&state.average, recipe.ema) {
            average.move_towards(&state.parameters, &state.buffers, decay, state.step);
        }
        Ok(())
    }

    /// The step's gradients, in ever smaller parts where memory does not suffice and the recipe leaves that open.
    fn passed(&self, task: &Task, state: &mut State) -> Result<Passed> {
        let may_split = self.recipe.micro_batch == Some(Batch::AUTO);
        // A pass that breaks off may have moved some of the running statistics.
        let before = may_split.then(|| together(&state.buffers)).flatten();
        loop {
            let found = match memory::attempt(|| self.pass(state)) {
                Ok(passed) => return Ok(passed),
                Err(found) => found,
            };
            let fewer = halved(state.at_once.unwrap_or(usize::MAX).min(self.order.batch()), self.least());
            let (Some(fewer), true) = (fewer, may_split) else { return Err(self.too_much(state, &found)) };
            put_back(&state.buffers, before.as_ref());
            state.at_once = Some(fewer);
            task.warn(self.told(state, &found, fewer));
            self.note_parts(task, state);
        }
    }

    /// Forth and back through the network, part by part.
    fn pass(&self, state: &State) -> Passed {
        let (step, batch) = (state.step, self.order.batch());
        // The generator's state cannot be saved: each step starts it anew, which makes resuming exact.
        tch::manual_seed(mix(self.recipe.seed, &[purpose::DROPOUT, step]) as i64);
        let (images, labels) = self.set.train.at(&self.order.places(step));
        let (images, labels) = self.transforms.apply(images, labels, step);
        let trained = state.parameters.trained_tensors();
        let mut start = 0;
        let mut sum: Option<Passed> = None;
        for count in parts(batch, state.at_once.unwrap_or(batch), self.least()) {
            #[cfg(test)]
            memory::imagined::ask_for(count);
            let own = |all: &Tensor| all.narrow(0, start, count as i64);
            let (x, y) = (own(&images), own(&labels));
            let tensors = state.parameters.tensors();
            let logits = self.network.forward(tensors, &state.buffers, &x, Mode::Train, self.compute);
            let loss = self.objective.loss(&x, &logits, &y, &labels);
            let gradients = Tensor::run_backward(&[&loss], &trained, false, false);
            start += count as i64;
            let part = Passed { gradients, loss: loss.detach(), logits: logits.detach(), labels: y };
            sum = Some(match sum.take() {
                Some(before) => no_grad(|| added(before, part)),
                None => part,
            });
        }
        sum.expect("a batch has an image")
    }

    /// Fewest images that go through the network at once where memory decides: a batch norm wants two.
    fn least(&self) -> usize {
        let splits = self.recipe.micro_batch == Some(Batch::AUTO);
        if splits && !self.network.buffers().is_empty() { 2 } else { 1 }
    }

    /// Notes for the receipt that memory decided about the parts.
    pub(super) fn note_parts(&self, task: &Task, state: &State) {
        if self.recipe.micro_batch == Some(Batch::AUTO)
            && let Some(images) = state.at_once
        {
            task.note("micro_batch", images as u64);
            task.note("deterministic", false);
        }
    }

    fn told(&self, state: &State, found: &OutOfMemory, fewer: usize) -> String {
        let batch = self.order.batch();
        let norms = if self.network.buffers().is_empty() { "" } else { "; batch norms go by each part" };
        format!(
            "{found}; from step {} on, the {batch} images of a step go through the network {fewer} at once, and their \
             gradients are added up ({batch} images make an update as before{norms})",
            state.step
        )
    }

    fn too_much(&self, state: &State, found: &OutOfMemory) -> anyhow::Error {
        let images = state.at_once.unwrap_or(usize::MAX).min(self.order.batch()) as u64;
        let kept = kept(self.network, state.optimizer.state().len(), images);
        let remedy = match self.recipe.micro_batch {
            Some(Batch::Auto(_)) => "a smaller `image_size` or network, or fewer stages at a time (`--jobs`)",
            Some(Batch::Images(_)) => {
                "a smaller `micro_batch`, or `micro_batch = \"auto\"`, which halves it until it fits"
            }
            None => {
                "`micro_batch = \"auto\"` makes the same step in parts that fit; or a smaller `batch` or `image_size`, or \
                 fewer stages at a time (`--jobs`)"
            }
        };
        anyhow!("{found}; {kept}\nhint: {remedy}")
    }
}

/// What training needs by the network's description.
fn kept(network: &Network, flats: usize, images: u64) -> String {
    let (count, each) = (network.count() as u64, network.activation_bytes());
    let weights = 4 * count * (2 + flats as u64);
    format!(
        "{images} images at once leave {} of activations ({} each, in fp32), beside {} for {count} weights with their \
         gradients and the optimiser's state",
        written(images * each),
        written(each),
        written(weights)
    )
}

/// Sizes of the parts of `batch` images, as equal as can be: each at most `at_once`, and none below `least` where that
/// can be had.
fn parts(batch: usize, at_once: usize, least: usize) -> Vec<usize> {
    let count = batch.div_ceil(at_once.max(1)).min(batch / least).max(1);
    (0..count).map(|part| batch / count + usize::from(part < batch % count)).collect()
}

/// Half as many images, where that is not too few.
fn halved(at_once: usize, least: usize) -> Option<usize> {
    let half = at_once.div_ceil(2);
    (half < at_once && half >= least).then_some(half)
}

/// Two parts of a batch as one.
fn added(before: Passed, part: Passed) -> Passed {
    // Not in place: two parameters may share one gradient.
    let sums = before.gradients.iter().zip(&part.gradients).map(|(sum, gradient)| sum + gradient);
    Passed {
        gradients: sums.collect(),
        loss: before.loss + part.loss,
        logits: Tensor::cat(&[before.logits, part.logits], 0),
        labels: Tensor::cat(&[before.labels, part.labels], 0),
    }
}

/// Running statistics as one tensor: one operation on a GPU.
fn together(buffers: &[Tensor]) -> Option<Tensor> {
    (!buffers.is_empty()).then(|| Tensor::cat(buffers, 0))
}

fn put_back(buffers: &[Tensor], before: Option<&Tensor>) {
    let Some(before) = before else { return };
    let lengths: Vec<i64> = buffers.iter().map(|buffer| buffer.size()[0]).collect();
    for (buffer, own) in buffers.iter().zip(before.split_with_sizes(&lengths[..], 0)) {
        no_grad(|| buffer.shallow_clone().copy_(&own));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_equal_as_can_be_and_make_up_the_batch() {
        assert_eq!(parts(12, 12, 1), [12]);
        assert_eq!(parts(12, 100, 1), [12]);
        assert_eq!(parts(32, 12, 1), [11, 11, 10]);
        assert_eq!(parts(5, 1, 1), [1; 5]);
        // A batch norm of one image has no variance.
        assert_eq!(parts(3, 2, 2), [3]);
        assert_eq!(parts(5, 2, 2), [3, 2]);
        assert_eq!(parts(1, 1, 2), [1]);
    }

    #[test]
    fn images_are_halved_down_to_the_least() {
        let all: Vec<usize> = std::iter::successors(Some(12), |at_once| halved(*at_once, 1)).collect();
        assert_eq!(all, [12, 6, 3, 2, 1]);
        assert_eq!(halved(2, 2), None);
        assert_eq!(halved(3, 2), Some(2));
    }

    #[test]
    fn statistics_are_put_back_as_they_were() {
        let buffers = [Tensor::from_slice(&[1.0f32, 2.0]), Tensor::from_slice(&[3.0f32])];
        let before = together(&buffers);
        let _ = buffers[1].shallow_clone().fill_(7.0);
        put_back(&buffers, before.as_ref());
        assert_eq!(together(&buffers), before);
    }
}
