//! The labels of a Parquet file's rows: numbers or text, known by the order in which they were first seen.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, bail, ensure};
use parquet::column::reader::ColumnReader;
use parquet::file::reader::{ChunkReader, FileReader};
use parquet::file::serialized_reader::SerializedFileReader;

use super::rows::each_value;

/// Values that a column of labels may have.
const MOST_LABELS: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    Number(i64),
    Text(String),
}

/// Index into the values seen; `None` where a row has none.
pub type Label = Option<u32>;

/// Values in the order in which they were first seen.
#[derive(Default)]
pub struct Labels {
    values: Vec<Value>,
    known: HashMap<Value, u32>,
}

/// Classes in order, and the class of each value seen.
pub struct Order {
    pub names: Vec<String>,
    pub classes: Vec<Option<usize>>,
}

impl Labels {
    pub fn label(&mut self, value: Value) -> Result<u32> {
        if let Some(label) = self.known.get(&value) {
            return Ok(*label);
        }
        ensure!(self.values.len() < MOST_LABELS, "its labels have more than {MOST_LABELS} different values");
        let label = self.values.len() as u32;
        self.values.push(value.clone());
        self.known.insert(value, label);
        Ok(label)
    }

    /// # Errors
    /// A number has no name among `names`.
    pub fn order(&self, names: Option<Vec<String>>) -> Result<Order> {
        let Some(names) = names else { return Ok(self.by_value()) };
        let class = |value: &Value| match value {
            // How the hub writes that a row has no label.
            Value::Number(-1) => Ok(None),
            Value::Number(number) => match usize::try_from(*number).ok().filter(|at| *at < names.len()) {
                Some(at) => Ok(Some(at)),
                None => bail!("a row has label {number} and there are {} names", names.len()),
            },
            Value::Text(text) => Ok(Some(
                names
                    .iter()
                    .position(|name| name == text)
                    .with_context(|| format!("`{text}` is no class"))?,
            )),
        };
        let classes = self.values.iter().map(class).collect::<Result<_>>()?;
        Ok(Order { names, classes })
    }

    fn by_value(&self) -> Order {
        let labelled = |value: &&Value| **value != Value::Number(-1);
        let mut values: Vec<&Value> = self.values.iter().filter(labelled).collect();
        values.sort();
        let place: BTreeMap<&Value, usize> =
            values.iter().enumerate().map(|(at, value)| (*value, at)).collect();
        let name = |value: &&Value| match value {
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text.clone(),
        };
        let classes = self.values.iter().map(|value| place.get(value).copied()).collect();
        Order { names: values.iter().map(name).collect(), classes }
    }
}

/// A label for each row, in order.
pub fn read<R: ChunkReader + 'static>(
    reader: &SerializedFileReader<R>,
    column: usize,
    labels: &mut Labels,
) -> Result<Vec<Label>> {
    let mut found = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let most = group.metadata().column(column).column_descr().max_def_level();
        let mut take = |value: Option<Value>| {
            ensure!(found.len() < u32::MAX as usize, "it has too many rows");
            found.push(value.map(|value| labels.label(value)).transpose()?);
            Ok(())
        };
        match group.get_column_reader(column)? {
            ColumnReader::Int32ColumnReader(values) => {
                each_value(values, most, &mut |value| take(value.map(|v| Value::Number((*v).into()))))?
            }
            ColumnReader::Int64ColumnReader(values) => {
                each_value(values, most, &mut |value| take(value.map(|v| Value::Number(*v))))?
            }
            ColumnReader::ByteArrayColumnReader(values) => each_value(values, most, &mut |value| {
                let text = value.map(|v| std::str::from_utf8(v.data()).map(str::to_string)).transpose();
                take(text.context("a label is no text")?.map(Value::Text))
            })?,
            _ => bail!("its labels are neither whole numbers nor text"),
        }
    }
    Ok(found)
}
