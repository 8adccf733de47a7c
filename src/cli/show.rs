//! `pipeline show`: what an artifact is, what it was made of and what it holds.

use std::path::Path;

use super::arguments::Show;
use super::failure::Failure;
use super::opened::Opened;
use super::run::table_width;
use super::say::say;
use super::sheet::{Sheet, sheet_of};
use crate::engine::{Artifact, Store};
use crate::report;

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
        Some(path) => write_sheet(&opened, &store, &artifact, arguments, path),
        None => Ok(()),
    }
}

fn write_sheet(
    opened: &Opened,
    store: &Store,
    artifact: &Artifact,
    arguments: &Show,
    path: &Path,
) -> Result<(), Failure> {
    let launch = opened.launch(arguments.experiment.as_deref()).ok();
    let Sheet { picture, rows } = sheet_of(artifact, launch.as_ref(), store)?;
    picture
        .save(path)
        .map_err(|error| Failure::environment(format!("cannot write `{}`: {error}", path.display())))?;
    say!("contact sheet: {} ({rows})", path.display());
    Ok(())
}
