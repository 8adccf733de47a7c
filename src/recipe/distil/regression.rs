//! Settings of regression on features, with learned labels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Initial;

/// Feature regression: an Adam step on images and labels at every iteration, for the error of kernel ridge regression from
/// them to real images (ridge 1e-6 of the kernel's mean diagonal), on the features of one of a pool of `convnet`s without
/// norm. That network then takes a step on the images itself, 1000 of them at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeatureRegression {
    /// Updates of images and labels. The paper takes some 500,000.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub iterations: u64,
    /// Adam's learning rate of images and labels at first; it falls to a tenth along a cosine. The paper takes 3e-4 with
    /// LAMB and many more iterations.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Real images in an iteration, of all classes together. The paper takes 1024.
    #[schemars(range(min = 1, max = 65536))]
    pub real_batch: u32,
    /// What the images start as.
    pub init: Initial,
    /// Channels of the networks, or of their first block. The paper takes 128.
    #[schemars(range(min = 1, max = 1024))]
    pub width: u32,
    /// Whether channels double from block to block, as the paper's do.
    pub doubling: bool,
    /// Blocks of the networks; without it, as many as leave 4 pixels a side.
    #[schemars(range(min = 1, max = 8))]
    pub depth: Option<u32>,
    /// Networks in the pool; each iteration takes one of them at random.
    #[schemars(range(min = 1, max = 1000))]
    pub pool: u32,
    /// Steps of a network after which a new one takes its place. At first the networks of the pool have the fewer left, the
    /// earlier they stand, so that their ages differ.
    #[schemars(range(min = 1, max = 100_000))]
    pub oldest: u32,
    /// Adam's learning rate of the networks.
    #[schemars(range(min = 0.0))]
    pub network_lr: f64,
    /// Whether each synthetic image stands for its mirror image too; not for digits and letters.
    pub flip: bool,
}

impl Default for FeatureRegression {
    fn default() -> FeatureRegression {
        FeatureRegression {
            iterations: 5000,
            lr: 0.01,
            real_batch: 256,
            init: Initial::Real,
            width: 32,
            doubling: true,
            depth: None,
            pool: 10,
            oldest: 100,
            network_lr: 3e-4,
            flip: true,
        }
    }
}
