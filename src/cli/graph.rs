//! `pipeline graph`: the stages as Mermaid or DOT.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::engine::{Graph, Stage};

/// The boxes and arrows of a drawing: (identifier, name, kind) and pairs of identifiers.
struct Drawing {
    boxes: BTreeSet<(String, String, &'static str)>,
    arrows: BTreeSet<(String, String)>,
}

/// One box a stage, or one a stage of the file where `collapse` is set.
fn drawing(graph: &Graph, collapse: bool) -> Drawing {
    let name = |stage: &Stage| if collapse { stage.name.clone() } else { stage.label.clone() };
    let identifier = |stage: &Stage| identifier_of(&name(stage));
    let boxes = graph.stages.iter().map(|stage| (identifier(stage), name(stage), stage.kind)).collect();
    let arrows = graph.stages.iter().flat_map(|stage| {
        stage.inputs.iter().map(move |input| (identifier(&graph.stages[input.from]), identifier(stage)))
    });
    Drawing { boxes, arrows: arrows.collect() }
}

/// Letters, digits and underscores, unique for unlike names.
fn identifier_of(name: &str) -> String {
    name.chars().fold(String::from("s_"), |mut id, letter| {
        if letter.is_ascii_alphanumeric() {
            id.push(letter);
        } else {
            let _ = write!(id, "_{:x}_", u32::from(letter));
        }
        id
    })
}

pub fn mermaid(graph: &Graph, collapse: bool) -> String {
    let drawing = drawing(graph, collapse);
    let mut text = String::from("flowchart LR\n");
    for (id, name, kind) in &drawing.boxes {
        let name = name.replace('"', "#quot;");
        let _ = writeln!(text, "  {id}[\"{name}<br><i>{kind}</i>\"]");
    }
    for (from, to) in &drawing.arrows {
        let _ = writeln!(text, "  {from} --> {to}");
    }
    text
}

pub fn dot(graph: &Graph, collapse: bool) -> String {
    let drawing = drawing(graph, collapse);
    let mut text =
        String::from("digraph pipeline {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (id, name, kind) in &drawing.boxes {
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(text, "  {id} [label=\"{name}\\n{kind}\"];");
    }
    for (from, to) in &drawing.arrows {
        let _ = writeln!(text, "  {from} -> {to};");
    }
    text.push_str("}\n");
    text
}
