//! What a training learns from beside its labels: a teacher, and how much each class counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Train, teacher_weight, temperature};
use crate::recipe::{Complaint, Facts};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// Images / (classes × images of the class): every class counts alike, however many images it has.
    Balanced,
}

impl Train {
    pub(super) fn wrong_teaching(&self, inputs: &[Facts]) -> Vec<Complaint> {
        if self.teacher.is_none() {
            let idle = [
                ("temperature", self.temperature != temperature()),
                ("teacher_weight", self.teacher_weight != teacher_weight()),
            ];
            let complaint = |field: &str| {
                Complaint::new(&[field], format!("`{field}` is of no use without `teacher`"))
                    .hint("`teacher` names the `[train.NAME]` to learn from")
            };
            return idle.iter().filter(|(_, given)| *given).map(|(field, _)| complaint(field)).collect();
        }
        let (own, teacher) = (inputs.first(), self.known_of("teacher", inputs));
        [other_size(own, teacher), other_classes(own, teacher)].into_iter().flatten().collect()
    }
}

fn other_size(own: Option<&Facts>, teacher: Option<&Facts>) -> Option<Complaint> {
    let (own, there) = (own?.image_size?, teacher?.image_size?);
    let message = format!("images of {own} pixels for a teacher trained on {there}");
    let hint = format!("train the teacher on images of {own} pixels, or this network on images of {there}");
    let complaint = || Complaint::new(&["teacher"], message).hint(hint).against("from", &["image_size"]);
    (own != there).then(complaint)
}

fn other_classes(own: Option<&Facts>, teacher: Option<&Facts>) -> Option<Complaint> {
    let (own, there) = (own?.classes?, teacher?.classes?);
    let message = format!("images of {own} classes for a teacher that tells apart {there}");
    let complaint = || Complaint::new(&["teacher"], message).against("from", &["classes"]);
    (own != there).then(|| complaint().hint("both must be trained on the same classes"))
}
