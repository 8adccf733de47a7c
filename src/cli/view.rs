//! A launch as a person watches it: one live line a running stage on a terminal, plain lines elsewhere; on stderr.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::time::{Duration, Instant};

use console::style;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::{Event, Listener, StageEvent, StageId};

/// How long a plain line stays silent about a stage that goes on.
const PLAIN_EVERY: Duration = Duration::from_secs(15);

/// How long plain lines stay silent about the launch as a whole.
const SUMMED_EVERY: Duration = Duration::from_secs(60);

/// Letters of a stage's bar.
const BAR: usize = 16;

/// Letters of a label that are never taken away.
const LABEL: usize = 14;

/// Draws a launch. Bars are hidden where stderr is no terminal.
pub struct View {
    live: bool,
    bars: MultiProgress,
    total: ProgressBar,
    running: HashMap<StageId, Running>,
    tally: Tally,
}

struct Running {
    bar: ProgressBar,
    started: Instant,
    /// Progress when work began, so that a resumed stage's time left is not underestimated.
    begun: Option<(u64, Instant)>,
    said: Instant,
}

#[derive(Default)]
struct Tally {
    stages: usize,
    done: usize,
}

impl View {
    pub fn new() -> View {
        let live = console::user_attended_stderr();
        let target = if live { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        let total = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        View { live, bars, total, running: HashMap::new(), tally: Tally::default() }
    }

    /// Whether stderr is a terminal.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// How often it is worth to say something of the whole launch.
    pub fn tells_every(&self) -> Duration {
        if self.live { Duration::from_secs(1) } else { SUMMED_EVERY }
    }

    /// Shows what is said of the whole launch: below the stages on a terminal, else as a line.
    pub fn teller(&self) -> impl Fn(String) + Send + 'static {
        let (live, total) = (self.live, self.total.clone());
        move |text: String| match live {
            true => total.set_message(text),
            false if text.is_empty() => {}
            false => _ = writeln!(std::io::stderr(), "{text}"),
        }
    }

    fn line(&self, text: String) {
        if self.live {
            // What a vanished terminal cannot show is no failure of the launch.
            let _ = self.bars.println(text);
        } else {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    fn counted(&self) -> String {
        let width = self.tally.stages.to_string().len();
        style(format!("[{:>width$}/{}]", self.tally.done, self.tally.stages)).dim().to_string()
    }

    fn launch_started(&mut self, stages: usize, cached: usize, jobs: usize) {
        self.tally = Tally { stages, done: cached };
        if cached == stages {
            return;
        }
        let at_a_time =
            if jobs == 1 { "one at a time".to_string() } else { format!("up to {jobs} at a time") };
        let noun = if stages == 1 { "stage" } else { "stages" };
        self.line(format!("{stages} {noun}, {cached} cached; {at_a_time}"));
        if self.live {
            let look =
                ProgressStyle::with_template("{bar:20.cyan/dim} {pos}/{len} stages, {elapsed}  {wide_msg}");
            let look = look.unwrap_or_else(|_| ProgressStyle::default_bar());
            self.total.set_style(look.progress_chars("━╸─"));
            self.total.set_length(stages as u64);
            self.total = self.bars.add(self.total.clone());
            self.total.set_position(cached as u64);
            self.total.enable_steady_tick(Duration::from_secs(1));
        }
    }

    fn stage_started(&mut self, stage: StageId, label: &str, attempt: u32, reason: &str) {
        let bar = ProgressBar::new_spinner().with_style(spinner()).with_message(label.to_string());
        if self.live {
            let bar = self.bars.insert_before(&self.total, bar.clone());
            bar.enable_steady_tick(Duration::from_millis(125));
        } else {
            let again = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
            self.line(format!("{} {label} starts ({reason}{again})", self.counted()));
        }
        let now = Instant::now();
        self.running.insert(stage, Running { bar, started: now, begun: None, said: now });
    }

    fn progressed(
        &mut self,
        stage: StageId,
        label: &str,
        at: (u64, u64),
        unit: &str,
        figures: &BTreeMap<String, f64>,
    ) {
        let Some(running) = self.running.get_mut(&stage) else { return };
        let (done, total) = at;
        let (from, since) = *running.begun.get_or_insert((done, Instant::now()));
        let left = time_left(done.saturating_sub(from), total.saturating_sub(done), since.elapsed());
        let figures = figures_of(figures);
        if self.live {
            if running.bar.length() != Some(total) {
                running.bar.set_length(total);
                running.bar.set_style(steps());
            }
            running.bar.set_position(done);
            let steps = format!("{total}/{total} {unit}s");
            running.bar.set_prefix(format!("{unit}s"));
            let columns = usize::from(console::Term::stderr().size().1);
            let room = columns.saturating_sub(BAR + steps.len() + 6);
            running.bar.set_message(fitted(label, &left, &figures, room));
        } else if running.said.elapsed() >= PLAIN_EVERY {
            running.said = Instant::now();
            self.line(format!("{} {label} {unit} {done}/{total} {figures} {left}", self.counted()));
        }
    }

    fn ended(&mut self, stage: StageId, counts: bool) -> Option<Duration> {
        let running = self.running.remove(&stage)?;
        running.bar.finish_and_clear();
        self.bars.remove(&running.bar);
        if counts {
            self.tally.done += 1;
            self.total.inc(1);
        }
        Some(running.started.elapsed())
    }

    fn failed(&self, label: &str, will_retry: bool, message: &str, tail: &[String], log: &str) {
        let word =
            if will_retry { style("failed, tries again").yellow() } else { style("failed").red().bold() };
        self.line(format!("{} {label} {word}: {message}", self.counted()));
        if !tail.is_empty() && !will_retry {
            let lines: Vec<String> = tail.iter().map(|line| format!("      {}", style(line).dim())).collect();
            self.line(format!("    the last lines of its log ({log}):\n{}", lines.join("\n")));
        }
    }

    fn quarantined(&self, label: &str, key: &str, reason: &str) {
        let (word, key) = (style("damaged").yellow(), short(key));
        self.line(format!("{} {label} {word}: {reason}; {key} is set aside and made again", self.counted()));
    }

    fn said(&mut self, stage: StageId, label: &str, said: &StageEvent) {
        match said {
            StageEvent::Progress { done, total, unit, figures } => {
                self.progressed(stage, label, (*done, *total), unit, figures);
            }
            StageEvent::Started { resumed_at: Some(step), .. } => {
                self.line(format!("{} {label} goes on at step {step}", self.counted()));
            }
            StageEvent::WaitsForOther => {
                self.line(format!(
                    "{} {label} waits: another process makes the same artifact",
                    self.counted()
                ));
            }
            StageEvent::Warning { message } => {
                self.line(format!("{} {label} {}: {message}", self.counted(), style("warning").yellow()));
            }
            _ => {}
        }
    }
}

impl Default for View {
    fn default() -> View {
        View::new()
    }
}

impl Listener for View {
    fn hear(&mut self, event: &Event) {
        match event {
            Event::LaunchStarted { stages, cached, jobs } => self.launch_started(*stages, *cached, *jobs),
            Event::StageCached { .. } => {}
            Event::StageStarted { stage, label, attempt, reason, .. } => {
                self.stage_started(*stage, label, *attempt, reason);
            }
            Event::StageSaid { stage, label, said } => self.said(*stage, label, said),
            Event::StageFinished { stage, label, found, took_secs, .. } => {
                self.ended(*stage, true);
                let how = if *found { "found".to_string() } else { seconds(*took_secs) };
                self.line(format!("{} {label} {} {how}", self.counted(), style("done").green()));
            }
            Event::StageFailed { stage, label, will_retry, message, log_tail, log, .. } => {
                self.ended(*stage, false);
                self.failed(label, *will_retry, message, log_tail, log);
            }
            Event::StageStopped { stage, label, saved_at } => {
                self.ended(*stage, false);
                let saved =
                    saved_at.map_or("nothing to resume from".into(), |step| format!("saved at step {step}"));
                self.line(format!("{} {label} stopped: {saved}", self.counted()));
            }
            Event::StageBlocked { label, by, .. } => {
                self.line(format!("{} {label} not started: it needs {by}, which failed", self.counted()));
            }
            Event::Quarantined { label, key, reason, .. } => self.quarantined(label, key, reason),
            Event::Warning { message } => self.line(format!("{}: {message}", style("warning").yellow())),
            Event::LaunchFinished { .. } => {
                self.total.finish_and_clear();
                let _ = self.bars.clear();
            }
        }
    }
}

fn short(key: &str) -> &str {
    key.get(..12).unwrap_or(key)
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("  {spinner:.cyan} {elapsed:.dim} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn steps() -> ProgressStyle {
    let look = ProgressStyle::with_template(&format!(
        "  {{bar:{BAR}.cyan/dim}} {{pos}}/{{len}} {{prefix}}  {{wide_msg}}"
    ));
    look.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
}

/// A stage's label, its time left and its figures in `room` letters: the label gives way first, in its middle, where
/// labels differ least; what still is too long is cut off at the end.
fn fitted(label: &str, left: &str, figures: &str, room: usize) -> String {
    let parts: Vec<&str> = [left, figures].into_iter().filter(|part| !part.is_empty()).collect();
    let others = parts.join("  ");
    let label = shortened(label, room.saturating_sub(others.chars().count() + 2).max(room / 3).max(LABEL));
    if others.is_empty() { label } else { format!("{label}  {others}") }
}

/// At most `most` letters: more of the end than of the start, since axes stand there.
fn shortened(text: &str, most: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= most {
        return text.to_string();
    }
    let start = (most - 1) / 3;
    let end = letters.len() - (most - 1 - start);
    letters[..start].iter().chain(&['…']).chain(&letters[end..]).collect()
}

/// Accuracies first, as far as the line reaches.
fn figures_of(figures: &BTreeMap<String, f64>) -> String {
    let (accuracies, others): (Vec<_>, Vec<_>) =
        figures.iter().partition(|(name, _)| name.contains("accuracy"));
    let shown = accuracies.into_iter().rev().chain(others).map(|(name, value)| {
        let name = name.replace('_', " ");
        if name.contains("accuracy") {
            format!("{name} {:.1} %", 100.0 * value)
        } else {
            format!("{name} {value:.4}")
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn time_left(done: u64, left: u64, elapsed: Duration) -> String {
    if done == 0 || elapsed < Duration::from_secs(1) {
        return String::new();
    }
    format!("{} left", seconds(elapsed.as_secs_f64() / done as f64 * left as f64))
}

/// A length of time as a person says it: `0.4 s`, `12 s`, `3 min 20 s`, `1 h 05 min`.
pub fn seconds(secs: f64) -> String {
    let whole = secs.round() as u64;
    match whole {
        _ if secs < 9.95 => format!("{secs:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_a_person_says_them() {
        let said = [0.04, 9.96, 59.4, 200.0, 3900.0].map(seconds);
        assert_eq!(said, ["0.0 s", "10 s", "59 s", "3 min 20 s", "1 h 05 min"]);
    }

    #[test]
    fn accuracies_are_shown_as_percent_and_other_figures_plainly() {
        let figures = BTreeMap::from([("loss".to_string(), 1.25), ("valid_accuracy".to_string(), 0.5)]);
        assert_eq!(figures_of(&figures), "valid accuracy 50.0 %, loss 1.2500");
    }

    #[test]
    fn a_label_gives_way_to_the_time_left_and_the_figures() {
        let of = |room| fitted("net[network=ultralight, seed=1]", "20 s left", "accuracy 50.0 %", room);
        assert_eq!(of(60), "net[network=ultralight, seed=1]  20 s left  accuracy 50.0 %");
        assert_eq!(of(46), "net[n…ght, seed=1]  20 s left  accuracy 50.0 %");
        let long = fitted("net[network=ultralight, seed=1]", "", &"x".repeat(99), 60);
        assert!(long.starts_with("net[ne…ight, seed=1]  xx"), "{long}");
        assert_eq!(of(10), "net[…, seed=1]  20 s left  accuracy 50.0 %");
        assert_eq!(fitted("a", "", "", 4), "a");
    }

    #[test]
    fn no_time_left_is_claimed_before_a_second_has_passed() {
        assert_eq!(time_left(5, 5, Duration::from_millis(900)), "");
        assert_eq!(time_left(5, 10, Duration::from_secs(10)), "20 s left");
    }
}
