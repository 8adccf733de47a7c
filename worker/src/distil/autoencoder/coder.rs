//! The autoencoder: an encoder from images to codes and a decoder back, for square images of any size.

use pipeline::networks::{Initial, Parameter};
use tch::{Device, Kind, Tensor};

use crate::models::{Layout, Parameters, drawn};

/// Channels of the widest block, as a multiple of the first's.
const WIDEST: i64 = 8;
/// Groups of a norm at most (Wu & He 2018).
const GROUPS: i64 = 8;
/// Added to the variances of norms.
const NORM_EPS: f64 = 1e-5;
/// Parameters of a block: weights and biases of its convolution and of its norm.
const OF_BLOCK: usize = 4;

/// Structure only: weights come with each call. The encoder's blocks are convolution 3×3 of stride 2, group norm and ReLU,
/// then one dense layer; the decoder's a dense layer, then doubling, convolution 3×3, group norm and ReLU, the last one
/// without norm and ReLU.
pub struct Coder {
    parameters: Vec<Parameter>,
    /// Pixels a side of the image, and after each block.
    sides: Vec<i64>,
    /// Channels of the image, and after each block.
    channels: Vec<i64>,
}

impl Coder {
    pub fn new(side: i64, width: i64, depth: u32, code: i64) -> Coder {
        let blocks = 0..i64::from(depth);
        let halved = |side: &mut i64| {
            *side = (*side + 1) / 2;
            Some(*side)
        };
        let sides: Vec<i64> =
            std::iter::once(side).chain(blocks.clone().scan(side, |side, _| halved(side))).collect();
        let wide = |block: i64| width * (1 << block).min(WIDEST);
        let channels: Vec<i64> = std::iter::once(3).chain(blocks.map(wide)).collect();
        let mut coder = Coder { parameters: Vec::new(), sides, channels };
        let (depth, inner) = (depth as usize, coder.inner());
        for block in 0..depth {
            coder.add_block("encoder", block, coder.channels[block], coder.channels[block + 1]);
        }
        coder.add("encoder.dense", &[code, inner]);
        coder.add("decoder.dense", &[inner, code]);
        for block in (1..depth).rev() {
            coder.add_block("decoder", block, coder.channels[block + 1], coder.channels[block]);
        }
        coder.add("decoder.conv0", &[3, coder.channels[1], 3, 3]);
        coder
    }

    /// Values between the last block and the dense layer.
    fn inner(&self) -> i64 {
        let (side, channels) = (self.sides[self.depth()], self.channels[self.depth()]);
        channels * side * side
    }

    fn depth(&self) -> usize {
        self.sides.len() - 1
    }

    /// A convolution or dense layer: weights of `shape`, outputs first, and biases, as PyTorch starts them.
    fn add(&mut self, name: &str, shape: &[i64]) {
        let bound = Initial::Uniform(1.0 / (shape[1..].iter().product::<i64>() as f64).sqrt());
        self.push(name, "weight", shape, bound);
        self.push(name, "bias", &shape[..1], bound);
    }

    fn add_block(&mut self, part: &str, block: usize, from: i64, to: i64) {
        self.add(&format!("{part}.conv{block}"), &[to, from, 3, 3]);
        let norm = format!("{part}.norm{block}");
        self.push(&norm, "weight", &[to], Initial::Constant(1.0));
        self.push(&norm, "bias", &[to], Initial::Constant(0.0));
    }

    fn push(&mut self, layer: &str, what: &str, shape: &[i64], initial: Initial) {
        let name = format!("{layer}.{what}");
        self.parameters.push(Parameter { name, shape: shape.to_vec(), initial, decays: false });
    }

    /// Weights as they start, from `seed`; the same on every device.
    pub fn initial(&self, seed: u64, device: Device) -> Parameters {
        drawn(&self.parameters, Layout::Planar, seed, device)
    }

    /// How many values are trained.
    pub fn count(&self) -> u64 {
        self.parameters.iter().map(Parameter::count).sum::<i64>() as u64
    }

    /// How many of them are the decoder's.
    pub fn decoder_count(&self) -> u64 {
        let of_decoder = self.parameters.iter().filter(|parameter| parameter.name.starts_with("decoder."));
        of_decoder.map(Parameter::count).sum::<i64>() as u64
    }

    /// Bytes that training keeps of an image: what convolution, norm and ReLU of every block put out, both ways, and what
    /// the decoder doubles.
    pub fn activation_bytes(&self) -> u64 {
        let of = |block: usize| self.channels[block] * self.sides[block] * self.sides[block];
        let blocks: i64 = (0..=self.depth()).map(|block| 6 * of(block)).sum();
        let doubled: i64 =
            (0..self.depth()).map(|b| self.channels[b + 1] * self.sides[b] * self.sides[b]).sum();
        4 * (blocks + doubled) as u64
    }

    /// Codes `[n, code]` of normalised images `[n, 3, h, w]`.
    pub fn encode(&self, weights: &[Tensor], images: &Tensor) -> Tensor {
        let blocks = weights.chunks(OF_BLOCK).take(self.depth());
        let x = blocks.fold(images.shallow_clone(), |x, block| {
            let x = x.conv2d(&block[0], Some(&block[1]), [2, 2], [1, 1], [1, 1], 1);
            activated(&x, block)
        });
        let dense = &weights[OF_BLOCK * self.depth()..];
        x.flatten(1, -1).linear(&dense[0], Some(&dense[1]))
    }

    /// Normalised images `[n, 3, h, w]` of codes `[n, code]`.
    pub fn decode(&self, weights: &[Tensor], codes: &Tensor) -> Tensor {
        let depth = self.depth();
        let weights = &weights[OF_BLOCK * depth + 2..];
        let (side, channels) = (self.sides[depth], self.channels[depth]);
        let x = codes.linear(&weights[0], Some(&weights[1])).view([-1, channels, side, side]).relu();
        let blocks = weights[2..].chunks(OF_BLOCK).zip(self.sides[..depth].iter().rev());
        blocks.enumerate().fold(x, |x, (place, (block, side))| {
            let x = x.upsample_nearest2d([*side, *side], None, None);
            let x = x.conv2d(&block[0], Some(&block[1]), [1, 1], [1, 1], [1, 1], 1);
            if place + 1 == depth { x } else { activated(&x, block) }
        })
    }

    /// Mean squared error of giving back normalised images.
    pub fn loss(&self, weights: &[Tensor], images: &Tensor) -> Tensor {
        (self.decode(weights, &self.encode(weights, images)) - images).square().mean(Kind::Float)
    }
}

fn activated(x: &Tensor, block: &[Tensor]) -> Tensor {
    let channels = x.size()[1];
    let groups = (1..=GROUPS).rev().find(|groups| channels % groups == 0).unwrap_or(1);
    x.group_norm(groups, Some(&block[2]), Some(&block[3]), NORM_EPS, false).relu()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_any_size_come_back_in_their_size() {
        for (side, depth) in [(28, 2), (32, 3), (37, 3), (224, 5), (5, 1)] {
            let coder = Coder::new(side, 4, depth, 6);
            let weights = coder.initial(1, Device::Cpu);
            let images = Tensor::zeros([2, 3, side, side], (Kind::Float, Device::Cpu));
            let codes = coder.encode(weights.tensors(), &images);
            assert_eq!(codes.size(), [2, 6]);
            assert_eq!(coder.decode(weights.tensors(), &codes).size(), images.size(), "{side}");
        }
    }

    #[test]
    fn every_weight_gets_a_gradient() {
        let coder = Coder::new(16, 4, 2, 6);
        let weights = coder.initial(1, Device::Cpu);
        let places = Tensor::arange(2 * 3 * 16 * 16, (Kind::Float, Device::Cpu));
        let loss = coder.loss(weights.tensors(), &(places * 0.3).sin().view([2, 3, 16, 16]));
        let gradients = Tensor::run_backward(&[&loss], weights.tensors(), false, false);
        for (parameter, gradient) in coder.parameters.iter().zip(&gradients) {
            assert!(gradient.abs().max().double_value(&[]) > 0.0, "{}", parameter.name);
        }
    }
}
