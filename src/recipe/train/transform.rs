//! Random changes of the training batch, by name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::choice::choice;
use crate::recipe::Complaint;

choice! {
    /// A random change of the training batch, made on the device.
    pub enum Transform {
        /// Mirrors half of the images left to right.
        "flip" => Flip @ 1,
        /// Shifts each image by up to `by` pixels each way, with the mean colour coming in.
        "crop" => Crop @ 1,
        /// One of colour, crop, cutout, flip, scale and rotate for the whole batch, with strengths drawn per image
        /// (Zhao & Bilen 2021).
        "dsa" => Dsa @ 1,
        /// Each image and its labels mixed with another of the batch; the share is drawn from Beta(alpha, alpha), one for
        /// the batch (Zhang et al. 2018).
        "mixup" => Mixup @ 1,
        /// A rectangle of each image from another of the batch, its labels mixed by area; the share is drawn from
        /// Beta(alpha, alpha), one for the batch (Yun et al. 2019).
        "cutmix" => Cutmix @ 1,
        /// A square of the mean colour, anywhere, also half beyond the border (DeVries & Taylor 2017).
        "cutout" => Cutout @ 1,
        /// A rectangle of the mean colour within some of the images (Zhong et al. 2020).
        "erase" => Erase @ 1,
        /// Brightness, contrast, saturation and hue, in this order, by factors drawn for each image.
        "colour" => Colour @ 1,
        /// A few changes for each image out of 14: none, shears, shifts, a turn, brightness, saturation, contrast,
        /// sharpness, fewer bits, inverted lights, stretched and equalised levels (Cubuk et al. 2020).
        "rand-augment" => RandAugment @ 1,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flip {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Crop {
    #[schemars(range(min = 1, max = 512))]
    pub by: u32,
}

impl Default for Crop {
    fn default() -> Crop {
        Crop { by: 4 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dsa {
    /// Whether mirroring is among the changes; not for digits and letters.
    pub flip: bool,
}

impl Default for Dsa {
    fn default() -> Dsa {
        Dsa { flip: true }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mixup {
    /// Small ones mostly leave one of the two images nearly alone, 1 draws all shares alike.
    #[schemars(range(min = 0.01, max = 100.0))]
    pub alpha: f64,
    /// Share of the batches.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
}

impl Default for Mixup {
    fn default() -> Mixup {
        Mixup { alpha: 0.2, probability: 1.0 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cutmix {
    /// Small ones mostly cut next to nothing or next to all, 1 draws all shares alike.
    #[schemars(range(min = 0.01, max = 100.0))]
    pub alpha: f64,
    /// Share of the batches.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
}

impl Default for Cutmix {
    fn default() -> Cutmix {
        Cutmix { alpha: 1.0, probability: 1.0 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cutout {
    /// Side of the square, as a share of the image's.
    #[schemars(range(min = 0.01, max = 1.0))]
    pub side: f64,
}

impl Default for Cutout {
    fn default() -> Cutout {
        Cutout { side: 0.5 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Erase {
    /// Share of the images.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// Least and greatest share of the area, each in 0..1.
    pub area: [f64; 2],
    /// Least and greatest height over width, each above 0.
    pub aspect: [f64; 2],
}

impl Default for Erase {
    fn default() -> Erase {
        Erase { probability: 0.5, area: [0.02, 0.33], aspect: [0.3, 3.3] }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Colour {
    /// Greatest difference of the factor from 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub brightness: f64,
    /// Greatest difference of the factor from 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub contrast: f64,
    /// Greatest difference of the factor from 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub saturation: f64,
    /// Greatest turn of the hue either way, as a share of the circle of colours.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub hue: f64,
}

impl Default for Colour {
    fn default() -> Colour {
        Colour { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.0 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RandAugment {
    /// Changes of each image, one after the other.
    #[schemars(range(min = 1, max = 14))]
    pub ops: u32,
    /// How strong each is, of 30.
    #[schemars(range(min = 0, max = 30))]
    pub strength: u32,
}

impl Default for RandAugment {
    fn default() -> RandAugment {
        RandAugment { ops: 2, strength: 9 }
    }
}

impl Transform {
    /// Ranges that are none, in a stage's list `transforms`.
    pub(in crate::recipe) fn wrong_ranges(list: &[Transform]) -> impl Iterator<Item = Complaint> {
        list.iter().enumerate().filter_map(|(place, transform)| {
            let (setting, message) = transform.wrong_range()?;
            Some(Complaint::new(&["transforms", &place.to_string(), transform.name(), setting], message))
        })
    }

    /// The setting whose range is none, and what is wrong with it.
    fn wrong_range(&self) -> Option<(&'static str, String)> {
        let Transform::Erase(Erase { area: [small, large], aspect: [flat, tall], .. }) = self else {
            return None;
        };
        if !(0.0 < *small && small <= large && *large < 1.0) {
            return Some((
                "area",
                format!("an area of {small} to {large} of the image is none to draw from"),
            ));
        }
        (!(0.0 < *flat && flat <= tall))
            .then(|| ("aspect", format!("an aspect of {flat} to {tall} is none to draw from")))
    }
}
