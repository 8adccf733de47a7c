//! `events.jsonl`: every event of a launch, in the launch's folder; the folder is made when something runs. Curves as
//! TensorBoard follows them, too, where they were asked for.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use serde_json::{Value, json};

use crate::engine::{Event, Listener, StageEvent};
use crate::report::{LiveCurves, results};

/// The folder of event files in that of a launch.
pub const TENSORBOARD: &str = "tensorboard";

/// Progress of one stage is written at most so often.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Writes events as they come. A launch that finds everything cached leaves no folder.
pub struct Journal {
    results: PathBuf,
    experiment: String,
    started: SystemTime,
    since: Instant,
    place: Option<(String, PathBuf)>,
    file: Option<BufWriter<File>>,
    /// What came before anything ran.
    waiting: Vec<Value>,
    /// What to do with the folder of curves once there is one.
    announce: Option<fn(&Path)>,
    curves: Option<LiveCurves>,
    progressed: std::collections::HashMap<usize, Instant>,
}

impl Journal {
    pub fn new(results: PathBuf, experiment: &str, started: SystemTime) -> Journal {
        Journal {
            results,
            experiment: experiment.to_string(),
            started,
            since: Instant::now(),
            place: None,
            file: None,
            waiting: Vec::new(),
            announce: None,
            curves: None,
            progressed: std::collections::HashMap::new(),
        }
    }

    /// Writes curves for TensorBoard, too, and calls `announce` with their folder as soon as there is one.
    pub fn with_curves(mut self, announce: fn(&Path)) -> Journal {
        self.announce = Some(announce);
        self
    }

    /// The launch's name and folder, made now if nothing made it before.
    pub fn into_folder(mut self) -> Result<(String, PathBuf)> {
        self.open()?;
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        self.place.ok_or_else(|| anyhow::anyhow!("the launch has no folder"))
    }

    fn open(&mut self) -> Result<()> {
        if self.place.is_some() {
            return Ok(());
        }
        let (name, folder) = results::new_launch(&self.results, &self.experiment, self.started)?;
        let mut file = BufWriter::new(File::create(folder.join("events.jsonl"))?);
        for line in self.waiting.drain(..) {
            writeln!(file, "{line}")?;
        }
        if let Some(announce) = self.announce {
            let curves = folder.join(TENSORBOARD);
            announce(&curves);
            self.curves = Some(LiveCurves::new(curves));
        }
        (self.place, self.file) = (Some((name, folder)), Some(file));
        Ok(())
    }

    /// Whether a stage's progress was written a moment ago.
    fn too_soon(&mut self, event: &Event) -> bool {
        let Event::StageSaid { stage, said: StageEvent::Progress { .. }, .. } = event else { return false };
        let last = self.progressed.get(stage);
        if last.is_some_and(|last| last.elapsed() < PROGRESS_EVERY) {
            return true;
        }
        self.progressed.insert(*stage, Instant::now());
        false
    }

    /// Hands on a stage's figures to whoever follows its curve.
    fn draw(&mut self, event: &Event) -> Result<()> {
        let Event::StageSaid { label, said: StageEvent::Progress { done, figures, .. }, .. } = event else {
            return Ok(());
        };
        self.curves.as_mut().map_or(Ok(()), |curves| curves.append(label, *done, figures))
    }

    fn write(&mut self, line: Value) -> Result<()> {
        match &mut self.file {
            Some(file) => {
                writeln!(file, "{line}")?;
                // Whoever follows the file sees it at once; a killed launch loses nothing.
                file.flush()?;
            }
            None => self.waiting.push(line),
        }
        Ok(())
    }
}

impl Listener for Journal {
    fn hear(&mut self, event: &Event) {
        if matches!(event, Event::StageCached { .. }) || self.too_soon(event) {
            return;
        }
        if let Err(error) = self.draw(event) {
            tracing::warn!("curves are not written: {error:#}");
            self.curves = None;
        }
        let at = self.since.elapsed().as_secs_f64();
        let line = json!({ "at_secs": (at * 1000.0).round() / 1000.0, "event": event });
        let written = match event {
            Event::StageStarted { .. } => self.open().and_then(|()| self.write(line)),
            _ => self.write(line),
        };
        if let Err(error) = written {
            // A full disk must not stop stages that still run; the artifacts say what matters.
            tracing::warn!("events.jsonl is not written: {error:#}");
            self.file = None;
        }
    }
}
