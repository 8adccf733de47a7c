//! The device a stage computes on: made ready before the first tensor, or refused with the reason.

use std::env;
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use pipeline::engine::{self, Job, Task};

use crate::{determinism, distil};

/// libtorch's folder when this program was built.
const BUILT_WITH: &str = env!("LIBTORCH_LIB");
const CUDA_LIBRARY: &str = "libtorch_cuda.so";
const DRIVER_LIBRARY: &str = "libcuda.so.1";

/// What can be asked of the machine.
pub trait Machine {
    /// Loads a library for good, or says why it cannot.
    fn load(&self, library: &Path) -> Result<(), String>;
    fn holds(&self, file: &Path) -> bool;
    /// GPUs that libtorch sees; asked once its CUDA library is loaded.
    fn gpus(&self) -> usize;
    /// Where libtorch may lie, the likeliest folder first.
    fn libtorch_folders(&self) -> Vec<PathBuf>;
}

/// Threads, the visible GPU and libtorch's CUDA library, as the job has them.
///
/// # Errors
/// The job wants CUDA and there is none: never a silent run on the CPU.
pub fn prepare(task: &Task) -> Result<tch::Device> {
    let job = &task.job;
    for (name, value) in variables(task) {
        // Sound: the only threads so far are the engine's watchers of stdin and signals, which read no environment.
        unsafe { env::set_var(name, value) };
    }
    let device = choose(&ThisMachine, &job.device)?;
    if is_to_be_deterministic(job) {
        determinism::insist()?;
    }
    tch::set_num_interop_threads(1);
    tch::set_num_threads(i32::try_from(job.threads).unwrap_or(i32::MAX));
    Ok(device)
}

/// What CUDA's libraries are told by the environment, before they are loaded.
fn variables(task: &Task) -> Vec<(&'static str, String)> {
    let engine::Device::Cuda(index) = task.job.device else { return Vec::new() };
    let mut told = vec![
        ("CUDA_VISIBLE_DEVICES", index.to_string()),
        // Counts as `nvidia-smi` and the meter do, and not the fastest first.
        ("CUDA_DEVICE_ORDER", "PCI_BUS_ID".into()),
        // Without it cuBLAS may add in another order each time.
        ("CUBLAS_WORKSPACE_CONFIG", ":4096:8".into()),
    ];
    if distil::may_take_differences(task) {
        // cuDNN's convolutions in f32 would round to ten bits, which is more than such a difference is.
        told.push(("NVIDIA_TF32_OVERRIDE", "0".into()));
    }
    told
}

/// Whether the job's environment wants the same bits each time of a GPU; a processor gives them anyway.
pub fn is_to_be_deterministic(job: &Job) -> bool {
    job.pre_image["environment"]["deterministic"] == true
}

/// Waits until the device has done all that it was asked.
pub fn wait(device: tch::Device) {
    if let tch::Device::Cuda(index) = device {
        tch::Cuda::synchronize(i64::try_from(index).unwrap_or(0));
    }
}

/// Bytes that nobody uses on the GPU; `None` on the processor, and where the driver does not say.
pub fn free_memory(device: tch::Device) -> Option<u64> {
    if !device.is_cuda() {
        return None;
    }
    // The driver answers for the context that libtorch makes with its first tensor.
    let _first = tch::Tensor::zeros([1], (tch::Kind::Uint8, device));
    let ask = loaded::<extern "C" fn(*mut usize, *mut usize) -> i32>(c"cuMemGetInfo_v2")?;
    let (mut free, mut total) = (0, 0);
    (ask(&mut free, &mut total) == 0).then_some(free as u64)
}

/// A function of a library that is loaded, by the name the linker knows. `F` must be its type.
pub fn loaded<F: Copy>(name: &CStr) -> Option<F> {
    assert_eq!(size_of::<F>(), size_of::<*mut libc::c_void>(), "a function is one pointer");
    // Sound: dlsym reads the name alone, and what it finds is copied as the function pointer that it is.
    unsafe {
        let symbol = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        (!symbol.is_null()).then(|| std::mem::transmute_copy(&symbol))
    }
}

fn choose(machine: &impl Machine, wanted: &engine::Device) -> Result<tch::Device> {
    let engine::Device::Cuda(index) = wanted else { return Ok(tch::Device::Cpu) };
    let found = open_cuda(machine);
    // The one visible GPU is libtorch's first, whatever its number on the machine.
    found.map(|_| tch::Device::Cuda(0)).map_err(|reason| {
        anyhow!(
            "GPU {index} was granted, but CUDA is not available: {reason}\n\
             hint: `pipeline doctor` says more; `--set device=cpu` runs on the processor"
        )
    })
}

/// Loads libtorch's CUDA library and counts the GPUs, at least one; or says what is missing.
pub fn open_cuda(machine: &impl Machine) -> Result<usize, String> {
    machine.load(Path::new(DRIVER_LIBRARY)).map_err(|reason| format!("no NVIDIA driver ({reason})"))?;
    let folders = machine.libtorch_folders();
    let Some(library) = folders.iter().map(|f| f.join(CUDA_LIBRARY)).find(|path| machine.holds(path)) else {
        let folder = folders.first().map_or(String::from("?"), |folder| folder.display().to_string());
        return Err(format!("libtorch was set up without CUDA: no `{CUDA_LIBRARY}` in `{folder}`"));
    };
    machine.load(&library).map_err(|reason| format!("`{}` does not load: {reason}", library.display()))?;
    match machine.gpus() {
        0 => Err("libtorch sees no GPU".to_string()),
        gpus => Ok(gpus),
    }
}

/// The machine that this runs on.
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn load(&self, library: &Path) -> Result<(), String> {
        let name = CString::new(library.as_os_str().as_encoded_bytes()).map_err(|error| error.to_string())?;
        // Sound: the name ends in NUL. Initialisers of libcuda and libtorch_cuda run, as they would had we been linked.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
        if handle.is_null() { Err(last_error()) } else { Ok(()) }
    }

    fn holds(&self, file: &Path) -> bool {
        file.is_file()
    }

    fn gpus(&self) -> usize {
        usize::try_from(tch::Cuda::device_count()).unwrap_or(0)
    }

    fn libtorch_folders(&self) -> Vec<PathBuf> {
        // A program that was moved to another machine finds libtorch where the loader found it.
        [mapped_folder(), Some(PathBuf::from(BUILT_WITH))].into_iter().flatten().collect()
    }
}

fn last_error() -> String {
    // Sound: dlerror gives a C string that lives until the next call in this thread, or null.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "no reason was given".to_string();
    }
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The folder of the libtorch that this process has mapped.
fn mapped_folder() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps.lines().find(|line| line.ends_with("/libtorch_cpu.so"))?;
    Path::new(&line[line.find('/')?..]).parent().map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::fixture::{Bench, input};

    /// A machine of which these things are so.
    #[derive(Clone, Default)]
    struct Imagined {
        driver: bool,
        library: bool,
        fault: Option<&'static str>,
        gpus: usize,
    }

    impl Machine for Imagined {
        fn load(&self, library: &Path) -> Result<(), String> {
            if library == Path::new(DRIVER_LIBRARY) {
                return if self.driver { Ok(()) } else { Err("libcuda.so.1: cannot open".into()) };
            }
            self.fault.map_or(Ok(()), |fault| Err(fault.to_string()))
        }

        fn holds(&self, _file: &Path) -> bool {
            self.library
        }

        fn gpus(&self) -> usize {
            self.gpus
        }

        fn libtorch_folders(&self) -> Vec<PathBuf> {
            vec![PathBuf::from("/opt/libtorch/lib")]
        }
    }

    #[test]
    fn cuda_that_is_wanted_and_lacking_is_an_error_with_its_reason() {
        let mut machine = Imagined::default();
        let mut reason = |change: fn(&mut Imagined)| {
            let message = choose(&machine, &engine::Device::Cuda(1)).unwrap_err().to_string();
            change(&mut machine);
            message
        };
        assert!(reason(|m| m.driver = true).contains("no NVIDIA driver (libcuda.so.1: cannot open)"));
        let message = reason(|m| m.library = true);
        assert!(message.contains("no `libtorch_cuda.so` in `/opt/libtorch/lib`"), "{message}");
        machine.fault = Some("libcudnn.so.9: cannot open shared object file");
        let message = choose(&machine, &engine::Device::Cuda(1)).unwrap_err().to_string();
        assert!(message.contains("does not load: libcudnn.so.9"), "{message}");
        machine.fault = None;
        let message = choose(&machine, &engine::Device::Cuda(1)).unwrap_err().to_string();
        assert!(message.contains("sees no GPU") && message.contains("GPU 1 was granted"), "{message}");
        machine.gpus = 1;
        assert_eq!(choose(&machine, &engine::Device::Cuda(1)).unwrap(), tch::Device::Cuda(0));
    }

    #[test]
    fn the_cpu_needs_nothing() {
        assert_eq!(choose(&Imagined::default(), &engine::Device::Cpu).unwrap(), tch::Device::Cpu);
    }

    #[test]
    fn libtorch_is_found_where_it_is_mapped() {
        let folder = mapped_folder().unwrap();
        assert!(folder.join("libtorch_cpu.so").is_file());
    }

    #[test]
    fn cuda_is_told_which_gpu_and_not_to_round_where_differences_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let told = |method: &str, device| {
            let parameters = json!({ "images_per_class": 1, "method": { method: {} } });
            let inputs = vec![("from", input("photos", folder.path()))];
            let mut bench = Bench::new(folder.path(), "distil", parameters, inputs);
            bench.job.device = device;
            variables(&bench.task()).into_iter().collect::<BTreeMap<_, _>>()
        };
        let cuda = || engine::Device::Cuda(3);
        let following = told("trajectory-matching", cuda());
        assert_eq!((&*following["CUDA_VISIBLE_DEVICES"], &*following["NVIDIA_TF32_OVERRIDE"]), ("3", "0"));
        assert!(!told("distribution-matching", cuda()).contains_key("NVIDIA_TF32_OVERRIDE"));
        assert!(told("trajectory-matching", engine::Device::Cpu).is_empty());
    }
}
