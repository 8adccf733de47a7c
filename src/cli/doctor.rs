//! `pipeline doctor`: what this machine can and cannot do, each with its remedy.

mod energy;

use std::path::Path;

use console::style;
use serde::Serialize;
use serde_json::json;

use super::failure::Failure;
use super::gpus::{self, Visible};
use super::machine::{self, WorkerFacts};
use super::say::say;
use crate::recipe::{Dataset, DeviceChoice, Project};

/// How a finding bears on running experiments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    Good,
    /// Works, but a person may want to know.
    Note,
    /// Something will fail.
    Bad,
}

#[derive(Clone, Debug, Serialize)]
struct Finding {
    topic: &'static str,
    health: Health,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

fn finding(topic: &'static str, health: Health, text: impl Into<String>) -> Finding {
    Finding { topic, health, text: text.into(), hint: None }
}

impl Finding {
    fn hint(self, hint: impl Into<String>) -> Finding {
        Finding { hint: Some(hint.into()), ..self }
    }
}

/// Prints the findings; fails with the environment's exit code where one is bad.
pub fn doctor(project: &Project, root: &Path, as_json: bool) -> Result<(), Failure> {
    let findings = examine(project, root);
    if as_json {
        say!("{}", json!({ "version": 1, "findings": findings }));
    } else {
        findings.iter().for_each(show);
    }
    let bad = findings.iter().filter(|finding| finding.health == Health::Bad).count();
    if bad == 0 { Ok(()) } else { Err(Failure::silent(Failure::ENVIRONMENT)) }
}

fn show(finding: &Finding) {
    let mark = match finding.health {
        Health::Good => style("✓").green(),
        Health::Note => style("–").yellow(),
        Health::Bad => style("✗").red().bold(),
    };
    say!("{mark} {:<10} {}", finding.topic, finding.text);
    if let Some(hint) = &finding.hint {
        say!("  {:<10} hint: {hint}", "");
    }
}

fn examine(project: &Project, root: &Path) -> Vec<Finding> {
    let store = root.join(&project.artifacts);
    let mut findings =
        vec![finding("pipeline", Health::Good, format!("version {}", env!("CARGO_PKG_VERSION")))];
    let worker = machine::worker_facts();
    match &worker {
        Ok(facts) => findings.extend([libtorch(facts), cuda(facts, project.device)]),
        Err(trouble) => findings.push(split_hint("worker", trouble.to_string())),
    }
    findings.extend([processor(project), memory()]);
    let gpus = worker.map(|facts| facts.cuda.indices).unwrap_or_default();
    findings.extend(energy::findings(&project.energy, &gpus));
    findings.extend([space(&store), writable(&store)]);
    findings.extend(project.datasets.iter().map(|(name, set)| data_set(name, set, project, root)));
    findings
}

fn split_hint(topic: &'static str, text: String) -> Finding {
    match text.split_once("\nhint: ") {
        Some((text, hint)) => finding(topic, Health::Bad, text).hint(hint),
        None => finding(topic, Health::Bad, text),
    }
}

fn libtorch(facts: &WorkerFacts) -> Finding {
    let text = format!("{}, dispatching on {}", facts.libtorch, facts.capability);
    finding("libtorch", Health::Good, text)
}

fn cuda(facts: &WorkerFacts, choice: DeviceChoice) -> Finding {
    if facts.cuda.available {
        return finding("CUDA", Health::Good, format!("available, {}", facts.cuda.told()));
    }
    let reason = facts.cuda.reason.as_deref().unwrap_or("no reason was given");
    if facts.cuda.visible == Visible::Unclear {
        return finding("CUDA", Health::Bad, format!("not available: {reason}")).hint(gpus::HINT);
    }
    if choice == DeviceChoice::Cuda {
        let text = format!("not available: {reason}; pipeline.toml insists on it");
        return finding("CUDA", Health::Bad, text).hint("set `device = \"auto\"` or `\"cpu\"`");
    }
    finding("CUDA", Health::Note, format!("not available: {reason}; networks are trained on the processor"))
}

fn processor(project: &Project) -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let precision = machine::bf16_unit()
        .map_or("`auto` is fp32".to_string(), |unit| format!("with {unit}: `auto` is bf16"));
    let text = format!("{cores} cores, {} torch thread(s) a stage, {precision}", project.torch_threads);
    if project.torch_threads > cores {
        return finding("processor", Health::Note, text)
            .hint("more torch threads than cores slow every stage");
    }
    finding("processor", Health::Good, text)
}

fn memory() -> Finding {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = |key: &str| -> Option<f64> {
        let line = text.lines().find(|line| line.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    match (kib("MemTotal:"), kib("MemAvailable:")) {
        (Some(total), Some(free)) => {
            let gib = |kib: f64| kib / 1024.0 / 1024.0;
            let text = format!("{:.1} GiB free of {:.1}", gib(free), gib(total));
            if gib(free) < 1.0 {
                return finding("memory", Health::Note, text).hint("run fewer stages at a time: `--jobs 1`");
            }
            finding("memory", Health::Good, text)
        }
        _ => finding("memory", Health::Note, "unknown: /proc/meminfo cannot be read"),
    }
}

fn space(store: &Path) -> Finding {
    let nearest = store.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(nearest) {
        Ok(stat) => {
            let gib = (stat.f_bavail * stat.f_frsize) as f64 / (1u64 << 30) as f64;
            let text = format!("{gib:.1} GiB free for {}", store.display());
            if gib < 1.0 {
                return finding("disk", Health::Note, text).hint("`pipeline gc --dry-run` says what can go");
            }
            finding("disk", Health::Good, text)
        }
        Err(error) => finding("disk", Health::Note, format!("unknown: {error}")),
    }
}

fn writable(store: &Path) -> Finding {
    let probe = store.join("index").join(format!("probe-{}", std::process::id()));
    let tried = std::fs::create_dir_all(store.join("index")).and_then(|()| std::fs::write(&probe, b"x"));
    let _ = std::fs::remove_file(&probe);
    match tried {
        Ok(()) => finding("store", Health::Good, format!("{} can be written", store.display())),
        Err(error) => {
            finding("store", Health::Bad, format!("`{}` cannot be written: {error}", store.display()))
                .hint("choose another folder: `artifacts = \"...\"` in pipeline.toml")
        }
    }
}

fn data_set(name: &str, set: &Dataset, project: &Project, root: &Path) -> Finding {
    let Some(path) = &set.path else {
        return finding("data set", Health::Good, format!("{name}: drawn by the program"));
    };
    if root.join(path).exists() {
        return finding("data set", Health::Good, format!("{name}: {}", path.display()));
    }
    let missing = format!("{name}: no {} {}", set.noun(), path.display());
    match &set.stand_in {
        Some(other) if project.datasets.contains_key(other) => {
            finding("data set", Health::Note, format!("{missing}; `{other}` stands in"))
        }
        Some(other) => {
            finding("data set", Health::Bad, format!("{missing}; its stand-in `{other}` is not defined"))
        }
        None => finding("data set", Health::Note, missing).hint(set.remedy(name)),
    }
}
