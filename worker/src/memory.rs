//! Memory that runs out: known by libtorch's words for it, with the sizes that they give. Every other panic goes on. And how
//! much this process came to hold.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use pipeline::networks::written;

/// What libtorch and its libraries say where memory does not suffice, on a GPU and on the processor.
const SAID: [&str; 6] = [
    "out of memory",
    "can't allocate memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    // oneDNN, to the end of what it says: "a primitive descriptor" is another matter.
    "could not create a primitive\")",
];

/// Memory did not suffice; bytes where libtorch tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutOfMemory {
    /// Of the one block that there was no room for.
    pub wanted: Option<u64>,
    /// Of the device, whoever uses it.
    pub total: Option<u64>,
    /// Of those, before it was asked for.
    pub free: Option<u64>,
}

impl OutOfMemory {
    /// Reads what libtorch says; `None` where it speaks of something else.
    pub fn of(text: &str) -> Option<OutOfMemory> {
        if !SAID.iter().any(|said| text.contains(said)) {
            return None;
        }
        let wanted =
            size_after(text, "Tried to allocate ").or_else(|| size_after(text, "you tried to allocate "));
        let (total, free) = (size_after(text, "total capacity of "), size_after(text, " of which "));
        Some(OutOfMemory { wanted, total, free })
    }
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory ran out")?;
        if let Some(wanted) = self.wanted {
            write!(f, ": {} more were wanted", written(wanted))?;
        }
        match (self.total, self.free) {
            (Some(total), Some(free)) => {
                write!(f, ", and of the device's {} there were {} free", written(total), written(free))
            }
            _ => Ok(()),
        }
    }
}

/// Bytes of memory that this process held at most, libraries and mapped images included; not that of a GPU. `None` where
/// the system does not tell.
pub fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The first size behind these words, `2.50 GiB` or `512 bytes`.
fn size_after(text: &str, words: &str) -> Option<u64> {
    let rest = &text[text.find(words)? + words.len()..];
    let mut parts = rest.split_whitespace();
    let number: f64 = parts.next()?.parse().ok()?;
    let unit = parts.next()?.trim_end_matches(['.', ',', ';']);
    let factor = match unit {
        "bytes" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        _ => return None,
    };
    Some((number * factor) as u64)
}

/// Does `work`, and says where memory did not suffice for it. What it had made by then is gone.
///
/// # Errors
/// Memory ran out.
///
/// # Panics
/// As `work` does for every other reason.
pub fn attempt<T>(work: impl FnOnce() -> T) -> Result<T, OutOfMemory> {
    // What `work` leaves half changed is for whoever asks to put right.
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|panic| said(&*panic).unwrap_or_else(|| resume_unwind(panic)))
}

/// Whether a panic is memory that ran out: tch panics where libtorch throws.
fn said(panic: &(dyn Any + Send)) -> Option<OutOfMemory> {
    OutOfMemory::of(text(panic)?)
}

/// The words of a panic.
pub fn text(panic: &(dyn Any + Send)) -> Option<&str> {
    let written = panic.downcast_ref::<String>().map(String::as_str);
    written.or_else(|| panic.downcast_ref::<&'static str>().copied())
}

#[cfg(test)]
pub mod imagined {
    //! A device with room for so many images, and no more.

    use std::cell::Cell;

    thread_local! {
        static ROOM: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// Of a GPU of 80 GiB, as PyTorch 2.11's allocator writes it.
    pub const SAID: &str = "called `Result::unwrap()` on an `Err` value: Torch(\"CUDA out of memory. Tried to allocate \
                            2.50 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.25 GiB is free. Including \
                            non-PyTorch memory, this process has 77.84 GiB memory in use.\")";

    /// Does `work` on such a device.
    pub fn with_room_for<T>(images: usize, work: impl FnOnce() -> T) -> T {
        ROOM.set(Some(images));
        let done = work();
        ROOM.set(None);
        done
    }

    /// Panics as tch does where there is no room for so many.
    pub fn ask_for(images: usize) {
        let lacks = ROOM.get().is_some_and(|room| images > room);
        assert!(!lacks, "{SAID}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_held_shows_after_it_is_given_back() {
        let before = peak().unwrap();
        let held = vec![1u8; before as usize / 2 + (64 << 20)];
        assert!(held.iter().step_by(4096).map(|byte| u64::from(*byte)).sum::<u64>() > 0);
        drop(held);
        assert!(peak().unwrap() >= before, "a peak does not fall");
        assert!(peak().unwrap() > 64 << 20);
    }

    #[test]
    fn the_sizes_that_libtorch_tells_are_read() {
        let found = OutOfMemory::of(imagined::SAID).unwrap();
        let mebibytes = |bytes: Option<u64>| bytes.map(|bytes| bytes >> 20);
        assert_eq!(
            (mebibytes(found.wanted), mebibytes(found.total), mebibytes(found.free)),
            (Some(2560), Some(81008), Some(1280))
        );
        let told = "memory ran out: 2.50 GiB more were wanted, and of the device's 79.11 GiB there were 1.25 GiB free";
        assert_eq!(found.to_string(), told);
        let cpu = "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to \
                   allocate 4294967296 bytes. Error code 12 (Cannot allocate memory)";
        let found = OutOfMemory::of(cpu).unwrap();
        assert_eq!((found.wanted, found.total, found.free), (Some(1 << 32), None, None));
        let cublas =
            OutOfMemory::of("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`");
        assert_eq!(cublas.unwrap().to_string(), "memory ran out");
        let kernel = |what: &str| OutOfMemory::of(&format!("Torch(\"could not create a primitive{what}\")"));
        assert_eq!((kernel(""), kernel(" descriptor")), (Some(OutOfMemory::default()), None));
        assert_eq!(OutOfMemory::of("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"), None);
    }

    #[test]
    fn memory_that_runs_out_is_an_error_and_everything_else_goes_on() {
        assert_eq!(attempt(|| 7), Ok(7));
        let found = attempt(|| imagined::with_room_for(1, || imagined::ask_for(1)))
            .and_then(|()| attempt(|| panic!("{}", imagined::SAID)));
        assert_eq!(found, Err(OutOfMemory::of(imagined::SAID).unwrap()));
        let other = std::panic::catch_unwind(|| attempt(|| panic!("a bug of ours")));
        assert!(other.is_err());
    }

    #[test]
    fn libtorch_itself_says_it_in_these_words() {
        // No machine has an exabyte.
        let much = attempt(|| tch::Tensor::empty([1 << 60], (tch::Kind::Uint8, tch::Device::Cpu)));
        assert_eq!(much.map(|_| ()).unwrap_err().wanted, Some(1 << 60));
    }
}
