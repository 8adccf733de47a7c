//! An ultra-light CNN: Conv16-ReLU-AvgPool2-BN, Conv32-ReLU-BN-MaxPool2, Conv64-ReLU-BN-MaxPool3, Dense50-ReLU,
//! Dropout, Dense.

use super::parameter::Start;
use super::stack::{Conv, Stack};

const DROPOUT: f64 = 0.2;

pub fn build(classes: i64, side: i64) -> Stack {
    let mut net = Stack::new(side, Start::DEFAULT);
    net.conv("conv1", Conv::of(16, 3)).relu().avg_pool(2).batch_norm("norm1");
    net.conv("conv2", Conv::of(32, 3)).relu().batch_norm("norm2").max_pool(2);
    net.conv("conv3", Conv::of(64, 3)).relu().batch_norm("norm3").max_pool(3);
    net.flatten().dense("dense1", 50).relu().dropout(DROPOUT);
    net.dense("dense2", classes);
    net
}
