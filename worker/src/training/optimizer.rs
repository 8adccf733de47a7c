//! Turns gradients into updates of the flat parameter buffer, as `torch.optim` does.

pub mod adam;
pub mod lamb;
mod muon;
mod pieces;
mod sgd;

use pipeline::recipe::{self, Rate};
use tch::{Tensor, no_grad};

use crate::models::Parameters;
pub use pieces::Rates;
use pieces::{Piece, pieces, uncut, whole};

/// A rule and what it remembers of earlier steps.
pub struct Optimizer {
    rule: recipe::Optimizer,
    /// Places of the parameters that have a learning rate of their own.
    head: Vec<usize>,
    /// Flat like the parameters: momentum, or the running mean and the running square of the gradient.
    state: Vec<Tensor>,
}

impl Optimizer {
    /// `head` are the places of the parameters that [`Rates::head`] is for.
    pub fn new(rule: &recipe::Optimizer, parameters: &Parameters, head: Vec<usize>) -> Optimizer {
        let state = (0..rule.values_kept()).map(|_| parameters.flat().zeros_like()).collect();
        Optimizer { rule: rule.clone(), head, state }
    }

    /// What it remembers, each `[count]`.
    pub fn state(&self) -> &[Tensor] {
        &self.state
    }

    /// The highest learning rate.
    pub fn lr(&self) -> f64 {
        match &self.rule {
            recipe::Optimizer::Sgd(sgd) => match sgd.lr {
                Rate::Of(lr) => lr,
                Rate::FromSet(_) => unreachable!("a learned rate is read before the first step"),
            },
            recipe::Optimizer::Adam(adam) => adam.lr,
            recipe::Optimizer::AdamW(adamw) => adamw.lr,
            recipe::Optimizer::Lamb(lamb) => lamb.lr,
            recipe::Optimizer::Muon(muon) => muon.lr,
        }
    }

    /// The highest learning rate of the last layer, where nothing else is said.
    pub fn lr_of_head(&self) -> f64 {
        match &self.rule {
            recipe::Optimizer::Muon(muon) => muon.adam_lr,
            _ => self.lr(),
        }
    }

    /// Updates the parameters by the gradients of those that are trained. `step` counts from 0.
    pub fn update(&mut self, parameters: &Parameters, gradients: &[Tensor], rates: Rates, step: u64) {
        no_grad(|| {
            let cut = match self.rule {
                recipe::Optimizer::Lamb(_) | recipe::Optimizer::Muon(_) => whole,
                recipe::Optimizer::Sgd(_) => uncut,
                recipe::Optimizer::Adam(_) | recipe::Optimizer::AdamW(_) => pieces,
            };
            for piece in cut(parameters, gradients, &self.head, rates) {
                self.update_piece(parameters, piece, step);
            }
        });
    }

    fn update_piece(&self, parameters: &Parameters, piece: Piece, step: u64) {
        let length = piece.gradient.size()[0];
        let run = |flat: &Tensor| flat.narrow(0, piece.start, length);
        let state: Vec<Tensor> = self.state.iter().map(run).collect();
        let weights = run(parameters.flat());
        match &self.rule {
            recipe::Optimizer::Sgd(sgd) => sgd::descend(sgd, weights, &piece, state),
            recipe::Optimizer::Adam(adam) => adam::coupled(adam, weights, piece, state, step),
            recipe::Optimizer::AdamW(adamw) => adam::decoupled(adamw, weights, &piece, state, step),
            recipe::Optimizer::Lamb(lamb) => lamb::scaled(lamb, weights, &piece, state, step),
            recipe::Optimizer::Muon(muon) => {
                let shape = parameters.tensors()[piece.place].size();
                match muon::rows(&shape).filter(|_| piece.decays && !self.head.contains(&piece.place)) {
                    Some(rows) => muon::orthogonal(muon, weights, &piece, state, rows),
                    None => muon::adaptive(muon, weights, piece, state, self.head.as_slice(), step),
                }
            }
        }
    }
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
