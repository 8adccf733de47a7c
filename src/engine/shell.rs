//! Runs a command line inside a stage's process, so that it ends when the stage is stopped or dies.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use super::process::signal_name;
use super::task::{Stopped, Task};

/// How long a program that was asked to end may take.
const GRACE: Duration = Duration::from_secs(2);

/// Runs `line` by `sh -c` in the folder `cwd`; its output goes to the stage's log.
///
/// # Errors
/// When it does not exit with 0, or [`Stopped`] when the stage was asked to stop meanwhile.
pub fn run_program(line: &str, cwd: &Path, task: &Task) -> Result<()> {
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).current_dir(cwd).stdin(Stdio::null());
    // SAFETY: the closure makes one system call and touches no memory that another thread may hold.
    unsafe {
        command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
    }
    let mut child = command.spawn().with_context(|| format!("cannot run `sh` in `{}`", cwd.display()))?;
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for the program")? {
            return verdict(status, task);
        }
        if task.should_stop() {
            end(&mut child);
            return Err(Stopped { saved_at: None }.into());
        }
        sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_millis(50));
    }
}

fn verdict(status: ExitStatus, task: &Task) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    if task.should_stop() {
        return Err(Stopped { saved_at: None }.into());
    }
    Err(match (status.code(), status.signal()) {
        (Some(127), _) => anyhow!("the command was not found (exit code 127)\nhint: its log names it"),
        (Some(code), _) => anyhow!("the command ended with exit code {code}"),
        (None, signal) => anyhow!("the command was {}", signal_name(signal.unwrap_or(0))),
    })
}

/// Asks the program to end, and makes it after a while.
fn end(child: &mut Child) {
    let asked = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let _ = asked.map(|pid| kill_process(pid, Signal::TERM));
    let began = Instant::now();
    while began.elapsed() < GRACE {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
}
