//! How a launch is to go, and what came of it.

use std::path::PathBuf;

use serde_json::Value;

use super::stage::StageId;

/// How a launch is to go. Nothing here reaches a key.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of the experiment: the folder of its history.
    pub experiment: String,
    /// Stages at a time.
    pub jobs: usize,
    /// Processor threads that running stages may keep busy together.
    pub threads: usize,
    /// Whether stages that do not need a failed one still start.
    pub keep_going: bool,
    /// How often a stage that failed is tried again.
    pub retries: u32,
    /// Stages to make again although they are cached.
    pub force: Vec<StageId>,
    /// The stages asked for, with what they need; none means all.
    pub targets: Vec<StageId>,
    /// The project's folder, where commands run.
    pub root: PathBuf,
    /// Does [`Program::Own`](super::Program::Own) stages; usually the running program.
    pub own_program: PathBuf,
    /// What `own_program` is told to become a stage's process.
    pub own_arguments: Vec<String>,
    /// Does [`Program::Worker`](super::Program::Worker) stages.
    pub worker_program: PathBuf,
    /// GPUs that stages may be granted, as `nvidia-smi` counts.
    pub devices: Vec<usize>,
    /// What stages' meters are told of the machine.
    pub metering: Value,
    /// Version of the running program; a worker of another one refuses.
    pub version: String,
}

impl Options {
    /// One stage at a time per processor, everything, without force, retries or GPUs; the running program does what
    /// needs no tensors and `pipeline-worker` beside it the rest.
    ///
    /// # Errors
    /// When the running program's own file cannot be told.
    pub fn new(experiment: &str, root: PathBuf) -> std::io::Result<Options> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let own_program = std::env::current_exe()?;
        Ok(Options {
            experiment: experiment.to_string(),
            jobs: threads,
            threads,
            keep_going: false,
            retries: 0,
            force: Vec::new(),
            targets: Vec::new(),
            root,
            worker_program: own_program.with_file_name("pipeline-worker"),
            own_program,
            own_arguments: vec!["stage".to_string()],
            devices: Vec::new(),
            metering: Value::Null,
            version: env!("CARGO_PKG_VERSION").to_string(),
        })
    }
}

/// What came of a launch.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// In the order of the graph.
    pub stages: Vec<StageOutcome>,
    /// Whether it was asked to stop before it was done.
    pub interrupted: bool,
    pub took_secs: f64,
}

impl Outcome {
    pub fn count(&self, is: impl Fn(&Final) -> bool) -> usize {
        self.stages.iter().filter(|stage| is(&stage.state)).count()
    }

    /// Whether everything asked for is there.
    pub fn is_complete(&self) -> bool {
        self.stages.iter().all(|stage| matches!(stage.state, Final::Cached | Final::Made | Final::NotAsked))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct StageOutcome {
    pub state: Final,
    /// Known where everything it reads was made.
    pub key: Option<String>,
    /// How long the artifact took to make, now or in an earlier launch.
    pub took_secs: Option<f64>,
}

/// How a launch left a stage.
#[derive(Clone, Debug, PartialEq)]
pub enum Final {
    /// It was there already, or another launch made it meanwhile.
    Cached,
    Made,
    Failed {
        message: String,
    },
    /// Not started, because that stage failed or was itself blocked.
    Blocked {
        by: StageId,
    },
    /// Asked to stop; what can be resumed is saved.
    Stopped,
    /// The launch ended before its turn.
    NotStarted,
    NotAsked,
}
