//! What Linux tells of the processor: threads, time that was used, memory, temperature, model.

use std::fs;
use std::path::{Path, PathBuf};

/// Linux counts in hundredths of a second here, whatever its own tick.
const TICKS_A_SECOND: f64 = 100.0;

/// `/proc` and `/sys`, or in tests folders like them.
#[derive(Clone, Debug)]
pub struct Kernel {
    proc: PathBuf,
    sys: PathBuf,
}

impl Default for Kernel {
    fn default() -> Kernel {
        Kernel { proc: PathBuf::from("/proc"), sys: PathBuf::from("/sys") }
    }
}

impl Kernel {
    pub fn at(proc: &Path, sys: &Path) -> Kernel {
        Kernel { proc: proc.to_path_buf(), sys: sys.to_path_buf() }
    }

    /// Where the processor's counters of energy are, if there are any.
    pub fn powercap(&self) -> PathBuf {
        self.sys.join("class/powercap")
    }

    /// Hardware threads of the machine that are on, also those that this process may not use.
    pub fn hardware_threads(&self) -> usize {
        let stat = fs::read_to_string(self.proc.join("stat")).unwrap_or_default();
        let count = stat.lines().filter(|line| is_thread(line)).count();
        if count > 0 { count } else { std::thread::available_parallelism().map_or(1, usize::from) }
    }

    /// Processor seconds that anybody used since the machine started; `None` where it cannot be read.
    pub fn busy_secs(&self) -> Option<f64> {
        let stat = fs::read_to_string(self.proc.join("stat")).ok()?;
        let line = stat.lines().find(|line| line.starts_with("cpu "))?;
        let ticks: Vec<f64> =
            line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
        // user, nice, system, idle, iowait, irq, softirq, steal; the guests' time after them is in user already.
        let [user, nice, system, _, _, irq, softirq, ..] = ticks[..] else { return None };
        Some((user + nice + system + irq + softirq) / TICKS_A_SECOND)
    }

    /// Bytes of this process's memory that are in RAM.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(self.proc.join("self/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib * 1024)
    }

    /// The processor's temperature in °C, where a sensor says that it is the processor's.
    pub fn temperature(&self) -> Option<f64> {
        let zones = fs::read_dir(self.sys.join("class/thermal")).ok()?.flatten();
        let is_processor = |zone: &PathBuf| {
            let kind = fs::read_to_string(zone.join("type")).unwrap_or_default();
            ["x86_pkg_temp", "k10temp", "cpu-thermal", "cpu_thermal"].contains(&kind.trim())
        };
        let zone = zones.map(|zone| zone.path()).find(is_processor)?;
        let millis: f64 = fs::read_to_string(zone.join("temp")).ok()?.trim().parse().ok()?;
        Some(millis / 1000.0)
    }

    /// What the processor calls itself.
    pub fn processor_model(&self) -> Option<String> {
        let text = fs::read_to_string(self.proc.join("cpuinfo")).ok()?;
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_string())
    }
}

fn is_thread(line: &str) -> bool {
    line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_used_by_anybody_leaves_out_idle_waiting_and_what_a_hypervisor_took() {
        let folder = tempfile::tempdir().unwrap();
        let stat = "cpu  100 10 50 9000 400 5 5 700 30 0\ncpu0 50 5 25 4500 200 0 0 0 0 0\ncpu1 50 5 25 4500 200 0 0 0 0 0\nintr 1\n";
        fs::write(folder.path().join("stat"), stat).unwrap();
        let kernel = Kernel::at(folder.path(), folder.path());
        assert_eq!((kernel.busy_secs(), kernel.hardware_threads()), (Some(1.7), 2));
    }

    #[test]
    fn what_cannot_be_read_is_unknown_and_not_0() {
        let kernel = Kernel::at(Path::new("/nowhere"), Path::new("/nowhere"));
        assert_eq!((kernel.busy_secs(), kernel.resident_bytes(), kernel.temperature()), (None, None, None));
        assert!(kernel.hardware_threads() >= 1);
    }

    #[test]
    fn this_machine_is_understood() {
        let kernel = Kernel::default();
        assert!(kernel.busy_secs().unwrap() > 0.0 && kernel.resident_bytes().unwrap() > 0);
    }
}
