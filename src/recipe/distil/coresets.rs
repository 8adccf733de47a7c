//! Settings of the methods that choose real images.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
