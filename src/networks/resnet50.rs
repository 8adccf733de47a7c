//! ResNet-50 (He et al. 2016; the stride in the 3×3), with torchvision's names and first weights, and on its way to
//! ConvNeXt, one change a switch (Liu et al. 2022, section 2).
//!
//! With every switch on, it computes what ConvNeXt-T computes. Where the paper leaves open what a change means without
//! those before it, the plainest reading is taken: a block is three convolutions in one of two orders, and each switch
//! touches one thing about them.

use super::parameter::Start;
use super::stack::{Block, Conv, Stack, rising};
use crate::recipe::{Resnet50, Step};

/// Ratio of a block's wide to its narrow channels.
const EXPANSION: i64 = 4;
/// What layer scale starts at.
const SCALE: f64 = 1e-6;

pub fn build(settings: &Resnet50, classes: i64, side: i64) -> Stack {
    let start = if settings.takes(Step::LayerNorm) { Start::CONVNEXT } else { Start::RESNET };
    let mut net = Stack::new(side, start);
    stem(&mut net, settings, settings.stem_stride(side as u32).into());
    let depths = if settings.takes(Step::StageRatio) { [3, 3, 9, 3] } else { [3, 4, 6, 3] };
    let mut drops = rising(settings.drop_path, depths.iter().sum());
    for (stage, depth) in depths.into_iter().enumerate() {
        let name = format!("layer{}", stage + 1);
        let narrow = base(settings) << stage;
        let out = if settings.takes(Step::InvertedBottleneck) { narrow } else { EXPANSION * narrow };
        if stage > 0 && settings.takes(Step::SeparateDownsampling) {
            norm(&mut net, settings, &format!("{name}.norm"));
            net.conv(&format!("{name}.conv"), Conv::patches(out, 2));
        }
        for at in 0..depth {
            let halves = stage > 0 && at == 0 && !settings.takes(Step::SeparateDownsampling);
            let shape = BlockShape { narrow, out, stride: if halves { 2 } else { 1 } };
            block(&mut net, settings, &format!("{name}.{at}"), shape, drops.next().expect("one for each"));
        }
    }
    net.adaptive_avg_pool(1);
    if settings.takes(Step::SeparateDownsampling) {
        norm(&mut net, settings, "norm");
    }
    net.flatten().dense("fc", classes);
    net
}

/// Channels of the first stage: its narrow ones.
fn base(settings: &Resnet50) -> i64 {
    if settings.takes(Step::Width) { 96 } else { 64 }
}

fn stem(net: &mut Stack, settings: &Resnet50, stride: i64) {
    let bias = settings.takes(Step::LayerNorm);
    let conv = match (settings.takes(Step::PatchifyStem), stride) {
        (true, 2..) => Conv::patches(base(settings), stride),
        (false, 4) => Conv::of(base(settings), 7).stride(2),
        _ => Conv::of(base(settings), 3).stride(stride),
    };
    net.conv("conv1", conv.bias(bias));
    norm(net, settings, "bn1");
    if !settings.takes(Step::FewerActivations) {
        activation(net, settings);
    }
    if !settings.takes(Step::PatchifyStem) && stride == 4 {
        net.overlapping_max_pool(3, 2, 1);
    }
}

/// Channels in the narrow part and at the end, and the stride of the spatial convolution.
#[derive(Clone, Copy)]
struct BlockShape {
    narrow: i64,
    out: i64,
    stride: i64,
}

fn block(net: &mut Stack, settings: &Resnet50, name: &str, shape: BlockShape, drop: f64) {
    let same = shape.stride == 1 && net.shape.channels() == shape.out;
    let gamma = format!("{name}.gamma");
    let scale = settings.takes(Step::LayerScale).then_some((gamma.as_str(), SCALE));
    net.residual(
        Block { scale, drop },
        |net| main(net, settings, name, shape),
        |net| {
            if !same {
                let conv = Conv::of(shape.out, 1).stride(shape.stride);
                net.conv(&format!("{name}.downsample.0"), conv.bias(settings.takes(Step::LayerNorm)));
                norm(net, settings, &format!("{name}.downsample.1"));
            }
        },
    );
    if !settings.takes(Step::FewerActivations) {
        activation(net, settings);
    }
}

/// Three convolutions: one pixel, spatial, one pixel; with a large kernel the spatial one comes first, on fewer
/// channels.
fn main(net: &mut Stack, settings: &Resnet50, name: &str, shape: BlockShape) {
    let BlockShape { narrow, out, stride } = shape;
    let middle = if settings.takes(Step::InvertedBottleneck) { EXPANSION * narrow } else { narrow };
    let (kernel, first) =
        if settings.takes(Step::LargeKernel) { (7, net.shape.channels()) } else { (3, middle) };
    let spatial = Conv::of(first, kernel).stride(stride).depthwise(settings.takes(Step::Depthwise));
    let (one, last) = (Conv::of(middle, 1), Conv::of(out, 1));
    let [a, b] = if settings.takes(Step::LargeKernel) { [spatial, one] } else { [one, spatial] };
    // The one norm that is left follows the spatial convolution, the one activation precedes the last.
    let (after_a, after_b) = if settings.takes(Step::FewerNorms) {
        (settings.takes(Step::LargeKernel), !settings.takes(Step::LargeKernel))
    } else {
        (true, true)
    };
    conv(net, settings, name, 1, a, after_a);
    if !settings.takes(Step::FewerActivations) {
        activation(net, settings);
    }
    conv(net, settings, name, 2, b, after_b);
    activation(net, settings);
    conv(net, settings, name, 3, last, !settings.takes(Step::FewerNorms));
}

/// `conv{place}`, and `bn{place}` where a norm follows it. A bias ahead of BatchNorm would be taken off again.
fn conv(net: &mut Stack, settings: &Resnet50, name: &str, place: u32, conv: Conv, normed: bool) {
    net.conv(&format!("{name}.conv{place}"), conv.bias(settings.takes(Step::LayerNorm) || !normed));
    if normed {
        norm(net, settings, &format!("{name}.bn{place}"));
    }
}

fn norm(net: &mut Stack, settings: &Resnet50, name: &str) {
    if settings.takes(Step::LayerNorm) {
        net.layer_norm(name)
    } else {
        net.batch_norm(name)
    };
}

fn activation(net: &mut Stack, settings: &Resnet50) {
    if settings.takes(Step::Gelu) {
        net.gelu()
    } else {
        net.relu()
    };
}
