//! Runs what is stale, side by side, in the order of the graph, as inputs come to be there.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;

use super::attempt::{LOG, clear};
use super::event::{Event, Listener, StageEvent};
use super::graph::Graph;
use super::history::History;
use super::launch::{Launch, Phase, Running};
use super::lock::{self, Mode};
use super::options::{Options, Outcome};
use super::process::{Executor, Happening, Processes};
use super::signals::Interrupts;
use super::stage::StageId;
use super::store::{Look, Store, names_in};

/// How often a launch looks up while nothing happens: for Ctrl-C, and for GPUs that other launches hold.
const LOOK_UP: Duration = Duration::from_millis(100);

/// How many of a log's last lines a failure shows.
const TAIL: usize = 20;

/// Runs whatever is stale and tells `listeners`.
///
/// # Errors
/// When nothing could be started at all: the graph is not valid, a source cannot be read, the store cannot be
/// written. A stage that fails is no error of the launch; the outcome tells.
pub fn run(
    graph: &Graph,
    store: &Store,
    history: &mut History,
    options: &Options,
    listeners: &mut [&mut dyn Listener],
) -> Result<Outcome> {
    let mut processes = Processes::new(options, store.root());
    run_with(graph, store, history, options, listeners, &mut processes)
}

/// [`run`], with stages done by whatever `executor` is.
pub fn run_with(
    graph: &Graph,
    store: &Store,
    history: &mut History,
    options: &Options,
    listeners: &mut [&mut dyn Listener],
    executor: &mut dyn Executor,
) -> Result<Outcome> {
    graph.validate()?;
    let mut launch = Launch::new(graph, store, history, options, listeners);
    let _shared = share(&mut launch)?;
    launch.survey()?;
    if !launch.is_over() {
        store.check_writable()?;
        go(&mut launch, executor, &Interrupts::listen())?;
    }
    store.memory().save();
    launch.finish()
}

/// The lock that keeps `gc` away while the launch lives.
fn share(launch: &mut Launch) -> Result<File> {
    let file = launch.store.lock_file()?;
    if !lock::take(&file, Mode::Shared, &|| true, &|| ())? {
        let message = "`pipeline gc` is at work in the store: waiting for it".to_string();
        launch.tell(&Event::Warning { message });
        lock::take(&file, Mode::Shared, &|| false, &|| ())?;
    }
    Ok(file)
}

fn go(launch: &mut Launch, executor: &mut dyn Executor, interrupts: &Interrupts) -> Result<()> {
    let mut killed = false;
    while !launch.is_over() {
        executor.expect_workers(launch.workers_ahead > 0 && !launch.halted);
        launch.start_what_fits(executor)?;
        if let Some((id, happening)) = executor.next(LOOK_UP) {
            match happening {
                Happening::Said(event) => said(launch, id, event),
                Happening::Ended(how) => ended(launch, id, how)?,
            }
        }
        let asked = interrupts.count();
        let halted = launch.options.halt.load(Ordering::Relaxed);
        if (asked >= 1 || halted) && !launch.stopping {
            launch.stopping = true;
            launch.halted = true;
            executor.stop();
        }
        if asked >= 2 && !killed {
            killed = true;
            executor.kill();
        }
    }
    executor.expect_workers(false);
    sweep(launch);
    Ok(())
}

/// Removes the folders of attempts at keys that are done, and empty ones that others left.
fn sweep(launch: &Launch) {
    for key in &launch.done {
        clear(&launch.store.work(key));
    }
    let folder = launch.store.root().join("work");
    for name in names_in(&folder).iter().filter(|name| !name.starts_with('.')) {
        // One that holds something stays. Those with a dot are at work for a verb.
        let _ = std::fs::remove_dir(folder.join(name));
    }
}

fn said(launch: &mut Launch, id: StageId, event: StageEvent) {
    let Some(running) = launch.running.get_mut(&id) else { return };
    if let StageEvent::Committed { .. } | StageEvent::Stopped { .. } | StageEvent::Failed { .. } = event {
        running.ending = Some(event);
        return;
    }
    let label = launch.graph.stages[id].label.clone();
    launch.tell(&Event::StageSaid { stage: id, label, said: event });
}

/// A stage's process is gone: what the store holds counts more than what was said.
fn ended(launch: &mut Launch, id: StageId, how: Option<String>) -> Result<()> {
    let Some(mut running) = launch.running.remove(&id) else { return Ok(()) };
    launch.keys_running.remove(&running.resolved.key);
    if let Some(grant) = running.grant.take() {
        launch.devices.give_back(grant);
    }
    let kind = launch.graph.stages[id].kind;
    match running.ending.take() {
        Some(StageEvent::Committed { found, .. }) => made(launch, id, running, found),
        Some(StageEvent::Failed { message }) => failed(launch, id, running, message),
        Some(StageEvent::Stopped { saved_at }) if launch.stopping => stopped(launch, id, running, saved_at),
        Some(StageEvent::Stopped { .. }) => {
            failed(launch, id, running, "was told to stop by someone else than this launch".to_string());
        }
        _ if matches!(launch.store.look(kind, &running.resolved.key), Look::Whole(_)) => {
            made(launch, id, running, false);
        }
        _ if launch.stopping => stopped(launch, id, running, None),
        _ => {
            let message = how.unwrap_or_else(|| "its process ended without a word".to_string());
            failed(launch, id, running, message);
        }
    }
    launch.history.save()
}

fn made(launch: &mut Launch, id: StageId, running: Running, found: bool) {
    let Running { resolved, attempt, replaced, .. } = running;
    drop(attempt);
    let _ = replaced.map(std::fs::remove_dir_all);
    launch.done.push(resolved.key.clone());
    launch.made(id, &resolved, found);
}

fn stopped(launch: &mut Launch, id: StageId, running: Running, saved_at: Option<u64>) {
    put_back(launch, id, &running);
    launch.note(id, &running.resolved.key, 0.0, false);
    launch.stopped(id, saved_at);
}

fn failed(launch: &mut Launch, id: StageId, running: Running, message: String) {
    put_back(launch, id, &running);
    launch.note(id, &running.resolved.key, 0.0, false);
    let log = running.attempt.folder.join(LOG);
    let will_retry = running.number <= launch.options.retries && !launch.halted;
    let event = Event::StageFailed {
        stage: id,
        label: launch.graph.stages[id].label.clone(),
        attempt: running.number,
        will_retry,
        message: message.clone(),
        log_tail: tail(&log),
        log: log.display().to_string(),
    };
    if !will_retry {
        return launch.fail(id, message, Some(event));
    }
    launch.tell(&event);
    let Running { resolved, attempt, .. } = running;
    drop(attempt);
    launch.make_ready(id, resolved, super::why::Reason::Unfinished);
}

/// A forced stage that came to nothing leaves what was there.
fn put_back(launch: &Launch, id: StageId, running: &Running) {
    if let Some(replaced) = &running.replaced {
        let place = launch.store.place(launch.graph.stages[id].kind, &running.resolved.key);
        let _ = std::fs::rename(replaced, place);
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> Vec<String> {
    const ENOUGH: u64 = 16 * 1024;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(ENOUGH)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].iter().map(|line| line.to_string()).collect()
}

impl Launch<'_, '_> {
    /// Starts ready stages in the order of the graph for as long as there is room.
    pub fn start_what_fits(&mut self, executor: &mut dyn Executor) -> Result<()> {
        let mut devices_free = true;
        while !self.halted && self.running.len() < self.options.jobs.max(1) {
            let plain = self.ready[0].first().copied();
            let cuda = self.ready[1].first().copied().filter(|_| devices_free);
            let Some(id) = [plain, cuda].into_iter().flatten().min() else { break };
            let threads = self.graph.stages[id].needs.threads.clamp(1, self.options.threads.max(1));
            let busy: usize = self.running.values().map(|running| running.threads).sum();
            if busy > 0 && busy + threads > self.options.threads {
                break;
            }
            let mut grant = None;
            if self.graph.stages[id].needs.cuda && !self.options.devices.is_empty() {
                grant = self.devices.grant()?;
                devices_free = grant.is_some();
                if !devices_free {
                    continue;
                }
            }
            for ready in &mut self.ready {
                ready.remove(&id);
            }
            let Phase::Ready { resolved, reason } = std::mem::replace(&mut self.phases[id], Phase::Running)
            else {
                continue;
            };
            // Put back for the count of what lies ahead.
            self.phases[id] = Phase::Waiting;
            self.start(id, resolved, reason, threads, grant, executor);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
