//! `weights`: a file of weights that was made elsewhere, taken into the store.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use memmap2::Mmap;
use safetensors::SafeTensors;

use super::fetch::{Order, Progress, fetch};
use crate::engine::{Task, read_manifest};
use crate::recipe::{Weights, files};

/// Does the stage: from the file, or from its address, to `weights.safetensors`, byte for byte.
///
/// # Errors
/// The file cannot be had, or is no safetensors file.
pub fn weights(task: &Task) -> Result<()> {
    let recipe: Weights = task.parameters()?;
    let to = task.content(files::WEIGHTS);
    task.started(None);
    match &recipe.sha256 {
        Some(sha256) => download(task, sha256, &to)?,
        None => copy(task, &to)?,
    }
    check(&to)
}

fn copy(task: &Task, to: &Path) -> Result<()> {
    let source = task.source(Weights::FILE)?;
    let entry = read_manifest(&source.manifest)?.into_iter().next().context("the manifest lists no file")?;
    let from = source.root.join(entry.path);
    fs::copy(&from, to).with_context(|| format!("cannot copy `{}`", from.display()))?;
    Ok(())
}

/// Into the folder of checkpoints first: the next attempt goes on with what this one leaves.
fn download(task: &Task, sha256: &str, to: &Path) -> Result<()> {
    let url =
        task.job.provenance.get("url").and_then(|url| url.as_str()).context("the job names no `url`")?;
    let path = task.checkpoints().join(files::WEIGHTS);
    let mut tell = |progress: Progress| {
        if let Progress::Loaded(done, total) = progress {
            task.progress(done, total.unwrap_or(done), "byte", &[]);
        }
    };
    fetch(&Order { url, sha256, path: &path }, &mut tell)?;
    fs::rename(&path, to).with_context(|| format!("cannot make `{}`", to.display()))
}

/// What is no safetensors file is told from its head: PyTorch's own format is the one that people have.
fn check(path: &Path) -> Result<()> {
    let file = fs::File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    // Sound: the draft is this process's own, and nobody writes to it any more.
    let bytes = unsafe { Mmap::map(&file) }.context("the file is empty")?;
    let Err(error) = SafeTensors::deserialize(&bytes) else { return Ok(()) };
    if bytes.starts_with(b"PK") || bytes.starts_with(&[0x80]) {
        bail!(
            "the file holds a pickle of PyTorch, which is a program, and no safetensors\n\
             hint: in Python, `safetensors.torch.save_file(torch.load(FILE, weights_only=True), \"weights.safetensors\")`"
        )
    }
    Err(anyhow!("the file is no safetensors file: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pickle_is_told_from_a_damaged_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let said = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            check(&path).unwrap_err().to_string()
        };
        assert!(said(b"PK\x03\x04 archive/data.pkl").contains("save_file"));
        assert!(said(&[0x80, 2, 0x8a]).contains("save_file"));
        assert!(said(b"<!DOCTYPE html><html>").starts_with("the file is no safetensors file"));
        let nothing = safetensors::serialize(Vec::<(&str, safetensors::tensor::TensorView)>::new(), None);
        fs::write(&path, nothing.unwrap()).unwrap();
        check(&path).unwrap();
    }
}
