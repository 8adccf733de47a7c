//! `pipeline bundle`: an experiment with all that it reads as one archive that another person can run and compare.

mod archive;
mod check;
mod gather;
mod manifest;

use std::path::PathBuf;

use super::arguments::{Bundle, Chosen, Inclusion};
use super::failure::Failure;
use super::list::bytes;
use super::opened::{OpenedExperiment, eprint};
use super::say::say;
use archive::{Content, Member};
use manifest::{Listed, MANIFEST, Manifest};

pub fn bundle(arguments: &Bundle) -> Result<(), Failure> {
    if let Some(folder) = &arguments.check {
        return check::check(folder);
    }
    let Some(experiment) = arguments.experiment.clone() else {
        return Err(Failure::usage("no experiment is named\nhint: `pipeline bundle experiments/...toml`"));
    };
    let opened = OpenedExperiment::new(&Chosen { experiment, sets: arguments.sets.clone() })?;
    let store = opened.opened.store()?;
    let include = arguments.data == Inclusion::Include;
    let (mut manifest, mut members) = gather::gather(&opened, &store, include)?;
    members
        .push(Member { path: "README.md".into(), content: Content::Bytes(readme(&manifest).into_bytes()) });
    members.sort_by(|a, b| a.path.cmp(&b.path));
    manifest.files = members.iter().map(listed).collect();
    let name = manifest.experiment.clone();
    members.insert(0, Member { path: MANIFEST.into(), content: Content::Bytes(manifest.to_bytes()) });
    let to = arguments.to.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
    archive::write(&to, &name, &members)?;
    for (name, data) in &manifest.data {
        let (included, files, size) = (data.included, data.files, bytes(data.bytes));
        eprint(&format!("data set `{name}`: {included} of {files} files ({size}) are in the bundle\n"));
    }
    let expected = manifest.expected.len();
    if expected == 0 {
        eprint("nothing was run yet, so there are no digests to compare with\n");
    }
    let size = bytes(std::fs::metadata(&to)?.len());
    say!("{}: {} files, {expected} expected artifacts, {size}", to.display(), members.len());
    Ok(())
}

fn listed(member: &Member) -> Listed {
    let path = member.path.clone();
    match &member.content {
        Content::Bytes(bytes) => Listed { path, size: bytes.len() as u64, sha256: archive::sha256(bytes) },
        Content::File { size, sha256, .. } => Listed { path, size: *size, sha256: sha256.clone() },
    }
}

fn readme(manifest: &Manifest) -> String {
    let Manifest { experiment, file, pipeline, libtorch, expected, .. } = manifest;
    let mut text = format!("# {experiment}\n\nAn experiment of `pipeline` {pipeline}");
    if !libtorch.is_empty() {
        text += &format!(" with libtorch {libtorch}");
    }
    text += ". In this folder:\n\n";
    text += &format!("```console\n$ pipeline run {file}\n$ pipeline bundle --check .\n```\n\n");
    text += &format!(
        "The second line reads every file again and compares what was run with the {} artifacts that this bundle \
         expects. Image sets come out the same everywhere; networks on one kind of processor with the same libtorch.\n",
        expected.len()
    );
    for (name, data) in &manifest.data {
        let (path, listing) = (&data.path, &data.listing);
        let from = data.url.as_ref().map_or(String::new(), |url| format!(", which is at {url}"));
        text += &match data.included {
            0 => format!(
                "\nPut the files of data set `{name}`{from}, at `{path}`; `{listing}` lists them with their digests.\n"
            ),
            n if n < data.files => format!(
                "\nOf data set `{name}`{from}, {n} of {} files are here: those that were drawn. Another draw needs all.\n",
                data.files
            ),
            _ => format!("\nData set `{name}`{from} is here as a whole.\n"),
        };
    }
    text
}
