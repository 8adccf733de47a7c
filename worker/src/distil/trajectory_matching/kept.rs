//! What is kept of a student's steps from one round of them to another. Each kind lies in one piece for good: between the blocks
//! that come and go in a step, a tensor that stays would keep these from being used again.

use std::cell::OnceCell;

use tch::{Device, Kind, Tensor, no_grad};

use crate::models::{Network, Signs};

/// Bytes of weights, and as many of signs, that are kept to spare work: beyond, memory does not grow with the steps.
const MOST_ON_CPU: u64 = 64 << 20;
const MOST_ON_CUDA: u64 = 1 << 30;

fn most(device: Device) -> u64 {
    if device == Device::Cpu { MOST_ON_CPU } else { MOST_ON_CUDA }
}

/// How the end of a way depends on what is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Through each step's gradient, at weights that are as they are.
    Step,
    /// Through the weights of all later steps, too.
    Way,
}

/// Weights before every step, the gradients that it took, and where its ReLUs let through.
pub struct Kept {
    steps: u64,
    device: Device,
    weights: Option<Rows>,
    gradients: Option<Rows>,
    /// `[steps, values]` bool, as soon as it is known how many there are; `None` where that is too many.
    signs: OnceCell<Option<Tensor>>,
}

impl Kept {
    /// Of so many steps of a network without max pooling. A [`Reach::Way`] cannot do without its weights and gradients; otherwise
    /// weights are kept where they are few.
    pub fn new(network: &Network, steps: u64, reach: Reach, device: Device) -> Kept {
        let rows = || Rows { steps: steps as i64, all: OnceCell::new() };
        let keeps_weights = bytes_of_weights(network, steps, reach, device) > 0;
        Kept {
            steps,
            device,
            weights: keeps_weights.then(rows),
            gradients: (reach == Reach::Way).then(rows),
            signs: OnceCell::new(),
        }
    }

    /// The same without signs.
    #[cfg(test)]
    pub fn without_signs(self) -> Kept {
        Kept { signs: OnceCell::from(None), ..self }
    }

    /// The same without weights.
    #[cfg(test)]
    pub fn without_weights(self) -> Kept {
        Kept { weights: None, ..self }
    }

    /// Whether weights of every step are kept.
    pub fn has_weights(&self) -> bool {
        self.weights.is_some()
    }

    /// Takes over the weights before a step, `[weights]`, if any are kept.
    pub fn keep_weights(&self, step: u64, flat: &Tensor) {
        self.weights.iter().for_each(|rows| rows.put(step, flat));
    }

    /// Takes over the gradients of a step, `[weights]`, if any are kept.
    pub fn keep_gradients(&self, step: u64, flat: &Tensor) {
        self.gradients.iter().for_each(|rows| rows.put(step, flat));
    }

    /// `[weights]` before a step.
    ///
    /// # Panics
    /// They were not kept.
    pub fn weights(&self, step: u64) -> Tensor {
        self.weights.as_ref().expect("weights are kept").get(step)
    }

    /// `[weights]` that a step took.
    ///
    /// # Panics
    /// They were not kept.
    pub fn gradients(&self, step: u64) -> Tensor {
        self.gradients.as_ref().expect("gradients are kept").get(step)
    }

    /// Whether signs are worth noting: unless there are known to be too many.
    pub fn may_keep_signs(&self) -> bool {
        self.signs.get().is_none_or(Option::is_some)
    }

    /// The signs of a step, to be held later; `None` where they are too many. No step has more than the first.
    pub fn signs(&self, step: u64, noted: &Signs) -> Option<Signs> {
        let all = self.signs.get_or_init(|| {
            let count = noted.count();
            let fits = self.steps.saturating_mul(count as u64) <= most(self.device);
            fits.then(|| Tensor::zeros([self.steps as i64, count], (Kind::Bool, self.device)))
        });
        all.as_ref().map(|all| no_grad(|| noted.copied_to(&all.get(step as i64))))
    }
}

/// A row a step, `[steps, values]`, in memory from the first on.
struct Rows {
    steps: i64,
    all: OnceCell<Tensor>,
}

impl Rows {
    fn put(&self, step: u64, row: &Tensor) {
        let shape = [self.steps, row.numel() as i64];
        let all = self.all.get_or_init(|| Tensor::zeros(shape, (row.kind(), row.device())));
        no_grad(|| all.get(step as i64).copy_(row));
    }

    fn get(&self, step: u64) -> Tensor {
        self.all.get().expect("a row was put").get(step as i64)
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

/// Bytes that are kept at most of so many steps on `batch` images each: how many values go through a ReLU is not known, only
/// that all activations are more.
pub fn bytes(network: &Network, steps: u64, batch: u64, reach: Reach, device: Device) -> u64 {
    let weights = bytes_of_weights(network, steps, reach, device);
    let gradients = if reach == Reach::Way { weights } else { 0 };
    // A byte of what takes four as an activation.
    let signs = steps.saturating_mul(batch * network.activation_bytes() / 4).min(most(device));
    weights.saturating_add(gradients).saturating_add(if weights == 0 { 0 } else { signs })
}
