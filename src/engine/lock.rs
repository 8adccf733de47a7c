//! Locks that the kernel releases with their process. They save work; correctness never rests on them.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};

/// Opens a file to lock, making it where it is missing. Such files are never removed: a lock on a removed file
/// excludes nobody.
pub fn open(path: &Path) -> Result<File> {
    let opened = File::options().create(true).append(true).open(path);
    opened.with_context(|| format!("cannot open the lock `{}`", path.display()))
}

/// How a file is to be locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Shared,
    Alone,
}

/// Takes the lock, trying again until it is free or `stop` says so. `waits` is called once if it is not free at once.
/// `false`: stopped.
pub fn take(file: &File, mode: Mode, stop: &dyn Fn() -> bool, waits: &dyn Fn()) -> Result<bool> {
    let mut told = false;
    let mut pause = Duration::from_millis(5);
    loop {
        let tried = match mode {
            Mode::Shared => file.try_lock_shared(),
            Mode::Alone => file.try_lock(),
        };
        match tried {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error).context("cannot take a lock in the store"),
        }
        if stop() {
            return Ok(false);
        }
        if !std::mem::replace(&mut told, true) {
            waits();
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}
