//! The coefficients of the cosine transform that vary most over the training images.

use std::f64::consts::PI;

use tch::{Device, Kind, Tensor, no_grad};

use super::super::synthetic::Synthetic;

/// Images that are transformed together.
const BATCH: usize = 256;

/// A transform of square images and the places that are kept of it.
pub struct Cosine {
    /// `[side, side]`, orthonormal: coefficients are B·x·Bᵀ.
    basis: Tensor,
    /// Of each channel the places that are kept, `[3, k]` i64, in a row of side² coefficients.
    places: Tensor,
    side: i64,
}

impl Cosine {
    /// Keeps the `keep` coefficients of each channel that have the highest variance over the training images.
    pub fn of(synthetic: &Synthetic, keep: i64) -> Cosine {
        let side = synthetic.side() as i64;
        let basis = basis(side).to_device(synthetic.device);
        let all: Vec<usize> = (0..synthetic.real.split.len()).collect();
        let moments = all.chunks(BATCH).map(|places| {
            let spectrum = spectrum(&basis, &synthetic.of_real(places)).to_kind(Kind::Double);
            let sum = |values: Tensor| values.sum_dim_intlist(0, false, Kind::Double);
            [sum(spectrum.shallow_clone()), sum(spectrum.square())]
        });
        let added = |[a, b]: [Tensor; 2], [c, d]: [Tensor; 2]| [a + c, b + d];
        let [sums, squares] = no_grad(|| moments.reduce(added)).expect("a split has images");
        let n = all.len() as f64;
        let variances = squares / n - (sums / n).square();
        // Sorted stably, so that of equal ones the lower frequency stays.
        let places = variances.flatten(1, 2).argsort_stable(true, 1, true).narrow(1, 0, keep);
        Cosine { basis, places: places.contiguous(), side }
    }

    /// Coefficients `[n, 3, k]` of images `[n, 3, h, w]`.
    pub fn encode(&self, images: &Tensor) -> Tensor {
        let spectrum = spectrum(&self.basis, images).flatten(2, 3);
        spectrum.gather(2, &self.of_each(images.size()[0]), false)
    }

    /// Images `[n, 3, h, w]` of coefficients `[n, 3, k]`; the others are 0.
    pub fn decode(&self, code: &Tensor) -> Tensor {
        let n = code.size()[0];
        let spectrum = Tensor::zeros([n, 3, self.side * self.side], (Kind::Float, code.device()));
        let spectrum = spectrum.scatter(2, &self.of_each(n), code).view([n, 3, self.side, self.side]);
        self.basis.tr().matmul(&spectrum).matmul(&self.basis)
    }

    /// Values that all pictures share: the places.
    pub fn shared(&self) -> usize {
        self.places.numel()
    }

    fn of_each(&self, n: i64) -> Tensor {
        let size = self.places.size();
        self.places.unsqueeze(0).expand([n, size[0], size[1]], false)
    }
}

/// The orthonormal cosine basis (DCT-II), a frequency a row.
fn basis(side: i64) -> Tensor {
    let value = |place: i64| {
        let (frequency, pixel) = (place / side, place % side);
        let scale = if frequency == 0 { 1.0 } else { 2.0 } / side as f64;
        let angle = PI * frequency as f64 * (2 * pixel + 1) as f64 / (2 * side) as f64;
        (scale.sqrt() * angle.cos()) as f32
    };
    let values: Vec<f32> = (0..side * side).map(value).collect();
    Tensor::from_slice(&values).view([side, side]).to_device(Device::Cpu)
}

/// `[n, 3, side, side]`.
fn spectrum(basis: &Tensor, images: &Tensor) -> Tensor {
    basis.matmul(images).matmul(&basis.tr())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[2, 3, 6, 6]`.
    fn images() -> Tensor {
        (Tensor::arange(2 * 3 * 6 * 6, (Kind::Float, Device::Cpu)) * 0.9).sin().view([2, 3, 6, 6])
    }

    #[test]
    fn an_image_of_all_its_coefficients_is_itself_and_of_the_first_its_mean() {
        let of = |places: Tensor| Cosine { basis: basis(6), places, side: 6 };
        let all = of(Tensor::arange(36, (Kind::Int64, Device::Cpu)).repeat([3, 1]));
        let back = all.decode(&all.encode(&images()));
        assert!((back - images()).abs().max().double_value(&[]) < 1e-5);
        let first = of(Tensor::zeros([3, 1], (Kind::Int64, Device::Cpu)));
        let even = first.decode(&first.encode(&images()));
        let mean = images().mean_dim([2, 3].as_slice(), true, Kind::Float).expand_as(&images());
        assert!((even - mean).abs().max().double_value(&[]) < 1e-5);
        assert_eq!((all.shared(), first.shared()), (108, 3));
    }
}
