//! `pipeline show`: what an artifact is, what it was made of and what it holds; or the layers of a network.

use std::path::Path;

use super::arguments::Show;
use super::failure::Failure;
use super::opened::{Opened, refused};
use super::run::table_width;
use super::say::say;
use super::sheet::{Sheet, sheet_of};
use crate::engine::{Artifact, Store};
use crate::{experiment, report};

pub fn show(arguments: &Show) -> Result<(), Failure> {
    if let Some(image_size) = arguments.image_size {
        return network(arguments, image_size);
    }
    let opened = Opened::here()?;
    let store = opened.store()?;
    let artifact = opened.artifact(&store, &arguments.what, arguments.experiment.as_deref());
    let artifact = artifact.map_err(|failure| perhaps_a_network(failure, &arguments.what))?;
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

fn network(arguments: &Show, image_size: u32) -> Result<(), Failure> {
    let network = experiment::network(&arguments.what).map_err(|problems| refused(&problems))?;
    let classes = arguments.classes;
    if arguments.json {
        let json = report::describe_network_as_json(&network, classes, image_size);
        say!("{:#}", json.map_err(Failure::usage)?);
    } else {
        let (width, color) = (table_width(), console::colors_enabled());
        let text = report::describe_network(&network, classes, image_size, width, color);
        say!("{}", text.map_err(Failure::usage)?.trim_end());
    }
    Ok(())
}

/// What names no artifact may be meant as a network.
fn perhaps_a_network(failure: Failure, what: &str) -> Failure {
    if experiment::network(what).is_err() {
        return failure;
    }
    let message = failure.message.split("\nhint:").next().unwrap_or_default();
    let hint = format!("hint: `pipeline show '{what}' --image-size 64` describes the network");
    Failure { message: format!("{message}\n{hint}"), ..failure }
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
