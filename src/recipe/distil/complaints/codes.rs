//! Codes that cannot work, or hold nothing.

use super::super::{Code, Dct, Decoder, Distil, Factor, Initial, Labelling, Method};
use super::SMALLEST_PATCH;
use crate::recipe::{Complaint, Facts};

/// A code that nobody would optimise, or that does not go with the images.
pub fn wrong(distil: &Distil, from: &Facts) -> Option<Complaint> {
    let code = distil.code.as_ref()?;
    let Some(init) = distil.method.codes() else {
        let message = format!("`{}` optimises no code", distil.method.name());
        return Some(Complaint::new(&["code"], message).hint("leave `code` out"));
    };
    if let Some(complaint) = twice(&distil.method) {
        return Some(complaint);
    }
    let size = from.image_size?;
    too_large(code, size).or_else(|| pictures(distil, code, init, from, size))
}

/// A method's own smaller pictures beside a code.
fn twice(method: &Method) -> Option<Complaint> {
    let factor = Some(method.pictures().isqrt()).filter(|factor| *factor > 1)?;
    let message = "`factor` and `code` both say what is optimised in place of pixels";
    let hint = format!("leave `factor` out; `code = {{ factor = {{ by = {factor} }} }}` is the same");
    Some(Complaint::new(&["method", method.name(), "factor"], message).hint(hint))
}

/// Parts of a code that an image does not have.
fn too_large(code: &Code, size: u32) -> Option<Complaint> {
    let (setting, message, hint) = match code {
        Code::Factor(Factor { by }) if size / by < SMALLEST_PATCH => {
            let message = format!("{by} pictures along {size} pixels leave less than {SMALLEST_PATCH} each");
            ("by", message, format!("set `by` to at most {}", (size / SMALLEST_PATCH).max(1)))
        }
        Code::Dct(Dct { keep, .. }) if *keep > size * size => {
            let message = format!("{keep} coefficients of images that have {} a channel", size * size);
            ("keep", message, format!("set `keep` to at most {}", size * size))
        }
        Code::Decoder(Decoder { depth: Some(depth), .. }) if size >> depth == 0 => {
            let message = format!("{depth} blocks halve an image of {size} pixels to nothing");
            ("depth", message, format!("set `depth` to at most {}", size.ilog2()))
        }
        Code::Pca(pca) if pca.side(size) > size => {
            let message = format!("components of {} pixels a side for images of {size}", pca.side(size));
            ("side", message, format!("set `side` to at most {size}"))
        }
        _ => return None,
    };
    let complaint = Complaint::new(&["code", code.name(), setting], message).hint(hint);
    Some(complaint.against("from", &["image_size"]))
}

/// A budget that holds no picture, or more than there are real images to start from.
fn pictures(distil: &Distil, code: &Code, init: Initial, from: &Facts, size: u32) -> Option<Complaint> {
    let pictures = code.pictures(distil.images_per_class, size, from.classes?);
    let field = ["code", code.name()];
    if pictures == 0 {
        let asked = distil.images_per_class;
        let message = format!("the values of {asked} images a class do not hold a picture of each");
        let hint = "raise `images_per_class`, or lower what the code keeps";
        return Some(Complaint::new(&field, message).hint(hint));
    }
    let there = from.train_per_class.filter(|there| pictures > u64::from(*there))?;
    if !init.is_real() {
        return None;
    }
    let message = format!("{pictures} pictures of a class start as real images, and the set has {there}");
    let fewer = match code {
        Code::Factor(_) => "lower `by`".to_string(),
        _ => format!("set `pictures = {there}` of `{}`", code.name()),
    };
    // Where an expert labels the images, they are real ones.
    let following = distil.method.following(distil.images_per_class);
    let real_only = following.is_some_and(|following| following.labels != Labelling::Hard);
    let hint = if real_only { fewer } else { format!("{fewer}, or `init = \"noise\"`") };
    Some(Complaint::new(&field, message).hint(hint).against("from", &["per_class", "train"]))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(method: Value, code: Value, zca: bool) -> Vec<Complaint> {
        let table =
            json!({ "from": "photos", "images_per_class": 1, "method": method, "code": code, "zca": zca });
        let mut distil: Distil = serde_json::from_value(table).unwrap();
        distil.experts = distil.method.following(1).map(|_| "teachers".to_string());
        let facts =
            Facts { image_size: Some(32), classes: Some(10), train_per_class: Some(12), ..Facts::default() };
        super::super::of(&distil, &[facts])
    }

    fn said(method: Value, code: Value) -> Vec<String> {
        found(method, code, false).into_iter().map(|complaint| complaint.message).collect()
    }

    fn matching(code: Value) -> Vec<String> {
        said(json!({ "distribution-matching": {} }), code)
    }

    #[test]
    fn every_method_that_optimises_images_takes_every_code_whitened_or_not() {
        let methods = [
            "distribution-matching",
            "gradient-matching",
            "feature-regression",
            "characteristic-function",
            "trajectory-matching",
            "difficulty-aligned",
        ];
        let codes = [
            json!({ "factor": {} }),
            json!({ "dct": { "pictures": 12 } }),
            json!({ "pca": { "components": 16, "pictures": 12 } }),
            json!({ "autoencoder": { "pictures": 12 } }),
        ];
        for (method, code) in
            methods.into_iter().flat_map(|method| codes.iter().map(move |code| (method, code)))
        {
            for zca in [false, true] {
                assert_eq!(found(json!({ method: {} }), code.clone(), zca), [], "{method} {code}");
            }
        }
    }

    #[test]
    fn smaller_pictures_are_asked_for_once_and_experts_label_none_that_start_as_noise() {
        let twice = found(json!({ "characteristic-function": { "factor": 3 } }), json!({ "dct": {} }), false);
        assert_eq!(twice[0].field, ["method", "characteristic-function", "factor"]);
        assert!(twice[0].hint.as_deref().unwrap().contains("`code = { factor = { by = 3 } }`"), "{twice:?}");
        let hint = |method: Value| found(method, json!({ "dct": {} }), false)[0].hint.clone().unwrap();
        let fewer = "set `pictures = 12` of `dct`";
        assert_eq!(hint(json!({ "difficulty-aligned": {} })), fewer);
        assert_eq!(hint(json!({ "trajectory-matching": {} })), format!("{fewer}, or `init = \"noise\"`"));
    }

    #[test]
    fn codes_are_refused_where_nobody_optimises_them_and_where_they_do_not_fit() {
        assert!(matching(json!({ "factor": {} })).is_empty());
        assert!(matching(json!({ "dct": { "pictures": 12 } })).is_empty());
        let random = said(json!({ "random": {} }), json!({ "factor": {} }));
        assert_eq!(random, ["`random` optimises no code"]);
        let large = [
            (json!({ "dct": { "keep": 2000 } }), "2000 coefficients of images that have 1024 a channel"),
            (json!({ "pca": { "side": 64 } }), "components of 64 pixels a side for images of 32"),
            (json!({ "pca": {} }), "the values of 1 images a class do not hold a picture of each"),
            (json!({ "autoencoder": { "depth": 6 } }), "6 blocks halve an image of 32 pixels to nothing"),
            (
                json!({ "autoencoder": { "width": 32 } }),
                "the values of 1 images a class do not hold a picture of each",
            ),
            (json!({ "dct": {} }), "15 pictures of a class start as real images, and the set has 12"),
        ];
        for (code, message) in large {
            assert_eq!(matching(code), [message]);
        }
    }
}
