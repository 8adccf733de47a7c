//! The network of airbench94 (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU").
//!
//! A convolution of 2×2 that whitens patches, then six of 3×3 that begin as the identity on their first channels. Otherwise than
//! in that code, norms have factors beside their shifts, running statistics move as everywhere in this program, and the last
//! pool takes all that is left of any image.

use super::parameter::{Rule, Start};
use super::stack::{Conv, Stack};

/// Pixels a side of a patch that is whitened. There are two channels for each of its values: every direction, and its opposite.
const PATCH: i64 = 2;
/// Channels of the blocks; each halves the side.
const BLOCKS: [i64; 3] = [64, 256, 256];
/// What the logits are divided by; the features are, ahead of the last layer, which comes to the same.
const CALM: f64 = 9.0;

pub fn build(classes: i64, side: i64) -> Stack {
    let mut net = Stack::new(side, Start { conv: Rule::Whitening, dense: Rule::FanIn });
    net.conv("whiten", Conv::of(2 * 3 * PATCH * PATCH, PATCH).padding(0)).gelu();
    net.start.conv = Rule::Identity;
    for (at, channels) in BLOCKS.into_iter().enumerate() {
        let part = |part: &str| format!("blocks.{at}.{part}");
        let conv = Conv::of(channels, 3).bias(false);
        net.conv(&part("conv1"), conv).max_pool(2).batch_norm(&part("norm1")).gelu();
        net.conv(&part("conv2"), conv).batch_norm(&part("norm2")).gelu();
    }
    let whole = net.shape.side();
    net.max_pool(whole).flatten().scaled(1.0 / CALM).dense_without_bias("head", classes);
    net
}
