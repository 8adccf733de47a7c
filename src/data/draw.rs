//! Which images of a class are drawn, and in what order; never one image for two splits.

use anyhow::{Result, bail};
use sha2::{Digest, Sha256};

use super::catalog::{Catalog, ClassImages, ImageRef, SPLITS, SplitIndex};
use crate::recipe::{Classes, Count, LargestClasses};

/// Names that an error lists before it says how many there are.
const SHOWN: usize = 20;

/// The classes asked for: named ones in the order given, the largest in the data set's order.
///
/// # Errors
/// A name is unknown, a class is empty, or fewer than two classes are left.
pub fn choose<'a>(catalog: &'a Catalog, asked: &Classes) -> Result<Vec<&'a ClassImages>> {
    let chosen = match asked {
        Classes::Names(names) => named(catalog, names)?,
        Classes::Largest(largest) => {
            if *largest == (LargestClasses { at_least: 1, up_to: None }) {
                refuse_empty(&catalog.classes.iter().collect::<Vec<_>>())?;
            }
            of_size(catalog, largest)?
        }
    };
    refuse_empty(&chosen)?;
    if chosen.len() < 2 {
        let only = &chosen[0].name;
        bail!("only class `{only}` is left, and a network needs at least 2 classes to tell apart");
    }
    Ok(chosen)
}

fn named<'a>(catalog: &'a Catalog, names: &[String]) -> Result<Vec<&'a ClassImages>> {
    let find = |name: &String| catalog.classes.iter().find(|class| class.name == *name);
    let unknown: Vec<&String> = names.iter().filter(|name| find(name).is_none()).collect();
    if unknown.is_empty() && !names.is_empty() {
        return Ok(names.iter().filter_map(find).collect());
    }
    let mut message = String::new();
    for name in unknown.iter().take(SHOWN) {
        let near = nearest(name, catalog).join("`, `");
        message += &format!("the data set has no class `{name}`; the nearest: `{near}`\n");
    }
    bail!("{message}hint: it has {} classes; names are compared letter by letter", catalog.classes.len());
}

fn nearest<'a>(name: &str, catalog: &'a Catalog) -> Vec<&'a str> {
    let likeness = |class: &str| strsim::jaro_winkler(&class.to_lowercase(), &name.to_lowercase());
    let mut names: Vec<&str> = catalog.classes.iter().map(|class| class.name.as_str()).collect();
    names.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    names.truncate(3);
    names
}

fn of_size<'a>(catalog: &'a Catalog, asked: &LargestClasses) -> Result<Vec<&'a ClassImages>> {
    let size = |class: &ClassImages| class.images[0].len();
    let mut by_size: Vec<&ClassImages> = catalog.classes.iter().collect();
    by_size.sort_by(|a, b| size(b).cmp(&size(a)).then(a.name.cmp(&b.name)));
    let Some(largest) = by_size.first() else { bail!("the data set has no classes") };
    let (name, most) = (largest.name.clone(), size(largest));
    by_size.retain(|class| size(class) >= asked.at_least as usize);
    by_size.truncate(asked.up_to.map_or(usize::MAX, |up_to| up_to as usize));
    if by_size.is_empty() {
        let wanted = asked.at_least;
        bail!(
            "no class has {wanted} training images; the largest, `{name}`, has {most}\nhint: lower `at_least`"
        );
    }
    let taken: std::collections::BTreeSet<&str> = by_size.iter().map(|class| class.name.as_str()).collect();
    Ok(catalog.classes.iter().filter(|class| taken.contains(class.name.as_str())).collect())
}

fn refuse_empty(classes: &[&ClassImages]) -> Result<()> {
    let empty = classes.iter().filter(|class| class.images.iter().all(Vec::is_empty));
    let names: Vec<String> = empty.map(|class| format!("`{}`", class.name)).collect();
    match names.len() {
        0 => Ok(()),
        1 => bail!(
            "class {} holds no images\nhint: fill its folder, remove it, or name the classes to take",
            names[0]
        ),
        n => bail!(
            "{n} classes hold no images: {}\nhint: fill their folders, remove them, or name the classes to take",
            names[..n.min(SHOWN)].join(", ")
        ),
    }
}

/// Complains of every class that cannot give what `per_class` asks.
pub fn check_sizes(classes: &[&ClassImages], per_class: &Count) -> Result<()> {
    let asked = [per_class.train, per_class.valid, per_class.test].map(|count| count as usize);
    let mut lines = Vec::new();
    for class in classes {
        let has = [0, 1, 2].map(|split| class.images[split].len());
        let missing = [1, 2].map(|split: SplitIndex| asked[split].saturating_sub(has[split]));
        let needed = asked[0] + missing[0] + missing[1];
        if needed > has[0] {
            lines.push(lack(&class.name, has, asked, missing, needed));
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    let further = match lines.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n => format!("\n... and {n} classes more"),
    };
    lines.truncate(SHOWN);
    let hint = "hint: lower `per_class`, or take larger classes only: `classes = { at_least = ... }`";
    bail!("{}{further}\n{hint}", lines.join("\n"));
}

fn lack(name: &str, has: [usize; 3], asked: [usize; 3], missing: [usize; 2], needed: usize) -> String {
    let mut parts = vec![format!("{} for train", asked[0])];
    for (split, missing) in [1, 2].into_iter().zip(missing).filter(|(_, missing)| *missing > 0) {
        let (asked, has, kind) = (asked[split], has[split], SPLITS[split]);
        parts.push(format!("{missing} for {kind} (it has {has} of {asked} {kind} images)"));
    }
    format!("class `{name}` has {} training images and needs {needed}: {}", has[0], parts.join(", "))
}

/// The images of one class, in the order in which they are drawn.
///
/// An image's rank is a hash of (seed, class, id), so that it does not depend on what else is there: a file more or
/// less changes few draws.
pub struct Draw<'a> {
    class: &'a ClassImages,
    ranked: [Vec<usize>; 3],
    /// How many of each rank list are taken.
    taken: [usize; 3],
}

impl<'a> Draw<'a> {
    pub fn new(class: &'a ClassImages, seed: u64) -> Draw<'a> {
        let ranked = [0, 1, 2].map(|split| rank(&class.images[split], &class.name, seed));
        Draw { class, ranked, taken: [0; 3] }
    }

    /// The next image for a split: one of its own, else a training image that nobody took. Ask for all of train, then
    /// valid, then test: a larger test then leaves the others as they are.
    pub fn next(&mut self, split: SplitIndex) -> Option<&'a ImageRef> {
        [split, 0].into_iter().find_map(|from| {
            let index = *self.ranked[from].get(self.taken[from])?;
            self.taken[from] += 1;
            Some(&self.class.images[from][index])
        })
    }
}

fn rank(images: &[ImageRef], class: &str, seed: u64) -> Vec<usize> {
    let hash = |image: &ImageRef| {
        let mut hasher = Sha256::new();
        hasher.update(seed.to_le_bytes());
        hasher.update((class.len() as u64).to_le_bytes());
        hasher.update(class.as_bytes());
        hasher.update(image.id.as_bytes());
        <[u8; 32]>::from(hasher.finalize())
    };
    let mut ranked: Vec<([u8; 32], usize)> =
        images.iter().enumerate().map(|(i, image)| (hash(image), i)).collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::catalog::Place;
    use super::*;

    fn class(name: &str, sizes: [usize; 3]) -> ClassImages {
        let mut class = ClassImages::new(name);
        for (split, size) in sizes.into_iter().enumerate() {
            let image = |i| ImageRef { id: format!("{split}/{i}"), place: Place { file: 0, record: 0 } };
            class.images[split] = (0..size).map(image).collect();
        }
        class
    }

    fn drawn(class: &ClassImages, seed: u64, counts: [usize; 3]) -> [Vec<&str>; 3] {
        let mut draw = Draw::new(class, seed);
        [0, 1, 2]
            .map(|split| (0..counts[split]).map_while(|_| draw.next(split)).map(|i| i.id.as_str()).collect())
    }

    proptest! {
        #[test]
        fn no_image_is_drawn_twice(sizes: [u8; 3], counts: [u8; 3], seed: u64) {
            let class = class("A", sizes.map(usize::from));
            let counts = counts.map(usize::from);
            let splits = drawn(&class, seed, counts);
            let all: Vec<&str> = splits.iter().flatten().copied().collect();
            let distinct: BTreeSet<&str> = all.iter().copied().collect();
            prop_assert_eq!(distinct.len(), all.len());
            let per_class = Count { train: counts[0] as u32, valid: counts[1] as u32, test: counts[2] as u32 };
            let enough = check_sizes(&[&class], &per_class).is_ok();
            prop_assert_eq!(enough, all.len() == counts.iter().sum::<usize>());
        }

        #[test]
        fn a_larger_test_split_leaves_train_and_valid_as_they_are(test in 0..40_usize, more in 0..40_usize, seed: u64) {
            let class = class("A", [100, 3, 5]);
            let before = drawn(&class, seed, [10, 7, test]);
            let after = drawn(&class, seed, [10, 7, test + more]);
            prop_assert_eq!(&before[0], &after[0]);
            prop_assert_eq!(&before[1], &after[1]);
            prop_assert_eq!(&before[2][..], &after[2][..test]);
        }

        #[test]
        fn another_file_changes_few_draws(seed: u64) {
            let (small, large) = (class("A", [50, 0, 0]), class("A", [51, 0, 0]));
            let before: BTreeSet<&str> = drawn(&small, seed, [20, 0, 0])[0].iter().copied().collect();
            let after: BTreeSet<&str> = drawn(&large, seed, [20, 0, 0])[0].iter().copied().collect();
            prop_assert!(before.difference(&after).count() <= 1);
        }
    }

    #[test]
    fn seeds_and_classes_draw_differently() {
        let counts = [10, 0, 0];
        let (a, b) = (class("A", [100, 0, 0]), class("B", [100, 0, 0]));
        assert_ne!(drawn(&a, 0, counts), drawn(&a, 1, counts));
        assert_ne!(drawn(&a, 0, counts), drawn(&b, 0, counts));
    }

    #[test]
    fn every_class_that_is_too_small_is_told_with_figures() {
        let (a, b, c) = (class("A", [20, 0, 0]), class("B", [30, 5, 40]), class("C", [90, 0, 0]));
        let asked = Count { train: 25, valid: 10, test: 50 };
        let message = check_sizes(&[&a, &b, &c], &asked).unwrap_err().to_string();
        assert!(message.contains("class `A` has 20 training images and needs 85: 25 for train, 10 for valid (it has 0 of 10 valid images)"), "{message}");
        assert!(message.contains("class `B` has 30 training images and needs 40"), "{message}");
        assert!(!message.contains("`C`"), "{message}");
    }

    struct NoPictures;

    impl super::super::catalog::Pictures for NoPictures {
        fn read(&self, _: Place) -> Result<image::RgbImage, super::super::catalog::ReadError> {
            Err(super::super::catalog::ReadError::Unreadable("there is none".into()))
        }
    }

    fn catalog(classes: Vec<ClassImages>) -> Catalog {
        Catalog { classes, warnings: Vec::new(), pictures: Box::new(NoPictures) }
    }

    #[test]
    fn the_largest_classes_come_in_the_data_sets_order() {
        let sizes = [("A", 5), ("B", 9), ("C", 7), ("D", 7)];
        let found = catalog(sizes.iter().map(|(name, size)| class(name, [*size, 0, 0])).collect());
        let names = |at_least, up_to| {
            let chosen = choose(&found, &Classes::Largest(LargestClasses { at_least, up_to })).unwrap();
            chosen.iter().map(|class| class.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(1, None), ["A", "B", "C", "D"]);
        assert_eq!(names(6, None), ["B", "C", "D"]);
        assert_eq!(names(1, Some(2)), ["B", "C"]);
        let none = choose(&found, &Classes::Largest(LargestClasses { at_least: 10, up_to: None }));
        assert!(none.err().unwrap().to_string().contains("the largest, `B`, has 9"));
    }

    #[test]
    fn unknown_and_empty_classes_are_named() {
        let found =
            catalog(vec![class("OVENBIRD", [5, 0, 0]), class("FINCH", [5, 0, 0]), class("GONE", [0; 3])]);
        let asked = |names: &[&str]| Classes::Names(names.iter().map(|name| name.to_string()).collect());
        let message = choose(&found, &asked(&["Ovenbrd", "FINCH", "X"])).err().unwrap().to_string();
        assert!(message.contains("no class `Ovenbrd`; the nearest: `OVENBIRD`"), "{message}");
        assert!(message.contains("no class `X`"), "{message}");
        for asked in [Classes::default(), asked(&["FINCH", "GONE"])] {
            let message = choose(&found, &asked).err().unwrap().to_string();
            assert!(message.contains("class `GONE` holds no images"), "{message}");
        }
    }
}
