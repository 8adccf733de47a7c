//! The layers of transformers, as parts of a stack.

use super::layer::{Layer, Windows};
use super::parameter::Initial;
use super::shape::Shape;
use super::stack::{Block, Stack};

/// timm's deviation of learnt positions.
const POSITION: Initial = Initial::Normal { sd: 0.02 };
/// Width of a transformer's hidden layer, in widths of its tokens.
const HIDDEN: i64 = 4;

impl Stack {
    /// The pixels as tokens, behind a learnt one (`cls_token`) and with learnt positions (`pos_embed`).
    pub fn tokens(&mut self) -> &mut Stack {
        let (first, channels, count) =
            (self.parameters.len(), self.shape.channels(), self.shape.positions() + 1);
        let class = self.named("cls_token".into(), &[1, 1, channels], Initial::Normal { sd: 1e-6 }, false);
        let positions = self.named("pos_embed".into(), &[1, count, channels], POSITION, false);
        self.shape = Shape::Tokens { count, channels };
        self.row("pos_embed", "class token, positions".into(), first, 0);
        self.fresh(Layer::Tokens { class, positions })
    }

    pub fn first_token(&mut self) -> &mut Stack {
        self.shape = Shape::Flat { features: self.shape.channels() };
        self.in_place(Layer::FirstToken)
    }

    /// x + attention(norm(x)), then x + MLP(norm(x)); `attend` adds the attention of the name that it is given.
    pub fn transformer_block(
        &mut self,
        name: &str,
        drop: f64,
        attend: impl FnOnce(&mut Stack, &str),
    ) -> &mut Stack {
        let (channels, block) = (self.shape.channels(), Block { scale: None, drop });
        let part = |part: &str| format!("{name}.{part}");
        self.residual(
            block,
            |net| {
                net.layer_norm(&part("norm1"));
                attend(net, &part("attn"));
            },
            |_| {},
        );
        self.residual(
            block,
            |net| {
                net.layer_norm(&part("norm2")).dense(&part("mlp.fc1"), HIDDEN * channels);
                net.gelu().dense(&part("mlp.fc2"), channels);
            },
            |_| {},
        )
    }

    /// Every token attends to every token.
    pub fn attention(&mut self, name: &str, heads: i64) -> &mut Stack {
        let (count, channels) = (self.shape.positions(), self.shape.channels());
        self.dense(&format!("{name}.qkv"), 3 * channels);
        self.shape = self.shape.with_channels(channels);
        self.row(
            "",
            format!("attention, {heads} heads"),
            self.parameters.len(),
            2 * count * count * channels,
        );
        self.figures.activations += heads * count * count;
        self.fresh(Layer::Attention { heads }).dense(&format!("{name}.proj"), channels)
    }

    /// Every pixel attends to those of its window. Cut before `qkv`: a third of what would have to be moved behind it. Of being
    /// cut and joined nothing more is kept than the norm's output, which is counted, in another order.
    pub fn window_attention(&mut self, name: &str, heads: i64, windows: Windows) -> &mut Stack {
        let (count, channels) = (self.shape.positions(), self.shape.channels());
        self.in_place(Layer::SplitWindows(windows)).dense(&format!("{name}.qkv"), 3 * channels);
        self.shape = self.shape.with_channels(channels);
        let Windows { window, shift, .. } = windows;
        let (first, reach) = (self.parameters.len(), (2 * window - 1) * (2 * window - 1));
        let table = format!("{name}.relative_position_bias_table");
        let positions = self.named(table.clone(), &[reach, heads], POSITION, false);
        let (area, shifted) = (window * window, if shift > 0 { ", shifted" } else { "" });
        let what = format!("attention in {window}×{window}{shifted}, {heads} heads");
        self.row(&table, what, first, 2 * count * area * channels);
        self.figures.activations += heads * count * area;
        self.fresh(Layer::WindowAttention { heads, windows, positions });
        self.dense(&format!("{name}.proj"), channels).in_place(Layer::JoinWindows(windows))
    }

    /// Half the side, twice the channels: a norm and a dense layer on the four pixels of each block of 2×2.
    pub fn merge_patches(&mut self, name: &str) -> &mut Stack {
        let (channels, side) = (self.shape.channels(), self.shape.side());
        self.shape = Shape::Map { channels: 4 * channels, side: side / 2 };
        self.fresh(Layer::MergePatches);
        self.layer_norm(&format!("{name}.norm"))
            .dense_without_bias(&format!("{name}.reduction"), 2 * channels)
    }
}
