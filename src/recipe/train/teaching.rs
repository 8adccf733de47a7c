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
        let sizes = [inputs.first(), self.known_of("teacher", inputs)].map(|facts| facts?.image_size);
        match sizes {
            [Some(own), Some(there)] if own != there => {
                let message = format!("images of {own} pixels for a teacher trained on {there}");
                vec![Complaint::new(&["teacher"], message).against("from", &["image_size"])]
            }
            _ => Vec::new(),
        }
    }
}
