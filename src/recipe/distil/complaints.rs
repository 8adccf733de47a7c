//! Settings of a distillation that cannot work, or cannot work together.

use super::{Distil, Forgetting, Method, PIXELS, experts, is_pixels};
use crate::recipe::network::convnet_depth;
use crate::recipe::{Complaint, Describe, Facts};

/// Pixels a side of the largest images that are whitened.
const WHITENED: u32 = 48;

/// `inputs` are in the order of the stages that it reads.
pub fn of(distil: &Distil, inputs: &[Facts]) -> Vec<Complaint> {
    let from = inputs.first().cloned().unwrap_or_default();
    let reads = distil.reads();
    let named =
        |field: &str| reads.iter().position(|read| read.field == field).and_then(|place| inputs.get(place));
    let own = [
        too_many(distil, &from),
        too_deep(distil, &from),
        too_large_to_whiten(distil.zca, &from),
        no_features(distil),
    ];
    let network = named("features").and_then(|network| other_images(&from, network));
    let experts = experts::complaints(distil, &from, named("experts"));
    own.into_iter().flatten().chain(network).chain(experts).chain(wrong_learner(distil, &from)).collect()
}

/// The network that `forgetting` trains.
fn wrong_learner(distil: &Distil, from: &Facts) -> Vec<Complaint> {
    let Method::Forgetting(Forgetting { network, optimizer, .. }) = &distil.method else { return Vec::new() };
    let found = network.complaints(from.image_size).into_iter().chain(optimizer.idle_nesterov());
    let below = ["method", distil.method.name()].map(String::from);
    found.map(|complaint| Complaint { field: [&below[..], &complaint.field].concat(), ..complaint }).collect()
}

fn too_many(distil: &Distil, from: &Facts) -> Option<Complaint> {
    let asked = distil.images_per_class;
    if matches!(distil.method, Method::ClassMean(_)) && asked > 1 {
        let message = format!("`class-mean` makes 1 image a class, not {asked}");
        return Some(Complaint::new(&["images_per_class"], message).hint("set `images_per_class = 1`"));
    }
    let there = from.train_per_class.filter(|there| asked > *there)?;
    let message = format!("{asked} images a class asked of a set that has {there}");
    Some(Complaint::new(&["images_per_class"], message).against("from", &["per_class", "train"]))
}

fn too_deep(distil: &Distil, from: &Facts) -> Option<Complaint> {
    let depth = distil.method.depth()?;
    let size = from.image_size.filter(|size| size >> depth == 0)?;
    let message = format!("{depth} blocks halve an image of {size} pixels to nothing");
    let hint = format!("at most {} blocks, or leave `depth` out for {}", size.ilog2(), convnet_depth(size));
    let field = ["method", distil.method.name(), "depth"];
    Some(Complaint::new(&field, message).hint(hint).against("from", &["image_size"]))
}

/// A whitening that would take minutes to fit, and hundreds of megabytes in every network.
pub fn too_large_to_whiten(zca: bool, from: &Facts) -> Option<Complaint> {
    let size = from.image_size.filter(|size| zca && *size > WHITENED)?;
    let (values, bytes) = (3 * u64::from(size).pow(2), 4 * (3 * u64::from(size).pow(2)).pow(2));
    let message = format!(
        "whitening images of {size} pixels takes {values} × {values} floats, {} MB in every set and network",
        bytes >> 20
    );
    let hint = format!("leave `zca` out, or set `image_size` to at most {WHITENED}");
    Some(Complaint::new(&["zca"], message).hint(hint).against("from", &["image_size"]))
}

/// A network that the method would not look at.
fn no_features(distil: &Distil) -> Option<Complaint> {
    if is_pixels(&distil.features) || distil.method.compares_images() {
        return None;
    }
    let message = format!("`{}` takes no features", distil.method.name());
    let hint = format!("leave `features` out, or set `features = \"{PIXELS}\"`");
    Some(Complaint::new(&["features"], message).hint(hint))
}

/// A network that cannot look at these images.
fn other_images(from: &Facts, network: &Facts) -> Option<Complaint> {
    let (images, trained) = (from.image_size?, network.image_size?);
    if images == trained {
        return None;
    }
    let message = format!("images of {images} pixels for a network trained on {trained}");
    Some(Complaint::new(&["features"], message).against("from", &["image_size"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn distil(method: &str, features: &str) -> Distil {
        let method = json!({ method: {} });
        let table =
            json!({ "from": "photos", "images_per_class": 1, "method": method, "features": features });
        serde_json::from_value(table).unwrap()
    }

    fn said(distil: &Distil, sizes: &[u32]) -> Vec<String> {
        let facts = |size: &u32| Facts { image_size: Some(*size), ..Facts::default() };
        let inputs: Vec<Facts> = sizes.iter().map(facts).collect();
        of(distil, &inputs).into_iter().map(|complaint| complaint.message).collect()
    }

    #[test]
    fn features_are_refused_where_no_images_are_compared() {
        assert_eq!(said(&distil("random", "net"), &[32, 32]), ["`random` takes no features"]);
        assert!(said(&distil("random", "pixels"), &[32]).is_empty());
        assert!(said(&distil("herding", "net"), &[32, 32]).is_empty());
    }

    #[test]
    fn large_images_are_not_whitened() {
        let whitened = Distil { zca: true, ..distil("random", "pixels") };
        let found = said(&whitened, &[64]);
        assert!(found[0].contains("12288 × 12288 floats, 576 MB"), "{found:?}");
        assert!(said(&whitened, &[48]).is_empty());
    }

    #[test]
    fn more_blocks_than_an_image_can_be_halved_are_refused_of_every_method() {
        for method in ["distribution-matching", "gradient-matching", "feature-regression"] {
            let mut table = serde_json::to_value(distil(method, "pixels")).unwrap();
            table["method"][method]["depth"] = json!(5);
            let found = of(
                &serde_json::from_value(table).unwrap(),
                &[Facts { image_size: Some(16), ..Facts::default() }],
            );
            assert_eq!(found[0].field, ["method", method, "depth"]);
        }
    }

    #[test]
    fn a_network_that_was_trained_on_other_sizes_is_refused() {
        let said = said(&distil("k-center", "net"), &[32, 64]);
        assert_eq!(said, ["images of 32 pixels for a network trained on 64"]);
    }
}
