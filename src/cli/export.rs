//! `pipeline export`: an image set as folders of PNG, with the splits that it passes on, or curves for TensorBoard.

use std::path::{Path, PathBuf};

use super::arguments::Export;
use super::failure::Failure;
use super::opened::Opened;
use super::say::say;
use crate::data;
use crate::engine::{Artifact, Store};
use crate::recipe::files;
use crate::report::{self, Launch, results};

pub fn export(arguments: &Export) -> Result<(), Failure> {
    let opened = Opened::here()?;
    let store = opened.store()?;
    if let Some(named) = &arguments.tensorboard {
        return curves(&opened, &store, named, &arguments.to);
    }
    let what = arguments.what.as_deref().unwrap_or_default();
    let artifact = opened.artifact(&store, what, arguments.experiment.as_deref())?;
    let launch = opened.launch(arguments.experiment.as_deref()).ok();
    let find = |file: &str| holder(&artifact, file, launch.as_ref(), &store);
    let splits: Vec<(String, PathBuf)> =
        [("train", files::TRAIN), ("valid", files::VALID), ("test", files::TEST)]
            .into_iter()
            .filter_map(|(name, file)| Some((name.to_string(), find(file)?)))
            .collect();
    let Some(classes) = find(files::CLASSES).filter(|_| !splits.is_empty()) else {
        let message = format!("`{}` is no image set that can be exported", artifact.receipt.label);
        return Err(Failure::usage(format!(
            "{message}\nhint: subset, augment and distil stages make image sets"
        )));
    };
    refuse_full_folder(&arguments.to)?;
    let count = data::export(&splits, &data::Classes::read(&classes)?, &arguments.to)?;
    say!("{count} images in {}", arguments.to.display());
    Ok(())
}

/// The curves of a launch.
fn curves(opened: &Opened, store: &Store, named: &str, to: &Path) -> Result<(), Failure> {
    let launch = results::find(&opened.results(), named).map_err(Failure::usage)?;
    refuse_full_folder(to)?;
    let count = report::write_tensorboard(&launch, store, to)?;
    if count == 0 {
        let message = format!("no stage of `{}` left a curve", launch.launch);
        return Err(Failure::usage(format!("{message}\nhint: `train` and `distil` stages do")));
    }
    say!("{count} curves in {}; `tensorboard --logdir {}` shows them", to.display(), to.display());
    Ok(())
}

/// A file of the artifact, or of the stage that it is passed on from.
pub fn holder(artifact: &Artifact, file: &str, launch: Option<&Launch>, store: &Store) -> Option<PathBuf> {
    let own = artifact.content(file);
    if own.is_file() {
        return Some(own);
    }
    let launch = launch?;
    let is_it = |key: &Option<String>| key.as_ref() == Some(&artifact.receipt.key);
    let mut stage = launch.stages.iter().position(|stage| is_it(&stage.key))?;
    while let Some(from) = launch.input(stage, "from") {
        let record = &launch.stages[from];
        let path = store.place(&record.kind, record.key.as_deref()?).join("content").join(file);
        if path.is_file() {
            return Some(path);
        }
        stage = from;
    }
    None
}

fn refuse_full_folder(to: &Path) -> Result<(), Failure> {
    let mut entries = match std::fs::read_dir(to) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::usage(format!("cannot write to `{}`: {error}", to.display()))),
    };
    if entries.next().is_none() {
        return Ok(());
    }
    Err(Failure::usage(format!("`{}` is not empty\nhint: name a new folder with `--to`", to.display())))
}
