//! Herding (Welling 2009): image after image, so that the mean of those chosen stays nearest to the mean of all.

use tch::{Kind, Tensor, no_grad};

use super::{least, squares};

/// The next of `count` rows of `rows` `[n, d]`, whose mean μ is 0, is argminᵢ ‖(k + 1)·μ - Σ chosen - rowᵢ‖.
pub fn choose(rows: &Tensor, count: usize) -> Vec<usize> {
    no_grad(|| {
        let squares = squares(rows);
        let mut sum = Tensor::zeros([rows.size()[1]], (Kind::Float, rows.device()));
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count {
            // ‖sum + row‖² without ‖sum‖², which is the same for all.
            let scores = &squares + rows.mv(&sum) * 2.0;
            let next = least(&scores, &chosen);
            sum += rows.get(next as i64);
            chosen.push(next);
        }
        chosen
    })
}
