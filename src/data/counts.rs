//! Whether classes give what is asked, told with figures, and how unequal they are.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::catalog::{ClassImages, SPLITS, SplitIndex};
use super::draw::Slots;
use crate::recipe::Amount;

/// Names that an error lists before it says how many there are.
const SHOWN: usize = 20;
/// How many times as many images the largest class may have before a person is told.
const UNEQUAL: f64 = 1.5;

/// Complains of every class that cannot give what is asked, whatever is drawn.
pub fn check_sizes(classes: &[&ClassImages], amounts: &[Amount; 3]) -> Result<()> {
    let asked = amounts.map(|amount| match amount {
        Amount::Number(n) => n as usize,
        Amount::Every(_) => 0,
    });
    let mut lines = Vec::new();
    for class in classes {
        let has = [0, 1, 2].map(|split| class.images[split].len());
        let missing = [1, 2].map(|split: SplitIndex| asked[split].saturating_sub(has[split]));
        let needed = asked[0] + missing[0] + missing[1];
        if needed > has[0] {
            lines.push(lack(&class.name, has, asked, missing, needed));
        }
    }
    let hint = "hint: lower `per_class`, or take larger classes only: `classes = { at_least = ... }`";
    refuse(lines, hint)
}

fn lack(name: &str, has: [usize; 3], asked: [usize; 3], missing: [usize; 2], needed: usize) -> String {
    let mut parts = vec![format!("{} for train", asked[0])];
    for (split, missing) in [1, 2].into_iter().zip(missing).filter(|(_, missing)| *missing > 0) {
        let (asked, has, kind) = (asked[split], has[split], SPLITS[split]);
        parts.push(format!("{missing} for {kind} (it has {has} of {asked} {kind} images)"));
    }
    format!("class `{name}` has {} training images and needs {needed}: {}", has[0], parts.join(", "))
}

/// Complains of every class of which less was drawn than asked: the rest belongs to groups of other splits.
pub fn check_drawn(classes: &[&ClassImages], drawn: &[Slots; 3], amounts: &[Amount; 3]) -> Result<()> {
    let (mut apart, mut none) = (Vec::new(), Vec::new());
    for split in [0, 1, 2] {
        let name = SPLITS[split];
        for (class, found) in classes.iter().zip(per_class(classes.len(), &drawn[split])) {
            let class = &class.name;
            match amounts[split] {
                Amount::Number(n) if found < n as usize => {
                    apart.push(format!("class `{class}` can give {found} of {n} {name} images"));
                }
                Amount::Every(_) if found == 0 && split != 1 => {
                    none.push(format!("class `{class}` has no image for {name}"));
                }
                _ => {}
            }
        }
    }
    refuse(none, "hint: say how many: a number draws from training images what the data set lacks")?;
    if !apart.is_empty() {
        apart.insert(0, "what is left is like images of other splits, and kept away from them:".into());
    }
    refuse(
        apart,
        "hint: lower `per_class`, or let likenesses stand on both sides: `keep_together = \"nothing\"`",
    )
}

fn refuse(mut lines: Vec<String>, hint: &str) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let further = match lines.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n => format!("\n... and {n} classes more"),
    };
    lines.truncate(SHOWN);
    bail!("{}{further}\n{hint}", lines.join("\n"));
}

/// How many images of each class were drawn.
pub fn per_class(classes: usize, slots: &Slots) -> Vec<usize> {
    let mut counts = vec![0; classes];
    slots.iter().for_each(|(label, _)| counts[*label] += 1);
    counts
}

/// What a person should know of a split whose classes are of unequal size, as a sentence; none where the largest is
/// less than half as large again as the smallest.
pub fn unequal(classes: &[&ClassImages], split: SplitIndex, slots: &Slots) -> Option<String> {
    let counts = per_class(classes.len(), slots);
    let by_size: BTreeMap<usize, &str> =
        counts.iter().zip(classes).rev().map(|(count, class)| (*count, class.name.as_str())).collect();
    let ((fewest, small), (most, large)) = (by_size.first_key_value()?, by_size.last_key_value()?);
    let ratio = *most as f64 / *fewest as f64;
    (ratio >= UNEQUAL).then(|| {
        let split = SPLITS[split];
        format!(
            "{split} holds {most} images of `{large}` and {fewest} of `{small}`, {ratio:.1} to 1: accuracy is that of \
             the large classes above all; hint: `per_class.{split} = {fewest}` takes as many of each"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::choose::fixtures::class;
    use super::*;
    use crate::recipe::All;

    fn slots<'a>(classes: &[&'a ClassImages], counts: &[usize]) -> Slots<'a> {
        let of = |(label, count): (usize, &usize)| {
            classes[label].images[0].iter().take(*count).map(move |image| (label, image)).collect::<Vec<_>>()
        };
        counts.iter().enumerate().flat_map(of).collect()
    }

    #[test]
    fn every_class_that_is_too_small_is_told_with_figures() {
        let (a, b, c) = (class("A", [20, 0, 0]), class("B", [30, 5, 40]), class("C", [90, 0, 0]));
        let asked = [25, 10, 50].map(Amount::Number);
        let message = check_sizes(&[&a, &b, &c], &asked).unwrap_err().to_string();
        assert!(message.contains("class `A` has 20 training images and needs 85: 25 for train, 10 for valid (it has 0 of 10 valid images)"), "{message}");
        assert!(message.contains("class `B` has 30 training images and needs 40"), "{message}");
        assert!(!message.contains("`C`"), "{message}");
    }

    #[test]
    fn what_groups_leave_of_a_class_is_told_with_figures() {
        let (a, b) = (class("A", [20, 0, 0]), class("B", [20, 0, 0]));
        let classes = [&a, &b];
        let drawn = [slots(&classes, &[10, 10]), Vec::new(), slots(&classes, &[7, 8])];
        let asked = [10, 0, 8].map(Amount::Number);
        let message = check_drawn(&classes, &drawn, &asked).unwrap_err().to_string();
        assert!(message.contains("class `A` can give 7 of 8 test images"), "{message}");
        assert!(!message.contains("`B`") && message.contains("keep_together"), "{message}");
        let asked = [Amount::Every(All::All), Amount::Number(0), Amount::Every(All::All)];
        let none = [slots(&classes, &[10, 10]), Vec::new(), slots(&classes, &[0, 8])];
        let message = check_drawn(&classes, &none, &asked).unwrap_err().to_string();
        assert!(message.contains("class `A` has no image for test\nhint: say how many"), "{message}");
        check_drawn(&classes, &drawn, &asked).unwrap();
    }

    #[test]
    fn unequal_classes_are_told_from_half_as_many_again() {
        let (a, b) = (class("A", [20, 0, 0]), class("B", [20, 0, 0]));
        let classes = [&a, &b];
        assert_eq!(unequal(&classes, 0, &slots(&classes, &[14, 10])), None);
        let told = unequal(&classes, 0, &slots(&classes, &[10, 15])).unwrap();
        assert!(told.starts_with("train holds 15 images of `B` and 10 of `A`, 1.5 to 1"), "{told}");
        assert!(told.ends_with("`per_class.train = 10` takes as many of each"), "{told}");
    }
}
