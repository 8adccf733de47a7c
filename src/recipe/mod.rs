//! What an experiment may say: one type per stage, method, network and augmentation. No work is done here.
//!
//! A new stage is a type here that implements [`Describe`] and one line in [`kinds!`](self).

mod augment;
mod choice;
mod command;
mod dataset;
mod distil;
mod energy;
mod evaluate;
mod experts;
mod facts;
mod layout;
mod network;
mod ops;
mod project;
mod published;
mod select;
mod subset;
mod train;
mod weights;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use augment::{Augment, Chain, ClassBalanced, OneCopyPerOp, Policy};
pub use command::Command;
pub use dataset::{Cifar10, Cifar100, Dataset, Format, IMAGES, Idx, ImageFolder, Parquet, SketchBirds};
pub use distil::{
    Autoencoder, CharacteristicFunction, ClassMean, Code, Dct, Decoder, DifficultyAligned, Distil,
    DistributionMatching, Eigenimages, Factor, FeatureRegression, Following, Forgetting, GradientMatching,
    Herding, ImageOptimizer, Initial, KCenter, KMeans, Labelling, Method, PatchLabels, Pca, Random,
    RealisticPatches, TrajectoryMatching, Window,
};
pub use energy::{Country, Energy};
pub use evaluate::{Evaluate, Split};
pub use experts::Experts;
pub use facts::{Complaint, Facts, Machine, Setting, Trajectories};
pub use layout::is_file_name;
pub use network::*;
pub use ops::*;
pub use project::{DeviceChoice, Project};
pub use published::{Published, Statistic};
pub use select::{Metric, Select};
pub use subset::{
    All, Amount, Classes, Count, Exact, Fit, KeepTogether, LargestClasses, NearDuplicates, Nothing, PerClass,
    Subset,
};
pub use train::{
    Adam, AdamW, Auto, Backbone, Batch, ClassWeights, Colour, Constant, CosineDecay, Crop, Cutmix, Cutout,
    Dsa, Erase, Flip, Freeze, IfDiverged, Keep, Lamb, LinearDecay, Loss, Mixup, Muon, OneCycle, Optimizer,
    Precision, RandAugment, Rate, Schedule, Sgd, StepDown, Train, Transform,
};
pub use weights::Weights;

use crate::engine::{Files, Needs, Program, Source};

/// What flows along an edge of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    ImageSet,
    Network,
    /// What a network may start from: weights by name, without what is needed to score with them.
    Weights,
    /// The weights of networks at every epoch of their training.
    Trajectories,
    Scores,
    /// Values of axes that did best on validation images.
    Choice,
    /// Whatever has figures of validation images: a network with its training, or scores.
    Trial,
    /// Whatever a command left; taken for what its reader wants, and checked when it is opened.
    Anything,
}

impl Thing {
    /// As messages write it.
    pub fn name(self) -> &'static str {
        match self {
            Thing::ImageSet => "image set",
            Thing::Network => "network",
            Thing::Weights => "weights",
            Thing::Trajectories => "trajectories",
            Thing::Scores => "scores",
            Thing::Choice => "choice",
            Thing::Trial => "training or scores",
            Thing::Anything => "files",
        }
    }

    /// Whether `self` can be read where `wanted` is asked for.
    pub fn serves_as(self, wanted: Thing) -> bool {
        let equal = self == wanted || self == Thing::Anything || wanted == Thing::Anything;
        // A network has weights, too.
        let (network, scores) = (self == Thing::Network, self == Thing::Scores);
        let as_trial = wanted == Thing::Trial && (network || scores);
        equal || as_trial || (network && wanted == Thing::Weights)
    }
}

/// A reference to another stage: the field that names it, its role in the key, the name, and what is read of it.
#[derive(Clone, Debug)]
pub struct Reads {
    pub field: &'static str,
    pub role: String,
    pub stage: String,
    pub wants: Thing,
    pub files: Files,
}

impl Reads {
    /// A field that holds nothing but the name of a stage; the role is called like the field.
    pub fn named(field: &'static str, stage: &str, wants: Thing, files: &[&'static str]) -> Reads {
        Reads {
            field,
            role: field.to_string(),
            stage: stage.to_string(),
            wants,
            files: Files::Named(files.to_vec()),
        }
    }

    /// Whether the field is the name and nothing else, so that it is no parameter of the key.
    fn is_whole_field(&self) -> bool {
        self.role == self.field
    }
}

/// What every kind of stage says of itself.
pub trait Describe: Serialize + DeserializeOwned + JsonSchema + Clone {
    const KIND: &'static str;
    /// Rises when the same parameters and inputs would give other bytes.
    const REVISION: u32;
    const MAKES: Thing;
    const PROGRAM: Program;
    /// Files of the input in the role `from` that are handed on unchanged.
    const PASSES_ON: &'static [&'static str] = &[];

    /// The stages it reads, in a fixed order.
    fn reads(&self) -> Vec<Reads>;

    /// Named parts used, with their revisions, beside the kind itself.
    fn parts(&self) -> Vec<(String, u32)> {
        Vec::new()
    }

    /// Settles what depends on the machine or on `pipeline.toml` (`precision = "auto"`), so that the key holds it.
    fn settle(&mut self, _setting: &Setting) {}

    /// Parameters of the key beside its own fields: what it takes from `pipeline.toml`.
    fn further_parameters(&self, _setting: &Setting) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// Files outside the store.
    fn sources(&self, _setting: &Setting) -> Vec<Source> {
        Vec::new()
    }

    /// The class of the environment that results depend on: where tensors are computed; else `null`.
    fn environment(&self, setting: &Setting) -> Value {
        let machine = &setting.machine;
        match Self::PROGRAM {
            Program::Worker => {
                let mut class = json!({
                    "libtorch": machine.libtorch,
                    "device": if machine.cuda { "cuda" } else { "cpu" },
                    "torch_threads": machine.torch_threads,
                });
                if machine.cuda && machine.deterministic {
                    class["deterministic"] = true.into();
                }
                class
            }
            Program::Own => Value::Null,
        }
    }

    fn needs(&self, setting: &Setting) -> Needs {
        match Self::PROGRAM {
            Program::Worker => Needs { threads: setting.machine.torch_threads, cuda: setting.machine.cuda },
            Program::Own => Needs { threads: 1, cuda: false },
        }
    }

    fn provenance(&self, _setting: &Setting) -> BTreeMap<String, Value> {
        BTreeMap::new()
    }

    /// What is known, before anything runs, of the thing it makes; `inputs` in the order of [`reads`](Self::reads).
    fn facts(&self, _setting: &Setting, inputs: &[Facts]) -> Facts {
        inputs.first().cloned().unwrap_or_default()
    }

    /// Values that cannot work, or cannot work together.
    fn complaints(&self, _setting: &Setting, _inputs: &[Facts]) -> Vec<Complaint> {
        Vec::new()
    }
}

/// Declares [`Recipe`], the list of kinds, and what goes from one to the other.
macro_rules! kinds {
    ($($variant:ident),+ $(,)?) => {
        /// One stage as written, of any kind.
        #[derive(Clone, Debug)]
        #[allow(clippy::large_enum_variant, reason = "most stages of an experiment are the largest kind: `train`")]
        pub enum Recipe { $($variant($variant),)+ }

        /// Every kind, as TOML writes it: `[kind.name]`.
        pub const KINDS: &[&str] = &[$($variant::KIND),+];

        /// The JSON Schema of a kind's table.
        pub fn schema_of(kind: &str, generator: &mut SchemaGenerator) -> Option<Schema> {
            $(if kind == $variant::KIND { return Some(generator.subschema_for::<$variant>()); })+
            None
        }

        impl Recipe {
            /// Builds the type from a table that has been checked against its schema.
            pub fn build(kind: &str, table: Value) -> Result<Recipe, serde_json::Error> {
                $(if kind == $variant::KIND { return serde_json::from_value(table).map(Recipe::$variant); })+
                Err(serde::de::Error::custom(format!("unknown kind `{kind}`")))
            }

            pub fn kind(&self) -> &'static str { match self { $(Recipe::$variant(_) => $variant::KIND,)+ } }
            pub fn makes(&self) -> Thing { match self { $(Recipe::$variant(_) => $variant::MAKES,)+ } }
            pub fn program(&self) -> Program { match self { $(Recipe::$variant(_) => $variant::PROGRAM,)+ } }
            pub fn passes_on(&self) -> &'static [&'static str] { match self { $(Recipe::$variant(_) => $variant::PASSES_ON,)+ } }
            pub fn reads(&self) -> Vec<Reads> { match self { $(Recipe::$variant(r) => r.reads(),)+ } }
            pub fn settle(&mut self, setting: &Setting) { match self { $(Recipe::$variant(r) => r.settle(setting),)+ } }
            pub fn sources(&self, setting: &Setting) -> Vec<Source> { match self { $(Recipe::$variant(r) => r.sources(setting),)+ } }
            pub fn environment(&self, setting: &Setting) -> Value { match self { $(Recipe::$variant(r) => r.environment(setting),)+ } }
            pub fn needs(&self, setting: &Setting) -> Needs { match self { $(Recipe::$variant(r) => r.needs(setting),)+ } }
            pub fn provenance(&self, setting: &Setting) -> BTreeMap<String, Value> { match self { $(Recipe::$variant(r) => r.provenance(setting),)+ } }
            pub fn facts(&self, setting: &Setting, inputs: &[Facts]) -> Facts { match self { $(Recipe::$variant(r) => r.facts(setting, inputs),)+ } }
            pub fn complaints(&self, setting: &Setting, inputs: &[Facts]) -> Vec<Complaint> { match self { $(Recipe::$variant(r) => r.complaints(setting, inputs),)+ } }

            /// The revision of the kind and of every named part used.
            pub fn parts(&self) -> BTreeMap<String, u32> {
                match self { $(Recipe::$variant(r) => {
                    let own = std::iter::once(($variant::KIND.to_string(), $variant::REVISION));
                    own.chain(r.parts()).collect()
                })+ }
            }

            /// The parameters of the key: every field but those that name stages, and what `pipeline.toml` adds.
            pub fn parameters(&self, setting: &Setting) -> Result<Value, serde_json::Error> {
                match self { $(Recipe::$variant(r) => {
                    let mut value = serde_json::to_value(r)?;
                    if let Some(fields) = value.as_object_mut() {
                        for read in r.reads().iter().filter(|read| read.is_whole_field()) { fields.remove(read.field); }
                        for (name, further) in r.further_parameters(setting) { fields.insert(name.to_string(), further); }
                    }
                    Ok(value)
                })+ }
            }
        }
    };
}

kinds!(Subset, Augment, Experts, Distil, Weights, Train, Evaluate, Select, Command);

/// File names inside image sets, networks and scores.
pub mod files {
    pub const TRAIN: &str = "train.safetensors";
    pub const VALID: &str = "valid.safetensors";
    pub const TEST: &str = "test.safetensors";
    pub const CLASSES: &str = "classes.json";
    pub const PREPROCESS: &str = "preprocess.json";
    pub const WEIGHTS: &str = "weights.safetensors";
    pub const NETWORK: &str = "network.json";
    pub const TRAINING: &str = "training.json";
    pub const CURVES: &str = "curves.csv";
    pub const PREDICTIONS: &str = "predictions.csv";
    pub const CONFUSION: &str = "confusion.csv";
    pub const METRICS: &str = "metrics.json";
    pub const DISTILLATION: &str = "distillation.json";
    pub const CHOICE: &str = "choice.json";
    pub const TRIALS: &str = "trials.csv";
    pub const STUDENT: &str = "student.json";
    pub const EXPERTS: &str = "experts.json";
    pub const TRAJECTORIES: &str = "trajectories.safetensors";
}

/// An image set's table of per-channel constants, as `preprocess.json` holds it: pixels are divided by 255 (f32 sets
/// are in 0..1 already), then `(x - mean) / sd` channel by channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocess {
    /// Red, green, blue, in 0..1, over the training split alone.
    pub mean: [f64; 3],
    /// Red, green, blue, in 0..1, over the training split alone.
    pub sd: [f64; 3],
}
