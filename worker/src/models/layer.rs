//! The layers that networks are made of. Knows no network by name.

use tch::{Kind, Tensor};

/// Added to variances (PyTorch's default).
const NORM_EPS: f64 = 1e-5;
/// Share of a batch's statistics in the running ones (PyTorch's default).
const NORM_MOMENTUM: f64 = 0.1;

/// Whether dropout and BatchNorm behave as in training. Training moves BatchNorm's running statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Train,
    Eval,
}

/// One step of a network; numbers are places in its parameters and buffers.
#[derive(Clone, Debug)]
pub enum Layer {
    Conv {
        weight: usize,
        bias: usize,
        padding: i64,
    },
    Dense {
        weight: usize,
        bias: usize,
    },
    BatchNorm {
        weight: usize,
        bias: usize,
        mean: usize,
        variance: usize,
    },
    InstanceNorm {
        weight: usize,
        bias: usize,
        channels: i64,
    },
    Relu,
    MaxPool(i64),
    AvgPool(i64),
    /// Averages over windows so placed that this many values a side come out, whatever goes in.
    AdaptiveAvgPool(i64),
    Dropout(f64),
    Flatten,
}

/// What a pass needs beside its input.
pub struct Pass<'a> {
    pub parameters: &'a [Tensor],
    pub buffers: &'a [Tensor],
    pub mode: Mode,
    /// Number format of convolutions and dense layers; norms have their parameters in f32 throughout.
    pub compute: Kind,
}

impl Layer {
    pub fn apply(&self, x: Tensor, pass: &Pass) -> Tensor {
        let parameter = |place: usize| &pass.parameters[place];
        let narrowed = |place: usize| pass.parameters[place].to_kind(pass.compute);
        let training = pass.mode == Mode::Train;
        match *self {
            Layer::Conv { weight, bias, padding } => {
                let x = x.to_kind(pass.compute);
                x.conv2d(&narrowed(weight), Some(&narrowed(bias)), 1, padding, 1, 1)
            }
            Layer::Dense { weight, bias } => {
                x.to_kind(pass.compute).linear(&narrowed(weight), Some(&narrowed(bias)))
            }
            Layer::BatchNorm { weight, bias, mean, variance } => x.batch_norm(
                Some(parameter(weight)),
                Some(parameter(bias)),
                Some(&pass.buffers[mean]),
                Some(&pass.buffers[variance]),
                training,
                NORM_MOMENTUM,
                NORM_EPS,
                true,
            ),
            Layer::InstanceNorm { weight, bias, channels } => {
                x.group_norm(channels, Some(parameter(weight)), Some(parameter(bias)), NORM_EPS, true)
            }
            // In place: nothing before it needs what it overwrites.
            Layer::Relu => {
                let mut x = x;
                x.relu_()
            }
            Layer::MaxPool(side) => x.max_pool2d(side, side, 0, 1, false),
            Layer::AvgPool(side) => x.avg_pool2d(side, side, 0, false, true, None),
            Layer::AdaptiveAvgPool(side) => x.adaptive_avg_pool2d([side, side]),
            Layer::Dropout(share) => x.dropout(share, training),
            Layer::Flatten => x.flatten(1, -1),
        }
    }
}
