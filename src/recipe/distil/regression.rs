//! Settings of regression on features, with learned labels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Initial;
use crate::recipe::network::{SAME_PADDING, is_same_padding};
use crate::recipe::{Lamb, Optimizer};

/// Feature regression: a step on images and labels at every iteration, for the error of kernel ridge regression from
/// them to real images (ridge 1e-6 of the kernel's mean diagonal), on the features of one of a pool of `convnet`s without
/// norm. That network then takes a step on the images itself, 1000 of them at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeatureRegression {
    /// Updates of images and labels. The paper takes some 500,000.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub iterations: u64,
    /// Learning rate of images and labels at first; it falls to a tenth along a cosine. The paper takes 3e-4 with LAMB and
    /// many more iterations.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// How a gradient becomes a step of images and labels. The paper takes LAMB.
    #[serde(skip_serializing_if = "ImageOptimizer::is_adam")]
    #[schemars(extend("default" = "adam"))]
    pub optimizer: ImageOptimizer,
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
    /// Padding of the networks' first convolution, as `padding` of `convnet`: 3 for images of 28 pixels.
    #[serde(skip_serializing_if = "is_same_padding")]
    #[schemars(range(min = 1, max = 16), extend("default" = SAME_PADDING))]
    pub padding: u32,
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
            optimizer: ImageOptimizer::Adam,
            real_batch: 256,
            init: Initial::Real,
            width: 32,
            doubling: true,
            depth: None,
            padding: SAME_PADDING,
            pool: 10,
            oldest: 100,
            network_lr: 3e-4,
            flip: true,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImageOptimizer {
    /// Each value by itself (Kingma & Ba 2015).
    Adam,
    /// Adam's step as large as what it changes, images and labels each as a whole, without decay (You et al. 2020).
    Lamb,
}

impl ImageOptimizer {
    fn is_adam(&self) -> bool {
        *self == ImageOptimizer::Adam
    }

    /// The named part that it is, with its revision. Adam was the only one when there was no choice, and is none.
    pub(super) fn part(self) -> Option<(String, u32)> {
        let ImageOptimizer::Lamb = self else { return None };
        let lamb = Optimizer::Lamb(Lamb::default());
        Some((format!("optimizer.{}", lamb.name()), lamb.revision()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json, to_value};

    use super::super::Distil;
    use crate::recipe::Describe;

    fn distil(settings: Value) -> Distil {
        let method = json!({ "feature-regression": settings });
        from_value(json!({ "from": "photos", "images_per_class": 1, "method": method })).unwrap()
    }

    #[test]
    fn settings_as_they_were_at_first_are_the_key_and_lamb_is_in_it_with_its_revision() {
        let first = json!({
            "iterations": 5000, "lr": 0.01, "real_batch": 256, "init": "real", "width": 32, "doubling": true,
            "depth": null, "pool": 10, "oldest": 100, "network_lr": 3e-4, "flip": true,
        });
        let own = ("method.feature-regression".to_string(), 2);
        for settings in [json!({}), json!({ "optimizer": "adam" })] {
            let adam = distil(settings);
            let written = &to_value(&adam).unwrap()["method"]["feature-regression"];
            assert_eq!(*written, first);
            assert_eq!(adam.parts(), std::slice::from_ref(&own));
        }
        let lamb = distil(json!({ "optimizer": "lamb" }));
        assert_eq!(to_value(&lamb).unwrap()["method"]["feature-regression"]["optimizer"], "lamb");
        assert_eq!(lamb.parts(), [own, ("optimizer.lamb".to_string(), 1)]);
    }
}
