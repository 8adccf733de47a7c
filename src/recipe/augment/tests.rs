//! What is told before anything runs, and what an old key must not notice.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use super::super::{Machine, Recipe};
use super::*;

fn setting() -> Setting {
    let machine =
        Machine { cuda: false, deterministic: false, torch_threads: 1, libtorch: String::new(), bf16: false };
    Setting::new(machine, PathBuf::new(), BTreeMap::new())
}

fn augment(fields: serde_json::Value) -> Augment {
    let mut table = json!({ "from": "photos", "apply": [{ "edges": {} }, { "horizontal-flip": {} }] });
    table.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(table).unwrap()
}

/// Fields complained of, of a set with 40 training images a class.
fn complained(fields: serde_json::Value) -> Vec<String> {
    let facts = Facts { train_per_class: Some(40), ..Facts::default() };
    let complaints = augment(fields).complaints(&setting(), &[facts]);
    complaints.into_iter().map(|complaint| complaint.field.join(".")).collect()
}

fn images_per_class(fields: serde_json::Value) -> Option<u32> {
    let facts = Facts { train_per_class: Some(40), ..Facts::default() };
    augment(fields).facts(&setting(), &[facts]).train_per_class
}

#[test]
fn defaults_of_later_settings_are_no_part_of_the_key() {
    let apply = json!([{ "brightness": {} }, { "gaussian-noise": { "sd": 8.0 } }, { "grid-noise": {} }]);
    let recipe = Recipe::Augment(augment(json!({ "apply": apply })));
    let grid = json!({ "spacing": 16, "thickness": 1, "level": 0 });
    let wanted = json!({
        "apply": [{ "brightness": { "by": 0.2 } }, { "gaussian-noise": { "sd": 8.0 } }, { "grid-noise": grid }],
        "ops_per_copy": null, "copies": 1, "keep_originals": true, "seed": 0,
    });
    assert_eq!(recipe.parameters(&setting()).unwrap(), wanted);
    let parts: Vec<String> = recipe.parts().into_keys().collect();
    assert_eq!(parts, ["augment", "op.brightness", "op.gaussian-noise", "op.grid-noise"]);
}

#[test]
fn a_policy_other_than_the_default_is_part_of_the_key() {
    let recipe = Recipe::Augment(augment(json!({ "policy": { "one-copy-per-op": {} } })));
    assert_eq!(recipe.parameters(&setting()).unwrap()["policy"], json!({ "one-copy-per-op": {} }));
    assert_eq!(recipe.parts()["policy.one-copy-per-op"], 1);
}

#[test]
fn the_number_of_images_a_class_is_known_beforehand() {
    assert_eq!(images_per_class(json!({ "copies": 3 })), Some(160));
    assert_eq!(images_per_class(json!({ "copies": 3, "keep_originals": false })), Some(120));
    assert_eq!(images_per_class(json!({ "copies": 3, "policy": { "one-copy-per-op": {} } })), Some(280));
    assert_eq!(images_per_class(json!({ "policy": { "class-balanced": {} } })), Some(80));
    assert_eq!(images_per_class(json!({ "policy": { "class-balanced": { "per_class": 50 } } })), Some(50));
}

#[test]
fn settings_that_cannot_work_are_told_at_their_place() {
    assert_eq!(complained(json!({})), [""; 0]);
    assert_eq!(complained(json!({ "ops_per_copy": 3 })), ["ops_per_copy"]);
    assert_eq!(
        complained(json!({ "policy": { "one-copy-per-op": {} }, "ops_per_copy": 1 })),
        ["ops_per_copy"]
    );
    let balanced = |per_class: u32| json!({ "class-balanced": { "per_class": per_class } });
    assert_eq!(complained(json!({ "policy": balanced(40) })), ["policy.class-balanced.per_class"]);
    assert_eq!(complained(json!({ "policy": balanced(41) })), [""; 0]);
    assert_eq!(complained(json!({ "policy": balanced(10), "keep_originals": false })), [""; 0]);
    assert_eq!(complained(json!({ "policy": balanced(90), "copies": 2 })), ["copies"]);
    let apply = json!([
        { "brightness": { "by": [0.3, -0.3] } },
        { "salt-and-pepper": { "share": [0.2, 0.1] } },
        { "grid-noise": { "share": 0.5 } },
        { "grid-noise": { "spacing": 8, "thickness": 8, "shape": "squares" } },
    ]);
    let wanted =
        ["0.brightness.by", "1.salt-and-pepper.share", "2.grid-noise.share", "3.grid-noise.thickness"];
    assert_eq!(complained(json!({ "apply": apply })), wanted.map(|place| format!("apply.{place}")));
}
