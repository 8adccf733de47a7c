//! K-center, farthest first (Gonzalez 1985; Sener & Savarese 2018).

use tch::{Tensor, no_grad};

use super::{least, squares};

/// The row of `rows` `[n, d]` nearest to their mean, which is 0; then always the one whose nearest chosen row is
/// farthest.
pub fn choose(rows: &Tensor, count: usize) -> Vec<usize> {
    no_grad(|| {
        let mut chosen = vec![least(&squares(rows), &[])];
        let mut nearest = Tensor::full([rows.size()[0]], f64::INFINITY, (rows.kind(), rows.device()));
        while chosen.len() < count {
            let latest = chosen[chosen.len() - 1] as i64;
            nearest = nearest.minimum(&squares(&(rows - rows.get(latest))));
            chosen.push(least(&-&nearest, &chosen));
        }
        chosen
    })
}
