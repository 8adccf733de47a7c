//! Holds a tree of settings against its shape: collects everything that is wrong and normalises what is right.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::problem::{Problem, Problems, quoted_list};
use super::shape::{Choice, Field, Shape, Table, Word};
use super::tree::{Entry, Node, Value};
use super::wording::{integer_range, number_range, sign_hint, type_hint, wanted, written};

/// A table as serde wants it; wrong values are replaced by possible ones, so that the rest can be looked at.
#[derive(Debug)]
pub struct Checked {
    pub value: Json,
    /// The fields of the table that hold, or should have held, something else.
    pub repaired: Vec<String>,
    pub problems: Problems,
}

/// `name` is what a person calls the table: `train.net`.
pub fn check(node: &Node, table: &Table, name: &str) -> Checked {
    let mut checker =
        Checker { path: vec![Step::Key(name.into())], problems: Vec::new(), repaired: Vec::new() };
    let value = checker.table(node, table);
    Checked { value, repaired: checker.repaired, problems: checker.problems }
}

enum Step {
    Key(Arc<str>),
    Index(usize),
}

struct Checker {
    /// From the name of the whole to the setting at hand.
    path: Vec<Step>,
    problems: Problems,
    repaired: Vec<String>,
}

impl Checker {
    fn shape(&mut self, node: &Node, shape: &Shape) -> Json {
        let right = match (shape, &node.value) {
            (Shape::Text, Value::Text(text)) => Some(json!(**text)),
            // The shell takes quotes away: what is an argument and no list may be text.
            (Shape::Text, Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Date(_))
                if node.origin.source.is_argument =>
            {
                Some(json!(node.origin.text()))
            }
            (Shape::Bool, Value::Bool(value)) => Some(json!(value)),
            (Shape::Integer { min, max }, Value::Int(value)) => self.integer(node, *value, *min, *max),
            (Shape::Number { min, max }, Value::Int(value)) => self.number(node, *value as f64, *min, *max),
            (Shape::Number { min, max }, Value::Float(value)) => self.number(node, *value, *min, *max),
            (Shape::List { items, min, max }, Value::List(list)) => {
                self.list(node, list, items, (*min, *max))
            }
            (Shape::Table(table), Value::Table(_)) => Some(self.table(node, table)),
            (Shape::Map(values), Value::Table(entries)) => Some(self.map(entries, values)),
            (Shape::Choice(choices), Value::Text(_) | Value::Table(_)) => self.choice(node, choices),
            (Shape::Word(words), Value::Text(text)) => self.word(node, text, words),
            (Shape::Either(shapes), _) => match shapes.iter().find(|shape| admits(shape, node)) {
                // A word that is none may be a number in quotes.
                Some(Shape::Word(words)) if shapes.iter().any(is_numeric) && !is_among(node, words) => {
                    self.wrong_type(node, shape)
                }
                Some(shape) => Some(self.shape(node, shape)),
                None => self.wrong_type(node, shape),
            },
            _ => self.wrong_type(node, shape),
        };
        right.unwrap_or_else(|| shape.sample())
    }

    fn table(&mut self, node: &Node, table: &Table) -> Json {
        let mut fields = Map::new();
        for entry in node.entries() {
            let before = self.problems.len();
            match table.field(&entry.key) {
                Some(field) => {
                    self.path.push(Step::Key(Arc::clone(&entry.key)));
                    fields.insert(field.name.clone(), self.shape(&entry.node, &field.shape));
                    self.path.pop();
                }
                None => self.unknown_key(entry, table, node),
            }
            if self.path.len() == 1 && self.problems.len() > before {
                self.repaired.push(entry.key.to_string());
            }
        }
        let missing: Vec<&Field> =
            table.fields.iter().filter(|f| f.required && !fields.contains_key(&f.name)).collect();
        if !missing.is_empty() {
            self.missing(node, &missing);
        }
        for field in missing {
            if self.path.len() == 1 {
                self.repaired.push(field.name.clone());
            }
            fields.insert(field.name.clone(), field.shape.sample());
        }
        Json::Object(fields)
    }

    fn map(&mut self, entries: &[Entry], values: &Shape) -> Json {
        let mut map = Map::new();
        for entry in entries {
            self.path.push(Step::Key(Arc::clone(&entry.key)));
            map.insert(entry.key.to_string(), self.shape(&entry.node, values));
            self.path.pop();
        }
        Json::Object(map)
    }

    fn list(
        &mut self,
        node: &Node,
        list: &[Node],
        items: &Shape,
        (min, max): (usize, usize),
    ) -> Option<Json> {
        if list.len() < min || list.len() > max {
            let wanted = match (min, max) {
                (min, max) if min == max => format!("{min} values"),
                (min, usize::MAX) => format!("{min} values or more"),
                (min, max) => format!("{min} to {max} values"),
            };
            let message = format!("`{}` must list {wanted}, not {}", self.name(), list.len());
            return self.wrong(node, message);
        }
        let mut checked = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            self.path.push(Step::Index(index));
            checked.push(self.shape(item, items));
            self.path.pop();
        }
        Some(Json::Array(checked))
    }

    fn integer(&mut self, node: &Node, value: i64, min: i128, max: i128) -> Option<Json> {
        if (min..=max).contains(&i128::from(value)) {
            return Some(json!(value));
        }
        let message = format!("`{}` must be {}, not {value}", self.name(), integer_range(min, max));
        self.out_of_range(node, message, sign_hint(value as f64, min as f64, max as f64))
    }

    fn number(&mut self, node: &Node, value: f64, min: f64, max: f64) -> Option<Json> {
        if value.is_finite() && value >= min && value <= max {
            return Some(json!(value));
        }
        let message = format!("`{}` must be {}, not {}", self.name(), number_range(min, max), node.inline());
        self.out_of_range(node, message, sign_hint(value, min, max))
    }

    fn word(&mut self, node: &Node, text: &str, words: &[Word]) -> Option<Json> {
        if words.iter().any(|word| word.name == text) {
            return Some(json!(text));
        }
        let names = words.iter().map(|word| word.name.as_str());
        let message = format!("`{}` cannot be `{text}`", self.name());
        let problem = self.at(node, message).hint_names(text, names);
        self.problems.push(problem);
        None
    }

    fn choice(&mut self, node: &Node, choices: &[Choice]) -> Option<Json> {
        let (name, settings) = match &node.value {
            Value::Text(name) => (name.to_string(), None),
            _ => match node.entries() {
                [entry] => (entry.key.to_string(), Some(entry)),
                entries => return self.not_one_choice(node, entries, choices),
            },
        };
        let Some(choice) = choices.iter().find(|choice| choice.name == name) else {
            return self.unknown_choice(node, &name, settings, choices);
        };
        let value = match settings {
            None => self.bare_choice(node, choice)?,
            Some(entry) => {
                self.path.push(Step::Key(Arc::clone(&entry.key)));
                let value = match entry.node.is_table() {
                    true => Some(self.table(&entry.node, &choice.settings)),
                    false => self.wrong_type(&entry.node, &Shape::Table(Table::default())),
                };
                self.path.pop();
                value?
            }
        };
        Some(json!({ name: value }))
    }

    fn bare_choice(&mut self, node: &Node, choice: &Choice) -> Option<Json> {
        let required = choice.settings.required();
        if required.is_empty() {
            return Some(json!({}));
        }
        let message = format!("`{}` needs {}", choice.name, quoted_list(&required, "and"));
        let settings: Vec<String> = required.iter().map(|name| format!("{name} = ...")).collect();
        let hint = format!("write `{{ {} = {{ {} }} }}`", choice.name, settings.join(", "));
        let problem = self.at(node, message).hint(hint);
        self.problems.push(problem);
        None
    }

    fn not_one_choice(&mut self, node: &Node, entries: &[Entry], choices: &[Choice]) -> Option<Json> {
        let of_one = choices.iter().find(|c| entries.iter().any(|e| c.settings.field(&e.key).is_some()));
        let names: Vec<&str> = choices.iter().map(|choice| choice.name.as_str()).collect();
        let example = of_one.map_or(names[0], |choice| &choice.name);
        let message = match entries.len() {
            0 => format!("`{}` names no choice", self.name()),
            n => format!("`{}` takes one choice, not {n}", self.name()),
        };
        let hint = format!(
            "write `{{ {example} = {{ ... }} }}` with its settings inside; choices: {}",
            quoted_list(&names, "and")
        );
        let problem = self.at(node, message).hint(hint);
        self.problems.push(problem);
        None
    }

    fn unknown_choice(
        &mut self,
        node: &Node,
        name: &str,
        entry: Option<&Entry>,
        choices: &[Choice],
    ) -> Option<Json> {
        if let Some(entry) = entry
            && choices.iter().any(|choice| choice.settings.field(name).is_some())
        {
            return self.not_one_choice_but_setting(node, entry, choices);
        }
        let message = format!("`{name}` is not a choice of `{}`", self.name());
        let mut problem = self.at(node, message);
        if let Some(entry) = entry {
            problem.origin = Some(entry.at.clone());
        }
        let problem = problem.hint_names(name, choices.iter().map(|choice| choice.name.as_str()));
        self.problems.push(problem);
        None
    }

    fn not_one_choice_but_setting(&mut self, node: &Node, entry: &Entry, choices: &[Choice]) -> Option<Json> {
        let message =
            format!("`{}` is a setting: `{}` wants the name of a choice around it", entry.key, self.name());
        let owner = choices.iter().filter(|choice| choice.settings.field(&entry.key).is_some());
        let owners: Vec<String> =
            owner.map(|c| format!("{{ {} = {} }}", c.name, node.inline())).take(3).collect();
        let problem =
            Problem::error(&entry.at, message).hint(format!("write {}", quoted_list(&owners, "or")));
        self.problems.push(problem);
        None
    }

    fn unknown_key(&mut self, entry: &Entry, table: &Table, node: &Node) {
        let message = format!("unknown key `{}` in `{}`", entry.key, self.place());
        // A key that is there already is not what was meant.
        let free = table.fields.iter().filter(|field| node.entry(&field.name).is_none());
        let names = free.map(|field| field.name.as_str());
        let problem = Problem::error(&entry.at, message).hint_names(&entry.key, names);
        self.problems.push(problem);
    }

    fn missing(&mut self, node: &Node, fields: &[&Field]) {
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let message = format!("`{}` lacks {}", self.place(), quoted_list(&names, "and"));
        let what = |field: &&Field| match &field.shape {
            Shape::Choice(_) | Shape::Word(_) => format!("`{}`: {}", field.name, wanted(&field.shape)),
            shape if field.doc.is_empty() => format!("`{}`: {}", field.name, wanted(shape)),
            _ => format!("`{}`: {}", field.name, field.doc.trim_end_matches('.')),
        };
        let problem = self.at(node, message).hint(fields.iter().map(what).collect::<Vec<_>>().join("; "));
        self.problems.push(problem);
    }

    fn wrong_type(&mut self, node: &Node, shape: &Shape) -> Option<Json> {
        let name = self.name();
        let inside_list = matches!(self.path.last(), Some(Step::Index(_)));
        let of = if inside_list { format!("each of `{name}`") } else { format!("`{name}`") };
        let problem = self.at(node, format!("{of} must be {}, not {}", wanted(shape), written(node)));
        let problem = match type_hint(node, shape) {
            Some(hint) => problem.hint(hint),
            None => problem,
        };
        self.problems.push(problem);
        None
    }

    fn out_of_range(&mut self, node: &Node, message: String, hint: Option<String>) -> Option<Json> {
        let problem = self.at(node, message);
        self.problems.push(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
        None
    }

    fn wrong(&mut self, node: &Node, message: String) -> Option<Json> {
        let problem = self.at(node, message);
        self.problems.push(problem);
        None
    }

    fn at(&self, node: &Node, message: String) -> Problem {
        let problem = Problem::error(&node.origin, message);
        match &node.via {
            Some(via) => problem.label(via, format!("taken here, for `{}`", self.place())),
            None => problem,
        }
    }

    /// The nearest name above that is no index.
    fn name(&self) -> &str {
        self.path.iter().rev().find_map(Step::key).unwrap_or_default()
    }

    fn place(&self) -> String {
        let steps = self.path.iter().map(|step| match step {
            Step::Key(key) => key.to_string(),
            Step::Index(index) => index.to_string(),
        });
        steps.collect::<Vec<_>>().join(".")
    }
}

impl Step {
    fn key(&self) -> Option<&str> {
        match self {
            Step::Key(key) => Some(key),
            Step::Index(_) => None,
        }
    }
}

fn is_numeric(shape: &Shape) -> bool {
    matches!(shape, Shape::Integer { .. } | Shape::Number { .. })
}

fn is_among(node: &Node, words: &[Word]) -> bool {
    node.as_text().is_some_and(|text| words.iter().any(|word| word.name == text))
}

fn admits(shape: &Shape, node: &Node) -> bool {
    match shape {
        Shape::Text | Shape::Word(_) => matches!(node.value, Value::Text(_)),
        Shape::Bool => matches!(node.value, Value::Bool(_)),
        Shape::Integer { .. } => matches!(node.value, Value::Int(_)),
        Shape::Number { .. } => matches!(node.value, Value::Int(_) | Value::Float(_)),
        Shape::List { .. } => matches!(node.value, Value::List(_)),
        Shape::Table(_) | Shape::Map(_) => node.is_table(),
        Shape::Choice(_) => node.is_table() || node.as_text().is_some(),
        Shape::Either(shapes) => shapes.iter().any(|shape| admits(shape, node)),
    }
}
