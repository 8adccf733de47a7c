//! The meter that a stage's process brings along: a thread looks at the readings while the stage works.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

use super::figure::Energy;
use super::kernel::Kernel;
use super::model::Assumptions;
use super::nvml;
use super::readings::{Readings, Subject};
use super::trace::Trace;
use crate::engine::{Device, Job, Keep, Meter, Metering, Spent};

/// How often the readings are looked at and written down.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often a GPU's power is read where it has no counter: as often as it is said to change.
const SAMPLING: Duration = Duration::from_millis(100);

/// Meters the process that it is in.
#[derive(Clone, Debug, Default)]
pub struct ProcessMeter {
    kernel: Kernel,
    /// Counted once: a process may do many short stages.
    hardware_threads: OnceCell<usize>,
}

impl ProcessMeter {
    /// With other folders than `/proc` and `/sys`.
    pub fn reading(kernel: Kernel) -> ProcessMeter {
        ProcessMeter { kernel, hardware_threads: OnceCell::new() }
    }
}

impl Meter for ProcessMeter {
    fn begin(&self, job: &Job, trace: &Path, keep: Keep) -> Box<dyn Metering> {
        let assumptions: Assumptions = serde_json::from_value(job.metering.clone()).unwrap_or_default();
        let gpu = match job.device {
            Device::Cpu => None,
            Device::Cuda(index) => Some(nvml::open(index)),
        };
        let hardware_threads = *self.hardware_threads.get_or_init(|| self.kernel.hardware_threads());
        let (kernel, threads) = (self.kernel.clone(), job.threads);
        let subject = Subject { kernel, assumptions, hardware_threads, threads, gpu };
        Box::new(Running::start(Readings::begin(subject), Trace::new(trace), keep))
    }

    fn sum(&self, attempts: Vec<Value>) -> Value {
        let read = |value: Value| serde_json::from_value::<Energy>(value).ok();
        let all: Option<Vec<Energy>> = attempts.into_iter().map(read).collect();
        let sum = all.and_then(|all| {
            all.into_iter().reduce(|mut sum, next| {
                sum.add(&next);
                sum
            })
        });
        sum.map_or(Value::Null, |energy| as_value(&energy))
    }
}

fn as_value(energy: &Energy) -> Value {
    serde_json::to_value(energy).expect("figures are numbers and text")
}

struct Running {
    shared: Arc<Shared>,
    /// Gives the processor seconds that looking took.
    thread: Option<JoinHandle<f64>>,
}

struct Shared {
    over: Mutex<bool>,
    wake: Condvar,
    readings: Mutex<Readings>,
}

impl Running {
    fn start(readings: Readings, trace: Trace, keep: Keep) -> Running {
        let shared = Arc::new(Shared {
            over: Mutex::new(false),
            wake: Condvar::new(),
            readings: Mutex::new(readings),
        });
        let thread = std::thread::Builder::new().name("meter".into()).stack_size(256 * 1024);
        let seen = shared.clone();
        // Without a thread the edges are still read.
        Running { shared, thread: thread.spawn(move || watch(&seen, trace, &keep)).ok() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks until the stage is over; tells and writes down what it saw once an interval.
fn watch(shared: &Shared, mut trace: Trace, keep: &Keep) -> f64 {
    let pause = if lock(&shared.readings).needs_sampling() { SAMPLING } else { INTERVAL };
    let mut told = Instant::now();
    loop {
        let over = lock(&shared.over);
        let (over, _) = shared
            .wake
            .wait_timeout_while(over, pause, |over| !*over)
            .unwrap_or_else(PoisonError::into_inner);
        if *over {
            return thread_secs();
        }
        drop(over);
        let mut readings = lock(&shared.readings);
        readings.look();
        if told.elapsed() + pause / 2 < INTERVAL {
            continue;
        }
        told = Instant::now();
        trace.add(&readings.sample());
        let so_far = readings.energy_so_far();
        drop(readings);
        keep(as_value(&so_far));
    }
}

fn thread_secs() -> f64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

impl Metering for Running {
    fn end(mut self: Box<Self>, used: &Spent) -> Value {
        // The edge first: what the thread still does belongs to nobody.
        let mut readings = lock(&self.shared.readings);
        readings.look();
        let mut energy = readings.energy(used.cpu_secs, used.took_secs);
        drop(readings);
        energy.sampling_cpu_secs = self.stop();
        as_value(&energy)
    }
}

impl Running {
    fn stop(&mut self) -> Option<f64> {
        *lock(&self.shared.over) = true;
        self.shared.wake.notify_all();
        self.thread.take()?.join().ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
#[path = "meter_tests.rs"]
mod tests;
