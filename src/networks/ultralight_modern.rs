//! An ultra-light network of today: ResNet-9's plan (Page 2018, DAWNBench) at `ultralight`'s size.
//!
//! Chosen by what a step costs. Depthwise convolutions save products and lose them again in memory traffic and launches,
//! on processors (which multiply dense kernels in bf16 several times faster) as on GPUs, and gates add small kernels. So
//! every convolution is a dense 3×3, and what saves is where they stand: patches of two pixels a side in place of a
//! convolution on the whole image; a stage's widening convolution, pooled ahead of its norm, and one residual convolution
//! on the quarter of pixels that is left. The largest value of a channel over the last map, not a dense layer on all of
//! it, so that the parameters do not grow with the image.

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
