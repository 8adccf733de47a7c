//! A tree of settings in which every value knows where it was written. Subtrees are shared, not copied.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value as Json;

use super::source::Origin;

#[derive(Clone, Debug)]
pub struct Node {
    pub value: Value,
    /// Where the value was written; for a value of the matrix, its place there.
    pub origin: Origin,
    /// For a value of the matrix, the text `{axis}` that took it.
    pub via: Option<Origin>,
    /// Whether there is a brace in any text below, so that it has to be looked at for axes.
    pub open: bool,
}

#[derive(Clone, Debug)]
pub enum Value {
    Text(Arc<str>),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// A date or time, as written; no setting takes one.
    Date(Arc<str>),
    List(Arc<Vec<Node>>),
    Table(Arc<Vec<Entry>>),
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Arc<str>,
    /// Where the key was written.
    pub at: Origin,
    pub node: Node,
}

impl Node {
    pub fn new(value: Value, origin: Origin) -> Node {
        let open = match &value {
            Value::Text(text) => text.contains(['{', '}']),
            Value::List(items) => items.iter().any(|item| item.open),
            Value::Table(entries) => entries.iter().any(|entry| entry.node.open),
            _ => false,
        };
        Node { value, origin, via: None, open }
    }

    pub fn table(entries: Vec<Entry>, origin: Origin) -> Node {
        Node::new(Value::Table(Arc::new(entries)), origin)
    }

    /// The entries of a table; of anything else, none.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn is_table(&self) -> bool {
        matches!(self.value, Value::Table(_))
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| &*entry.key == key)
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The node at a path of keys and indices.
    pub fn at(&self, path: &[String]) -> Option<&Node> {
        path.iter().try_fold(self, |node, part| match &node.value {
            Value::List(items) => items.get(part.parse::<usize>().ok()?),
            _ => node.get(part),
        })
    }

    /// The deepest node on the way along a path: where a default or a bare name stands for the rest.
    pub fn towards(&self, path: &[String]) -> &Node {
        (0..=path.len()).rev().find_map(|length| self.at(&path[..length])).unwrap_or(self)
    }

    /// Equal values, wherever they were written.
    pub fn same_value(&self, other: &Node) -> bool {
        match (&self.value, &other.value) {
            (Value::Text(a), Value::Text(b)) | (Value::Date(a), Value::Date(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same_value(b))
            }
            (Value::Table(a), Value::Table(b)) => {
                let found = |entry: &Entry| other.get(&entry.key).is_some_and(|n| n.same_value(&entry.node));
                a.len() == b.len() && a.iter().all(found)
            }
            _ => false,
        }
    }

    /// As tables and labels show it: text without quotes, a labelled table by its `name`, the rest as TOML.
    pub fn plain(&self) -> String {
        match &self.value {
            Value::Text(text) => text.to_string(),
            Value::Table(_) => match self.get("name").and_then(Node::as_text) {
                Some(name) => name.to_string(),
                None => self.inline(),
            },
            _ => self.inline(),
        }
    }

    /// As a TOML file: tables of tables get headers, the rest stands on one line a key.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        self.write_sections("", 2, &mut out);
        out
    }

    fn write_sections(&self, path: &str, depth: usize, out: &mut String) {
        let is_section = |entry: &&Entry| depth > 0 && entry.node.is_table();
        let plain: Vec<&Entry> = self.entries().iter().filter(|entry| !is_section(entry)).collect();
        if !path.is_empty() && (!plain.is_empty() || self.entries().is_empty()) {
            let _ = writeln!(out, "\n[{path}]");
        }
        for entry in plain {
            let _ = writeln!(out, "{} = {}", key(&entry.key), entry.node.inline());
        }
        for entry in self.entries().iter().filter(is_section) {
            let dot = if path.is_empty() { "" } else { "." };
            entry.node.write_sections(&format!("{path}{dot}{}", key(&entry.key)), depth - 1, out);
        }
    }

    /// As JSON has it; dates are text.
    pub fn json(&self) -> Json {
        match &self.value {
            Value::Text(text) | Value::Date(text) => Json::from(&**text),
            Value::Int(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::Bool(value) => Json::from(*value),
            Value::List(items) => items.iter().map(Node::json).collect(),
            Value::Table(entries) => {
                let pair = |entry: &Entry| (entry.key.to_string(), entry.node.json());
                Json::Object(entries.iter().map(pair).collect())
            }
        }
    }

    /// With another node at a path of keys and indices that it has.
    pub fn with(&self, path: &[String], new: Node) -> Node {
        let Some((first, rest)) = path.split_first() else { return new };
        let value = match &self.value {
            Value::List(items) => {
                let mut items = items.to_vec();
                if let Some(item) = first.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                    *item = item.with(rest, new);
                }
                Value::List(Arc::new(items))
            }
            Value::Table(entries) => {
                let mut entries = entries.to_vec();
                if let Some(entry) = entries.iter_mut().find(|entry| &*entry.key == first) {
                    entry.node = entry.node.with(rest, new);
                }
                Value::Table(Arc::new(entries))
            }
            other => other.clone(),
        };
        Node { via: self.via.clone(), ..Node::new(value, self.origin.clone()) }
    }

    /// As TOML writes it on one line.
    pub fn inline(&self) -> String {
        let mut out = String::new();
        self.write_inline(&mut out);
        out
    }

    fn write_inline(&self, out: &mut String) {
        match &self.value {
            Value::Text(text) => out.push_str(&quoted(text)),
            Value::Int(value) => _ = write!(out, "{value}"),
            Value::Float(value) => out.push_str(&float(*value)),
            Value::Bool(value) => _ = write!(out, "{value}"),
            Value::Date(text) => out.push_str(text),
            Value::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    item.write_inline(out);
                }
                out.push(']');
            }
            Value::Table(entries) if entries.is_empty() => out.push_str("{}"),
            Value::Table(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "{ " });
                    let _ = write!(out, "{} = ", key(&entry.key));
                    entry.node.write_inline(out);
                }
                out.push_str(" }");
            }
        }
    }
}

/// A key as TOML writes it: bare where it can be.
pub fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if bare { name.to_string() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_string()).to_string()
}

fn float(value: f64) -> String {
    toml::Value::Float(value).to_string()
}
