//! What of a network is trained, and what it starts from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Train;
use crate::recipe::{Complaint, Describe, Facts};

/// Weights that stay as they start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Freeze {
    All(Backbone),
    /// Names of layers; each stands for all whose names it begins.
    Layers(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backbone {
    /// All but the last layer.
    Backbone,
}

impl Train {
    /// What is known of the stage that `field` names.
    pub(super) fn known_of<'a>(&self, field: &str, inputs: &'a [Facts]) -> Option<&'a Facts> {
        let place = self.reads().iter().position(|read| read.field == field)?;
        inputs.get(place)
    }

    /// A list of layers that holds none.
    pub(super) fn empty_freeze(&self) -> Option<Complaint> {
        let Some(Freeze::Layers(layers)) = &self.freeze else { return None };
        let complaint = || Complaint::new(&["freeze"], "`freeze` names no layer");
        let hint = "leave it out; or name layers, or `\"backbone\"` for all but the last";
        layers.is_empty().then(|| complaint().hint(hint))
    }

    /// Weights of one network do not fit another.
    pub(super) fn another_network(&self, inputs: &[Facts]) -> Option<Complaint> {
        let (own, there) = (self.network.name(), self.known_of("init_from", inputs)?.network?);
        let message = format!("weights of `{there}` cannot start `{own}`");
        let complaint = Complaint::new(&["init_from"], message).against("init_from", &["network"]);
        (own != there)
            .then(|| complaint.hint("both must be the same network, with the same widths and depths"))
    }
}
