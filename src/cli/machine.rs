//! The machine as results depend on it: libtorch, CUDA, threads, bf16. Asks the worker once and remembers.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::gpus::{self, Visible};
use crate::energy::nvml;
use crate::recipe::{DeviceChoice, Machine};

/// What `pipeline-worker --describe` prints: one line of JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerFacts {
    /// The worker's own version.
    pub version: String,
    /// libtorch's version: `2.11.0`.
    pub libtorch: String,
    /// What libtorch dispatches on: `AVX2`, `AVX512`, ...
    #[serde(default)]
    pub capability: String,
    #[serde(default)]
    pub cuda: CudaFacts,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CudaFacts {
    pub available: bool,
    /// Why it is not.
    #[serde(default)]
    pub reason: Option<String>,
    /// GPUs of the machine.
    #[serde(default)]
    pub devices: usize,
    /// Those that this launch may use, as `nvidia-smi` counts.
    #[serde(skip)]
    pub indices: Vec<usize>,
    #[serde(skip)]
    pub visible: Visible,
}

/// Why the worker cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum WorkerTrouble {
    #[error(
        "the program `pipeline-worker` is not beside `{}`: stages that need tensors cannot run\n\
         hint: `make install` installs both programs; `cargo build --release --workspace` builds both",
        .0.display()
    )]
    Missing(PathBuf),
    #[error("`{} --describe` failed: {reason}\nhint: `make run` sets libtorch up again where it is missing", path.display())]
    Fails { path: PathBuf, reason: String },
    #[error("`{}` is version {theirs}, this program {ours}\nhint: build both with `cargo build --release --workspace`", path.display())]
    OtherVersion { path: PathBuf, theirs: String, ours: &'static str },
}

/// Where the worker is: `PIPELINE_WORKER`, or beside this program.
pub fn worker_program() -> Result<PathBuf, WorkerTrouble> {
    if let Some(named) = std::env::var_os("PIPELINE_WORKER") {
        let path = PathBuf::from(named);
        return if path.is_file() { Ok(path) } else { Err(WorkerTrouble::Missing(path)) };
    }
    let own = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("pipeline"));
    let beside = own.with_file_name("pipeline-worker");
    if beside.is_file() { Ok(beside) } else { Err(WorkerTrouble::Missing(own)) }
}

/// The worker's facts, and the GPUs among them that this launch may use.
pub fn worker_facts() -> Result<WorkerFacts, WorkerTrouble> {
    let facts = facts_of_the_machine()?;
    let visible = std::env::var(gpus::VISIBLE).ok();
    Ok(WorkerFacts { cuda: facts.cuda.narrowed(visible.as_deref(), nvml::index_of), ..facts })
}

/// Remembered for as long as program, NVIDIA driver and GPUs stay the same: asking takes the quarter of a second that libtorch
/// needs to load.
fn facts_of_the_machine() -> Result<WorkerFacts, WorkerTrouble> {
    let program = worker_program()?;
    let mark = mark_of(&program);
    let memory = memory_of(&program);
    let known = memory.as_ref().and_then(|memory| std::fs::read(memory).ok());
    let known = known.and_then(|bytes| serde_json::from_slice::<Remembered>(&bytes).ok());
    if let Some(Remembered { facts, .. }) = known.filter(|known| known.mark == mark) {
        return Ok(facts);
    }
    let facts = ask(&program)?;
    if let Some(memory) = memory {
        let remembered = Remembered { mark, facts: facts.clone() };
        // A memory that cannot be kept costs time, not correctness.
        let _ = memory.parent().map(std::fs::create_dir_all);
        let _ = std::fs::write(memory, serde_json::to_vec(&remembered).unwrap_or_default());
    }
    Ok(facts)
}

/// A file of the user's cache folder for each place of the worker.
fn memory_of(program: &Path) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let name: String =
        program.to_string_lossy().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    Some(cache.join("pipeline").join(format!("worker{name}.json")))
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    mark: String,
    facts: WorkerFacts,
}

fn mark_of(program: &Path) -> String {
    let stat = |m: Metadata| format!("{}:{}:{}:{}:{}", m.dev(), m.ino(), m.len(), m.mtime(), m.mtime_nsec());
    let file = std::fs::metadata(program).map(stat).unwrap_or_default();
    let gpus = std::fs::read_dir("/proc/driver/nvidia/gpus").map_or(0, Iterator::count);
    format!("{} {file} {} {gpus}", program.display(), driver_version().unwrap_or_default())
}

fn ask(program: &Path) -> Result<WorkerFacts, WorkerTrouble> {
    let fails = |reason: String| WorkerTrouble::Fails { path: program.to_path_buf(), reason };
    let output =
        Command::new(program).arg("--describe").env_remove(gpus::VISIBLE).stdin(Stdio::null()).output();
    let output = output.map_err(|error| fails(error.to_string()))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(fails(format!("{}: {}", output.status, complaint.trim())));
    }
    let facts: WorkerFacts =
        serde_json::from_slice(&output.stdout).map_err(|error| fails(error.to_string()))?;
    let ours = env!("CARGO_PKG_VERSION");
    if facts.version != ours {
        return Err(WorkerTrouble::OtherVersion { path: program.to_path_buf(), theirs: facts.version, ours });
    }
    Ok(facts)
}

/// The NVIDIA driver's version line, where there is a driver.
pub fn driver_version() -> Option<String> {
    let text = std::fs::read_to_string("/proc/driver/nvidia/version").ok()?;
    text.lines().next().map(str::to_string)
}

/// Settles the device; `cuda` without CUDA is an error with its reason, never a silent run on the CPU.
pub fn settle(choice: DeviceChoice, torch_threads: usize, facts: &WorkerFacts) -> Result<Machine, String> {
    let cuda = match choice {
        DeviceChoice::Cpu => false,
        DeviceChoice::Auto if facts.cuda.visible == Visible::Unclear => {
            let reason = facts.cuda.reason.clone().unwrap_or_default();
            return Err(format!("{reason}\nhint: {}; `--set device=cpu` runs on the processor", gpus::HINT));
        }
        DeviceChoice::Auto => facts.cuda.available,
        DeviceChoice::Cuda if facts.cuda.available => true,
        DeviceChoice::Cuda => {
            let reason = facts.cuda.reason.clone().unwrap_or_else(|| "no reason was given".into());
            return Err(format!(
                "`device = \"cuda\"`, but CUDA is not available: {reason}\n\
                 hint: `pipeline doctor` says more; `--set device=cpu` runs on the processor"
            ));
        }
    };
    let mut parts = facts.libtorch.split('.');
    let libtorch = [parts.next().unwrap_or("0"), parts.next().unwrap_or("0")].join(".");
    // Every GPU that libtorch 2.11 serves multiplies bf16; few processors do.
    let bf16 = cuda || bf16_unit().is_some();
    Ok(Machine { cuda, deterministic: false, torch_threads, libtorch, bf16 })
}

/// The unit with which the processor multiplies bf16 faster than fp32: AMX tiles (CPUID leaf 7: EDX bits 22 and 24), or
/// AVX-512's bf16 products (measured on an AMD EPYC: a step of VGG16-BN takes half the time).
#[cfg(target_arch = "x86_64")]
pub fn bf16_unit() -> Option<&'static str> {
    let (bf16, tile) = (1 << 22, 1 << 24);
    let flags = std::arch::x86_64::__cpuid_count(7, 0).edx;
    if flags & bf16 != 0 && flags & tile != 0 {
        return Some("AMX");
    }
    std::arch::is_x86_feature_detected!("avx512bf16").then_some("AVX-512 bf16")
}

#[cfg(not(target_arch = "x86_64"))]
pub fn bf16_unit() -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(available: bool) -> WorkerFacts {
        let reason = (!available).then(|| "no NVIDIA driver".to_string());
        let cuda = CudaFacts { available, reason, devices: usize::from(available), ..CudaFacts::default() };
        WorkerFacts { libtorch: "2.11.0".into(), cuda, ..WorkerFacts::default() }
    }

    #[test]
    fn cuda_without_cuda_is_an_error_with_its_reason() {
        let error = settle(DeviceChoice::Cuda, 1, &facts(false)).expect_err("no CUDA here");
        assert!(error.contains("no NVIDIA driver") && error.contains("hint:"), "{error}");
    }

    #[test]
    fn auto_takes_cuda_only_where_it_is() {
        assert!(settle(DeviceChoice::Auto, 1, &facts(true)).expect("settles").cuda);
        assert!(!settle(DeviceChoice::Auto, 1, &facts(false)).expect("settles").cuda);
        assert!(!settle(DeviceChoice::Cpu, 1, &facts(true)).expect("settles").cuda);
    }

    #[test]
    fn a_variable_that_names_no_gpu_is_no_reason_to_compute_elsewhere() {
        let unclear = |told: &str| {
            let facts = facts(true);
            WorkerFacts { cuda: facts.cuda.narrowed(Some(told), |_| None), ..facts }
        };
        let error = settle(DeviceChoice::Auto, 1, &unclear("MIG-3c")).expect_err("no such GPU");
        assert!(error.contains("`MIG-3c`") && error.contains("hint: name GPUs as"), "{error}");
        assert!(!settle(DeviceChoice::Auto, 1, &unclear("-1")).expect("settles").cuda);
        assert!(!settle(DeviceChoice::Cpu, 1, &unclear("MIG-3c")).expect("settles").cuda);
    }

    #[test]
    fn the_key_holds_major_and_minor_version_of_libtorch_alone() {
        assert_eq!(settle(DeviceChoice::Cpu, 2, &facts(false)).expect("settles").libtorch, "2.11");
    }
}
