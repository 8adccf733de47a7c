//! LAMB (You et al. 2020): Adam's step, as large on each layer as its weights are.

use pipeline::recipe::Lamb;
use tch::{Kind, Tensor};

use super::{Piece, adam};

/// Updates one parameter as a whole.
pub fn scaled(lamb: &Lamb, mut weights: Tensor, piece: &Piece, state: Vec<Tensor>, step: u64) {
    let mut direction =
        adam::direction([lamb.betas[0], lamb.betas[1], lamb.eps], &piece.gradient, state, step);
    if piece.decays {
        direction += &weights * lamb.weight_decay;
        direction = by_trust_ratio(&weights, direction);
    }
    weights -= direction * piece.lr;
}

/// LAMB's own update of a tensor as a whole, in place and without decay; as [`adam::adapt`] otherwise.
pub fn adapt(
    settings: [f64; 3],
    mut weights: Tensor,
    gradient: &Tensor,
    state: Vec<Tensor>,
    lr: f64,
    step: u64,
) {
    let direction = adam::direction(settings, gradient, state, step);
    weights -= by_trust_ratio(&weights, direction) * lr;
}

/// The direction with the norm of the weights; as it is where either has none.
fn by_trust_ratio(weights: &Tensor, mut direction: Tensor) -> Tensor {
    // Nothing is waited for on a GPU: norms stay there.
    let [own, other] = [weights, &direction].map(|x| x.square().sum(Kind::Float).sqrt());
    let both = own.gt(0.0).logical_and(&other.gt(0.0));
    direction *= (&own / &other).where_self(&both, &own.ones_like());
    direction
}
