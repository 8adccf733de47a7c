//! What settings may be and what was written instead, in words.

use super::problem::{nearest, quoted_list};
use super::shape::Shape;
use super::tree::{Node, Value};

/// What a shape asks for, as a message says it.
pub fn wanted(shape: &Shape) -> String {
    match shape {
        Shape::Text => "text in quotes".into(),
        Shape::Bool => "`true` or `false`".into(),
        Shape::Integer { min, max } => integer_range(*min, *max),
        Shape::Number { min, max } => number_range(*min, *max),
        Shape::List { items, .. } => match **items {
            Shape::Text => "a list of texts".into(),
            Shape::Integer { .. } | Shape::Number { .. } => "a list of numbers".into(),
            _ => "a list".into(),
        },
        Shape::Table(table) if table.fields.is_empty() => "a table of settings, `{ ... }`".into(),
        Shape::Table(table) => {
            let names: Vec<&str> = table.fields.iter().map(|field| field.name.as_str()).take(6).collect();
            format!("a table with {}", quoted_list(&names, "and"))
        }
        Shape::Map(_) => "a table".into(),
        Shape::Choice(choices) => {
            let names: Vec<&str> = choices.iter().map(|choice| choice.name.as_str()).collect();
            quoted_list(&names, "or")
        }
        Shape::Word(words) => {
            let names: Vec<&str> = words.iter().map(|word| word.name.as_str()).collect();
            quoted_list(&names, "or")
        }
        Shape::Either(shapes) => shapes.iter().map(wanted).collect::<Vec<_>>().join(", or "),
    }
}

/// What was written instead.
pub fn written(node: &Node) -> String {
    match &node.value {
        Value::Text(text) if text.chars().count() > 40 => "a long text".into(),
        Value::Text(_) => format!("the text `{}`", node.inline()),
        Value::List(_) => "a list".into(),
        Value::Table(_) => "a table".into(),
        Value::Date(text) => format!("the date `{text}`"),
        _ => format!("`{}`", node.inline()),
    }
}

/// How to write what was probably meant.
pub fn type_hint(node: &Node, shape: &Shape) -> Option<String> {
    match (shape, &node.value) {
        (Shape::Integer { .. }, Value::Float(value)) if value.fract() == 0.0 => {
            Some(format!("write `{value:.0}`, without a point"))
        }
        (Shape::Integer { .. } | Shape::Number { .. }, Value::Text(text)) => {
            text.parse::<f64>().ok().map(|_| format!("write `{text}`, without quotes"))
        }
        (Shape::Either(shapes), Value::Text(text)) => {
            let words = shapes.iter().find_map(|shape| match shape {
                Shape::Word(words) => Some(nearest(text, words.iter().map(|word| word.name.as_str()))),
                _ => None,
            });
            let own = || shapes.iter().find_map(|shape| type_hint(node, shape));
            match words.filter(|near| !near.is_empty()) {
                Some(near) => Some(format!("did you mean {}?", quoted_list(&near, "or"))),
                None => own().or_else(|| Some("a number is written without quotes".into())),
            }
        }
        (Shape::Bool, Value::Text(text)) if matches!(&**text, "true" | "false") => {
            Some(format!("write `{text}`, without quotes"))
        }
        (Shape::Text, Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Date(_)) => {
            Some(format!("write `\"{}\"`", node.origin.text()))
        }
        (Shape::List { .. }, Value::Text(_) | Value::Int(_) | Value::Float(_)) => {
            Some(format!("write `[{}]`", node.inline()))
        }
        _ => None,
    }
}

/// What was probably meant by a number below a range.
pub fn sign_hint(value: f64, min: f64, max: f64) -> Option<String> {
    let turned = -value;
    (value < 0.0 && min <= turned && turned <= max).then(|| format!("write `{turned}`, without the minus"))
}

pub fn integer_range(min: i128, max: i128) -> String {
    let unbounded = max >= i128::from(u32::MAX);
    match (min, unbounded) {
        (min, true) if min < 0 => "an integer".into(),
        (min, true) => format!("an integer from {min} up"),
        (min, false) => format!("an integer from {min} to {max}"),
    }
}

pub fn number_range(min: f64, max: f64) -> String {
    match (min.is_finite(), max.is_finite()) {
        (true, true) => format!("a number from {min} to {max}"),
        (true, false) => format!("a number from {min} up"),
        (false, true) => format!("a number up to {max}"),
        (false, false) => "a number".into(),
    }
}
