//! `pipeline compare`: groups side by side, each with its difference to a baseline, as text, CSV, JSON, Markdown or LaTeX.

mod across;
mod order;
mod published;
mod table;
mod text;
mod verdict;

use anyhow::Result;
use serde_json::{Value, json};

use super::evidence::Evidence;
use super::judge::{Asked, Judged, judge};
use super::launch::Launch;
use super::layout::Style;
use super::settings::{Setting, different_settings};
use super::sides::{Chosen, Sides, sides};
use crate::engine::Store;

pub use across::across;
pub use published::against_published;
pub use verdict::{method, points_of, sentence};

/// What to compare, and how to show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison<'a> {
    pub chosen: Chosen<'a>,
    /// Whether each side is no worse than its baseline by more than this; 0..1.
    pub margin: Option<f64>,
    /// A column of the CSV to sort by, downwards with `-` in front; in the order of the experiment without it.
    pub sort: Option<&'a str>,
    /// Leaves out columns that say the same in every row, and adds the settings that differ between launches.
    pub only_diff: bool,
    pub format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For a terminal of so many characters.
    Text {
        width: usize,
        color: bool,
    },
    /// Full precision; without the settings, which are no rows.
    Csv,
    /// `{"version": 1, "by", "baseline", "interval", "rows", "mcnemar", "verdicts", "settings"}`; rows hold what the CSV
    /// holds.
    Json,
    Markdown,
    /// A `tabular` for the package `booktabs`.
    Latex,
}

/// Version of the JSON; rises when a field changes its meaning.
const VERSION: u32 = 1;

/// What the intervals of independent replicates say, wherever they are shown.
const INTERVAL: &str = "95 % interval of the difference of means by Welch's t, over the outermost replicate, on these very test images";

/// What is known when it is shown.
struct Compared<'a> {
    launches: &'a [Launch],
    sides: &'a Sides,
    /// By side.
    judged: &'a [Option<Judged>],
    margin: Option<f64>,
    settings: &'a [Setting],
}

/// Compares the groups of launches. Ends with a line end; text, Markdown and LaTeX are empty where no run has an
/// evaluate stage.
///
/// # Errors
/// When no launch has the axis, the baseline or the column, figures of unlike machines are to be ranked, or an artifact
/// cannot be read.
pub fn compare(launches: &[Launch], store: &Store, comparison: &Comparison) -> Result<String> {
    let sides = sides(launches, store, &comparison.chosen)?;
    let is_for_reading = !matches!(comparison.format, Format::Csv | Format::Json);
    if sides.sides.is_empty() && is_for_reading {
        return Ok(String::new());
    }
    let evidence = Evidence::new(launches, store);
    let image_by_image = comparison.format == Format::Json;
    let judged = judge(&sides, &evidence, Asked { margin: comparison.margin, image_by_image })?;
    let (sides, judged) = match comparison.sort {
        Some(column) => order::sorted(sides, judged, column)?,
        None => (sides, judged),
    };
    let wanted = comparison.only_diff || comparison.format == Format::Json;
    let settings = if wanted { different_settings(launches, store) } else { Vec::new() };
    let compared =
        Compared { launches, sides: &sides, judged: &judged, margin: comparison.margin, settings: &settings };
    match comparison.format {
        Format::Text { width, color } => Ok(text::text(&compared, width, &Style { color })),
        Format::Markdown => Ok(text::as_markdown(&compared)),
        Format::Latex => Ok(text::as_latex(&compared)),
        Format::Csv => Ok(String::from_utf8(table::table(&sides, &judged, comparison.only_diff).csv()?)?),
        Format::Json => Ok(format!("{:#}\n", as_json(&compared, comparison.only_diff))),
    }
}

fn as_json(compared: &Compared, only_diff: bool) -> Value {
    let Compared { launches, sides, judged, margin, settings } = compared;
    let setting = |setting: &Setting| json!({ "kind": setting.kind, "stage": setting.stage, "setting": setting.setting, "values": setting.values });
    let sentences = margin.map_or(Vec::new(), |margin| verdict::sentences(sides, judged, margin));
    json!({
        "version": VERSION,
        "launches": launches.iter().map(|launch| json!({ "experiment": launch.experiment, "launch": launch.launch })).collect::<Vec<_>>(),
        "by": sides.by,
        "baseline": sides.baseline,
        "interval": INTERVAL,
        "rows": table::table(sides, judged, only_diff).json(),
        "mcnemar": mcnemar(sides, judged),
        "margin": margin,
        "verdicts": sentences,
        "settings": settings.iter().map(setting).collect::<Vec<_>>(),
    })
}

/// Every two runs of one seed that were scored on the same images.
fn mcnemar(sides: &Sides, judged: &[Option<Judged>]) -> Vec<Value> {
    let mut found = Vec::new();
    for (side, judged) in sides.sides.iter().zip(judged) {
        let (Some(judged), Some(against)) = (judged, side.against) else { continue };
        let (of, baseline) = (sides.name(side), sides.name(&sides.sides[against]));
        found.extend(judged.mcnemar.iter().map(|(run, counts)| {
            json!({
                "of": of, "baseline": baseline, "run": run, "both_right": counts.both,
                "only_of_right": counts.only_first, "only_baseline_right": counts.only_second,
                "neither_right": counts.neither, "p_exact": counts.exact(), "p_mid": counts.mid_p(),
            })
        }));
    }
    found
}

#[cfg(test)]
mod tests;
