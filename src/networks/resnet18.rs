//! ResNet-18 (He et al. 2016), with torchvision's names and first weights.

use super::parameter::Start;
use super::stack::{Block, Conv, Stack, rising};
use crate::recipe::Resnet18;

const BLOCKS: i64 = 2;

pub fn build(settings: &Resnet18, classes: i64, side: i64) -> Stack {
    let mut net = Stack::new(side, Start::RESNET);
    stem(&mut net, settings.stem_stride(side as u32).into());
    let mut drops = rising(settings.drop_path, 4 * BLOCKS);
    for stage in 0..4 {
        for at in 0..BLOCKS {
            let stride = if stage > 0 && at == 0 { 2 } else { 1 };
            let drop = drops.next().expect("a share for every block");
            block(&mut net, &format!("layer{}.{at}", stage + 1), 64 << stage, stride, drop);
        }
    }
    net.adaptive_avg_pool(1).flatten().dense("fc", classes);
    net
}

/// 7×7 of stride 2 and a max pool make the published stride of 4; 3×3 keeps more of small images.
fn stem(net: &mut Stack, stride: i64) {
    let conv = if stride == 4 { Conv::of(64, 7).stride(2) } else { Conv::of(64, 3).stride(stride) };
    net.conv("conv1", conv.bias(false)).batch_norm("bn1").relu();
    if stride == 4 {
        net.overlapping_max_pool(3, 2, 1);
    }
}

fn block(net: &mut Stack, name: &str, channels: i64, stride: i64, drop: f64) {
    let part = |part: &str| format!("{name}.{part}");
    let same = stride == 1 && net.shape.channels() == channels;
    net.residual(
        Block { drop, scale: None },
        |net| {
            net.conv(&part("conv1"), Conv::of(channels, 3).stride(stride).bias(false));
            net.batch_norm(&part("bn1")).relu();
            net.conv(&part("conv2"), Conv::of(channels, 3).bias(false)).batch_norm(&part("bn2"));
        },
        |net| {
            if !same {
                net.conv(&part("downsample.0"), Conv::of(channels, 1).stride(stride).bias(false));
                net.batch_norm(&part("downsample.1"));
            }
        },
    );
    net.relu();
}
