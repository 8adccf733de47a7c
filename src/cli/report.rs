//! `pipeline report`: one page about launches, with the image sets that they rest on.

use std::path::{Path, PathBuf};

use super::arguments::Report;
use super::compare::launches;
use super::failure::Failure;
use super::opened::{Opened, eprint};
use super::say::say;
use super::sheet::sheet_of;
use crate::engine::Store;
use crate::recipe::{Augment, Describe, Distil, Subset};
use crate::report::{self, Launch, Page, Picture, sides::Chosen};

/// The page's name in a launch's folder.
pub const FILE: &str = "report.html";

/// Points that a group may be worse by, where nobody says.
const MARGIN: f64 = 2.0;

/// Sheets of image sets on a page.
const SHEETS: usize = 6;

pub fn report(arguments: &Report) -> Result<(), Failure> {
    let opened = Opened::here()?;
    let launches = launches(&opened, &arguments.launches)?;
    let chosen = Chosen {
        by: arguments.by.as_deref(),
        baseline: arguments.baseline.as_deref(),
        unlike: arguments.unlike,
        ..Chosen::default()
    };
    let to = arguments.to.clone().unwrap_or_else(|| place(&opened, &launches));
    let store = opened.store()?;
    let page = page(&opened, &store, &launches, chosen, arguments.margin);
    if let Some(folder) = &arguments.tex {
        if report::write_tex(&launches, &store, &page, folder).map_err(Failure::usage)? {
            say!("{}", folder.join("report.tex").display());
            return Ok(());
        }
    } else if report::write_report(&launches, &store, &page, &to).map_err(Failure::usage)? {
        say!("{}", to.display());
        return Ok(());
    }
    eprint("nothing to report: no run of these launches has scores\n");
    Ok(())
}

/// The page of a launch that has just ended, in its folder; `None` where no run has scores.
///
/// # Errors
/// An artifact cannot be read, or the file not be written.
pub fn of_launch(
    opened: &Opened,
    store: &Store,
    launch: &Launch,
    folder: &Path,
) -> anyhow::Result<Option<PathBuf>> {
    let launches = std::slice::from_ref(launch);
    let to = folder.join(FILE);
    let page = page(opened, store, launches, Chosen::default(), MARGIN);
    Ok(report::write_report(launches, store, &page, &to)?.then_some(to))
}

fn page<'a>(
    opened: &Opened,
    store: &Store,
    launches: &[Launch],
    chosen: Chosen<'a>,
    margin: f64,
) -> Page<'a> {
    let source = |launch: &Launch| {
        let path = folder(opened, launch).join("experiment.toml");
        let name = format!("{} {}", launch.experiment, launch.launch);
        Some((name, std::fs::read_to_string(path).ok()?))
    };
    Page {
        chosen,
        margin: margin / 100.0,
        pictures: pictures(store, launches),
        sources: launches.iter().filter_map(source).collect(),
    }
}

fn place(opened: &Opened, launches: &[Launch]) -> PathBuf {
    match launches {
        [only] => folder(opened, only).join(FILE),
        _ => opened.results().join(FILE),
    }
}

fn folder(opened: &Opened, launch: &Launch) -> PathBuf {
    opened.results().join(&launch.experiment).join(&launch.launch)
}

/// A sheet of the first image set of each name. What has no images to show, or no longer, is left out.
fn pictures(store: &Store, launches: &[Launch]) -> Vec<Picture> {
    let mut shown: Vec<(&str, &str)> = Vec::new();
    let mut pictures = Vec::new();
    for (launch, stage) in
        launches.iter().flat_map(|launch| launch.stages.iter().map(move |stage| (launch, stage)))
    {
        let holds_images = [Subset::KIND, Augment::KIND, Distil::KIND].contains(&stage.kind.as_str());
        let name = (launch.experiment.as_str(), stage.name.as_str());
        if !holds_images || shown.contains(&name) || pictures.len() == SHEETS {
            continue;
        }
        let artifact = stage.key.as_deref().and_then(|key| store.find(&stage.kind, key));
        let Some(sheet) = artifact.and_then(|artifact| sheet_of(&artifact, Some(launch), store).ok()) else {
            continue;
        };
        shown.push(name);
        let title = format!("{} {}", stage.kind, stage.label);
        pictures.push(Picture { title, caption: sheet.rows, image: sheet.picture });
    }
    pictures
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::arguments::{Arguments, Verb};
    use super::*;

    #[test]
    fn the_margin_of_a_run_is_that_of_the_verb() {
        let arguments = Arguments::try_parse_from(["pipeline", "report", "first"]).unwrap();
        let Verb::Report(report) = arguments.verb else { panic!("another verb") };
        assert_eq!(report.margin, MARGIN);
    }

    #[test]
    fn a_margin_of_no_points_is_refused() {
        for margin in ["0", "-1", "101", "two"] {
            assert!(Arguments::try_parse_from(["pipeline", "report", "first", "--margin", margin]).is_err());
        }
    }
}
