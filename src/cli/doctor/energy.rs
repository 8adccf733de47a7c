//! What `doctor` says of energy: which counters are readable, what stands in for the others, which settings are open.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Finding, Health, finding};
use crate::energy::model::WATTS_A_THREAD;
use crate::energy::{Kernel, Rapl, Tariff, Trouble, Watts, nvml};
use crate::recipe::Energy;

/// `indices`: GPUs that may be used.
pub fn findings(energy: &Energy, indices: &[usize]) -> Vec<Finding> {
    let mut findings = vec![processor(energy, &Kernel::default())];
    if !indices.is_empty() {
        findings.extend(gpus(energy, indices));
    }
    findings.push(tariff(&super::super::terms::terms(energy).tariff));
    findings
}

fn processor(energy: &Energy, kernel: &Kernel) -> Finding {
    let trouble = match Rapl::open(&kernel.powercap()) {
        Ok(rapl) => {
            let memory = if rapl.has_memory() { "with memory" } else { "without memory" };
            let text = format!("processor measured: {} package(s) by RAPL, {memory}", rapl.packages());
            let found = finding("energy", Health::Good, text);
            let asked = energy.idle_watts.is_none();
            let idle = asked.then(|| idle_watts(rapl, kernel, Duration::from_secs(1))).flatten();
            return match idle {
                Some(idle) => found.hint(format!(
                    "it draws {:.0} W while idle: `idle_watts = {:.0}` in [energy] of pipeline.toml charges a stage its \
                     share of that by its threads",
                    idle.value(),
                    idle.value()
                )),
                None => found,
            };
        }
        Err(trouble) => trouble,
    };
    let text = format!("processor modelled: {trouble}; CPU-seconds × {}", watts(energy));
    match trouble {
        Trouble::Denied(_) => finding("energy", Health::Note, text).hint(
            "until the next start: `sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj` (Linux hides it since \
             2020, since who reads it often can tell what others compute)",
        ),
        _ if energy.tdp_watts.is_none() && energy.watts_per_thread.is_none() => {
            finding("energy", Health::Note, text).hint(
                "`tdp_watts` in [energy] of pipeline.toml tells what this processor draws, by its data sheet",
            )
        }
        _ => finding("energy", Health::Note, text),
    }
}

/// What all packages draw now, if next to nothing runs.
fn idle_watts(mut rapl: Rapl, kernel: &Kernel, pause: Duration) -> Option<Watts> {
    const BUSY: f64 = 0.05;
    let (busy, began) = (kernel.busy_secs()?, Instant::now());
    sleep(pause);
    let drawn = rapl.advance()?;
    let (secs, threads) = (began.elapsed().as_secs_f64(), kernel.hardware_threads() as f64);
    let share = (kernel.busy_secs()? - busy) / (secs * threads);
    (share < BUSY).then(|| Watts::new(drawn.packages.value() / secs))
}

fn watts(energy: &Energy) -> String {
    match (energy.watts_per_thread, energy.tdp_watts) {
        (Some(watts), _) => format!("{watts} W a thread, as told"),
        (None, Some(tdp)) => format!("{tdp} W by all threads"),
        (None, None) => format!("{WATTS_A_THREAD} W a thread, for want of better"),
    }
}

/// One finding for each of these GPUs; one in all where the library cannot be asked.
fn gpus(energy: &Energy, indices: &[usize]) -> Vec<Finding> {
    let names = match nvml::names() {
        Ok(names) => names,
        Err(reason) => {
            let text = format!("GPU not measured: {reason}");
            let hint = "`gpu_watts` in [energy] of pipeline.toml tells what one draws";
            let found = finding("energy", Health::Note, text);
            return vec![if energy.gpu_watts.is_some() { found } else { found.hint(hint) }];
        }
    };
    let one = |(index, name): (usize, &String)| {
        let how = nvml::open(index).map(|gpu| match (gpu.energy_millijoules(), gpu.power_milliwatts()) {
            (Ok(_), _) => "measured by its counter".to_string(),
            (Err(_), Ok(_)) => "measured by sampling its power".to_string(),
            (Err(reason), Err(_)) => format!("not measured: {reason}"),
        });
        let how = how.unwrap_or_else(|reason| format!("not measured: {reason}"));
        let health = if how.starts_with("measured") { Health::Good } else { Health::Note };
        finding("energy", health, format!("GPU {index} ({name}) {how}"))
    };
    names.iter().enumerate().filter(|(index, _)| indices.contains(index)).map(one).collect()
}

fn tariff(tariff: &Tariff) -> Finding {
    let price = tariff.price.as_ref().map(|price| {
        format!("{} {} a kWh ({}, {})", price.per_kwh, price.currency, price.source, price.date)
    });
    let carbon = tariff
        .carbon
        .as_ref()
        .map(|carbon| format!("{} g CO2 a kWh ({}, {})", carbon.g_per_kwh, carbon.source, carbon.date));
    let open = match (&price, &carbon) {
        (Some(_), Some(_)) => None,
        (None, Some(_)) => Some("`price_per_kwh` in [energy] of pipeline.toml shows money"),
        (Some(_), None) => Some("`country` or `g_per_kwh` in [energy] of pipeline.toml shows CO2"),
        (None, None) => Some(
            "`price_per_kwh` and `country` (or `g_per_kwh`) in [energy] of pipeline.toml show money and CO2",
        ),
    };
    let price = price.unwrap_or_else(|| "no price of a kWh".to_string());
    let carbon = carbon.unwrap_or_else(|| "no CO2 of a kWh".to_string());
    let text = format!("{price}, {carbon}, PUE {}", tariff.pue);
    match open {
        None => finding("energy", Health::Good, text),
        Some(hint) => finding("energy", Health::Note, text).hint(hint),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_processor_without_a_counter_is_modelled_and_the_setting_that_helps_is_named() {
        let kernel = Kernel::at(Path::new("/proc"), Path::new("/nowhere"));
        let found = processor(&Energy::default(), &kernel);
        assert!(found.text.contains("4 W a thread, for want of better"), "{}", found.text);
        assert!(found.hint.is_some_and(|hint| hint.contains("`tdp_watts`")));
        let told = Energy { tdp_watts: Some(65.0), ..Energy::default() };
        assert!(processor(&told, &kernel).hint.is_none());
    }

    #[test]
    fn what_would_show_money_and_co2_is_named() {
        assert!(tariff(&Tariff::default()).hint.is_some_and(|hint| hint.contains("`country`")));
    }
}
