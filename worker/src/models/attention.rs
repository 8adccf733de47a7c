//! Attention of tokens to tokens.

use tch::{Kind, Tensor};

/// Up to how many tokens what all pairs have to do with one another is kept: 1.6 MB an image in a layer of three heads.
const MOST_KEPT: i64 = 256;

/// `[n, c, h, w]` to `[n, 1 + h·w, c]`: the class token first, and positions added.
pub fn tokens(x: &Tensor, class: &Tensor, positions: &Tensor) -> Tensor {
    let pixels = x.flatten(2, -1).transpose(1, 2);
    let class = class.expand([x.size()[0], -1, -1], false);
    Tensor::cat(&[class, pixels.to_kind(Kind::Float)], 1) + positions
}

/// Queries, keys and values `[n, tokens, 3c]` to what the tokens attend to, `[n, tokens, c]`.
pub fn attention(x: &Tensor, heads: i64) -> Tensor {
    let [queries, keys, values] = split_heads(x, heads);
    // In bf16 on processors, libtorch's fused kernel multiplies block by block and sets up each product anew: forth and back
    // it takes 2.3 times as long as whole products with 197 tokens, 4.8 times with 65.
    if x.kind() == Kind::BFloat16 && !x.device().is_cuda() && x.size()[1] <= MOST_KEPT {
        let shares = scores(&queries, &keys).softmax(-1, Kind::Float);
        return weighed(&shares.to_kind(Kind::BFloat16), &values);
    }
    let (mask, scale) = (None::<&Tensor>, None::<f64>);
    let attended =
        Tensor::scaled_dot_product_attention(&queries, &keys, &values, mask, 0.0, false, scale, false);
    attended.transpose(1, 2).flatten(2, -1)
}

/// What each token has to do with each other one, `[n, heads, tokens, tokens]`.
pub fn scores(queries: &Tensor, keys: &Tensor) -> Tensor {
    let width = queries.size()[3] as f64;
    (queries * width.sqrt().recip()).matmul(&keys.transpose(2, 3))
}

/// The values `[n, heads, tokens, c / heads]`, weighed by shares that add up to 1: `[n, tokens, c]`.
pub fn weighed(shares: &Tensor, values: &Tensor) -> Tensor {
    shares.matmul(values).transpose(1, 2).flatten(2, -1)
}

/// `[n, tokens, 3c]` to three of `[n, heads, tokens, c / heads]`.
pub fn split_heads(x: &Tensor, heads: i64) -> [Tensor; 3] {
    let (n, count, channels) = x.size3().expect("tokens have three dimensions");
    let parts = x.view([n, count, 3, heads, channels / 3 / heads]).permute([2, 0, 3, 1, 4]);
    parts.unbind(0).try_into().expect("three parts")
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::models::tests::images;

    /// Asserts that what `attend` makes of `x` in bf16, and its gradient, are those of f32 but for rounding.
    pub fn assert_bf16_only_rounds(x: &Tensor, attend: impl Fn(&Tensor) -> Tensor) {
        let [exact, rounded] = [Kind::Float, Kind::BFloat16].map(|kind| {
            let x = x.detach().set_requires_grad(true);
            let y = attend(&x.to_kind(kind)).to_kind(Kind::Float);
            (&y * y.sin()).sum(Kind::Float).backward();
            [y, x.grad()]
        });
        for (exact, rounded) in exact.iter().zip(&rounded) {
            let apart = (exact - rounded).norm().double_value(&[]) / exact.norm().double_value(&[]);
            assert!(apart < 0.02, "{:?} is {apart} off", x.size());
        }
    }

    #[test]
    fn attention_in_bf16_is_that_of_f32_but_for_rounding() {
        for tokens in [5, MOST_KEPT + 1] {
            let x = images(2, 32).flatten(1, -1).narrow(1, 0, tokens * 6).view([2, tokens, 6]);
            assert_bf16_only_rounds(&x, |x| attention(x, 2));
            assert_eq!(attention(&x, 2).size(), [2, tokens, 2]);
        }
    }
}
