//! What trainings freeze and what they start from, held against the networks' descriptions before anything runs.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::link::{Instance, Parts};
use super::problem::{Problem, Problems, nearest, quoted_list};
use super::tree::Node;
use crate::networks::{Parameter, Positions, Structure};
use crate::recipe::{Facts, Freeze, Recipe, Subset, Train, Weights};

/// Names that are listed of many.
const LISTED: usize = 6;

/// Weights as they are to be started from.
struct Found {
    /// Names and shapes.
    shapes: Vec<(String, Vec<i64>)>,
    /// Whether the last layer is theirs to give: its classes are known to be the same.
    with_head: bool,
}

/// What is wrong with the layers that a training names and the weights that it is to start from; `instances` holds its
/// inputs.
pub fn complain(parts: &Parts<'_>, instance: &Instance, instances: &[Instance], problems: &mut Problems) {
    let variant = parts.variant(instance);
    for (tree, recipe) in variant.candidates() {
        if let Recipe::Weights(weights) = recipe {
            problems.extend(no_weights(parts, weights, tree));
        }
        let Recipe::Train(train) = recipe else { continue };
        if train.freeze.is_none() && train.init_from.is_none() {
            continue;
        }
        let Some(network) = described(train, &instance.facts) else { continue };
        if let Some(freeze) = &train.freeze {
            problems.extend(wrong_layers(train, freeze, &network, tree));
        }
        let place = variant.reads.iter().position(|read| read.field == "init_from");
        let from = place.and_then(|place| instance.inputs[place]).map(|input| &instances[input]);
        let same = from.is_some_and(|from| {
            let drawn = |of| drawn(parts, of, instances).map(|subset| (&subset.dataset, &subset.classes));
            drawn(from).is_some() && drawn(from) == drawn(instance)
        });
        problems.extend(
            from.and_then(|from| {
                unfit(parts, (train, &network, instance.facts.image_size, same), from, tree)
            }),
        );
    }
}

/// What is there and no safetensors file; what is not there is told elsewhere.
fn no_weights(parts: &Parts<'_>, weights: &Weights, tree: &Node) -> Option<Problem> {
    let path = weights.path.as_ref()?;
    let whole = parts.setting.root.join(path);
    let error = header(&whole).err().filter(|_| whole.is_file())?;
    let message = format!("`{}` is no safetensors file: {error}", path.display());
    let hint = "in Python, `safetensors.torch.save_file(torch.load(FILE, weights_only=True), \"weights.safetensors\")` \
                turns PyTorch's own format into one";
    let origin = &tree.get("path")?.origin;
    Some(Problem::error(origin, message).hint(hint))
}

/// Whether nothing is frozen but weights that start from the training images, not by chance.
pub fn freezes_what_is_fitted(train: &Train, facts: &Facts) -> bool {
    let Some(Freeze::Layers(layers)) = &train.freeze else { return false };
    let frozen = |parameter: &&Parameter| layers.iter().any(|layer| parameter.is_below(layer));
    // Names and first values are the same at every size.
    let size = facts.image_size.unwrap_or_else(|| train.network.least_image_size());
    let network = described(train, &Facts { image_size: Some(size), ..facts.clone() });
    network.is_some_and(|network| network.parameters.iter().filter(frozen).all(Parameter::is_fitted))
}

/// Without the number of classes one stands for it: it matters to the last layer alone.
fn described(train: &Train, facts: &Facts) -> Option<Structure> {
    Structure::new(&train.network, facts.classes.unwrap_or(1), facts.image_size?).ok()
}

fn wrong_layers(train: &Train, freeze: &Freeze, network: &Structure, tree: &Node) -> Problems {
    let Freeze::Layers(layers) = freeze else { return Vec::new() };
    let name = train.network.name();
    let known = network.layer_names();
    let mut problems = Vec::new();
    let at = |path: &[String]| tree.towards(path).origin.clone();
    for (place, layer) in layers.iter().enumerate() {
        if known.contains(&layer.as_str()) {
            continue;
        }
        let origin = at(&["freeze".to_string(), place.to_string()]);
        let problem = Problem::error(&origin, format!("`{name}` has no layer `{layer}`"));
        let near = nearest(layer, known.iter().copied());
        problems.push(match near.is_empty() {
            false => problem.hint(format!("did you mean {}?", quoted_list(&near, "or"))),
            true => problem.hint(format!(
                "it has {}; `pipeline show {name} --image-size 64` lists all",
                some(known.iter().copied().filter(|name| !name.contains('.')))
            )),
        });
    }
    let frozen = |name: &Parameter| layers.iter().any(|layer| name.is_below(layer));
    if problems.is_empty() && network.parameters.iter().all(frozen) {
        let problem = Problem::error(&at(&["freeze".to_string()]), "`freeze` leaves nothing to train");
        problems.push(problem.hint("leave the last layer out of it"));
    }
    problems
}

/// The first of the weights that does not fit, and how many others do not.
fn unfit(
    parts: &Parts<'_>,
    (train, network, size, same_classes): (&Train, &Structure, Option<u32>, bool),
    from: &Instance,
    tree: &Node,
) -> Option<Problem> {
    let label = &parts.template(from).name;
    let origin = &tree.get("init_from")?.origin;
    let found = match parts.variant(from).recipe.as_ref()? {
        Recipe::Train(other) if other.network.name() == train.network.name() => {
            Found { shapes: shapes(other, from)?, with_head: same_classes }
        }
        Recipe::Weights(weights) => {
            let shapes = header(&parts.setting.root.join(weights.path.as_ref()?)).ok()?;
            Found { shapes, with_head: false }
        }
        _ => return None,
    };
    let head = network.head();
    let wanted = network.parameters.iter().enumerate();
    let wanted = wanted.filter(|(place, _)| found.with_head || !head.contains(place));
    let wanted = wanted.map(|(_, parameter)| (parameter.name.as_str(), parameter.shape.clone()));
    let kept = network.buffers.iter().map(|buffer| (buffer.name.as_str(), vec![buffer.channels]));
    let remedy = remedy((train, size), from, parts.variant(from).recipe.as_ref());
    let mut wrong =
        wanted.chain(kept).filter_map(|(name, shape)| misfit(&found, label, name, &shape, &remedy));
    let first = wrong.next()?;
    let others = match wrong.count() {
        0 => String::new(),
        1 => ", and another does not fit either".to_string(),
        more => format!(", and {more} others do not fit either"),
    };
    let problem = Problem::error(origin, first.message + &others);
    let problem =
        match parts.variant(from).tree.get("network").or_else(|| parts.variant(from).tree.get("path")) {
            Some(node) => problem.label(&node.origin, format!("the weights of `{label}`")),
            None => problem,
        };
    Some(problem.hint(first.remedy))
}

struct Misfit {
    message: String,
    remedy: String,
}

/// What makes weights of other shapes fit: `from` is what leaves them.
fn remedy((train, own): (&Train, Option<u32>), from: &Instance, recipe: Option<&Recipe>) -> String {
    let setting = train.network.sized_by();
    if let (Some(Recipe::Train(_)), Some(own), Some(there)) = (recipe, own, from.facts.image_size)
        && own != there
    {
        let settings = setting.map_or(String::new(), |name| format!(", or give both the same `{name}`"));
        return format!(
            "they were trained on images of {there} pixels, and this training has images of {own}: take one size for \
             both{settings}"
        );
    }
    let follows = setting.map_or_else(
        || "give the network the settings and the image size".to_string(),
        |name| format!("the first layers follow the image size where `{name}` is not given: give the network the settings"),
    );
    format!("{follows} that the weights were made with")
}

fn misfit(found: &Found, label: &str, name: &str, wanted: &[i64], other_shape: &str) -> Option<Misfit> {
    let Some((_, shape)) = found.shapes.iter().find(|(known, _)| known == name) else {
        let names = some(found.shapes.iter().map(|(name, _)| name.as_str()));
        let message = format!("`{label}` has no weights called `{name}` (it has {names})");
        let remedy = "they must be those of the same network, with torchvision's names, or timm's for `convnext`, \
                      `vit-tiny` and `swin`";
        return Some(Misfit { message, remedy: remedy.to_string() });
    };
    if shape == wanted || Positions::of(name, shape, wanted).is_some() {
        return None;
    }
    let message = format!("`{name}` of `{label}` has shape {shape:?} instead of {wanted:?}");
    Some(Misfit { message, remedy: other_shape.to_string() })
}

/// Names and shapes of the weights that a training leaves.
fn shapes(training: &Train, instance: &Instance) -> Option<Vec<(String, Vec<i64>)>> {
    let structure = described(training, &instance.facts)?;
    let trained = structure.parameters.into_iter().map(|parameter| (parameter.name, parameter.shape));
    let kept = structure.buffers.into_iter().map(|buffer| (buffer.name, vec![buffer.channels]));
    Some(trained.chain(kept).collect())
}

/// The subset that the images of a training were drawn as.
fn drawn<'a>(parts: &'a Parts<'_>, training: &'a Instance, instances: &'a [Instance]) -> Option<&'a Subset> {
    let mut at = training;
    loop {
        match parts.variant(at).recipe.as_ref()? {
            Recipe::Subset(subset) => return Some(subset),
            // The image set is what a stage reads first.
            _ => at = &instances[(*at.inputs.first()?)?],
        }
    }
}

/// A tensor as the header of a safetensors file tells of it.
#[derive(Deserialize)]
struct Told {
    shape: Vec<i64>,
}

/// Names and shapes in a safetensors file, without its values: 8 bytes of length, then JSON.
///
/// # Errors
/// It is none, or cannot be read.
fn header(path: &Path) -> std::io::Result<Vec<(String, Vec<i64>)>> {
    let mut file = File::open(path)?;
    let mut length = [0; 8];
    let there = file.metadata()?.len();
    let read = file.read_exact(&mut length).map(|()| u64::from_le_bytes(length));
    let Some(length) = read.ok().filter(|length| *length <= there.saturating_sub(8)) else {
        return Err(Error::new(ErrorKind::InvalidData, "it does not begin with a header"));
    };
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text)?;
    let tensors: Map<String, Json> = serde_json::from_slice(&text)?;
    let tensors = tensors.into_iter().filter(|(name, _)| name != "__metadata__");
    tensors.map(|(name, told)| Ok((name, serde_json::from_value::<Told>(told)?.shape))).collect()
}

fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.len() <= LISTED {
        return if names.is_empty() { "none".to_string() } else { quoted_list(&names, "and") };
    }
    let first: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    format!("{} and {} more", first.join(", "), names.len() - LISTED)
}
