//! A network that learns from the real images, step by step: an expert, or one whose forgetting is counted.

use pipeline::recipe::{self, Loss, Preprocess, Transform};
use tch::{Device, Kind, Tensor, no_grad};

use super::checkpoint::Tensors;
use super::shown::Shown;
use crate::models::{Mode, Network, Parameters};
use crate::randomness::{mix, purpose};
use crate::training::loss;
use crate::training::optimizer::{Optimizer, Rates};
use crate::training::order::Order;
use crate::training::patches;
use crate::training::transforms::Transforms;

/// How it learns.
pub struct Lessons<'a> {
    pub network: Network,
    pub shown: Shown,
    pub rule: &'a recipe::Optimizer,
    pub transforms: &'a [Transform],
    pub classes: usize,
    pub preprocess: &'a Preprocess,
    pub batch: u32,
    pub device: Device,
}

/// What a step looked at, and how the network did before it.
pub struct Looked {
    /// In the training split, `[batch]`.
    pub places: Vec<i64>,
    /// Mean over the batch, a scalar.
    pub loss: Tensor,
    /// `[batch, classes]`.
    pub logits: Tensor,
    /// `[batch]` i64 or soft `[batch, classes]`.
    pub labels: Tensor,
}

/// What steps change.
pub struct Learner {
    pub parameters: Parameters,
    pub buffers: Vec<Tensor>,
    optimizer: Optimizer,
}

impl Lessons<'_> {
    /// A network as it starts from `seed`.
    pub fn first(&self, seed: u64) -> Learner {
        let (parameters, buffers) = self.network.initial(mix(seed, &[purpose::WEIGHTS]), self.device);
        patches::whiten(&self.network, &parameters, self.shown.len(), |places| self.shown.at(places).0);
        let optimizer = Optimizer::new(self.rule, &parameters, self.network.head());
        Learner { parameters, buffers, optimizer }
    }

    /// The order of images of the network that starts from `seed`.
    pub fn order(&self, seed: u64) -> Order {
        Order::new(self.shown.len(), self.batch as usize, mix(seed, &[purpose::ORDER]))
    }

    /// One update of the network that started from `seed`, counted from 0.
    pub fn step(&self, learner: &mut Learner, order: &Order, seed: u64, step: u64) -> Looked {
        // Each step starts the generator anew, which makes resuming exact.
        tch::manual_seed(mix(seed, &[purpose::DROPOUT, step]) as i64);
        let places = order.places(step);
        let (images, labels) = self.shown.at(&places);
        let transforms = Transforms::of(self.transforms, self.classes, self.preprocess, seed);
        let (images, labels) = transforms.apply(images, labels, step);
        let weights = learner.parameters.tensors();
        let logits = self.network.forward(weights, &learner.buffers, &images, Mode::Train, Kind::Float);
        let loss = loss::mean(Loss::CrossEntropy, &logits, &labels, 0.0, None);
        let gradients = Tensor::run_backward(&[&loss], weights, false, false);
        let rates = Rates { body: learner.optimizer.lr(), head: learner.optimizer.lr_of_head() };
        learner.optimizer.update(&learner.parameters, &gradients, rates, step);
        Looked { places, loss: loss.detach(), logits: logits.detach(), labels }
    }
}

impl Learner {
    /// Begins anew as `other`.
    pub fn renew(&mut self, other: &Learner) {
        no_grad(|| {
            let pairs = self.tensors().into_iter().zip(other.tensors());
            pairs.for_each(|((_, to), (_, from))| to.shallow_clone().copy_(&from));
        });
    }

    /// Everything that the next step depends on.
    pub fn tensors(&self) -> Tensors {
        let numbered = |name: &str, tensors: &[Tensor]| -> Tensors {
            let named = tensors.iter().enumerate();
            named.map(|(i, tensor)| (format!("{name}.{i}"), tensor.shallow_clone())).collect()
        };
        let weights = ("weights".to_string(), self.parameters.flat().shallow_clone());
        let rest = numbered("buffer", &self.buffers).into_iter();
        std::iter::once(weights).chain(rest).chain(numbered("optimizer", self.optimizer.state())).collect()
    }
}
