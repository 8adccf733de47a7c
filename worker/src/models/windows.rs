//! Windows of a map, attention within them, and what merges pixels between stages (Liu et al. 2021).

use pipeline::networks::Windows;
use tch::{Kind, Tensor};

use super::attention::{scores, split_heads, weighed};

/// Ahead of the softmax, what keeps pixels apart that a shift has brought into one window (as timm has it).
const APART: f64 = -100.0;

/// `[n, c, side, side]` to `[n · windows, window², c]`.
pub fn split(x: &Tensor, windows: Windows) -> Tensor {
    let Windows { window, shift, .. } = windows;
    let shifted = if shift > 0 { x.roll([-shift, -shift], [2, 3]) } else { x.shallow_clone() };
    let [n, channels, side, _] = dimensions(x);
    debug_assert_eq!(side, windows.side);
    let (along, area) = (side / window, window * window);
    let grid = shifted.permute([0, 2, 3, 1]).reshape([n, along, window, along, window, channels]);
    grid.permute([0, 1, 3, 2, 4, 5]).reshape([-1, area, channels])
}

/// The inverse of [`split`].
pub fn join(x: &Tensor, windows: Windows) -> Tensor {
    let Windows { side, window, shift } = windows;
    let (along, channels) = (side / window, x.size()[2]);
    let grid = x.reshape([-1, along, along, window, window, channels]);
    let whole = grid.permute([0, 1, 3, 2, 4, 5]).reshape([-1, side, side, channels]).permute([0, 3, 1, 2]);
    if shift > 0 { whole.roll([shift, shift], [2, 3]) } else { whole }
}

/// Queries, keys and values `[n · windows, window², 3c]` to what the pixels of each window attend to, `[n · windows,
/// window², c]`.
///
/// `positions` is `[(2 window - 1)², heads]`, a term for each distance of two pixels of a window.
pub fn window_attention(x: &Tensor, heads: i64, windows: Windows, positions: &Tensor) -> Tensor {
    let [queries, keys, values] = split_heads(x, heads);
    let scores = scores(&queries, &keys);
    let near = distances(positions, windows.window, heads).unsqueeze(0);
    let terms = if windows.shift > 0 { near + apart(windows, x.device()).unsqueeze(1) } else { near };
    // Windows of an image lie next to one another.
    let each = scores.unflatten(0, [-1, terms.size()[0]]) + terms.to_kind(scores.kind());
    weighed(&each.flatten(0, 1).softmax(-1, scores.kind()), &values)
}

/// The four pixels of each 2×2 block as one: `[n, c, h, w]` to `[n, 4c, h/2, w/2]`, columns slowest.
pub fn merge_patches(x: &Tensor) -> Tensor {
    let [n, channels, side, _] = dimensions(x);
    let blocks = x.permute([0, 2, 3, 1]).reshape([n, side / 2, 2, side / 2, 2, channels]);
    blocks.permute([0, 1, 3, 4, 2, 5]).flatten(3, -1).permute([0, 3, 1, 2])
}

/// The learnt term of every two pixels of a window, `[heads, window², window²]`.
fn distances(positions: &Tensor, window: i64, heads: i64) -> Tensor {
    let (area, reach) = (window * window, 2 * window - 1);
    let place = Tensor::arange(area, (Kind::Int64, positions.device()));
    let (row, column) = (place.floor_divide_scalar(window), place.remainder(window));
    let distance = |at: &Tensor| at.unsqueeze(1) - at.unsqueeze(0) + (window - 1);
    let index = distance(&row) * reach + distance(&column);
    positions.index_select(0, &index.view(-1)).view([area, area, heads]).permute([2, 0, 1])
}

/// What is added to the scores of two pixels of a shifted window, `[windows, window², window²]`: nothing, or a lot less
/// where they come from opposite edges of the image.
fn apart(windows: Windows, device: tch::Device) -> Tensor {
    let Windows { side, window, shift } = windows;
    let place = Tensor::arange(side, (Kind::Int64, device));
    let band = place.ge(side - window).to_kind(Kind::Int64) + place.ge(side - shift).to_kind(Kind::Int64);
    let region = (band.unsqueeze(1) * 3 + band.unsqueeze(0)).view([1, 1, side, side]);
    let region = split(&region, Windows { shift: 0, ..windows }).squeeze_dim(2);
    let same = region.unsqueeze(1).eq_tensor(&region.unsqueeze(2));
    same.logical_not().to_kind(Kind::Float) * APART
}

fn dimensions(x: &Tensor) -> [i64; 4] {
    x.size4().expect("images have four dimensions").into()
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::models::attention::tests::assert_bf16_only_rounds;
    use crate::models::tests::images;

    const WINDOWS: [Windows; 2] =
        [Windows { side: 8, window: 4, shift: 0 }, Windows { side: 8, window: 4, shift: 2 }];

    #[test]
    fn what_is_split_is_joined_again_and_a_shift_moves_the_windows() {
        let x = images(2, 8);
        for windows in WINDOWS {
            let parts = split(&x, windows);
            assert_eq!(parts.size(), [8, 16, 3]);
            assert_eq!(join(&parts, windows), x);
            let corner = x.narrow(0, 1, 1).narrow(2, windows.shift, 1).narrow(3, windows.shift, 1);
            assert_eq!(parts.get(4).get(0), corner.flatten(0, -1));
        }
    }

    #[test]
    fn pixels_from_opposite_edges_do_not_attend_to_one_another() {
        let positions = Tensor::zeros([49, 2], (Kind::Float, Device::Cpu));
        let channels = images(2, 16).reshape([2, 8, 8, 12]).permute([0, 3, 1, 2]);
        let edge = |x: &Tensor, from| x.narrow(2, from, 2);
        let other = Tensor::cat(&[&edge(&channels, 0) * 3.0, channels.narrow(2, 2, 6)], 2);
        let [before, after] = [channels, other].map(|x| {
            let attended = window_attention(&split(&x, WINDOWS[1]), 2, WINDOWS[1], &positions);
            join(&attended, WINDOWS[1])
        });
        // A shift brings the first two rows into one window with the last two.
        assert!((edge(&before, 6) - edge(&after, 6)).abs().max().double_value(&[]) < 1e-6);
        assert!((edge(&before, 0) - edge(&after, 0)).abs().max().double_value(&[]) > 0.1);
    }

    #[test]
    fn windows_in_bf16_attend_as_those_of_f32_do_but_for_rounding() {
        let positions = images(1, 7).flatten(1, -1).view([49, 3]).narrow(1, 0, 2);
        let channels = images(2, 16).reshape([2, 8, 8, 12]).permute([0, 3, 1, 2]);
        for windows in WINDOWS {
            let attend = |x: &Tensor| window_attention(&split(x, windows), 2, windows, &positions);
            assert_bf16_only_rounds(&channels, attend);
            assert_eq!(attend(&channels).size(), [8, 16, 4]);
        }
    }
}
