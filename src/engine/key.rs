//! What a stage's key is the digest of, in one canonical spelling. Knows neither names, paths nor times.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::digest::FileDigest;
use super::stage::Stage;

/// Raised when pre-images are laid out differently: every key changes with it.
const DOMAIN: &str = "pipeline stage 1";

/// How many hex digits of a key name its folders.
const SHORT: usize = 16;

/// The files that a stage reads in each role. `None`: the input's artifact holds no file of that name, which is as
/// much a fact about the input as any other.
pub type InputFiles<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Option<&'a FileDigest>>>;

/// What a source is in the key: one file by its bytes, or a tree by its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceDigest {
    File(FileDigest),
    Tree { files: usize, sha256: String },
}

/// The pre-image of a stage's key: JSON without white space, keys sorted.
pub fn pre_image(stage: &Stage, inputs: &InputFiles, sources: &BTreeMap<&str, SourceDigest>) -> String {
    // Written in the order of the alphabet, as `canonical` would sort it: building a tree of values first would
    // cost more than all the rest of a plan.
    let mut text = String::with_capacity(1024);
    text.push_str("{\"domain\":");
    write_text(&mut text, DOMAIN);
    if !stage.environment.is_null() {
        text.push_str(",\"environment\":");
        canonical(&stage.environment, &mut text);
    }
    text.push_str(",\"inputs\":");
    write_map(&mut text, inputs, |text, files| write_map(text, files, |text, file| write_file(text, *file)));
    text.push_str(",\"kind\":");
    write_text(&mut text, stage.kind);
    text.push_str(",\"parameters\":");
    canonical(&stage.parameters, &mut text);
    text.push_str(",\"parts\":");
    write_map(&mut text, &stage.parts, |text, revision| text.push_str(&revision.to_string()));
    text.push_str(",\"sources\":");
    write_map(&mut text, sources, write_source);
    text.push('}');
    text
}

/// Appends `value` as JSON without white space, keys sorted and `-0.0` as `0.0`.
pub fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&str, &Value> = fields.iter().map(|(key, value)| (&**key, value)).collect();
            write_map(text, &sorted, |text, value| canonical(value, text));
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                canonical(item, text);
            }
            text.push(']');
        }
        Value::String(string) => write_text(text, string),
        Value::Number(number) if number.is_f64() && number.as_f64() == Some(0.0) => text.push_str("0.0"),
        Value::Number(number) => text.push_str(&number.to_string()),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Null => text.push_str("null"),
    }
}

/// SHA-256 as 64 hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The part of a key that names folders.
pub fn short(key: &str) -> &str {
    key.get(..SHORT).unwrap_or(key)
}

fn write_map<K: AsRef<str>, V>(
    text: &mut String,
    map: &BTreeMap<K, V>,
    mut write: impl FnMut(&mut String, &V),
) {
    text.push('{');
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_text(text, key.as_ref());
        text.push(':');
        write(text, value);
    }
    text.push('}');
}

fn write_file(text: &mut String, file: Option<&FileDigest>) {
    let Some(file) = file else { return text.push_str("null") };
    text.push_str("{\"sha256\":\"");
    text.push_str(&file.sha256);
    text.push_str("\",\"size\":");
    text.push_str(&file.size.to_string());
    text.push('}');
}

fn write_source(text: &mut String, source: &SourceDigest) {
    match source {
        SourceDigest::File(file) => write_file(text, Some(file)),
        SourceDigest::Tree { files, sha256 } => {
            text.push_str(&format!("{{\"files\":{files},\"sha256\":\"{sha256}\"}}"));
        }
    }
}

fn write_text(text: &mut String, string: &str) {
    text.push_str(&Value::from(string).to_string());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::super::fake::stage;
    use super::*;

    fn file(sha256: &str) -> FileDigest {
        FileDigest { size: 3, sha256: sha256.into() }
    }

    #[test]
    fn the_pre_image_is_spelt_once_and_for_all() {
        let mut one = stage("one", "a \"word\"", &[]);
        let train = file("ab");
        let files = BTreeMap::from([("train.safetensors", Some(&train)), ("preprocess.json", None)]);
        let inputs = InputFiles::from([("from", files)]);
        let tree = SourceDigest::Tree { files: 2, sha256: "ef".into() };
        let sources = BTreeMap::from([("photos", tree), ("prep.py", SourceDigest::File(file("cd")))]);
        let expected = concat!(
            r#"{"domain":"pipeline stage 1","inputs":{"from":{"preprocess.json":null,"#,
            r#""train.safetensors":{"sha256":"ab","size":3}}},"kind":"fake","#,
            r#""parameters":{"says":"a \"word\""},"parts":{"fake":1},"#,
            r#""sources":{"photos":{"files":2,"sha256":"ef"},"prep.py":{"sha256":"cd","size":3}}}"#,
        );
        assert_eq!(pre_image(&one, &inputs, &sources), expected);
        one.environment = json!({ "torch_threads": 1 });
        let with = expected.replacen(",\"inputs\"", ",\"environment\":{\"torch_threads\":1},\"inputs\"", 1);
        assert_eq!(pre_image(&one, &inputs, &sources), with);
        // What a receipt keeps says the same as what was digested.
        let mut again = String::new();
        canonical(&serde_json::from_str(&with).unwrap(), &mut again);
        assert_eq!(again, with);
    }

    #[test]
    fn names_and_needs_are_no_part_of_it() {
        let one = stage("one", "a", &[]);
        let mut other = stage("other", "a", &[]);
        other.needs.threads = 8;
        other.axes.insert("seed".into(), "1".into());
        other.provenance.insert("dataset".into(), "birds".into());
        let text = |stage| pre_image(stage, &InputFiles::new(), &BTreeMap::new());
        assert_eq!(text(&one), text(&other));
    }

    #[test]
    fn a_zero_has_no_sign() {
        let mut text = String::new();
        canonical(&json!([-0.0, 0.0, 0, -1.5]), &mut text);
        assert_eq!(text, "[0.0,0.0,0,-1.5]");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_order_of_a_table_does_not_matter(fields in prop::collection::btree_map(".{0,4}", any::<f64>(), 0..8)) {
            let text = |fields: Vec<(String, Value)>| {
                let mut text = String::new();
                canonical(&Value::Object(Map::from_iter(fields)), &mut text);
                text
            };
            let fields: Vec<(String, Value)> =
                fields.into_iter().map(|(key, value)| (key, json!({ "x": value, "a": value }))).collect();
            let backwards = fields.iter().rev().cloned().collect();
            let forwards = text(fields.clone());
            prop_assert_eq!(&forwards, &text(backwards));
            let read: Value = serde_json::from_str(&forwards).unwrap();
            let mut again = String::new();
            canonical(&read, &mut again);
            prop_assert_eq!(forwards, again);
        }
    }
}
