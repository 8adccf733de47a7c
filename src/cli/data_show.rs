//! `pipeline data show`: a contact sheet for each class of a data set.

use std::collections::BTreeSet;

use serde_json::json;

use super::arguments::DataShow;
use super::bar::Bar;
use super::data::open;
use super::failure::Failure;
use super::opened::{Opened, eprint};
use super::say::say;
use crate::data;

/// Bytes of a file's name, with room for its extension and a number.
const LONGEST_NAME: usize = 200;

pub fn show(arguments: &DataShow) -> Result<(), Failure> {
    let opened = Opened::here()?;
    let set = open(&opened, &arguments.name)?;
    let classes = &set.catalog.classes;
    for asked in &arguments.class {
        if !classes.iter().any(|class| class.name == *asked) {
            return Err(unknown_class(asked, classes.iter().map(|class| class.name.as_str())));
        }
    }
    let wanted =
        |class: &&data::ClassImages| arguments.class.is_empty() || arguments.class.contains(&class.name);
    let chosen: Vec<&data::ClassImages> = classes.iter().filter(wanted).collect();
    std::fs::create_dir_all(&arguments.to).map_err(|error| {
        Failure::environment(format!("cannot write to `{}`: {error}", arguments.to.display()))
    })?;
    let bar = Bar::new(Some(chosen.len() as u64), "{bar:30.cyan/dim} {pos}/{len} classes", "classes");
    let (mut names, mut written) = (BTreeSet::new(), Vec::new());
    for class in chosen {
        let (sheet, unreadable) = data::sheet(&set.catalog, class, arguments.per_class as usize)?;
        for image in &unreadable {
            eprint(&format!("warning: {image}\n"));
        }
        let path = arguments.to.join(file_name(&class.name, &mut names));
        let failed = |error| Failure::environment(format!("cannot write `{}`: {error}", path.display()));
        sheet.save(&path).map_err(failed)?;
        written.push(json!({ "class": class.name, "sheet": path, "unreadable": unreadable.len() }));
        bar.step();
    }
    drop(bar);
    if arguments.json {
        say!("{}", json!({ "version": 1, "sheets": written }));
    } else {
        say!("{} contact sheets in {}", written.len(), arguments.to.display());
    }
    Ok(())
}

fn unknown_class<'a>(asked: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let mut known: Vec<&str> = known.collect();
    let likeness = |class: &str| strsim::jaro_winkler(&class.to_lowercase(), &asked.to_lowercase());
    known.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    known.truncate(3);
    Failure::usage(format!(
        "the data set has no class `{asked}`\nhint: the nearest are `{}`",
        known.join("`, `")
    ))
}

/// A file for a class; two names that become one are numbered.
fn file_name(class: &str, taken: &mut BTreeSet<String>) -> String {
    let mut stem = data::folder_name(class);
    while stem.len() > LONGEST_NAME {
        stem.pop();
    }
    let numbered = (2..).map(|number| format!("{stem}-{number}.png"));
    let mut names = std::iter::once(format!("{stem}.png")).chain(numbered);
    let free = names.find(|name| !taken.contains(name)).expect("there is always another number");
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_file_of_its_own() {
        let mut taken = BTreeSet::new();
        let names = ["a/b", "a_b", "..", &"é".repeat(300)].map(|class| file_name(class, &mut taken));
        assert_eq!(names[..3], ["a_b.png", "a_b-2.png", "_...png"]);
        assert_eq!(names[3].len(), LONGEST_NAME + 4);
    }
}
