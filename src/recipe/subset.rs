//! `[subset.NAME]`: a balanced draw from a data set.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Complaint, Dataset, Describe, Facts, Format, Reads, Setting, Thing};
use crate::engine::{Needs, Program, Source};

/// A balanced draw from a data set, decoded and resized. Makes an image set with the splits train, valid and test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subset {
    /// A data set of `pipeline.toml`.
    pub dataset: String,
    /// The classes to take: a list of names, or the largest ones. Without it, all.
    #[serde(default)]
    pub classes: Classes,
    /// Images of each class in each split. Validation and test images that the data set lacks are drawn from
    /// training images that are not used otherwise.
    pub per_class: Count,
    /// Height and width in pixels of the images that come out.
    #[schemars(range(min = 4, max = 1024))]
    pub image_size: u32,
    /// How an image that is not square is made so.
    #[serde(default)]
    pub fit: Fit,
    /// Which images are drawn.
    #[serde(default)]
    pub seed: u64,
    /// Leaves out files that do not decode, instead of failing; they are counted in `measured/`.
    #[serde(default)]
    pub skip_unreadable: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Classes {
    /// By name.
    Names(Vec<String>),
    /// By size.
    Largest(LargestClasses),
}

impl Default for Classes {
    fn default() -> Classes {
        Classes::Largest(LargestClasses { at_least: 1, up_to: None })
    }
}

/// The largest classes by number of training images; ties in alphabetical order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LargestClasses {
    /// Only classes of at least so many training images.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub at_least: u32,
    /// At most so many classes; without it, all.
    #[serde(default)]
    #[schemars(range(min = 2))]
    pub up_to: Option<u32>,
}

fn one() -> u32 {
    1
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Training images of each class.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub train: u32,
    /// Validation images of each class.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub valid: u32,
    /// Test images of each class.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub test: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// The centred square of the shorter side.
    #[default]
    Crop,
    /// Both sides scaled on their own; shapes are distorted.
    Stretch,
}

impl Subset {
    /// The data set that serves: the one named, or its stand-in while its path does not exist.
    pub fn serving<'a>(&'a self, setting: &'a Setting) -> Option<(&'a str, &'a Dataset)> {
        let named = setting.datasets.get(&self.dataset)?;
        let there = named.path.as_ref().is_none_or(|path| setting.root.join(path).exists());
        match (&named.stand_in, there) {
            (Some(other), false) => Some((other.as_str(), setting.datasets.get(other)?)),
            _ => Some((&self.dataset, named)),
        }
    }
}

impl Describe for Subset {
    const KIND: &'static str = "subset";
    const REVISION: u32 = 1;
    const MAKES: Thing = Thing::ImageSet;
    const PROGRAM: Program = Program::Own;

    fn reads(&self) -> Vec<Reads> {
        Vec::new()
    }

    fn further_parameters(&self, setting: &Setting) -> Vec<(&'static str, Value)> {
        // The data set's name is provenance: its layout and its bytes are what the result depends on.
        let format = self.serving(setting).map(|(_, set)| set.layout(&setting.root));
        vec![("dataset", json!({ "format": format, "revision": format.as_ref().map(Format::revision) }))]
    }

    fn sources(&self, setting: &Setting) -> Vec<Source> {
        let place = self.serving(setting).and_then(|(_, set)| set.place(&setting.root));
        place.map(|place| Source { role: "dataset".into(), place }).into_iter().collect()
    }

    fn needs(&self, _setting: &Setting) -> Needs {
        Needs { threads: std::thread::available_parallelism().map_or(1, usize::from), cuda: false }
    }

    fn provenance(&self, setting: &Setting) -> BTreeMap<String, Value> {
        let serving = self.serving(setting).map_or(self.dataset.as_str(), |(name, _)| name);
        let mut facts = BTreeMap::from([("dataset".to_string(), json!(self.dataset))]);
        if serving != self.dataset {
            facts.insert("stand_in".into(), json!(serving));
        }
        facts
    }

    fn facts(&self, _setting: &Setting, _inputs: &[Facts]) -> Facts {
        let classes = match &self.classes {
            Classes::Names(names) => Some(names.len()),
            Classes::Largest(_) => None,
        };
        Facts { image_size: Some(self.image_size), train_per_class: Some(self.per_class.train), classes }
    }

    fn complaints(&self, setting: &Setting, _inputs: &[Facts]) -> Vec<Complaint> {
        let Classes::Names(names) = &self.classes else { return missing_data(self, setting) };
        let mut complaints = missing_data(self, setting);
        if names.len() < 2 {
            complaints.push(Complaint::new(&["classes"], "a network needs at least 2 classes to tell apart"));
        }
        let mut seen = std::collections::BTreeSet::new();
        for name in names.iter().filter(|name| !seen.insert(name.as_str())) {
            complaints.push(Complaint::new(&["classes"], format!("class `{name}` is listed twice")));
        }
        complaints
    }
}

fn missing_data(subset: &Subset, setting: &Setting) -> Vec<Complaint> {
    let Some((name, set)) = subset.serving(setting) else { return Vec::new() };
    let Some(path) = &set.path else { return Vec::new() };
    let place = setting.root.join(path);
    if place.exists() {
        return Vec::new();
    }
    let message = format!("data set `{name}` is not there: no {} `{}`", set.noun(), path.display());
    vec![Complaint::new(&["dataset"], message).hint(set.remedy(name))]
}
