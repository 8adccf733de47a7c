//! Settings of VGG and of the small networks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What stands behind the convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// 7×7 pixels and three dense layers, as published.
    Dense,
    /// One pixel and one dense layer: for small images.
    Pooled,
}

impl Head {
    fn is_dense(&self) -> bool {
        *self == Head::Dense
    }

    fn is_pooled(&self) -> bool {
        *self == Head::Pooled
    }
}

const DROPOUT: f64 = 0.5;

fn is_usual_dropout(share: &f64) -> bool {
    *share == DROPOUT
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vgg11 {
    /// Share of the dense layers' activations set to 0 in training; of no use to a pooled head.
    #[schemars(range(min = 0.0, max = 0.95))]
    pub dropout: f64,
    /// What stands behind the convolutions.
    pub head: Head,
}

impl Default for Vgg11 {
    fn default() -> Vgg11 {
        Vgg11 { dropout: DROPOUT, head: Head::Dense }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vgg16 {
    /// Share of the dense layers' activations set to 0 in training; of no use to a pooled head.
    #[schemars(range(min = 0.0, max = 0.95))]
    pub dropout: f64,
    /// What stands behind the convolutions.
    #[serde(skip_serializing_if = "Head::is_dense")]
    #[schemars(extend("default" = "dense"))]
    pub head: Head,
}

impl Default for Vgg16 {
    fn default() -> Vgg16 {
        Vgg16 { dropout: DROPOUT, head: Head::Dense }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vgg16Bn {
    /// Share of the dense layers' activations set to 0 in training; of no use to a pooled head.
    #[serde(skip_serializing_if = "is_usual_dropout")]
    #[schemars(range(min = 0.0, max = 0.95), extend("default" = DROPOUT))]
    pub dropout: f64,
    /// What stands behind the convolutions; `dense` is torchvision's `vgg16_bn`.
    #[serde(skip_serializing_if = "Head::is_pooled")]
    #[schemars(extend("default" = "pooled"))]
    pub head: Head,
}

impl Default for Vgg16Bn {
    fn default() -> Vgg16Bn {
        Vgg16Bn { dropout: DROPOUT, head: Head::Pooled }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cnn {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ultralight {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UltralightModern {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Airbench {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Linear {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mlp {
    /// Values of each hidden layer.
    #[schemars(range(min = 1, max = 16384))]
    pub width: u32,
    /// Hidden layers.
    #[schemars(range(min = 1, max = 16))]
    pub depth: u32,
    /// Share of the hidden layers' activations set to 0 in training.
    #[schemars(range(min = 0.0, max = 0.95))]
    pub dropout: f64,
}

impl Default for Mlp {
    /// The perceptron of the distillation literature (Zhao et al. 2021).
    fn default() -> Mlp {
        Mlp { width: 128, depth: 2, dropout: 0.0 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Convnet {
    /// Channels of every block, or of the first.
    #[schemars(range(min = 1, max = 1024))]
    pub width: u32,
    /// Whether channels double from block to block (Zhou et al. 2022).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("default" = false))]
    pub doubling: bool,
    /// Blocks, each of which halves the image; without it, as many as leave 4 pixels a side.
    #[schemars(range(min = 1, max = 8))]
    pub depth: Option<u32>,
    /// Zeros that the first convolution puts around the image, on each side. With 1 it keeps the image's size; 3 makes 32
    /// pixels of 28, as the distillation literature has it for digits, so that blocks and dense layer are those of 32.
    #[serde(skip_serializing_if = "is_same_padding")]
    #[schemars(range(min = 1, max = 16), extend("default" = SAME_PADDING))]
    pub padding: u32,
    /// The norm after each convolution.
    pub norm: Norm,
}

impl Default for Convnet {
    fn default() -> Convnet {
        Convnet { width: 128, doubling: false, depth: None, padding: SAME_PADDING, norm: Norm::Instance }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Over each image and channel.
    Instance,
    /// Over the batch.
    Batch,
    None,
}

/// Padding with which a convolution of 3 × 3 keeps the size of the image.
pub(in crate::recipe) const SAME_PADDING: u32 = 1;

/// Whether a `padding` is the one that all `convnet`s had before it could be set.
pub(in crate::recipe) fn is_same_padding(padding: &u32) -> bool {
    *padding == SAME_PADDING
}

/// Pixels a side of what the first convolution of a `convnet` makes of images of `size` pixels.
pub fn convnet_side(size: u32, padding: u32) -> u32 {
    (size + 2 * padding).saturating_sub(2 * SAME_PADDING)
}

/// Blocks of a `convnet` whose first convolution puts out `size` pixels a side: log2(size) - 2, at least 1.
pub fn convnet_depth(size: u32) -> u32 {
    size.max(1).ilog2().saturating_sub(2).max(1)
}
