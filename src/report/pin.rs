//! A baseline that is one group: `arm=full,network=vgg16-bn`.

use anyhow::{Result, bail};

use super::sides::Side;

/// Axes and the values that they are to have; `None` where the text does not begin with an axis and `=`.
pub fn parse<'a>(text: &'a str, sides: &[Side]) -> Option<Vec<(&'a str, &'a str)>> {
    let begins = |text: &str| text.split(',').next().is_some_and(|pair| pair.contains('='));
    let (mut pairs, mut left) = (Vec::new(), Some(text));
    while let Some(text) = left.filter(|text| begins(text)) {
        let (axis, values) = text.split_once('=')?;
        let (value, rest) = first(values.trim(), axis.trim(), sides, begins);
        pairs.push((axis.trim(), value));
        left = rest;
    }
    (!pairs.is_empty()).then_some(pairs)
}

/// The values of an axis that a text with commas between them names.
pub fn values_of<'a>(text: &'a str, axis: &str, sides: &[Side]) -> Vec<&'a str> {
    let (mut values, mut left) = (Vec::new(), Some(text));
    while let Some(text) = left {
        let (value, rest) = first(text.trim(), axis, sides, |_| true);
        values.push(value);
        left = rest;
    }
    values
}

/// The value that a text begins with, and what follows the comma behind it. A value may hold commas itself: it is the longest
/// that a side has; where none has it, it ends at the first comma that something which `goes_on` follows.
fn first<'a>(
    text: &'a str,
    axis: &str,
    sides: &[Side],
    goes_on: impl Fn(&str) -> bool,
) -> (&'a str, Option<&'a str>) {
    let ends = |end: &usize| text.get(end + 1..).is_none_or(&goes_on);
    let commas = text.match_indices(',').map(|(at, _)| at);
    let ends: Vec<usize> = commas.chain([text.len()]).filter(ends).collect();
    let value = |end: usize| text[..end].trim_end();
    let is_there = |end: &usize| sides.iter().any(|side| side.label(axis) == value(*end));
    let known = ends.iter().copied().rfind(is_there);
    let end = known.unwrap_or(ends.first().copied().unwrap_or(text.len()));
    (value(end), text.get(end + 1..))
}

/// Whether a side has all the values.
pub fn fits(side: &Side, wanted: &[(&str, &str)]) -> bool {
    wanted.iter().all(|(axis, value)| side.label(axis) == *value)
}

/// The one side that has all the values.
///
/// # Errors
/// None has, or several have.
pub fn find(sides: &[Side], text: &str, wanted: &[(&str, &str)]) -> Result<usize> {
    let mut fitting = (0..sides.len()).filter(|index| fits(&sides[*index], wanted));
    match (fitting.next(), fitting.count()) {
        (Some(only), 0) => Ok(only),
        (Some(_), more) => {
            bail!(
                "{} groups have `{text}`\nhint: name more axes, so that one is left: {}",
                more + 1,
                open(sides, wanted)
            )
        }
        (None, _) => {
            bail!("no group has `{text}` to measure the others against\nhint: {}", values(sides, wanted))
        }
    }
}

/// Labels that still vary.
fn open(sides: &[Side], wanted: &[(&str, &str)]) -> String {
    let fitting: Vec<&Side> = sides.iter().filter(|side| fits(side, wanted)).collect();
    let labels = fitting[0].labels.iter().enumerate();
    let varies = labels.filter(|(at, (_, value))| fitting.iter().any(|side| side.labels[*at].1 != *value));
    varies.map(|(_, (name, _))| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// For the first axis whose value nobody has, the values that there are.
fn values(sides: &[Side], wanted: &[(&str, &str)]) -> String {
    let unknown = |(axis, value): &&(&str, &str)| !sides.iter().any(|side| side.label(axis) == *value);
    let Some((axis, _)) = wanted.iter().find(unknown) else {
        return "each of its values is there, but not together".to_string();
    };
    let mut known: Vec<String> = Vec::new();
    for side in sides.iter().filter(|side| !side.label(axis).is_empty()) {
        let quoted = format!("`{}`", side.label(axis));
        if !known.contains(&quoted) {
            known.push(quoted);
        }
    }
    match known.is_empty() {
        true => format!("there is no axis `{axis}`"),
        false => format!("`{axis}` is {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::super::sides::{Chosen, sides};
    use super::*;

    /// Sides whose arms have commas in their names.
    fn arms() -> Vec<Side> {
        let fixture = Fixture::birds();
        let mut found = sides(fixture.launches(), &fixture.store, &Chosen::default()).unwrap().sides;
        let names = ["full", "full, twice", "full, network=cnn", "DC, DSA, and DM"];
        for (side, name) in found.iter_mut().zip(names) {
            let arm = side.labels.iter_mut().find(|(label, _)| label == "arm").unwrap();
            arm.1 = name.to_string();
        }
        found
    }

    #[test]
    fn a_pin_is_axes_with_values() {
        let is = |text| parse(text, &arms());
        assert_eq!(is("arm=full, network=vgg16-bn"), Some(vec![("arm", "full"), ("network", "vgg16-bn")]));
        assert_eq!(is("scores="), Some(vec![("scores", "")]));
        assert_eq!((is("full"), is("DC, DSA, and DM"), is("full, network=cnn")), (None, None, None));
    }

    #[test]
    fn a_value_with_commas_is_the_longest_that_there_is() {
        let is = |text| parse(text, &arms()).unwrap();
        assert_eq!(is("arm=DC, DSA, and DM"), [("arm", "DC, DSA, and DM")]);
        assert_eq!(is("arm=full, twice,network=cnn"), [("arm", "full, twice"), ("network", "cnn")]);
        assert_eq!(is("arm=full, network=cnn"), [("arm", "full, network=cnn")]);
        assert_eq!(is("arm=DC, DM,network=cnn"), [("arm", "DC, DM"), ("network", "cnn")]);
        let values = |text| values_of(text, "arm", &arms());
        assert_eq!(values("DC, DSA, and DM,full"), ["DC, DSA, and DM", "full"]);
        assert_eq!(values("full,full, twice"), ["full", "full, twice"]);
        assert_eq!(values("DC, DM"), ["DC", "DM"]);
    }

    #[test]
    fn a_pin_that_means_none_or_several_is_refused_with_what_there_is() {
        let fixture = Fixture::birds();
        let refusal = |baseline| {
            let chosen = Chosen { baseline: Some(baseline), ..Chosen::default() };
            sides(fixture.launches(), &fixture.store, &chosen).unwrap_err().to_string()
        };
        let none = refusal("arm=fully,network=cnn");
        assert!(none.ends_with("hint: `arm` is `full`, `distilled`"), "{none}");
        let several = refusal("scores=");
        assert!(several.starts_with("4 groups have `scores=`"), "{several}");
        assert!(several.ends_with("one is left: `arm`, `network`"), "{several}");
    }
}
