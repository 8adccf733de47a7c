//! A vanilla CNN: Conv32-BN-MaxPool4-Dropout, Conv64-BN-MaxPool4-Dropout, Conv128-BN, Dense.
//!
//! ReLU follows each convolution, ahead of its norm: the order that `Conv2D(activation="relu")` and
//! `BatchNormalization` give one after the other.

use super::parameter::Start;
use super::stack::{Conv, Stack};

const DROPOUT: f64 = 0.2;

pub fn build(classes: i64, side: i64) -> Stack {
    let mut net = Stack::new(side, Start::DEFAULT);
    net.conv("conv1", Conv::of(32, 3)).relu().batch_norm("norm1").max_pool(4).dropout(DROPOUT);
    net.conv("conv2", Conv::of(64, 3)).relu().batch_norm("norm2").max_pool(4).dropout(DROPOUT);
    net.conv("conv3", Conv::of(128, 3)).relu().batch_norm("norm3");
    net.flatten().dense("dense", classes);
    net
}
