//! ConvNeXt (Liu et al. 2022) from atto to tiny, with timm's names and first weights.

use super::parameter::Start;
use super::stack::{Block, Conv, Stack, rising};
use crate::recipe::{Convnext, ConvnextSize};

/// What layer scale starts at.
const SCALE: f64 = 1e-6;

/// Channels of the first stage, doubled in each further one, and blocks of each stage.
fn dimensions(size: ConvnextSize) -> (i64, [i64; 4]) {
    match size {
        ConvnextSize::Atto => (40, [2, 2, 6, 2]),
        ConvnextSize::Femto => (48, [2, 2, 6, 2]),
        ConvnextSize::Pico => (64, [2, 2, 6, 2]),
        ConvnextSize::Nano => (80, [2, 2, 8, 2]),
        ConvnextSize::Tiny => (96, [3, 3, 9, 3]),
    }
}

pub fn build(settings: &Convnext, classes: i64, side: i64) -> Stack {
    let (width, depths) = dimensions(settings.size);
    let mut net = Stack::new(side, Start::CONVNEXT);
    net.conv("stem.0", Conv::patches(width, settings.patch(side as u32).into())).layer_norm("stem.1");
    let mut drops = rising(settings.drop_path, depths.iter().sum());
    for (stage, depth) in depths.into_iter().enumerate() {
        if stage > 0 {
            net.layer_norm(&format!("stages.{stage}.downsample.0"));
            net.conv(&format!("stages.{stage}.downsample.1"), Conv::patches(width << stage, 2));
        }
        for at in 0..depth {
            let drop = drops.next().expect("a share for every block");
            block(&mut net, settings.size, &format!("stages.{stage}.blocks.{at}"), drop);
        }
    }
    net.adaptive_avg_pool(1).layer_norm("head.norm").flatten().dense("head.fc", classes);
    net
}

fn block(net: &mut Stack, size: ConvnextSize, name: &str, drop: f64) {
    let part = |part: &str| format!("{name}.{part}");
    let (channels, scale) = (net.shape.channels(), part("gamma"));
    // timm keeps the dense layers of the sizes that it added itself as convolutions of one pixel.
    let dense = if size == ConvnextSize::Tiny { Stack::dense } else { Stack::pointwise };
    net.residual(
        Block { scale: Some((&scale, SCALE)), drop },
        |net| {
            net.conv(&part("conv_dw"), Conv::of(channels, 7).depthwise(true)).layer_norm(&part("norm"));
            dense(net, &part("mlp.fc1"), 4 * channels).gelu();
            dense(net, &part("mlp.fc2"), channels);
        },
        |_| {},
    );
}
