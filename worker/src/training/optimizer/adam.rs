//! Adam and AdamW, as `torch.optim` has them.

use pipeline::recipe::{Adam, AdamW};
use tch::Tensor;

use super::Piece;

/// Adam, with the decay in the gradient.
pub fn coupled(adam: &Adam, weights: Tensor, piece: Piece, state: Vec<Tensor>, step: u64) {
    let mut gradient = piece.gradient;
    if piece.decays && adam.weight_decay > 0.0 {
        // The gradient is not needed any more.
        gradient += &weights * adam.weight_decay;
    }
    adapt([adam.betas[0], adam.betas[1], adam.eps], weights, &gradient, state, piece.lr, step);
}

/// Adam, with the decay taken off the weights.
pub fn decoupled(adamw: &AdamW, mut weights: Tensor, piece: &Piece, state: Vec<Tensor>, step: u64) {
    if piece.decays && adamw.weight_decay > 0.0 {
        weights *= 1.0 - piece.lr * adamw.weight_decay;
    }
    adapt([adamw.betas[0], adamw.betas[1], adamw.eps], weights, &piece.gradient, state, piece.lr, step);
}

/// Adam's own update, in place; `state` is the running mean and square, `settings` are both betas and epsilon.
pub fn adapt(
    settings: [f64; 3],
    mut weights: Tensor,
    gradient: &Tensor,
    mut state: Vec<Tensor>,
    lr: f64,
    step: u64,
) {
    let (correct_mean, spread) = remember(settings, gradient, &mut state, step);
    weights -= &state[0] * (lr / correct_mean) / spread;
}

/// What Adam would take off the weights at a learning rate of 1; `settings` are both betas and epsilon.
pub fn direction(settings: [f64; 3], gradient: &Tensor, mut state: Vec<Tensor>, step: u64) -> Tensor {
    let (correct_mean, spread) = remember(settings, gradient, &mut state, step);
    &state[0] / correct_mean / spread
}

/// Moves the running mean and square; gives what corrects the mean for its start at 0, and the root of the square.
fn remember(settings: [f64; 3], gradient: &Tensor, state: &mut [Tensor], step: u64) -> (f64, Tensor) {
    let [mean, square] = state else { unreachable!("Adam keeps two flat buffers") };
    let [keep_mean, keep_square, eps] = settings;
    let _ = mean.lerp_(gradient, 1.0 - keep_mean);
    let _ = square.lerp_(&gradient.square(), 1.0 - keep_square);
    let steps = step as f64 + 1.0;
    let (correct_mean, correct_square) = (1.0 - keep_mean.powf(steps), 1.0 - keep_square.powf(steps));
    (correct_mean, square.sqrt() / correct_square.sqrt() + eps)
}
