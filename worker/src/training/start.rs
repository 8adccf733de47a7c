//! Where a training starts: at weights of another one or of a file, with some of them frozen.

use anyhow::{Context, Result, bail, ensure};
use pipeline::engine::Task;
use pipeline::networks::Parameter;
use pipeline::recipe::{Freeze, Train, files};
use serde::Deserialize;
use tch::{Device, Tensor};

use super::patches;
use super::set::Set;
use crate::models::start::{self, Head};
use crate::models::{Description, Network, Parameters};
use crate::randomness::{mix, purpose};

/// How a network is best trained on a distilled set.
#[derive(Deserialize)]
struct Student {
    lr: f64,
}

/// The recipe with the learning rate that was learned with its set, where it takes that.
///
/// # Errors
/// The set has none.
pub fn with_learned_rate(task: &Task, recipe: Train) -> Result<Train> {
    if !recipe.optimizer.learned_rate() {
        return Ok(recipe);
    }
    let path = task.input("from", files::STUDENT).with_context(|| {
        format!("no learning rate was learned with `{}`\nhint: give `lr` a number", task.input_label("from"))
    })?;
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{shown}`"))?;
    let Student { lr } =
        serde_json::from_str(&text).with_context(|| format!("`{shown}` holds no learning rate"))?;
    ensure!(lr.is_finite() && lr > 0.0, "`{shown}` has the learning rate {lr}");
    Ok(Train { optimizer: recipe.optimizer.at_rate(lr), ..recipe })
}

/// The network of the recipe, with what `freeze` names left as it starts.
///
/// # Errors
/// The network does not take the set's images, or `freeze` names no weights, or all of them.
pub fn network(recipe: &Train, set: &Set) -> Result<Network> {
    let network = Network::new(&recipe.network, set.classes.len(), set.image_size)?;
    let Some(freeze) = &recipe.freeze else { return Ok(network) };
    let frozen = frozen(freeze, &network, recipe.network.name())?;
    ensure!(
        frozen.contains(&false),
        "`freeze` leaves nothing to train\nhint: leave the last layer out of it"
    );
    Ok(network.freeze(frozen))
}

fn frozen(freeze: &Freeze, network: &Network, name: &str) -> Result<Vec<bool>> {
    let all = network.parameters();
    let layers = match freeze {
        Freeze::All(_) => {
            let head = network.head();
            return Ok((0..all.len()).map(|place| !head.contains(&place)).collect());
        }
        Freeze::Layers(layers) => layers,
    };
    for layer in layers {
        if !all.iter().any(|parameter| parameter.is_below(layer)) {
            bail!(
                "`freeze` names `{layer}`, and `{name}` has no such layer\nhint: it has {}; `pipeline show {name}` lists all",
                outermost(all).join(", ")
            );
        }
    }
    Ok(all.iter().map(|parameter| layers.iter().any(|layer| parameter.is_below(layer))).collect())
}

/// First parts of the names, each once, in order.
fn outermost(parameters: &[Parameter]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for parameter in parameters {
        let name = format!("`{}`", parameter.name.split('.').next().unwrap_or_default());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Weights and running statistics as the training begins: those that `init_from` names, else those of the seed.
///
/// # Errors
/// What is named belongs to another network.
pub fn first(
    task: &Task,
    recipe: &Train,
    network: &Network,
    set: &Set,
    device: Device,
) -> Result<(Parameters, Vec<Tensor>)> {
    let (parameters, buffers) = network.initial(mix(recipe.seed, &[purpose::WEIGHTS]), device);
    let Some(label) = &recipe.init_from else {
        patches::whiten(network, &parameters, set.train.len(), |places| set.train.at(places).0);
        return Ok((parameters, buffers));
    };
    // A file that was made elsewhere comes without a description.
    let description = task.input("init_from", files::NETWORK).ok().map(Description::read).transpose()?;
    let head = match description.map(|description| description.classes) {
        Some(classes) if classes == set.classes => Head::Taken,
        Some(_) => Head::New,
        None => Head::IfItFits,
    };
    let file = task.input("init_from", files::WEIGHTS)?;
    let taken = start::take(file, label, network, (&parameters, &buffers), head)?;
    task.note("started_from", label.as_str());
    task.note("new_last_layer", !taken);
    Ok((parameters, buffers))
}
