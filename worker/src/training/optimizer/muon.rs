//! Muon (Jordan et al. 2024): momentum, made orthogonal layer by layer.

use pipeline::recipe::Muon;
use tch::{Kind, Tensor};

use super::{Piece, adam};

/// Of the quintic iteration, as published: steepest at 0, and near 1 for what is not far from it.
const QUINTIC: [f64; 3] = [3.4445, -4.775, 2.0315];
/// Least norm that a momentum is divided by.
const LEAST: f64 = 1e-7;
const BETAS: [f64; 2] = [0.9, 0.999];
const EPS: f64 = 1e-8;

/// Outputs of a layer, if its weights of this shape make a matrix: a depthwise convolution's do not.
pub fn rows(shape: &[i64]) -> Option<i64> {
    (shape.len() > 1 && shape[1] > 1).then(|| shape[0])
}

/// Updates a layer's weights as a matrix of so many rows. In which order its columns lie does not matter.
pub fn orthogonal(muon: &Muon, mut weights: Tensor, piece: &Piece, mut state: Vec<Tensor>, rows: i64) {
    let momentum = &mut state[0];
    let _ = momentum.lerp_(&piece.gradient, 1.0 - muon.momentum);
    let ahead = piece.gradient.lerp(momentum, muon.momentum).view([rows, -1]);
    let columns = ahead.size()[1];
    let step = orthogonalised(&ahead, muon.iterations).reshape([-1]);
    weights *= 1.0 - piece.lr * muon.weight_decay;
    weights -= step * (piece.lr * (rows as f64 / columns as f64).max(1.0).sqrt());
}

/// A matrix `[rows, columns]` with its singular values brought near 1 by Newton-Schulz, in f32.
fn orthogonalised(matrix: &Tensor, iterations: u32) -> Tensor {
    let size = matrix.size();
    // The products are of the shorter side.
    let tall = size[0] > size[1];
    let x = if tall { matrix.tr() } else { matrix.shallow_clone() };
    let norm = x.square().sum(Kind::Float).sqrt().clamp_min(LEAST);
    let [a, b, c] = QUINTIC;
    let x = (0..iterations).fold(x / norm, |x, _| {
        let gram = x.matmul(&x.tr());
        let mixed = &gram * b + gram.matmul(&gram) * c;
        &x * a + mixed.matmul(&x)
    });
    if tall { x.tr() } else { x }
}

/// Updates what is no matrix, or the last layer, as AdamW does; `head` are the places of the last layer's parameters, whose
/// learning rate is their own already.
pub fn adaptive(
    muon: &Muon,
    mut weights: Tensor,
    piece: Piece,
    state: Vec<Tensor>,
    head: &[usize],
    step: u64,
) {
    let lr = if head.contains(&piece.place) { piece.lr } else { piece.lr * (muon.adam_lr / muon.lr) };
    if piece.decays {
        weights *= 1.0 - lr * muon.weight_decay;
    }
    weights -= adam::direction([BETAS[0], BETAS[1], EPS], &piece.gradient, state, step) * lr;
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn singular_values_come_near_one_whichever_side_is_longer() {
        for shape in [[12, 5], [5, 12], [8, 8]] {
            let matrix = Tensor::arange(shape[0] * shape[1], (Kind::Float, Device::Cpu)).view(shape);
            let matrix =
                (matrix * 1.3).sin() + (Tensor::eye_m(shape[0], shape[1], (Kind::Float, Device::Cpu)));
            let (_, values, _) = orthogonalised(&matrix, 8).svd(true, true);
            let (least, most) = (values.min().double_value(&[]), values.max().double_value(&[]));
            assert!(least > 0.6 && most < 1.3, "{shape:?}: {least} {most}");
        }
    }

    #[test]
    fn depthwise_convolutions_are_no_matrices() {
        assert_eq!(
            [&[8, 1, 7, 7][..], &[8, 4, 3, 3], &[8, 4], &[8]].map(rows),
            [None, Some(8), Some(8), None]
        );
    }
}
