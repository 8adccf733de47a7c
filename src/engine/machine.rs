//! What a receipt tells of the machine, and the processor time used. Never part of a key or a digest.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// Host, system and what the processor can do.
pub fn facts() -> BTreeMap<String, Value> {
    let system = rustix::system::uname();
    let text = |text: &std::ffi::CStr| Value::from(text.to_string_lossy().into_owned());
    BTreeMap::from([
        ("host".to_string(), text(system.nodename())),
        ("system".to_string(), text(system.release())),
        ("processor".to_string(), json!(capability())),
    ])
}

/// Linux counts in hundredths of a second here, whatever its own tick.
const TICKS_A_SECOND: f64 = 100.0;

/// Processor seconds of this process, to the nanosecond, and of the processes that it started, also of those that still
/// run, to a hundredth.
pub fn cpu_secs() -> f64 {
    let own = clock_gettime(ClockId::ProcessCPUTime);
    let waited_for = ticks(Path::new("/proc/self"), CHILDREN);
    own.tv_sec as f64 + own.tv_nsec as f64 / 1e9 + (waited_for + descendants()) / TICKS_A_SECOND
}

/// Fields of `/proc/<pid>/stat` after the name: utime, stime, and those of children that were waited for.
const OWN_AND_CHILDREN: (usize, usize) = (11, 4);
const CHILDREN: (usize, usize) = (13, 2);

fn ticks(process: &Path, (first, count): (usize, usize)) -> f64 {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    // The second field is the program's name in brackets, and may hold anything.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_whitespace().skip(first).take(count).filter_map(|field| field.parse::<f64>().ok()).sum()
}

/// Ticks of every process below this one that still runs, or waits to be reaped.
fn descendants() -> f64 {
    let mut sum = 0.0;
    let mut open = vec![PathBuf::from("/proc/self")];
    while let Some(process) = open.pop() {
        for child in children(&process) {
            sum += ticks(&child, OWN_AND_CHILDREN);
            open.push(child);
        }
    }
    sum
}

/// None where the kernel keeps no list of them.
fn children(process: &Path) -> Vec<PathBuf> {
    let threads = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let below = |list: String| -> Vec<PathBuf> {
        list.split_whitespace().map(|pid| Path::new("/proc").join(pid)).collect()
    };
    lists.flat_map(below).collect()
}

/// The vector extensions that numerical libraries choose their code by.
#[cfg(target_arch = "x86_64")]
fn capability() -> Vec<&'static str> {
    use std::arch::is_x86_feature_detected as has;
    let known = [
        ("avx2", has!("avx2")),
        ("fma", has!("fma")),
        ("avx512f", has!("avx512f")),
        ("avx512bw", has!("avx512bw")),
        ("avx512vnni", has!("avx512vnni")),
        ("avx512bf16", has!("avx512bf16")),
    ];
    known.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn capability() -> Vec<&'static str> {
    vec![std::env::consts::ARCH]
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn what_a_program_uses_is_counted_while_it_runs_and_once_when_it_has_ended() {
        let before = cpu_secs();
        let mut busy = Command::new("sh").args(["-c", "sh -c 'while :; do :; done' & wait"]).spawn().unwrap();
        let began = Instant::now();
        let mut seen = 0.0;
        while seen < 0.2 && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(20));
            seen = cpu_secs() - before;
        }
        let running = children(&Path::new("/proc").join(busy.id().to_string()));
        for process in &running {
            let pid = process.file_name().unwrap().to_string_lossy().into_owned();
            Command::new("kill").arg(pid).status().unwrap();
        }
        busy.wait().unwrap();
        assert!(seen >= 0.2, "{seen} s seen while it ran");
        let after = cpu_secs() - before;
        assert!((0.2..20.0).contains(&after), "{after} s");
    }
}
