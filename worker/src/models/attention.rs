//! What transformers do beside dense layers and norms.

use tch::{Kind, Tensor};

/// Ahead of the softmax, what keeps pixels apart that a shift has brought into one window (as timm has it).
const APART: f64 = -100.0;

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
        return weighed(&scores(&queries, &keys), &values);
    }
    let (mask, scale) = (None::<&Tensor>, None::<f64>);
    let attended =
        Tensor::scaled_dot_product_attention(&queries, &keys, &values, mask, 0.0, false, scale, false);
    attended.transpose(1, 2).flatten(2, -1)
}

/// Queries, keys and values `[n, 3c, side, side]` to what the pixels of each window attend to, `[n, c, side, side]`.
///
/// `positions` is `[(2 window - 1)², heads]`, a term for each distance of two pixels of a window.
pub fn window_attention(x: &Tensor, heads: i64, window: i64, shift: i64, positions: &Tensor) -> Tensor {
    let side = x.size()[2];
    let shifted = if shift > 0 { x.roll([-shift, -shift], [2, 3]) } else { x.shallow_clone() };
    let windows = partition(&shifted, window);
    let [queries, keys, values] = split_heads(&windows, heads);
    let mut scores = scores(&queries, &keys) + bias(positions, window, heads);
    if shift > 0 {
        let apart = apart(x, window, shift);
        let (count, area) = (apart.size()[0], window * window);
        // Windows of an image lie next to one another.
        let each = scores.view([-1, count, heads, area, area]) + apart.unsqueeze(1);
        scores = each.view([-1, heads, area, area]);
    }
    let whole = put_together(&weighed(&scores, &values), window, side);
    if shift > 0 { whole.roll([shift, shift], [2, 3]) } else { whole }
}

/// What each token has to do with each other one, `[n, heads, tokens, tokens]`.
fn scores(queries: &Tensor, keys: &Tensor) -> Tensor {
    let width = queries.size()[3] as f64;
    (queries * width.sqrt().recip()).matmul(&keys.transpose(2, 3))
}

/// The values `[n, heads, tokens, c / heads]`, weighed by the softmax of the scores: `[n, tokens, c]`.
fn weighed(scores: &Tensor, values: &Tensor) -> Tensor {
    let shares = scores.softmax(-1, Kind::Float).to_kind(values.kind());
    shares.matmul(values).transpose(1, 2).flatten(2, -1)
}

/// The four pixels of each 2×2 block as one: `[n, c, h, w]` to `[n, 4c, h/2, w/2]`, columns slowest.
pub fn merge_patches(x: &Tensor) -> Tensor {
    let [n, channels, side, _] = dimensions(x);
    let blocks = x.permute([0, 2, 3, 1]).reshape([n, side / 2, 2, side / 2, 2, channels]);
    blocks.permute([0, 1, 3, 4, 2, 5]).flatten(3, -1).permute([0, 3, 1, 2])
}

/// `[n, tokens, 3c]` to three of `[n, heads, tokens, c / heads]`.
fn split_heads(x: &Tensor, heads: i64) -> [Tensor; 3] {
    let (n, count, channels) = x.size3().expect("tokens have three dimensions");
    let parts = x.view([n, count, 3, heads, channels / 3 / heads]).permute([2, 0, 3, 1, 4]);
    [0, 1, 2].map(|part| parts.select(0, part))
}

/// `[n, c, side, side]` to `[n · windows, window², c]`.
fn partition(x: &Tensor, window: i64) -> Tensor {
    let [n, channels, side, _] = dimensions(x);
    let (along, area) = (side / window, window * window);
    let grid = x.permute([0, 2, 3, 1]).reshape([n, along, window, along, window, channels]);
    grid.permute([0, 1, 3, 2, 4, 5]).reshape([-1, area, channels])
}

/// The inverse of [`partition`].
fn put_together(windows: &Tensor, window: i64, side: i64) -> Tensor {
    let (along, channels) = (side / window, windows.size()[2]);
    let grid = windows.view([-1, along, along, window, window, channels]);
    grid.permute([0, 1, 3, 2, 4, 5]).reshape([-1, side, side, channels]).permute([0, 3, 1, 2])
}

/// The learnt term of every two pixels of a window, `[heads, window², window²]`.
fn bias(positions: &Tensor, window: i64, heads: i64) -> Tensor {
    let (area, reach) = (window * window, 2 * window - 1);
    let place = Tensor::arange(area, (Kind::Int64, positions.device()));
    let (row, column) = (place.floor_divide_scalar(window), place.remainder(window));
    let distance = |at: &Tensor| at.unsqueeze(1) - at.unsqueeze(0) + (window - 1);
    let index = distance(&row) * reach + distance(&column);
    positions.index_select(0, &index.view(-1)).view([area, area, heads]).permute([2, 0, 1])
}

/// What is added to the scores of two pixels of a shifted window, `[windows, window², window²]`: nothing, or a lot less
/// where they come from opposite edges of the image.
fn apart(x: &Tensor, window: i64, shift: i64) -> Tensor {
    let side = x.size()[2];
    let place = Tensor::arange(side, (Kind::Int64, x.device()));
    let band = place.ge(side - window).to_kind(Kind::Int64) + place.ge(side - shift).to_kind(Kind::Int64);
    let region = (band.unsqueeze(1) * 3 + band.unsqueeze(0)).view([1, 1, side, side]);
    let region = partition(&region, window).squeeze_dim(2);
    let same = region.unsqueeze(1).eq_tensor(&region.unsqueeze(2));
    same.logical_not().to_kind(Kind::Float) * APART
}

fn dimensions(x: &Tensor) -> [i64; 4] {
    x.size4().expect("images have four dimensions").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::tests::images;

    #[test]
    fn attention_in_bf16_is_that_of_f32_but_for_rounding() {
        for tokens in [5, MOST_KEPT + 1] {
            let x = images(2, 32).flatten(1, -1).narrow(1, 0, tokens * 6).view([2, tokens, 6]);
            let [[exact, exact_slope], [rounded, rounded_slope]] =
                [Kind::Float, Kind::BFloat16].map(|kind| {
                    let x = x.detach().set_requires_grad(true);
                    let y = attention(&x.to_kind(kind), 2).to_kind(Kind::Float);
                    (&y * y.sin()).sum(Kind::Float).backward();
                    [y, x.grad()]
                });
            assert_eq!(exact.size(), [2, tokens, 2]);
            for (exact, rounded) in [(exact, rounded), (exact_slope, rounded_slope)] {
                let apart = (&exact - rounded).norm().double_value(&[]) / exact.norm().double_value(&[]);
                assert!(apart < 0.02, "{tokens} tokens are {apart} off");
            }
        }
    }
}
