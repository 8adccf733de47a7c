//! What artifacts and runs drew, in the terms of a launch. What was measured stands as it was read; what is modelled is
//! modelled anew from CPU-seconds, so that all of a launch rests on the same constants.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::stored::Stored;
use crate::energy::model::{self, Assumptions, Use};
use crate::energy::{Class, Energy, Figure, Joules, Method, Tariff};
use crate::engine::{Device, Receipt, Spent};

/// What the figures of a launch rest on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// The machine that `assumptions` are about.
    pub host: String,
    pub hardware_threads: usize,
    /// What its processor calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
    pub assumptions: Assumptions,
    pub tariff: Tariff,
}

/// What making an artifact drew, or part of making it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// Everything; `None` where a part is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joules: Option<Joules>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor_joules: Option<Joules>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_joules: Option<Joules>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_joules: Option<Joules>,
    /// The joules among them that were measured.
    pub measured_joules: Joules,
    /// Half the width of what the true value lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_joules: Option<Joules>,
    /// That of the worst part.
    pub class: Class,
    /// Of the worst part.
    pub method: Method,
}

impl Drawn {
    fn of(energy: &Energy) -> Drawn {
        let joules = |figure: Option<&Figure>| figure.and_then(|figure| figure.joules);
        let parts = [Some(&energy.processor), energy.memory.as_ref(), energy.gpu.as_ref()];
        let error = |figure: &Figure| Some(figure.joules? * figure.relative_error?);
        Drawn {
            joules: energy.joules(),
            processor_joules: joules(parts[0]),
            memory_joules: joules(parts[1]),
            gpu_joules: joules(parts[2]),
            measured_joules: energy.measured(),
            error_joules: parts.into_iter().flatten().map(error).sum(),
            class: energy.class(),
            method: energy.methods().last().copied().unwrap_or(Method::Unavailable),
        }
    }

    /// Together with what something else drew. A part that only one of both knows is not known of both.
    fn and(self, other: Drawn) -> Drawn {
        let both = |a: Option<Joules>, b: Option<Joules>| a.zip(b).map(|(a, b)| a + b);
        let either = |a: Option<Joules>, b: Option<Joules>| both(a, b).or(a).or(b);
        Drawn {
            joules: both(self.joules, other.joules),
            processor_joules: both(self.processor_joules, other.processor_joules),
            memory_joules: both(self.memory_joules, other.memory_joules),
            // A stage without a GPU drew nothing of one.
            gpu_joules: either(self.gpu_joules, other.gpu_joules),
            measured_joules: self.measured_joules + other.measured_joules,
            error_joules: both(self.error_joules, other.error_joules),
            class: self.class.max(other.class),
            method: self.method.max(other.method),
        }
    }

    /// Of what is known, the share that was measured, 0..1.
    pub fn measured_share(&self) -> Option<f64> {
        let joules = self.joules?.value();
        (joules > 0.0).then(|| (self.measured_joules.value() / joules).min(1.0))
    }
}

/// What making an artifact drew, in all attempts.
pub fn of_receipt(receipt: &Receipt, terms: Option<&Terms>) -> Option<Drawn> {
    let used = Use { cpu_secs: receipt.cpu_secs, took_secs: receipt.took_secs, threads: receipt.threads };
    let energy = serde_json::from_value(receipt.energy.clone()).ok();
    in_terms(energy, used, receipt, terms).map(|energy| Drawn::of(&energy))
}

/// What making an artifact drew since a moment (RFC 3339): without the attempts that an earlier launch began.
pub fn of_receipt_since(receipt: &Receipt, since: &str, terms: Option<&Terms>) -> Option<Joules> {
    let all = of_receipt(receipt, terms)?.joules?;
    let before = receipt.earlier.iter().filter(|spent| spent.started_at.as_str() < since);
    let before: Option<Joules> = before.map(|spent| of_attempt(spent, receipt, terms)).sum();
    all.since(before?)
}

fn of_attempt(spent: &Spent, receipt: &Receipt, terms: Option<&Terms>) -> Option<Joules> {
    let used = Use { cpu_secs: spent.cpu_secs, took_secs: spent.took_secs, threads: receipt.threads };
    let energy = serde_json::from_value(spent.energy.clone()).ok();
    in_terms(energy, used, receipt, terms)?.joules()
}

/// What an attempt drew that has led to no artifact.
pub fn of_unfinished(spent: &Spent) -> Option<Joules> {
    serde_json::from_value::<Energy>(spent.energy.clone()).ok()?.joules()
}

/// The figures as they were read; a model of the processor is made anew where it is about the launch's machine.
fn in_terms(energy: Option<Energy>, used: Use, receipt: &Receipt, terms: Option<&Terms>) -> Option<Energy> {
    let host = receipt.provenance.get("host").and_then(|host| host.as_str());
    let terms = terms.filter(|terms| host == Some(terms.host.as_str()));
    let modelled = |terms: &Terms| model::processor(&terms.assumptions, terms.hardware_threads, used);
    match (energy, terms) {
        (Some(energy), Some(terms)) if energy.processor.class == Class::Modelled => {
            Some(Energy { processor: modelled(terms), ..energy })
        }
        (Some(energy), _) => Some(energy),
        (None, Some(terms)) => {
            let unread = || Figure::missing("made before energy was metered");
            let gpu = matches!(receipt.device, Device::Cuda(_)).then(unread);
            Some(Energy { processor: modelled(terms), memory: None, gpu, sampling_cpu_secs: None })
        }
        (None, None) => None,
    }
}

/// What a run is charged for: every distinct artifact that it rests on, once and in full, whenever it was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Charged {
    /// `None` where any of them is not known.
    pub drawn: Option<Drawn>,
    /// What this launch spent on them.
    pub spent: Option<Joules>,
    /// What the figures were taken under, as far as it bears on them. Figures of unlike ones are not ranked together.
    pub basis: String,
}

/// What the stage and everything below it drew.
pub fn charged(stored: &Stored, stage: usize) -> Charged {
    let launch = stored.launch;
    let mut seen = BTreeSet::new();
    let distinct = launch.lineage(stage).into_iter().filter(|stage| {
        let record = &launch.stages[*stage];
        seen.insert((
            record.kind.as_str(),
            record.key.as_deref().map_or_else(|| stage.to_string(), str::to_string),
        ))
    });
    let stages: Vec<usize> = distinct.collect();
    let parts: Option<Vec<Drawn>> = stages.iter().map(|stage| stored.made(*stage)?.drawn).collect();
    let spent = stages.iter().map(|stage| launch.stages[*stage].spent_joules).sum();
    let drawn = parts.and_then(|parts| parts.into_iter().reduce(Drawn::and));
    Charged { basis: drawn.map_or_else(String::new, |drawn| basis(stored, &stages, &drawn)), drawn, spent }
}

/// `modelled, cpu, 1 thread, 2 jobs`: those of the stages with tensors, where nearly all is drawn.
fn basis(stored: &Stored, stages: &[usize], drawn: &Drawn) -> String {
    let heavy = |stage: &&usize| {
        ["train", "distil", "experts"].contains(&stored.launch.stages[**stage].kind.as_str())
    };
    let mut told = BTreeSet::new();
    let mut memory = "";
    for receipt in stages.iter().filter(heavy).filter_map(|stage| Some(&stored.artifact(*stage)?.receipt)) {
        let device = match receipt.device {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
        };
        let host = receipt.provenance.get("host").and_then(|host| host.as_str()).unwrap_or("unknown host");
        told.insert(format!("{device}, threads {}, jobs {}, {host}", receipt.threads, receipt.jobs));
    }
    if drawn.memory_joules.is_some() {
        memory = " with memory";
    }
    let told: Vec<String> = told.into_iter().collect();
    format!("{}{memory}; {}", drawn.method.name(), told.join("; "))
}

/// What a launch spent, and what all its artifacts cost, each once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Totals {
    /// `None` where any part is not known.
    pub spent: Option<Joules>,
    pub attributed: Option<Drawn>,
}

/// Over every stage of the launch; those that never ran spent nothing and cost nothing yet.
pub fn totals(stored: &Stored) -> Totals {
    let launch = stored.launch;
    let mut seen = BTreeSet::new();
    let done = launch.stages.iter().enumerate().filter(|(_, stage)| stage.state.is_done());
    let distinct = done.filter(|(_, stage)| seen.insert((&stage.kind, &stage.key))).map(|(index, _)| index);
    let parts: Option<Vec<Drawn>> = distinct.map(|stage| stored.made(stage)?.drawn).collect();
    Totals {
        spent: launch.stages.iter().map(|stage| stage.spent_joules).sum(),
        attributed: parts.and_then(|parts| parts.into_iter().reduce(Drawn::and)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn receipt(energy: Value, earlier: Value) -> Receipt {
        let text = json!({
            "key": "", "kind": "train", "label": "net", "pre_image": null, "files": {}, "digest": "",
            "provenance": { "host": "here" }, "started_at": "2026-03-14T10:00:00.000Z", "took_secs": 30.0,
            "cpu_secs": 20.0, "energy": energy, "earlier": earlier, "attempts": 2, "threads": 1, "device": "cpu",
            "jobs": 2,
        });
        serde_json::from_value(text).unwrap()
    }

    fn terms(host: &str, watts: f64) -> Terms {
        let assumptions = Assumptions {
            watts_per_thread: Some(crate::energy::Watts::new(watts)),
            ..Assumptions::default()
        };
        Terms {
            host: host.into(),
            hardware_threads: 4,
            processor: None,
            assumptions,
            tariff: Tariff::default(),
        }
    }

    fn modelled(joules: f64) -> Value {
        let figure = Figure::new(Joules::new(joules), Method::ModelTdp, 0.4, 30.0);
        json!(Energy { processor: figure, memory: None, gpu: None, sampling_cpu_secs: None })
    }

    fn measured(joules: f64) -> Value {
        let figure = Figure::new(Joules::new(joules), Method::Rapl, 0.05, 30.0);
        json!(Energy { processor: figure, memory: None, gpu: None, sampling_cpu_secs: None })
    }

    fn joules(drawn: Option<Drawn>) -> Option<f64> {
        Some(drawn?.joules?.value())
    }

    #[test]
    fn what_is_modelled_follows_the_launchs_constants_and_what_was_measured_stands() {
        let told = terms("here", 5.0);
        assert_eq!(joules(of_receipt(&receipt(modelled(80.0), json!([])), Some(&told))), Some(100.0));
        assert_eq!(joules(of_receipt(&receipt(measured(80.0), json!([])), Some(&told))), Some(80.0));
        // Of another machine nothing is told.
        let elsewhere = terms("there", 5.0);
        assert_eq!(joules(of_receipt(&receipt(modelled(80.0), json!([])), Some(&elsewhere))), Some(80.0));
    }

    #[test]
    fn an_artifact_made_before_metering_gets_a_model_unless_it_had_a_gpu() {
        let mut old = receipt(Value::Null, json!([]));
        assert_eq!(joules(of_receipt(&old, Some(&terms("here", 5.0)))), Some(100.0));
        assert_eq!(of_receipt(&old, None), None);
        old.device = Device::Cuda(0);
        let drawn = of_receipt(&old, Some(&terms("here", 5.0))).unwrap();
        assert_eq!((drawn.joules, drawn.class), (None, Class::Missing));
    }

    #[test]
    fn what_an_earlier_launch_spent_is_attributed_and_not_spent_now() {
        let earlier = json!([{ "started_at": "2026-03-14T09:00:00.000Z", "took_secs": 10.0, "cpu_secs": 8.0, "energy": modelled(32.0) }]);
        let receipt = receipt(modelled(80.0), earlier);
        let told = terms("here", 5.0);
        let now = of_receipt_since(&receipt, "2026-03-14T09:30:00.000Z", Some(&told)).unwrap();
        assert_eq!((joules(of_receipt(&receipt, Some(&told))), now.value()), (Some(100.0), 60.0));
        // A retry of the same launch.
        let all = of_receipt_since(&receipt, "2026-03-14T08:00:00.000Z", Some(&told)).unwrap();
        assert_eq!(all.value(), 100.0);
    }
}
