//! Compares an unpacked bundle with its manifest: every file, and what was run there.

use std::path::Path;

use console::style;

use super::manifest::{Data, Expected, Manifest};
use crate::cli::failure::Failure;
use crate::cli::opened::eprint;
use crate::cli::say::say;
use crate::engine::{Store, digest_file, read_manifest};
use crate::experiment;

/// Names that are listed before the rest is counted.
const SHOWN: usize = 20;

pub fn check(folder: &Path) -> Result<(), Failure> {
    let manifest = Manifest::read(folder).map_err(|error| Failure::usage(format!("{error:#}")))?;
    let listed = manifest.files.iter().map(|file| (file.path.clone(), file.size, file.sha256.as_str()));
    let mut wrong = other_files(folder, listed);
    for data in manifest.data.values().filter(|data| data.included == 0) {
        wrong.extend(other_data(folder, data)?);
    }
    wrong.iter().take(SHOWN).for_each(|line| say!("{} {line}", style("✗").red()));
    if wrong.len() > SHOWN {
        say!("... and {} files more", wrong.len() - SHOWN);
    }
    let unlike = compare(folder, &manifest)?;
    if wrong.is_empty() && unlike == 0 {
        return Ok(());
    }
    let message = format!("{} files and {unlike} artifacts are not as the bundle has them", wrong.len());
    let hint =
        "another processor, libtorch or data set gives other bytes; `pipeline why STAGE` names what changed";
    Err(Failure::new(Failure::STAGE, format!("{message}\nhint: {hint}")))
}

fn other_files<'a>(folder: &Path, files: impl Iterator<Item = (String, u64, &'a str)>) -> Vec<String> {
    let other = |(path, size, sha256): (String, u64, &str)| match digest_file(&folder.join(&path)) {
        Ok(found) if found.size == size && found.sha256 == sha256 => None,
        Ok(_) => Some(format!("`{path}`: other bytes")),
        Err(_) => Some(format!("`{path}`: not there")),
    };
    files.filter_map(other).collect()
}

/// Files of a data set that the bundle only lists.
fn other_data(folder: &Path, data: &Data) -> Result<Vec<String>, Failure> {
    let listing = read_manifest(&folder.join(&data.listing))?;
    let files =
        listing.iter().map(|entry| (format!("{}/{}", data.path, entry.path), entry.size, &*entry.sha256));
    Ok(other_files(folder, files))
}

/// Says of each expected artifact whether it is there; how many came out otherwise.
fn compare(folder: &Path, manifest: &Manifest) -> Result<usize, Failure> {
    let (project, root) = experiment::load_project(folder, &[]).map_err(|problems| {
        Failure::new(Failure::CONFIGURATION, experiment::render(&problems, false).trim_end())
    })?;
    let artifacts = root.join(&project.artifacts);
    let store = if artifacts.is_dir() { Some(Store::open(&artifacts)?) } else { None };
    let (mut same, mut missing, mut unlike) = (0, 0, 0);
    for expected in &manifest.expected {
        match store.as_ref().map(|store| verdict(store, expected)) {
            Some(Verdict::Same) => {
                same += 1;
                say!("{} {}: the same bytes", style("✓").green(), expected.label);
            }
            Some(Verdict::Other(how)) => {
                unlike += 1;
                say!("{} {}: {how}", style("✗").red(), expected.label);
            }
            Some(Verdict::Missing) | None => missing += 1,
        }
    }
    let files = manifest.files.len();
    eprint(&format!("{files} files; {same} artifacts the same, {unlike} other, {missing} not made here\n"));
    if missing > 0 {
        eprint(&format!("hint: `pipeline run {}` makes them\n", manifest.file));
    }
    Ok(unlike)
}

enum Verdict {
    Same,
    Other(String),
    Missing,
}

fn verdict(store: &Store, expected: &Expected) -> Verdict {
    if let Some(artifact) = store.find(&expected.kind, &expected.key) {
        let same = artifact.receipt.digest == expected.digest;
        return if same { Verdict::Same } else { Verdict::Other("other bytes from the same inputs".into()) };
    }
    let alike = store
        .list()
        .into_iter()
        .find(|artifact| artifact.receipt.kind == expected.kind && artifact.receipt.label == expected.label);
    match alike {
        Some(artifact) if artifact.receipt.digest == expected.digest => Verdict::Same,
        Some(_) => Verdict::Other("made from other inputs, settings or with another libtorch".into()),
        None => Verdict::Missing,
    }
}
