//! Settings of crops of real images that a teacher recognises.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Realistic patches: square random crops of real images, of which the stage's `teacher` is asked how likely their class
/// is. Of each real image the crop with the lowest cross-entropy counts first; the best crops of a class are stitched into
/// its images. Nothing is optimised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RealisticPatches {
    /// Real images of each class that are cropped, drawn at random; all of a class that has fewer. The paper takes 300.
    #[schemars(range(min = 1, max = 100_000))]
    pub real_images: u32,
    /// Random crops of each of them. Second-best crops are taken once every image has given its best.
    #[schemars(range(min = 1, max = 1000))]
    pub crops: u32,
    /// Smallest share of a real image that a crop shows; its share is uniform from there to the whole image.
    #[schemars(range(min = 0.01, max = 1.0))]
    pub smallest_share: f64,
    /// Patches along a side of an image: 2 stitches four crops together, each half as wide. The paper takes 1 below 64
    /// pixels and 2 from there on, and trains on random parts of the images, enlarged. A network that is not trained so sees
    /// things half as large as on real images: of five birds at 64 pixels, 5 images a class gave one network 52 % with 1, and 26 % with 2.
    #[schemars(range(min = 1, max = 16))]
    pub factor: u32,
    /// What goes with the finished images as their labels.
    pub labels: PatchLabels,
    /// What the teacher's logits are divided by where they become labels: the higher, the more alike the classes. To learn
    /// from the teacher batch by batch, as in the paper, name it as `teacher` of the training, too.
    #[schemars(range(min = 0.01, max = 1000.0))]
    pub temperature: f64,
}

impl Default for RealisticPatches {
    fn default() -> RealisticPatches {
        RealisticPatches {
            real_images: 300,
            crops: 5,
            smallest_share: 0.08,
            factor: 1,
            labels: PatchLabels::Soft,
            temperature: 1.0,
        }
    }
}

impl RealisticPatches {
    /// Patches that so many images a class are stitched of.
    pub fn patches(&self, images_per_class: u32) -> u32 {
        images_per_class * self.factor * self.factor
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PatchLabels {
    /// The probabilities that the teacher gives to each class of the stitched image.
    Soft,
    /// The class that all patches of an image are of.
    Hard,
}
