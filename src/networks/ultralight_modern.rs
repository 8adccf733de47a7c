//! An ultra-light network of today: ResNet-9's plan (Page 2018, DAWNBench) with as many parameters as `ultralight` has at 64
//! pixels.
//!
//! Chosen by what a step costs. Every convolution is a dense 3×3, and what saves is where they stand: patches of two pixels a
//! side in place of a convolution on the whole image; a stage's widening convolution, pooled ahead of its norm, and one
//! residual convolution on the quarter of pixels that is left. The largest value of a channel over the last map, not a dense
//! layer on all of it, so that the parameters do not grow with the image.
//!
//! What it replaced was built as EfficientNetV2 is, with depthwise kernels and gates: in two runs of
//! `experiments/networks.toml` (120 steps of 16 at 64 pixels, n = 3) that took 7.0 s a training and ended at 58.7 ± 4.6 %,
//! this took 3.1 s and ended at 77.3 ± 3.4 %.

use super::parameter::Start;
use super::stack::{Block, Conv, Stack};

/// Channels of the patches.
const STEM: i64 = 16;
/// Channels of the stages; each halves the side.
const STAGES: [i64; 3] = [32, 48, 56];

pub fn build(classes: i64, side: i64) -> Stack {
    let mut net = Stack::new(side, Start::DEFAULT);
    net.conv("stem.conv", Conv::patches(STEM, 2).bias(false)).batch_norm("stem.norm").relu();
    for (at, channels) in STAGES.into_iter().enumerate() {
        let part = |part: &str| format!("stages.{at}.{part}");
        net.conv(&part("conv1"), Conv::of(channels, 3).bias(false))
            .max_pool(2)
            .batch_norm(&part("norm1"))
            .relu();
        let main = |net: &mut Stack| {
            net.conv(&part("conv2"), Conv::of(channels, 3).bias(false)).batch_norm(&part("norm2")).relu();
        };
        net.residual(Block::default(), main, |_| {});
    }
    let whole = net.shape.side();
    net.max_pool(whole).flatten().dense("head", classes);
    net
}
