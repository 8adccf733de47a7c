//! Folders of launches: `results/<experiment>/<launch>/`, with `latest` pointing at the last.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};

use super::launch::{FILE, Launch};
use crate::engine::rfc3339;

const LATEST: &str = "latest";

/// Makes the folder of a new launch; its name sorts after those of earlier ones.
///
/// Two launches in one second get `20260314-092653` and `20260314-092653-2`.
pub fn new_launch(results: &Path, experiment: &str, started: SystemTime) -> Result<(String, PathBuf)> {
    let parent = results.join(experiment);
    std::fs::create_dir_all(&parent).with_context(|| format!("cannot make `{}`", parent.display()))?;
    let stamp = stamp(started);
    for turn in 1u32.. {
        let name = if turn == 1 { stamp.clone() } else { format!("{stamp}-{turn}") };
        let folder = parent.join(&name);
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok((name, folder)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot make `{}`", folder.display()));
            }
        }
    }
    Err(anyhow!("no name is left for a launch in `{}`", parent.display()))
}

/// `20260314-092653`, UTC: sorts by time.
fn stamp(time: SystemTime) -> String {
    let digits: String = rfc3339(time).chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, second) = digits.split_at(8);
    format!("{day}-{second}")
}

/// Points `latest` at a launch; who reads meanwhile finds the old one or the new one.
pub fn point_latest(results: &Path, experiment: &str, launch: &str) -> Result<()> {
    let parent = results.join(experiment);
    let draft = parent.join(format!(".{LATEST}.{}", std::process::id()));
    // Left by a process of the same number that was killed here.
    let _ = std::fs::remove_file(&draft);
    let linked = std::os::unix::fs::symlink(launch, &draft);
    let renamed = linked.and_then(|()| std::fs::rename(&draft, parent.join(LATEST)));
    renamed.with_context(|| format!("cannot point `{}` at `{launch}`", parent.join(LATEST).display()))
}

/// Names of an experiment's launches, oldest first; none for an experiment that never ran.
pub fn launches(results: &Path, experiment: &str) -> Result<Vec<String>> {
    let parent = results.join(experiment);
    let mut names = folders_in(&parent)?;
    names.retain(|name| parent.join(name).join(FILE).is_file());
    names.sort_by_key(|name| order(name));
    Ok(names)
}

/// Names of the experiments that have results, in alphabetical order.
pub fn experiments(results: &Path) -> Result<Vec<String>> {
    let mut names = folders_in(results)?;
    names.sort();
    Ok(names)
}

/// The launch that `latest` points at, else the newest.
pub fn latest(results: &Path, experiment: &str) -> Result<Option<Launch>> {
    let pointed = results.join(experiment).join(LATEST);
    if pointed.join(FILE).is_file() {
        return Launch::read(&pointed).map(Some);
    }
    let newest = launches(results, experiment)?.pop();
    newest.map(|name| Launch::read(&results.join(experiment).join(name))).transpose()
}

/// Every launch of every experiment. One that cannot be read is an error, since what it refers to is not known.
pub fn every_launch(results: &Path) -> Result<Vec<Launch>> {
    let mut all = Vec::new();
    for experiment in experiments(results)? {
        for name in launches(results, &experiment)? {
            all.push(Launch::read(&results.join(&experiment).join(name))?);
        }
    }
    Ok(all)
}

/// The launch that a person means by `verdict` (its latest), `verdict/20260314-092653`, the experiment's file, or a
/// launch's folder.
pub fn find(results: &Path, named: &str) -> Result<Launch> {
    let path = Path::new(named);
    let stem = path.extension().is_some_and(|end| end == "toml").then(|| path.file_stem()).flatten();
    let experiment = stem.and_then(|stem| stem.to_str()).unwrap_or(named.trim_end_matches('/'));
    if let Some((experiment, name)) = experiment.split_once('/')
        && results.join(experiment).join(name).join(FILE).is_file()
    {
        return Launch::read(&results.join(experiment).join(name));
    }
    if path.join(FILE).is_file() {
        return Launch::read(path);
    }
    let plain = !experiment.is_empty() && !experiment.contains('/') && !experiment.starts_with('.');
    let found = if plain { latest(results, experiment)? } else { None };
    found.ok_or_else(|| unknown(results, named))
}

fn unknown(results: &Path, named: &str) -> anyhow::Error {
    let known = experiments(results).unwrap_or_default();
    let hint = match known.as_slice() {
        [] => "nothing has run yet: `pipeline run FILE`".to_string(),
        names => format!("there are results of {}", quoted(names)),
    };
    anyhow!("no results of `{named}`\nhint: {hint}")
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The stamp, then the turn within its second as a number, so that `-10` follows `-9`.
fn order(name: &str) -> (String, u32) {
    let mut parts = name.splitn(3, '-');
    let stamp: Vec<&str> = parts.by_ref().take(2).collect();
    (stamp.join("-"), parts.next().and_then(|turn| turn.parse().ok()).unwrap_or(1))
}

/// Names of the folders in `parent`, links and hidden ones left out; none where there is no such folder.
fn folders_in(parent: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot list `{}`", parent.display())),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list `{}`", parent.display()))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !name.starts_with('.') && entry.file_type()?.is_dir() {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::super::fixture::Fixture;
    use super::*;

    fn launch(results: &Path, second: u64) -> String {
        let started = UNIX_EPOCH + Duration::from_secs(1_773_480_413 + second);
        let (name, folder) = new_launch(results, "verdict", started).unwrap();
        Launch { launch: name.clone(), ..Fixture::sets(&[]).launch }.write(&folder).unwrap();
        name
    }

    #[test]
    fn launches_of_one_second_get_names_of_their_own_in_order() {
        let results = tempfile::tempdir().unwrap();
        let names: Vec<String> =
            (0..11).map(|_| launch(results.path(), 0)).chain([launch(results.path(), 1)]).collect();
        assert_eq!(names[..2], ["20260314-092653", "20260314-092653-2"]);
        assert_eq!(launches(results.path(), "verdict").unwrap(), names);
    }

    #[test]
    fn latest_follows_the_link_and_without_one_the_newest_folder() {
        let results = tempfile::tempdir().unwrap();
        assert!(latest(results.path(), "verdict").unwrap().is_none());
        let (first, second) = (launch(results.path(), 0), launch(results.path(), 9));
        assert_eq!(latest(results.path(), "verdict").unwrap().unwrap().launch, second);
        point_latest(results.path(), "verdict", &first).unwrap();
        assert_eq!(latest(results.path(), "verdict").unwrap().unwrap().launch, first);
        point_latest(results.path(), "verdict", &second).unwrap();
        assert_eq!(latest(results.path(), "verdict").unwrap().unwrap().launch, second);
        assert_eq!(launches(results.path(), "verdict").unwrap(), [first, second]);
    }

    #[test]
    fn a_launch_is_found_by_experiment_file_folder_and_name() {
        let results = tempfile::tempdir().unwrap();
        let (first, second) = (launch(results.path(), 0), launch(results.path(), 9));
        let find = |named: &str| find(results.path(), named).map(|launch| launch.launch);
        assert_eq!(find("verdict").unwrap(), second);
        assert_eq!(find("experiments/verdict.toml").unwrap(), second);
        assert_eq!(find(&format!("verdict/{first}")).unwrap(), first);
        assert_eq!(find(results.path().join("verdict").join(&first).to_str().unwrap()).unwrap(), first);
        let message = find("verdikt").unwrap_err().to_string();
        assert_eq!(message, "no results of `verdikt`\nhint: there are results of `verdict`");
    }

    #[test]
    fn a_launch_that_cannot_be_read_is_no_launch_without_references() {
        let results = tempfile::tempdir().unwrap();
        let name = launch(results.path(), 0);
        assert_eq!(every_launch(results.path()).unwrap().len(), 1);
        std::fs::write(results.path().join("verdict").join(name).join(FILE), "{").unwrap();
        assert!(every_launch(results.path()).is_err());
    }
}
