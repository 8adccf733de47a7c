//! What a step makes smaller: the loss against labels, mixed with the distance to a teacher where there is one.

use anyhow::Result;
use pipeline::engine::Task;
use pipeline::recipe::{ClassWeights, Loss, Train};
use tch::{Device, Tensor};

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

    /// Of a batch: images `[n, 3, h, w]` as the network saw them, its logits `[n, classes]`, and labels `[n]` or
    /// `[n, classes]`.
    pub fn loss(&self, images: &Tensor, logits: &Tensor, labels: &Tensor) -> Tensor {
        let own = loss::mean(self.loss, logits, labels, self.smoothing, self.weights.as_ref());
        let Some(Lessons { teacher, temperature, share }) = &self.teacher else { return own };
        let taught = loss::distilled(logits, &teacher.logits(images), *temperature);
        own * (1.0 - share) + taught * *share
    }
}
