//! A dense layer, by the faster of two routes.

use tch::{Kind, Tensor};

use super::pass::on_positions;

/// A dense layer on every position: on the last dimension of `[n, c]` and `[n, tokens, c]`, on the channels of `[n, c, h, w]`.
pub fn dense(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let positions: i64 = match x.size()[..] {
        [_, tokens, _] => tokens,
        [_, _, height, width] => height * width,
        _ => 1,
    };
    // On processors in f32, oneDNN's convolution takes half to four fifths of the time of the matrix product that `linear`
    // takes to (measured on AMD's). It wants the positions in a row; of a single one, the matrix product is faster.
    if positions == 1 || x.kind() != Kind::Float || x.device().is_cuda() {
        return on_positions(x, |x| x.linear(weight, bias));
    }
    let weight = weight.unsqueeze(-1).unsqueeze(-1);
    let in_a_row = |x: Tensor| x.unsqueeze(2).conv2d(&weight, bias, 1, 0, 1, 1).squeeze_dim(2);
    match x.size()[..] {
        [_, _, height, width] => in_a_row(x.flatten(2, 3)).unflatten(2, [height, width]),
        _ => in_a_row(x.transpose(1, 2)).transpose(1, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::tests::images;

    /// `x`'s gradient and what the layer gives, by either route.
    fn both_ways(x: &Tensor, layer: impl Fn(&Tensor) -> Tensor) -> [Tensor; 2] {
        let x = x.detach().set_requires_grad(true);
        let y = layer(&x);
        (&y * y.sin()).sum(Kind::Float).backward();
        [y, x.grad()]
    }

    #[test]
    fn every_shape_gives_what_a_matrix_product_gives() {
        let weight = images(1, 4).view([16, 3]) * 0.3;
        let bias = weight.select(1, 0) * 2.0;
        let photos = images(2, 4);
        let shapes = [
            photos.shallow_clone(),
            photos.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]),
            photos.flatten(2, 3).transpose(1, 2),
            photos.flatten(2, 3).transpose(1, 2).contiguous(),
            photos.mean_dim([2, 3].as_slice(), true, Kind::Float),
            photos.mean_dim([2, 3].as_slice(), false, Kind::Float),
        ];
        for x in shapes {
            let ours = both_ways(&x, |x| dense(x, &weight, Some(&bias)));
            let theirs = both_ways(&x, |x| on_positions(x, |x| x.linear(&weight, Some(&bias))));
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert_eq!(ours.size(), theirs.size());
                let apart = (ours - theirs).abs().max().double_value(&[]);
                assert!(apart < 1e-5, "{:?} is {apart} off", x.size());
            }
        }
    }
}
