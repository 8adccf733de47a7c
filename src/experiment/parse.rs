//! From TOML text to the tree of settings.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Problems};
use super::source::{Origin, Source};
use super::tree::{Entry, Node, Value};

/// How many errors of syntax are told: one mistake often brings others.
const MAX_SYNTAX_ERRORS: usize = 5;

/// The tree of a TOML file, or its errors of syntax.
pub fn parse(source: &Arc<Source>) -> Result<Node, Problems> {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        return Err(syntax_problems(source, &errors));
    }
    let mut reader = Reader { source, shift: 0, problems: Vec::new() };
    let root = reader.table(document.get_ref(), 0..0);
    if reader.problems.is_empty() { Ok(root) } else { Err(reader.problems) }
}

fn syntax_problems(source: &Arc<Source>, errors: &[toml::de::Error]) -> Problems {
    let mut spans: Vec<(Range<usize>, &str)> =
        errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message())).collect();
    spans.sort_by_key(|(span, _)| span.start);
    let mut lines = BTreeSet::new();
    let mut problems = Vec::new();
    for (span, message) in spans {
        let origin = Origin::new(source, span);
        if lines.insert(origin.line()) && problems.len() < MAX_SYNTAX_ERRORS {
            problems.push(syntax_problem(&origin, message));
        }
        if brings_others(message) {
            break;
        }
    }
    problems
}

/// Past a bracket or a quote that is wrong, the rest of the file reads as something else.
fn brings_others(message: &str) -> bool {
    ["array", "table", "unclosed", "comma", "key-value", "string,"].iter().any(|word| message.contains(word))
}

fn syntax_problem(origin: &Origin, message: &str) -> Problem {
    if message.starts_with("string values must be quoted") || message.starts_with("invalid boolean") {
        let word = origin.text();
        let problem = Problem::error(origin, "not valid TOML: text must stand in quotes");
        return if word.is_empty() { problem } else { problem.hint(format!("write `\"{word}\"`")) };
    }
    let problem = Problem::error(origin, format!("not valid TOML: {message}"));
    match message {
        "duplicate key" => problem.hint("a key, or a `[header]`, may be written once"),
        _ => problem,
    }
}

/// One `--set path=value`.
#[derive(Clone, Debug)]
pub struct Override {
    pub path: Vec<(Arc<str>, Origin)>,
    pub value: Node,
}

/// The value is read as TOML, else taken as text.
pub fn parse_override(source: &Arc<Source>) -> Result<Override, Problem> {
    let text = source.text.as_str();
    let all = Origin::new(source, 0..text.len());
    let wrong = |message: &str| {
        Err(Problem::error(&all, message)
            .hint("write `--set stage-kind.name.key=value`, as in `--set train.net.steps=100`"))
    };
    let Some(equals) = equals_sign(text) else { return wrong("`--set` wants `path=value`") };
    // The path is read by the same rules as a key in a file: dots, quotes.
    let as_key = format!("{} = 0", &text[..equals]);
    let Ok(document) = DeTable::parse(&as_key) else { return wrong("the path is no key that TOML knows") };
    let path = path_of(document.get_ref(), source);
    let written = &text[equals + 1..];
    let value = match DeValue::parse(written) {
        Ok(value) => {
            let mut reader = Reader { source, shift: equals + 1, problems: Vec::new() };
            let node = reader.value(value.get_ref(), value.span());
            match reader.problems.pop() {
                Some(problem) => return Err(problem),
                None => node,
            }
        }
        Err(_) => Node::new(Value::Text(written.into()), Origin::new(source, equals + 1..text.len())),
    };
    Ok(Override { path, value })
}

fn equals_sign(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'=') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn path_of(document: &DeTable<'_>, source: &Arc<Source>) -> Vec<(Arc<str>, Origin)> {
    let mut path = Vec::new();
    let mut table = Some(document);
    while let Some((key, value)) = table.and_then(|table| table.iter().next()) {
        path.push((Arc::from(key.get_ref().as_ref()), Origin::new(source, key.span())));
        table = match value.get_ref() {
            DeValue::Table(below) => Some(below),
            _ => None,
        };
    }
    path
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    /// Bytes of the source before the text that was parsed.
    shift: usize,
    problems: Problems,
}

impl Reader<'_> {
    fn origin(&self, span: Range<usize>) -> Origin {
        Origin::new(self.source, span.start + self.shift..span.end + self.shift)
    }

    fn table(&mut self, table: &DeTable<'_>, span: Range<usize>) -> Node {
        let mut pairs: Vec<(&Spanned<_>, &Spanned<DeValue<'_>>)> = table.iter().collect();
        pairs.sort_by_key(|(key, _)| key.span().start);
        let entries = pairs.into_iter().map(|(key, value)| Entry {
            key: Arc::from(key.get_ref().as_ref()),
            at: self.origin(key.span()),
            node: self.value(value.get_ref(), value.span()),
        });
        let entries = entries.collect();
        Node::table(entries, self.origin(span))
    }

    fn value(&mut self, value: &DeValue<'_>, span: Range<usize>) -> Node {
        let value = match value {
            DeValue::String(text) => Value::Text(Arc::from(text.as_ref())),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Datetime(value) => Value::Date(value.to_string().into()),
            DeValue::Integer(value) => Value::Int(self.int(value.as_str(), value.radix(), &span)),
            DeValue::Float(value) => Value::Float(self.float(value.as_str(), &span)),
            DeValue::Array(items) => {
                let items = items.iter().map(|item| self.value(item.get_ref(), item.span()));
                Value::List(Arc::new(items.collect()))
            }
            DeValue::Table(table) => return self.table(table, span),
        };
        Node::new(value, self.origin(span))
    }

    fn int(&mut self, digits: &str, radix: u32, span: &Range<usize>) -> i64 {
        i64::from_str_radix(digits, radix).unwrap_or_else(|_| {
            let origin = self.origin(span.clone());
            let message = format!("`{}` does not fit in 64 bits", origin.text());
            self.problems.push(Problem::error(&origin, message));
            0
        })
    }

    fn float(&mut self, digits: &str, span: &Range<usize>) -> f64 {
        digits.parse().unwrap_or_else(|_| {
            let origin = self.origin(span.clone());
            let message = format!("`{}` is no number that a computer holds", origin.text());
            self.problems.push(Problem::error(&origin, message));
            0.0
        })
    }
}
