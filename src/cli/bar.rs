//! How far a verb's own work is, on stderr: a bar on a terminal, a line now and then elsewhere.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::opened::eprint;

/// How long a plain line stays silent.
const PLAIN_EVERY: Duration = Duration::from_secs(15);

pub struct Bar {
    bar: ProgressBar,
    /// When a plain line was last written; `None` on a terminal.
    said: Option<Mutex<Instant>>,
    what: String,
}

impl Bar {
    /// Of `total` things; `template` is indicatif's, and `what` names the things.
    pub fn new(total: Option<u64>, template: &str, what: &str) -> Bar {
        let live = console::user_attended_stderr();
        let target = if live { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(total, target).with_style(style.progress_chars("━╸─"));
        Bar { bar, said: (!live).then(|| Mutex::new(Instant::now())), what: what.to_string() }
    }

    pub fn step(&self) {
        self.bar.inc(1);
        self.tell();
    }

    pub fn set(&self, done: u64, total: Option<u64>) {
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
        self.tell();
    }

    fn tell(&self) {
        // Another thread that is at it already says the same.
        let Some(Ok(mut said)) = self.said.as_ref().map(Mutex::try_lock) else { return };
        if said.elapsed() < PLAIN_EVERY {
            return;
        }
        *said = Instant::now();
        let of = self.bar.length().map_or(String::new(), |total| format!(" of {total}"));
        eprint(&format!("{}{of} {}\n", self.bar.position(), self.what));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
