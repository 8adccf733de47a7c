//! The empirical characteristic functions of features, and their distance.

use tch::{Kind, Tensor};

/// What the phases' part is at least: its root is differentiated.
const LEAST: f64 = 1e-12;

/// The mean of exp(i t·f) over features f, for each frequency t: real and imaginary part, each `[frequencies]`.
pub struct Characteristic {
    pub real: Tensor,
    pub imaginary: Tensor,
}

impl Characteristic {
    /// Sums over features `[n, d]`, of which each counts as `share`; frequencies are `[m, d]`.
    pub fn of(features: &Tensor, frequencies: &Tensor, share: f64) -> Characteristic {
        let angles = features.matmul(&frequencies.tr());
        let sum = |values: Tensor| values.sum_dim_intlist(0, false, Kind::Float) * share;
        Characteristic { real: sum(angles.cos()), imaginary: sum(angles.sin()) }
    }

    /// Of all that two of them are of.
    pub fn with(self, other: Characteristic) -> Characteristic {
        Characteristic { real: self.real + other.real, imaginary: self.imaginary + other.imaginary }
    }

    fn modulus(&self) -> Tensor {
        // Its root has no derivative at 0.
        (self.real.square() + self.imaginary.square() + LEAST).sqrt()
    }
}

/// The mean over frequencies of √(amplitude · A + (1 - amplitude) · P), where A = (|Φ| - |Φ'|)² and
/// P = 2 (|Φ||Φ'| - Re Φ Re Φ' - Im Φ Im Φ') (Wang et al. 2025).
pub fn distance(one: &Characteristic, other: &Characteristic, amplitude: f64) -> Tensor {
    let (modulus, modulus_of_other) = (one.modulus(), other.modulus());
    let product = &one.real * &other.real + &one.imaginary * &other.imaginary;
    let phases = ((&modulus * &modulus_of_other - product) * 2.0).clamp_min(LEAST);
    let amplitudes = (modulus - modulus_of_other).square();
    (amplitudes * amplitude + phases * (1.0 - amplitude)).clamp_min(LEAST).sqrt().mean(Kind::Float)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use tch::Device;

    use super::*;

    /// What `characteristic_figures.py` computes with PyTorch in f64.
    #[derive(Deserialize)]
    struct Figures {
        distance: f64,
        /// Of the first row of synthetic features.
        gradient: Vec<f64>,
        phases_only: f64,
    }

    /// `scattered` of `characteristic_figures.py`: `[rows, columns]`.
    fn scattered(rows: i64, columns: i64, phase: f64) -> Tensor {
        let places = Tensor::arange(rows * columns, (Kind::Double, Device::Cpu));
        ((&places * &places * 0.37 + phase).sin() * 0.9).to_kind(Kind::Float).view([rows, columns])
    }

    #[test]
    fn distance_and_gradient_are_those_of_pytorch() {
        let figures: Figures = serde_json::from_str(include_str!("../characteristic_figures.json")).unwrap();
        let frequencies = scattered(7, 4, 0.2);
        let real = Characteristic::of(&scattered(5, 4, 0.1), &frequencies, 0.2);
        let synthetic = scattered(3, 4, 0.6).set_requires_grad(true);
        let made = Characteristic::of(&synthetic, &frequencies, 1.0 / 3.0);
        let found = distance(&real, &made, 0.4);
        let gradient = Tensor::run_backward(&[&found], &[&synthetic], false, false).remove(0);
        let gradient = Vec::<f64>::try_from(gradient.get(0).to_kind(Kind::Double)).unwrap();
        let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-5;
        assert!(close((&found.double_value(&[]), &figures.distance)), "{found:?}");
        assert!(gradient.iter().zip(&figures.gradient).all(close), "{gradient:?}");
        let phases = distance(&real, &made, 0.0).double_value(&[]);
        assert!(close((&phases, &figures.phases_only)), "{phases}");
    }

    #[test]
    fn equal_distributions_have_no_distance_and_parts_add_up() {
        let (features, frequencies) = (scattered(6, 4, 0.1), scattered(9, 4, 0.2));
        let whole = Characteristic::of(&features, &frequencies, 1.0 / 6.0);
        let part = |start: i64| Characteristic::of(&features.narrow(0, start, 3), &frequencies, 1.0 / 6.0);
        let parts = part(0).with(part(3));
        assert!(distance(&whole, &parts, 0.5).double_value(&[]) < 1e-3);
        let moved = Characteristic::of(&(&features + 0.5), &frequencies, 1.0 / 6.0);
        assert!(distance(&whole, &moved, 0.5).double_value(&[]) > 0.1);
    }
}
