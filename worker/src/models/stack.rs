//! Builds a network layer by layer, keeping track of the shape that flows and of the parameters it takes.

use super::layer::Layer;
use super::parameters::{Initial, Parameter};

/// Values that a network keeps but does not train: BatchNorm's running statistics, `[channels]`.
#[derive(Clone, Debug)]
pub struct Buffer {
    pub name: String,
    pub channels: i64,
    pub initial: f64,
}

/// How convolutions and dense layers start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// PyTorch's default: uniform in ±1/√fan_in, weights and biases alike.
    FanIn,
    /// torchvision's VGG: convolutions from N(0, 2/fan_out), dense layers from N(0, 0.01²), biases 0.
    Vgg,
}

/// Layers so far, and the shape that comes out of them.
pub struct Stack {
    pub layers: Vec<Layer>,
    pub parameters: Vec<Parameter>,
    pub buffers: Vec<Buffer>,
    channels: i64,
    side: i64,
    start: Start,
}

impl Stack {
    /// For images `[n, 3, side, side]`.
    pub fn new(side: i64, start: Start) -> Stack {
        Stack { layers: Vec::new(), parameters: Vec::new(), buffers: Vec::new(), channels: 3, side, start }
    }

    /// A convolution of 3×3 that keeps the side.
    pub fn conv(&mut self, name: &str, channels: i64) -> &mut Stack {
        let (weight, bias) = match self.start {
            Start::FanIn => within(self.channels * 9),
            Start::Vgg => {
                (Initial::Normal { sd: (2.0 / (channels * 9) as f64).sqrt() }, Initial::Constant(0.0))
            }
        };
        let weight = self.parameter(name, "weight", &[channels, self.channels, 3, 3], weight);
        let bias = self.parameter(name, "bias", &[channels], bias);
        self.channels = channels;
        self.layer(Layer::Conv { weight, bias, padding: 1 })
    }

    /// On flat input, or on `[n, channels, 1, 1]` once flattened.
    pub fn dense(&mut self, name: &str, out: i64) -> &mut Stack {
        let fan_in = self.channels * self.side * self.side;
        let (weight, bias) = match self.start {
            Start::FanIn => within(fan_in),
            Start::Vgg => (Initial::Normal { sd: 0.01 }, Initial::Constant(0.0)),
        };
        let weight = self.parameter(name, "weight", &[out, fan_in], weight);
        let bias = self.parameter(name, "bias", &[out], bias);
        (self.channels, self.side) = (out, 1);
        self.layer(Layer::Dense { weight, bias })
    }

    pub fn batch_norm(&mut self, name: &str) -> &mut Stack {
        let (weight, bias) = self.norm(name);
        let mean = self.buffer(name, "running_mean", 0.0);
        let variance = self.buffer(name, "running_var", 1.0);
        self.layer(Layer::BatchNorm { weight, bias, mean, variance })
    }

    pub fn instance_norm(&mut self, name: &str) -> &mut Stack {
        let (weight, bias) = self.norm(name);
        let channels = self.channels;
        self.layer(Layer::InstanceNorm { weight, bias, channels })
    }

    pub fn relu(&mut self) -> &mut Stack {
        self.layer(Layer::Relu)
    }

    pub fn max_pool(&mut self, by: i64) -> &mut Stack {
        self.side /= by;
        self.layer(Layer::MaxPool(by))
    }

    pub fn avg_pool(&mut self, by: i64) -> &mut Stack {
        self.side /= by;
        self.layer(Layer::AvgPool(by))
    }

    pub fn adaptive_avg_pool(&mut self, side: i64) -> &mut Stack {
        self.side = side;
        self.layer(Layer::AdaptiveAvgPool(side))
    }

    pub fn dropout(&mut self, share: f64) -> &mut Stack {
        self.layer(Layer::Dropout(share))
    }

    pub fn flatten(&mut self) -> &mut Stack {
        self.layer(Layer::Flatten)
    }

    /// Pixels a side of what comes out.
    pub fn side(&self) -> i64 {
        self.side
    }

    fn layer(&mut self, layer: Layer) -> &mut Stack {
        self.layers.push(layer);
        self
    }

    fn norm(&mut self, name: &str) -> (usize, usize) {
        let shape = [self.channels];
        let weight = self.parameter(name, "weight", &shape, Initial::Constant(1.0));
        (weight, self.parameter(name, "bias", &shape, Initial::Constant(0.0)))
    }

    fn parameter(&mut self, layer: &str, part: &str, shape: &[i64], initial: Initial) -> usize {
        let decays = shape.len() > 1;
        let name = format!("{layer}.{part}");
        self.parameters.push(Parameter { name, shape: shape.to_vec(), initial, decays });
        self.parameters.len() - 1
    }

    fn buffer(&mut self, layer: &str, part: &str, initial: f64) -> usize {
        self.buffers.push(Buffer { name: format!("{layer}.{part}"), channels: self.channels, initial });
        self.buffers.len() - 1
    }
}

fn within(fan_in: i64) -> (Initial, Initial) {
    let bound = 1.0 / (fan_in as f64).sqrt();
    (Initial::Uniform(bound), Initial::Uniform(bound))
}
