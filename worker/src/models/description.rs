//! `network.json`: what must be known of a network to build it and to feed it, wherever it is scored.

use std::path::Path;

use anyhow::{Context, Result};
use pipeline::data::Split;
use pipeline::recipe::{self, Precision, Preprocess};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind};

use super::Network;
use crate::images::Images;
use crate::whitening::Whitening;

/// Everything about a trained network but its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The network's name, as tables write it.
    pub name: String,
    /// The network as the experiment wrote it, with its settings.
    pub network: recipe::Network,
    /// In the order of the logits.
    pub classes: Vec<String>,
    /// Height and width in pixels.
    pub image_size: u32,
    pub preprocess: Preprocess,
    /// Whether images are whitened instead, by the two tensors that `weights.safetensors` holds for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whitened: bool,
    /// How many values were trained.
    pub parameters: i64,
    pub precision: Precision,
}

impl Description {
    /// # Errors
    /// The file is missing or describes no network.
    pub fn read(path: &Path) -> Result<Description> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{shown}`"))?;
        serde_json::from_str(&text).with_context(|| format!("`{shown}` describes no network"))
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("names and numbers are JSON");
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// Images as the network takes them; `weights` is the file that belongs to this description.
    ///
    /// # Errors
    /// A label has no class, or the file is to hold a whitening and does not.
    pub fn images(&self, split: &Split, weights: &Path, device: Device) -> Result<Images> {
        let whitening = self.whitened.then(|| Whitening::of_weights(weights, self.image_size, device));
        let images = Images::load(split, &self.preprocess, self.classes.len(), device)?;
        Ok(images.whitened(whitening.transpose()?))
    }

    pub fn build(&self) -> Result<Network> {
        Network::new(&self.network, self.classes.len(), self.image_size)
    }
}

/// The number format of convolutions and dense layers.
pub fn kind_of(precision: Precision) -> Kind {
    match precision {
        // `auto` is settled before a job is written.
        Precision::Auto | Precision::Fp32 => Kind::Float,
        Precision::Bf16 => Kind::BFloat16,
    }
}
