//! Copies of a network's values beside those that are trained: their running mean, and those that did best so far.

use tch::{Device, Tensor, no_grad};

use crate::models::{Network, Parameters};

/// Weights and running statistics.
pub struct Values {
    pub parameters: Parameters,
    pub buffers: Vec<Tensor>,
}

impl Values {
    /// Equal to what is given.
    pub fn of(network: &Network, parameters: &Parameters, buffers: &[Tensor], device: Device) -> Values {
        let own = Parameters::zeros(network.parameters(), network.layout(), device);
        let values = Values { parameters: own, buffers: buffers.iter().map(Tensor::zeros_like).collect() };
        values.take(parameters, buffers);
        values
    }

    /// Takes over what is given.
    pub fn take(&self, parameters: &Parameters, buffers: &[Tensor]) {
        self.each(parameters, buffers, |own, other| own.copy_(other));
    }

    /// Moves towards what is given after `step` steps, counted from 1: `decay` of the old stays, and less of it at first,
    /// (1 + step) / (10 + step), so that a short training does not keep what it started from (as TensorFlow's
    /// `ExponentialMovingAverage` has it).
    pub fn move_towards(&self, parameters: &Parameters, buffers: &[Tensor], decay: f64, step: u64) {
        let step = step as f64;
        let share = 1.0 - decay.min((1.0 + step) / (10.0 + step));
        self.each(parameters, buffers, |own, other| {
            let _ = own.lerp_(other, share);
        });
    }

    fn each(&self, parameters: &Parameters, buffers: &[Tensor], change: impl Fn(&mut Tensor, &Tensor)) {
        no_grad(|| {
            change(&mut self.parameters.flat().shallow_clone(), parameters.flat());
            for (own, other) in self.buffers.iter().zip(buffers) {
                change(&mut own.shallow_clone(), other);
            }
        });
    }

    /// Its tensors by name, behind `prefix`.
    pub fn tensors(&self, prefix: &str) -> Vec<(String, &Tensor)> {
        let buffers =
            self.buffers.iter().enumerate().map(|(i, buffer)| (format!("{prefix}.buffer.{i}"), buffer));
        std::iter::once((format!("{prefix}.parameters"), self.parameters.flat())).chain(buffers).collect()
    }
}
