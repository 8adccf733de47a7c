//! `[distil.NAME]`: a few images per class that stand for the training split.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::choice::choice;
use super::network::convnet_depth;
use super::train::tensor_environment;
use super::{Complaint, Describe, Facts, Reads, Setting, Thing, files};
use crate::engine::{Needs, Program};

/// A few images per class that stand for the training split. Reads the training split only; validation and test
/// images are passed on unchanged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distil {
    /// The image set to distil.
    pub from: String,
    /// Images of each class that come out.
    #[schemars(range(min = 1, max = 50))]
    pub images_per_class: u32,
    /// How they are found.
    pub method: Method,
    #[serde(default)]
    pub seed: u64,
}

choice! {
    /// A distillation method.
    pub enum Method {
        /// Real images drawn at random: what every method must beat.
        "random" => Random @ 1,
        /// The mean image of each class: one image a class.
        "class-mean" => ClassMean @ 1,
        /// The mean image of each class, and one standard deviation either way along its principal components.
        "eigenimages" => Eigenimages @ 1,
        /// Synthetic images whose mean features match those of real ones under random networks
        /// (Zhao & Bilen 2023).
        "distribution-matching" => DistributionMatching @ 1,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Random {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassMean {}

/// Principal components of each class's pixels, in f64. An even `images_per_class` gives mean + and mean - √variance ·
/// component of half as many components, from the largest variance on; an odd one begins with the mean itself. Clamped
/// to black and white. Of a component and its mirror image, the one whose entry of largest magnitude is positive
/// comes first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Eigenimages {}

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

impl Describe for Distil {
    const KIND: &'static str = "distil";
    const REVISION: u32 = 1;
    const MAKES: Thing = Thing::ImageSet;
    const PROGRAM: Program = Program::Worker;
    const PASSES_ON: &'static [&'static str] =
        &[files::VALID, files::TEST, files::CLASSES, files::PREPROCESS];

    fn reads(&self) -> Vec<Reads> {
        let files = [files::TRAIN, files::CLASSES, files::PREPROCESS];
        vec![Reads::named("from", &self.from, Thing::ImageSet, &files)]
    }

    fn parts(&self) -> Vec<(String, u32)> {
        vec![(format!("method.{}", self.method.name()), self.method.revision())]
    }

    fn environment(&self, setting: &Setting) -> Value {
        tensor_environment(setting)
    }

    fn needs(&self, setting: &Setting) -> Needs {
        Needs { threads: setting.machine.torch_threads, cuda: setting.machine.cuda }
    }

    fn facts(&self, _setting: &Setting, inputs: &[Facts]) -> Facts {
        let from = inputs.first().cloned().unwrap_or_default();
        Facts { train_per_class: Some(self.images_per_class), ..from }
    }

    fn complaints(&self, _setting: &Setting, inputs: &[Facts]) -> Vec<Complaint> {
        let from = inputs.first().cloned().unwrap_or_default();
        [self.too_many(&from), self.too_deep(&from)].into_iter().flatten().collect()
    }
}

impl Distil {
    fn too_many(&self, from: &Facts) -> Option<Complaint> {
        let asked = self.images_per_class;
        if matches!(self.method, Method::ClassMean(_)) && asked > 1 {
            let message = format!("`class-mean` makes 1 image a class, not {asked}");
            return Some(Complaint::new(&["images_per_class"], message).hint("set `images_per_class = 1`"));
        }
        let there = from.train_per_class.filter(|there| asked > *there)?;
        let message = format!("{asked} images a class asked of a set that has {there}");
        Some(Complaint::new(&["images_per_class"], message).against("from", &["per_class", "train"]))
    }

    fn too_deep(&self, from: &Facts) -> Option<Complaint> {
        let Method::DistributionMatching(DistributionMatching { depth: Some(depth), .. }) = self.method
        else {
            return None;
        };
        let size = from.image_size.filter(|size| size >> depth == 0)?;
        let message = format!("{depth} blocks halve an image of {size} pixels to nothing");
        let hint =
            format!("at most {} blocks, or leave `depth` out for {}", size.ilog2(), convnet_depth(size));
        let field = ["method", "distribution-matching", "depth"];
        Some(Complaint::new(&field, message).hint(hint).against("from", &["image_size"]))
    }
}
