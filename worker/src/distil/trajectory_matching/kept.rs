//! What is kept of a student's steps from one round of them to another. Each kind lies in one piece for good: between the blocks
//! that come and go in a step, a tensor that stays would keep these from being used again.

use std::cell::OnceCell;

use tch::{Device, Kind, Tensor, no_grad};

use crate::models::{Network, Signs};

/// Bytes of weights, and of signs, that are kept of a way to spare work: beyond, memory does not grow with its steps.
const MOST_ON_CPU: u64 = 64 << 20;
const MOST_ON_CUDA: u64 = 1 << 30;

fn most(device: Device) -> u64 {
    if device == Device::Cpu { MOST_ON_CPU } else { MOST_ON_CUDA }
}

/// How the end of a way depends on what is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Each step by itself: its weights are as they are.
    Step,
    /// Through the weights of all later steps.
    Way,
}

/// Weights before every step, the gradients that it took, and where its ReLUs let through.
pub struct Kept {
    steps: u64,
    device: Device,
    /// `[steps, weights]`.
    weights: Option<Tensor>,
    /// `[steps, weights]`.
    gradients: Option<Tensor>,
    /// `[steps, values]` bool, as soon as it is known how many there are; `None` where that is too many.
    signs: OnceCell<Option<Tensor>>,
}

impl Kept {
    /// Of so many steps of a network without max pooling. A [`Reach::Way`] cannot do without its weights and gradients; otherwise
    /// weights are kept where they are few.
    pub fn new(network: &Network, steps: u64, reach: Reach, device: Device) -> Kept {
        let rows = || Tensor::zeros([steps as i64, network.count()], (Kind::Float, device));
        let keeps_weights = bytes_of_weights(network, steps, reach, device) > 0;
        Kept {
            steps,
            device,
            weights: keeps_weights.then(rows),
            gradients: (reach == Reach::Way).then(rows),
            signs: OnceCell::new(),
        }
    }

    /// Nothing but what cannot be done without.
    #[cfg(test)]
    pub fn least(self, reach: Reach) -> Kept {
        let weights = self.weights.filter(|_| reach == Reach::Way);
        Kept { weights, signs: OnceCell::from(None), ..self }
    }

    pub fn has_weights(&self) -> bool {
        self.weights.is_some()
    }

    pub fn keep_weights(&self, step: u64, flat: &Tensor) {
        put(self.weights.as_ref(), step, flat);
    }

    pub fn keep_gradients(&self, step: u64, flat: &Tensor) {
        put(self.gradients.as_ref(), step, flat);
    }

    /// `[weights]` before a step.
    ///
    /// # Panics
    /// None are kept.
    pub fn weights(&self, step: u64) -> Tensor {
        self.weights.as_ref().expect("weights are kept").get(step as i64)
    }

    /// `[weights]` that a step took.
    ///
    /// # Panics
    /// None are kept.
    pub fn gradients(&self, step: u64) -> Tensor {
        self.gradients.as_ref().expect("gradients are kept").get(step as i64)
    }

    /// Whether signs are worth noting: unless there are known to be too many.
    pub fn may_keep_signs(&self) -> bool {
        self.signs.get().is_none_or(Option::is_some)
    }

    /// The signs of a step, to be held later; `None` where they are too many. The first step is as large as any.
    pub fn signs(&self, step: u64, noted: &Signs) -> Option<Signs> {
        let all = self.signs.get_or_init(|| {
            let count = noted.count();
            let fits = self.steps.saturating_mul(count as u64) <= most(self.device);
            fits.then(|| Tensor::zeros([self.steps as i64, count], (Kind::Bool, self.device)))
        });
        all.as_ref().map(|all| no_grad(|| noted.moved(&all.get(step as i64))))
    }
}

fn put(rows: Option<&Tensor>, step: u64, flat: &Tensor) {
    if let Some(rows) = rows {
        no_grad(|| rows.get(step as i64).copy_(flat));
    }
}

fn bytes_of_weights(network: &Network, steps: u64, reach: Reach, device: Device) -> u64 {
    let all = steps.saturating_mul(4 * network.count() as u64);
    match reach {
        Reach::Way => all,
        Reach::Step if all <= most(device) => all,
        Reach::Step => 0,
    }
}

/// Bytes that are kept of so many steps on `batch` images each.
pub fn bytes(network: &Network, steps: u64, batch: u64, reach: Reach, device: Device) -> u64 {
    let gradients = if reach == Reach::Way { steps.saturating_mul(4 * network.count() as u64) } else { 0 };
    // A byte of what takes four as an activation; not all of these go through a ReLU.
    let signs = steps.saturating_mul(batch * network.activation_bytes() / 4);
    bytes_of_weights(network, steps, reach, device) + gradients + signs.min(most(device))
}
