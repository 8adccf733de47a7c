//! ConvNet-D of the distillation literature (Gidaris & Komodakis 2018; Zhao et al. 2021): D blocks of convolution,
//! norm, ReLU and average pooling, and one dense layer.

use super::parameter::Start;
use super::stack::{Conv, Stack};
use crate::recipe::{Convnet, Norm, convnet_depth, convnet_side};

pub fn build(settings: &Convnet, classes: i64, side: i64) -> Stack {
    let mut net = Stack::new(side, Start::DEFAULT);
    let seen = convnet_side(side as u32, settings.padding);
    let depth = settings.depth.unwrap_or_else(|| convnet_depth(seen));
    for block in 1..=depth {
        let times = if settings.doubling { 1 << (block - 1) } else { 1 };
        let conv = Conv::of(i64::from(settings.width) * times, 3);
        let padding = if block == 1 { settings.padding.into() } else { 1 };
        net.conv(&format!("conv{block}"), conv.padding(padding));
        match settings.norm {
            Norm::Instance => net.instance_norm(&format!("norm{block}")),
            Norm::Batch => net.batch_norm(&format!("norm{block}")),
            Norm::None => &mut net,
        };
        net.relu().avg_pool(2);
    }
    net.flatten().dense("dense", classes);
    net
}
