//! JSON Schema for editors: the recipes' schemas, opened to what the language adds (axes, bare names of choices).

use serde_json::{Map, Value as Json, json};

use super::shape::shapes;

/// The definition of `[published]`.
const PUBLISHED: &str = "Published";

/// The schema of an experiment, of draft 2020-12.
pub fn experiment_schema() -> Json {
    schema("an experiment", &experiment_properties(), true)
}

/// The schema of `pipeline.toml`, of draft 2020-12.
pub fn project_schema() -> Json {
    schema("pipeline.toml", &project_properties(), false)
}

fn schema(title: &str, properties: &Map<String, Json>, axes: bool) -> Json {
    let opened = |(name, schema): (&String, &Json)| {
        let schema = if name == PUBLISHED { published(schema) } else { open(schema, axes) };
        (name.clone(), schema)
    };
    let definitions: Map<String, Json> = shapes().definitions.iter().map(opened).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": definitions,
    })
}

fn experiment_properties() -> Map<String, Json> {
    let name = json!({ "pattern": "^[A-Za-z0-9_-]+$" });
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let rows = json!({ "type": "array", "items": { "type": "object" } });
    let mut properties = Map::new();
    let mut add = |key: &str, schema: Json| properties.insert(key.to_string(), schema);
    add("question", json!({ "type": "string", "description": "What the experiment is to answer." }));
    add("replicates", described(texts, "The axes that tables average over."));
    add("extends", json!({ "type": "string", "description": "Another experiment to start from." }));
    let axis = json!({ "type": "array", "minItems": 1 });
    let matrix = json!({
        "type": "object",
        "description": "The axes whose combinations are the runs.",
        "properties": {
            "include": described(rows.clone(), "Keeps only the combinations that match one of these rows."),
            "exclude": described(rows, "Removes the combinations that match one of these rows."),
        },
        "propertyNames": name,
        "additionalProperties": axis,
    });
    add("matrix", matrix);
    add("published", shapes().published_schema.clone());
    for (kind, root) in &shapes().roots {
        let stages = json!({ "type": "object", "propertyNames": name, "additionalProperties": root });
        add(kind, stages);
    }
    properties
}

fn project_properties() -> Map<String, Json> {
    let properties = shapes().project_schema.get("properties").and_then(Json::as_object);
    let properties = properties.into_iter().flatten();
    properties.map(|(name, schema)| (name.clone(), open(schema, false))).collect()
}

/// What `[published]` may say: no axis reaches it, and a blank source is none.
fn published(schema: &Json) -> Json {
    let mut schema = open(schema, false);
    if let Some(source) = schema.pointer_mut("/properties/source") {
        source["pattern"] = json!("\\S");
    }
    schema
}

fn described(mut schema: Json, description: &str) -> Json {
    schema["description"] = json!(description);
    schema
}

/// A schema in which every choice may be a bare name and, if `axes`, every value a text that takes an axis.
fn open(schema: &Json, axes: bool) -> Json {
    let Some(map) = schema.as_object() else { return schema.clone() };
    let mut opened = map.clone();
    for key in ["properties", "$defs"] {
        if let Some(below) = opened.get_mut(key).and_then(Json::as_object_mut) {
            below.values_mut().for_each(|schema| *schema = open_value(schema, axes));
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(below) = opened.get_mut(key).filter(|below| below.is_object()) {
            *below = open_value(below, axes);
        }
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(below) = opened.get_mut(key).and_then(Json::as_array_mut) {
            below.iter_mut().for_each(|schema| *schema = open(schema, axes));
        }
    }
    let bare = bare_names(map);
    if let Some(options) = opened.get_mut("oneOf").and_then(Json::as_array_mut)
        && !bare.is_empty()
    {
        options.push(json!({ "enum": bare }));
    }
    Json::Object(opened)
}

/// A setting that may also be a text with an axis in it.
fn open_value(schema: &Json, axes: bool) -> Json {
    let opened = open(schema, axes);
    let is_text = schema.get("type").and_then(Json::as_str) == Some("string") && schema.get("enum").is_none();
    if !axes || is_text {
        return opened;
    }
    let mut outer = Map::new();
    // Editors show these of the outer schema.
    let mut inner = opened;
    for key in ["description", "default"] {
        if let Some(value) = inner.as_object_mut().and_then(|map| map.remove(key)) {
            outer.insert(key.to_string(), value);
        }
    }
    outer.insert("anyOf".into(), json!([inner, { "type": "string", "pattern": "\\{.+\\}" }]));
    Json::Object(outer)
}

/// The options of a choice whose settings all have defaults.
fn bare_names(schema: &Map<String, Json>) -> Vec<&str> {
    let is_bare = |schema: &Json| {
        let reference =
            schema.get("$ref").and_then(Json::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
        let settings = reference.and_then(|name| shapes().definitions.get(name)).unwrap_or(schema);
        settings.get("required").and_then(Json::as_array).is_none_or(Vec::is_empty)
    };
    let options = schema.get("oneOf").and_then(Json::as_array).into_iter().flatten();
    let named = options.filter_map(|option| option.get("properties")?.as_object()?.iter().next());
    named.filter(|(_, settings)| is_bare(settings)).map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'a>(schema: &'a Json, pointer: &str) -> &'a Json {
        schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {schema}"))
    }

    #[test]
    fn kinds_are_keys_and_stages_have_names() {
        let schema = experiment_schema();
        assert_eq!(at(&schema, "/properties/train/additionalProperties/$ref"), "#/$defs/Train");
        assert_eq!(at(&schema, "/additionalProperties"), false);
        assert!(schema.pointer("/$defs/Project").is_none());
    }

    #[test]
    fn numbers_may_be_axes_in_an_experiment_and_not_in_the_project() {
        let experiment = experiment_schema();
        assert_eq!(at(&experiment, "/$defs/Train/properties/seed/anyOf/1/type"), "string");
        assert_eq!(at(&experiment, "/$defs/Train/properties/from/type"), "string");
        let project = project_schema();
        assert_eq!(at(&project, "/properties/torch_threads/type"), "integer");
    }

    #[test]
    fn a_published_figure_takes_no_axis_and_no_blank_source() {
        let schema = experiment_schema();
        assert_eq!(at(&schema, "/properties/published/$ref"), "#/$defs/Published");
        let published = at(&schema, "/$defs/Published/properties");
        assert_eq!(at(published, "/accuracy/type"), "number");
        assert_eq!(at(published, "/statistic/$ref"), "#/$defs/Statistic");
        assert_eq!(at(published, "/source/pattern"), "\\S");
        assert!(!published.to_string().contains("anyOf"), "{published}");
    }

    #[test]
    fn a_choice_may_be_a_bare_name_where_its_settings_have_defaults() {
        let schema = experiment_schema();
        let options = at(&schema, "/$defs/Optimizer/oneOf").as_array().unwrap();
        assert_eq!(options.last().unwrap(), &json!({ "enum": ["adam", "adamw", "lamb", "muon"] }));
    }

    #[test]
    fn every_reference_leads_somewhere() {
        for schema in [experiment_schema(), project_schema()] {
            let text = schema.to_string();
            for reference in text.split("\"#/$defs/").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(schema.pointer(&format!("/$defs/{reference}")).is_some(), "{reference}");
            }
        }
    }
}
