//! Curves as they come: what running stages say, appended to an event file each, so that TensorBoard shows them while a
//! launch goes on. At its end the stages' own curves take their place.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::event::Event;
use super::{event_file, folder_name, record};

/// Event files below a folder, one for each stage that said a figure.
pub struct LiveCurves {
    folder: PathBuf,
    files: HashMap<String, File>,
}

impl LiveCurves {
    pub fn new(folder: PathBuf) -> LiveCurves {
        LiveCurves { folder, files: HashMap::new() }
    }

    /// Appends what the stage of this label said at a step; `figures` as a stage names them (`loss`, `valid_accuracy`).
    ///
    /// # Errors
    /// The file cannot be made, or not be written to.
    pub fn append(&mut self, label: &str, step: u64, figures: &BTreeMap<String, f64>) -> Result<()> {
        if figures.is_empty() {
            return Ok(());
        }
        let failed = || format!("cannot write to `{}`", self.folder.display());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let mut bytes = Vec::new();
        if !self.files.contains_key(label) {
            let folder = self.folder.join(folder_name(label));
            fs::create_dir_all(&folder).with_context(failed)?;
            let file = File::create(folder.join(event_file(now))).with_context(failed)?;
            self.files.insert(label.to_string(), file);
            bytes.extend(record::record(&Event::version(now).encode()));
        }
        for (name, value) in figures {
            let event = Event::scalar(now, step as i64, tag(name).to_string(), *value);
            bytes.extend(record::record(&event.encode()));
        }
        // Whole records in one write: a reader that follows the file never sees half of a step.
        let file = self.files.get_mut(label).with_context(failed)?;
        file.write_all(&bytes).with_context(failed)
    }
}

/// As the columns of a finished curve are called, so that the two are one curve.
fn tag(figure: &str) -> &str {
    match figure {
        "loss" => "loss/train",
        "accuracy" => "accuracy/train",
        "valid_accuracy" => "accuracy/valid",
        other => other,
    }
}
