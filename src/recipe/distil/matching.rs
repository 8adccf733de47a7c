//! Settings of the methods that optimise synthetic images.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::recipe::Dsa;
use crate::recipe::network::{SAME_PADDING, is_same_padding};

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
    /// Padding of the networks' first convolution, as `padding` of `convnet`: 3 for images of 28 pixels.
    #[serde(skip_serializing_if = "is_same_padding")]
    #[schemars(range(min = 1, max = 16), extend("default" = SAME_PADDING))]
    pub padding: u32,
    /// Whether real and synthetic images get the same random DSA augmentation (Zhao & Bilen 2021);
    /// `"no-flip"` leaves out mirroring, for digits and letters.
    pub dsa: Siamese,
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
            padding: SAME_PADDING,
            dsa: Siamese::DSA,
        }
    }
}

/// Gradient matching: the gradient of each class's cross-entropy on the synthetic images is brought to that on real ones,
/// as a sum over layers and outputs of 1 - cosine. The network is a random `convnet` that learns from the synthetic images
/// between their updates, and now and then another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GradientMatching {
    /// Updates of the images. The paper takes 1000 for each of its `updates_per_network`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub iterations: u64,
    /// Updates before another random network takes over. Without it, as in the paper: 1 at 1 image a class, 10 up to 10,
    /// and 50 beyond.
    #[schemars(range(min = 1, max = 1000))]
    pub updates_per_network: Option<u32>,
    /// Epochs that the network trains on the synthetic images between two updates. Without it, as in the paper: 1 at 1
    /// image a class, 50 up to 10, and 10 beyond.
    #[schemars(range(min = 0, max = 10_000))]
    pub network_epochs: Option<u32>,
    /// Learning rate of the images, in normalised pixels.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Momentum of the images' SGD.
    #[schemars(range(min = 0.0, max = 0.999))]
    pub momentum: f64,
    /// Learning rate of the networks' SGD, whose momentum is 0.5.
    #[schemars(range(min = 0.0))]
    pub network_lr: f64,
    /// Real images of each class in an iteration; all of a class that has fewer.
    #[schemars(range(min = 1, max = 65536))]
    pub real_batch: u32,
    /// What the images start as. DC starts from noise, DSA from real images.
    pub init: Initial,
    /// Channels of the random networks.
    #[schemars(range(min = 1, max = 1024))]
    pub width: u32,
    /// Blocks of the random networks; without it, as many as leave 4 pixels a side.
    #[schemars(range(min = 1, max = 8))]
    pub depth: Option<u32>,
    /// Padding of the networks' first convolution, as `padding` of `convnet`: 3 for images of 28 pixels.
    #[serde(skip_serializing_if = "is_same_padding")]
    #[schemars(range(min = 1, max = 16), extend("default" = SAME_PADDING))]
    pub padding: u32,
    /// Whether real and synthetic images of a class get the same random DSA augmentation (Zhao & Bilen 2021): DSA, else DC.
    /// With `"no-flip"`, DSA without mirroring, for digits and letters.
    pub dsa: Siamese,
}

impl Default for GradientMatching {
    fn default() -> GradientMatching {
        GradientMatching {
            iterations: 1000,
            updates_per_network: None,
            network_epochs: None,
            lr: 0.1,
            momentum: 0.5,
            network_lr: 0.01,
            real_batch: 256,
            init: Initial::Real,
            width: 128,
            depth: None,
            padding: SAME_PADDING,
            dsa: Siamese::DSA,
        }
    }
}

impl GradientMatching {
    /// Updates of the images with one network, of so many images a class.
    pub fn updates_per_network(&self, images_per_class: u32) -> u32 {
        self.updates_per_network.unwrap_or(match images_per_class {
            1 => 1,
            2..=10 => 10,
            _ => 50,
        })
    }

    /// Epochs of a network between two updates, of so many images a class.
    pub fn network_epochs(&self, images_per_class: u32) -> u32 {
        self.network_epochs.unwrap_or(match images_per_class {
            1 => 1,
            2..=10 => 50,
            _ => 10,
        })
    }
}

/// Whether images get the changes of DSA, or these without mirroring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Siamese {
    Whether(bool),
    Without(NoFlip),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoFlip {
    NoFlip,
}

impl Siamese {
    pub const DSA: Siamese = Siamese::Whether(true);

    /// What is drawn from, if anything.
    pub fn changes(self) -> Option<Dsa> {
        match self {
            Siamese::Whether(whether) => whether.then_some(Dsa { flip: true }),
            Siamese::Without(NoFlip::NoFlip) => Some(Dsa { flip: false }),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Initial {
    /// Real images drawn at random.
    Real,
    /// The real images of each class that `herding` chooses by normalised pixels, also where they are whitened.
    Herding,
    /// Gaussian noise of unit variance in normalised pixels.
    Noise,
}

impl Initial {
    /// Whether there have to be as many real images of a class as pictures.
    pub fn is_real(self) -> bool {
        self != Initial::Noise
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn changes_are_all_none_or_those_that_do_not_mirror_and_keys_of_the_former_stay() {
        let read = |dsa| from_value::<GradientMatching>(json!({ "dsa": dsa }));
        for (dsa, changes) in [
            (json!(true), Some(Dsa { flip: true })),
            (json!(false), None),
            (json!("no-flip"), Some(Dsa { flip: false })),
        ] {
            let settings = read(dsa.clone()).unwrap();
            assert_eq!((settings.dsa.changes(), &to_value(&settings).unwrap()["dsa"]), (changes, &dsa));
        }
        assert!(read(json!("flip")).is_err());
        assert_eq!(to_value(DistributionMatching::default()).unwrap()["dsa"], json!(true));
    }
}
