//! Parameters that are known only once an input is there: the key holds where they stand, and the input's bytes.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// The one field of a table that stands for a value of an input's file.
const TAKEN: &str = "$taken";

/// What stands for the value at the path `at` of the JSON file `file` of the input in `role`.
pub fn taken(role: &str, file: &str, at: &[&str]) -> Value {
    json!({ TAKEN: { "role": role, "file": file, "at": at } })
}

/// The path at which a parameter stands in its input, if it is taken from one.
pub fn taken_at(parameter: &Value) -> Option<Vec<&str>> {
    let at = reference(parameter)?.get("at")?.as_array()?;
    at.iter().map(Value::as_str).collect()
}

fn reference(parameter: &Value) -> Option<&Map<String, Value>> {
    let only = parameter.as_object().filter(|fields| fields.len() == 1)?;
    only.get(TAKEN)?.as_object()
}

/// Puts the values in; `path` tells where an input's file is.
///
/// # Errors
/// An input has no such file, or no such value in it.
pub fn fill<'a>(parameters: &mut Value, path: &impl Fn(&str, &str) -> Result<&'a Path>) -> Result<()> {
    if let Some(reference) = reference(parameters) {
        let text = |name: &str| reference.get(name).and_then(Value::as_str).unwrap_or_default();
        let file = path(text("role"), text("file"))?;
        let at = taken_at(parameters).context("the job's parameters do not say what is taken")?;
        *parameters = read(file, &at)?;
        return Ok(());
    }
    match parameters {
        Value::Object(fields) => fields.values_mut().try_for_each(|value| fill(value, path)),
        Value::Array(items) => items.iter_mut().try_for_each(|value| fill(value, path)),
        _ => Ok(()),
    }
}

fn read(file: &Path, at: &[&str]) -> Result<Value> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let held: Value =
        serde_json::from_slice(&bytes).with_context(|| format!("`{}` is no JSON", file.display()))?;
    let found = at.iter().try_fold(&held, |held, name| held.get(name));
    found.cloned().with_context(|| format!("`{}` holds no `{}`", file.display(), at.join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_taken_from_where_the_key_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("choice.json");
        std::fs::write(&file, r#"{ "lr": 0.1, "recipe": { "name": "a", "decay": 5e-4 } }"#).unwrap();
        let path = |role: &str, name: &str| {
            assert_eq!((role, name), ("choice.0", "choice.json"));
            Ok(file.as_path())
        };
        let lr = taken("choice.0", "choice.json", &["lr"]);
        let decay = taken("choice.0", "choice.json", &["recipe", "decay"]);
        assert_eq!(taken_at(&decay), Some(vec!["recipe", "decay"]));
        let mut parameters = json!({ "steps": 3, "optimizer": { "sgd": { "lr": lr } }, "list": [decay] });
        fill(&mut parameters, &path).unwrap();
        assert_eq!(parameters, json!({ "steps": 3, "optimizer": { "sgd": { "lr": 0.1 } }, "list": [5e-4] }));
        let mut lacking = json!([taken("choice.0", "choice.json", &["decay"])]);
        assert!(fill(&mut lacking, &path).unwrap_err().to_string().contains("holds no `decay`"));
    }
}
