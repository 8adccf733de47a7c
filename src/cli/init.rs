//! `pipeline init`: a pipeline.toml and a first experiment that runs in a minute or two without any data.

use std::fs;
use std::path::Path;

use super::failure::Failure;
use super::say::say;

const PROJECT: &str = include_str!("init/pipeline.toml");
const FIRST: &str = include_str!("init/first.toml");
const IGNORE: &str = "/artifacts/\n/data/\n";

/// Writes the files; none that exists is touched.
pub fn init(folder: &Path) -> Result<(), Failure> {
    let files = [("pipeline.toml", PROJECT), ("experiments/first.toml", FIRST), (".gitignore", IGNORE)];
    if folder.join("pipeline.toml").exists() {
        let message =
            format!("`{}` is there already: nothing was written", folder.join("pipeline.toml").display());
        return Err(Failure::usage(format!(
            "{message}\nhint: `pipeline list` shows the project's experiments"
        )));
    }
    for (name, text) in files {
        let path = folder.join(name);
        if path.exists() {
            say!("kept    {}", path.display());
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| cannot_write(parent, &error))?;
        }
        fs::write(&path, text).map_err(|error| cannot_write(&path, &error))?;
        say!("written {}", path.display());
    }
    let go = if folder == Path::new(".") { String::new() } else { format!("cd {} && ", folder.display()) };
    say!("\nnext: {go}pipeline run experiments/first.toml");
    Ok(())
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::environment(format!("cannot write `{}`: {error}", path.display()))
}
