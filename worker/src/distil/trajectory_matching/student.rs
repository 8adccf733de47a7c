//! A student that takes steps on synthetic images, and how these are to change so that it ends elsewhere.

use tch::{Device, Kind, Tensor, no_grad};

use crate::models::{Kinks, Network, Parameters, Signs};

/// How far a difference is taken, as a share of the weights' length: at a hundredth of it what is not linear shows (17 to 39 %
/// of the gradient, measured on `convnet`s of 32 and 128 channels), at a ten-thousandth 0.2 to 0.5 %, and rounding does not yet.
const STRIDE: f64 = 5e-5;

/// Bytes of weights that are kept of a way: up to here it is not gone twice, and beyond, memory does not grow.
const KEPT_ON_CPU: u64 = 32 << 20;
const KEPT_ON_CUDA: u64 = 1 << 30;

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
    network: &'a Network,
    steps: u64,
    /// Weights that move.
    weights: Parameters,
    /// Weights that stay: where it is to arrive, or what gradients are multiplied with.
    fixed: Parameters,
    /// Weights before every step, `[steps, weights]`, where all of them may be kept. In one piece for good: laid between the
    /// blocks that come and go in a step, each would keep these from being used again.
    visited: Option<Tensor>,
}

/// Bytes of weights that a student of so many steps keeps.
pub fn kept(network: &Network, steps: u64, device: Device) -> u64 {
    let all = steps.saturating_mul(4 * network.count() as u64);
    let most = if device == Device::Cpu { KEPT_ON_CPU } else { KEPT_ON_CUDA };
    if network.is_smooth_but_for_relu() && all <= most { all } else { 0 }
}

impl Leaves {
    /// Of these values.
    pub fn of(images: &Tensor, labels: Option<&Tensor>) -> Leaves {
        let leaf = |values: &Tensor| values.detach().set_requires_grad(true);
        Leaves { images: leaf(images), labels: labels.map(leaf) }
    }

    fn all(&self) -> Vec<&Tensor> {
        std::iter::once(&self.images).chain(&self.labels).collect()
    }

    /// Zeros like them, in f64: differences of sums are what counts.
    fn sums(&self) -> Vec<Tensor> {
        self.all().iter().map(|leaf| leaf.detach().zeros_like().to_kind(Kind::Double)).collect()
    }
}

fn add(sums: &mut [Tensor], parts: &[Tensor]) {
    no_grad(|| sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part));
}

/// Where a student ended.
struct End {
    loss: f64,
    lr: f64,
    /// v, `[weights]`.
    direction: Tensor,
}

impl End {
    /// θ_N = θ_0 - α·Σ g_i.
    fn of(way: &Way, end: &Tensor) -> End {
        let apart = no_grad(|| end - &way.to);
        let walked = no_grad(|| (&way.from - end) / way.lr);
        let scale = 1.0 / square(&(&way.from - &way.to));
        let direction = &apart * (-2.0 * way.lr * scale);
        End { loss: square(&apart) * scale, lr: -2.0 * dot(&apart, &walked) * scale, direction }
    }

    /// `gradients` of the leaves, in order.
    fn outcome(self, gradients: Vec<Tensor>) -> Outcome {
        let mut gradients = gradients.into_iter();
        let images = gradients.next().expect("images are a leaf");
        Outcome { loss: self.loss, lr: self.lr, images, labels: gradients.next() }
    }
}

/// The loss of a step: its number, the student's weights, the leaves, and what ReLUs go by.
pub trait Loss: Fn(u64, &[Tensor], &Leaves, Kinks) -> Tensor {}

impl<F: Fn(u64, &[Tensor], &Leaves, Kinks) -> Tensor> Loss for F {}

impl Student<'_> {
    pub fn new<'a>(network: &'a Network, steps: u64, like: &Tensor) -> Student<'a> {
        let device = like.device();
        let weights = || Parameters::zeros(network.parameters(), network.layout(), device);
        let visited = kept(network, steps, device) > 0;
        let visited = visited.then(|| Tensor::zeros([steps as i64, network.count()], (Kind::Float, device)));
        Student { network, steps, weights: weights(), fixed: weights(), visited }
    }

    /// The same student, which keeps no weights of its steps.
    #[cfg(test)]
    pub fn forgetful(self) -> Self {
        Student { visited: None, ..self }
    }

    pub fn network(&self) -> &Network {
        self.network
    }

    /// The gradient that leaves out how the leaves move later steps (Cui et al. 2023, eq. 6 to 9), Σ ∂/∂X of v·g_i with
    /// v = ∂L/∂g_i = 2·(θ_N - θ*)·(-α) / ‖θ_0 - θ*‖², which is the same for every step but known only in the end: a first round
    /// finds out where the student ends, and a second takes the sum. A step's graph is gone before the next.
    pub fn truncated(&self, way: &Way, leaves: &Leaves, loss: impl Loss) -> Outcome {
        if self.network.is_smooth_but_for_relu() {
            self.by_differences(way, leaves, loss)
        } else {
            self.twice(way, leaves, loss)
        }
    }

    /// v·g_i is how fast the loss moves along v, so ∂/∂X of it is how fast ∂/∂X of the loss does: the difference of two first
    /// gradients, without one of the second order. The signs in ReLUs are held, as autograd holds them. Where the weights of
    /// all steps may not be kept, the second round goes the way of the first again.
    pub fn by_differences(&self, way: &Way, leaves: &Leaves, loss: impl Loss) -> Outcome {
        let mut here = leaves.sums();
        self.go(way, leaves, &mut here, &loss);
        let end = End::of(way, self.weights.flat());
        let by = STRIDE * (square(&way.from) / square(&end.direction)).sqrt();
        let there = self.go_beside(way, &(&end.direction * by), leaves, &mut here, &loss);
        let differences =
            here.iter().zip(there).map(|(here, there)| ((there - here) / by).to_kind(Kind::Float));
        end.outcome(differences.collect())
    }

    /// To the end of the way. Where the weights of every step are kept, gradients of the leaves are added to `here`.
    fn go(&self, way: &Way, leaves: &Leaves, here: &mut [Tensor], loss: &impl Loss) {
        self.weights.set(&way.from);
        for step in 0..self.steps {
            if let Some(visited) = &self.visited {
                no_grad(|| visited.get(step as i64).copy_(self.weights.flat()));
                self.walk(step, way, leaves, Kinks::Free, here, loss);
            } else {
                let loss = loss(step, self.weights.tensors(), leaves, Kinks::Free);
                let gradients = Tensor::run_backward(&[&loss], self.weights.tensors(), false, false);
                self.advance(&gradients, way.lr);
            }
        }
    }

    /// Gradients of the leaves at weights that are `aside` of those of the way, summed over its steps. Where its weights are
    /// not kept, it is gone again, and gradients on it are added to `here`.
    fn go_beside(
        &self,
        way: &Way,
        aside: &Tensor,
        leaves: &Leaves,
        here: &mut [Tensor],
        loss: &impl Loss,
    ) -> Vec<Tensor> {
        let mut there = leaves.sums();
        let weights: Vec<Tensor> = self.fixed.tensors().iter().map(Tensor::detach).collect();
        self.weights.set(&way.from);
        for step in 0..self.steps {
            let signs = Signs::default();
            if let Some(visited) = &self.visited {
                let visited = visited.get(step as i64);
                self.fixed.set(&visited);
                no_grad(|| drop(loss(step, &weights, leaves, Kinks::Noted(&signs))));
                self.fixed.set(&(visited + aside));
            } else {
                let aside = no_grad(|| self.weights.flat() + aside);
                self.walk(step, way, leaves, Kinks::Noted(&signs), here, loss);
                self.fixed.set(&aside);
            }
            let loss = loss(step, &weights, leaves, Kinks::Held(&signs));
            add(&mut there, &Tensor::run_backward(&[&loss], &leaves.all(), false, false));
        }
        there
    }

    /// A step, whose gradients of the leaves are added to `here`.
    fn walk(
        &self,
        step: u64,
        way: &Way,
        leaves: &Leaves,
        kinks: Kinks,
        here: &mut [Tensor],
        loss: &impl Loss,
    ) {
        let weights = self.weights.tensors();
        let loss = loss(step, weights, leaves, kinks);
        let both: Vec<&Tensor> = weights.iter().chain(leaves.all()).collect();
        let mut gradients = Tensor::run_backward(&[&loss], &both, false, false);
        add(here, &gradients.split_off(weights.len()));
        self.advance(&gradients, way.lr);
    }

    /// By differentiating gradients. The second round goes the way of the first again, so that nothing is kept of a step.
    pub fn twice(&self, way: &Way, leaves: &Leaves, loss: impl Loss) -> Outcome {
        let still =
            Leaves { images: leaves.images.detach(), labels: leaves.labels.as_ref().map(Tensor::detach) };
        self.weights.set(&way.from);
        for step in 0..self.steps {
            let loss = loss(step, self.weights.tensors(), &still, Kinks::Free);
            let gradients = Tensor::run_backward(&[&loss], self.weights.tensors(), false, false);
            self.advance(&gradients, way.lr);
        }
        let end = End::of(way, self.weights.flat());
        self.fixed.set(&end.direction);
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
    fn advance(&self, gradients: &[Tensor], lr: f64) {
        no_grad(|| {
            let mut weights = self.weights.flat().shallow_clone();
            weights -= self.weights.flatten(gradients) * lr;
        });
    }

    /// The gradient through all steps (Cazenavette et al. 2022).
    pub fn unrolled(&self, way: &Way, leaves: &Leaves, loss: impl Loss) -> Outcome {
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
fn square(values: &Tensor) -> f64 {
    dot(values, values)
}

fn dot(a: &Tensor, b: &Tensor) -> f64 {
    no_grad(|| (a * b).sum(Kind::Double).double_value(&[]))
}
