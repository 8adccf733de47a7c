//! What a run's network was trained on, how, and what had to be made before.

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};

use super::runs::content;
use super::stored::Stored;
use crate::data::{Labels, Split};
use crate::recipe::files;

/// Where a run's network comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    pub images: Images,
    /// Name of the stage that the images were drawn by or, of a distilled set, those that were distilled.
    pub subset: Option<String>,
    /// How it was trained.
    pub recipe: Option<Recipe>,
    /// Wall seconds of the networks that were trained for the distillation or as teachers; `None` where there are none.
    pub teacher_secs: Option<f64>,
    /// Wall seconds of the distillations that the run rests on; `None` where there are none.
    pub distil_secs: Option<f64>,
}

/// What a training was, as far as another may differ from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipe {
    /// All its settings but the seed and the random changes of the batch, as JSON.
    pub settings: String,
    /// The random changes, as JSON; `[]` for none.
    pub transforms: String,
}

impl Recipe {
    /// Whether batches are changed at random.
    pub fn augments(&self) -> bool {
        self.transforms != "[]"
    }
}

/// What a run's training images are.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Images {
    /// Those of a subset.
    Full,
    Distilled(Distillation),
    /// Augmented, or made by a command.
    #[default]
    Other,
}

impl Images {
    /// Of a distilled set, the values that are stored of its images and soft labels.
    pub fn stored_floats(&self) -> Option<u64> {
        match self {
            Images::Distilled(distillation) => distillation.stored_floats,
            _ => None,
        }
    }
}

/// What is wanted of `distillation.json`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Distillation {
    pub method: Option<String>,
    pub images_per_class: Option<u64>,
    /// Values that are stored of images and soft labels.
    pub stored_floats: Option<u64>,
    /// Whether every image is of one class and no other.
    #[serde(skip)]
    pub hard_labels: bool,
}

impl Origin {
    /// Of the run whose scores `evaluate` made.
    ///
    /// # Errors
    /// When a file of an artifact is there and cannot be read.
    pub fn of(stored: &Stored, evaluate: usize) -> Result<Origin> {
        let launch = stored.launch;
        let train = launch.input(evaluate, "of");
        let seen = train.and_then(|train| launch.input(train, "from"));
        let is_distilled = |seen: usize| launch.stages[seen].kind == "distil";
        let drawn = seen.map(|seen| {
            let from = launch.input(seen, "from").filter(|_| is_distilled(seen));
            launch.stages[from.unwrap_or(seen)].name.clone()
        });
        Ok(Origin {
            images: seen.map_or(Ok(Images::Other), |seen| images(stored, seen))?,
            subset: drawn,
            recipe: train.and_then(|train| recipe(stored, train)),
            teacher_secs: secs_of(stored, evaluate, |at, kind| {
                matches!(kind, "train" | "experts") && Some(at) != train
            }),
            distil_secs: secs_of(stored, evaluate, |_, kind| kind == "distil"),
        })
    }
}

/// Of the stages that a run rests on and that are `wanted` by place and kind, each once; `None` where there is none, or the
/// cost of one is not known.
fn secs_of(stored: &Stored, stage: usize, wanted: impl Fn(usize, &str) -> bool) -> Option<f64> {
    let stages = stored.launch.lineage(stage).into_iter();
    let wanted: Vec<usize> = stages.filter(|at| wanted(*at, &stored.launch.stages[*at].kind)).collect();
    let secs: Option<f64> = wanted.iter().map(|at| Some(stored.made(*at)?.took_secs)).sum();
    secs.filter(|_| !wanted.is_empty())
}

/// What an image set's training images are.
fn images(stored: &Stored, stage: usize) -> Result<Images> {
    match stored.launch.stages[stage].kind.as_str() {
        "subset" => Ok(Images::Full),
        "distil" => {
            let facts: Distillation = content(stored, Some(stage), files::DISTILLATION)?;
            let split = stored.content(stage, files::TRAIN).and_then(|path| Split::open(&path).ok());
            let hard_labels = split.is_some_and(|split| matches!(split.labels(), Labels::Hard(_)));
            Ok(Images::Distilled(Distillation { hard_labels, ..facts }))
        }
        _ => Ok(Images::Other),
    }
}

/// How a network was trained, as its key says.
fn recipe(stored: &Stored, train: usize) -> Option<Recipe> {
    let mut settings = stored.artifact(train)?.receipt.pre_image.get("parameters")?.as_object()?.clone();
    settings.remove("seed");
    let transforms = settings.remove("transforms").unwrap_or_else(|| json!([])).to_string();
    Some(Recipe { settings: Value::Object(settings).to_string(), transforms })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn a_distilled_run_knows_its_subset_and_what_each_part_took() {
        let fixture = Fixture::birds();
        let of = |place: usize| Origin::of(&fixture.stored(), fixture.launch.runs[place].evaluate).unwrap();
        let (full, distilled) = (of(0), of(6));
        assert_eq!((&full.images, full.distil_secs, full.teacher_secs), (&Images::Full, None, None));
        assert!(matches!(distilled.images, Images::Distilled(_)));
        assert_eq!((distilled.subset.as_deref(), full.subset.as_deref()), (Some("photos"), Some("photos")));
        assert_eq!(distilled.distil_secs, Some(40.0));
        let recipe = full.recipe.unwrap();
        assert_eq!(recipe.transforms, "[]");
        assert!(recipe.settings.contains("\"steps\":600") && !recipe.augments(), "{recipe:?}");
    }

    #[test]
    fn the_networks_of_a_pool_are_counted_once_each_and_the_student_is_none() {
        let mut fixture = Fixture::birds();
        let scored = fixture.launch.runs[6].evaluate;
        let student = fixture.launch.input(scored, "of").unwrap();
        let tiny = fixture.launch.input(student, "from").unwrap();
        let teacher = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
        let read = |stage| super::super::launch::InputRecord { role: "pool.0".into(), stage };
        fixture.launch.stages[tiny].inputs.push(read(teacher));
        assert_eq!(Origin::of(&fixture.stored(), scored).unwrap().teacher_secs, Some(120.0));
    }
}
