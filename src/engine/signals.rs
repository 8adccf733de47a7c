//! Ctrl-C and its kin, counted while a launch runs; deadly as ever before and after.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

static COUNT: AtomicUsize = AtomicUsize::new(0);
static RUNNING: Mutex<usize> = Mutex::new(0);
static IDLE: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Counts signals for as long as it lives.
pub struct Interrupts {
    before: usize,
}

impl Interrupts {
    pub fn listen() -> Interrupts {
        let idle = IDLE.get_or_init(register);
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        idle.store(false, Ordering::SeqCst);
        Interrupts { before: COUNT.load(Ordering::SeqCst) }
    }

    /// How often the launch was asked to stop.
    pub fn count(&self) -> usize {
        COUNT.load(Ordering::SeqCst) - self.before
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        *running -= 1;
        if *running == 0
            && let Some(idle) = IDLE.get()
        {
            idle.store(true, Ordering::SeqCst);
        }
    }
}

fn register() -> Arc<AtomicBool> {
    let idle = Arc::new(AtomicBool::new(true));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // Where a signal cannot be had, it stays as deadly as it was.
        let _ = signal_hook::flag::register_conditional_default(signal, idle.clone());
        let count = || {
            COUNT.fetch_add(1, Ordering::SeqCst);
        };
        // SAFETY: adding to an atomic is all that the handler does.
        let _ = unsafe { signal_hook::low_level::register(signal, count) };
    }
    idle
}
