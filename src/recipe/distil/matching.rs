//! Settings of the methods that optimise synthetic images.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Distribution matching: minimises the squared distance of mean features, class by class, under a new random
/// `convnet` at every iteration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DistributionMatching {
    /// Updates of the images. The paper takes 20,000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub iterations: u64,
    /// Learning rate of the images, in normalised pixels.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Momentum of the images' SGD.
    #[schemars(range(min = 0.0, max = 0.999))]
    pub momentum: f64,
    /// Real images of each class in an iteration; all of a class that has fewer.
    #[schemars(range(min = 1, max = 65536))]
    pub real_batch: u32,
    /// What the images start as.
    pub init: Initial,
    /// Channels of the random networks.
    #[schemars(range(min = 1, max = 1024))]
    pub width: u32,
    /// Blocks of the random networks; without it, as many as leave 4 pixels a side.
    #[schemars(range(min = 1, max = 8))]
    pub depth: Option<u32>,
    /// Whether real and synthetic images get the same random DSA augmentation (Zhao & Bilen 2021).
    pub dsa: bool,
}

impl Default for DistributionMatching {
    fn default() -> DistributionMatching {
        DistributionMatching {
            iterations: 1000,
            lr: 1.0,
            momentum: 0.5,
            real_batch: 256,
            init: Initial::Real,
            width: 128,
            depth: None,
            dsa: true,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Initial {
    /// Real images drawn at random.
    Real,
    /// Gaussian noise of unit variance in normalised pixels.
    Noise,
}
