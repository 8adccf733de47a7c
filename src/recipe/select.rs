//! `[select.NAME]`: settings that do best on validation images, for other stages to take. The test split has no say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Complaint, Describe, Facts, Reads, Setting, Split, Thing, files};
use crate::engine::Program;

/// Chooses values of axes by how well trainings with them do on validation images. Makes a choice, which `augment`,
/// `distil` and `train` take as `"{NAME.AXIS}"`. There is one for each combination of the other axes that the trials
/// read: with an axis `network`, each network's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Select {
    /// The trials: a `[train.NAME]`, judged by the validation split of what it is trained on, or an `[evaluate.NAME]`
    /// with `split = "valid"`.
    pub of: String,
    /// The axes whose values are chosen. Each combination of them is a candidate.
    #[schemars(length(min = 1))]
    pub over: Vec<String>,
    /// Axes that repeat a trial, such as its seed: a candidate counts by its mean over them. Those that are tested have
    /// seeds of their own.
    #[serde(default, skip_serializing_if = "is_no_part_of_the_key")]
    pub mean_over: Vec<String>,
    /// What candidates are compared by. Of equal ones the other figure decides, then the order of the axis.
    #[serde(default)]
    pub metric: Metric,
}

/// The trials are keyed by what each of them tries.
fn is_no_part_of_the_key<T>(_: &Vec<T>) -> bool {
    true
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// The highest mean accuracy on validation images.
    #[default]
    Accuracy,
    /// The lowest mean loss on validation images.
    Loss,
}

impl Select {
    /// The key's parameter with the candidate's values of each trial, in the order of the inputs.
    pub const TRIALS: &'static str = "trials";

    /// The role of the trial at a place.
    pub fn role(place: usize) -> String {
        format!("of.{place}")
    }
}

impl Describe for Select {
    const KIND: &'static str = "select";
    const REVISION: u32 = 1;
    const MAKES: Thing = Thing::Choice;
    const PROGRAM: Program = Program::Own;

    fn reads(&self) -> Vec<Reads> {
        vec![Reads::named("of", &self.of, Thing::Trial, &[files::TRAINING, files::METRICS])]
    }

    fn facts(&self, _setting: &Setting, _inputs: &[Facts]) -> Facts {
        Facts::default()
    }

    fn complaints(&self, _setting: &Setting, inputs: &[Facts]) -> Vec<Complaint> {
        let trial = inputs.first().cloned().unwrap_or_default();
        [self.not_validated(&trial), self.of_another_split(&trial), self.twice()]
            .into_iter()
            .flatten()
            .collect()
    }
}

impl Select {
    fn not_validated(&self, trial: &Facts) -> Option<Complaint> {
        let message = "a choice goes by validation images, and there are none";
        let complaint = || Complaint::new(&["of"], message).against("of", &["per_class"]);
        let hint = "`per_class.valid` of the subset says how many there are";
        (trial.validates == Some(false)).then(|| complaint().hint(hint))
    }

    fn of_another_split(&self, trial: &Facts) -> Option<Complaint> {
        let (name, split) = match trial.scored? {
            Split::Valid => return None,
            Split::Test => ("test", "what is chosen on it is no longer tested by it"),
            Split::Train => ("training", "a network may know it by heart"),
        };
        let message = format!("`{}` scores the {name} split: {split}", self.of);
        let complaint = Complaint::new(&["of"], message).against("of", &["split"]);
        Some(complaint.hint("name the `train` stage itself, or set `split = \"valid\"` there"))
    }

    fn twice(&self) -> Option<Complaint> {
        let place = self.mean_over.iter().position(|axis| self.over.contains(axis))?;
        let message = format!("`{}` cannot be chosen and averaged over", self.mean_over[place]);
        Some(Complaint::new(&["mean_over", &place.to_string()], message))
    }
}
