//! When what is made once pays: seconds or joules against the number of networks that are trained on it, and what a
//! first network needs to reach an accuracy.

use anyhow::Result;

use super::super::cells::{Cell, Table};
use super::super::figures;
use super::super::judge::Opinion;
use super::super::statistics::{Finding, Spread};
use super::Plot;
use super::accuracy::shortened;
use super::facts::Facts;
use super::html::{Column, Field, note, table};
use super::learning::{self, Point, reached};
use super::scale::Scale;
use super::svg::{Anchor, COLOURS, Frame, Svg};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
/// Lines in the plot beside the baseline's.
const MOST: usize = 8;

/// The cost of what is made once and of one training, beside those of the baseline.
struct Race {
    side: usize,
    once: f64,
    each: f64,
    /// Trainings from which on it has cost less; `None` if it never does, or is [`short`](Race::short).
    pays_from: Option<f64>,
    /// How far its mean accuracy is below the baseline's, if that is by more than the margin: then nothing is broken even.
    short: Option<f64>,
    /// Whether it is shown to be as accurate, within the margin.
    equal: bool,
}

fn race(facts: &Facts, side: usize) -> Option<Race> {
    let (once, each) = facts.once_and_each(side)?;
    let (base_once, base_each) = facts.once_and_each(facts.side(side).against?)?;
    let accuracy = |side| Some(facts.accuracy(side)?.mean);
    let below = accuracy(facts.side(side).against?)? - accuracy(side)?;
    let short = (below > facts.margin).then_some(below);
    let cheaper_from = match (each < base_each, once <= base_once) {
        (true, true) => Some(1.0),
        (true, false) => Some((once - base_once) / (base_each - each)),
        (false, _) => None,
    };
    let opinion = facts.judged[side].as_ref().and_then(|judged| judged.opinion.as_ref());
    let equal = matches!(opinion, Some(Opinion::Given(verdict)) if verdict.finding == Finding::Shown);
    let pays_from = cheaper_from.filter(|_| short.is_none());
    Some(Race { side, once, each, pays_from, short, equal })
}

fn races(facts: &Facts) -> Vec<Race> {
    if facts.sides.unlike_hardware().is_some() && !facts.sides.unlike {
        return Vec::new();
    }
    facts.indices().filter_map(|side| race(facts, side)).collect()
}

/// A line of the plot: a group, what it costs once and each time, and whether it is shown to be as accurate.
type Line = (usize, f64, f64, bool);

/// The whole cost against trainings, on both axes by factors; those not shown to be as accurate are pale. `None` where
/// nothing ever pays off, or machines were unlike.
pub fn plot(facts: &Facts) -> Option<Plot> {
    let mut races = races(facts);
    let all = data(facts, &races);
    races.retain(|race| race.pays_from.is_some_and(|count| count < 10_000.0));
    let pays_from = |race: &Race| race.pays_from.unwrap_or(f64::INFINITY);
    let accuracy = |race: &Race| facts.accuracy(race.side).map_or(0.0, |accuracy| accuracy.mean);
    races.sort_by(|one, other| other.equal.cmp(&one.equal).then(accuracy(other).total_cmp(&accuracy(one))));
    races.truncate(MOST);
    let base = facts.side(races.first()?.side).against?;
    races.retain(|race| facts.side(race.side).against == Some(base));
    let (once, each) = facts.once_and_each(base)?;
    let furthest = 3.0 * races.iter().map(pays_from).fold(10.0, f64::max);
    let lines: Vec<Line> = [(base, once, each, true)]
        .into_iter()
        .chain(races.iter().map(|race| (race.side, race.once, race.each, race.equal)))
        .collect();
    Some(Plot { name: "break_even".into(), svg: drawn(facts, &lines, furthest), data: all })
}

/// From one network to `furthest`.
fn drawn(facts: &Facts, lines: &[Line], furthest: f64) -> Svg {
    let mut svg =
        Svg::new(WIDTH, HEIGHT, &format!("{} against the number of networks trained", facts.cost.unit));
    let edges = (60.0, 16.0, 530.0, HEIGHT - 48.0);
    let counts: Vec<f64> = (0..=40).map(|at| furthest.powf(f64::from(at) / 40.0)).collect();
    let totals = lines.iter().flat_map(|(_, once, each, _)| [once + each, once + each * furthest]);
    let x = Scale::log(counts.iter().copied(), (edges.0, edges.2));
    let y = Scale::log(totals, (edges.3, edges.1));
    let y_label = format!("{} in all", facts.cost.unit);
    svg.frame(&Frame { edges, x, y, x_label: "networks trained on the same images", y_label: &y_label });
    for (at, (side, once, each, sure)) in lines.iter().enumerate() {
        let line: Vec<(f64, f64)> =
            counts.iter().map(|count| (x.place(*count), y.place(once + each * count))).collect();
        let class = format!("curve c{0} d{0}{1}", at % COLOURS, if *sure { "" } else { " unsure" });
        svg.polyline(&line, &class);
        let place = 24.0 + 18.0 * at as f64;
        svg.line((546.0, place - 4.0), (566.0, place - 4.0), &class);
        svg.text((572.0, place), Anchor::Start, "name", &shortened(&facts.name(*side), 28));
    }
    svg
}

fn data(facts: &Facts, races: &[Race]) -> Table {
    let unit = facts.cost.unit;
    let costs = [format!("once_{unit}"), format!("each_{unit}")];
    let columns = ["group", "against"].map(str::to_string).into_iter().chain(costs);
    let mut table = Table::new(columns.chain(["pays_from_networks", "as_accurate"].map(str::to_string)));
    for race in races {
        let against = facts.side(race.side).against.map_or(String::new(), |against| facts.name(against));
        table.rows.push(vec![
            Cell::text(facts.name(race.side)),
            Cell::text(against),
            Cell::Number(race.once),
            Cell::Number(race.each),
            race.pays_from.into(),
            Some(race.equal).into(),
        ]);
    }
    table
}

/// The same as a table to read.
pub fn words(facts: &Facts) -> String {
    let races = races(facts);
    if races.is_empty() {
        return String::new();
    }
    let cost = |value: f64| Field::number(figures::seconds(value), Some(value));
    let unit = facts.cost.unit;
    let pays = |race: &Race| match race.pays_from {
        None if race.short.is_some() => Field::words("never at equal accuracy"),
        Some(count) if count <= 1.0 => Field::number("the first", Some(1.0)),
        Some(count) => Field::number(format!("{:.0} networks", count.ceil()), Some(count)),
        None => Field::words("never: its training costs no less"),
    };
    let equal = |race: &Race| match race.short {
        Some(below) => Field::words(format!("{:.1} points short", 100.0 * below)),
        None => Field::words(if race.equal { "shown" } else { "not shown" }),
    };
    let against =
        |race: &Race| facts.side(race.side).against.map_or(String::new(), |against| facts.name(against));
    let each = |cell: &dyn Fn(&Race) -> Field| races.iter().map(cell).collect::<Vec<_>>();
    table(
        vec![
            Column::words("group", each(&|race| Field::words(facts.name(race.side)))),
            Column::words("against", each(&|race| Field::words(against(race)))),
            Column::numbers(&format!("{unit} once"), each(&|race| cost(race.once))),
            Column::numbers(&format!("{unit} a training"), each(&|race| cost(race.each))),
            Column::numbers("pays from", each(&pays)),
            Column::words("as accurate", each(&equal)),
        ],
        &[],
    )
}

/// What it costs until a first network reaches an accuracy: what is made once, and its training so far.
///
/// # Errors
/// A curve cannot be read.
pub fn to_reach(facts: &Facts) -> Result<String> {
    let curves = facts.indices().map(|index| learning::curves(facts, index)).collect::<Result<Vec<_>>>()?;
    let targets = targets(facts, &curves);
    if targets.is_empty() {
        return Ok(String::new());
    }
    let mut columns =
        vec![Column::words("group", facts.indices().map(|index| Field::words(facts.name(index))).collect())];
    for target in targets {
        let cell = |index: usize| {
            let (once, _) = facts.once_and_each(index).unwrap_or((0.0, 0.0));
            let spent = |curve: &Vec<Point>| reached(curve, target, cost_of(facts));
            let costs: Vec<f64> = curves[index].iter().filter_map(spent).collect();
            reach(&costs, curves[index].len(), once)
        };
        let cells = facts.indices().map(cell).collect();
        columns.push(Column::numbers(&format!("{:.0} %", 100.0 * target), cells));
    }
    let meaning = "What it costs until a validation accuracy is first reached, with what is made once before training; mean of the runs that reach it, with their number where some do not.";
    let unit = facts.cost.unit;
    let title = format!("{}{} to reach an accuracy", unit[..1].to_uppercase(), &unit[1..]);
    Ok(format!("<h3>{title}</h3>\n{}{}", table(columns, &facts.baselines()), note(meaning)))
}

/// Tens of percent above chance that some network was seen to reach.
fn targets(facts: &Facts, curves: &[Vec<Vec<Point>>]) -> Vec<f64> {
    let seen = || curves.iter().flatten().flatten().map(|point| point.accuracy);
    let guessed = facts.best().and_then(|best| facts.side(best).group.rows.first()?.scores.chance());
    let (lowest, highest) =
        (seen().fold(1.0, f64::min).max(guessed.unwrap_or(0.0)), seen().fold(0.0, f64::max));
    (1..10).map(|ten| f64::from(ten) / 10.0).filter(|target| *target > lowest && *target <= highest).collect()
}

/// What a point of a curve had cost, in the unit of the page.
pub fn cost_of(facts: &Facts) -> fn(&Point) -> Option<f64> {
    match facts.cost.unit {
        "joules" => |point| point.joules,
        _ => |point| point.secs,
    }
}

fn reach(costs: &[f64], runs: usize, once: f64) -> Field {
    let Some(spread) = Spread::of(costs) else { return Field::words("") };
    let value = once + spread.mean;
    let some = if costs.len() < runs { format!(" ({} of {runs})", costs.len()) } else { String::new() };
    Field::number(format!("{}{some}", figures::seconds(value)), Some(value))
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::Fixture;
    use super::super::facts::tests::facts;
    use super::*;

    #[test]
    fn what_is_less_accurate_by_more_than_the_margin_never_breaks_even() {
        let fixture = Fixture::birds();
        let facts = facts(&fixture);
        // Its training costs less, and its accuracy is 10 points below.
        let said = words(&facts);
        assert!(said.contains("never at equal accuracy") && said.contains("10.0 points short"), "{said}");
        assert!(races(&facts).iter().all(|race| race.short.is_some() && race.pays_from.is_none()));
    }
}
