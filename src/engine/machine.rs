//! What a receipt tells of the machine, and the processor time used. Never part of a key or a digest.

use std::collections::BTreeMap;
use std::fs;

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

/// Processor seconds of this process, to the nanosecond, and of the children that it waited for, to a hundredth.
pub fn cpu_secs() -> f64 {
    let own = clock_gettime(ClockId::ProcessCPUTime);
    own.tv_sec as f64 + own.tv_nsec as f64 / 1e9 + children_secs()
}

fn children_secs() -> f64 {
    // Linux counts in hundredths of a second here, whatever its own tick.
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in brackets, and may hold anything; cutime is the 16th, cstime the 17th.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_A_SECOND
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
