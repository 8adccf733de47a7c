//! Swin Transformer (Liu et al. 2021) of Swin-T's depth, with timm's names and first weights.

use super::layer::Windows;
use super::parameter::Start;
use super::stack::{Conv, Stack, rising};
use crate::recipe::Swin;

const DEPTHS: [i64; 4] = [2, 2, 6, 2];
/// PyTorch's default, which timm leaves.
const LAYER_NORM_EPS: f64 = 1e-5;
/// Channels of an attention head.
const HEAD: i64 = 32;

pub fn build(settings: &Swin, classes: i64, side: i64) -> Stack {
    let (patch, window) = (settings.patch(side as u32), settings.window(side as u32));
    let mut net = Stack::new(side, Start::TRANSFORMER);
    net.layer_norm_eps = LAYER_NORM_EPS;
    net.conv("patch_embed.proj", Conv::patches(settings.width.into(), patch.into()));
    net.layer_norm("patch_embed.norm");
    let mut drops = rising(settings.drop_path, DEPTHS.iter().sum());
    for (stage, depth) in DEPTHS.into_iter().enumerate() {
        if stage > 0 {
            net.merge_patches(&format!("layers.{stage}.downsample"));
        }
        // A window that holds the whole map has nowhere to shift to.
        let within = net.shape.side().min(window.into());
        let shift = if within < net.shape.side() { within / 2 } else { 0 };
        for block in 0..depth {
            let name = format!("layers.{stage}.blocks.{block}");
            let (heads, shift) = (net.shape.channels() / HEAD, if block % 2 == 1 { shift } else { 0 });
            let windows = Windows { side: net.shape.side(), window: within, shift };
            net.transformer_block(&name, drops.next().expect("a share for every block"), |net, attention| {
                net.window_attention(attention, heads, windows);
            });
        }
    }
    net.layer_norm("norm").adaptive_avg_pool(1).flatten().dense("head.fc", classes);
    net
}
