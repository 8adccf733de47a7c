//! Learnt positions for images of another size, made as timm makes them.

use pipeline::networks::Positions;
use tch::Tensor;

/// `positions` as many as are wanted.
pub fn resampled(values: &Tensor, positions: Positions) -> Tensor {
    match positions {
        Positions::Absolute { from, to } => absolute(values, from, to),
        Positions::Relative { from, to } => relative(values, from, to),
    }
}

/// Positions `[1, 1 + from², channels]` as `[1, 1 + to², channels]`: the first, of the class token, as it is, and the
/// others resampled along both sides, bicubically and with anti-aliasing, as timm's `resample_abs_pos_embed` does.
fn absolute(positions: &Tensor, from: i64, to: i64) -> Tensor {
    let channels = positions.size()[2];
    let map = positions.narrow(1, 1, from * from).reshape([1, from, from, channels]).permute([0, 3, 1, 2]);
    let map = map.internal_upsample_bicubic2d_aa([to, to], false, None, None);
    let others = map.permute([0, 2, 3, 1]).reshape([1, to * to, channels]);
    Tensor::cat(&[positions.narrow(1, 0, 1), others], 1)
}

/// A table `[from², heads]` of differences as `[to², heads]`, as timm's `resize_rel_pos_bias_table` does: the old
/// differences are taken to lie ever farther apart from the middle on, and linear interpolation between them gives the new
/// ones (after the code of BEiT, Bao et al. 2022).
fn relative(table: &Tensor, from: i64, to: i64) -> Tensor {
    let heads = table.size()[1];
    let shares = Tensor::from_slice(&shares(from, to)).view([to, from]);
    let rows = shares.matmul(&table.view([from, from * heads])).view([to, from, heads]);
    rows.transpose(1, 2).matmul(&shares.transpose(0, 1)).transpose(1, 2).reshape([to * to, heads])
}

/// What each old difference of a side counts for in each new one, `[to, from]`.
fn shares(from: i64, to: i64) -> Vec<f32> {
    let places = places(from, to);
    let last = places.len() - 1;
    let mut shares = vec![0.0; places.len() * to as usize];
    for (row, x) in shares.chunks_mut(places.len()).zip(-(to / 2)..) {
        let x = x as f64;
        let right = places.partition_point(|place| *place < x);
        if right == 0 || right > last {
            row[right.min(last)] = 1.0;
            continue;
        }
        let share = (x - places[right - 1]) / (places[right] - places[right - 1]);
        (row[right - 1], row[right]) = ((1.0 - share) as f32, share as f32);
    }
    shares
}

/// Where the old differences of a side lie: 0 in the middle, 1 beside it, and from there on each step q times the last one,
/// so that the outermost one comes to lie at that of the new ones. q is looked for in 1.01..1.5, as timm does.
fn places(from: i64, to: i64) -> Vec<f64> {
    let (half, reach) = ((from / 2) as i32, (to / 2) as f64);
    let (mut left, mut right, mut q) = (1.01_f64, 1.5_f64, 1.01_f64);
    while right - left > 1e-6 {
        q = (left + right) / 2.0;
        let sum = (1.0 - q.powi(half)) / (1.0 - q);
        if sum > reach { right = q } else { left = q }
    }
    let mut far = 0.0;
    let side: Vec<f64> = (0..half)
        .map(|step| {
            far += q.powi(step);
            far
        })
        .collect();
    side.iter().rev().map(|place| -place).chain([0.0]).chain(side.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tch::{Device, Kind};

    use super::*;

    /// What `resampling_figures.py` prints: of timm 1.0.31.
    const FIGURES: &str = include_str!("resampling_figures.json");

    /// A pattern that the script makes, too.
    fn pattern(shape: &[i64]) -> Tensor {
        let places = Tensor::arange(shape.iter().product::<i64>(), (Kind::Float, Device::Cpu));
        ((places * 37.0).remainder(101.0) / 101.0).view(shape)
    }

    #[test]
    fn positions_are_resampled_as_in_timm() {
        let figures: Value = serde_json::from_str(FIGURES).unwrap();
        let cases = figures.as_array().unwrap();
        assert_eq!(cases.len(), 7);
        for case in cases {
            let shape = |name: &str| serde_json::from_value::<Vec<i64>>(case[name].clone()).unwrap();
            let (from, to) = (shape("from"), shape("to"));
            let positions = Positions::of(case["name"].as_str().unwrap(), &from, &to).unwrap();
            let found = resampled(&pattern(&from), positions);
            assert_eq!(found.size(), to);
            let expected: Vec<f32> = serde_json::from_value(case["values"].clone()).unwrap();
            let apart = (found.reshape([-1]) - Tensor::from_slice(&expected)).abs().max().double_value(&[]);
            assert!(apart < 5e-6, "{from:?} to {to:?}: {apart}");
        }
    }
}
