//! Which groups stand against one another: the sides of a comparison and what else must agree. Knows no format.

use anyhow::{Result, bail};

use super::launch::Launch;
use super::runs;
use super::statistics::{Difference, difference};
use super::stored::Stored;
use super::summary::{self, ACCURACY, ENERGY, Group, Quantity};
use crate::engine::Store;

/// A group with everything that names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Names and values: experiment, launch, the axes of all launches, `scores` (the evaluate
    /// stage, if the launch has several), `data`. Blank where the group reads no such axis.
    pub labels: Vec<(String, String)>,
    pub group: Group,
    /// Index of the side that it is measured against; none for a baseline, or where there is nothing to compare to.
    pub against: Option<usize>,
}

impl Side {
    pub fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
    }
}

/// Sides in an order that puts together what is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Sides {
    pub sides: Vec<Side>,
    /// The label whose values stand against one another; none where everything is measured against the first side.
    pub by: Option<String>,
    /// The value of `by` that the others are measured against.
    pub baseline: String,
}

impl Sides {
    /// The difference of means of a quantity to the side it is measured against.
    pub fn difference(&self, side: &Side, quantity: Quantity) -> Option<Difference> {
        let against = &self.sides[side.against?].group;
        Some(difference(&side.group.spread(quantity)?, &against.spread(quantity)?))
    }

    /// A mean as a multiple of that of the side it is measured against. Energies that were taken under unlike conditions
    /// (another meter or machine, other threads or jobs) have none.
    pub fn ratio(&self, side: &Side, quantity: Quantity) -> Option<f64> {
        let against = &self.sides[side.against?].group;
        if quantity.0 == ENERGY.0 && side.group.energy_basis() != against.energy_basis() {
            return None;
        }
        Some(side.group.spread(quantity)?.mean / against.spread(quantity)?.mean)
            .filter(|ratio| ratio.is_finite())
    }

    /// How many differences have an interval.
    pub fn comparisons(&self) -> usize {
        let known = |side: &&Side| {
            self.difference(side, ACCURACY).is_some_and(|difference| difference.interval.is_some())
        };
        self.sides.iter().filter(known).count()
    }
}

/// Groups of all launches, each measured against the one that has the baseline's value of `by` and agrees in
/// everything else. An axis that one of two groups does not read agrees with every value of it. Without `by`, launches
/// stand against the first launch, and the groups of a single launch against its first group. Groups on different data
/// never do.
///
/// # Errors
/// When no launch has such an axis or value, or an artifact cannot be read.
pub fn sides(launches: &[Launch], store: &Store, by: Option<&str>, baseline: Option<&str>) -> Result<Sides> {
    let mut sides = Vec::new();
    for launch in launches {
        let rows = runs::rows(&Stored::new(launch, store))?;
        let groups = summary::groups(launch, &rows);
        sides.extend(groups.into_iter().map(|group| Side {
            labels: labels(launches, launch, &group),
            group,
            against: None,
        }));
    }
    let by = by.map(str::to_string).or_else(|| launch_label(launches).map(str::to_string));
    if let Some(by) = &by {
        check_label(launches, &sides, by)?;
    }
    let value = |side: &Side| by.as_ref().map(|by| side.label(by).to_string()).unwrap_or_default();
    let first = sides.first().map(&value).unwrap_or_default();
    let baseline = baseline.map_or(first, str::to_string);
    if !sides.is_empty() && !sides.iter().any(|side| value(side) == baseline) {
        bail!(
            "nothing has the value `{baseline}` to measure the others against\nhint: there is {}",
            values(&sides, &value)
        );
    }
    let sides = matched(in_order(sides, by.as_deref()), by.as_deref(), &baseline);
    Ok(Sides { sides, by, baseline })
}

/// What tells launches apart: their experiments, or, of one experiment, the launches themselves.
fn launch_label(launches: &[Launch]) -> Option<&'static str> {
    let (first, rest) = launches.split_first()?;
    if rest.is_empty() {
        return None;
    }
    let same = rest.iter().any(|launch| launch.experiment == first.experiment);
    Some(if same { "launch" } else { "experiment" })
}

fn labels(launches: &[Launch], launch: &Launch, group: &Group) -> Vec<(String, String)> {
    let mut labels = vec![
        ("experiment".to_string(), group.experiment.clone()),
        ("launch".to_string(), group.launch.clone()),
    ];
    for axis in launches.iter().flat_map(Launch::group_axes) {
        if !labels.iter().any(|(label, _)| label == axis) {
            labels.push((axis.clone(), group.axis(axis).to_string()));
        }
    }
    let one = launch.runs.iter().all(|run| launch.stages[run.evaluate].name == group.evaluate);
    labels.push(("scores".to_string(), if one { String::new() } else { group.evaluate.clone() }));
    labels.push(("data".to_string(), group.dataset.clone()));
    labels
}

fn check_label(launches: &[Launch], sides: &[Side], by: &str) -> Result<()> {
    if launches.iter().any(|launch| launch.replicates.iter().any(|axis| axis == by)) {
        bail!(
            "`{by}` is a replicate: tables average over it\nhint: take it out of `replicates`, or compare by another axis"
        );
    }
    let names: Vec<&str> =
        sides.first().map_or(Vec::new(), |side| side.labels.iter().map(|(name, _)| name.as_str()).collect());
    if sides.is_empty() || names.contains(&by) {
        return Ok(());
    }
    let known: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    bail!("there is no axis `{by}` to compare by\nhint: there is {}", known.join(", "))
}

fn values(sides: &[Side], value: &dyn Fn(&Side) -> String) -> String {
    let mut values: Vec<String> = Vec::new();
    for side in sides {
        let quoted = format!("`{}`", value(side));
        if !values.contains(&quoted) {
            values.push(quoted);
        }
    }
    values.join(", ")
}

/// Whether the labels that are not compared agree; the data must be the same.
fn agree(one: &Side, other: &Side, by: Option<&str>) -> bool {
    let Some(by) = by else {
        return one.label("data") == other.label("data") && one.label("scores") == other.label("scores");
    };
    // Launches differ in name wherever experiments are compared, and the other way round.
    let is_open = |name: &str| {
        name == by || ((by == "experiment" || by == "launch") && (name == "experiment" || name == "launch"))
    };
    one.labels.iter().zip(&other.labels).all(|((name, a), (_, b))| {
        is_open(name) || a == b || (name != "data" && (a.is_empty() || b.is_empty()))
    })
}

/// Puts together what agrees, in the order of first appearance.
fn in_order(sides: Vec<Side>, by: Option<&str>) -> Vec<Side> {
    let Some(_) = by else { return sides };
    let mut ordered: Vec<Side> = Vec::new();
    for side in sides {
        let place =
            ordered.iter().rposition(|other| agree(&side, other, by)).map_or(ordered.len(), |last| last + 1);
        ordered.insert(place, side);
    }
    ordered
}

fn matched(mut sides: Vec<Side>, by: Option<&str>, baseline: &str) -> Vec<Side> {
    let is_baseline = |side: &Side| by.is_some_and(|by| side.label(by) == baseline);
    let against = |index: usize| {
        let side = &sides[index];
        if by.is_none() {
            return (index > 0 && agree(side, &sides[0], by)).then_some(0);
        }
        if is_baseline(side) {
            return None;
        }
        let mut fitting =
            (0..sides.len()).filter(|other| is_baseline(&sides[*other]) && agree(side, &sides[*other], by));
        let first = fitting.next()?;
        // Two that fit: an unread axis would make the choice arbitrary.
        fitting.next().is_none().then_some(first)
    };
    let found: Vec<Option<usize>> = (0..sides.len()).map(against).collect();
    for (side, against) in sides.iter_mut().zip(found) {
        side.against = against;
    }
    sides
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    fn pairs(sides: &Sides, names: [&str; 2]) -> Vec<String> {
        let text = |side: &Side| names.map(|name| side.label(name).to_string()).join(" ");
        let pair = |side: &Side| {
            let against = side.against.map_or("-".to_string(), |other| text(&sides.sides[other]));
            format!("{} : {against}", text(side))
        };
        sides.sides.iter().map(pair).collect()
    }

    #[test]
    fn an_axis_is_compared_with_everything_else_equal() {
        let fixture = Fixture::birds();
        let launches = fixture.launches();
        let by_arm = sides(launches, &fixture.store, Some("arm"), None).unwrap();
        assert_eq!(
            pairs(&by_arm, ["arm", "network"]),
            [
                "full vgg16-bn : -",
                "distilled vgg16-bn : full vgg16-bn",
                "full ultralight : -",
                "distilled ultralight : full ultralight"
            ]
        );
        let pinned = sides(launches, &fixture.store, Some("network"), Some("ultralight")).unwrap();
        assert_eq!(pairs(&pinned, ["arm", "network"])[0], "full vgg16-bn : full ultralight");
    }

    #[test]
    fn without_an_axis_the_first_group_is_the_baseline() {
        let fixture = Fixture::birds();
        let all = sides(fixture.launches(), &fixture.store, None, None).unwrap();
        assert_eq!(
            all.sides.iter().map(|side| side.against).collect::<Vec<_>>(),
            [None, Some(0), Some(0), Some(0)]
        );
    }

    #[test]
    fn an_experiment_stands_against_the_first_one() {
        let fixture = Fixture::birds();
        let other =
            Launch { experiment: "other".into(), launch: "20260315-000000".into(), ..fixture.launch.clone() };
        let both = sides(&[fixture.launch.clone(), other], &fixture.store, None, None).unwrap();
        assert_eq!(both.by.as_deref(), Some("experiment"));
        assert_eq!(both.sides[1].against, Some(0));
        assert_eq!(
            (both.sides[0].label("experiment"), both.sides[1].label("experiment")),
            ("verdict", "other")
        );
        assert_eq!(both.difference(&both.sides[1], ACCURACY).unwrap().mean, 0.0);
    }

    #[test]
    fn groups_on_different_data_are_never_compared() {
        let fixture = Fixture::birds();
        let mut other = Launch { experiment: "real".into(), ..fixture.launch.clone() };
        other.stages[0].provenance.remove("stand_in");
        let both = sides(&[fixture.launch.clone(), other], &fixture.store, None, None).unwrap();
        assert!(both.sides.iter().all(|side| side.against.is_none()));
    }

    #[test]
    fn energies_have_a_ratio_only_where_they_were_taken_alike() {
        let fixture = Fixture::birds().with_energy(None);
        let ratio = |fixture: &Fixture| {
            let by_arm = sides(fixture.launches(), &fixture.store, Some("arm"), None).unwrap();
            by_arm.ratio(&by_arm.sides[1], ENERGY)
        };
        // (10 + 40 + 120 + 2) s against (10 + 120 + 2) s, one thread of 4 W.
        assert_eq!(ratio(&fixture), Some(688.0 / 528.0));
        let trained = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
        fixture.change(trained, |receipt| receipt["jobs"] = serde_json::json!(1));
        assert_eq!(ratio(&fixture), None);
    }

    #[test]
    fn a_replicate_or_an_unknown_axis_is_refused_with_the_known_ones() {
        let fixture = Fixture::birds();
        let refusal = |by, baseline| {
            sides(fixture.launches(), &fixture.store, Some(by), baseline).unwrap_err().to_string()
        };
        assert!(refusal("seed", None).starts_with("`seed` is a replicate"));
        assert_eq!(
            refusal("arn", None),
            "there is no axis `arn` to compare by\nhint: there is `experiment`, `launch`, `arm`, `network`, `scores`, `data`"
        );
        let value = refusal("arm", Some("fully"));
        assert!(value.ends_with("hint: there is `full`, `distilled`"), "{value}");
    }
}
