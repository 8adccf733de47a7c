//! ViT-Tiny (Dosovitskiy et al. 2021; the size of Touvron et al. 2021), with timm's names and first weights.

use super::parameter::Start;
use super::stack::{Conv, Stack, rising};
use crate::recipe::VitTiny;

const WIDTH: i64 = 192;
const DEPTH: i64 = 12;
const HEADS: i64 = 3;

pub fn build(settings: &VitTiny, classes: i64, side: i64) -> Stack {
    let mut net = Stack::new(side, Start::TRANSFORMER);
    net.conv("patch_embed.proj", Conv::patches(WIDTH, settings.patch(side as u32).into())).tokens();
    for (block, drop) in rising(settings.drop_path, DEPTH).enumerate() {
        net.transformer_block(&format!("blocks.{block}"), drop, |net, attention| {
            net.attention(attention, HEADS);
        });
    }
    net.layer_norm("norm").first_token().dense("head", classes);
    net
}
