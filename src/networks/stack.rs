//! Builds a network layer by layer, keeping track of the shape that flows, the parameters it takes and what it costs.

use std::mem;

use super::figures::{Figures, Row};
use super::layer::Layer;
use super::parameter::{Buffer, Initial, Parameter, Start};
use super::shape::Shape;

/// Layers so far, and the shape that comes out of them.
pub struct Stack {
    pub layers: Vec<Layer>,
    pub parameters: Vec<Parameter>,
    pub buffers: Vec<Buffer>,
    pub figures: Figures,
    pub shape: Shape,
    /// Of every LayerNorm to come.
    pub layer_norm_eps: f64,
    /// Of every convolution and dense layer to come.
    pub start: Start,
}

/// Added to LayerNorm's variance by timm's ConvNeXt and vision transformer.
const LAYER_NORM_EPS: f64 = 1e-6;

/// A convolution; without more said it keeps the side and has a bias.
#[derive(Clone, Copy)]
pub struct Conv {
    channels: i64,
    kernel: i64,
    stride: i64,
    padding: i64,
    depthwise: bool,
    bias: bool,
}

impl Conv {
    /// To so many channels, with a kernel of so many pixels a side.
    pub fn of(channels: i64, kernel: i64) -> Conv {
        Conv { channels, kernel, stride: 1, padding: kernel / 2, depthwise: false, bias: true }
    }

    /// Patches that do not overlap.
    pub fn patches(channels: i64, side: i64) -> Conv {
        Conv { stride: side, padding: 0, ..Conv::of(channels, side) }
    }

    pub fn stride(self, stride: i64) -> Conv {
        Conv { stride, ..self }
    }

    pub fn padding(self, padding: i64) -> Conv {
        Conv { padding, ..self }
    }

    /// Each channel by itself, where `depthwise`.
    pub fn depthwise(self, depthwise: bool) -> Conv {
        Conv { depthwise, ..self }
    }

    pub fn bias(self, bias: bool) -> Conv {
        Conv { bias, ..self }
    }
}

/// What a residual block does beside adding: a scale of each channel by name and first value, and stochastic depth.
#[derive(Clone, Copy, Default)]
pub struct Block<'a> {
    pub scale: Option<(&'a str, f64)>,
    /// Share of images, in 0..1.
    pub drop: f64,
}

impl Stack {
    /// For images `[n, 3, side, side]`.
    pub fn new(side: i64, start: Start) -> Stack {
        Stack {
            layers: Vec::new(),
            parameters: Vec::new(),
            buffers: Vec::new(),
            figures: Figures::default(),
            shape: Shape::Map { channels: 3, side },
            layer_norm_eps: LAYER_NORM_EPS,
            start,
        }
    }

    pub fn conv(&mut self, name: &str, conv: Conv) -> &mut Stack {
        let Conv { channels, kernel, stride, padding, depthwise, bias } = conv;
        let inputs = self.shape.channels();
        let groups = if depthwise { inputs } else { 1 };
        let (first, area) = (self.parameters.len(), kernel * kernel);
        let (fan_in, fan_out) = (inputs / groups * area, channels / groups * area);
        let (weights, biases) = self.start.conv.initial(fan_in, fan_out);
        let weight = self.parameter(name, "weight", &[channels, inputs / groups, kernel, kernel], weights);
        let bias = bias.then(|| self.parameter(name, "bias", &[channels], biases));
        self.shape = Shape::Map { channels, side: slid(self.shape.side(), kernel, stride, padding) };
        let what = if depthwise { "depthwise conv" } else { "conv" };
        self.row(name, format!("{what} {kernel}×{kernel}"), first, self.shape.values() * fan_in);
        self.fresh(Layer::Conv { weight, bias, stride, padding, groups })
    }

    /// On every position; of `[n, channels, 1, 1]` once flattened.
    pub fn dense(&mut self, name: &str, out: i64) -> &mut Stack {
        let inputs = self.shape.channels();
        self.dense_of(name, &[out, inputs], true)
    }

    /// The same with weights `[out, in, 1, 1]`, as a convolution of one pixel keeps them.
    pub fn pointwise(&mut self, name: &str, out: i64) -> &mut Stack {
        let inputs = self.shape.channels();
        self.dense_of(name, &[out, inputs, 1, 1], true)
    }

    pub fn dense_without_bias(&mut self, name: &str, out: i64) -> &mut Stack {
        let inputs = self.shape.channels();
        self.dense_of(name, &[out, inputs], false)
    }

    fn dense_of(&mut self, name: &str, shape: &[i64], bias: bool) -> &mut Stack {
        let (out, inputs, first) = (shape[0], shape[1], self.parameters.len());
        let (weights, biases) = self.start.dense.initial(inputs, out);
        let weight = self.parameter(name, "weight", shape, weights);
        let bias = bias.then(|| self.parameter(name, "bias", &[out], biases));
        self.shape = self.shape.with_channels(out);
        self.row(name, "dense".into(), first, self.shape.values() * inputs);
        self.fresh(Layer::Dense { weight, bias })
    }

    pub fn batch_norm(&mut self, name: &str) -> &mut Stack {
        let (weight, bias) = self.norm(name, "batch norm");
        let mean = self.buffer(name, "running_mean", 0.0);
        let variance = self.buffer(name, "running_var", 1.0);
        self.fresh(Layer::BatchNorm { weight, bias, mean, variance })
    }

    pub fn instance_norm(&mut self, name: &str) -> &mut Stack {
        let (weight, bias) = self.norm(name, "instance norm");
        let groups = self.shape.channels();
        self.fresh(Layer::GroupNorm { weight, bias, groups })
    }

    pub fn layer_norm(&mut self, name: &str) -> &mut Stack {
        let (weight, bias) = self.norm(name, "layer norm");
        self.fresh(Layer::LayerNorm { weight, bias, eps: self.layer_norm_eps })
    }

    pub fn relu(&mut self) -> &mut Stack {
        self.in_place(Layer::Relu)
    }

    pub fn gelu(&mut self) -> &mut Stack {
        self.fresh(Layer::Gelu)
    }

    /// Everything times a number.
    pub fn scaled(&mut self, factor: f64) -> &mut Stack {
        self.fresh(Layer::Scale(factor))
    }

    pub fn max_pool(&mut self, size: i64) -> &mut Stack {
        self.overlapping_max_pool(size, size, 0)
    }

    pub fn overlapping_max_pool(&mut self, size: i64, stride: i64, padding: i64) -> &mut Stack {
        let side = slid(self.shape.side(), size, stride, padding);
        self.pooled(side, format!("max pool {size}×{size}"), Layer::MaxPool { size, stride, padding })
    }

    pub fn avg_pool(&mut self, by: i64) -> &mut Stack {
        let side = self.shape.side() / by;
        self.pooled(side, format!("average pool {by}×{by}"), Layer::AvgPool(by))
    }

    pub fn adaptive_avg_pool(&mut self, side: i64) -> &mut Stack {
        // Nothing can be averaged of nothing.
        let side = side.min(self.shape.side() * side);
        self.pooled(side, format!("average pool to {side}×{side}"), Layer::AdaptiveAvgPool(side))
    }

    pub fn dropout(&mut self, share: f64) -> &mut Stack {
        if share > 0.0 { self.fresh(Layer::Dropout(share)) } else { self }
    }

    pub fn flatten(&mut self) -> &mut Stack {
        self.shape = Shape::Flat { features: self.shape.values() };
        self.in_place(Layer::Flatten)
    }

    /// What `main` builds, added to what `shortcut` builds on the same input; both must give one shape.
    pub fn residual(
        &mut self,
        block: Block,
        main: impl FnOnce(&mut Stack),
        shortcut: impl FnOnce(&mut Stack),
    ) -> &mut Stack {
        let before = self.shape;
        let (main, after) = self.branch(main);
        let scale = block.scale.map(|(name, first)| self.scale(name, first));
        self.shape = before;
        let (shortcut, other) = self.branch(shortcut);
        assert_eq!(after, other, "both ways of a block have one shape");
        assert_ne!(main.first(), Some(&Layer::Relu), "the shortcut still needs what this would overwrite");
        self.fresh(Layer::Residual { main, shortcut, scale, drop: block.drop })
    }

    /// The layers that `build` adds, taken out again, and the shape after them.
    fn branch(&mut self, build: impl FnOnce(&mut Stack)) -> (Vec<Layer>, Shape) {
        let outside = mem::take(&mut self.layers);
        build(self);
        (mem::replace(&mut self.layers, outside), self.shape)
    }

    /// A learnt factor of each channel, after the branch that has just been built.
    fn scale(&mut self, name: &str, first: f64) -> usize {
        let (at, shape) = (self.parameters.len(), [self.shape.channels()]);
        let place = self.named(name.into(), &shape, Initial::Constant(first), false);
        self.row(name, "layer scale".into(), at, 0);
        self.figures.activations += self.shape.values();
        place
    }

    /// A layer that puts out new values.
    pub(super) fn fresh(&mut self, layer: Layer) -> &mut Stack {
        self.figures.activations += self.shape.values();
        self.in_place(layer)
    }

    /// A layer that puts out its input's memory, or of whose output nothing is kept.
    pub(super) fn in_place(&mut self, layer: Layer) -> &mut Stack {
        self.layers.push(layer);
        self
    }

    fn pooled(&mut self, side: i64, what: String, layer: Layer) -> &mut Stack {
        self.shape = Shape::Map { channels: self.shape.channels(), side };
        self.row("", what, self.parameters.len(), 0);
        self.fresh(layer)
    }

    /// Tells of a layer whose parameters are those from `first` on and whose output has the present shape.
    pub(super) fn row(&mut self, name: &str, what: String, first: usize, multiply_adds: i64) {
        let parameters = self.parameters[first..].iter().map(Parameter::count).sum();
        self.figures.rows.push(Row { name: name.into(), what, shape: self.shape, parameters, multiply_adds });
    }

    fn norm(&mut self, name: &str, what: &str) -> (usize, usize) {
        let (first, shape) = (self.parameters.len(), [self.shape.channels()]);
        let weight = self.parameter(name, "weight", &shape, Initial::Constant(1.0));
        let bias = self.parameter(name, "bias", &shape, Initial::Constant(0.0));
        self.row(name, what.into(), first, 0);
        (weight, bias)
    }

    fn parameter(&mut self, layer: &str, part: &str, shape: &[i64], initial: Initial) -> usize {
        self.named(format!("{layer}.{part}"), shape, initial, shape.len() > 1)
    }

    pub(super) fn named(&mut self, name: String, shape: &[i64], initial: Initial, decays: bool) -> usize {
        self.parameters.push(Parameter { name, shape: shape.to_vec(), initial, decays });
        self.parameters.len() - 1
    }

    fn buffer(&mut self, layer: &str, part: &str, initial: f64) -> usize {
        let channels = self.shape.channels();
        self.buffers.push(Buffer { name: format!("{layer}.{part}"), channels, initial });
        self.buffers.len() - 1
    }
}

/// Places that a window has along a side; none where it does not fit.
fn slid(side: i64, size: i64, stride: i64, padding: i64) -> i64 {
    let reach = side + 2 * padding - size;
    if side == 0 || reach < 0 { 0 } else { reach / stride + 1 }
}

/// Shares for blocks `0..blocks` that rise evenly from 0 to `highest`: deep blocks are left out more often.
pub fn rising(highest: f64, blocks: i64) -> impl Iterator<Item = f64> {
    (0..blocks).map(move |block| highest * block as f64 / (blocks - 1).max(1) as f64)
}
