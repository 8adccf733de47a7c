//! Launches beside what papers report of the same setting.

use anyhow::{Result, bail};
use serde_json::json;

use super::super::cells::{Cell, Table, latex, markdown};
use super::super::figures;
use super::super::launch::Launch;
use super::super::layout::{self, Column, Style};
use super::super::runs;
use super::super::statistics::Spread;
use super::super::stored::Stored;
use super::super::summary::{self, ACCURACY, BEST_ON_TEST, Group};
use super::{Format, VERSION, text};
use crate::engine::Store;
use crate::recipe::{Published, Statistic};

/// Points of accuracy that a figure may be off by and still count as repeated.
const WITHIN: f64 = 1.5;

/// A group of runs and the figure that it is to repeat.
struct Repeated<'a> {
    group: Group,
    published: &'a Published,
}

impl Repeated<'_> {
    /// Ours of the authors' statistic.
    fn ours(&self) -> Option<Spread> {
        match self.published.statistic {
            Statistic::Last => self.group.spread(ACCURACY),
            Statistic::BestOnTest => self.group.spread(BEST_ON_TEST),
        }
    }

    /// Ours less theirs, in points.
    fn difference(&self) -> Option<f64> {
        Some(100.0 * self.ours()?.mean - self.published.accuracy)
    }

    /// To a hundredth, so that 1.5 is within 1.5.
    fn within(&self) -> Option<bool> {
        Some((100.0 * self.difference()?).round().abs() <= 100.0 * WITHIN)
    }

    /// Within 1.5 points, or better.
    fn holds(&self) -> Option<bool> {
        Some(self.within()? || self.difference()? > 0.0)
    }

    fn answer(&self) -> &'static str {
        match (self.within(), self.holds()) {
            (Some(true), _) => "yes",
            (_, Some(true)) => "better",
            (_, Some(false)) => "no",
            (_, None) => "",
        }
    }
}

/// What is to be shown, and how many groups fall short of their figure.
#[derive(Debug)]
pub struct Against {
    pub text: String,
    /// Groups that are worse by more than a point and a half.
    pub short: usize,
    pub groups: usize,
}

/// A row a group: ours at the end and at its best on the test split, the published figure, and their difference by the
/// statistic that the authors report.
///
/// # Errors
/// No launch has a `[published]` figure, or an artifact cannot be read.
pub fn against_published(launches: &[Launch], store: &Store, format: Format) -> Result<Against> {
    let mut rows = Vec::new();
    for launch in launches {
        let Some(published) = &launch.published else { continue };
        let groups = summary::groups(launch, &runs::rows(&Stored::new(launch, store))?);
        let scored = groups.into_iter().filter(|group| !group.rows.is_empty());
        rows.extend(scored.map(|group| Repeated { group, published }));
    }
    if launches.iter().all(|launch| launch.published.is_none()) {
        let names: Vec<String> = launches.iter().map(|launch| format!("`{}`", launch.experiment)).collect();
        bail!(
            "{} had no `[published]` figure when it ran\n\
             hint: `pipeline explain published`; running it again, with everything cached, takes it up",
            names.join(", ")
        );
    }
    let columns = columns(&rows);
    let short = rows.iter().filter(|row| row.holds() == Some(false)).count();
    let text = match format {
        Format::Text { width, color } => as_text(columns, &rows, width, &Style { color }),
        Format::Markdown => text::drawn(&columns, markdown) + &lines(&rows, "\n"),
        Format::Latex => lines(&rows, "% ") + &text::drawn(&columns, latex),
        Format::Csv => String::from_utf8(table(&rows).csv()?)?,
        Format::Json => format!("{:#}\n", json!({ "version": VERSION, "rows": table(&rows).json() })),
    };
    Ok(Against { text, short, groups: rows.len() })
}

fn as_text(mut columns: Vec<Column>, rows: &[Repeated], width: usize, style: &Style) -> String {
    layout::fit(&mut columns, width);
    let notes: String = notes(rows).iter().map(|note| layout::wrap(note, width) + "\n").collect();
    format!("{}\n\n{notes}", layout::draw(&columns, width, style))
}

fn lines(rows: &[Repeated], before: &str) -> String {
    notes(rows).into_iter().map(|note| format!("{before}{note}\n")).collect()
}

fn columns(rows: &[Repeated]) -> Vec<Column> {
    let words = |header: &str, cell: &dyn Fn(&Repeated) -> String| {
        Column::words(header, rows.iter().map(cell).collect())
    };
    let numbers = |header: &str, cell: &dyn Fn(&Repeated) -> String| {
        Column::numbers(header, rows.iter().map(cell).collect(), 0)
    };
    let spreads = |header: &str, spreads: Vec<Option<Spread>>| {
        Column::numbers(header, figures::spreads(&spreads, figures::PERCENT), 0)
    };
    let ours = |quantity| rows.iter().map(|row| row.group.spread(quantity)).collect();
    let published = |row: &Repeated| {
        let Published { accuracy, sd, .. } = row.published;
        sd.map_or(format!("{accuracy:.1}"), |sd| format!("{accuracy:.1} ± {sd:.1}"))
    };
    let points =
        |row: &Repeated| row.difference().map_or("".into(), |points| figures::points(points / 100.0));
    let mut columns = vec![words("experiment", &|row| row.group.experiment.clone())];
    columns.extend(axes(rows).iter().map(|axis| words(axis, &|row| row.group.axis(axis).to_string())));
    columns.extend([
        spreads("last %", ours(ACCURACY)),
        spreads("best on test %", ours(BEST_ON_TEST)),
        numbers("n", &|row| row.ours().map_or(0, |ours| ours.n).to_string()),
        numbers("published %", &published),
        words("statistic", &|row| row.published.statistic.name().to_string()),
        numbers("Δ points", &points),
        words("within 1.5", &|row| row.answer().to_string()),
    ]);
    columns.retain(|column| !column.is_blank());
    columns
}

/// Axes of any of the launches, each once.
fn axes(rows: &[Repeated]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (axis, _) in rows.iter().flat_map(|row| &row.group.axes) {
        if !names.contains(axis) {
            names.push(axis.clone());
        }
    }
    names
}

/// What has to be known to read the figures, each once.
fn notes(rows: &[Repeated]) -> Vec<String> {
    let mut notes = vec![format!(
        "Δ: ours less the published figure, by the authors' statistic; within {WITHIN} points, or better, counts as repeated"
    )];
    if rows.iter().any(|row| row.group.spread(BEST_ON_TEST).is_some()) {
        let best = "best on test: the highest accuracy that a training had on the test split at any point of its curve; \
                    for comparison with papers alone, since it is chosen on the test split";
        notes.push(best.into());
    }
    for row in rows {
        let Published { statistic, source, differs, .. } = row.published;
        let name = &row.group.experiment;
        notes.push(format!("{name}: {source} ({})", statistic.name()));
        notes.extend((!differs.is_empty()).then(|| format!("{name} differs: {}", differs.join("; "))));
        if row.ours().is_none() {
            notes.push(format!("{name}: no training recorded its best on test: `test_curve = true` does"));
        }
    }
    let mut told = std::collections::BTreeSet::new();
    notes.retain(|note| told.insert(note.clone()));
    notes
}

/// Shares in 0..1, at full precision.
fn table(rows: &[Repeated]) -> Table {
    let axes = axes(rows);
    let before = ["experiment", "launch"].map(String::from);
    let after = [
        "n",
        "accuracy_mean",
        "accuracy_sd",
        "best_test_accuracy_mean",
        "best_test_accuracy_sd",
        "published_accuracy",
        "published_sd",
        "statistic",
        "difference",
        "within_1_5_points",
        "source",
        "repeated",
    ];
    let columns = before.into_iter().chain(axes.clone()).chain(after.map(String::from));
    let mut table = Table::new(columns);
    for row in rows {
        let [last, best] = [ACCURACY, BEST_ON_TEST].map(|quantity| row.group.spread(quantity));
        let mut cells = vec![Cell::text(&row.group.experiment), Cell::text(&row.group.launch)];
        cells.extend(axes.iter().map(|axis| Cell::text(row.group.axis(axis))));
        cells.push(Cell::Count(row.ours().map_or(0, |ours| ours.n) as u64));
        for spread in [last, best] {
            cells.push(spread.map(|spread| spread.mean).into());
            cells.push(spread.and_then(|spread| spread.sd).into());
        }
        cells.push(Cell::Number(row.published.accuracy / 100.0));
        cells.push(row.published.sd.map(|sd| sd / 100.0).into());
        cells.push(Cell::text(row.published.statistic.name()));
        cells.push(row.difference().map(|points| points / 100.0).into());
        cells.push(row.within().into());
        cells.push(Cell::text(&row.published.source));
        cells.push(row.holds().into());
        table.rows.push(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::Fixture;
    use super::*;

    fn published(accuracy: f64, statistic: Statistic) -> Published {
        let source = "Zhao & Bilen 2023, table 1".to_string();
        Published { accuracy, sd: Some(0.8), statistic, source, differs: vec!["5 networks a set".into()] }
    }

    /// Sets with mean accuracies 0.52 and 0.62.
    fn said(published: Option<Published>, format: Format) -> Result<Against> {
        let mut fixture = Fixture::sets(&[&[0.50, 0.54], &[0.60, 0.64]]);
        fixture.launch.published = published;
        for (place, stage) in fixture.launch.stages.clone().iter().enumerate() {
            if stage.kind == "train" {
                fixture.file(place, "training.json", "{\"steps\": 300, \"best_test_accuracy\": 0.655}");
            }
        }
        against_published(std::slice::from_ref(&fixture.launch), &fixture.store, format)
    }

    #[test]
    fn what_is_worse_by_more_is_counted_and_what_is_better_is_not() {
        let against = |accuracy: f64| {
            let found = said(Some(published(accuracy, Statistic::Last)), Format::Csv).unwrap();
            (
                found.short,
                found.groups,
                found.text.lines().nth(1).unwrap().rsplit_once(',').unwrap().1.to_string(),
            )
        };
        assert_eq!(against(58.5), (0, 1, "true".into()));
        assert_eq!(against(40.0), (0, 1, "true".into()));
        assert_eq!(against(58.6), (1, 1, "false".into()));
    }

    #[test]
    fn ours_stands_beside_the_published_figure_by_the_authors_statistic() {
        let text = Format::Text { width: 110, color: false };
        insta::assert_snapshot!(said(Some(published(58.4, Statistic::Last)), text).unwrap().text);
        insta::assert_snapshot!(said(Some(published(64.0, Statistic::BestOnTest)), text).unwrap().text);
    }

    #[test]
    fn data_hold_shares_and_whether_the_figure_is_repeated() {
        let cells = |accuracy: f64, statistic: Statistic| {
            let csv = said(Some(published(accuracy, statistic)), Format::Csv).unwrap().text;
            let mut reader = csv::Reader::from_reader(csv.as_bytes());
            let headers = reader.headers().unwrap().clone();
            let row = reader.records().next().unwrap().unwrap();
            let cell =
                |name: &str| row[headers.iter().position(|header| header == name).unwrap()].to_string();
            ["accuracy_mean", "published_accuracy", "difference", "within_1_5_points"].map(cell)
        };
        let rounded = |text: &str| (text.parse::<f64>().unwrap() * 1e4).round() / 1e4;
        // Exactly a point and a half off, and a tenth more.
        let [mean, theirs, difference, within] = cells(58.5, Statistic::Last);
        assert_eq!([&mean, &theirs, &difference].map(|text| rounded(text)), [0.57, 0.585, -0.015]);
        assert_eq!(within, "true");
        assert_eq!(cells(58.6, Statistic::Last)[3], "false");
        assert_eq!(cells(64.0, Statistic::BestOnTest)[3], "true");
    }

    #[test]
    fn a_launch_without_a_published_figure_is_refused_with_the_remedy() {
        let message = said(None, Format::Csv).unwrap_err().to_string();
        assert!(message.contains("hint: `pipeline explain published`"), "{message}");
    }
}
