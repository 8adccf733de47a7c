//! When a training ends, and which of its weights it leaves. Validation decides, never the test split.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Train;
use crate::recipe::{Complaint, Facts};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// The last weights.
    #[default]
    Last,
    /// Those with the best validation accuracy.
    Best,
}

impl Keep {
    pub(super) fn is_last(&self) -> bool {
        *self == Keep::Last
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IfDiverged {
    /// The stage fails, and with it what reads it.
    #[default]
    Fail,
    /// The training ends, and says so; its weights are worth nothing. For trials of a `[select.NAME]`.
    End,
}

impl IfDiverged {
    pub(super) fn is_fail(&self) -> bool {
        *self == IfDiverged::Fail
    }
}

impl Train {
    /// Whether validation images decide about anything.
    pub fn chooses(&self) -> bool {
        self.keep == Keep::Best || self.patience.is_some()
    }

    pub(super) fn wrong_ending(&self, from: &Facts) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        if self.chooses() && from.validates == Some(false) {
            let field = if self.patience.is_some() { "patience" } else { "keep" };
            let message = format!("`{field}` goes by validation images, and there are none");
            let complaint = Complaint::new(&[field], message).against("from", &["per_class"]);
            complaints.push(complaint.hint("`per_class.valid` of the subset says how many there are"));
        }
        if self.steps.is_some() && self.max_steps.is_some() {
            let complaint = Complaint::new(&["max_steps"], "`steps` and `max_steps` both say how many steps");
            complaints.push(complaint.hint("`max_steps` is a limit for `epochs`"));
        }
        complaints.extend(self.endless_patience());
        complaints
    }

    /// Validation that could not have got worse for so many points before the curve ends.
    fn endless_patience(&self) -> Option<Complaint> {
        let (patience, points) = (self.patience?, self.curve_points);
        let message = format!("a patience of {patience} points never ends a curve of {points}");
        let hint = match points {
            0..=2 => "a larger `curve_points`, of which the first can be the best".to_string(),
            _ => format!("at most {}, or a larger `curve_points`", points - 2),
        };
        let complaint = Complaint::new(&["patience"], message).hint(hint);
        (patience >= points).then_some(complaint)
    }
}
