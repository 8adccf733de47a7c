//! Principal components of images.

use pipeline::data::Pixels;
use tch::{Device, Kind, Tensor};

use super::real::Real;

/// A component with less of the largest one's variance is the rounding of one that is not there.
const LEAST: f64 = 1e-10;

/// The images at `places`, a row each, `[n, h·w·3]` f64, black 0 and white 1.
pub fn matrix(real: &Real, places: &[usize]) -> Tensor {
    let row = |place: &usize| match real.split.image(*place) {
        Pixels::U8(bytes) => Tensor::from_slice(bytes).to_kind(Kind::Double) / 255.0,
        Pixels::F32(floats) => Tensor::from_slice(floats).to_kind(Kind::Double),
    };
    Tensor::stack(&places.iter().map(row).collect::<Vec<_>>(), 0)
}

/// Principal components of some rows.
pub struct Components {
    /// `[d]`.
    pub mean: Tensor,
    /// Along every component, from the largest on; the divisor is n - 1.
    pub variances: Vec<f64>,
    /// The first ones, `[k, d]`, of length 1.
    pub vectors: Tensor,
}

impl Components {
    /// All variances and at most `kept` vectors of the rows `[n, d]`. Always on the CPU and in f64: eigenvalues in f32
    /// have failed on matrices of low rank.
    pub fn of(rows: &Tensor, kept: usize) -> Components {
        let (n, d) = rows.size2().expect("rows are a matrix");
        let mean = rows.mean_dim(0, false, Kind::Double);
        let centred = rows - &mean;
        // Of XXᵀ and XᵀX, which share their eigenvalues, the smaller.
        let by_image = n < d;
        let product = if by_image { centred.matmul(&centred.tr()) } else { centred.tr().matmul(&centred) };
        let (values, vectors) = (product / (n - 1).max(1) as f64).linalg_eigh("L");
        let count = (n - 1).min(d);
        let values = values.flip([0]).narrow(0, 0, count).clamp_min(0.0);
        let chosen = vectors.flip([1]).narrow(1, 0, count.min(kept as i64)).tr();
        let vectors = if by_image { chosen.matmul(&centred) } else { chosen };
        let lengths = vectors.norm_scalaropt_dim(2.0, [1], true).clamp_min(f64::MIN_POSITIVE);
        let variances = Vec::try_from(values.contiguous()).expect("variances are f64");
        Components { mean, variances, vectors: signed(&(vectors / lengths)) }
    }

    /// How many components the rows have.
    pub fn found(&self) -> usize {
        let least = LEAST * self.variances.first().copied().unwrap_or(0.0);
        self.variances.iter().filter(|variance| **variance > least).count()
    }
}

/// Rows with the sign that makes their entry of largest magnitude positive: eigenvectors come with either.
fn signed(vectors: &Tensor) -> Tensor {
    if vectors.size()[0] == 0 {
        return vectors.to_device(Device::Cpu);
    }
    let largest = vectors.gather(1, &vectors.abs().argmax(1, true), false);
    vectors * largest.sign()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_product_gives_the_components_worked_out_by_hand() {
        // Sums of squares 32 along (3, 4)/5 and 2 along (4, -3)/5, about the mean (1, 2); four rows.
        let wide = [2.4, 3.2, -2.4, -3.2, -0.8, 0.6, 0.8, -0.6_f64];
        let rows = Tensor::from_slice(&wide).view([4, 2]) + Tensor::from_slice(&[1.0, 2.0]);
        let zeros = Tensor::zeros([4, 6], (Kind::Double, Device::Cpu));
        for rows in [rows.shallow_clone(), Tensor::cat(&[&rows, &zeros], 1)] {
            let found = Components::of(&rows, 2);
            let expected = [32.0 / 3.0, 2.0 / 3.0];
            let close = |(a, b): (&f64, f64)| (a - b).abs() < 1e-12;
            assert!(found.variances.iter().zip(expected).all(close), "{:?}", found.variances);
            assert_eq!(found.found(), 2);
            let vectors = [[0.6, 0.8], [0.8, -0.6]];
            for (k, place) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let got = found.vectors.double_value(&[k as i64, place as i64]);
                assert!((got - vectors[k][place]).abs() < 1e-12, "{got}");
            }
        }
    }
}
