//! An ultra-light CNN: Conv16-ReLU-AvgPool2-BN, Conv32-ReLU-BN-MaxPool2, Conv64-ReLU-BN-MaxPool3, Dense50-ReLU,
//! Dropout, Dense.

use super::stack::{Stack, Start};

const DROPOUT: f64 = 0.2;

pub fn build(classes: i64, side: i64) -> Stack {
    let mut net = Stack::new(side, Start::FanIn);
    net.conv("conv1", 16).relu().avg_pool(2).batch_norm("norm1");
    net.conv("conv2", 32).relu().batch_norm("norm2").max_pool(2);
    net.conv("conv3", 64).relu().batch_norm("norm3").max_pool(3);
    net.flatten().dense("dense1", 50).relu().dropout(DROPOUT);
    net.dense("dense2", classes);
    net
}
