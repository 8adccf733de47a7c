//! All meters of one stage's process: begun together, looked at together, and made one [`Energy`].

use std::time::Instant;

use super::figure::Energy;
use super::gpu::{self, Gpu, GpuMeter};
use super::kernel::Kernel;
use super::model::{self, Assumptions, Use};
use super::packages::{Look, Packages};
use super::rapl::Rapl;
use super::units::{Joules, Watts};

/// What is metered, and with what.
pub struct Subject {
    pub kernel: Kernel,
    pub assumptions: Assumptions,
    pub hardware_threads: usize,
    /// Those of them given to the stage.
    pub threads: usize,
    /// The GPU that it holds, or why that cannot be asked; `None` for a stage without.
    pub gpu: Option<Result<Box<dyn Gpu>, String>>,
}

/// The meters of a stage.
pub struct Readings {
    kernel: Kernel,
    assumptions: Assumptions,
    threads: usize,
    hardware_threads: usize,
    began: Instant,
    cpu_began: f64,
    packages: Result<Packages, String>,
    gpu: Option<Result<GpuMeter, String>>,
    /// Seconds and processor seconds of the stage at the last look.
    seen: (f64, f64),
    last: Sample,
}

/// What is written down. Powers are means since the sample before, but for the GPU's, which is that of the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Since the stage began.
    pub secs: f64,
    pub cpu_secs: f64,
    pub processor: Joules,
    pub processor_watts: Option<Watts>,
    pub memory: Option<Joules>,
    pub memory_watts: Option<Watts>,
    /// Threads kept busy.
    pub busy_threads: Option<f64>,
    pub resident_bytes: Option<u64>,
    pub celsius: Option<f64>,
    pub gpu_watts: Option<Watts>,
    pub gpu: gpu::State,
}

impl Readings {
    pub fn begin(subject: Subject) -> Readings {
        let Subject { kernel, assumptions, hardware_threads, threads, gpu } = subject;
        let gpu = gpu.map(|gpu| gpu.map(|gpu| GpuMeter::begin(gpu, &assumptions)));
        let (began, cpu_began) = (Instant::now(), crate::engine::cpu_secs());
        let packages =
            Rapl::open(&kernel.powercap()).map_err(|trouble| trouble.to_string()).and_then(|rapl| {
                let busy_secs = kernel.busy_secs().ok_or("the time that others use cannot be read")?;
                let given = threads as f64 / hardware_threads as f64;
                let now = Look { at_secs: 0.0, cpu_secs: 0.0, busy_secs };
                Ok(Packages::begin(rapl, assumptions.idle_watts, given, now))
            });
        Readings {
            kernel,
            assumptions,
            threads,
            hardware_threads,
            began,
            cpu_began,
            packages,
            gpu,
            seen: (0.0, 0.0),
            last: Sample::default(),
        }
    }

    /// Whether a GPU's power has to be read often.
    pub fn needs_sampling(&self) -> bool {
        matches!(&self.gpu, Some(Ok(gpu)) if gpu.needs_sampling())
    }

    /// Looks at every meter.
    pub fn look(&mut self) {
        let secs = self.began.elapsed().as_secs_f64();
        let cpu_secs = (crate::engine::cpu_secs() - self.cpu_began).max(0.0);
        if let Ok(packages) = &mut self.packages
            && let Some(busy_secs) = self.kernel.busy_secs()
        {
            packages.look(Look { at_secs: secs, cpu_secs, busy_secs });
        }
        if let Some(Ok(gpu)) = &mut self.gpu {
            gpu.look(secs);
        }
        self.seen = (secs, cpu_secs);
    }

    /// What the last look saw, and what else there is to write down.
    pub fn sample(&mut self) -> Sample {
        let (secs, cpu_secs) = self.seen;
        let (last, passed) = (&self.last, secs - self.last.secs);
        let (processor, memory) = match &self.packages {
            Ok(packages) => packages.drawn(),
            Err(_) => {
                let used = Use { cpu_secs, took_secs: secs, threads: self.threads };
                let modelled = model::processor(&self.assumptions, self.hardware_threads, used);
                (modelled.joules.unwrap_or_default(), None)
            }
        };
        let mean = |now: Joules, before: Joules| {
            let more = now.since(before).filter(|_| passed > 0.0)?;
            Some(Watts::new(more.value() / passed))
        };
        let (gpu_watts, gpu) = match &self.gpu {
            Some(Ok(gpu)) => gpu.now(),
            _ => Default::default(),
        };
        self.last = Sample {
            secs,
            cpu_secs,
            processor,
            processor_watts: mean(processor, last.processor),
            memory,
            memory_watts: memory.and_then(|now| mean(now, last.memory.unwrap_or_default())),
            busy_threads: (passed > 0.0).then(|| (cpu_secs - last.cpu_secs).max(0.0) / passed),
            resident_bytes: self.kernel.resident_bytes(),
            celsius: self.kernel.temperature(),
            gpu_watts,
            gpu,
        };
        self.last
    }

    /// What was drawn by a stage that used so much, as the last look saw it.
    pub fn energy(&self, cpu_secs: f64, took_secs: f64) -> Energy {
        let measured = self.packages.as_ref().map_err(Clone::clone).and_then(Packages::figures);
        let (processor, memory) = measured.unwrap_or_else(|reason| {
            let used = Use { cpu_secs, took_secs, threads: self.threads };
            let mut figure = model::processor(&self.assumptions, self.hardware_threads, used);
            figure.reason = Some(reason);
            (figure, None)
        });
        let gpu = self.gpu.as_ref().map(|gpu| match gpu {
            Ok(gpu) => gpu.figure(),
            Err(reason) => gpu::unread(&self.assumptions, took_secs, reason.clone()),
        });
        Energy { processor, memory, gpu, sampling_cpu_secs: None }
    }

    /// What was drawn until the last look.
    pub fn energy_so_far(&self) -> Energy {
        self.energy(self.seen.1, self.seen.0)
    }
}
