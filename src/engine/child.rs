//! The plumbing of a stage's process: where its job comes from, its events go and its end is announced.

use std::cell::Cell;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{
    Signal, WaitId, WaitIdOptions, getpgrp, getpid, kill_process_group, set_child_subreaper, waitid,
};

use super::event::StageEvent;
use super::job::{Job, PROTOCOL};
use super::store::unwritable;
use super::work::{Tell, Work, carry_out};

/// Progress more often than this is left out: nobody can read it.
const PROGRESS_PAUSE: Duration = Duration::from_millis(50);

/// The whole life of a stage's process, in a program called `program`.
///
/// The job file is the last argument if that ends in `.json`, else a line of stdin, whose end then means: save what can
/// be resumed and exit. Events go to what was stdout, as JSON lines; stdout and stderr then go to the job's log. After
/// an artifact of a kind that is one of `again` the process is ready for another job. The exit code is 0 for an
/// artifact, 1 for a failure and 130 for a stop.
pub fn perform(program: &str, work: Work, again: &[&str]) -> ExitCode {
    let events = match private_stdout() {
        Ok(events) => events,
        Err(_) => return ExitCode::FAILURE,
    };
    let tell = teller(events);
    let orders = match Orders::listen() {
        Ok(orders) => orders,
        Err(error) => {
            tell(&StageEvent::Failed { message: format!("`{program}` cannot read its job: {error}") });
            return ExitCode::FAILURE;
        }
    };
    // What a stage leaves running becomes a child of this process, which then sees it.
    let sees_all = set_child_subreaper(Some(getpid())).is_ok();
    let mut code = ExitCode::SUCCESS;
    // No order is a spare that was not needed.
    while let Some(job_file) = orders.next() {
        let (kind, ending) = one(program, &job_file, work, &orders.stop, &tell);
        tell(&ending);
        code = match ending {
            StageEvent::Committed { .. } => ExitCode::SUCCESS,
            StageEvent::Stopped { .. } => ExitCode::from(130),
            _ => ExitCode::FAILURE,
        };
        let clean = matches!(ending, StageEvent::Committed { .. }) && sees_all && is_childless();
        if !clean || !again.contains(&kind.as_str()) || orders.stop.load(Ordering::Relaxed) {
            break;
        }
        tell(&StageEvent::Ready);
    }
    if orders.orphaned.load(Ordering::Relaxed) && getpgrp() == getpid() {
        // Nobody is left to sweep up what the stage started; this ends it and us.
        let _ = kill_process_group(getpid(), Signal::KILL);
    }
    code
}

/// Does one job; its kind, where it could be read, and how it ended.
fn one(
    program: &str,
    job_file: &Path,
    work: Work,
    stop: &Arc<AtomicBool>,
    tell: &Tell,
) -> (String, StageEvent) {
    match read_job(program, job_file).and_then(|job| prepare(job, stop)) {
        Ok(job) => (job.kind.clone(), carry_out(job, job_file, work, stop, tell)),
        Err(error) => (String::new(), StageEvent::Failed { message: format!("{error:#}") }),
    }
}

/// Whether nothing that the last job started still runs.
fn is_childless() -> bool {
    let any = waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT);
    matches!(any, Err(rustix::io::Errno::CHILD))
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

/// What the engine asks of this process.
struct Orders {
    /// Paths of job files, in order; none after the last.
    files: Receiver<PathBuf>,
    /// Save what can be resumed and exit.
    stop: Arc<AtomicBool>,
    /// The engine is gone.
    orphaned: Arc<AtomicBool>,
}

impl Orders {
    /// The last argument, or else the lines of stdin, whose end stops the stage.
    fn listen() -> io::Result<Orders> {
        let (sender, files) = channel();
        let orders = Orders { files, stop: Arc::default(), orphaned: Arc::default() };
        if let Some(named) = std::env::args_os().skip(1).last().filter(is_json) {
            let _ = sender.send(named.into());
            return Ok(orders);
        }
        let (stop, orphaned) = (orders.stop.clone(), orders.orphaned.clone());
        std::thread::Builder::new().name("lifeline".into()).stack_size(64 * 1024).spawn(move || {
            for line in io::stdin().lock().split(b'\n').map_while(io::Result::ok) {
                let _ = sender.send(OsString::from_vec(line).into());
            }
            orphaned.store(true, Ordering::Relaxed);
            stop.store(true, Ordering::Relaxed);
        })?;
        Ok(orders)
    }

    fn next(&self) -> Option<PathBuf> {
        self.files.recv().ok()
    }
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
    listen_for_signals(stop).context("cannot listen for signals")?;
    let granted = job.threads.to_string();
    if std::env::var("RAYON_NUM_THREADS").ok().as_deref() != Some(&granted) {
        let _ = rayon::ThreadPoolBuilder::new().num_threads(job.threads).build_global();
    }
    Ok(job)
}

/// Once a process: until its first job, a signal ends it.
fn listen_for_signals(stop: &Arc<AtomicBool>) -> io::Result<()> {
    static LISTENS: AtomicBool = AtomicBool::new(false);
    if LISTENS.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    // With a handler, a file that reaches its size limit is an error to report and no death.
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default())?;
    Ok(())
}
