//! What a distillation takes in memory, estimated before it starts.

use pipeline::engine::Task;
use serde_json::Value;
use tch::Device;

use crate::memory;

/// Activations of one real chunk: small ones stay in the processor's caches, large ones keep a GPU busy.
const CHUNK_ON_CPU: u64 = 16 << 20;
const CHUNK_ON_CUDA: u64 = 1 << 30;

/// Images that go through a network together whose largest tensor of one image has so many bytes.
pub fn chunk(largest: u64, device: Device) -> usize {
    let budget = if device == Device::Cpu { CHUNK_ON_CPU } else { CHUNK_ON_CUDA };
    (budget / largest.max(1)).clamp(4, 4096) as usize
}

/// The shapes that memory grows with.
#[derive(Clone, Copy, Debug)]
pub struct Shapes {
    /// Pixels a side of what the first convolution puts out.
    pub side: u64,
    /// Channels of the networks.
    pub width: u64,
    /// Real images in an iteration.
    pub real: u64,
    /// Synthetic images.
    pub synthetic: u64,
    /// Bytes of the training split as stored.
    pub stored: u64,
    /// Whether images are augmented by `dsa` on their way.
    pub dsa: bool,
}

/// Bytes that the allocator holds for a byte in use at once: blocks come and go in many sizes, and leave gaps. Seen on two
/// cores were 1.2 to 2.8, and 1.2 to 3.7 with `dsa`, whose images come in yet more sizes; not the same twice.
pub fn held(dsa: bool) -> u64 {
    if dsa { 4 } else { 3 }
}

impl Shapes {
    /// Bytes of the first block's output for one image: the largest tensor of a pass.
    pub fn largest(&self) -> u64 {
        self.side * self.side * self.width * 4
    }

    /// Real images that go through a network together.
    pub fn chunk(&self, device: Device) -> usize {
        chunk(self.largest(), device)
    }

    /// Bytes at the peak: the split, a chunk of real images passing without a graph (two tensors of a block at a
    /// time), and the synthetic images with theirs (three tensors a block, blocks falling by a quarter: 3 × 4/3),
    /// image, gradient and momentum.
    pub fn peak(&self, device: Device) -> u64 {
        let image = self.side * self.side * 3 * 4;
        let real = self.real.min(self.chunk(device) as u64) * (2 * self.largest() + 3 * image);
        let synthetic = self.synthetic * (4 * self.largest() + 6 * image);
        self.stored + (real + synthetic) * held(self.dsa)
    }
}

/// What a receipt calls the largest estimate of a stage, and what its process held at most.
const NOTE: &str = "estimated_memory_bytes";
const PEAK: &str = "peak_memory_bytes";
/// What a process takes with libtorch alone: 123 MB before a tensor is worked out, and up to 153 MB once the parts of it that
/// networks need are in memory, with images of 16 pixels and networks of 4 channels.
const PROGRAM: u64 = 150 << 20;

/// Says in the log, and notes, that `what` takes `peak` bytes beside the program; warns with the remedy where this machine has
/// less.
pub fn tell(task: &Task, device: Device, peak: u64, what: &str, remedy: &str) {
    let known = task.noted().get(NOTE).and_then(Value::as_u64).unwrap_or(0);
    // What libtorch takes on a GPU for itself has not been measured.
    let program = if device == Device::Cpu { PROGRAM } else { 0 };
    task.note(NOTE, known.max(peak + program));
    let [whole, program] = [peak + program, program].map(|bytes| bytes / 1_000_000);
    match device {
        Device::Cpu => {
            tracing::info!(
                "needs about {whole} MB of memory for {what}, {program} MB of them for libtorch itself"
            );
        }
        _ => tracing::info!("needs about {whole} MB of the GPU's memory for {what}, beside libtorch itself"),
    }
    let available = available().filter(|available| device == Device::Cpu && peak > *available);
    if let Some(available) = available {
        let (peak, available) = (peak >> 20, available >> 20);
        task.warn(format!("{what} takes about {peak} MB and {available} MB are available\nhint: {remedy}"));
    }
}

/// Notes what the process held at most, at its end.
pub fn tell_peak(task: &Task) {
    if let Some(peak) = memory::peak() {
        task.note(PEAK, peak);
    }
}

/// Bytes that this machine can still give, where it says so.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
