//! `[subset.NAME]`: a balanced draw from a data set.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::choice::choice;
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
    /// Images of each class in each split; `"all"` is short for `{ train = "all", valid = "all", test = "all" }`.
    /// Validation and test images that the data set lacks are drawn from training images that are not used otherwise.
    pub per_class: PerClass,
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
    /// Which images never stand on both sides of a split; without it, near-duplicates. A training image that is like
    /// one of the data set's own validation or test images is not drawn for train.
    #[serde(default, skip_serializing_if = "KeepTogether::is_default")]
    pub keep_together: KeepTogether,
    /// Cross-validation: all images of the classes, whatever splits the data set has, are cut into so many folds, class
    /// by class. The fold `fold` is the test split; validation and train are drawn from the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1000))]
    pub folds: Option<u32>,
    /// The fold that is held out, from 0; an axis of the matrix takes all of them: `fold = "{fold}"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 999))]
    pub fold: Option<u32>,
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
#[serde(untagged)]
pub enum PerClass {
    /// So many in each split.
    Counts(Count),
    /// Every image of every split.
    Every(All),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Training images of each class, 1 or more; `"all"` takes every one that validation and test leave.
    pub train: Amount,
    /// Validation images of each class; `"all"` takes those that the data set has.
    #[serde(default)]
    pub valid: Amount,
    /// Test images of each class, 1 or more; `"all"` takes those that the data set has. Left out where `folds` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Amount>,
}

/// How many images of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Amount {
    Number(#[schemars(range(min = 0, max = 1_000_000))] u32),
    Every(All),
}

impl Default for Amount {
    fn default() -> Amount {
        Amount::Number(0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum All {
    All,
}

impl PerClass {
    /// For train, valid and test. With folds, test is all of the fold that is held out.
    pub fn amounts(&self) -> [Amount; 3] {
        let all = Amount::Every(All::All);
        match self {
            PerClass::Counts(count) => [count.train, count.valid, count.test.unwrap_or(all)],
            PerClass::Every(_) => [all; 3],
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// The centred square of the shorter side; what lies beyond it is lost.
    #[default]
    Crop,
    /// Both sides scaled on their own; shapes are distorted.
    Stretch,
    /// The whole image in its own shape, centred; the bars beside it, or above and below, are grey (128, 128, 128).
    Letterbox,
}

choice! {
    /// Images that belong to one group are drawn for one split or not at all.
    pub enum KeepTogether {
        /// Groups of images that show the same scene: copies, whatever their size and encoding, and shots of a burst.
        /// Fingerprints of all images of the classes are compared; birds drawn by the program are taken for different.
        "near-duplicates" => NearDuplicates @ 1,
        /// Groups of equal files, also of an archive or of rows of Parquet; in formats without files of images, of equal pixels.
        "exact" => Exact @ 2,
        /// No groups: copies may stand on both sides, and scores then measure memory.
        "nothing" => Nothing @ 1,
    }
}

impl Default for KeepTogether {
    fn default() -> KeepTogether {
        KeepTogether::NearDuplicates(NearDuplicates::default())
    }
}

impl KeepTogether {
    fn is_default(&self) -> bool {
        *self == KeepTogether::default()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NearDuplicates {
    /// Bits of 255 in which the fingerprints of two images of one group may differ. 0 finds little but copies; at 68
    /// bursts are found, too; from 72 on different scenes may be taken for one; the mean of two scenes is 127.
    #[schemars(range(min = 0, max = 127))]
    pub distance: u32,
}

impl Default for NearDuplicates {
    fn default() -> NearDuplicates {
        NearDuplicates { distance: 68 }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exact {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

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
    const REVISION: u32 = 2;
    const MAKES: Thing = Thing::ImageSet;
    const PROGRAM: Program = Program::Own;

    fn reads(&self) -> Vec<Reads> {
        Vec::new()
    }

    fn parts(&self) -> Vec<(String, u32)> {
        vec![(format!("keep_together.{}", self.keep_together.name()), self.keep_together.revision())]
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
        let train_per_class = match self.per_class.amounts()[0] {
            Amount::Number(n) => Some(n),
            Amount::Every(_) => None,
        };
        let validates = match self.per_class.amounts()[1] {
            Amount::Number(n) => Some(n > 0),
            Amount::Every(_) => None,
        };
        let (image_size, learned_rate) = (Some(self.image_size), Some(false));
        Facts { image_size, train_per_class, validates, classes, learned_rate, ..Facts::default() }
    }

    fn complaints(&self, setting: &Setting, _inputs: &[Facts]) -> Vec<Complaint> {
        let mut complaints = missing_data(self, setting);
        complaints.extend(self.wrong_classes());
        complaints.extend(self.wrong_counts());
        complaints.extend(self.wrong_folds());
        complaints.extend(self.more_folds_than_images(setting));
        complaints
    }
}

impl Subset {
    fn wrong_classes(&self) -> Vec<Complaint> {
        let Classes::Names(names) = &self.classes else { return Vec::new() };
        let mut complaints = Vec::new();
        if names.len() < 2 {
            complaints.push(Complaint::new(&["classes"], "a network needs at least 2 classes to tell apart"));
        }
        let mut seen = std::collections::BTreeSet::new();
        for name in names.iter().filter(|name| !seen.insert(name.as_str())) {
            complaints.push(Complaint::new(&["classes"], format!("class `{name}` is listed twice")));
        }
        complaints
    }

    fn wrong_counts(&self) -> Vec<Complaint> {
        let PerClass::Counts(count) = &self.per_class else { return Vec::new() };
        let none = |field: &str| {
            let message = format!("`{field}` must be 1 or more, or \"all\"");
            Complaint::new(&["per_class", field], message)
        };
        let mut complaints = Vec::new();
        if count.train == Amount::Number(0) {
            complaints.push(none("train"));
        }
        match (count.test, self.folds) {
            (Some(Amount::Number(0)), None) => complaints.push(none("test")),
            (None, None) => {
                complaints.push(Complaint::new(&["per_class"], "`per_class` lacks `test`").hint(
                    "`test`: test images of each class, or \"all\"; without it only where `folds` is set",
                ))
            }
            (Some(_), Some(_)) => complaints.push(
                Complaint::new(&["per_class", "test"], "`test` and `folds` both say what the test split is")
                    .hint("leave `test` out: the fold that is held out is the test split"),
            ),
            _ => {}
        }
        complaints
    }

    fn wrong_folds(&self) -> Option<Complaint> {
        let axis = |folds: u32| {
            let values: Vec<String> = (0..folds.min(5)).map(|fold| fold.to_string()).collect();
            let more = if folds > 5 { ", ..." } else { "" };
            format!("write `fold = \"{{fold}}\"`, and in `[matrix]` `fold = [{}{more}]`", values.join(", "))
        };
        match (self.folds, self.fold) {
            (Some(folds), Some(fold)) if fold >= folds => {
                let message =
                    format!("there is no fold {fold}: {folds} folds are counted from 0 to {}", folds - 1);
                Some(Complaint::new(&["fold"], message).hint(axis(folds)))
            }
            (Some(folds), None) => Some(
                Complaint::new(&["folds"], "`folds` lacks `fold`: which one is held out").hint(axis(folds)),
            ),
            (None, Some(_)) => Some(
                Complaint::new(&["fold"], "`fold` lacks `folds`: how many there are")
                    .hint("write `folds = 5`"),
            ),
            _ => None,
        }
    }

    /// Of data sets whose size is known without a look at files.
    fn more_folds_than_images(&self, setting: &Setting) -> Option<Complaint> {
        let (name, Dataset { format: Some(Format::SketchBirds(birds)), .. }) = self.serving(setting)? else {
            return None;
        };
        let all = u64::from(birds.train) + u64::from(birds.valid) + u64::from(birds.test);
        let folds = self.folds.filter(|folds| u64::from(*folds) > all)?;
        let message = format!("{folds} folds of {all} images a class, which is what `{name}` has");
        Some(Complaint::new(&["folds"], message).hint("take fewer folds: each needs an image of every class"))
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
