//! Settings of the augmentations that look at a pixel's surroundings or at the whole picture.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Strength, Whole, is_certain};

fn sizes(_: &mut SchemaGenerator) -> Schema {
    Whole::schema(3, 255)
}

fn kept_bits(_: &mut SchemaGenerator) -> Schema {
    Whole::schema(1, 7)
}

fn colours(_: &mut SchemaGenerator) -> Schema {
    Whole::schema(2, 256)
}

fn qualities(_: &mut SchemaGenerator) -> Schema {
    Whole::schema(1, 100)
}

fn clips(_: &mut SchemaGenerator) -> Schema {
    let one = json_schema!({ "type": "number", "minimum": 1.0, "maximum": 256.0 });
    json_schema!({ "anyOf": [
        one,
        { "type": "array", "items": one, "minItems": 2, "maxItems": 2 },
        { "type": "string", "enum": ["none"] },
    ] })
}

fn gains(_: &mut SchemaGenerator) -> Schema {
    Strength::schema(0.01, 16.0)
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_true(value: &bool) -> bool {
    *value
}

fn thresholds(_: &mut SchemaGenerator) -> Schema {
    Strength::schema(0.0, 2040.0)
}

fn is_100(threshold: &Strength) -> bool {
    threshold.ends() == [100.0; 2]
}

fn is_200(threshold: &Strength) -> bool {
    threshold.ends() == [200.0; 2]
}

/// p ← the median of the size × size levels around it, channel by channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MedianBlur {
    /// Side of the neighbourhood in pixels, odd, 3 to 255; edge pixels are repeated outwards. `[low, high]` draws an
    /// odd size for each copy.
    #[schemars(schema_with = "sizes")]
    pub size: Whole,
    /// Probability that an image is changed at all.
    #[serde(skip_serializing_if = "is_certain")]
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 1.0))]
    pub probability: f64,
}

impl Default for MedianBlur {
    fn default() -> MedianBlur {
        MedianBlur { size: 3.into(), probability: 1.0 }
    }
}

/// p ← p + (y' - y), y the pixel's luminance and y' what OpenCV's `createCLAHE(clip, (tiles, tiles))` makes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveHistogramEqualisation {
    /// Tiles along each side.
    #[schemars(range(min = 1, max = 64))]
    pub tiles: u32,
    /// Limit of a histogram bin, in multiples of the mean bin; `[low, high]` draws it for each copy, `"none"` equalises
    /// without a limit (AHE; Pizer et al. 1987).
    #[schemars(schema_with = "clips")]
    pub clip: Clip,
    /// Whether levels are interpolated between the tables of the four nearest tiles, instead of each tile's table
    /// serving its own pixels alone.
    #[serde(skip_serializing_if = "is_true")]
    #[schemars(extend("default" = true))]
    pub interpolate: bool,
    /// Probability that an image is changed at all.
    #[serde(skip_serializing_if = "is_certain")]
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 1.0))]
    pub probability: f64,
}

/// The limit on contrast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Clip {
    At(Strength),
    Without(NoClip),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoClip {
    #[serde(rename = "none")]
    None,
}

impl Default for AdaptiveHistogramEqualisation {
    fn default() -> AdaptiveHistogramEqualisation {
        let clip = Clip::At(2.0.into());
        AdaptiveHistogramEqualisation { tiles: 8, clip, interpolate: true, probability: 1.0 }
    }
}

/// p ← 255·q / (2^bits - 1), q the highest `bits` bits of p: black and white stay, the levels between are even. With
/// `colours`, p ← a colour of a palette made for the image; with `jpeg_quality`, p ← what a JPEG file gives back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BitmapCompression {
    /// Bits kept of each channel; without effect where one of the next two is given. `[low, high]` draws the number for
    /// each copy.
    #[schemars(schema_with = "kept_bits")]
    pub bits: Whole,
    /// Colours of a palette made for each image by median cut (Heckbert 1982), instead of fewer bits; `[low, high]`
    /// draws the number for each copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "colours")]
    pub colours: Option<Whole>,
    /// Quality of a JPEG file, instead of fewer bits: the Independent JPEG Group's scale, colour at half the resolution;
    /// `[low, high]` draws it for each copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "qualities")]
    pub jpeg_quality: Option<Whole>,
    /// How bits or colours that are missing are made up for by mixing neighbours.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(extend("default" = "none"))]
    pub dither: Dither,
    /// Probability that an image is changed at all.
    #[serde(skip_serializing_if = "is_certain")]
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 1.0))]
    pub probability: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dither {
    /// Not at all.
    #[default]
    None,
    /// By a fixed pattern of 8 × 8 thresholds (Bayer 1973): q is p·(2^bits - 1) / 255 plus a threshold in 0..1, rounded
    /// down.
    Ordered,
    /// By handing each pixel's error on to its neighbours to the right and below (Floyd & Steinberg 1976).
    FloydSteinberg,
}

impl Default for BitmapCompression {
    fn default() -> BitmapCompression {
        let (colours, jpeg_quality, dither) = (None, None, Dither::None);
        BitmapCompression { bits: 3.into(), colours, jpeg_quality, dither, probability: 1.0 }
    }
}

/// p ← e = gain·√(gx² + gy²), gx and gy the 3 × 3 Sobel sums of luminance; with `detector = "canny"`, e = 255 on the thin
/// lines of Canny's detector and 0 elsewhere. Alike in all channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Edges {
    /// Factor on the gradient magnitude before it saturates; for `sobel` alone. `[low, high]` draws it for each copy.
    #[schemars(schema_with = "gains")]
    pub gain: Strength,
    /// What counts as an edge.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(extend("default" = "sobel"))]
    pub detector: Detector,
    /// Canny's lower threshold, on |gx| + |gy|: while above it, an edge goes on. `[low, high]` draws it for each copy.
    #[serde(skip_serializing_if = "is_100")]
    #[schemars(schema_with = "thresholds", extend("default" = 100.0))]
    pub low: Strength,
    /// Canny's upper threshold, on |gx| + |gy|: above it, an edge begins. `[low, high]` draws it for each copy.
    #[serde(skip_serializing_if = "is_200")]
    #[schemars(schema_with = "thresholds", extend("default" = 200.0))]
    pub high: Strength,
    /// Whether the edges are drawn over the picture, p ← max(p, e), instead of taking its place.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(extend("default" = false))]
    pub drawn_over: bool,
    /// Probability that an image is changed at all.
    #[serde(skip_serializing_if = "is_certain")]
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 1.0))]
    pub probability: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Detector {
    /// The gradient's magnitude.
    #[default]
    Sobel,
    /// Thin lines along the gradient's crests (Canny 1986), as OpenCV's `Canny(luminance, low, high)` has them.
    Canny,
}

impl Default for Edges {
    fn default() -> Edges {
        let (detector, low, high) = (Detector::Sobel, 100.0.into(), 200.0.into());
        Edges { gain: 1.0.into(), detector, low, high, drawn_over: false, probability: 1.0 }
    }
}

/// A field and what is wrong with it.
type Complaint = Option<(&'static str, String)>;

impl MedianBlur {
    pub(super) fn complaint(&self) -> Complaint {
        if let Some(size) = self.size.ends().into_iter().find(|size| size % 2 == 0) {
            return Some(("size", format!("a neighbourhood has a middle: an odd size, not {size}")));
        }
        Some(("size", self.size.complaint()?))
    }
}

impl AdaptiveHistogramEqualisation {
    pub(super) fn complaint(&self) -> Complaint {
        match self.clip {
            Clip::At(limit) => Some(("clip", limit.complaint()?)),
            Clip::Without(_) => None,
        }
    }
}

impl BitmapCompression {
    pub(super) fn complaint(&self) -> Complaint {
        if self.colours.is_some() && self.jpeg_quality.is_some() {
            return Some(("jpeg_quality", "a palette or JPEG: list the augmentation twice for both".into()));
        }
        if self.jpeg_quality.is_some() && self.dither != Dither::None {
            return Some(("dither", "JPEG is not dithered: only `bits` and `colours` are".into()));
        }
        let fields =
            [("bits", Some(self.bits)), ("colours", self.colours), ("jpeg_quality", self.jpeg_quality)];
        fields.into_iter().find_map(|(field, value)| Some((field, value?.complaint()?)))
    }
}

impl Edges {
    pub(super) fn complaint(&self) -> Complaint {
        let ([_, low], [high, _]) = (self.low.ends(), self.high.ends());
        if self.detector == Detector::Canny && low > high {
            return Some(("low", format!("the lower threshold, {low}, may be above the upper one, {high}")));
        }
        let fields = [("gain", self.gain), ("low", self.low), ("high", self.high)];
        fields.into_iter().find_map(|(field, value)| Some((field, value.complaint()?)))
    }
}
