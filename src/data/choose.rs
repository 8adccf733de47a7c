//! Which classes are taken: those named, or the largest.

use anyhow::{Result, bail};

use super::catalog::{Catalog, ClassImages};
use crate::recipe::{Classes, LargestClasses};

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

#[cfg(test)]
pub mod fixtures {
    use super::super::catalog::{ImageRef, Place};
    use super::ClassImages;

    /// `sizes` images in train, valid and test: `0/0`, `0/1`, ... `2/0`.
    pub fn class(name: &str, sizes: [usize; 3]) -> ClassImages {
        let mut class = ClassImages::new(name);
        for (split, size) in sizes.into_iter().enumerate() {
            let image = |i| ImageRef { id: format!("{split}/{i}"), place: Place { file: 0, record: 0 } };
            class.images[split] = (0..size).map(image).collect();
        }
        class
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Place;
    use super::fixtures::class;
    use super::*;

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
