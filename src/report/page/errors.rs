//! The test images that the networks of a group are most often, and most surely, wrong about.

use std::path::PathBuf;

use anyhow::Result;

use super::super::figures;
use super::super::runs::Row;
use super::facts::Facts;
use super::html::escape;
use super::pictures::thumbnail;
use crate::data::{Split, image_of};
use crate::recipe::files;

/// Images shown of a group.
const SHOWN: usize = 8;

/// An image that networks were wrong about.
struct Wrong {
    index: usize,
    source: String,
    label: String,
    /// What the first of them took it for.
    taken_for: String,
    /// Networks of the group that were wrong.
    networks: usize,
    /// The sum of what they gave the wrong class, 0..1 each.
    sureness: f64,
}

/// Thumbnails of a side's worst errors, with how many of its networks made each; empty where there are no predictions or
/// the images are gone.
///
/// # Errors
/// Predictions or images cannot be read.
pub fn thumbnails(facts: &Facts, side: usize) -> Result<String> {
    let rows = &facts.side(side).group.rows;
    let Some(first) = rows.first() else { return Ok(String::new()) };
    let Some(path) = split_of(facts, first) else { return Ok(String::new()) };
    let (wrong, networks) = worst(facts, rows)?;
    let split = Split::open(&path)?;
    let mut html = String::new();
    for one in wrong.iter().filter(|one| one.index < split.len()) {
        let picture = thumbnail(&image_of(&split, one.index))?;
        let caption = format!(
            "{} taken for {} by {} of {networks}, at {} %",
            one.label,
            one.taken_for,
            one.networks,
            figures::percent(one.sureness / one.networks as f64)
        );
        html.push_str(&format!(
            "<figure><img src=\"{picture}\" alt=\"{0}\" title=\"{1}\"><figcaption>{0}</figcaption></figure>",
            escape(&caption),
            escape(&one.source)
        ));
    }
    Ok(if html.is_empty() { html } else { format!("<div class=\"thumbs\">{html}</div>\n") })
}

/// The worst errors of the runs that were scored on the images of the first, and how many runs those are.
fn worst(facts: &Facts, rows: &[Row]) -> Result<(Vec<Wrong>, usize)> {
    let (mut all, mut networks): (Vec<Wrong>, usize) = (Vec::new(), 0);
    let mut images: Option<Vec<(String, String)>> = None;
    for row in rows {
        let Some(predictions) = facts.evidence.predictions(row)? else { continue };
        let own: Vec<(String, String)> =
            predictions.iter().map(|one| (one.source.clone(), one.label.clone())).collect();
        if images.get_or_insert_with(|| own.clone()) != &own {
            continue;
        }
        networks += 1;
        for one in predictions.into_iter().filter(|one| !one.is_right()) {
            match all.iter_mut().find(|known| known.index == one.index) {
                Some(known) => {
                    known.networks += 1;
                    known.sureness += one.probability;
                }
                None => all.push(Wrong {
                    index: one.index,
                    source: one.source,
                    label: one.label,
                    taken_for: one.predicted,
                    networks: 1,
                    sureness: one.probability,
                }),
            }
        }
    }
    all.sort_by(|a, b| b.networks.cmp(&a.networks).then(b.sureness.total_cmp(&a.sureness)));
    all.truncate(SHOWN);
    Ok((all, networks))
}

/// Where the images lie that a run was scored on: with the stage named, or the one that passed them on to it.
fn split_of(facts: &Facts, row: &Row) -> Option<PathBuf> {
    let file = match row.scores.split.as_deref() {
        Some("train") => files::TRAIN,
        Some("valid") => files::VALID,
        _ => files::TEST,
    };
    let (stored, evaluate) = facts.evidence.place(row)?;
    let mut stage = stored.launch.input(evaluate, "on")?;
    loop {
        if let Some(path) = stored.content(stage, file) {
            return Some(path);
        }
        stage = stored.launch.input(stage, "from")?;
    }
}
