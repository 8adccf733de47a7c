//! Which columns of a Parquet file are the images and the labels, and what the labels are called.

use anyhow::{Context, Result, bail, ensure};
use parquet::basic::Type;
use parquet::file::reader::{ChunkReader, FileReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::types::SchemaDescriptor;
use serde_json::Value;

use crate::recipe::Parquet;

pub struct Columns {
    /// Index of the leaf that holds the bytes.
    pub image: usize,
    pub label: usize,
    /// Of `ClassLabel`, in the order of their numbers.
    pub names: Option<Vec<String>>,
}

impl Columns {
    /// # Errors
    /// No column, or several, could be meant; or one is not of a type that can be read.
    pub fn of<R: ChunkReader + 'static>(
        reader: &SerializedFileReader<R>,
        asked: &Parquet,
    ) -> Result<Columns> {
        let file = reader.metadata().file_metadata();
        let schema = file.schema_descr();
        let features = features(file.key_value_metadata().into_iter().flatten());
        let image = chosen("image", asked.image.as_deref(), &features, "Image", &["image", "img"], schema)?;
        let label = chosen("label", asked.label.as_deref(), &features, "ClassLabel", LABELS, schema)?;
        let bytes = leaf(schema, &[image.as_str(), "bytes"]).or_else(|| leaf(schema, &[image.as_str()]));
        let bytes = bytes.with_context(|| format!("column `{image}` holds no `bytes`"))?;
        let number =
            leaf(schema, &[label.as_str()]).with_context(|| format!("column `{label}` is a list"))?;
        is_flat(schema, bytes, &[Type::BYTE_ARRAY])?;
        is_flat(schema, number, &[Type::INT32, Type::INT64, Type::BYTE_ARRAY])?;
        Ok(Columns { image: bytes, label: number, names: names(&features, &label)? })
    }
}

const LABELS: &[&str] = &["label", "labels", "fine_label"];

/// What the `datasets` library notes of each column: JSON in the file's metadata.
fn features<'a>(pairs: impl Iterator<Item = &'a parquet::file::metadata::KeyValue>) -> Value {
    let note =
        pairs.into_iter().find(|pair| pair.key == "huggingface").and_then(|pair| pair.value.as_deref());
    let note: Value = note.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    note["info"]["features"].clone()
}

/// The column that is named, else the one of the noted type, else the one of a usual name.
fn chosen(
    role: &str,
    asked: Option<&str>,
    features: &Value,
    kind: &str,
    usual: &[&str],
    schema: &SchemaDescriptor,
) -> Result<String> {
    let tops: Vec<&str> = schema.root_schema().get_fields().iter().map(|field| field.name()).collect();
    if let Some(asked) = asked {
        ensure!(tops.contains(&asked), "there is no column `{asked}`; there is `{}`", tops.join("`, `"));
        return Ok(asked.to_string());
    }
    let noted: Vec<&str> = tops.iter().copied().filter(|top| features[*top]["_type"] == kind).collect();
    let called = |among: &[&str]| -> Vec<String> {
        let found = usual.iter().filter(|name| among.contains(name));
        found.map(|name| name.to_string()).collect()
    };
    let found = match noted.as_slice() {
        [only] => vec![only.to_string()],
        [] => called(&tops),
        several => called(several),
    };
    match found.as_slice() {
        [only] => Ok(only.clone()),
        _ => bail!(
            "which column is the {role}? there is `{}`; hint: `format = {{ parquet = {{ {role} = \"...\" }} }}` in `pipeline.toml`",
            tops.join("`, `")
        ),
    }
}

fn leaf(schema: &SchemaDescriptor, path: &[&str]) -> Option<usize> {
    schema.columns().iter().position(|column| column.path().parts() == path)
}

fn is_flat(schema: &SchemaDescriptor, column: usize, kinds: &[Type]) -> Result<()> {
    let column = schema.column(column);
    let (path, kind) = (column.path().string(), column.physical_type());
    ensure!(column.max_rep_level() == 0, "column `{path}` holds lists");
    ensure!(kinds.contains(&kind), "column `{path}` holds {kind}, which is not read here");
    Ok(())
}

fn names(features: &Value, label: &str) -> Result<Option<Vec<String>>> {
    let Some(list) = features[label]["names"].as_array() else { return Ok(None) };
    let names: Option<Vec<String>> = list.iter().map(|name| name.as_str().map(str::to_string)).collect();
    let names =
        names.with_context(|| format!("the names of `{label}` in the file's metadata are no texts"))?;
    let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
    ensure!(
        distinct.len() == names.len(),
        "the names of `{label}` in the file's metadata name a class twice"
    );
    Ok(Some(names))
}
