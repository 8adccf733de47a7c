//! `pipeline show`: what an artifact is, what it was made from and what is in it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::confusion::Confusion;
use super::distilled;
use super::figures;
use super::layout::{Column, Style, draw, wrap};
use super::metered;
use super::runs::{Scores, read_json};
use super::settings::leaves;
use crate::data::{Classes, Pixels, Split};
use crate::engine::{Artifact, short};
use crate::recipe::files;

/// Version of the JSON; rises when a field changes its meaning.
const VERSION: u32 = 1;

/// An artifact as text of `width` characters. Ends with a line end.
///
/// # Errors
/// When a file of it cannot be read.
pub fn describe_artifact(artifact: &Artifact, width: usize, color: bool) -> Result<String> {
    let style = Style { color };
    let receipt = &artifact.receipt;
    let mut text = format!("{}\n", style.bold(&format!("{} {}", receipt.kind, receipt.label)));
    text.push_str(&format!("key     {}\n", receipt.key));
    text.push_str(&format!("made    {}\n", made(artifact)));
    text.push_str(&format!("folder  {}\n", artifact.path.display()));
    for warning in receipt.warnings() {
        text.push_str(&format!("{}\n", style.caution(&wrap(&format!("warning: {warning}"), width))));
    }
    let mut section = |title: &str, body: String| {
        if !body.is_empty() {
            text.push_str(&format!("\n{}\n{}\n", style.bold(title), body.trim_end()));
        }
    };
    section("parameters", pairs(&parameters(artifact)));
    section("inputs", inputs(artifact, width, &style));
    section("energy", metered::describe(receipt, width));
    section("files", listed(artifact, width, &style));
    section("pictures", distilled::pictures(artifact));
    section("memory", distilled::memory(&receipt.provenance));
    for (title, body) in contents(artifact, width, &style)? {
        section(title, body);
    }
    section("provenance", pairs(&provenance(artifact)));
    Ok(text)
}

/// The same as JSON: `{"version": 1, "kind", "key", "label", "folder", "receipt", "content"}`.
///
/// # Errors
/// When a file of it cannot be read.
pub fn describe_artifact_as_json(artifact: &Artifact) -> Result<Value> {
    let receipt = &artifact.receipt;
    Ok(json!({
        "version": VERSION,
        "kind": receipt.kind,
        "key": receipt.key,
        "label": receipt.label,
        "folder": artifact.path,
        "receipt": receipt,
        "content": content_json(artifact)?,
    }))
}

fn made(artifact: &Artifact) -> String {
    let receipt = &artifact.receipt;
    let took = format!(
        "in {} s ({} s of processor time",
        figures::seconds(receipt.took_secs),
        figures::seconds(receipt.cpu_secs)
    );
    let attempt =
        if receipt.attempts > 1 { format!(", attempt {}", receipt.attempts) } else { String::new() };
    let size = figures::bytes(receipt.size());
    format!("{} {took}, {}{attempt}); {size}", receipt.started_at, figures::plural(receipt.threads, "thread"))
}

fn parameters(artifact: &Artifact) -> BTreeMap<String, String> {
    let pre_image = &artifact.receipt.pre_image;
    let mut all = leaves("", &pre_image["parameters"]);
    all.extend(leaves("environment.", &pre_image["environment"]));
    all.extend(leaves("revision of ", &pre_image["parts"]));
    all
}

fn provenance(artifact: &Artifact) -> BTreeMap<String, String> {
    let elsewhere = |name: &str| name == "warnings" || distilled::FACTS.contains(&name);
    let told = artifact.receipt.provenance.iter().filter(|(name, _)| !elsewhere(name));
    told.flat_map(|(name, value)| leaves(name, value)).collect()
}

fn pairs(pairs: &BTreeMap<String, String>) -> String {
    let width = pairs.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    pairs.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
}

/// Files of other artifacts that were read, by role.
fn inputs(artifact: &Artifact, width: usize, style: &Style) -> String {
    let Some(roles) = artifact.receipt.pre_image["inputs"].as_object() else { return String::new() };
    let files = roles
        .iter()
        .flat_map(|(role, files)| files.as_object().into_iter().flatten().map(move |file| (role, file)));
    let rows: Vec<[String; 3]> = files
        .map(|(role, (name, file))| {
            let digest = file["sha256"].as_str().map_or("–", short);
            [role.clone(), name.clone(), digest.to_string()]
        })
        .collect();
    let column = |header: &str, place: usize| {
        Column::words(header, rows.iter().map(|row| row[place].clone()).collect())
    };
    if rows.is_empty() {
        String::new()
    } else {
        draw(&[column("role", 0), column("file", 1), column("sha256", 2)], width, style)
    }
}

fn listed(artifact: &Artifact, width: usize, style: &Style) -> String {
    let files = &artifact.receipt.files;
    if files.is_empty() {
        return String::new();
    }
    let columns = [
        Column::words("file", files.keys().cloned().collect()),
        Column::numbers("size", files.values().map(|file| figures::bytes(file.size)).collect(), 0),
        Column::words("sha256", files.values().map(|file| short(&file.sha256).to_string()).collect()),
    ];
    draw(&columns, width, style)
}

/// What its files hold, as far as this program knows them.
fn contents(artifact: &Artifact, width: usize, style: &Style) -> Result<Vec<(&'static str, String)>> {
    let splits = splits(artifact)?;
    let mut sections = vec![("images", splits_text(&splits, width, style))];
    for (title, file) in SUMMARIES {
        if let Some(path) = there(artifact, file) {
            sections.push((title, pairs(&short_leaves(&read_json(&path)?))));
        }
    }
    if let Some(path) = there(artifact, files::METRICS) {
        sections.push(("scores", scores_text(&read_json(&path)?, width, style)));
    }
    if let Some(path) = there(artifact, files::CONFUSION) {
        sections.push(("confusion", Confusion::read(&path)?.draw(width, style)));
    }
    Ok(sections)
}

/// JSON files that are shown as they are.
const SUMMARIES: [(&str, &str); 5] = [
    ("network", files::NETWORK),
    ("training", files::TRAINING),
    ("experts", files::EXPERTS),
    ("distillation", files::DISTILLATION),
    ("student", files::STUDENT),
];

fn content_json(artifact: &Artifact) -> Result<Value> {
    let mut content = serde_json::Map::new();
    let splits = splits(artifact)?;
    if !splits.is_empty() {
        content.insert("images".into(), splits.iter().map(SplitFacts::json).collect());
    }
    for (name, file) in SUMMARIES.into_iter().chain([("scores", files::METRICS)]) {
        if let Some(path) = there(artifact, file) {
            content.insert(name.into(), read_json(&path)?);
        }
    }
    if let Some(path) = there(artifact, files::CONFUSION) {
        let confusion = Confusion::read(&path)?;
        content
            .insert("confusion".into(), json!({ "classes": confusion.classes, "counts": confusion.counts }));
    }
    Ok(Value::Object(content))
}

fn there(artifact: &Artifact, file: &str) -> Option<std::path::PathBuf> {
    Some(artifact.content(file)).filter(|path| path.is_file())
}

/// Leaves that fit on a line.
fn short_leaves(value: &Value) -> BTreeMap<String, String> {
    const LONGEST: usize = 200;
    let mut all = leaves("", value);
    all.retain(|_, value| value.chars().count() <= LONGEST);
    all
}

/// One split of an image set.
struct SplitFacts {
    name: &'static str,
    images: usize,
    height: usize,
    width: usize,
    pixels: &'static str,
    /// Names (or numbers, where the names are with another artifact) and how many images each has.
    per_class: Vec<(String, usize)>,
}

impl SplitFacts {
    fn json(&self) -> Value {
        let per_class: Vec<Value> = self
            .per_class
            .iter()
            .map(|(class, images)| json!({ "class": class, "images": images }))
            .collect();
        json!({
            "split": self.name, "images": self.images, "height": self.height, "width": self.width,
            "pixels": self.pixels, "per_class": per_class,
        })
    }

    /// `5 × 100` where all classes are alike, else each with its number.
    fn classes(&self) -> String {
        let Some((_, first)) = self.per_class.first() else { return String::new() };
        if self.per_class.iter().all(|(_, images)| images == first) {
            return format!("{} × {first}", self.per_class.len());
        }
        let each: Vec<String> =
            self.per_class.iter().map(|(class, images)| format!("{class} {images}")).collect();
        each.join(", ")
    }
}

/// The splits that the artifact holds itself; those that it passes on are with the artifact they come from.
fn splits(artifact: &Artifact) -> Result<Vec<SplitFacts>> {
    let names = there(artifact, files::CLASSES).map(|path| Classes::read(&path)).transpose()?;
    let names = names.map(|classes| classes.0).unwrap_or_default();
    let mut found = Vec::new();
    for (name, file) in [("train", files::TRAIN), ("valid", files::VALID), ("test", files::TEST)] {
        if let Some(path) = there(artifact, file) {
            found.push(split_facts(name, &path, &names)?);
        }
    }
    Ok(found)
}

fn split_facts(name: &'static str, path: &Path, names: &[String]) -> Result<SplitFacts> {
    let split = Split::open(path)?;
    let mut counts: BTreeMap<i64, usize> = (0..names.len() as i64).map(|class| (class, 0)).collect();
    for label in split.labels().heaviest() {
        *counts.entry(label).or_default() += 1;
    }
    let called = |class: i64| usize::try_from(class).ok().and_then(|class| names.get(class)).cloned();
    let per_class = counts
        .into_iter()
        .map(|(class, images)| (called(class).unwrap_or_else(|| class.to_string()), images));
    Ok(SplitFacts {
        name,
        images: split.len(),
        height: split.height(),
        width: split.width(),
        pixels: if matches!(split.pixels(), Pixels::U8(_)) { "u8" } else { "f32" },
        per_class: per_class.collect(),
    })
}

fn splits_text(splits: &[SplitFacts], width: usize, style: &Style) -> String {
    if splits.is_empty() {
        return String::new();
    }
    let column = |get: &dyn Fn(&SplitFacts) -> String| splits.iter().map(get).collect();
    let columns = [
        Column::words("split", column(&|split| split.name.to_string())),
        Column::numbers("images", column(&|split| split.images.to_string()), 0),
        Column::words(
            "size",
            column(&|split| format!("{} × {} {}", split.height, split.width, split.pixels)),
        ),
        Column::words("classes", column(&SplitFacts::classes)),
    ];
    draw(&columns, width, style)
}

fn scores_text(scores: &Scores, width: usize, style: &Style) -> String {
    let line = |name: &str, value: Option<String>| {
        value.map_or(String::new(), |value| format!("{name:14}  {value}\n"))
    };
    let percent = |share: Option<f64>| share.map(|share| format!("{} %", figures::percent(share)));
    let split = scores.split.as_deref().unwrap_or("test");
    let mut text = line("accuracy", percent(scores.accuracy))
        + &line("top-5 accuracy", percent(scores.top5_accuracy))
        + &line("loss", scores.loss.map(|loss| format!("{loss:.3}")))
        + &line("images", scores.images.map(|images| format!("{images} of the {split} split")))
        + &line("chance", percent(scores.chance()));
    if !scores.per_class.is_empty() && !text.is_empty() {
        let classes = &scores.per_class;
        let columns = [
            Column::words("class", classes.iter().map(|class| class.class.clone()).collect()),
            Column::numbers("images", classes.iter().map(|class| class.images.to_string()).collect(), 0),
            Column::numbers(
                "accuracy %",
                classes.iter().map(|class| class.accuracy.map_or("–".into(), figures::percent)).collect(),
                0,
            ),
        ];
        text = format!("{text}\n{}", draw(&columns, width, style));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;
    use crate::data::{Labels, write_split};

    /// Without what differs from call to call.
    fn shown(fixture: &Fixture, stage: usize) -> String {
        let stored = fixture.stored();
        let text = describe_artifact(stored.artifact(stage).unwrap(), 100, false).unwrap();
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("folder ")).collect();
        kept.join("\n")
    }

    #[test]
    fn a_network_is_shown_with_its_size_and_training() {
        let fixture = Fixture::birds();
        let train = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
        insta::assert_snapshot!(shown(&fixture, train));
    }

    #[test]
    fn scores_are_shown_with_their_confusion() {
        let fixture = Fixture::birds();
        insta::assert_snapshot!(shown(&fixture, fixture.launch.runs[0].evaluate));
    }

    #[test]
    fn an_image_set_is_shown_with_the_images_of_each_class() {
        let fixture = Fixture::birds();
        let (pixels, labels) = (vec![7; 5 * 2 * 2 * 3], Labels::Hard(vec![0, 0, 1, 2, 2]));
        let path = fixture.place(0).join("content/train.safetensors");
        std::fs::remove_file(&path).unwrap();
        let sources: Vec<String> = (0..5).map(|index| index.to_string()).collect();
        write_split(&path, 2, 2, Pixels::U8(&pixels), &labels, &sources).unwrap();
        fixture.file(0, "train.safetensors", std::fs::read(&path).unwrap());
        fixture.file(0, "classes.json", r#"["bulbul", "crake", "teal"]"#);
        let text = shown(&fixture, 0);
        assert!(text.contains("train       5  2 × 2 u8  bulbul 2, crake 1, teal 2"), "{text}");
        let json = describe_artifact_as_json(fixture.stored().artifact(0).unwrap()).unwrap();
        assert_eq!(json["content"]["images"][0]["per_class"][1], json!({"class": "crake", "images": 1}));
        assert_eq!((&json["version"], &json["kind"]), (&json!(1), &json!("subset")));
    }
}
