//! What a step makes smaller: the loss against labels, mixed with the distance to a teacher where there is one.

use anyhow::Result;
use pipeline::engine::Task;
use pipeline::recipe::{ClassWeights, Loss, Train};
use tch::{Device, Kind, Tensor};

use super::loss;
use super::set::Set;
use super::teacher::Teacher;

pub struct Objective {
    loss: Loss,
    smoothing: f64,
    /// Of each class, `[classes]`, 1 on average over the training images.
    weights: Option<Tensor>,
    teacher: Option<Lessons>,
}

/// A teacher, and how much is made of what it says.
struct Lessons {
    teacher: Teacher,
    temperature: f64,
    /// Share of the teacher in the loss.
    share: f64,
}

impl Objective {
    /// # Errors
    /// The teacher does not fit the images.
    pub fn open(task: &Task, recipe: &Train, set: &Set, device: Device) -> Result<Objective> {
        let lessons = |_: &String| -> Result<Lessons> {
            let teacher = Teacher::open(task, set, device)?;
            Ok(Lessons { teacher, temperature: recipe.temperature, share: recipe.teacher_weight })
        };
        let balanced = recipe.class_weights == Some(ClassWeights::Balanced);
        Ok(Objective {
            loss: recipe.loss,
            smoothing: recipe.label_smoothing,
            weights: balanced.then(|| loss::balanced(set.train.labels(), set.classes.len())),
            teacher: recipe.teacher.as_ref().map(lessons).transpose()?,
        })
    }

    /// Of a batch, or what a part of one has in it, so that those of all parts add up to it: images `[n, 3, h, w]` as the
    /// network saw them, its logits `[n, classes]`, labels `[n]` or `[n, classes]`, and `all` labels of the batch.
    pub fn loss(&self, images: &Tensor, logits: &Tensor, labels: &Tensor, all: &Tensor) -> Tensor {
        let own = loss::mean(self.loss, logits, labels, self.smoothing, self.weights.as_ref());
        let share = labels.size()[0] as f64 / all.size()[0] as f64;
        let of_batch = |mean: Tensor| if share == 1.0 { mean } else { mean * share };
        let own = match &self.weights {
            // With weights the mean over hard labels is a weighted one.
            Some(weights) if share < 1.0 && labels.kind() == Kind::Int64 => {
                let weight = |labels: &Tensor| weights.index_select(0, labels).sum(Kind::Float);
                own * (weight(labels) / weight(all))
            }
            _ => of_batch(own),
        };
        let Some(Lessons { teacher, temperature, share }) = &self.teacher else { return own };
        let taught = of_batch(loss::distilled(logits, &teacher.logits(images), *temperature));
        own * (1.0 - share) + taught * *share
    }
}
