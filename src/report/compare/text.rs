//! A comparison as a person reads it: on a terminal, in Markdown, in LaTeX.

use super::super::cells::{latex, markdown};
use super::super::figures;
use super::super::judge::{ALPHA, Judged, Test};
use super::super::launch::Launch;
use super::super::layout::{self, Column, Style};
use super::super::protocol::{MEANING, Standing, standings};
use super::super::settings::Setting;
use super::super::sides::{Side, Sides};
use super::super::statistics::seeds_needed;
use super::super::summary::{
    ACCURACY, Constant, ENERGY, Group, IMAGES_TRAINED_ON, MULTIPLY_ADDS, PARAMETERS, STEPS, STORED_BYTES,
    STORED_FLOATS, TOTAL_SECS, TRAIN_SECS,
};
use super::super::terminal::{self, Note};
use super::{Compared, INTERVAL, verdict};

pub fn text(compared: &Compared, width: usize, style: &Style) -> String {
    let mut columns = shown(compared);
    let hidden = layout::fit(&mut columns, width);
    let mut text = layout::draw(&columns, width, style) + "\n\n";
    for sentence in sentences(compared) {
        text.push_str(&format!("{}\n", layout::wrap(&sentence, width)));
    }
    for note in notes(compared, &hidden) {
        text.push_str(&note.paint(width, style));
    }
    if !hidden.is_empty() {
        text.push_str(&terminal::no_room_for(&hidden, "`--csv` has them").paint(width, style));
    }
    if !compared.settings.is_empty() {
        text.push_str(&format!("\n{}\n", style.bold("settings that differ")));
        let columns = settings_columns(compared.launches, compared.settings);
        text.push_str(&layout::draw(&columns, width, style));
        text.push('\n');
    }
    text
}

pub fn as_markdown(compared: &Compared) -> String {
    let mut text = drawn(&shown(compared), markdown);
    for line in sentences(compared).into_iter().chain(notes(compared, &[]).into_iter().map(|note| note.text))
    {
        text.push_str(&format!("\n{line}\n"));
    }
    if !compared.settings.is_empty() {
        let columns = settings_columns(compared.launches, compared.settings);
        text.push_str(&format!("\n{}", drawn(&columns, markdown)));
    }
    text
}

/// The table, with what has to be known to read it as comments.
pub fn as_latex(compared: &Compared) -> String {
    let lines = sentences(compared).into_iter().chain(notes(compared, &[]).into_iter().map(|note| note.text));
    let comments: String = lines.map(|line| format!("% {}\n", line.replace('\n', " "))).collect();
    format!("% \\usepackage{{booktabs}}\n{comments}{}", drawn(&shown(compared), latex))
}

/// Draws headers and rows; the last says which columns stand right.
type Draw = fn(&[String], &[Vec<String>], &[bool]) -> String;

pub(super) fn drawn(columns: &[Column], draw: Draw) -> String {
    let headers: Vec<String> = columns.iter().map(|column| column.header.clone()).collect();
    let right: Vec<bool> = columns.iter().map(|column| column.right).collect();
    let height = columns.first().map_or(0, |column| column.cells.len());
    // Blanks that align a column in a terminal mean nothing here.
    let cell = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let row = |index: usize| columns.iter().map(|column| cell(&column.cells[index])).collect();
    draw(&headers, &(0..height).map(row).collect::<Vec<_>>(), &right)
}

fn sentences(compared: &Compared) -> Vec<String> {
    compared.margin.map_or(Vec::new(), |margin| verdict::sentences(compared.sides, compared.judged, margin))
}

/// Columns as a person reads them; those that say the same in every row are left out.
fn shown(compared: &Compared) -> Vec<Column> {
    let sides = compared.sides;
    let words = |name: &str| {
        Column::words(name, sides.sides.iter().map(|side| side.label(name).to_string()).collect())
    };
    let names = sides.sides.first().map(|side| side.labels.as_slice()).unwrap_or_default();
    let labels = names.iter().map(|(name, _)| words(name));
    let groups: Vec<_> = sides.sides.iter().map(|side| side.group.clone()).collect();
    let varies = |column: &Column| !column.is_constant();
    let chosen = Column::words("chosen", groups.iter().map(Group::all_chosen).collect());
    let columns = labels.filter(varies).chain([chosen]).chain(accuracies(compared, &groups));
    let columns = columns.chain(protocol(&groups));
    let columns = columns.chain(costs(sides, &groups).into_iter().filter(varies));
    columns.filter(|column| !column.is_blank()).collect()
}

fn accuracies(compared: &Compared, groups: &[Group]) -> [Column; 5] {
    let Compared { sides, judged, .. } = compared;
    let difference = |side: &Side| {
        sides.difference(side, ACCURACY).map_or(String::new(), |difference| figures::points(difference.mean))
    };
    let each = |cell: fn(&Judged) -> String| {
        judged.iter().map(|judged| judged.as_ref().map_or(String::new(), cell)).collect::<Vec<_>>()
    };
    [
        terminal::accuracy_column(groups),
        Column::numbers("n", groups.iter().map(terminal::sample_size).collect(), 0),
        Column::numbers("Δ points", sides.sides.iter().map(difference).collect(), 0),
        Column::numbers("95 % interval", each(interval), 0),
        Column::numbers("p", each(|judged| judged.p_holm.map_or(String::new(), figures::chance)), 2),
    ]
}

/// How distilled sets stand between random images and full data; blank where nothing is distilled.
fn protocol(groups: &[Group]) -> [Column; 5] {
    let standings = standings(&groups.iter().collect::<Vec<_>>());
    let column = |header, figure: fn(&Standing) -> Option<f64>, write: fn(f64) -> String| {
        let cell = |standing: &Standing| figure(standing).map_or(String::new(), write);
        Column::numbers(header, standings.iter().map(cell).collect(), 4)
    };
    let share = |value: f64| format!("{value:.3}");
    [
        column("% of full", |standing| standing.relative, figures::percent),
        column("HLR", |standing| standing.hlr, share),
        column("IOR", |standing| standing.ior, share),
        column("LRS", |standing| standing.lrs, share),
        column("ARS", |standing| standing.ars, share),
    ]
}

/// `+3.2 to +18.2 *`, with the star where 0 is outside.
fn interval(judged: &Judged) -> String {
    let Some((low, high)) = judged.interval else { return "unknown  ".to_string() };
    let star = if low > 0.0 || high < 0.0 { " *" } else { "  " };
    format!("{} to {}{star}", figures::points(low), figures::points(high))
}

fn costs(sides: &Sides, groups: &[Group]) -> [Column; 11] {
    let ratio = |quantity| {
        let cell = |side: &Side| sides.ratio(side, quantity).map_or(String::new(), figures::ratio);
        sides.sides.iter().map(cell).collect::<Vec<_>>()
    };
    let constant = |header, constant: Constant, write: fn(u64) -> String, rank| {
        let cell = |group: &Group| group.constant(constant).map_or(String::new(), write);
        Column::numbers(header, groups.iter().map(cell).collect(), rank)
    };
    [
        terminal::spread_column("total s", groups, TOTAL_SECS, figures::SECONDS, 1),
        Column::numbers("× total", ratio(TOTAL_SECS), 3),
        terminal::energy_column(groups, 2),
        Column::numbers("× energy", ratio(ENERGY), 3),
        terminal::spread_column("train s", groups, TRAIN_SECS, figures::SECONDS, 5),
        constant("parameters", PARAMETERS, figures::count, 4),
        constant("mult-adds", MULTIPLY_ADDS, figures::count, 5),
        constant("images", IMAGES_TRAINED_ON, terminal::whole, 6),
        constant("stored", STORED_BYTES, figures::bytes, 7),
        constant("values", STORED_FLOATS, figures::count, 6),
        constant("steps", STEPS, terminal::whole, 8),
    ]
}

fn notes(compared: &Compared, hidden: &[String]) -> Vec<Note> {
    let Compared { sides, judged, .. } = compared;
    let groups: Vec<_> = sides.sides.iter().map(|side| side.group.clone()).collect();
    let mut notes = terminal::notes(&groups, &[], hidden);
    let scores = protocol(&groups);
    let is_shown = |column: &Column| !column.is_blank() && !hidden.contains(&column.header);
    if scores[1..].iter().any(is_shown) {
        notes.push(Note::plain(MEANING.to_string()));
    }
    let judged: Vec<&Judged> = judged.iter().flatten().collect();
    if judged.is_empty() {
        return notes;
    }
    let what = match &sides.by {
        Some(by) => format!("{by} `{}`, with everything else equal", sides.baseline),
        None if sides.baseline.is_empty() => "the first row".to_string(),
        None => format!("`{}`", sides.baseline),
    };
    let mut tell = |text: String| notes.push(Note::plain(text));
    tell(format!("Δ: against {what}; {}; * excludes 0", intervals(&judged)));
    if judged.iter().any(|judged| judged.interval.is_none()) {
        tell("unknown: an interval needs two results or more on each side, and some spread".to_string());
    }
    let comparisons = judged.iter().filter(|judged| judged.interval.is_some()).count();
    if comparisons > 1 {
        tell(format!("{comparisons} intervals, not corrected for their number"));
    }
    ps(&judged).into_iter().for_each(&mut tell);
    if let Some(method) = verdict::method(compared.judged) {
        tell(method);
    }
    if !sides.unlike {
        unlike(sides).into_iter().for_each(&mut tell);
    }
    notes
}

fn has(judged: &[&Judged], test: Test) -> bool {
    judged.iter().any(|judged| judged.test == test)
}

fn intervals(judged: &[&Judged]) -> String {
    const PAIRS: &str =
        "95 % interval of the mean difference of replicates that share a draw, by Student's t";
    const FOLDS: &str =
        "95 % interval of the mean difference over folds, by the corrected t of Nadeau & Bengio";
    let mut told = Vec::new();
    if has(judged, Test::Welch) || has(judged, Test::McNemar) {
        told.push(INTERVAL);
    }
    told.extend(has(judged, Test::Pairs).then_some(PAIRS));
    told.extend(has(judged, Test::Folds).then_some(FOLDS));
    told.join("; ")
}

/// What p is of, and how many seeds it would need where there is none.
fn ps(judged: &[&Judged]) -> Vec<String> {
    let mut told = Vec::new();
    let tests = judged.iter().filter(|judged| judged.p.is_some()).count();
    if tests > 0 {
        let mut of = Vec::new();
        of.extend(has(judged, Test::Welch).then_some("Welch's t"));
        of.extend(has(judged, Test::Pairs).then_some("flipped signs"));
        of.extend(has(judged, Test::Folds).then_some("Nadeau & Bengio's t"));
        of.extend(
            has(judged, Test::McNemar)
                .then_some("McNemar's test (mid-p) on the test images of one network each"),
        );
        let holm = if tests > 1 { format!(", corrected for {tests} tests (Holm)") } else { String::new() };
        told.push(format!("p: two-sided, by {}{holm}", of.join("; ")));
    }
    let too_few = judged.iter().filter(|judged| judged.test == Test::Pairs && judged.p.is_none()).count();
    if too_few > 0 {
        let needed = seeds_needed(judged.len(), 2, ALPHA);
        told.push(format!(
            "no p where pairs are fewer than {needed}: flipped signs cannot reach {ALPHA} with {} of them",
            figures::plural(judged.len(), "comparison")
        ));
    }
    told
}

/// Why figures stand without their ratios.
fn unlike(sides: &Sides) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(machines) = sides.unlike_hardware() {
        let machines = machines.into_iter().collect::<Vec<_>>().join("; ");
        told.push(format!(
            "no ratios of seconds between unlike machines ({machines}): `--unlike` shows them"
        ));
    }
    if let Some(meters) = sides.unlike_meters() {
        let meters = meters.into_iter().collect::<Vec<_>>().join("; ");
        told.push(format!("no ratios of energy between unlike meters ({meters}): `--unlike` shows them"));
    }
    told
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
