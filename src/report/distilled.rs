//! What `pipeline show` says of a distillation beside its set: its pictures, and the memory that it took.

use std::collections::BTreeMap;

use serde_json::Value;

use super::figures;
use crate::engine::Artifact;

/// Facts of receipts that stand in a section of their own.
pub const FACTS: [&str; 3] = [FORMING, ESTIMATE, PEAK];
const FORMING: &str = "forming";
const ESTIMATE: &str = "estimated_memory_bytes";
const PEAK: &str = "peak_memory_bytes";

/// Pictures beside the set and in it, each with what it shows; empty where there are none.
pub fn pictures(artifact: &Artifact) -> String {
    let moments = moments(&artifact.receipt.provenance);
    let all = [
        (artifact.measured("forming.png"), format!("a row a class, a column a moment: {moments}")),
        (artifact.measured("forming"), "all images at each moment".to_string()),
        (artifact.content("components.png"), "a row a class: the mean, then each component".to_string()),
    ];
    let there = all.iter().filter(|(path, _)| path.exists());
    there.map(|(path, shows)| format!("{}\n  {shows}\n", path.display())).collect()
}

/// `iterations 0, 250, 500`; what is no iteration stands behind them.
fn moments(facts: &BTreeMap<String, Value>) -> String {
    let named = facts.get(FORMING).and_then(Value::as_array).into_iter().flatten();
    let named: Vec<&str> = named.filter_map(Value::as_str).collect();
    format!("iterations {}", named.join(", "))
}

/// Memory as estimated before the start and as measured.
pub fn memory(facts: &BTreeMap<String, Value>) -> String {
    let line = |name: &str, what: &str| {
        let bytes = facts.get(name).and_then(Value::as_u64);
        bytes.map_or(String::new(), |bytes| format!("{what:29}  {}\n", figures::bytes(bytes)))
    };
    line(ESTIMATE, "estimated before the start") + &line(PEAK, "peak of the stage's process")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moments_keep_their_order_and_what_is_not_known_is_left_out() {
        let facts = |value: Value| serde_json::from_value::<BTreeMap<String, Value>>(value).unwrap();
        let formed = facts(json!({ "forming": ["0", "250", "1000", "centres"] }));
        assert_eq!(moments(&formed), "iterations 0, 250, 1000, centres");
        assert_eq!(memory(&formed), "");
        let told = facts(json!({ "estimated_memory_bytes": 181_000_000, "peak_memory_bytes": 176_400_000 }));
        assert_eq!(
            memory(&told),
            "estimated before the start     181 MB\npeak of the stage's process    176 MB\n"
        );
    }
}
