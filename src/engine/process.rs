//! Processes that do stages: started, listened to, asked to stop, killed. One spare waits warm for a tensor stage.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

use super::attempt::Attempt;
use super::event::StageEvent;
use super::job::Job;
use super::options::Options;
use super::stage::{Program, StageId};

/// What does stages: processes, or in tests something quicker.
pub trait Executor {
    /// Begins a stage.
    ///
    /// # Errors
    /// When its process cannot be started.
    fn start(&mut self, id: StageId, program: Program, job: &Job, attempt: &Attempt) -> Result<()>;
    /// What happens next, if it happens within `wait`.
    fn next(&mut self, wait: Duration) -> Option<(StageId, Happening)>;
    /// Asks every stage to save what can be resumed and end.
    fn stop(&mut self);
    /// Ends every stage at once.
    fn kill(&mut self);
    /// Whether stages of [`Program::Worker`] lie ahead, so that a spare is worth its memory.
    fn expect_workers(&mut self, ahead: bool);
}

#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    Said(StageEvent),
    /// The process is done with the stage, or gone; `None` if all is well, else how it ended, as a person reads it.
    Ended(Option<String>),
}

/// Stages in processes of their own.
pub struct Processes<'a> {
    options: &'a Options,
    spares: std::path::PathBuf,
    live: HashMap<u64, Live>,
    spare: Option<u64>,
    /// Processes that have done a stage and wait for another.
    ready: Vec<u64>,
    /// A spare could not be started, or died waiting: the next one would, too.
    spares_fail: bool,
    next_token: u64,
    sender: Sender<(u64, Heard)>,
    receiver: Receiver<(u64, Heard)>,
}

struct Live {
    child: Child,
    /// Open for as long as the stage is to go on.
    lifeline: Option<ChildStdin>,
    /// `None` for one that waits.
    stage: Option<StageId>,
    threads: Option<usize>,
}

enum Heard {
    Said(StageEvent),
    /// The process ended and has yet to be reaped.
    Ended,
}

impl<'a> Processes<'a> {
    /// `store`: where the log of a spare that has no job yet goes.
    pub fn new(options: &'a Options, store: &Path) -> Processes<'a> {
        let (sender, receiver) = channel();
        let spares = store.join("work/spare.log");
        Processes {
            options,
            spares,
            live: HashMap::new(),
            spare: None,
            ready: Vec::new(),
            spares_fail: false,
            next_token: 0,
            sender,
            receiver,
        }
    }

    fn spawn(&mut self, program: Program, log: &Path, threads: Option<usize>) -> Result<u64> {
        let (path, arguments) = match program {
            Program::Own => (&self.options.own_program, self.options.own_arguments.as_slice()),
            Program::Worker => (&self.options.worker_program, &[] as &[String]),
        };
        let log =
            File::options().create(true).append(true).open(log).context("cannot open the stage's log")?;
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).process_group(0);
        if let Some(threads) = threads {
            command.env("RAYON_NUM_THREADS", threads.to_string());
        }
        let mut child = command.spawn().with_context(|| missing(path, program))?;
        let token = self.next_token;
        self.next_token += 1;
        let (events, pid) = (child.stdout.take().expect("stdout is a pipe"), pid(&child));
        let sender = self.sender.clone();
        let listen = move || {
            for line in BufReader::new(events).split(b'\n').map_while(Result::ok) {
                // Whatever else a library prints before the process has taken its stdout away is no event.
                if let Ok(event) = serde_json::from_slice(&line) {
                    let _ = sender.send((token, Heard::Said(event)));
                }
            }
            // Left to be reaped by the engine, so that its number cannot be another's when the group is swept.
            while waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
                .is_err_and(is_interrupted)
            {}
            let _ = sender.send((token, Heard::Ended));
        };
        let thread = std::thread::Builder::new().name("events".into()).stack_size(128 * 1024);
        thread.spawn(listen).context("cannot start a thread")?;
        let lifeline = child.stdin.take();
        self.live.insert(token, Live { child, lifeline, stage: None, threads });
        Ok(token)
    }

    /// Gives a process its job; `false` if it is there no more.
    fn assign(&mut self, token: u64, id: StageId, attempt: &Attempt) -> bool {
        let Some(live) = self.live.get_mut(&token) else { return false };
        let mut line = attempt.job_file().into_os_string().into_encoded_bytes();
        line.push(b'\n');
        let told = live.lifeline.as_mut().is_some_and(|lifeline| lifeline.write_all(&line).is_ok());
        if told {
            live.stage = Some(id);
        }
        told
    }

    /// A process that waits for a job and was started for so many threads.
    fn take_ready(&mut self, threads: usize) -> Option<u64> {
        let fits = |token: &u64| self.live.get(token).is_some_and(|live| live.threads == Some(threads));
        let at = self.ready.iter().rposition(fits)?;
        Some(self.ready.swap_remove(at))
    }

    /// Sweeps what the process started, and reaps it.
    fn bury(&mut self, token: u64) -> Option<(StageId, Happening)> {
        let mut live = self.live.remove(&token)?;
        self.ready.retain(|waits| *waits != token);
        if self.spare == Some(token) {
            self.spare = None;
            self.spares_fail = true;
        }
        let _ = kill_process_group(pid(&live.child), Signal::KILL);
        drop(live.lifeline.take());
        let status = live.child.wait();
        let stage = live.stage?;
        let how = match status {
            Ok(status) => how_it_ended(status),
            Err(error) => Some(format!("lost: {error}")),
        };
        Some((stage, Happening::Ended(how)))
    }

    fn drop_spare(&mut self) {
        // It reads the end of its stdin as: not needed.
        if let Some(live) = self.spare.take().and_then(|token| self.live.get_mut(&token)) {
            live.lifeline = None;
            let _ = kill_process_group(pid(&live.child), Signal::KILL);
        }
    }
}

impl Executor for Processes<'_> {
    fn start(&mut self, id: StageId, program: Program, job: &Job, attempt: &Attempt) -> Result<()> {
        let waits = match program {
            Program::Worker => self.spare.take(),
            Program::Own => self.take_ready(job.threads),
        };
        if waits.is_some_and(|token| self.assign(token, id, attempt)) {
            return Ok(());
        }
        let token = self.spawn(program, &job.log, Some(job.threads))?;
        // One that died already is heard of as ended, so the stage is its own all the same.
        if !self.assign(token, id, attempt)
            && let Some(live) = self.live.get_mut(&token)
        {
            live.stage = Some(id);
        }
        Ok(())
    }

    fn next(&mut self, wait: Duration) -> Option<(StageId, Happening)> {
        let (token, heard) = self.receiver.recv_timeout(wait).ok()?;
        match heard {
            Heard::Said(StageEvent::Ready) => {
                let stage = self.live.get_mut(&token)?.stage.take()?;
                self.ready.push(token);
                Some((stage, Happening::Ended(None)))
            }
            Heard::Said(event) => Some((self.live.get(&token)?.stage?, Happening::Said(event))),
            Heard::Ended => self.bury(token),
        }
    }

    fn stop(&mut self) {
        self.drop_spare();
        for live in self.live.values_mut() {
            live.lifeline = None;
            let _ = kill_process(pid(&live.child), Signal::TERM);
        }
    }

    fn kill(&mut self) {
        for live in self.live.values() {
            let _ = kill_process_group(pid(&live.child), Signal::KILL);
        }
    }

    fn expect_workers(&mut self, ahead: bool) {
        if !ahead {
            self.drop_spare();
        } else if self.spare.is_none() && !self.spares_fail {
            // Without a spare the next stage starts its own process, and says what is wrong if that fails too.
            let log = self.spares.clone();
            self.spare = self.spawn(Program::Worker, &log, None).ok();
            self.spares_fail = self.spare.is_none();
        }
    }
}

impl Drop for Processes<'_> {
    /// No process outlives its launch.
    fn drop(&mut self) {
        self.kill();
        for live in self.live.values_mut() {
            live.lifeline = None;
            let _ = live.child.wait();
        }
        let _ = std::fs::metadata(&self.spares).map(|log| {
            if log.len() == 0 {
                let _ = std::fs::remove_file(&self.spares);
            }
        });
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn is_interrupted(error: rustix::io::Errno) -> bool {
    error == rustix::io::Errno::INTR
}

fn missing(path: &Path, program: Program) -> String {
    let hint = match program {
        Program::Own => "",
        Program::Worker => "\nhint: `cargo build --workspace` or `make install` puts it beside `pipeline`",
    };
    format!("cannot start `{}`{hint}", path.display())
}

fn how_it_ended(status: ExitStatus) -> Option<String> {
    if status.success() {
        return None;
    }
    Some(match status.signal() {
        Some(signal) => signal_name(signal),
        None => format!("ended with exit code {}", status.code().unwrap_or(-1)),
    })
}

/// What a deadly signal means, as a person reads it.
pub fn signal_name(signal: i32) -> String {
    match signal {
        4 => "killed by SIGILL (4): it was built for another processor, perhaps".to_string(),
        6 => "aborted (SIGABRT)".to_string(),
        7 => "killed by SIGBUS (7): a file that it had mapped shrank, or the disk is full".to_string(),
        8 => "killed by SIGFPE (8)".to_string(),
        9 => "killed by SIGKILL (9): often the kernel's out-of-memory killer".to_string(),
        11 => "killed by SIGSEGV (11): it crashed".to_string(),
        15 => "killed by SIGTERM (15)".to_string(),
        24 => "killed by SIGXCPU (24): its limit of processor time is used up".to_string(),
        25 => "killed by SIGXFSZ (25): a file reached its size limit".to_string(),
        other => format!("killed by signal {other}"),
    }
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
