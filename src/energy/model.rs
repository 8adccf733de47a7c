//! What a processor drew where no counter can be read: processor time × watts, and a share of idle.
//!
//! Linear in processor time, so that one thread for twice as long costs what two threads do, and the comparison of two
//! modelled stages is a ratio of their CPU-seconds. (A model by use of the whole processor, such as
//! TDP · (0.1 + 0.9 u³), makes the first look 2.35 times cheaper.)

use serde::{Deserialize, Serialize};

use super::figure::{Constant, Figure, Method};
use super::units::Watts;

/// Of a busy hardware thread, where nothing else is told: what CodeCarbon takes a core of an unknown processor for
/// (`DEFAULT_POWER_PER_CORE`).
pub const WATTS_A_THREAD: f64 = 4.0;

/// A data sheet's power is a poor proxy: beside plug meters such estimates are off by up to 40 % (Fischer 2025,
/// arXiv:2509.22092).
pub const MODEL_ERROR: f64 = 0.4;

/// What pipeline.toml tells of the machine's power.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Assumptions {
    /// Of a busy hardware thread, above idle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watts_per_thread: Option<Watts>,
    /// Thermal design power of all processor packages together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tdp_watts: Option<Watts>,
    /// Of all processor packages together while nothing runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_watts: Option<Watts>,
    /// Of a GPU while a stage holds it, where it can be read in no way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_watts: Option<Watts>,
}

/// What a stage used of the processor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Use {
    /// Over all threads.
    pub cpu_secs: f64,
    pub took_secs: f64,
    /// Hardware threads that it was given.
    pub threads: usize,
}

/// Models a processor with so many hardware threads.
///
/// `(TDP − idle) / hardware threads × CPU-seconds + idle / hardware threads × threads given × seconds`: a processor that
/// is wholly busy draws its TDP.
pub fn processor(assumptions: &Assumptions, hardware_threads: usize, used: Use) -> Figure {
    let hardware_threads = hardware_threads.max(1) as f64;
    let idle = assumptions.idle_watts.unwrap_or_default();
    let (busy, method, mut constants) = busy(assumptions, hardware_threads);
    // Who asked for more threads than there are has no more of idle than all.
    let given = (used.threads as f64 / hardware_threads).min(1.0);
    let joules = busy.over(used.cpu_secs) + (idle * given).over(used.took_secs);
    if let Some(idle) = assumptions.idle_watts {
        constants.push(told("idle_watts", idle));
    }
    Figure { constants, ..Figure::new(joules, method, MODEL_ERROR, used.took_secs) }
}

fn busy(assumptions: &Assumptions, hardware_threads: f64) -> (Watts, Method, Vec<Constant>) {
    let threads = || Constant::new("hardware_threads", hardware_threads, "threads", "the system, /proc/stat");
    match (assumptions.watts_per_thread, assumptions.tdp_watts) {
        (Some(watts), _) => (watts, Method::UserConstant, vec![told("watts_per_thread", watts)]),
        (None, Some(tdp)) => {
            let idle = assumptions.idle_watts.unwrap_or_default();
            let above = (tdp.value() - idle.value()).max(0.0);
            let constants = vec![told("tdp_watts", tdp), threads()];
            (Watts::new(above / hardware_threads), Method::ModelTdp, constants)
        }
        (None, None) => {
            let source = "CodeCarbon's default for unknown processors, DEFAULT_POWER_PER_CORE";
            let constant = Constant::new("watts_per_thread", WATTS_A_THREAD, "W", source);
            (Watts::new(WATTS_A_THREAD), Method::ModelTdp, vec![constant])
        }
    }
}

fn told(name: &str, watts: Watts) -> Constant {
    Constant::new(name, watts.value(), "W", "pipeline.toml, [energy]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joules(assumptions: &Assumptions, cpu_secs: f64, took_secs: f64, threads: usize) -> f64 {
        let used = Use { cpu_secs, took_secs, threads };
        processor(assumptions, 8, used).joules.unwrap().value()
    }

    #[test]
    fn one_thread_for_twice_as_long_costs_what_two_threads_do() {
        let every = [
            Assumptions::default(),
            Assumptions { idle_watts: Some(Watts::new(16.0)), ..Assumptions::default() },
            Assumptions {
                tdp_watts: Some(Watts::new(96.0)),
                idle_watts: Some(Watts::new(16.0)),
                ..Assumptions::default()
            },
        ];
        for assumptions in every {
            assert_eq!(joules(&assumptions, 20.0, 20.0, 1), joules(&assumptions, 20.0, 10.0, 2));
        }
    }

    #[test]
    fn without_idle_a_comparison_is_the_ratio_of_cpu_seconds() {
        let assumptions = Assumptions { tdp_watts: Some(Watts::new(120.0)), ..Assumptions::default() };
        let ratio = joules(&assumptions, 30.0, 100.0, 1) / joules(&assumptions, 12.0, 3.0, 8);
        assert!((ratio - 2.5).abs() < 1e-12);
    }

    #[test]
    fn a_processor_that_is_wholly_busy_draws_its_tdp_and_one_that_sleeps_its_idle_power() {
        let assumptions = Assumptions {
            tdp_watts: Some(Watts::new(96.0)),
            idle_watts: Some(Watts::new(16.0)),
            ..Assumptions::default()
        };
        assert_eq!(joules(&assumptions, 80.0, 10.0, 8), 960.0);
        assert_eq!(joules(&assumptions, 0.0, 10.0, 8), 160.0);
        assert_eq!(joules(&assumptions, 0.0, 10.0, 1), 20.0);
        // Sixteen threads on eight: idle is there once.
        assert_eq!(joules(&assumptions, 0.0, 10.0, 16), 160.0);
    }

    #[test]
    fn the_figure_names_its_constants_and_where_each_is_from() {
        let used = Use { cpu_secs: 2.0, took_secs: 1.0, threads: 2 };
        let figure = processor(&Assumptions::default(), 8, used);
        assert_eq!((figure.joules.unwrap().value(), figure.method), (8.0, Method::ModelTdp));
        assert!(figure.constants[0].source.contains("CodeCarbon"), "{figure:?}");
        let told = Assumptions { watts_per_thread: Some(Watts::new(6.0)), ..Assumptions::default() };
        let figure = processor(&told, 8, used);
        assert_eq!((figure.joules.unwrap().value(), figure.method), (12.0, Method::UserConstant));
        assert!(figure.constants[0].source.contains("pipeline.toml"), "{figure:?}");
    }
}
