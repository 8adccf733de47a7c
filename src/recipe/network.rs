//! The networks by name, with their settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::choice;

choice! {
    /// A network.
    pub enum Network {
        /// VGG16 as published: 13 convolutions and 3 dense layers of 4096 (Simonyan & Zisserman 2015).
        "vgg16" => Vgg16 @ 1,
        /// VGG16's 13 convolutions with BatchNorm, pooled to one pixel, and one dense layer: for small images.
        "vgg16-bn" => Vgg16Bn @ 1,
        /// A vanilla CNN of three convolutions.
        "cnn" => Cnn @ 1,
        /// An ultra-light CNN of three convolutions of 16, 32 and 64 channels.
        "ultralight" => Ultralight @ 1,
        /// Blocks of convolution, norm, ReLU and average pooling: the network of the distillation literature.
        "convnet" => Convnet @ 1,
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vgg16 {
    /// Share of the dense layers' activations set to 0 in training.
    #[schemars(range(min = 0.0, max = 0.95))]
    pub dropout: f64,
}

impl Default for Vgg16 {
    fn default() -> Vgg16 {
        Vgg16 { dropout: 0.5 }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vgg16Bn {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cnn {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ultralight {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Convnet {
    /// Channels of every block.
    #[schemars(range(min = 1, max = 1024))]
    pub width: u32,
    /// Blocks, each of which halves the image; without it, as many as leave 4 pixels a side.
    #[schemars(range(min = 1, max = 8))]
    pub depth: Option<u32>,
    /// The norm after each convolution.
    pub norm: Norm,
}

impl Default for Convnet {
    fn default() -> Convnet {
        Convnet { width: 128, depth: None, norm: Norm::Instance }
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

/// Blocks of a `convnet` for images of `size` pixels: log2(size) - 2, at least 1.
pub fn convnet_depth(size: u32) -> u32 {
    size.max(1).ilog2().saturating_sub(2).max(1)
}

impl Network {
    /// The smallest image, in pixels a side, that its pooling leaves something of.
    pub fn least_image_size(&self) -> u32 {
        match self {
            Network::Vgg16(_) | Network::Vgg16Bn(_) => 32,
            Network::Cnn(_) => 16,
            Network::Ultralight(_) => 12,
            Network::Convnet(Convnet { depth, .. }) => 1 << depth.unwrap_or(2),
        }
    }
}
