//! `experts.json`: what must be known of experts to have students follow them.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use pipeline::engine::Task;
use pipeline::recipe::{self, Preprocess, files};
use serde::{Deserialize, Serialize};

use super::run::{Curve, Plan};
use crate::distil::real::Real;
use crate::models::Network;

/// Everything about experts but their weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// As the experiment wrote it, with its settings.
    pub network: recipe::Network,
    /// In the order of the logits.
    pub classes: Vec<String>,
    /// Height and width in pixels.
    pub image_size: u32,
    pub preprocess: Preprocess,
    /// Whether images were whitened instead.
    pub whitened: bool,
    /// SHA-256 of the training split.
    pub trained_on: String,
    pub experts: u64,
    pub epochs: u64,
    pub steps_per_epoch: u64,
    /// How many weights each has.
    pub parameters: i64,
    /// The order in which a row of `trajectories` holds weights: those that decay first, each part in the network's order.
    pub layout: String,
    /// Mean over the experts of the training accuracy in their last epoch, between 0 and 1.
    pub train_accuracy: f64,
}

impl Description {
    pub(super) fn of(task: &Task, plan: &Plan, real: &Real, curve: &Curve) -> Result<Description> {
        let network = &plan.lessons.network;
        let extent = plan.trajectories.extent;
        Ok(Description {
            network: plan.recipe.network.clone(),
            classes: real.classes.names().to_vec(),
            image_size: real.size()[0] as u32,
            preprocess: real.preprocess.clone(),
            whitened: plan.recipe.zca,
            trained_on: trained_on(task)?,
            experts: extent.experts,
            epochs: extent.epochs,
            steps_per_epoch: plan.lessons.order(0).steps_per_epoch(),
            parameters: network.count(),
            layout: layout(network),
            train_accuracy: curve.last_accuracy(),
        })
    }

    /// # Errors
    /// The file is missing or describes no experts.
    pub fn read(path: &Path) -> Result<Description> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{shown}`"))?;
        serde_json::from_str(&text).with_context(|| format!("`{shown}` describes no experts"))
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("names and numbers are JSON");
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// The network of the experts in the role `experts`, which must have been trained on images such as `real` holds.
    ///
    /// # Errors
    /// They were not.
    pub fn network_for(&self, task: &Task, real: &Real, whitened: bool) -> Result<Network> {
        let (experts, from) = (task.input_label("experts"), task.input_label("from"));
        ensure!(
            self.classes == real.classes.names(),
            "the experts `{experts}` tell other classes apart than `{from}` holds\n\
             hint: train them on the training split of `{from}`"
        );
        let ([height, width], side) = (real.size(), self.image_size as usize);
        ensure!(
            [height, width] == [side, side],
            "`{from}` has images of {width}×{height} pixels, and the experts `{experts}` took {side}×{side}"
        );
        ensure!(
            self.whitened == whitened,
            "the experts `{experts}` and the distillation are to see the same images: set `zca` alike in both"
        );
        let alike =
            if whitened { self.trained_on == trained_on(task)? } else { self.preprocess == real.preprocess };
        ensure!(
            alike,
            "the experts `{experts}` saw images that were {} otherwise than those of `{from}`\n\
             hint: train them on `{from}`",
            if whitened { "whitened" } else { "normalised" }
        );
        let network = Network::new(&self.network, self.classes.len(), self.image_size)?;
        ensure!(
            (network.count(), layout(&network)) == (self.parameters, self.layout.clone()),
            "the experts `{experts}` were made by another version of `pipeline`"
        );
        Ok(network)
    }
}

fn layout(network: &Network) -> String {
    format!("{:?}", network.layout()).to_lowercase()
}

/// The digest of the training split in the role `from`.
fn trained_on(task: &Task) -> Result<String> {
    let file = task.job.inputs.get("from").and_then(|input| input.files.get(files::TRAIN));
    Ok(file.context("the job has no training split")?.sha256.clone())
}
