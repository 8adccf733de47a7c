//! Every setting with its type, range, default and meaning, from the same schemas that check them.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::examples;
use super::problem::{nearest, quoted_list};
use super::shape::{Choice, Field, Shape, Table, Word, shapes};
use super::wording::wanted;

/// Columns of text.
const WIDTH: usize = 100;

/// What a kind, a choice, a setting that is a choice, or one of a few words means; of nothing, what there is. The
/// error names the nearest topics.
pub fn explain(topic: &str) -> Result<String, String> {
    if topic.is_empty() {
        let mut out = explain("experiment")?;
        out.push_str("\ntopics:\n");
        paragraph(&mut out, "  ", &topics().join(", "));
        return Ok(out);
    }
    if let Some(text) = examples::written(topic) {
        return Ok(format!("{}\n", text.trim()));
    }
    if let Some(table) = shapes().kinds.get(topic) {
        return Ok(explain_kind(topic, table));
    }
    if topic == "pipeline.toml" {
        return Ok(explain_table(topic, &shapes().project, examples::PROJECT));
    }
    if topic.trim_matches(['[', ']']) == "published" {
        return Ok(explain_table("[published]", &shapes().published, examples::PUBLISHED));
    }
    let (choices, settings) = all_choices();
    let mut out = String::new();
    for (path, field, list) in settings.iter().filter(|(_, field, _)| field.name == topic) {
        out.push_str(&separated(&out, explain_setting(path, field, list)));
    }
    for (path, choice) in choices.iter().filter(|(_, choice)| choice.name == topic) {
        out.push_str(&separated(&out, explain_choice(path, choice)));
    }
    if !out.is_empty() {
        return Ok(out);
    }
    let known = topics();
    let near = nearest(topic, known.iter().map(String::as_str));
    let hint = match near.is_empty() {
        true => format!("kinds: {}", quoted_list(crate::recipe::KINDS, "and")),
        false => format!("did you mean {}?", quoted_list(&near, "or")),
    };
    Err(format!("nothing is called `{topic}`\nhint: {hint}"))
}

/// Everything that can be explained.
pub fn topics() -> Vec<String> {
    let (choices, settings) = all_choices();
    let mut topics: Vec<String> = shapes().kinds.keys().map(|kind| kind.to_string()).collect();
    topics.extend(["pipeline.toml", "published"].map(String::from));
    topics.extend(examples::WRITTEN.iter().map(|(name, _)| name.to_string()));
    topics.extend(settings.into_iter().map(|(_, field, _)| field.name.clone()));
    topics.extend(choices.into_iter().map(|(_, choice)| choice.name.clone()));
    topics.sort();
    topics.dedup();
    topics
}

fn separated(before: &str, text: String) -> String {
    if before.is_empty() { text } else { format!("\n{text}") }
}

/// A table that is no stage.
fn explain_table(title: &str, table: &Table, text: &str) -> String {
    let mut out = heading(title, &table.doc);
    fields(&mut out, table);
    example(&mut out, text);
    out
}

fn explain_kind(kind: &str, table: &Table) -> String {
    let mut out = heading(&format!("[{kind}.NAME]"), &table.doc);
    if let Some(note) = examples::note(kind) {
        out.push('\n');
        paragraph(&mut out, "", note);
    }
    fields(&mut out, table);
    if let Some(text) = examples::example(kind) {
        example(&mut out, text);
    }
    out
}

fn explain_setting(path: &str, field: &Field, choices: &[Choice]) -> String {
    let mut out = heading(&format!("{path}: {}", field.name), &field.doc);
    out.push('\n');
    for choice in choices {
        let _ = writeln!(out, "  {}", choice.name);
        paragraph(&mut out, "      ", &choice.doc);
    }
    let first = choices.first().map_or("", |choice| &choice.name);
    out.push_str("\n`pipeline explain ");
    let _ = writeln!(out, "{first}` lists the settings of `{first}`.");
    out
}

fn explain_choice(path: &str, choice: &Choice) -> String {
    let mut out = heading(&format!("{path}: {}", choice.name), &choice.doc);
    if choice.settings.doc != choice.doc && !choice.settings.doc.is_empty() {
        paragraph(&mut out, "", &choice.settings.doc);
    }
    fields(&mut out, &choice.settings);
    let setting = path.rsplit('.').next().unwrap_or(path);
    example(&mut out, &choice_example(setting, choice));
    out
}

/// `method = { distribution-matching = { iterations = 1000 } }`, or the bare name where that is enough.
fn choice_example(setting: &str, choice: &Choice) -> String {
    let required = choice.settings.fields.iter().filter(|field| field.required);
    let optional = choice.settings.fields.iter().filter(|field| default(field).is_some());
    let shown: Vec<&Field> = match choice.settings.required().is_empty() {
        // What is its own says more of it than the probability that every augmentation has.
        true => optional.min_by_key(|field| field.name == "probability").into_iter().collect(),
        false => required.collect(),
    };
    let value = |field: &Field| default(field).unwrap_or_else(|| short(&field.shape.sample()));
    let settings: Vec<String> =
        shown.iter().map(|field| format!("{} = {}", field.name, value(field))).collect();
    let brackets = matches!(setting, "apply" | "transforms");
    let (open, close) = if brackets { ("[", "]") } else { ("", "") };
    let bare = format!("{setting} = {open}\"{}\"{close}", choice.name);
    if settings.is_empty() {
        return bare;
    }
    let full = format!("{setting} = {open}{{ {} = {{ {} }} }}{close}", choice.name, settings.join(", "));
    if choice.settings.required().is_empty() { format!("{bare}\n{full}") } else { full }
}

fn heading(name: &str, doc: &str) -> String {
    let mut out = format!("{name}\n");
    paragraph(&mut out, "", doc);
    out
}

fn example(out: &mut String, text: &str) {
    out.push_str("\nexample:\n");
    for line in text.trim().lines() {
        let _ = writeln!(out, "{}", format!("    {line}").trim_end());
    }
}

fn fields(out: &mut String, table: &Table) {
    if table.fields.is_empty() {
        out.push_str("\nno settings\n");
    }
    for field in &table.fields {
        out.push('\n');
        one_field(out, field, "  ");
    }
}

fn one_field(out: &mut String, field: &Field, indent: &str) {
    let default = match (field.required, default(field)) {
        (true, _) => "required".to_string(),
        (false, Some(value)) => format!("default {value}"),
        (false, None) => "optional".to_string(),
    };
    paragraph(out, indent, &format!("{}: {}; {default}", field.name, kind_of(&field.shape)));
    let below = format!("{indent}    ");
    paragraph(out, &below, &field.doc);
    nested(out, &field.shape, &below);
}

/// What a shape has inside that is worth a line each.
fn nested(out: &mut String, shape: &Shape, indent: &str) {
    match shape {
        Shape::Table(table) => table.fields.iter().for_each(|field| one_field(out, field, indent)),
        Shape::Map(values) => nested(out, values, indent),
        Shape::List { items, .. } => nested(out, items, indent),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| nested(out, shape, indent)),
        Shape::Choice(choices) => {
            for choice in choices {
                let settings: Vec<String> = choice.settings.fields.iter().map(brief).collect();
                let settings = if settings.is_empty() {
                    String::new()
                } else {
                    format!(" {{ {} }}", settings.join(", "))
                };
                paragraph(out, indent, &format!("{}{settings}", choice.name));
                paragraph(out, &format!("{indent}    "), &choice.doc);
            }
        }
        Shape::Word(words) => {
            for word in words.iter().filter(|word| !word.doc.is_empty()) {
                paragraph(out, indent, &format!("{}: {}", word.name, word.doc));
            }
        }
        _ => {}
    }
}

fn brief(field: &Field) -> String {
    match default(field) {
        Some(value) => format!("{} = {value}", field.name),
        None => format!("{}{}", field.name, if field.required { " (required)" } else { "" }),
    }
}

fn kind_of(shape: &Shape) -> String {
    match shape {
        Shape::Text => "text".into(),
        Shape::Bool => "true or false".into(),
        Shape::Choice(_) => "a choice".into(),
        Shape::Word(words) => {
            quoted_list(&words.iter().map(|word: &Word| word.name.as_str()).collect::<Vec<_>>(), "or")
        }
        Shape::List { items, min, max } => {
            let count = if min == max { format!("{min} ") } else { String::new() };
            match **items {
                Shape::Choice(_) => "a list of choices".into(),
                Shape::Text => "a list of texts".into(),
                Shape::Word(_) => "a list of words".into(),
                _ => format!("a list of {count}numbers"),
            }
        }
        Shape::Table(_) => "a table".into(),
        Shape::Map(_) => "a table of names".into(),
        Shape::Either(shapes) => shapes.iter().map(kind_of).collect::<Vec<_>>().join(", or "),
        other => wanted(other),
    }
}

fn default(field: &Field) -> Option<String> {
    field.default.as_ref().filter(|value| !value.is_null()).map(short)
}

/// A value as TOML; a choice with its defaults by its name.
fn short(value: &Json) -> String {
    match value {
        Json::Object(map) if map.len() == 1 && map.values().all(Json::is_object) => {
            map.keys().next().map_or_else(String::new, |name| format!("\"{name}\""))
        }
        Json::Object(map) if map.is_empty() => "{}".into(),
        Json::Object(map) => {
            let known = map.iter().filter(|(_, value)| !value.is_null());
            let pairs: Vec<String> = known.map(|(key, value)| format!("{key} = {}", short(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(short).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

type Settings = Vec<(String, &'static Field, &'static [Choice])>;

/// Every choice and every setting that is one, with the path to it.
fn all_choices() -> (Vec<(String, &'static Choice)>, Settings) {
    let (mut choices, mut settings) = (Vec::new(), Vec::new());
    let tables = shapes().kinds.iter().map(|(kind, table)| (format!("[{kind}.NAME]"), table));
    let datasets = shapes().project.field("datasets").map(|field| &field.shape);
    let dataset = datasets.and_then(|sets| match sets {
        Shape::Map(values) => match &**values {
            Shape::Table(table) => Some(("pipeline.toml [datasets.NAME]".to_string(), table)),
            _ => None,
        },
        _ => None,
    });
    for (path, table) in tables.chain(dataset) {
        for field in &table.fields {
            let shape = match &field.shape {
                Shape::List { items, .. } => items,
                shape => shape,
            };
            if let Shape::Choice(list) = shape {
                settings.push((path.clone(), field, list.as_slice()));
                choices.extend(list.iter().map(|choice| (format!("{path}.{}", field.name), choice)));
            }
        }
    }
    (choices, settings)
}

/// Text broken at spaces.
fn paragraph(out: &mut String, indent: &str, text: &str) {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent.len() + line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{indent}{line}");
            line.clear();
        }
        line.push_str(if line.is_empty() { "" } else { " " });
        line.push_str(word);
    }
    if !line.is_empty() {
        let _ = writeln!(out, "{indent}{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_explained() {
        for topic in topics() {
            let text = explain(&topic).unwrap();
            assert!(text.len() > 20, "{topic}: {text}");
            assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
        }
    }

    #[test]
    fn what_a_command_does_not_declare_is_said_not_to_be_tracked() {
        let text = explain("command").unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("What is not declared is not tracked."), "{text}");
        assert!(text.contains("other files, libraries, the network, the clock"), "{text}");
    }

    #[test]
    fn settings_come_with_range_default_and_meaning() {
        insta::assert_snapshot!(explain("distil").unwrap());
        insta::assert_snapshot!(explain("gaussian-noise").unwrap());
        insta::assert_snapshot!(explain("optimizer").unwrap());
        insta::assert_snapshot!(explain("pipeline.toml").unwrap());
    }

    #[test]
    fn an_unknown_topic_is_answered_with_the_nearest() {
        insta::assert_snapshot!(explain("distribution-maching").unwrap_err());
        insta::assert_snapshot!(explain("walrus").unwrap_err());
    }
}
