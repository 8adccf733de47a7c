//! `[distil.NAME]`: a few images per class that stand for the training split.

mod autoencoder;
mod characteristic;
mod codes;
mod complaints;
mod coresets;
mod experts;
mod matching;
mod realistic;
mod regression;
mod trajectories;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use autoencoder::Autoencoder;
pub use characteristic::CharacteristicFunction;
pub use codes::{Code, Dct, Decoder, Factor, Pca};
pub(super) use complaints::too_large_to_whiten;
pub use coresets::{Forgetting, Herding, KCenter, KMeans};
pub use matching::{DistributionMatching, GradientMatching, Initial, Siamese};
pub use realistic::{PatchLabels, RealisticPatches};
pub use regression::{FeatureRegression, ImageOptimizer};
pub use trajectories::{DifficultyAligned, Following, Labelling, TrajectoryMatching, Window};

use super::choice::choice;
use super::network::SAME_PADDING;
use super::{Complaint, Describe, Facts, Reads, Setting, Thing, files};
use crate::engine::Program;

/// A few images per class that stand for the training split. Reads the training split only; validation and test
/// images are passed on unchanged. Methods that go by iterations leave pictures of the set forming, and one strip of them;
/// `pipeline show` names these, and the memory that was estimated and taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distil {
    /// The image set to distil.
    pub from: String,
    /// Images of each class that are stored.
    #[schemars(range(min = 1, max = 1000))]
    pub images_per_class: u32,
    /// How they are found.
    pub method: Method,
    /// What images are compared by where a method compares them: `pixels`, normalised, or the name of a network, for what
    /// comes to its last layer. The network is to be trained on the training split of `from`. Features of a network tell
    /// more than pixels; pixels need no training.
    #[serde(default = "pixels", skip_serializing_if = "is_pixels")]
    #[schemars(extend("default" = "pixels"))]
    pub features: String,
    /// The `[train.NAME]` that methods ask what real images show, trained on the training split of `from` or on another
    /// set of the same classes and image size. What it cost is part of what a student of the set costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<String>,
    /// What the methods that optimise synthetic images optimise and store in place of pixels; with `zca`, a code is of
    /// whitened images. All classes together have at most as many values as `images_per_class` images have pixels, and so
    /// more pictures, each with a label; the set that comes out has these, and `stored_floats` counts the values, and soft
    /// labels beside them. Learning rates are those of the values. Without it, the pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The `[train.NAME]`s whose networks `characteristic-function` looks through, trained on the training split of `from`;
    /// without them, through random ones. What they cost is part of what a student of the set costs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("default" = []))]
    pub pool: Vec<String>,
    /// The `[experts.NAME]` that a method follows, where it follows any: trained on `from`, with `zca` set alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<String>,
    /// ZCA whitening with λ = 0.1, fitted to the training split of `from`: methods that optimise images see whitened ones,
    /// and so do networks trained on the set, on every split. It goes with the set and with such networks, (3·size²)²
    /// floats in each. Images of up to 48 pixels.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("default" = false))]
    pub zca: bool,
    #[serde(default)]
    pub seed: u64,
}

/// The word of `features` that names no network.
const PIXELS: &str = "pixels";
/// Revision of gradients through all steps of a student.
const UNROLL: u32 = 2;

fn pixels() -> String {
    PIXELS.to_string()
}

fn is_pixels(features: &str) -> bool {
    features == PIXELS
}

choice! {
    /// A distillation method.
    pub enum Method {
        /// Real images drawn at random: what every method must beat.
        "random" => Random @ 1,
        /// Real images whose running mean stays nearest to the mean of their class (Welling 2009): a fixed choice.
        "herding" => Herding @ 1,
        /// The real image nearest to each of as many centres of a class as images are asked for.
        "k-means" => KMeans @ 1,
        /// Real images that leave no image of their class far from all of them (Sener & Savarese 2018): the one nearest to
        /// the mean, then always the one farthest from those chosen. A fixed choice, which favours what is unusual.
        "k-center" => KCenter @ 1,
        /// The real images of each class that a network forgets most often while it learns (Toneva et al. 2019).
        "forgetting" => Forgetting @ 1,
        /// The mean image of each class: one image a class.
        "class-mean" => ClassMean @ 1,
        /// The mean image of each class, and one standard deviation either way along its principal components.
        "eigenimages" => Eigenimages @ 2,
        /// Synthetic images whose mean features match those of real ones under random networks
        /// (Zhao & Bilen 2023).
        "distribution-matching" => DistributionMatching @ 1,
        /// Synthetic images that move the weights of a network as real ones do (Zhao et al. 2021, DC and DSA).
        "gradient-matching" => GradientMatching @ 1,
        /// Synthetic images with learned labels from which ridge regression on a network's features predicts real ones
        /// (Zhou et al. 2022, FRePo). Networks are trained on them with `loss = "mse"`.
        "feature-regression" => FeatureRegression @ 2,
        /// Synthetic images whose features have the characteristic function of real ones (Wang et al. 2025, NCFM), under
        /// the trained networks of `pool`, or under random ones.
        "characteristic-function" => CharacteristicFunction @ 1,
        /// What a convolutional autoencoder makes of the centres of each class's codes (Hinton & Salakhutdinov 2006).
        "autoencoder" => Autoencoder @ 1,
        /// Crops of real images that a trained network is surest of, stitched together, with its soft labels
        /// (Sun et al. 2024, RDED). Needs a `teacher`.
        "realistic-patches" => RealisticPatches @ 1,
        /// Synthetic images that lead a student along the trajectories of experts (Cazenavette et al. 2022, MTT; Cui et al.
        /// 2023, TESLA). Needs `experts`.
        "trajectory-matching" => TrajectoryMatching @ 1,
        /// Trajectory matching with learned labels, over parts of the trajectories as hard as the number of images allows
        /// (Guo et al. 2024, DATM). Needs `experts`.
        "difficulty-aligned" => DifficultyAligned @ 1,
    }
}

impl Method {
    /// The method of this name, with its settings left out.
    pub fn named(name: &str) -> Option<Method> {
        serde_json::from_value(json!({ name: {} })).ok()
    }

    /// Whether its images are real ones that it chose, of which nothing is changed.
    pub fn chooses(&self) -> bool {
        match self {
            Method::Random(_)
            | Method::Herding(_)
            | Method::KMeans(_)
            | Method::KCenter(_)
            | Method::Forgetting(_) => true,
            Method::ClassMean(_)
            | Method::Eigenimages(_)
            | Method::DistributionMatching(_)
            | Method::GradientMatching(_)
            | Method::FeatureRegression(_)
            | Method::CharacteristicFunction(_)
            | Method::Autoencoder(_)
            | Method::RealisticPatches(_)
            | Method::TrajectoryMatching(_)
            | Method::DifficultyAligned(_) => false,
        }
    }

    /// Whether it looks at the stage's `features`.
    pub fn compares_images(&self) -> bool {
        matches!(self, Method::Herding(_) | Method::KMeans(_) | Method::KCenter(_))
    }

    /// Whether it asks the stage's `teacher`.
    fn asks_teacher(&self) -> bool {
        matches!(self, Method::RealisticPatches(_))
    }

    /// Whether it looks through the networks of the stage's `pool`.
    fn looks_through_pool(&self) -> bool {
        matches!(self, Method::CharacteristicFunction(_))
    }

    /// Whether it can optimise another code than pixels, and what its images start as.
    fn codes(&self) -> Option<Initial> {
        match self {
            Method::DistributionMatching(settings) => Some(settings.init),
            Method::GradientMatching(settings) => Some(settings.init),
            Method::FeatureRegression(settings) => Some(settings.init),
            Method::CharacteristicFunction(settings) => Some(settings.init),
            Method::TrajectoryMatching(settings) => Some(settings.init),
            Method::DifficultyAligned(_) => Some(Initial::Real),
            _ => None,
        }
    }

    /// Images of a class that come out of one that is asked for: those that it holds in smaller.
    pub fn pictures(&self) -> u32 {
        match self {
            Method::CharacteristicFunction(settings) => settings.factor.pow(2),
            _ => 1,
        }
    }

    /// Whether labels are learned beside the images.
    fn learns_labels(&self) -> bool {
        matches!(self, Method::FeatureRegression(_))
    }

    /// How it follows experts for so many images a class, where it does.
    pub fn following(&self, images_per_class: u32) -> Option<Following> {
        match self {
            Method::TrajectoryMatching(settings) => Some(settings.following(images_per_class)),
            Method::DifficultyAligned(settings) => Some(settings.following(images_per_class)),
            _ => None,
        }
    }

    /// Zeros around the images that its random networks see.
    fn padding(&self) -> u32 {
        match self {
            Method::DistributionMatching(settings) => settings.padding,
            Method::GradientMatching(settings) => settings.padding,
            Method::FeatureRegression(settings) => settings.padding,
            Method::CharacteristicFunction(settings) => settings.padding,
            _ => SAME_PADDING,
        }
    }

    /// Blocks of its random networks, where they are given.
    fn depth(&self) -> Option<u32> {
        match self {
            Method::DistributionMatching(settings) => settings.depth,
            Method::GradientMatching(settings) => settings.depth,
            Method::FeatureRegression(settings) => settings.depth,
            Method::CharacteristicFunction(settings) => settings.depth,
            Method::Autoencoder(settings) => settings.depth,
            _ => None,
        }
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
/// comes first. `components.csv` has the variance of each component, and `components.png` shows a row a class: the mean,
/// then the components about mid-grey.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Eigenimages {}

impl Distil {
    /// Images of a class that come out, where that is known.
    fn images_made(&self, from: &Facts) -> Option<u32> {
        let Some(code) = &self.code else { return Some(self.images_per_class * self.method.pictures()) };
        let pictures = code.pictures(self.images_per_class, from.image_size?, from.classes?);
        u32::try_from(pictures).ok()
    }
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
        let network = (!is_pixels(&self.features)).then(|| {
            Reads::named("features", &self.features, Thing::Network, &[files::WEIGHTS, files::NETWORK])
        });
        let experts = self.experts.as_ref().map(|experts| {
            Reads::named("experts", experts, Thing::Trajectories, &[files::TRAJECTORIES, files::EXPERTS])
        });
        let teacher = self.teacher.iter().map(|teacher| {
            Reads::named("teacher", teacher, Thing::Network, &[files::WEIGHTS, files::NETWORK])
        });
        let from = Reads::named("from", &self.from, Thing::ImageSet, &files);
        let pool = self.pool.iter().enumerate().map(|(place, stage)| Reads {
            role: format!("pool.{place}"),
            ..Reads::named("pool", stage, Thing::Network, &[files::WEIGHTS, files::NETWORK])
        });
        std::iter::once(from).chain(network).chain(teacher).chain(experts).chain(pool).collect()
    }

    /// The pool by place: names of stages are no part of the key.
    fn further_parameters(&self, _setting: &Setting) -> Vec<(&'static str, Value)> {
        let places: Vec<String> = (0..self.pool.len()).map(|place| place.to_string()).collect();
        if places.is_empty() { Vec::new() } else { vec![("pool", json!(places))] }
    }

    fn parts(&self) -> Vec<(String, u32)> {
        let mut parts = vec![(format!("method.{}", self.method.name()), self.method.revision())];
        parts.extend(self.code.iter().map(|code| (format!("code.{}", code.name()), code.revision())));
        match &self.method {
            Method::Forgetting(Forgetting { network, optimizer, .. }) => {
                parts.push((format!("network.{}", network.name()), network.revision()));
                parts.push((format!("optimizer.{}", optimizer.name()), optimizer.revision()));
            }
            Method::FeatureRegression(settings) => parts.extend(settings.optimizer.part()),
            _ => {}
        }
        // A network without max pooling has another gradient by it; which network follows, is not known here.
        if self.method.following(self.images_per_class).is_some_and(|following| following.unroll) {
            parts.push(("method.unroll".into(), UNROLL));
        }
        parts
    }

    fn facts(&self, _setting: &Setting, inputs: &[Facts]) -> Facts {
        let from = inputs.first().cloned().unwrap_or_default();
        let learned_labels = self.method.learns_labels();
        let learned_rate = Some(self.method.following(self.images_per_class).is_some());
        Facts { train_per_class: self.images_made(&from), learned_labels, learned_rate, ..from }
    }

    fn complaints(&self, _setting: &Setting, inputs: &[Facts]) -> Vec<Complaint> {
        complaints::of(self, inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_known_by_its_name() {
        let schema = schemars::schema_for!(Method).to_value();
        let names = schema["oneOf"].as_array().unwrap().iter().map(|of| of["required"][0].as_str().unwrap());
        let methods: Vec<Method> = names.clone().map(|name| Method::named(name).expect(name)).collect();
        assert!(methods.iter().map(Method::name).eq(names), "{methods:?}");
        let chosen: Vec<&str> = methods.iter().filter(|method| method.chooses()).map(Method::name).collect();
        assert_eq!(chosen, ["random", "herding", "k-means", "k-center", "forgetting"]);
        assert_eq!(Method::named("herd"), None);
    }
}
