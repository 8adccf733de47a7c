//! The plumbing of a stage's process: where its job comes from, its events go and its end is announced.

use std::cell::Cell;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, getpgrp, getpid, kill_process_group};

use super::event::StageEvent;
use super::job::{Job, PROTOCOL};
use super::store::unwritable;
use super::work::{Does, Tell, carry_out};

/// Progress more often than this is left out: nobody can read it.
const PROGRESS_PAUSE: Duration = Duration::from_millis(50);

/// The whole life of a stage's process, in a program called `program`.
///
/// The job file is the last argument if that ends in `.json`, else the first line of stdin, whose end then means:
/// save what can be resumed and exit. Events go to what was stdout, as JSON lines; stdout and stderr then go to the
/// job's log. The exit code is 0 for an artifact, 1 for a failure and 130 for a stop.
pub fn perform(program: &str, does: Does) -> ExitCode {
    let events = match private_stdout() {
        Ok(events) => events,
        Err(_) => return ExitCode::FAILURE,
    };
    let tell = teller(events);
    let stop = Arc::new(AtomicBool::new(false));
    let orphaned = Arc::new(AtomicBool::new(false));
    let job_file = match job_file(&stop, &orphaned) {
        Ok(Some(path)) => path,
        // A spare that was not needed.
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            tell(&StageEvent::Failed { message: format!("`{program}` cannot read its job: {error}") });
            return ExitCode::FAILURE;
        }
    };
    let ending = match read_job(program, &job_file).and_then(|job| prepare(job, &stop)) {
        Ok(job) => carry_out(job, &job_file, does, &stop, &tell),
        Err(error) => StageEvent::Failed { message: format!("{error:#}") },
    };
    tell(&ending);
    if orphaned.load(Ordering::Relaxed) && getpgrp() == getpid() {
        // Nobody is left to sweep up what the stage started; this ends it and us.
        let _ = kill_process_group(getpid(), Signal::KILL);
    }
    match ending {
        StageEvent::Committed { .. } => ExitCode::SUCCESS,
        StageEvent::Stopped { .. } => ExitCode::from(130),
        _ => ExitCode::FAILURE,
    }
}

/// A descriptor for events that neither libraries that print nor programs that are started get hold of.
fn private_stdout() -> io::Result<File> {
    let events: OwnedFd = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(events.into())
}

fn teller(events: File) -> Tell {
    let last_progress = Cell::new(None::<Instant>);
    Rc::new(move |event| {
        if let StageEvent::Progress { done, total, .. } = event {
            let soon = last_progress.get().is_some_and(|last| last.elapsed() < PROGRESS_PAUSE);
            if soon && done != total {
                return;
            }
            last_progress.set(Some(Instant::now()));
        }
        let mut line = serde_json::to_vec(event).expect("an event is text and numbers");
        line.push(b'\n');
        // An engine that is gone hears nothing; the store tells the next one.
        let _ = (&events).write_all(&line);
    })
}

/// The last argument, or the first line of stdin, of which the rest is watched. `None`: stdin ended without one.
fn job_file(stop: &Arc<AtomicBool>, orphaned: &Arc<AtomicBool>) -> io::Result<Option<PathBuf>> {
    let named = std::env::args_os().skip(1).last().filter(is_json);
    if let Some(path) = named {
        return Ok(Some(path.into()));
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let path = line.trim_end_matches('\n');
    if path.is_empty() {
        return Ok(None);
    }
    let (stop, orphaned) = (stop.clone(), orphaned.clone());
    std::thread::Builder::new().name("lifeline".into()).stack_size(64 * 1024).spawn(move || {
        let mut rest = [0; 64];
        while io::stdin().lock().read(&mut rest).is_ok_and(|n| n > 0) {}
        orphaned.store(true, Ordering::Relaxed);
        stop.store(true, Ordering::Relaxed);
    })?;
    Ok(Some(path.into()))
}

fn is_json(argument: &OsString) -> bool {
    Path::new(argument).extension().is_some_and(|extension| extension == "json")
}

fn read_job(program: &str, path: &Path) -> Result<Job> {
    let ours = env!("CARGO_PKG_VERSION");
    let text = std::fs::read(path).with_context(|| format!("cannot read the job `{}`", path.display()))?;
    let told: serde_json::Value = serde_json::from_slice(&text).context("the job is not JSON")?;
    let (protocol, version) = (&told["protocol"], told["version"].as_str().unwrap_or("unknown"));
    if *protocol != PROTOCOL || version != ours {
        bail!(
            "`{program}` {ours} cannot do a job written by version {version}\n\
             hint: install `pipeline` and `pipeline-worker` from one build"
        );
    }
    serde_json::from_value(told).with_context(|| format!("the job `{}` is damaged", path.display()))
}

/// Sends output to the log, listens for signals and holds rayon to the threads granted.
fn prepare(job: Job, stop: &Arc<AtomicBool>) -> Result<Job> {
    let log = File::options().create(true).append(true).open(&job.log);
    let log = log.map_err(|error| unwritable(&job.store, error))?;
    rustix::stdio::dup2_stdout(&log).context("cannot send output to the log")?;
    rustix::stdio::dup2_stderr(&log).context("cannot send output to the log")?;
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, stop.clone()).context("cannot listen for signals")?;
    }
    // With a handler, a file that reaches its size limit is an error to report and no death.
    let ignored = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, ignored)
        .context("cannot listen for signals")?;
    let granted = job.threads.to_string();
    if std::env::var("RAYON_NUM_THREADS").ok().as_deref() != Some(&granted) {
        let _ = rayon::ThreadPoolBuilder::new().num_threads(job.threads).build_global();
    }
    Ok(job)
}
