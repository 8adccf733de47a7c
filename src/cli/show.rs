//! `pipeline show`: what an artifact is, what it was made of and what it holds.

use std::path::Path;

use super::arguments::Show;
use super::export::holder;
use super::failure::Failure;
use super::opened::Opened;
use super::run::table_width;
use super::say::say;
use crate::data;
use crate::engine::{Artifact, Store};
use crate::recipe::files;
use crate::report;

/// Images of a class on a contact sheet.
const COLUMNS: usize = 12;

pub fn show(arguments: &Show) -> Result<(), Failure> {
    let opened = Opened::here()?;
    let store = opened.store()?;
    let artifact = opened.artifact(&store, &arguments.what, arguments.experiment.as_deref())?;
    if arguments.json {
        say!("{:#}", report::describe_artifact_as_json(&artifact)?);
    } else {
        say!(
            "{}",
            report::describe_artifact(&artifact, table_width(), console::colors_enabled())?.trim_end()
        );
    }
    match &arguments.sheet {
        Some(path) => sheet(&opened, &store, &artifact, arguments, path),
        None => Ok(()),
    }
}

fn sheet(
    opened: &Opened,
    store: &Store,
    artifact: &Artifact,
    arguments: &Show,
    path: &Path,
) -> Result<(), Failure> {
    let launch = opened.launch(arguments.experiment.as_deref()).ok();
    let train = artifact.content(files::TRAIN);
    let classes = holder(artifact, files::CLASSES, launch.as_ref(), store);
    let (true, Some(classes)) = (train.is_file(), classes) else {
        let message = format!("`{}` is no image set: there are no images to lay out", artifact.receipt.label);
        return Err(Failure::usage(message));
    };
    let classes = data::Classes::read(&classes)?;
    let sheet = data::contact_sheet(&data::Split::open(&train)?, classes.len(), COLUMNS);
    sheet
        .save(path)
        .map_err(|error| Failure::environment(format!("cannot write `{}`: {error}", path.display())))?;
    say!("contact sheet: {} (one row a class: {})", path.display(), classes.names().join(", "));
    Ok(())
}
