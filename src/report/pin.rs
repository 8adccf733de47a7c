//! A baseline that is one group: `arm=full,network=vgg16-bn`.

use anyhow::{Result, bail};

use super::sides::Side;

/// Axes and the values that they are to have; `None` where the text holds no `=`.
pub fn parse(text: &str) -> Option<Vec<(&str, &str)>> {
    let pairs = text.split(',').map(|pair| pair.split_once('='));
    let pairs: Option<Vec<_>> = pairs.collect();
    pairs.map(|pairs| pairs.into_iter().map(|(axis, value)| (axis.trim(), value.trim())).collect())
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

    #[test]
    fn a_pin_is_axes_with_values() {
        assert_eq!(parse("arm=full, network=cnn"), Some(vec![("arm", "full"), ("network", "cnn")]));
        assert_eq!(parse("full"), None);
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
