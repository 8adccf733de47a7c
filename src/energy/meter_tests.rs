//! Tests of `meter.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::super::figure::{Class, Method};
use super::super::rapl::tests::Tree;
use super::*;
use crate::engine::PROTOCOL;

fn job(metering: Value, device: Device) -> Job {
    Job {
        protocol: PROTOCOL,
        version: String::new(),
        kind: "fake".into(),
        label: "one".into(),
        key: "00".repeat(32),
        pre_image: Value::Null,
        inputs: BTreeMap::new(),
        sources: BTreeMap::new(),
        store: PathBuf::new(),
        root: PathBuf::new(),
        threads: 1,
        device,
        provenance: BTreeMap::new(),
        metering,
        log: PathBuf::new(),
    }
}

/// Keeps the processor busy.
fn work(secs: f64) {
    let began = Instant::now();
    while began.elapsed().as_secs_f64() < secs {
        std::hint::black_box((0..1000u64).sum::<u64>());
    }
}

struct Metered {
    energy: Energy,
    kept: Vec<Energy>,
    trace: String,
}

fn metered(meter: &ProcessMeter, job: &Job, used: &Spent, work: impl FnOnce()) -> Metered {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("power.csv");
    let kept: Arc<Mutex<Vec<Value>>> = Arc::default();
    let keeping = kept.clone();
    let metering = meter.begin(job, &trace, Box::new(move |value| keeping.lock().unwrap().push(value)));
    work();
    let energy = serde_json::from_value(metering.end(used)).unwrap();
    let kept = std::mem::take(&mut *kept.lock().unwrap());
    let kept = kept.into_iter().map(|value| serde_json::from_value(value).unwrap());
    Metered { energy, kept: kept.collect(), trace: fs::read_to_string(trace).unwrap_or_default() }
}

fn spent(cpu_secs: f64, took_secs: f64) -> Spent {
    Spent { cpu_secs, took_secs, ..Spent::default() }
}

/// A machine whose processor has counters.
fn with_counters() -> (tempfile::TempDir, Tree, ProcessMeter) {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::new(&[("intel-rapl:0", "package-0", 0)]);
    let class = folder.path().join("class");
    fs::create_dir(&class).unwrap();
    std::os::unix::fs::symlink(tree.path(), class.join("powercap")).unwrap();
    let meter = ProcessMeter::reading(Kernel::at(Path::new("/proc"), folder.path()));
    (folder, tree, meter)
}

/// A machine whose processor has none.
fn without_counters() -> ProcessMeter {
    ProcessMeter::reading(Kernel::at(Path::new("/proc"), Path::new("/nowhere")))
}

#[test]
fn without_a_counter_the_figure_is_the_model_of_what_the_stage_used_and_says_why() {
    let told = json!({ "watts_per_thread": 5.0 });
    let found = metered(&without_counters(), &job(told, Device::Cpu), &spent(3.0, 2.0), || ());
    let processor = found.energy.processor;
    assert_eq!((processor.joules.unwrap().value(), processor.method), (15.0, Method::UserConstant));
    assert_eq!(processor.class, Class::Modelled);
    assert!(processor.reason.unwrap().contains("no counter of energy"));
    assert!(found.energy.gpu.is_none() && found.energy.memory.is_none());
}

#[test]
fn with_a_counter_the_figure_is_measured() {
    let (_folder, tree, meter) = with_counters();
    let found = metered(&meter, &job(Value::Null, Device::Cpu), &spent(0.05, 0.05), || {
        work(0.05);
        tree.set("intel-rapl:0", 2_000_000);
    });
    let processor = found.energy.processor;
    assert_eq!((processor.method, processor.class), (Method::Rapl, Class::Measured));
    let joules = processor.joules.unwrap().value();
    assert!(joules > 0.0 && joules <= 2.0, "{joules}");
}

#[test]
fn a_stage_with_a_gpu_that_cannot_be_asked_has_no_total() {
    if nvml::open(4096).is_ok() {
        return;
    }
    let found = metered(&without_counters(), &job(Value::Null, Device::Cuda(4096)), &spent(3.0, 2.0), || ());
    assert_eq!((found.energy.joules(), found.energy.class()), (None, Class::Missing));
    let told = json!({ "gpu_watts": 100.0 });
    let found = metered(&without_counters(), &job(told, Device::Cuda(4096)), &spent(3.0, 2.0), || ());
    assert_eq!(found.energy.joules().map(f64::from), Some(3.0 * 4.0 + 2.0 * 100.0));
}

#[test]
fn what_is_drawn_is_kept_and_written_down_while_the_stage_works_at_little_cost() {
    let found = metered(&without_counters(), &job(Value::Null, Device::Cpu), &spent(2.5, 2.5), || {
        std::thread::sleep(Duration::from_millis(2400));
    });
    assert_eq!((found.kept.len(), found.trace.lines().count()), (2, 3), "{}", found.trace);
    let joules: Vec<f64> = found.kept.iter().map(|energy| energy.joules().unwrap().value()).collect();
    assert!(joules[0] <= joules[1], "{joules:?}");
    let share = found.energy.sampling_cpu_secs.unwrap() / 2.4;
    assert!(share < 0.01, "metering took {:.2} % of a core", 100.0 * share);
}

#[test]
fn attempts_are_summed_and_one_that_was_not_metered_makes_the_sum_unknown() {
    let meter = without_counters();
    let one = || metered(&meter, &job(Value::Null, Device::Cpu), &spent(1.0, 1.0), || ()).energy;
    let sum: Energy = serde_json::from_value(meter.sum(vec![as_value(&one()), as_value(&one())])).unwrap();
    assert_eq!(sum.joules().map(f64::from), Some(8.0));
    assert_eq!(meter.sum(vec![as_value(&one()), Value::Null]), Value::Null);
}
