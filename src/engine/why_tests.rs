//! Tests of `why.rs`.

use serde_json::json;

use super::*;

fn texts(old: Value, new: Value) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    difference(&old, &new, &store).iter().map(Difference::to_string).collect()
}

#[test]
fn a_parameter_is_named_by_its_path_with_both_values() {
    let image = |lr: f64| json!({ "parameters": { "optimizer": { "sgd": { "lr": lr, "momentum": 0.9 } } } });
    assert_eq!(texts(image(0.01), image(0.02)), ["parameter `optimizer.sgd.lr` 0.01 → 0.02"]);
}

#[test]
fn another_choice_is_one_difference_and_its_parts_are_not_listed_again() {
    let image =
        |name: &str| json!({ "parameters": { "optimizer": { name: { "lr": 0.1 } } }, "parts": { name: 1 } });
    assert_eq!(texts(image("sgd"), image("adam-w")), ["parameter `optimizer` sgd → adam-w"]);
}

#[test]
fn every_kind_of_difference_has_its_words() {
    let file = |sha: &str| json!({ "size": 3, "sha256": sha });
    let old = json!({
        "parameters": { "gone": true },
        "parts": { "op.brightness": 1 },
        "environment": { "torch_threads": 1 },
        "inputs": { "from": { "train.safetensors": file("a"), "x": file("b") } },
        "sources": { "prep.py": file("a"), "photos": { "files": 3, "sha256": "a" } },
    });
    let new = json!({
        "parameters": { "new": "text" },
        "parts": { "op.brightness": 2 },
        "environment": { "torch_threads": 2 },
        "inputs": { "from": { "train.safetensors": file("c"), "x": null } },
        "sources": { "prep.py": file("b"), "photos": { "files": 4, "sha256": "b" } },
    });
    let expected = [
        "parameter `gone` removed (was true)",
        "parameter `new` added: text",
        "part `op.brightness` revision 1 → 2",
        "environment `torch_threads` 1 → 2",
        "input `from`: `train.safetensors` has other bytes",
        "input `from`: `x` is removed",
        "source `photos`: 3 files → 4 files of other content",
        "file `prep.py` has other bytes",
    ];
    assert_eq!(texts(old.clone(), new), expected);
    assert!(texts(old.clone(), old).is_empty());
}
