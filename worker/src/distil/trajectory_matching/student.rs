//! A student that takes steps on synthetic images, and how these are to change so that it ends elsewhere.

use tch::{Kind, Tensor, no_grad};

use super::differences::Round;
use super::kept::{Kept, Reach};
use crate::models::{Kinks, Network, Parameters};

/// Where a student goes from and where it is to arrive, `[weights]` each, and its learning rate.
pub struct Way {
    pub from: Tensor,
    pub to: Tensor,
    pub lr: f64,
}

/// What is learned: leaves of the graph.
pub struct Leaves {
    /// `[n, 3, h, w]`.
    pub images: Tensor,
    /// `[n, classes]` logits, where they are learned.
    pub labels: Option<Tensor>,
}

/// The squared distance of the ends over that of the way, and its gradients.
pub struct Outcome {
    pub loss: f64,
    pub lr: f64,
    pub images: Tensor,
    pub labels: Option<Tensor>,
}

/// A student's network and steps.
pub struct Student<'a> {
    pub network: &'a Network,
    pub steps: u64,
    pub reach: Reach,
    /// Weights that move.
    pub weights: Parameters,
    /// Weights that stay: where it is to arrive, what gradients are multiplied with, or a point beside the way.
    pub fixed: Parameters,
    /// Of the steps, where gradients are taken by differences.
    pub kept: Option<Kept>,
}

impl Leaves {
    /// Of these values.
    pub fn of(images: &Tensor, labels: Option<&Tensor>) -> Leaves {
        let leaf = |values: &Tensor| values.detach().set_requires_grad(true);
        Leaves { images: leaf(images), labels: labels.map(leaf) }
    }

    /// In this order.
    pub fn all(&self) -> Vec<&Tensor> {
        std::iter::once(&self.images).chain(&self.labels).collect()
    }

    /// Zeros like them, in f64: differences of sums are what counts.
    pub fn sums(&self) -> Vec<Tensor> {
        self.all().iter().map(|leaf| leaf.detach().zeros_like().to_kind(Kind::Double)).collect()
    }
}

/// Adds to each sum its part.
pub fn add(sums: &mut [Tensor], parts: &[Tensor]) {
    no_grad(|| sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part));
}

/// Where a student ended.
pub struct End {
    pub loss: f64,
    /// ∂/∂α, where gradients stay as they are.
    pub lr: f64,
    /// θ_N - θ*, `[weights]`, and one over the squared length of the expert's way.
    apart: Tensor,
    scale: f64,
}

impl End {
    /// θ_N = θ_0 - α·Σ g_i.
    pub fn of(way: &Way, end: &Tensor) -> End {
        let apart = no_grad(|| end - &way.to);
        let walked = no_grad(|| (&way.from - end) / way.lr);
        let scale = 1.0 / square(&(&way.from - &way.to));
        End { loss: square(&apart) * scale, lr: -2.0 * dot(&apart, &walked) * scale, apart, scale }
    }

    /// ∂/∂θ_N of the loss, times `factor`: `[weights]`.
    pub fn slope(&self, factor: f64) -> Tensor {
        &self.apart * (2.0 * factor * self.scale)
    }

    /// `gradients` of the leaves, in order.
    pub fn outcome(self, gradients: Vec<Tensor>) -> Outcome {
        let mut gradients = gradients.into_iter();
        let images = gradients.next().expect("images are a leaf");
        Outcome { loss: self.loss, lr: self.lr, images, labels: gradients.next() }
    }
}

/// The loss of a step: its number, the student's weights, the leaves, and what ReLUs go by.
pub trait Loss: Fn(u64, &[Tensor], &Leaves, Kinks) -> Tensor {}

impl<F: Fn(u64, &[Tensor], &Leaves, Kinks) -> Tensor> Loss for F {}

impl Student<'_> {
    /// On the device of `like`.
    pub fn new<'a>(network: &'a Network, steps: u64, reach: Reach, like: &Tensor) -> Student<'a> {
        let device = like.device();
        let weights = || Parameters::zeros(network.parameters(), network.layout(), device);
        let kept = network.is_smooth_but_for_relu().then(|| Kept::new(network, steps, reach, device));
        Student { network, steps, reach, weights: weights(), fixed: weights(), kept }
    }

    /// How far the student ends from where it is to arrive, and its gradients: the full ones (Cazenavette et al. 2022), or those
    /// that leave out how the leaves move later steps (Cui et al. 2023, eq. 6 to 9), Σ ∂/∂X of v·g_i with
    /// v = ∂L/∂g_i = 2·(θ_N - θ*)·(-α) / ‖θ_0 - θ*‖², which is the same for every step but known only in the end.
    pub fn gradients(&self, way: &Way, leaves: &Leaves, loss: impl Loss) -> Outcome {
        let Some(kept) = &self.kept else {
            return match self.reach {
                Reach::Step => self.truncated_by_autograd(way, leaves, loss),
                Reach::Way => self.unrolled_by_autograd(way, leaves, loss),
            };
        };
        let round = Round { student: self, kept, way, leaves, loss };
        match self.reach {
            Reach::Step => round.truncated(),
            Reach::Way => round.unrolled(),
        }
    }

    /// By differentiating gradients. The second round goes the way of the first again, so that nothing is kept of a step.
    fn truncated_by_autograd(&self, way: &Way, leaves: &Leaves, loss: impl Loss) -> Outcome {
        let still =
            Leaves { images: leaves.images.detach(), labels: leaves.labels.as_ref().map(Tensor::detach) };
        self.weights.set(&way.from);
        for step in 0..self.steps {
            let loss = loss(step, self.weights.tensors(), &still, Kinks::Free);
            let gradients = Tensor::run_backward(&[&loss], self.weights.tensors(), false, false);
            self.advance(&gradients, way.lr);
        }
        let end = End::of(way, self.weights.flat());
        self.fixed.set(&end.slope(-way.lr));
        self.weights.set(&way.from);
        let directions: Vec<Tensor> = self.fixed.tensors().iter().map(Tensor::detach).collect();
        let mut sums = leaves.sums();
        for step in 0..self.steps {
            let loss = loss(step, self.weights.tensors(), leaves, Kinks::Free);
            let gradients = Tensor::run_backward(&[&loss], self.weights.tensors(), true, true);
            let products = gradients.iter().zip(&directions).map(|(g, v)| (g * v).sum(Kind::Float));
            let product = products.reduce(|sum, more| sum + more).expect("a network has weights");
            add(&mut sums, &Tensor::run_backward(&[&product], &leaves.all(), false, false));
            self.advance(&gradients, way.lr);
        }
        end.outcome(sums.iter().map(|sum| sum.to_kind(Kind::Float)).collect())
    }

    /// A step of plain SGD.
    pub fn advance(&self, gradients: &[Tensor], lr: f64) {
        self.advance_by(&self.weights.flatten(gradients), lr);
    }

    /// The same by gradients in one piece, `[weights]`.
    pub fn advance_by(&self, gradients: &Tensor, lr: f64) {
        no_grad(|| {
            let mut weights = self.weights.flat().shallow_clone();
            weights -= gradients * lr;
        });
    }

    /// By one graph of all steps.
    fn unrolled_by_autograd(&self, way: &Way, leaves: &Leaves, loss: impl Loss) -> Outcome {
        self.weights.set(&way.from);
        self.fixed.set(&way.to);
        let lr = Tensor::from(way.lr as f32).to_device(way.from.device()).set_requires_grad(true);
        let mut weights: Vec<Tensor> = self.weights.tensors().iter().map(Tensor::shallow_clone).collect();
        for step in 0..self.steps {
            let loss = loss(step, &weights, leaves, Kinks::Free);
            let gradients = Tensor::run_backward(&[&loss], &weights, true, true);
            weights = weights.iter().zip(gradients).map(|(weight, g)| weight - &lr * g).collect();
        }
        let parts = weights.iter().zip(self.fixed.tensors());
        let parts = parts.map(|(weight, to)| (weight - to.detach()).square().sum(Kind::Float));
        let apart = parts.reduce(|sum, more| sum + more).expect("a network has weights");
        let loss = apart / square(&(&way.from - &way.to));
        let learned: Vec<&Tensor> = std::iter::once(&lr).chain(leaves.all()).collect();
        let mut gradients = Tensor::run_backward(&[&loss], &learned, false, false).into_iter();
        let lr = gradients.next().expect("one a leaf").double_value(&[]);
        let images = gradients.next().expect("one a leaf");
        Outcome { loss: loss.double_value(&[]), lr, images, labels: gradients.next() }
    }
}

/// Squared length, in f64.
pub fn square(values: &Tensor) -> f64 {
    dot(values, values)
}

fn dot(a: &Tensor, b: &Tensor) -> f64 {
    no_grad(|| (a * b).sum(Kind::Double).double_value(&[]))
}
