//! K-means: the centres of a class, and the real image nearest to each.

use pipeline::recipe::KMeans;
use tch::{Kind, Tensor, no_grad};

use super::{least, squares};
use crate::randomness::Stream;

/// Centres of some rows.
struct Centres {
    /// `[k, d]`.
    centres: Tensor,
    /// Rows of each.
    sizes: Vec<usize>,
    /// Sum over the rows of the squared distance to the nearest centre.
    spread: f64,
}

/// `count` distinct rows of `rows` `[n, d]`, that of the largest heap first.
pub fn choose(rows: &Tensor, count: usize, settings: &KMeans, seed: u64) -> Vec<usize> {
    let centres = centres(rows, count, settings, seed);
    let mut chosen = Vec::with_capacity(count);
    for centre in 0..count as i64 {
        let distances = no_grad(|| squares(&(rows - centres.get(centre))));
        chosen.push(least(&distances, &chosen));
    }
    chosen
}

/// The centres of `rows` `[n, d]`, `[count, d]`, that of the largest heap first.
pub fn centres(rows: &Tensor, count: usize, settings: &KMeans, seed: u64) -> Tensor {
    no_grad(|| {
        let attempt = |restart: u32| {
            let mut random = Stream::new(seed, &[restart.into()]);
            settle(rows, begin(rows, count, &mut random), settings.iterations)
        };
        let attempts = (0..settings.restarts).map(attempt);
        let best = attempts.min_by(|a, b| a.spread.total_cmp(&b.spread)).expect("one restart or more");
        let mut order: Vec<i64> = (0..count as i64).collect();
        order.sort_by_key(|centre| std::cmp::Reverse(best.sizes[*centre as usize]));
        best.centres.index_select(0, &Tensor::from_slice(&order))
    })
}

/// The first centres as k-means++ draws them: each with a probability that goes with its squared distance to those drawn.
fn begin(rows: &Tensor, count: usize, random: &mut Stream) -> Tensor {
    let n = rows.size()[0];
    let mut drawn = vec![random.below(n as usize) as i64];
    let mut nearest = Tensor::full([n], f64::INFINITY, (rows.kind(), rows.device()));
    while drawn.len() < count {
        nearest = nearest.minimum(&squares(&(rows - rows.get(drawn[drawn.len() - 1]))));
        let weights = Vec::<f32>::try_from(&nearest).expect("one distance a row");
        drawn.push(drawn_by(&weights, random.unit()));
    }
    rows.index_select(0, &Tensor::from_slice(&drawn))
}

/// A place, each with a probability that goes with its weight; `unit` is uniform in 0..1.
fn drawn_by(weights: &[f32], unit: f64) -> i64 {
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let mut left = unit * total;
    let found = weights.iter().position(|weight| {
        left -= f64::from(*weight);
        left < 0.0
    });
    found.unwrap_or(0) as i64
}

/// Moves centres to the mean of the rows nearest to them, until none changes its centre.
fn settle(rows: &Tensor, mut centres: Tensor, iterations: u32) -> Centres {
    let (k, squares_of_rows) = (centres.size()[0], squares(rows));
    let mut known: Option<Vec<i64>> = None;
    for move_made in 0.. {
        let distances = squares_of_rows.unsqueeze(1) + squares(&centres) - rows.matmul(&centres.tr()) * 2.0;
        let (nearest, owner) = distances.min_dim(1, false);
        let owners = Vec::<i64>::try_from(&owner).expect("one centre a row");
        if move_made == iterations || known.as_ref() == Some(&owners) {
            let sizes = (0..k).map(|centre| owners.iter().filter(|owner| **owner == centre).count());
            let spread = nearest.clamp_min(0.0).sum(Kind::Double).double_value(&[]);
            return Centres { centres, sizes: sizes.collect(), spread };
        }
        centres = means(rows, &owner, &nearest, k);
        known = Some(owners);
    }
    unreachable!("the moves are counted")
}

/// The mean of each centre's rows; one that has none goes to the row farthest from its own.
fn means(rows: &Tensor, owner: &Tensor, nearest: &Tensor, k: i64) -> Tensor {
    let member = owner.one_hot(k).to_kind(Kind::Float);
    let sizes = member.sum_dim_intlist(0, false, Kind::Float);
    let means = member.tr().matmul(rows) / sizes.clamp_min(1.0).unsqueeze(1);
    let farthest = rows.get(nearest.argmax(0, false).int64_value(&[])).unsqueeze(0);
    means.where_self(&sizes.unsqueeze(1).gt(0.0), &farthest)
}
