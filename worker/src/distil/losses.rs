//! The loss of every iteration so far.

use anyhow::{Result, ensure};
use tch::{Device, Kind, Tensor};

/// Losses in order.
#[derive(Debug, Default)]
pub struct Losses {
    settled: Vec<f64>,
    /// Each a scalar still on the device: reading one waits for the device.
    pending: Vec<Tensor>,
}

impl Losses {
    /// Of iterations that were done before.
    pub fn of(settled: Vec<f64>) -> Losses {
        Losses { settled, pending: Vec::new() }
    }

    /// An iteration has been done; `loss` is its scalar.
    pub fn push(&mut self, loss: Tensor) {
        self.pending.push(loss);
    }

    /// Reads the pending losses.
    ///
    /// # Errors
    /// A loss is not finite.
    pub fn settle(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let values = Tensor::stack(&std::mem::take(&mut self.pending), 0).to_kind(Kind::Double);
        for loss in Vec::<f64>::try_from(values.to_device(Device::Cpu))? {
            ensure!(loss.is_finite(), "the loss of iteration {} is {loss}", self.settled.len() + 1);
            self.settled.push(loss);
        }
        Ok(())
    }

    /// Those that have been read.
    pub fn settled(&self) -> &[f64] {
        &self.settled
    }

    /// Iterations done.
    pub fn iterations(&self) -> u64 {
        (self.settled.len() + self.pending.len()) as u64
    }
}
