//! Settings of images decoded from the centres of a class.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::KMeans;
use crate::recipe::network::convnet_depth;

/// Autoencoder: a convolutional autoencoder learns to give back the training images (squared error of normalised pixels,
/// Adam) through a narrow code; the codes of each class are clustered by k-means, and the decoder makes an image of each
/// centre. The encoder's blocks halve the image and double the channels, the decoder's undo it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Autoencoder {
    /// Updates of the autoencoder.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub iterations: u64,
    /// Adam's learning rate at first; it falls to a hundredth along a cosine.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Real images in an iteration, of all classes together.
    #[schemars(range(min = 1, max = 65536))]
    pub batch: u32,
    /// Values of a code.
    #[schemars(range(min = 1, max = 65536))]
    pub code: u32,
    /// Channels of the first block; they double from block to block, up to eight times as many.
    #[schemars(range(min = 1, max = 512))]
    pub width: u32,
    /// Blocks of the encoder and of the decoder; without it, as many as leave 4 pixels a side.
    #[schemars(range(min = 1, max = 8))]
    pub depth: Option<u32>,
    /// How the codes of a class are clustered.
    pub clusters: KMeans,
}

impl Default for Autoencoder {
    fn default() -> Autoencoder {
        Autoencoder {
            iterations: 3000,
            lr: 1e-3,
            batch: 64,
            code: 128,
            width: 32,
            depth: None,
            clusters: KMeans::default(),
        }
    }
}

impl Autoencoder {
    /// Blocks for images of `size` pixels a side.
    pub fn depth(&self, size: u32) -> u32 {
        self.depth.unwrap_or_else(|| convnet_depth(size))
    }
}
