//! Settings of the augmentations that work pixel by pixel, with their formulas.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// p ← p + a, a drawn evenly from the whole numbers in [-255·by, 255·by].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Brightness {
    /// Largest change either way, as a share of the full range.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub by: f64,
}

impl Default for Brightness {
    fn default() -> Brightness {
        Brightness { by: 0.2 }
    }
}

/// p ← m + f·(p - m), m the image's mean luminance, f drawn evenly from [1 - by, 1 + by].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Contrast {
    /// Largest change of the factor on contrast, either way.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub by: f64,
}

impl Default for Contrast {
    fn default() -> Contrast {
        Contrast { by: 0.3 }
    }
}

/// p ← y + f·(p - y), y the pixel's luminance (0.299 R + 0.587 G + 0.114 B), f drawn evenly from [1 - by, 1 + by].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Saturation {
    /// Largest change of the factor on colour, either way; 1 reaches from grey to double.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub by: f64,
}

impl Default for Saturation {
    fn default() -> Saturation {
        Saturation { by: 0.5 }
    }
}

/// Column x takes the place of column width - 1 - x.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HorizontalFlip {
    /// Probability that an image is mirrored.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
}

impl Default for HorizontalFlip {
    fn default() -> HorizontalFlip {
        HorizontalFlip { probability: 1.0 }
    }
}

/// p ← p + sd·z, z drawn from the standard normal for every channel of every pixel, rounded to grey levels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GaussianNoise {
    /// Standard deviation in grey levels of 0..255.
    #[schemars(range(min = 0.0, max = 255.0))]
    pub sd: f64,
}

impl Default for GaussianNoise {
    fn default() -> GaussianNoise {
        GaussianNoise { sd: 10.0 }
    }
}

/// Each pixel becomes white with probability share / 2, black with share / 2, and else stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SaltAndPepper {
    /// Share of the pixels that are changed, half to white and half to black.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: f64,
}

impl Default for SaltAndPepper {
    fn default() -> SaltAndPepper {
        SaltAndPepper { share: 0.04 }
    }
}

/// Rows with (y + a) mod spacing < thickness and columns with (x + b) mod spacing < thickness become `level`; a and b are
/// drawn evenly from 0..spacing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GridNoise {
    /// Distance between lines in pixels; the grid's offset is drawn.
    #[schemars(range(min = 2, max = 256))]
    pub spacing: u32,
    /// Thickness of a line in pixels, below `spacing`.
    #[schemars(range(min = 1, max = 64))]
    pub thickness: u32,
    /// Grey level of the lines.
    #[schemars(range(min = 0, max = 255))]
    pub level: u8,
}

impl Default for GridNoise {
    fn default() -> GridNoise {
        GridNoise { spacing: 16, thickness: 1, level: 0 }
    }
}
