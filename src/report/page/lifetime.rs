//! What a network draws over its life: what making it took, and so much for each image that it looks at.

use super::super::cells::{Cell, Table};
use super::super::figures;
use super::super::summary::{ENERGY, JOULES_PER_1000};
use super::Plot;
use super::accuracy::shortened;
use super::facts::Facts;
use super::html::{Column, Field, note, table};
use super::scale::Scale;
use super::svg::{Anchor, COLOURS, Frame, Svg};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 340.0;
/// Lines in the plot: as many as there are ways to draw one.
const MOST: usize = COLOURS;
/// Images that are looked at in the table; the plot goes as far as the last.
const IMAGES: [f64; 3] = [1e3, 1e6, 1e9];

/// Joules of making a group's network, and of a thousand of its inferences.
struct Life {
    side: usize,
    made: f64,
    thousand: f64,
}

impl Life {
    fn joules(&self, images: f64) -> f64 {
        self.made + self.thousand * images / 1000.0
    }

    /// Images from which on this one has drawn less than `other`; `None` if it never does, or does from the first on.
    fn overtakes(&self, other: &Life) -> Option<f64> {
        let (later, less) = (self.made - other.made, other.thousand - self.thousand);
        (later > 0.0 && less > 0.0).then(|| 1000.0 * later / less)
    }
}

fn lives(facts: &Facts) -> Vec<Life> {
    let unlike = facts.sides.unlike_meters().is_some() || facts.sides.unlike_hardware().is_some();
    if unlike && !facts.sides.unlike {
        return Vec::new();
    }
    let life = |side: usize| {
        let mean = |quantity| facts.side(side).group.spread(quantity).map(|spread| spread.mean);
        Some(Life { side, made: mean(ENERGY)?, thousand: mean(JOULES_PER_1000)? })
    };
    facts.indices().filter_map(life).collect()
}

/// Joules against images looked at, both by factors; the most accurate groups. `None` where energies are not known, or
/// were taken on unlike machines or meters.
pub fn plot(facts: &Facts) -> Option<Plot> {
    let all = lives(facts);
    let data = data(facts, &all);
    let mut shown: Vec<&Life> = all.iter().collect();
    let accuracy = |life: &Life| facts.accuracy(life.side).map_or(0.0, |accuracy| accuracy.mean);
    shown.sort_by(|one, other| accuracy(other).total_cmp(&accuracy(one)));
    shown.truncate(MOST);
    if shown.len() < 2 {
        return None;
    }
    let mut svg = Svg::new(WIDTH, HEIGHT, "joules over a network's life against the images that it looks at");
    let edges = (60.0, 16.0, 530.0, HEIGHT - 48.0);
    let counts: Vec<f64> = (0..=45).map(|at| 10_f64.powf(f64::from(at) / 5.0)).collect();
    let x = Scale::log(counts.iter().copied(), (edges.0, edges.2));
    let ends = shown.iter().flat_map(|life| [life.joules(1.0), life.joules(IMAGES[2])]);
    let y = Scale::log(ends, (edges.3, edges.1));
    svg.frame(&Frame { edges, x, y, x_label: "images looked at, one at a time", y_label: "joules in all" });
    for (at, life) in shown.iter().enumerate() {
        let place = |count: &f64| (x.place(*count), y.place(life.joules(*count)));
        let class = format!("curve c{0} d{0}", at % COLOURS);
        svg.polyline(&counts.iter().map(place).collect::<Vec<_>>(), &class);
        let key = 24.0 + 18.0 * at as f64;
        svg.line((546.0, key - 4.0), (566.0, key - 4.0), &class);
        svg.text((572.0, key), Anchor::Start, "name", &shortened(&facts.name(life.side), 28));
    }
    Some(Plot { name: "lifetime".into(), svg, data })
}

fn data(facts: &Facts, lives: &[Life]) -> Table {
    let mut table = Table::new(["group", "made_joules", "joules_per_1000_inferences"]);
    for Life { side, made, thousand } in lives {
        table.rows.push(vec![Cell::text(facts.name(*side)), Cell::Number(*made), Cell::Number(*thousand)]);
    }
    table
}

/// The same as a table to read.
pub fn words(facts: &Facts) -> String {
    let lives = lives(facts);
    if lives.is_empty() {
        return String::new();
    }
    let joules = |value: f64| Field::number(figures::significant(value), Some(value));
    let whole = |value: f64| Field::number(figures::count(value.round() as u64), Some(value));
    let each = |cell: &dyn Fn(&Life) -> Field| lives.iter().map(cell).collect::<Vec<_>>();
    let against = |life: &Life| lives.iter().find(|other| Some(other.side) == facts.side(life.side).against);
    let from = |life: &Life| match against(life) {
        None => Field::words(""),
        Some(other) if life.made == other.made && life.thousand == other.thousand => Field::words("as much"),
        Some(other) if life.joules(1.0) <= other.joules(1.0) && life.thousand <= other.thousand => {
            Field::number("always", Some(0.0))
        }
        Some(other) => match (life.overtakes(other), other.overtakes(life)) {
            (Some(count), _) => {
                Field::number(format!("from {} on", figures::count(count.ceil() as u64)), Some(count))
            }
            (None, Some(count)) => {
                Field::number(format!("up to {}", figures::count(count.floor() as u64)), Some(count))
            }
            (None, None) => Field::words("never"),
        },
    };
    let mut columns = vec![
        Column::words("group", each(&|life| Field::words(facts.name(life.side)))),
        Column::numbers("J to make", each(&|life| joules(life.made))),
        Column::numbers("J per 1000", each(&|life| joules(life.thousand))),
    ];
    for images in &IMAGES {
        let head = format!("J at {} images", figures::count(*images as u64));
        columns.push(Column::numbers(&head, each(&|life| whole(life.joules(*images)))));
    }
    columns.push(Column::numbers("less than the baseline, images", each(&from)));
    let said = "What a network has drawn once it has looked at so many images: all stages that a run rests on, and J per 1000 for each thousand images, one at a time. Whether it is as accurate is another matter: see the verdicts.";
    table(columns, &facts.baselines()) + &note(said)
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::Fixture;
    use super::super::facts::tests::facts;
    use super::*;

    #[test]
    fn who_took_more_to_make_overtakes_where_each_image_takes_less() {
        let life = |made, thousand| Life { side: 0, made, thousand };
        let (dear, cheap) = (life(1000.0, 1.0), life(100.0, 10.0));
        assert_eq!((dear.overtakes(&cheap), cheap.overtakes(&dear)), (Some(100_000.0), None));
        assert_eq!(dear.joules(100_000.0), cheap.joules(100_000.0));
        assert_eq!(life(5.0, 5.0).overtakes(&life(1.0, 1.0)), None);
    }

    #[test]
    fn a_life_is_what_was_made_and_what_was_looked_at() {
        let fixture = Fixture::birds().with_energy(None);
        let facts = facts(&fixture);
        let plot = plot(&facts).unwrap();
        assert_eq!(plot.data.rows.len(), 4);
        // 528 J to make, 6 J a thousand.
        assert_eq!(plot.data.rows[0][1..], [Cell::Number(528.0), Cell::Number(6.0)]);
        let said = words(&facts);
        assert!(said.contains("J to make") && said.contains("6.53 k") && said.contains("as much"), "{said}");
        assert!(super::plot(&super::super::facts::tests::facts(&Fixture::birds())).is_none());
    }
}
