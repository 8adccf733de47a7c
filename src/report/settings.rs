//! What two launches were told differently: settings of their stages, by name. Reads pre-images, so it cannot disagree
//! with the keys.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::launch::Launch;
use super::stored::Stored;
use crate::engine::{Store, taken_at};

/// A setting that is not the same everywhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    pub kind: String,
    /// The stage's name, without axes.
    pub stage: String,
    /// `optimizer.sgd.lr`; empty where a launch has no such stage.
    pub setting: String,
    /// What each launch has, over all values of the axes; empty where it has none.
    pub values: Vec<Vec<String>>,
}

/// Settings of a launch: by stage, then by path, the values over all axes.
type Told = BTreeMap<String, (String, BTreeMap<String, BTreeSet<String>>)>;

/// Settings that differ between launches, in the order of the stages.
pub fn different_settings(launches: &[Launch], store: &Store) -> Vec<Setting> {
    let told: Vec<Told> = launches.iter().map(|launch| settings_of(launch, store)).collect();
    let mut names: Vec<&String> = Vec::new();
    for stage in launches.iter().flat_map(|launch| &launch.stages) {
        if !names.contains(&&stage.name) {
            names.push(&stage.name);
        }
    }
    names.into_iter().flat_map(|name| different_in(name, &told)).collect()
}

fn different_in(name: &str, told: &[Told]) -> Vec<Setting> {
    let stages: Vec<_> = told.iter().map(|told| told.get(name)).collect();
    let Some((kind, _)) = stages.iter().flatten().next() else { return Vec::new() };
    let setting = |setting: &str, values| Setting {
        kind: kind.clone(),
        stage: name.into(),
        setting: setting.into(),
        values,
    };
    if stages.iter().any(Option::is_none) {
        let there =
            |stage: &Option<_>| if Option::is_some(stage) { vec!["there".to_string()] } else { Vec::new() };
        return vec![setting("", stages.iter().map(there).collect())];
    }
    let paths: BTreeSet<&String> =
        stages.iter().flatten().flat_map(|(_, settings)| settings.keys()).collect();
    let values = |path: &String| -> Vec<Vec<String>> {
        let of = |stage: &Option<&(String, BTreeMap<String, BTreeSet<String>>)>| {
            stage
                .and_then(|(_, settings)| settings.get(path))
                .map_or(Vec::new(), |values| values.iter().cloned().collect())
        };
        stages.iter().map(of).collect()
    };
    let all = paths.into_iter().map(|path| setting(path, values(path)));
    all.filter(|setting| setting.values.windows(2).any(|pair| pair[0] != pair[1])).collect()
}

fn settings_of(launch: &Launch, store: &Store) -> Told {
    let stored = Stored::new(launch, store);
    let mut told = Told::new();
    for (index, stage) in launch.stages.iter().enumerate() {
        let (_, settings) =
            told.entry(stage.name.clone()).or_insert_with(|| (stage.kind.clone(), BTreeMap::new()));
        for input in &stage.inputs {
            settings.entry(input.role.clone()).or_default().insert(launch.stages[input.stage].name.clone());
        }
        let Some(artifact) = stored.artifact(index) else { continue };
        let pre_image = &artifact.receipt.pre_image;
        flatten("", &pre_image["parameters"], settings);
        flatten("revision of ", &pre_image["parts"], settings);
        flatten("environment.", &pre_image["environment"], settings);
    }
    told
}

/// Leaves of nested tables by dotted path below `path`; arrays are leaves, nulls are left out.
pub(super) fn leaves(path: &str, value: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    flatten(path, value, &mut found);
    found
        .into_iter()
        .map(|(path, values)| (path, values.into_iter().collect::<Vec<_>>().join(", ")))
        .collect()
}

fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, BTreeSet<String>>) {
    if let Some(at) = taken_at(value) {
        let chosen = format!("chosen while it ran: {}", at.join("."));
        into.entry(path.to_string()).or_default().insert(chosen);
        return;
    }
    match value {
        Value::Object(fields) => {
            let open = path.is_empty() || path.ends_with([' ', '.']);
            for (name, field) in fields {
                flatten(&format!("{path}{}{name}", if open { "" } else { "." }), field, into);
            }
        }
        Value::Null => {}
        Value::String(text) => {
            into.entry(path.to_string()).or_default().insert(text.clone());
        }
        leaf => {
            into.entry(path.to_string()).or_default().insert(leaf.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn settings_that_differ_are_named_by_stage_and_path() {
        let fixture = Fixture::birds();
        let mut other = fixture.launch.clone();
        // Every training of the second launch is one with other settings.
        let index = other.stages.len();
        let key = format!("{index:064x}");
        for stage in other.stages.iter_mut().filter(|stage| stage.kind == "train") {
            stage.key = Some(key.clone());
            stage.inputs[0].stage = 0;
        }
        let parameters = json!({"steps": 100, "optimizer": {"sgd": {"lr": 0.02, "momentum": 0.9}}});
        fixture.put("train", &key, &parameters);
        let found = different_settings(&[fixture.launch.clone(), other], &fixture.store);
        let text = |setting: &Setting| format!("{} {}: {:?}", setting.stage, setting.setting, setting.values);
        assert_eq!(
            found.iter().map(text).collect::<Vec<_>>(),
            [
                r#"net from: [["photos", "tiny"], ["photos"]]"#,
                r#"net optimizer.sgd.momentum: [[], ["0.9"]]"#,
                r#"net steps: [["600"], ["100"]]"#
            ]
        );
    }

    #[test]
    fn a_stage_that_only_one_launch_has_is_one_difference() {
        let fixture = Fixture::birds();
        let other = Fixture::sets(&[&[0.5]]);
        let found = different_settings(&[fixture.launch.clone(), other.launch], &fixture.store);
        let tiny = found.iter().find(|setting| setting.stage == "tiny").unwrap();
        assert_eq!((tiny.setting.as_str(), &tiny.values), ("", &vec![vec!["there".to_string()], vec![]]));
    }

    #[test]
    fn a_setting_that_was_chosen_says_by_which_axis() {
        let parameters =
            json!({"lr": {"$taken": {"role": "choice.0", "file": "choice.json", "at": ["lr"]}}, "steps": 3});
        let told = leaves("", &parameters);
        assert_eq!((told["lr"].as_str(), told["steps"].as_str()), ("chosen while it ran: lr", "3"));
    }

    #[test]
    fn equal_launches_have_no_differences() {
        let fixture = Fixture::birds();
        assert_eq!(different_settings(&[fixture.launch.clone(), fixture.launch.clone()], &fixture.store), []);
    }
}
