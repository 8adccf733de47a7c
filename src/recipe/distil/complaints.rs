//! Settings of a distillation that cannot work, or cannot work together.

mod codes;

use super::{Distil, Forgetting, Method, PIXELS, experts, is_pixels};
use crate::recipe::network::too_deep;
use crate::recipe::{Complaint, Describe, Facts};

/// Pixels a side of the largest images that are whitened.
const WHITENED: u32 = 48;
/// Pixels a side of the smallest patches: less shows nothing.
const SMALLEST_PATCH: u32 = 4;

/// `inputs` are in the order of the stages that it reads.
pub fn of(distil: &Distil, inputs: &[Facts]) -> Vec<Complaint> {
    let from = inputs.first().cloned().unwrap_or_default();
    let reads = distil.reads();
    let named =
        |field: &str| reads.iter().position(|read| read.field == field).and_then(|place| inputs.get(place));
    let own = [
        too_many(distil, &from),
        too_many_blocks(distil, &from),
        too_large_to_whiten(distil.zca, &from),
        no_features(distil),
        no_teacher(distil),
        no_pool(distil),
        too_few_crops(distil, &from),
        too_small_patches(distil, &from),
        too_few_to_start(distil, &from),
        codes::wrong(distil, &from),
    ];
    let networks = reads.iter().zip(inputs).skip(1).filter(|(read, _)| read.field != "experts");
    let networks = networks.filter_map(|(read, network)| other_images(read.field, &from, network));
    let experts = experts::complaints(distil, &from, named("experts"));
    own.into_iter().flatten().chain(networks).chain(experts).chain(wrong_learner(distil, &from)).collect()
}

/// The network that `forgetting` trains.
fn wrong_learner(distil: &Distil, from: &Facts) -> Vec<Complaint> {
    let Method::Forgetting(Forgetting { network, optimizer, .. }) = &distil.method else { return Vec::new() };
    let of_optimizer = optimizer.complaints().into_iter().chain(optimizer.no_set_to_learn_from());
    let found = network.complaints(from.image_size).into_iter().chain(of_optimizer);
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
    let hint = format!("set `images_per_class` to at most {there}, or raise `per_class.train` of the subset");
    Some(Complaint::new(&["images_per_class"], message).hint(hint).against("from", &["per_class", "train"]))
}

fn too_many_blocks(distil: &Distil, from: &Facts) -> Option<Complaint> {
    let (depth, method) = (distil.method.depth()?, &distil.method);
    too_deep(&["method", method.name(), "depth"], depth, method.padding(), from.image_size?)
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

/// A teacher that is missing, or that nobody would ask.
fn no_teacher(distil: &Distil) -> Option<Complaint> {
    let method = distil.method.name();
    match (&distil.teacher, distil.method.asks_teacher()) {
        (None, true) => {
            let message = format!("`{method}` asks a `teacher`, and none is named");
            let hint = "train one on the same classes and name it: `teacher = \"NAME\"` of `[train.NAME]`";
            Some(Complaint::new(&["method"], message).hint(hint))
        }
        (Some(_), false) => {
            let message = format!("`{method}` asks no teacher");
            Some(Complaint::new(&["teacher"], message).hint("leave `teacher` out"))
        }
        _ => None,
    }
}

/// Networks that nobody would look through, or not as they were trained.
fn no_pool(distil: &Distil) -> Option<Complaint> {
    if distil.pool.is_empty() {
        return None;
    }
    let method = distil.method.name();
    if !distil.method.looks_through_pool() {
        let message = format!("`{method}` looks through no `pool`");
        return Some(Complaint::new(&["pool"], message).hint("leave `pool` out"));
    }
    let message = "networks of `pool` are trained on images that are not whitened";
    distil.zca.then(|| Complaint::new(&["zca"], message).hint("leave `zca` out, or `pool`"))
}

/// More pictures in the images than real ones to start from.
fn too_few_to_start(distil: &Distil, from: &Facts) -> Option<Complaint> {
    let Method::CharacteristicFunction(settings) = &distil.method else { return None };
    let pictures = distil.method.pictures();
    if pictures == 1 || !settings.init.is_real() {
        return None;
    }
    let wanted = distil.images_per_class * pictures;
    let there = from.train_per_class.filter(|there| wanted > *there)?;
    let message = format!("{wanted} pictures of a class start as real images, and the set has {there}");
    let field = ["method", distil.method.name(), "factor"];
    let hint = "lower `factor`, or set `init = \"noise\"`";
    Some(Complaint::new(&field, message).hint(hint).against("from", &["per_class", "train"]))
}

fn too_few_crops(distil: &Distil, from: &Facts) -> Option<Complaint> {
    let Method::RealisticPatches(settings) = &distil.method else { return None };
    let wanted = settings.patches(distil.images_per_class);
    let images = from.train_per_class.map_or(settings.real_images, |there| settings.real_images.min(there));
    let crops = images.saturating_mul(settings.crops);
    if crops >= wanted {
        return None;
    }
    let message = format!("{wanted} patches of a class asked of {images} images × {} crops", settings.crops);
    let field = ["method", distil.method.name(), "crops"];
    let hint = format!("set `crops` to at least {}", wanted.div_ceil(images.max(1)));
    Some(Complaint::new(&field, message).hint(hint).against("from", &["per_class", "train"]))
}

fn too_small_patches(distil: &Distil, from: &Facts) -> Option<Complaint> {
    let factor = match &distil.method {
        Method::RealisticPatches(settings) => settings.factor,
        Method::CharacteristicFunction(settings) => settings.factor,
        _ => return None,
    };
    let size = from.image_size.filter(|size| size / factor < SMALLEST_PATCH)?;
    let message = format!("{factor} pictures along {size} pixels leave less than {SMALLEST_PATCH} each");
    let hint = format!("set `factor` to at most {}", (size / SMALLEST_PATCH).max(1));
    let field = ["method", distil.method.name(), "factor"];
    Some(Complaint::new(&field, message).hint(hint).against("from", &["image_size"]))
}

/// A network that cannot look at these images, or tells apart another number of classes.
fn other_images(field: &'static str, from: &Facts, network: &Facts) -> Option<Complaint> {
    if let (Some(images), Some(trained)) = (from.image_size, network.image_size)
        && images != trained
    {
        let message = format!("images of {images} pixels for a network trained on {trained}");
        return Some(Complaint::new(&[field], message).against("from", &["image_size"]));
    }
    let (classes, told) = (from.classes?, network.classes?);
    let message = format!("images of {classes} classes for a network that tells apart {told}");
    (classes != told).then(|| Complaint::new(&[field], message).against("from", &["classes"]))
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
        let looking =
            ["distribution-matching", "gradient-matching", "feature-regression", "characteristic-function"];
        for method in looking {
            let mut table = serde_json::to_value(distil(method, "pixels")).unwrap();
            assert_eq!(table["method"][method].get("padding"), None);
            table["method"][method]["depth"] = json!(5);
            let facts = [Facts { image_size: Some(28), ..Facts::default() }];
            let found = of(&serde_json::from_value(table.clone()).unwrap(), &facts);
            assert_eq!(found[0].field, ["method", method, "depth"]);
            table["method"][method]["padding"] = json!(3);
            assert_eq!(of(&serde_json::from_value(table).unwrap(), &facts), []);
        }
    }

    /// `realistic-patches` with a teacher.
    fn patches(settings: serde_json::Value, images_per_class: u32) -> Distil {
        let table = json!({ "from": "photos", "images_per_class": images_per_class, "teacher": "net",
                            "method": { "realistic-patches": settings } });
        serde_json::from_value(table).unwrap()
    }

    #[test]
    fn a_teacher_is_wanted_by_patches_and_refused_elsewhere() {
        let taught = patches(json!({}), 1);
        assert!(said(&taught, &[32, 32]).is_empty());
        let alone = Distil { teacher: None, ..taught.clone() };
        assert_eq!(said(&alone, &[32]), ["`realistic-patches` asks a `teacher`, and none is named"]);
        assert_eq!(said(&taught, &[32, 64]), ["images of 32 pixels for a network trained on 64"]);
        let random = Distil { method: distil("random", "pixels").method, ..taught };
        assert_eq!(said(&random, &[32, 32]), ["`random` asks no teacher"]);
    }

    #[test]
    fn a_pool_is_refused_where_nobody_looks_through_it_or_images_are_whitened() {
        let pool = |method| Distil { pool: vec!["a".into(), "b".into()], ..distil(method, "pixels") };
        let own = pool("characteristic-function");
        assert!(said(&own, &[32, 32, 32]).is_empty());
        let other = "images of 32 pixels for a network trained on 64";
        assert_eq!(said(&own, &[32, 32, 64]), [other]);
        let whitened = Distil { zca: true, ..own };
        let message = "networks of `pool` are trained on images that are not whitened";
        assert_eq!(said(&whitened, &[32, 32, 32]), [message]);
        let refused = "`distribution-matching` looks through no `pool`";
        assert_eq!(said(&pool("distribution-matching"), &[32, 32, 32]), [refused]);
    }

    #[test]
    fn more_pictures_than_there_are_real_images_start_as_noise_alone() {
        let photos = Facts { train_per_class: Some(10), image_size: Some(32), ..Facts::default() };
        let asked = |settings: serde_json::Value| {
            let mut table = serde_json::to_value(distil("random", "pixels")).unwrap();
            table["images_per_class"] = json!(3);
            table["method"] = json!({ "characteristic-function": settings });
            of(&serde_json::from_value(table).unwrap(), std::slice::from_ref(&photos))
        };
        let message = "12 pictures of a class start as real images, and the set has 10";
        for init in ["real", "herding"] {
            assert_eq!(asked(json!({ "factor": 2, "init": init }))[0].message, message);
        }
        assert!(asked(json!({ "factor": 2, "init": "noise" })).is_empty());
        assert!(asked(json!({})).is_empty());
    }

    #[test]
    fn patches_that_are_too_many_or_too_small_are_refused_with_what_would_do() {
        let few = Facts { train_per_class: Some(10), ..Facts::default() };
        let found = of(&patches(json!({ "crops": 5, "factor": 2 }), 10), &[few.clone(), Facts::default()]);
        assert!(found.is_empty(), "{found:?}");
        let found = of(&patches(json!({ "crops": 3, "factor": 2 }), 10), &[few, Facts::default()]);
        assert_eq!(found[0].message, "40 patches of a class asked of 10 images × 3 crops");
        assert_eq!(found[0].hint.as_deref(), Some("set `crops` to at least 4"));
        let small = patches(json!({ "factor": 8 }), 1);
        assert_eq!(said(&small, &[28, 28]), ["8 pictures along 28 pixels leave less than 4 each"]);
        assert_eq!(
            of(&small, &[Facts { image_size: Some(28), ..Facts::default() }])[0].hint.as_deref(),
            Some("set `factor` to at most 7")
        );
        assert!(said(&small, &[32, 32]).is_empty());
    }

    #[test]
    fn a_network_that_was_trained_on_other_sizes_is_refused() {
        let said = said(&distil("k-center", "net"), &[32, 64]);
        assert_eq!(said, ["images of 32 pixels for a network trained on 64"]);
    }
}
