//! Settings of matching by characteristic functions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Initial, Siamese};
use crate::recipe::network::{SAME_PADDING, is_same_padding};

/// Characteristic functions: brings the distribution of each class's features, of length 1, to that of real ones. Two
/// distributions are the same where the means of exp(i t·f) over their features f are, for every frequency t; what is
/// minimised is the mean over random frequencies of the distance of these means, √(amplitude · A + (1 - amplitude) · P),
/// where A is the squared difference of their amplitudes and P what their phases add. The features are those of a network
/// of `pool`, moved a uniform share of the way back to random weights at each iteration; without a pool, those of a new
/// random `convnet`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CharacteristicFunction {
    /// Updates of the images.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub iterations: u64,
    /// Adam's learning rate of the images, in pixels from 0 to 1 (whitened ones with `zca`). Pixels are kept within black
    /// and white, unless they are whitened. Of a `code` other than `factor`, the learning rate of its values.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Iterations without a lower loss after which the learning rate is halved.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub patience: u32,
    /// Real images of each class in an iteration; all of a class that has fewer. The paper takes 1024.
    #[schemars(range(min = 1, max = 65536))]
    pub real_batch: u32,
    /// Frequencies drawn at each iteration, from a normal distribution in every feature. The paper takes 4096.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub frequencies: u32,
    /// Learning rate of the frequencies' standard deviations, one of each feature and network, which climb to where the
    /// distributions differ most (the paper's sampling network, of this form). At 0 they stay 1, as in the authors' released
    /// settings.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub frequency_lr: f64,
    /// Share of the amplitudes, which make images various; the rest is that of the phases, which make them real.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub amplitude: f64,
    /// Weight of the cross-entropy of the synthetic images under the trained network of the iteration, beside 300 times the
    /// distance; of use with a `pool` only.
    #[schemars(range(min = 0.0))]
    pub label_weight: f64,
    /// Pictures along a side of a stored image: with 2, each image holds four pictures of half the size, which are enlarged
    /// for networks. The set that comes out has the enlarged ones, factor² times `images_per_class`; `stored_floats` counts
    /// what was optimised. The `code` of the same name does the same; it takes the place of this one.
    #[schemars(range(min = 1, max = 8))]
    pub factor: u32,
    /// What the images start as.
    pub init: Initial,
    /// Channels of the random networks.
    #[schemars(range(min = 1, max = 1024))]
    pub width: u32,
    /// Blocks of the random networks; without it, as many as leave 4 pixels a side.
    #[schemars(range(min = 1, max = 8))]
    pub depth: Option<u32>,
    /// Padding of the random networks' first convolution, as `padding` of `convnet`: 3 for images of 28 pixels.
    #[serde(skip_serializing_if = "is_same_padding")]
    #[schemars(range(min = 1, max = 16), extend("default" = SAME_PADDING))]
    pub padding: u32,
    /// Whether real and synthetic images get the same random DSA augmentation (Zhao & Bilen 2021);
    /// `"no-flip"` leaves out mirroring, for digits and letters.
    pub dsa: Siamese,
}

impl Default for CharacteristicFunction {
    fn default() -> CharacteristicFunction {
        CharacteristicFunction {
            iterations: 1000,
            lr: 0.01,
            patience: 500,
            real_batch: 256,
            frequencies: 1024,
            frequency_lr: 0.0,
            amplitude: 0.5,
            label_weight: 1.0,
            factor: 1,
            init: Initial::Real,
            width: 128,
            depth: None,
            padding: SAME_PADDING,
            dsa: Siamese::DSA,
        }
    }
}
