//! `pipeline stage`, hidden: one stage that needs no tensors, in a process of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::energy::ProcessMeter;
use crate::engine::Task;
use crate::engine::work::Work;
use crate::{augment, data, engine, select};

/// Does the stage whose job the engine hands over.
pub fn stage() -> ExitCode {
    // A command works in processes of its own, so that this one holds nothing of it afterwards.
    let work = Work { does: &dispatch, meter: &ProcessMeter::default() };
    engine::work::perform("pipeline", work, &["command"])
}

fn dispatch(task: &Task) -> Result<()> {
    match task.job.kind.as_str() {
        "subset" => data::subset(task),
        "augment" => augment::augment(task),
        "weights" => data::weights(task),
        "select" => select::select(task),
        "command" => command(task),
        other => {
            bail!("`{other}` is no stage of this program: `pipeline-worker` does those that need tensors")
        }
    }
}

/// Runs the command line by `sh -c` in the project's folder.
fn command(task: &Task) -> Result<()> {
    let out = task.content("");
    let keyed = task.job.pre_image["parameters"]["run"].as_str().context("the job holds no command line")?;
    let mut line = keyed.replace("{out}", &shell_path(&out, &task.job.root));
    for (role, input) in &task.job.inputs {
        let folder = task.measured("inputs").join(role);
        link_files(&folder, input.files.iter().map(|(name, file)| (name.as_str(), file.path.as_path())))?;
        line = line.replace(&format!("{{{role}}}"), &shell_path(&folder, &task.job.root));
    }
    task.started(None);
    engine::work::run_program(&line, &task.job.root, task)?;
    let wrote =
        fs::read_dir(&out).with_context(|| format!("cannot read `{}`", out.display()))?.next().is_some();
    if !wrote {
        bail!(
            "the command wrote nothing into `{{out}}`\nhint: it must leave its results in the folder that `{{out}}` stands for"
        );
    }
    Ok(())
}

/// A folder of links, so that a command sees what a stage made and what it passes on in one place. It stays beside the
/// artifact: to make it costs little, to remove it slows whatever is made next.
fn link_files<'a>(folder: &Path, files: impl Iterator<Item = (&'a str, &'a Path)>) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    for (name, path) in files {
        let link = folder.join(name);
        let parent = link.parent().context("an input file has no folder")?;
        fs::create_dir_all(parent).with_context(|| format!("cannot make `{}`", parent.display()))?;
        let target = fs::canonicalize(path).with_context(|| format!("cannot find `{}`", path.display()))?;
        symlink(target, &link).with_context(|| format!("cannot make `{}`", link.display()))?;
    }
    Ok(())
}

/// A path as the shell reads it: from the project's folder where it lies below, with what the shell would take for
/// syntax escaped.
fn shell_path(path: &Path, root: &Path) -> String {
    let text = path.strip_prefix(root).unwrap_or(path).to_string_lossy().trim_end_matches('/').to_string();
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+=:,@%".contains(letter);
    text.chars().fold(String::new(), |mut escaped, letter| {
        if !plain(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_the_project_are_relative_and_special_letters_escaped() {
        let root = Path::new("/home/me/my birds");
        assert_eq!(shell_path(&root.join("artifacts/work/1"), root), "artifacts/work/1");
        assert_eq!(shell_path(Path::new("/tmp/a b;c"), root), r"/tmp/a\ b\;c");
    }
}
