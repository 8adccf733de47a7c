//! `pipeline compare`: groups side by side, each with its difference to a baseline, as text, CSV, JSON or Markdown.

use anyhow::Result;
use serde_json::json;

use super::cells::{Cell, Table, markdown};
use super::figures;
use super::launch::Launch;
use super::layout::{self, Column, Style};
use super::settings::{Setting, different_settings};
use super::sides::{Side, Sides, sides};
use super::summary::{
    ACCURACY, Constant, ENERGY, Group, IMAGES_TRAINED_ON, PARAMETERS, Quantity, STEPS, STORED_BYTES,
    TEST_IMAGES, TOTAL_SECS, TRAIN_SECS,
};
use super::terminal::{self, Note};
use crate::engine::Store;

/// What to compare, and how to show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison<'a> {
    /// The axis (or `experiment`, `launch`) whose values stand against one another.
    pub by: Option<&'a str>,
    /// The value of `by` that the others are measured against; else the first.
    pub baseline: Option<&'a str>,
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
    /// `{"version": 1, "by", "baseline", "interval", "rows", "settings"}`; rows hold what the CSV holds.
    Json,
    Markdown,
}

/// Version of the JSON; rises when a field changes its meaning.
const VERSION: u32 = 1;

/// What the intervals say, wherever they are shown.
const INTERVAL: &str = "95 % interval of the difference of means by Welch's t, over the outermost replicate, on these very test images";

/// Compares the groups of launches. Ends with a line end; text and Markdown are empty where no run has an evaluate
/// stage.
///
/// # Errors
/// When no launch has the axis or the baseline, or an artifact cannot be read.
pub fn compare(launches: &[Launch], store: &Store, comparison: &Comparison) -> Result<String> {
    let sides = sides(launches, store, comparison.by, comparison.baseline)?;
    let is_for_reading = matches!(comparison.format, Format::Text { .. } | Format::Markdown);
    if sides.sides.is_empty() && is_for_reading {
        return Ok(String::new());
    }
    let wanted = comparison.only_diff || comparison.format == Format::Json;
    let settings = if wanted { different_settings(launches, store) } else { Vec::new() };
    match comparison.format {
        Format::Text { width, color } => Ok(text(launches, &sides, &settings, width, &Style { color })),
        Format::Markdown => Ok(as_markdown(launches, &sides, &settings)),
        Format::Csv => Ok(String::from_utf8(table(&sides, comparison.only_diff).csv()?)?),
        Format::Json => Ok(format!("{:#}\n", as_json(launches, &sides, &settings, comparison.only_diff))),
    }
}

fn as_json(launches: &[Launch], sides: &Sides, settings: &[Setting], only_diff: bool) -> serde_json::Value {
    let setting = |setting: &Setting| json!({ "kind": setting.kind, "stage": setting.stage, "setting": setting.setting, "values": setting.values });
    json!({
        "version": VERSION,
        "launches": launches.iter().map(|launch| json!({ "experiment": launch.experiment, "launch": launch.launch })).collect::<Vec<_>>(),
        "by": sides.by,
        "baseline": sides.baseline,
        "interval": INTERVAL,
        "rows": table(sides, only_diff).json(),
        "settings": settings.iter().map(setting).collect::<Vec<_>>(),
    })
}

const MEANS: &[Quantity] = &[TRAIN_SECS, TOTAL_SECS, ENERGY];
const CONSTANTS: &[Constant] = &[PARAMETERS, STORED_BYTES, IMAGES_TRAINED_ON, STEPS, TEST_IMAGES];

/// The comparison as data: a row a group, at full precision. `difference` columns are to the group that has the
/// baseline's value and agrees in everything else, and empty where there is none.
fn table(sides: &Sides, only_diff: bool) -> Table {
    let labels = sides
        .sides
        .first()
        .map_or(Vec::new(), |side| side.labels.iter().map(|(name, _)| name.clone()).collect());
    let accuracy = ["n", "over", "accuracy_mean", "accuracy_sd", "accuracy_low_95", "accuracy_high_95"];
    let difference = ["accuracy_difference", "accuracy_difference_low_95", "accuracy_difference_high_95"];
    let means = MEANS.iter().flat_map(|(name, _)| [format!("{name}_mean"), format!("{name}_ratio")]);
    let columns = labels
        .into_iter()
        .chain(accuracy.iter().chain(&difference).map(|name| name.to_string()))
        .chain(means);
    let constants = CONSTANTS.iter().map(|(name, _)| name.to_string());
    let mut table =
        Table::new(columns.chain(constants).chain(["undertrained", "energy_class"].map(str::to_string)));
    table.rows = sides.sides.iter().map(|side| cells(sides, side)).collect();
    if only_diff && table.rows.len() > 1 {
        table.keep_columns(|name, cells| {
            name.starts_with("accuracy") || name == "n" || cells.windows(2).any(|pair| pair[0] != pair[1])
        });
    }
    table
}

fn cells(sides: &Sides, side: &Side) -> Vec<Cell> {
    let spread = side.group.spread(ACCURACY);
    let interval = spread.and_then(|spread| spread.interval());
    let difference = sides.difference(side, ACCURACY);
    let between = difference.and_then(|difference| difference.interval);
    let mut cells: Vec<Cell> = side.labels.iter().map(|(_, value)| Cell::text(value)).collect();
    cells.extend([
        Cell::Count(spread.map_or(0, |spread| spread.n) as u64),
        Cell::text(side.group.sample()),
        spread.map(|spread| spread.mean).into(),
        spread.and_then(|spread| spread.sd).into(),
        interval.map(|(low, _)| low).into(),
        interval.map(|(_, high)| high).into(),
        difference.map(|difference| difference.mean).into(),
        between.map(|(low, _)| low).into(),
        between.map(|(_, high)| high).into(),
    ]);
    for quantity in MEANS {
        cells.push(side.group.spread(*quantity).map(|spread| spread.mean).into());
        cells.push(sides.ratio(side, *quantity).into());
    }
    cells.extend(CONSTANTS.iter().map(|constant| Cell::from(side.group.constant(*constant))));
    cells.push(Cell::Count(side.group.undertrained() as u64));
    cells.push(side.group.energy_class().map_or(Cell::Missing, |class| Cell::text(class.name())));
    cells
}

fn text(launches: &[Launch], sides: &Sides, settings: &[Setting], width: usize, style: &Style) -> String {
    let mut columns = shown(sides);
    let hidden = layout::fit(&mut columns, width);
    let mut text = layout::draw(&columns, width, style) + "\n\n";
    for note in notes(sides, &hidden) {
        text.push_str(&note.paint(width, style));
    }
    if !hidden.is_empty() {
        text.push_str(&terminal::no_room_for(&hidden, "`--csv` has them").paint(width, style));
    }
    if !settings.is_empty() {
        text.push_str(&format!("\n{}\n", style.bold("settings that differ")));
        let columns = settings_columns(launches, settings);
        text.push_str(&layout::draw(&columns, width, style));
        text.push('\n');
    }
    text
}

fn as_markdown(launches: &[Launch], sides: &Sides, settings: &[Setting]) -> String {
    let mut text = as_markdown_table(&shown(sides));
    for note in notes(sides, &[]) {
        text.push_str(&format!("\n{}\n", note.text));
    }
    if !settings.is_empty() {
        text.push_str(&format!("\n{}", as_markdown_table(&settings_columns(launches, settings))));
    }
    text
}

fn as_markdown_table(columns: &[Column]) -> String {
    let headers: Vec<String> = columns.iter().map(|column| column.header.clone()).collect();
    let right: Vec<bool> = columns.iter().map(|column| column.right).collect();
    let height = columns.first().map_or(0, |column| column.cells.len());
    // Blanks that align a column in a terminal mean nothing here.
    let cell = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let row = |index: usize| columns.iter().map(|column| cell(&column.cells[index])).collect();
    markdown(&headers, &(0..height).map(row).collect::<Vec<_>>(), &right)
}

/// Columns as a person reads them; those that say the same in every row are left out.
fn shown(sides: &Sides) -> Vec<Column> {
    let words = |name: &str| {
        Column::words(name, sides.sides.iter().map(|side| side.label(name).to_string()).collect())
    };
    let names = sides.sides.first().map(|side| side.labels.as_slice()).unwrap_or_default();
    let labels = names.iter().map(|(name, _)| words(name));
    let groups: Vec<_> = sides.sides.iter().map(|side| side.group.clone()).collect();
    let varies = |column: &Column| !column.is_constant();
    let columns = labels.filter(varies).chain(accuracies(sides, &groups));
    let columns = columns.chain(costs(sides, &groups).into_iter().filter(varies));
    columns.filter(|column| !column.is_blank()).collect()
}

fn accuracies(sides: &Sides, groups: &[Group]) -> [Column; 4] {
    let difference = |side: &Side| {
        sides.difference(side, ACCURACY).map_or(String::new(), |difference| figures::points(difference.mean))
    };
    [
        terminal::accuracy_column(groups),
        Column::numbers("n", groups.iter().map(terminal::sample_size).collect(), 0),
        Column::numbers("Δ points", sides.sides.iter().map(difference).collect(), 0),
        Column::numbers("95 % interval", sides.sides.iter().map(|side| interval(sides, side)).collect(), 0),
    ]
}

fn costs(sides: &Sides, groups: &[Group]) -> [Column; 9] {
    let ratios = |quantity| {
        let ratio = |side: &Side| sides.ratio(side, quantity).map_or(String::new(), figures::ratio);
        sides.sides.iter().map(ratio).collect::<Vec<_>>()
    };
    let constant = |header, constant, write: fn(u64) -> String, rank| {
        let cell = |group: &Group| group.constant(constant).map_or(String::new(), write);
        Column::numbers(header, groups.iter().map(cell).collect(), rank)
    };
    [
        terminal::spread_column("total s", groups, TOTAL_SECS, figures::SECONDS, 1),
        Column::numbers("× total", ratios(TOTAL_SECS), 2),
        terminal::energy_column(groups, 2),
        Column::numbers("× energy", ratios(ENERGY), 1),
        terminal::spread_column("train s", groups, TRAIN_SECS, figures::SECONDS, 4),
        constant("parameters", PARAMETERS, figures::count, 3),
        constant("images", IMAGES_TRAINED_ON, terminal::whole, 5),
        constant("stored", STORED_BYTES, figures::bytes, 6),
        constant("steps", STEPS, terminal::whole, 7),
    ]
}

/// `+3.2 to +18.2 *`, with the star where 0 is outside.
fn interval(sides: &Sides, side: &Side) -> String {
    let Some(difference) = sides.difference(side, ACCURACY) else { return String::new() };
    let Some((low, high)) = difference.interval else { return "unknown  ".to_string() };
    let star = if difference.is_clear() { " *" } else { "  " };
    format!("{} to {}{star}", figures::points(low), figures::points(high))
}

fn notes(sides: &Sides, hidden: &[String]) -> Vec<Note> {
    let groups: Vec<_> = sides.sides.iter().map(|side| side.group.clone()).collect();
    let mut notes = terminal::notes(&groups, &[], hidden);
    let compared: Vec<&Side> = sides.sides.iter().filter(|side| side.against.is_some()).collect();
    if compared.is_empty() {
        return notes;
    }
    let what = match &sides.by {
        Some(by) => format!("{by} `{}`, with everything else equal", sides.baseline),
        None => "the first row".to_string(),
    };
    notes.push(Note::plain(format!("Δ: against {what}; {INTERVAL}; * excludes 0")));
    let is_unknown = |side: &Side| {
        sides.difference(side, ACCURACY).is_some_and(|difference| difference.interval.is_none())
    };
    if compared.iter().any(|side| is_unknown(side)) {
        notes.push(Note::plain(
            "unknown: an interval needs two results or more on each side, and some spread".to_string(),
        ));
    }
    if sides.comparisons() > 1 {
        let many = format!("{} intervals, not corrected for their number", sides.comparisons());
        notes.push(Note::plain(many));
    }
    notes
}

fn settings_columns(launches: &[Launch], settings: &[Setting]) -> Vec<Column> {
    let stage = |setting: &Setting| format!("{} {}", setting.kind, setting.stage);
    let mut columns = vec![
        Column::words("stage", settings.iter().map(stage).collect()),
        Column::words("setting", settings.iter().map(|setting| setting.setting.clone()).collect()),
    ];
    let several = launches.iter().any(|launch| launch.experiment != launches[0].experiment);
    for (index, launch) in launches.iter().enumerate() {
        let name = if several { &launch.experiment } else { &launch.launch };
        let values = |setting: &Setting| match setting.values[index].as_slice() {
            [] => "–".to_string(),
            values => values.join(", "),
        };
        columns.push(Column::words(name, settings.iter().map(values).collect()));
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    const WIDE: Format = Format::Text { width: 100, color: false };

    fn by(axis: &str, format: Format) -> Comparison<'_> {
        Comparison { by: Some(axis), baseline: None, only_diff: false, format }
    }

    /// Five sets of each arm, three networks a set.
    fn one_image() -> Fixture {
        let arm = |best: f64| -> Vec<Vec<f64>> {
            [0.0, 0.02, -0.01, 0.015, -0.02]
                .iter()
                .map(|set| (0..3).map(|net| best + set + 0.01 * f64::from(net)).collect())
                .collect()
        };
        let mut fixture = Fixture::sets(&[]);
        for (name, best) in [("random", 0.30), ("class-mean", 0.31), ("distribution-matching", 0.36)] {
            let sets = arm(best);
            fixture.add_sets(name, &sets.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        fixture
    }

    #[test]
    fn arms_are_compared_with_the_interval_of_their_difference() {
        let fixture = one_image();
        let text = compare(fixture.launches(), &fixture.store, &by("arm", WIDE)).unwrap();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn arms_are_compared_network_by_network() {
        let fixture = Fixture::birds();
        let text = compare(fixture.launches(), &fixture.store, &by("arm", WIDE)).unwrap();
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn two_experiments_show_the_settings_that_differ() {
        let fixture = Fixture::birds();
        let mut other = Launch { experiment: "longer".into(), ..fixture.launch.clone() };
        let key = format!("{:064x}", 900);
        fixture.put("train", &key, &json!({"steps": 6000, "optimizer": {"sgd": {"lr": 0.02}}}));
        for stage in other.stages.iter_mut().filter(|stage| stage.kind == "train") {
            stage.key = Some(key.clone());
        }
        let launches = [fixture.launch.clone(), other];
        let only_diff = |format| Comparison { by: None, baseline: None, only_diff: true, format };
        insta::assert_snapshot!(compare(&launches, &fixture.store, &only_diff(WIDE)).unwrap());
        insta::assert_snapshot!(compare(&launches, &fixture.store, &only_diff(Format::Markdown)).unwrap());
    }

    #[test]
    fn csv_has_full_precision_and_no_colour_or_unit_in_its_cells() {
        let fixture = one_image();
        let text = compare(fixture.launches(), &fixture.store, &by("arm", Format::Csv)).unwrap();
        insta::assert_snapshot!(text);
    }

    #[test]
    fn json_is_versioned_and_holds_the_rows_of_the_csv() {
        let fixture = Fixture::birds();
        let text = compare(fixture.launches(), &fixture.store, &by("network", Format::Json)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&value["version"], &value["by"], &value["baseline"]),
            (&json!(1), &json!("network"), &json!("vgg16-bn"))
        );
        assert_eq!(value["rows"].as_array().unwrap().len(), 4);
        assert_eq!(value["rows"][1]["network"], "ultralight");
        assert!((value["rows"][1]["accuracy_difference"].as_f64().unwrap() + 0.1).abs() < 1e-12);
    }

    #[test]
    fn only_diff_drops_columns_that_are_equal() {
        let fixture = Fixture::birds();
        let comparison = Comparison { only_diff: true, ..by("arm", Format::Csv) };
        let text = compare(fixture.launches(), &fixture.store, &comparison).unwrap();
        let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
        assert!(header.contains(&"stored_bytes") && header.contains(&"arm"));
        assert!(!header.contains(&"steps") && !header.contains(&"data"));
    }

    #[test]
    fn a_launch_without_runs_has_nothing_to_compare() {
        let mut fixture = Fixture::birds();
        fixture.launch.runs.clear();
        let text = compare(fixture.launches(), &fixture.store, &by("arm", WIDE)).unwrap();
        assert_eq!(text, "");
    }
}
