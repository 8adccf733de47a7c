//! What a setting may be: each recipe's JSON Schema, read once into a form that checking and explaining walk.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value as Json, json};

use crate::recipe::{KINDS, Project, Published, schema_of};

#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Text,
    Bool,
    /// A whole number in a range.
    Integer {
        min: i128,
        max: i128,
    },
    /// A finite number in a range.
    Number {
        min: f64,
        max: f64,
    },
    List {
        items: Box<Shape>,
        min: usize,
        max: usize,
    },
    /// A table of known keys.
    Table(Table),
    /// A table whose keys are names that the user gives.
    Map(Box<Shape>),
    /// One named thing with settings of its own: `name` or `{ name = { settings } }`.
    Choice(Vec<Choice>),
    /// One of some words.
    Word(Vec<Word>),
    Either(Vec<Shape>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub doc: String,
    pub fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub doc: String,
    pub required: bool,
    pub default: Option<Json>,
    pub shape: Shape,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub name: String,
    pub doc: String,
    pub settings: Table,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    pub name: String,
    pub doc: String,
}

impl Table {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub fn required(&self) -> Vec<&str> {
        self.fields.iter().filter(|field| field.required).map(|field| field.name.as_str()).collect()
    }
}

impl Shape {
    /// What is below a key of a table of this shape.
    pub fn below(&self, key: &str) -> Option<&Shape> {
        match self {
            Shape::Table(table) => table.field(key).map(|field| &field.shape),
            Shape::Map(values) => Some(values),
            Shape::Either(shapes) => shapes.iter().find_map(|shape| shape.below(key)),
            _ => None,
        }
    }

    /// Some value of this shape: stands in for a wrong one, so that the rest can still be looked at.
    pub fn sample(&self) -> Json {
        match self {
            Shape::Text => json!(""),
            Shape::Bool => json!(false),
            Shape::Integer { min, .. } => json!((*min).max(0) as u64),
            Shape::Number { min, .. } => json!(min.max(0.0)),
            Shape::List { items, min, .. } => Json::Array(vec![items.sample(); *min]),
            Shape::Table(table) => table.sample(),
            Shape::Map(_) => json!({}),
            Shape::Choice(choices) => {
                let first = choices.first().expect("a choice is between something");
                json!({ first.name.clone(): first.settings.sample() })
            }
            Shape::Word(words) => json!(words.first().map_or("", |word| &word.name)),
            Shape::Either(shapes) => shapes.first().map_or(Json::Null, Shape::sample),
        }
    }
}

impl Table {
    fn sample(&self) -> Json {
        let required = self.fields.iter().filter(|field| field.required);
        Json::Object(required.map(|field| (field.name.clone(), field.shape.sample())).collect())
    }
}

/// The schemas of every kind and of `pipeline.toml`, both as JSON and as shapes.
pub struct Shapes {
    pub kinds: BTreeMap<&'static str, Table>,
    pub project: Table,
    /// `[published]` of an experiment.
    pub published: Table,
    /// The JSON Schema of each kind's table, a reference into the definitions.
    pub roots: Vec<(&'static str, Json)>,
    pub project_schema: Json,
    pub published_schema: Json,
    /// JSON Schema by name of type, as `$ref: #/$defs/NAME` finds it.
    pub definitions: Map<String, Json>,
}

/// Every shape, read once.
pub fn shapes() -> &'static Shapes {
    static SHAPES: OnceLock<Shapes> = OnceLock::new();
    SHAPES.get_or_init(|| read_all().expect("a test holds that every schema is understood"))
}

fn read_all() -> Result<Shapes, String> {
    let mut generator = SchemaGenerator::default();
    let roots: Vec<(&'static str, Json)> =
        KINDS.iter().filter_map(|kind| Some((*kind, schema_of(kind, &mut generator)?.to_value()))).collect();
    let project_schema = Project::json_schema(&mut generator).to_value();
    let published_schema = generator.subschema_for::<Published>().to_value();
    let definitions = generator.take_definitions(false);
    let reader = Reader { definitions: &definitions };
    let kinds = roots.iter().map(|(kind, root)| Ok((*kind, reader.table_of(root)?)));
    let kinds = kinds.collect::<Result<_, String>>()?;
    let project = reader.table_of(&project_schema)?;
    let published = reader.table_of(&published_schema)?;
    Ok(Shapes { kinds, project, published, roots, project_schema, published_schema, definitions })
}

/// Reads just what our recipes' schemas contain; anything else is an error, so that nothing goes unchecked.
struct Reader<'a> {
    definitions: &'a Map<String, Json>,
}

const KNOWN: &[&str] = &[
    "$ref",
    "$schema",
    "additionalProperties",
    "anyOf",
    "const",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maximum",
    "minItems",
    "minimum",
    "oneOf",
    "properties",
    "required",
    "title",
    "type",
];

impl Reader<'_> {
    fn table_of(&self, schema: &Json) -> Result<Table, String> {
        match self.shape(schema)? {
            Shape::Table(table) => Ok(table),
            other => Err(format!("a table is wanted, not {other:?}")),
        }
    }

    fn shape(&self, schema: &Json) -> Result<Shape, String> {
        let map = schema.as_object().ok_or_else(|| format!("no schema: {schema}"))?;
        if let Some(key) = map.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(format!("the keyword `{key}` in {schema}"));
        }
        if let Some(name) = map.get("$ref") {
            let name = name.as_str().and_then(|path| path.strip_prefix("#/$defs/"));
            let found = name.and_then(|name| self.definitions.get(name));
            return self.shape(found.ok_or_else(|| format!("the reference {schema}"))?);
        }
        if let Some(any) = map.get("anyOf").and_then(Json::as_array) {
            return self.either(any);
        }
        if let Some(one) = map.get("oneOf").and_then(Json::as_array) {
            return self.one_of(one);
        }
        if map.contains_key("enum") || map.contains_key("const") {
            return Ok(Shape::Word(words(schema)?));
        }
        self.typed(map)
    }

    fn typed(&self, map: &Map<String, Json>) -> Result<Shape, String> {
        let bound = |name: &str| map.get(name).and_then(Json::as_u64).map(|bound| bound as usize);
        match single_type(map)? {
            "string" => Ok(Shape::Text),
            "boolean" => Ok(Shape::Bool),
            "integer" => integer(map),
            "number" => Ok(number(map)),
            "array" => {
                let items = map.get("items").ok_or("a list of anything")?;
                let (min, max) = (bound("minItems").unwrap_or(0), bound("maxItems").unwrap_or(usize::MAX));
                Ok(Shape::List { items: Box::new(self.shape(items)?), min, max })
            }
            "object" => self.object(map),
            other => Err(format!("the type `{other}`")),
        }
    }

    fn object(&self, map: &Map<String, Json>) -> Result<Shape, String> {
        match map.get("additionalProperties") {
            Some(Json::Bool(false)) => {}
            Some(values @ Json::Object(_)) if !map.contains_key("properties") => {
                return Ok(Shape::Map(Box::new(self.shape(values)?)));
            }
            _ => return Err("a table open to unknown keys: `deny_unknown_fields` is missing".into()),
        }
        let required: Vec<&str> = list(map.get("required")).iter().filter_map(Json::as_str).collect();
        let empty = Map::new();
        let properties = map.get("properties").and_then(Json::as_object).unwrap_or(&empty);
        let fields = properties.iter().map(|(name, schema)| {
            Ok(Field {
                name: name.clone(),
                doc: self.doc(schema),
                required: required.contains(&name.as_str()),
                default: schema.get("default").cloned(),
                shape: self.shape(schema)?,
            })
        });
        let mut fields = fields.collect::<Result<Vec<Field>, String>>()?;
        fields.sort_by_key(|field| !field.required);
        Ok(Shape::Table(Table { doc: map.get("description").map_or_else(String::new, text), fields }))
    }

    /// The setting's own words, else those of its type.
    fn doc(&self, schema: &Json) -> String {
        let own = doc(schema);
        let name = schema.get("$ref").and_then(Json::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
        match name.and_then(|name| self.definitions.get(name)) {
            Some(definition) if own.is_empty() => doc(definition),
            _ => own,
        }
    }

    fn either(&self, any: &[Json]) -> Result<Shape, String> {
        let is_null = |schema: &&Json| schema.get("type").and_then(Json::as_str) != Some("null");
        let mut shapes = any.iter().filter(is_null).map(|s| self.shape(s)).collect::<Result<Vec<_>, _>>()?;
        if shapes.len() == 1 { Ok(shapes.remove(0)) } else { Ok(Shape::Either(shapes)) }
    }

    fn one_of(&self, one: &[Json]) -> Result<Shape, String> {
        if one.iter().all(|option| option.get("const").is_some() || option.get("enum").is_some()) {
            let words = one.iter().map(words).collect::<Result<Vec<_>, _>>()?;
            return Ok(Shape::Word(words.concat()));
        }
        one.iter().map(|option| self.choice(option)).collect::<Result<_, _>>().map(Shape::Choice)
    }

    fn choice(&self, option: &Json) -> Result<Choice, String> {
        let properties = option.get("properties").and_then(Json::as_object);
        let mut properties = properties.into_iter().flatten();
        let (Some((name, schema)), None) = (properties.next(), properties.next()) else {
            return Err(format!("an option that is no table of one key: {option}"));
        };
        let settings = self.table_of(schema)?;
        let own = doc(option);
        Ok(Choice {
            name: name.clone(),
            doc: if own.is_empty() { settings.doc.clone() } else { own },
            settings,
        })
    }
}

/// The type, leaving `null` aside: TOML has none, a setting is left out.
fn single_type(map: &Map<String, Json>) -> Result<&str, String> {
    match map.get("type") {
        Some(Json::String(name)) => Ok(name),
        Some(Json::Array(names)) => {
            match names.iter().filter_map(Json::as_str).filter(|n| *n != "null").collect::<Vec<_>>()[..] {
                [name] => Ok(name),
                _ => Err(format!("the types {names:?}")),
            }
        }
        _ => Err(format!("a schema without type: {map:?}")),
    }
}

fn integer(map: &Map<String, Json>) -> Result<Shape, String> {
    let (low, high) = match map.get("format").and_then(Json::as_str) {
        Some("uint8") => (0, i128::from(u8::MAX)),
        Some("uint16") => (0, i128::from(u16::MAX)),
        Some("uint32") => (0, i128::from(u32::MAX)),
        Some("uint64" | "uint") => (0, i128::from(u64::MAX)),
        Some("int32") => (i128::from(i32::MIN), i128::from(i32::MAX)),
        Some("int64" | "int") | None => (i128::from(i64::MIN), i128::from(i64::MAX)),
        Some(other) => return Err(format!("the format `{other}`")),
    };
    let bound = |name: &str| map.get(name).and_then(Json::as_f64).map(|bound| bound as i128);
    let min = low.max(bound("minimum").unwrap_or(low));
    let max = high.min(bound("maximum").unwrap_or(high));
    Ok(Shape::Integer { min, max })
}

fn number(map: &Map<String, Json>) -> Shape {
    let bound = |name: &str| map.get(name).and_then(Json::as_f64);
    Shape::Number {
        min: bound("minimum").unwrap_or(f64::NEG_INFINITY),
        max: bound("maximum").unwrap_or(f64::INFINITY),
    }
}

fn words(schema: &Json) -> Result<Vec<Word>, String> {
    let names: Vec<&Json> = schema.get("const").into_iter().chain(list(schema.get("enum"))).collect();
    let word = |name: &&Json| {
        let name = name.as_str().ok_or_else(|| format!("a word that is no text: {name}"))?;
        Ok(Word { name: name.to_string(), doc: doc(schema) })
    };
    names.iter().map(word).collect()
}

fn list(value: Option<&Json>) -> &[Json] {
    value.and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn doc(schema: &Json) -> String {
    schema.get("description").map_or_else(String::new, text)
}

/// A doc comment as one paragraph.
fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_contains_only_shapes_that_are_understood() {
        let shapes = read_all().unwrap();
        assert_eq!(shapes.kinds.len(), KINDS.len());
    }

    #[test]
    fn a_sample_of_every_kind_builds() {
        for (kind, table) in &shapes().kinds {
            let built = crate::recipe::Recipe::build(kind, table.sample());
            assert!(built.is_ok(), "{kind}: {built:?}");
        }
    }

    #[test]
    fn ranges_come_from_the_schema_or_the_type() {
        let distil = &shapes().kinds["distil"];
        assert_eq!(distil.field("images_per_class").unwrap().shape, Shape::Integer { min: 1, max: 1000 });
        let Shape::Integer { max, .. } = distil.field("seed").unwrap().shape else {
            panic!("a whole number")
        };
        assert_eq!(max, i128::from(u64::MAX));
    }

    #[test]
    fn a_schema_open_to_unknown_keys_is_refused() {
        let reader = Reader { definitions: &Map::new() };
        assert!(reader.shape(&json!({"type": "object", "properties": {}})).is_err());
        assert!(reader.shape(&json!({"type": "string", "pattern": "x"})).is_err());
    }
}
