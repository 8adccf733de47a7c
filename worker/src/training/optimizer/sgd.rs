//! Stochastic gradient descent, as `torch.optim` has it.

use pipeline::recipe::Sgd;
use tch::{Device, Kind, Tensor};

use super::Piece;

/// A zero momentum buffer gives the first step that PyTorch takes without one.
pub fn descend(sgd: &Sgd, weights: Tensor, piece: &Piece, state: Vec<Tensor>) {
    if weights.device() == Device::Cpu {
        in_one_pass(sgd, weights, piece, state);
    } else {
        by_operations(sgd, weights, piece, state);
    }
}

/// Few operations, each on all values: what suits a GPU.
fn by_operations(sgd: &Sgd, mut weights: Tensor, piece: &Piece, mut state: Vec<Tensor>) {
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
    weights -= direction * piece.lr;
}

/// The same to the bit, with every value read and written once: memory is what an update waits for.
fn in_one_pass(sgd: &Sgd, mut weights: Tensor, piece: &Piece, mut state: Vec<Tensor>) {
    let decay = if piece.decays { sgd.weight_decay as f32 } else { 0.0 };
    let (momentum, lr) = (sgd.momentum as f32, piece.lr as f32);
    let mut gradient = piece.gradient.shallow_clone();
    let (weights, gradient) = (values(&mut weights), values(&mut gradient));
    let decayed = |gradient: f32, weight: f32| if decay > 0.0 { gradient + weight * decay } else { gradient };
    let Some(kept) = state.first_mut() else {
        for (weight, gradient) in weights.iter_mut().zip(&*gradient) {
            *weight -= decayed(*gradient, *weight) * lr;
        }
        return;
    };
    for ((weight, gradient), kept) in weights.iter_mut().zip(&*gradient).zip(values(kept)) {
        let direction = decayed(*gradient, *weight);
        *kept = *kept * momentum + direction;
        *weight -= if sgd.nesterov { direction + *kept * momentum } else { *kept } * lr;
    }
}

/// The values of a tensor that lies in a row in the processor's memory.
fn values(tensor: &mut Tensor) -> &mut [f32] {
    let fits = tensor.is_contiguous() && tensor.kind() == Kind::Float && tensor.device() == Device::Cpu;
    assert!(fits && tensor.numel() > 0, "an update goes over floats in a row");
    // Sound: so many floats lie there while the tensor is borrowed, and weights, gradients and momentum never share memory.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Update = fn(&Sgd, Tensor, &Piece, Vec<Tensor>);

    #[test]
    fn one_pass_gives_the_bits_of_many_operations() {
        let places = Tensor::arange(1003, (Kind::Float, Device::Cpu));
        let wave = |pace: f64| (&places * pace).sin();
        for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.85, true)] {
            for (weight_decay, decays) in [(0.0, true), (5e-4, true), (5e-4, false)] {
                let sgd = Sgd { lr: 0.1.into(), momentum, nesterov, weight_decay };
                let updates: [Update; 2] = [by_operations, in_one_pass];
                let [many, one] = updates.map(|update| {
                    let (weights, kept) = (wave(0.37), wave(0.011));
                    let state: Vec<Tensor> =
                        (momentum > 0.0).then(|| kept.shallow_clone()).into_iter().collect();
                    let piece = Piece { gradient: wave(1.7), place: 0, start: 0, decays, lr: 0.037 };
                    update(&sgd, weights.shallow_clone(), &piece, state);
                    [weights, kept]
                });
                assert_eq!(many, one, "{sgd:?} {decays}");
                assert_ne!(many[0], wave(0.37));
            }
        }
    }
}
