//! What each stage of an experiment was keyed when it last ran, so that a plan can say what changed since.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::index::ends_in_line_end;
use super::store::{Store, unwritable};

/// The last that is known of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Last {
    pub label: String,
    pub name: String,
    pub kind: String,
    pub key: String,
    /// How long it took to make.
    pub took_secs: f64,
    /// Whether the artifact was made; else the last attempt failed or was stopped.
    pub made: bool,
}

/// JSON lines, of which the last for a label holds. Two launches may write at once.
pub struct History {
    path: PathBuf,
    stages: Option<HashMap<String, Last>>,
    fresh: String,
}

impl History {
    /// Nothing is read before it is needed.
    pub fn open(store: &Store, experiment: &str) -> History {
        let path = store.root().join("results").join(experiment).join("history.jsonl");
        History { path, stages: None, fresh: String::new() }
    }

    /// The last that is known of the stage with this label.
    pub fn last(&mut self, label: &str) -> Option<&Last> {
        self.stages().get(label)
    }

    /// The keys of every stage as it was last made or tried.
    pub fn keys(&mut self) -> Vec<String> {
        self.stages().values().map(|last| last.key.clone()).collect()
    }

    /// Stages called `name` that were made.
    pub fn made_of_name(&mut self, name: &str) -> Vec<Last> {
        let stages = self.stages().values();
        stages.filter(|last| last.made && last.name == name).cloned().collect()
    }

    /// Keys of stages called `name` that were made.
    pub fn keys_of_name(&mut self, name: &str) -> Vec<String> {
        let stages = self.stages().values();
        stages.filter(|last| last.made && last.name == name).map(|last| last.key.clone()).collect()
    }

    /// Notes a stage; an attempt that failed does not hide one that was made.
    pub fn note(&mut self, last: Last) {
        let stages = self.stages();
        let known = stages.get(&last.label);
        let hides = !last.made && known.is_some_and(|known| known.made);
        let same = known.is_some_and(|known| known.key == last.key && known.made == last.made);
        if hides || same {
            return;
        }
        let line = serde_json::to_string(&last).expect("text and numbers");
        stages.insert(last.label.clone(), last);
        self.fresh.push_str(&line);
        self.fresh.push('\n');
    }

    /// Writes what is new.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&mut self) -> Result<()> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        let append = || -> std::io::Result<()> {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut file = OpenOptions::new().append(true).read(true).create(true).open(&self.path)?;
            file.lock()?;
            if !ends_in_line_end(&file)? {
                file.write_all(b"\n")?;
            }
            file.write_all(self.fresh.as_bytes())
        };
        append().map_err(|error| unwritable(&self.path, error))?;
        self.fresh.clear();
        Ok(())
    }

    fn stages(&mut self) -> &mut HashMap<String, Last> {
        let path = &self.path;
        self.stages.get_or_insert_with(|| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let mut count = 0;
            let mut stages = HashMap::new();
            for last in text.lines().filter_map(|line| serde_json::from_str::<Last>(line).ok()) {
                count += 1;
                stages.insert(last.label.clone(), last);
            }
            if count > 4 * stages.len() + 1000 {
                let _ = rewrite(path, &stages);
            }
            stages
        })
    }
}

fn rewrite(path: &PathBuf, stages: &HashMap<String, Last>) -> std::io::Result<()> {
    let lock = fs::File::open(path)?;
    lock.lock()?;
    let mut kept: Vec<&Last> = stages.values().collect();
    kept.sort_by(|a, b| a.label.cmp(&b.label));
    let mut text = String::new();
    for last in kept {
        text.push_str(&serde_json::to_string(last)?);
        text.push('\n');
    }
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(label: &str, key: &str, made: bool) -> Last {
        let text = |text: &str| text.to_string();
        Last { label: text(label), name: text("n"), kind: text("k"), key: text(key), took_secs: 1.0, made }
    }

    #[test]
    fn the_last_note_of_a_label_is_found_by_the_next_launch() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for (key, torn) in [("one", true), ("two", false)] {
            let mut history = History::open(&store, "birds");
            history.note(last("photos", key, true));
            history.save().unwrap();
            if torn {
                let mut file = OpenOptions::new().append(true).open(&history.path).unwrap();
                file.write_all(b"{\"label\":\"phot").unwrap();
            }
        }
        assert_eq!(History::open(&store, "birds").last("photos").unwrap().key, "two");
        assert!(History::open(&store, "planes").last("photos").is_none());
    }

    #[test]
    fn a_failed_attempt_does_not_hide_what_was_made() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut history = History::open(&store, "birds");
        history.note(last("photos", "first", false));
        assert_eq!(history.last("photos").unwrap().key, "first");
        history.note(last("photos", "made", true));
        history.note(last("photos", "failed", false));
        assert_eq!(history.last("photos").unwrap().key, "made");
    }
}
