//! Processes of stages that are killed in their middle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Project;

/// Where a stage that goes step by step saves what it goes on from, below its attempt.
const CHECKPOINTS: [&str; 3] =
    ["training.safetensors", "distillation.safetensors", "decoder/distillation.safetensors"];

/// Folders of attempts, each in its key's folder.
pub fn attempts(project: &Project) -> Vec<PathBuf> {
    let folders = |path: &Path| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    folders(&project.path("artifacts/work")).iter().flat_map(|key| folders(key)).collect()
}

/// Attempts that have saved something: the folder of each, by the key's folder.
fn saved(project: &Project) -> BTreeMap<PathBuf, PathBuf> {
    let has_saved =
        |attempt: &Path| CHECKPOINTS.iter().any(|file| attempt.join("checkpoints").join(file).exists());
    let saved = attempts(project).into_iter().filter(|attempt| has_saved(attempt));
    saved.map(|attempt| (attempt.parent().unwrap().to_path_buf(), attempt)).collect()
}

/// The process among the engine's children that holds a file of the attempt open.
pub fn process_at(engine: &Child, attempt: &Path) -> Option<String> {
    let listed = Command::new("pgrep").args(["-P", &engine.id().to_string()]).output().unwrap();
    let children = String::from_utf8(listed.stdout).unwrap();
    let holds = |child: &&str| {
        let open = fs::read_dir(format!("/proc/{child}/fd")).into_iter().flatten().flatten();
        open.filter_map(|fd| fs::read_link(fd.path()).ok()).any(|path| path.starts_with(attempt))
    };
    children.lines().find(holds).map(str::to_string)
}

/// Kills each stage's process with SIGKILL once it has saved something, but for those of `killed`, by their keys' folders.
pub fn kill_each_once(project: &Project, engine: &mut Child, killed: &mut BTreeSet<PathBuf>) {
    let start = Instant::now();
    while engine.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(300), "the launch does not end");
        for (key, attempt) in saved(project) {
            if killed.contains(&key) {
                continue;
            }
            if let Some(process) = process_at(engine, &attempt) {
                assert!(Command::new("kill").args(["-9", &process]).status().unwrap().success());
                killed.insert(key);
            }
        }
        sleep(Duration::from_millis(10));
    }
}
