//! Turns gradients into updates of the flat parameter buffer, as `torch.optim` does.

use pipeline::recipe::{self, Adam, AdamW, Sgd};
use tch::{Tensor, no_grad};

use crate::models::Parameters;

/// Values updated at a time on the CPU: what an update touches stays in the cache from the first operation to the
/// last, instead of streaming from memory once for each.
const PIECE: i64 = 32 * 1024;

/// A rule and what it remembers of earlier steps.
pub struct Optimizer {
    rule: recipe::Optimizer,
    /// Flat like the parameters: momentum, or the running mean and the running square of the gradient.
    state: Vec<Tensor>,
}

/// A run of values and their gradients.
struct Piece {
    gradient: Tensor,
    start: i64,
    decays: bool,
}

impl Optimizer {
    pub fn new(rule: &recipe::Optimizer, parameters: &Parameters) -> Optimizer {
        let flats = match rule {
            recipe::Optimizer::Sgd(Sgd { momentum: 0.0, .. }) => 0,
            recipe::Optimizer::Sgd(_) => 1,
            recipe::Optimizer::Adam(_) | recipe::Optimizer::AdamW(_) => 2,
        };
        let state = (0..flats).map(|_| parameters.flat().zeros_like()).collect();
        Optimizer { rule: rule.clone(), state }
    }

    /// What it remembers, each `[count]`.
    pub fn state(&self) -> &[Tensor] {
        &self.state
    }

    /// The highest learning rate.
    pub fn lr(&self) -> f64 {
        match &self.rule {
            recipe::Optimizer::Sgd(sgd) => sgd.lr,
            recipe::Optimizer::Adam(adam) => adam.lr,
            recipe::Optimizer::AdamW(adamw) => adamw.lr,
        }
    }

    /// Updates the parameters by the gradients of their tensors. `step` counts from 0.
    pub fn update(&mut self, parameters: &Parameters, gradients: &[Tensor], lr: f64, step: u64) {
        no_grad(|| {
            for piece in pieces(parameters, gradients) {
                let length = piece.gradient.size()[0];
                let run = |flat: &Tensor| flat.narrow(0, piece.start, length);
                let state: Vec<Tensor> = self.state.iter().map(run).collect();
                let weights = run(parameters.flat());
                match &self.rule {
                    recipe::Optimizer::Sgd(sgd) => descend(sgd, weights, &piece, state, lr),
                    recipe::Optimizer::Adam(adam) => adapt_coupled(adam, weights, piece, state, lr, step),
                    recipe::Optimizer::AdamW(adamw) => {
                        adapt_decoupled(adamw, weights, &piece, state, lr, step)
                    }
                }
            }
        });
    }
}

/// Stochastic gradient descent. A zero momentum buffer gives the first step that PyTorch takes without one.
fn descend(sgd: &Sgd, mut weights: Tensor, piece: &Piece, mut state: Vec<Tensor>, lr: f64) {
    let mut direction = piece.gradient.shallow_clone();
    if piece.decays && sgd.weight_decay > 0.0 {
        // The gradient is not needed any more.
        direction += &weights * sgd.weight_decay;
    }
    if let Some(momentum) = state.first_mut() {
        *momentum *= sgd.momentum;
        *momentum += &direction;
        direction =
            if sgd.nesterov { direction + &*momentum * sgd.momentum } else { momentum.shallow_clone() };
    }
    weights -= direction * lr;
}

/// Adam, with the decay in the gradient.
fn adapt_coupled(adam: &Adam, weights: Tensor, piece: Piece, state: Vec<Tensor>, lr: f64, step: u64) {
    let mut gradient = piece.gradient;
    if piece.decays && adam.weight_decay > 0.0 {
        // The gradient is not needed any more.
        gradient += &weights * adam.weight_decay;
    }
    adapt([adam.betas[0], adam.betas[1], adam.eps], weights, &gradient, state, lr, step);
}

/// Adam, with the decay taken off the weights.
fn adapt_decoupled(
    adamw: &AdamW,
    mut weights: Tensor,
    piece: &Piece,
    state: Vec<Tensor>,
    lr: f64,
    step: u64,
) {
    if piece.decays && adamw.weight_decay > 0.0 {
        weights *= 1.0 - lr * adamw.weight_decay;
    }
    adapt([adamw.betas[0], adamw.betas[1], adamw.eps], weights, &piece.gradient, state, lr, step);
}

/// Adam's own update, in place; `settings` are both betas and epsilon, `state` the running mean and square.
pub fn adapt(
    settings: [f64; 3],
    mut weights: Tensor,
    gradient: &Tensor,
    mut state: Vec<Tensor>,
    lr: f64,
    step: u64,
) {
    let [mean, square] = &mut state[..] else { unreachable!("Adam keeps two flat buffers") };
    let [keep_mean, keep_square, eps] = settings;
    let _ = mean.lerp_(gradient, 1.0 - keep_mean);
    let _ = square.lerp_(&gradient.square(), 1.0 - keep_square);
    let steps = step as f64 + 1.0;
    let (correct_mean, correct_square) = (1.0 - keep_mean.powf(steps), 1.0 - keep_square.powf(steps));
    let spread = square.sqrt() / correct_square.sqrt() + eps;
    weights -= &*mean * (lr / correct_mean) / spread;
}

/// Scales gradients down so that their norm over all tensors is at most `most`, as PyTorch's
/// `clip_grad_norm_` does. Nothing is waited for on a GPU.
pub fn clip(gradients: &mut [Tensor], most: f64) {
    no_grad(|| {
        let norms: Vec<Tensor> = gradients.iter().map(Tensor::norm).collect();
        let scale = ((Tensor::stack(&norms, 0).norm() + 1e-6).reciprocal() * most).clamp_max(1.0);
        for gradient in gradients {
            // Not in place: two parameters may share one gradient.
            *gradient = &*gradient * &scale;
        }
    });
}

/// On the CPU short runs, each parameter's own; on a GPU, where starting an operation is what costs, two: the
/// parameters that decay and the others.
fn pieces(parameters: &Parameters, gradients: &[Tensor]) -> Vec<Piece> {
    let decaying = parameters.decaying();
    if parameters.flat().device().is_cuda() {
        let flat = parameters.flatten(gradients);
        let rest = flat.size()[0] - decaying;
        let head = Piece { gradient: flat.narrow(0, 0, decaying), start: 0, decays: true };
        return vec![
            head,
            Piece { gradient: flat.narrow(0, decaying, rest), start: decaying, decays: false },
        ];
    }
    let of_parameter = |(index, gradient): (usize, &Tensor)| {
        let start = parameters.start(index);
        let flat = parameters.layout().flatten(gradient);
        let length = flat.size()[0];
        (0..length).step_by(PIECE as usize).map(move |at| Piece {
            gradient: flat.narrow(0, at, PIECE.min(length - at)),
            start: start + at,
            decays: start < decaying,
        })
    };
    gradients.iter().enumerate().flat_map(of_parameter).collect()
}
