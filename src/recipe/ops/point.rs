//! Settings of the augmentations that work pixel by pixel, with their formulas.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::is_certain;
use super::strength::Strength;

fn either_way(_: &mut SchemaGenerator) -> Schema {
    Strength::schema_either_way(1.0)
}

fn grey_levels(_: &mut SchemaGenerator) -> Schema {
    Strength::schema(0.0, 255.0)
}

fn share(_: &mut SchemaGenerator) -> Schema {
    Strength::schema(0.0, 1.0)
}

/// p ← p + a, a drawn evenly from the whole numbers in [-255·by, 255·by].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Brightness {
    /// Largest change either way, as a share of the full range; `[low, high]` draws a from [255·low, 255·high].
    #[schemars(schema_with = "either_way")]
    pub by: Strength,
    /// Probability that an image is changed at all.
    #[serde(skip_serializing_if = "is_certain")]
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 1.0))]
    pub probability: f64,
}

impl Default for Brightness {
    fn default() -> Brightness {
        Brightness { by: 0.2.into(), probability: 1.0 }
    }
}

/// p ← m + f·(p - m), m the image's mean luminance, f drawn evenly from [1 - by, 1 + by].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Contrast {
    /// Largest change of the factor on contrast, either way; `[low, high]` draws f from [1 + low, 1 + high].
    #[schemars(schema_with = "either_way")]
    pub by: Strength,
    /// Probability that an image is changed at all.
    #[serde(skip_serializing_if = "is_certain")]
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 1.0))]
    pub probability: f64,
}

impl Default for Contrast {
    fn default() -> Contrast {
        Contrast { by: 0.3.into(), probability: 1.0 }
    }
}

/// p ← y + f·(p - y), y the pixel's luminance (0.299 R + 0.587 G + 0.114 B), f drawn evenly from [1 - by, 1 + by].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Saturation {
    /// Largest change of the factor on colour, either way: -1 is grey, 1 doubles; `[low, high]` draws f from
    /// [1 + low, 1 + high].
    #[schemars(schema_with = "either_way")]
    pub by: Strength,
    /// Probability that an image is changed at all.
    #[serde(skip_serializing_if = "is_certain")]
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 1.0))]
    pub probability: f64,
}

impl Default for Saturation {
    fn default() -> Saturation {
        Saturation { by: 0.5.into(), probability: 1.0 }
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
    /// Standard deviation in grey levels of 0..255; `[low, high]` draws it for each copy.
    #[schemars(schema_with = "grey_levels")]
    pub sd: Strength,
    /// Probability that an image is changed at all.
    #[serde(skip_serializing_if = "is_certain")]
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 1.0))]
    pub probability: f64,
}

impl Default for GaussianNoise {
    fn default() -> GaussianNoise {
        GaussianNoise { sd: 10.0.into(), probability: 1.0 }
    }
}

/// Each pixel becomes white with probability share / 2, black with share / 2, and else stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SaltAndPepper {
    /// Share of the pixels that are changed, half to white and half to black; `[low, high]` draws it for each copy.
    #[schemars(schema_with = "share")]
    pub share: Strength,
    /// Probability that an image is changed at all.
    #[serde(skip_serializing_if = "is_certain")]
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 1.0))]
    pub probability: f64,
}

impl Default for SaltAndPepper {
    fn default() -> SaltAndPepper {
        SaltAndPepper { share: 0.04.into(), probability: 1.0 }
    }
}

/// With across(y) = (y + a) mod spacing < thickness and down(x) = (x + b) mod spacing < thickness, pixels become `level`
/// where across or down holds (lines), or where both do (squares); a and b are drawn evenly from 0..spacing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GridNoise {
    /// What is drawn over the image.
    #[serde(skip_serializing_if = "is_lines")]
    #[schemars(extend("default" = "lines"))]
    pub shape: GridShape,
    /// Distance between lines, or squares, in pixels; the grid's offset is drawn.
    #[schemars(range(min = 2, max = 256))]
    pub spacing: u32,
    /// Thickness of a line, or side of a square, in pixels, below `spacing`.
    #[schemars(range(min = 1, max = 255))]
    pub thickness: u32,
    /// Grey level of the lines or squares.
    #[schemars(range(min = 0, max = 255))]
    pub level: u8,
    /// Share of the squares that are dropped, each drawn independently; `[low, high]` draws the share for each copy.
    #[serde(skip_serializing_if = "is_all")]
    #[schemars(schema_with = "share", extend("default" = 1.0))]
    pub share: Strength,
    /// Probability that an image is changed at all.
    #[serde(skip_serializing_if = "is_certain")]
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 1.0))]
    pub probability: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GridShape {
    /// Lines across and down.
    #[default]
    Lines,
    /// Squares in rows and columns: all of them as in GridMask (Chen et al. 2020), a `share` of them as in coarse
    /// dropout (DeVries & Taylor 2017, with many holes).
    Squares,
}

fn is_lines(shape: &GridShape) -> bool {
    *shape == GridShape::Lines
}

fn is_all(share: &Strength) -> bool {
    share.ends() == [1.0, 1.0]
}

impl Default for GridNoise {
    fn default() -> GridNoise {
        let (shape, share) = (GridShape::Lines, 1.0.into());
        GridNoise { shape, spacing: 16, thickness: 1, level: 0, share, probability: 1.0 }
    }
}

impl GridNoise {
    /// What is wrong with settings that are each in range; the field, then the message.
    pub(super) fn complaint(&self) -> Option<(&'static str, String)> {
        let GridNoise { shape, spacing, thickness, share, .. } = self;
        if thickness >= spacing {
            let what = if *shape == GridShape::Lines { "lines" } else { "squares" };
            let message = format!("{what} of {thickness} pixels at every {spacing} cover the image");
            return Some(("thickness", message));
        }
        if *shape == GridShape::Lines && !is_all(share) {
            return Some(("share", "lines are drawn whole: only `shape = \"squares\"` has a share".into()));
        }
        Some(("share", share.complaint()?))
    }
}
