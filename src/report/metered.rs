//! A stage's energy as a person reads it, with everything that it rests on.

use super::bill::mark;
use super::figures;
use super::layout::wrap;
use crate::energy::{Class, Constant, Energy, Figure};
use crate::engine::Receipt;

/// What making it drew, part by part, as its meter read it, with every constant and its source.
pub fn describe(receipt: &Receipt, width: usize) -> String {
    let Ok(energy) = serde_json::from_value::<Energy>(receipt.energy.clone()) else { return String::new() };
    let parts = [
        ("processor", Some(&energy.processor)),
        ("memory", energy.memory.as_ref()),
        ("GPU", energy.gpu.as_ref()),
    ];
    let mut text = String::new();
    for (name, figure) in parts.into_iter().filter_map(|(name, figure)| Some((name, figure?))) {
        text.push_str(&beside(name, &of_part(figure), width));
        for Constant { name, value, unit, source } in &figure.constants {
            let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
            let line = format!("{name} {}{unit} ({source})", figures::significant(*value));
            text.push_str(&beside("", &line, width));
        }
    }
    if let Some(secs) = energy.sampling_cpu_secs.filter(|_| receipt.took_secs > 0.0) {
        let share = 100.0 * secs / receipt.took_secs;
        text.push_str(&beside(
            "metering",
            &format!("took {} % of a core", figures::significant(share)),
            width,
        ));
    }
    text
}

/// A name, and beside it a text that is broken where the line ends.
fn beside(name: &str, text: &str, width: usize) -> String {
    const NAMES: usize = 11;
    let wrapped = wrap(text, width.saturating_sub(NAMES)).replace('\n', &format!("\n{:NAMES$}", ""));
    format!("{name:NAMES$}{wrapped}\n")
}

fn of_part(figure: &Figure) -> String {
    let joules = figure.joules.map_or("not known".to_string(), |joules| {
        format!("{}{} J", mark(figure.class), figures::significant(joules.value()))
    });
    let error = figure.relative_error.map_or(String::new(), |error| format!(" ± {:.0} %", 100.0 * error));
    let mut text = match figure.class {
        Class::Missing => joules,
        class => format!("{joules}{error}, {} by {}", class.name(), figure.method.name()),
    };
    if figure.samples > 0 {
        text.push_str(&format!(
            ", {} readings over {} s",
            figure.samples,
            figures::seconds(figure.coverage_secs)
        ));
    }
    if figure.shared {
        text.push_str(", a share of what others drew too");
    }
    if let Some(reason) = &figure.reason {
        text.push_str(&format!("; {reason}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::energy::model::{self, Assumptions, Use};
    use crate::energy::{Joules, Method};

    fn described(energy: &Energy) -> String {
        let receipt = json!({
            "key": "", "kind": "train", "label": "net", "pre_image": null, "files": {}, "digest": "",
            "provenance": {}, "started_at": "", "took_secs": 30.0, "cpu_secs": 29.0, "energy": energy,
            "attempts": 1, "threads": 1, "device": "cpu", "jobs": 2,
        });
        describe(&serde_json::from_value(receipt).unwrap(), 100)
    }

    #[test]
    fn a_model_shows_its_constants_and_why_nothing_was_measured() {
        let used = Use { cpu_secs: 29.0, took_secs: 30.0, threads: 1 };
        let reason = Some("the processor shows no counter of energy (RAPL)".to_string());
        let processor = Figure { reason, ..model::processor(&Assumptions::default(), 4, used) };
        let energy = Energy { processor, memory: None, gpu: None, sampling_cpu_secs: Some(0.003) };
        insta::assert_snapshot!(described(&energy));
    }

    #[test]
    fn what_was_measured_shows_how_often_and_what_is_missing_why() {
        let processor = Figure::new(Joules::new(812.0), Method::Rapl, 0.05, 30.0);
        let processor = Figure { samples: 31, shared: true, ..processor };
        let gpu = Some(Figure::missing("NVML: no driver"));
        insta::assert_snapshot!(described(&Energy { processor, memory: None, gpu, sampling_cpu_secs: None }));
    }
}
