//! Settings of the methods that choose real images.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::recipe::{Convnet, Network, Optimizer, Sgd};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Herding {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KMeans {
    /// Moves of the centres at most; they end earlier once no image changes its centre (Lloyd 1982).
    #[schemars(range(min = 1, max = 10_000))]
    pub iterations: u32,
    /// Beginnings, drawn as k-means++ does (Arthur & Vassilvitskii 2007); the one that ends with the least sum of squared
    /// distances counts.
    #[schemars(range(min = 1, max = 1000))]
    pub restarts: u32,
}

impl Default for KMeans {
    fn default() -> KMeans {
        KMeans { iterations: 100, restarts: 4 }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KCenter {}

/// Forgetting: while a network learns, an image is forgotten when it is classified wrongly in its batch after it was
/// classified rightly the time before. Those of most such events are chosen; one that was never learned counts as forgotten
/// more often than any other, and of equals the one with the greater loss over its visits comes first. On normalised images
/// without augmentation. A choice of hard images, which pays only where there are many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Forgetting {
    /// What learns.
    pub network: Network,
    /// Passes over the training split. The paper takes 200.
    #[schemars(range(min = 1, max = 10_000))]
    pub epochs: u32,
    /// Images in a step; the whole split where it has fewer.
    #[schemars(range(min = 1, max = 65536))]
    pub batch: u32,
    /// Of every step alike: the learning rate does not move.
    pub optimizer: Optimizer,
}

impl Default for Forgetting {
    fn default() -> Forgetting {
        let sgd = Sgd { lr: 0.01.into(), momentum: 0.9, nesterov: false, weight_decay: 5e-4 };
        Forgetting {
            network: Network::Convnet(Convnet::default()),
            epochs: 20,
            batch: 64,
            optimizer: Optimizer::Sgd(sgd),
        }
    }
}
