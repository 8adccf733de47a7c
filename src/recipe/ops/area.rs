//! Settings of the augmentations that look at a pixel's surroundings or at the whole picture.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// p ← the median of the size × size levels around it, channel by channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MedianBlur {
    /// Side of the neighbourhood in pixels, odd, 3 to 31; edge pixels are repeated outwards.
    #[schemars(range(min = 3, max = 31))]
    pub size: u32,
}

impl Default for MedianBlur {
    fn default() -> MedianBlur {
        MedianBlur { size: 3 }
    }
}

/// p ← p + (y' - y), y the pixel's luminance and y' what OpenCV's `createCLAHE(clip, (tiles, tiles))` makes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveHistogramEqualisation {
    /// Tiles along each side.
    #[schemars(range(min = 1, max = 64))]
    pub tiles: u32,
    /// Limit of a histogram bin, in multiples of the mean bin.
    #[schemars(range(min = 1.0, max = 256.0))]
    pub clip: f64,
}

impl Default for AdaptiveHistogramEqualisation {
    fn default() -> AdaptiveHistogramEqualisation {
        AdaptiveHistogramEqualisation { tiles: 8, clip: 2.0 }
    }
}

/// p ← 255·q / (2^bits - 1), q the highest `bits` bits of p: black and white stay, the levels between are even.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BitmapCompression {
    /// Bits kept of each channel.
    #[schemars(range(min = 1, max = 7))]
    pub bits: u32,
}

impl Default for BitmapCompression {
    fn default() -> BitmapCompression {
        BitmapCompression { bits: 3 }
    }
}

/// p ← gain·√(gx² + gy²), gx and gy the 3 × 3 Sobel sums of luminance, alike in all channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Edges {
    /// Factor on the gradient magnitude before it saturates.
    #[schemars(range(min = 0.01, max = 16.0))]
    pub gain: f64,
}

impl Default for Edges {
    fn default() -> Edges {
        Edges { gain: 1.0 }
    }
}
