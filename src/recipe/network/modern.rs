//! Settings of AlexNet, ResNet, ConvNeXt and the transformers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Alexnet {
    /// Share of the dense layers' inputs set to 0 in training.
    #[schemars(range(min = 0.0, max = 0.95))]
    pub dropout: f64,
}

impl Default for Alexnet {
    fn default() -> Alexnet {
        Alexnet { dropout: 0.5 }
    }
}

/// How far the first layers shrink an image where nothing else is said: as published from 128 pixels on, less below, so
/// that 16 to 64 pixels a side are left.
fn stride(image_size: u32) -> u32 {
    match image_size {
        128.. => 4,
        64.. => 2,
        _ => 1,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resnet18 {
    /// What the first layers divide the image's side by: 4 as published (7×7 of stride 2 and a max pool), 2 or 1 (3×3 of
    /// that stride). Without it, 4 from 128 pixels on, 2 from 64, and 1 below.
    #[schemars(range(min = 1, max = 4))]
    pub stem_stride: Option<u32>,
    /// Share of images for which the last block is left out in training; earlier ones less (Huang et al. 2016).
    #[schemars(range(min = 0.0, max = 0.95))]
    pub drop_path: f64,
}

impl Resnet18 {
    /// What the first layers divide the side by.
    pub fn stem_stride(&self, image_size: u32) -> u32 {
        self.stem_stride.unwrap_or_else(|| stride(image_size))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resnet50 {
    /// What the first layers divide the image's side by: 4 as published (7×7 of stride 2 and a max pool), 2 or 1 (3×3 of
    /// that stride). Without it, 4 from 128 pixels on, 2 from 64, and 1 below.
    #[schemars(range(min = 1, max = 4))]
    pub stem_stride: Option<u32>,
    /// Share of images for which the last block is left out in training; earlier ones less (Huang et al. 2016).
    #[schemars(range(min = 0.0, max = 0.95))]
    pub drop_path: f64,
    /// The steps taken towards ConvNeXt-T, in any order; none is ResNet-50, all are ConvNeXt-T.
    #[schemars(length(max = 12))]
    pub modern: Vec<Step>,
}

impl Resnet50 {
    /// What the first layers divide the side by.
    pub fn stem_stride(&self, image_size: u32) -> u32 {
        self.stem_stride.unwrap_or_else(|| stride(image_size))
    }

    pub fn takes(&self, step: Step) -> bool {
        self.modern.contains(&step)
    }
}

/// A step from ResNet-50 to ConvNeXt-T; the paper takes them in this order (Liu et al. 2022, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// 3, 3, 9 and 3 blocks a stage instead of 3, 4, 6 and 3.
    StageRatio,
    /// One convolution of patches that do not overlap instead of 7×7 and a max pool.
    PatchifyStem,
    /// The spatial convolution of each block on each channel by itself.
    Depthwise,
    /// 96 channels in the first stage instead of 64.
    Width,
    /// Blocks that widen in their middle instead of narrowing.
    InvertedBottleneck,
    /// 7×7 instead of 3×3, and ahead of the other convolutions of its block.
    LargeKernel,
    /// GELU instead of ReLU.
    Gelu,
    /// One activation a block instead of three, and none in the stem.
    FewerActivations,
    /// One norm a block instead of three.
    FewerNorms,
    /// LayerNorm instead of BatchNorm, with a bias in every convolution and ConvNeXt's first weights.
    LayerNorm,
    /// A norm and a 2×2 convolution between stages instead of strides in blocks, and a norm after the last pool.
    SeparateDownsampling,
    /// A learnt factor for each channel of each block, 1e-6 at first (Touvron et al. 2021).
    LayerScale,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Convnext {
    /// Channels and blocks.
    pub size: ConvnextSize,
    /// Pixels a side of the patches that the stem takes together. Without it, 4 as published from 128 pixels on, 2 from
    /// 64, and 1 below.
    #[schemars(range(min = 1, max = 16))]
    pub patch: Option<u32>,
    /// Share of images for which the last block is left out in training; earlier ones less (Huang et al. 2016).
    #[schemars(range(min = 0.0, max = 0.95))]
    pub drop_path: f64,
}

impl Default for Convnext {
    fn default() -> Convnext {
        Convnext { size: ConvnextSize::Atto, patch: None, drop_path: 0.0 }
    }
}

impl Convnext {
    /// Pixels a side of the stem's patches.
    pub fn patch(&self, image_size: u32) -> u32 {
        self.patch.unwrap_or_else(|| stride(image_size))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConvnextSize {
    /// 3.7 M parameters at 1000 classes.
    Atto,
    /// 5.2 M.
    Femto,
    /// 9.0 M.
    Pico,
    /// 15.6 M.
    Nano,
    /// 28.6 M.
    Tiny,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VitTiny {
    /// Pixels a side of the patches that become tokens; divides the image's side. Without it, 16 as published from 128
    /// pixels on, 8 from 64, and 4 below.
    #[schemars(range(min = 1, max = 64))]
    pub patch: Option<u32>,
    /// Share of images for which the last block is left out in training; earlier ones less (Huang et al. 2016).
    #[schemars(range(min = 0.0, max = 0.95))]
    pub drop_path: f64,
}

impl VitTiny {
    /// Pixels a side of the patches.
    pub fn patch(&self, image_size: u32) -> u32 {
        self.patch.unwrap_or_else(|| 4 * stride(image_size))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Swin {
    /// Channels of the first stage, a multiple of 32; each further stage has twice as many. 96 is Swin-T.
    #[schemars(range(min = 32, max = 256))]
    pub width: u32,
    /// Pixels a side of the patches that become tokens. Without it, 4 as published from 128 pixels on, and 2 below.
    #[schemars(range(min = 1, max = 16))]
    pub patch: Option<u32>,
    /// Tokens a side of the windows. Without it, 7 as published, or else 8, 6, 5 or 4, whichever fits the image first.
    #[schemars(range(min = 2, max = 32))]
    pub window: Option<u32>,
    /// Share of images for which the last block is left out in training; earlier ones less (Huang et al. 2016).
    #[schemars(range(min = 0.0, max = 0.95))]
    pub drop_path: f64,
}

/// Windows in the order in which they are tried.
const WINDOWS: [u32; 5] = [7, 8, 6, 5, 4];

impl Default for Swin {
    fn default() -> Swin {
        Swin { width: 96, patch: None, window: None, drop_path: 0.0 }
    }
}

impl Swin {
    /// Pixels a side of the patches.
    pub fn patch(&self, image_size: u32) -> u32 {
        self.patch.unwrap_or_else(|| stride(image_size).max(2))
    }

    /// Tokens a side of the windows.
    pub fn window(&self, image_size: u32) -> u32 {
        let fits = |window: &u32| self.fits(image_size, *window);
        self.window.unwrap_or_else(|| WINDOWS.into_iter().find(fits).unwrap_or(WINDOWS[0]))
    }

    /// Whether every stage is made of whole windows, or of less than one.
    pub fn fits(&self, image_size: u32, window: u32) -> bool {
        let tokens = image_size / self.patch(image_size);
        (0..4).map(|stage| tokens >> stage).all(|side| side <= window || side.is_multiple_of(window))
    }
}
