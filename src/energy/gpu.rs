//! What one GPU draws while a stage holds it: its counter of energy, else its power sampled, else its use times its
//! limit. A GPU is held by one stage at a time, so nothing is shared; GPUs that the stage was not given are not looked at.

use super::figure::{Constant, Figure, Method};
use super::model::{Assumptions, MODEL_ERROR};
use super::units::{Joules, Watts};

/// NVIDIA states ±5 % of power for GPUs on which it states anything (NVML reference, nvmlDeviceGetPowerUsage).
const METER_ERROR: f64 = 0.05;

/// How often the counter of energy moves on; what lies between is not seen.
const REFRESH_SECS: f64 = 0.1;

/// One GPU, as a driver library shows it. Each reading may be unsupported; the error says why.
pub trait Gpu: Send {
    /// Millijoules since the driver was loaded.
    fn energy_millijoules(&self) -> Result<u64, String>;
    /// Milliwatts at this moment, not averaged.
    fn power_milliwatts(&self) -> Result<u32, String>;
    /// The power that it is held to.
    fn limit_milliwatts(&self) -> Result<u32, String>;
    fn state(&self) -> State;
}

/// What else a GPU tells; `None` is not told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct State {
    /// Share of time in which something ran, 0..1.
    pub busy: Option<f64>,
    pub memory_bytes: Option<u64>,
    pub celsius: Option<f64>,
}

/// Adds up what a GPU draws, look by look.
pub struct GpuMeter {
    gpu: Box<dyn Gpu>,
    told: Option<Watts>,
    at_secs: f64,
    samples: u64,
    counter: Result<Counter, String>,
    power: Result<Sampled, String>,
    model: Result<Sampled, String>,
    state: State,
}

struct Counter {
    last: u64,
    millijoules: u64,
}

/// A power that is read now and then, and its energy by the trapezoid rule.
struct Sampled {
    last: Watts,
    joules: Joules,
}

impl Sampled {
    fn advance(&mut self, watts: Watts, secs: f64) {
        self.joules += ((self.last + watts) * 0.5).over(secs);
        self.last = watts;
    }
}

impl GpuMeter {
    pub fn begin(gpu: Box<dyn Gpu>, assumptions: &Assumptions) -> GpuMeter {
        let state = gpu.state();
        let counter = gpu.energy_millijoules().map(|last| Counter { last, millijoules: 0 });
        let start = |last: Watts| Sampled { last, joules: Joules::default() };
        let power = power(&*gpu).map(start);
        let model = modelled(&*gpu, &state).map(start);
        GpuMeter { gpu, told: assumptions.gpu_watts, at_secs: 0.0, samples: 1, counter, power, model, state }
    }

    /// Whether the power has to be read often, because there is no counter.
    pub fn needs_sampling(&self) -> bool {
        self.counter.is_err() && (self.power.is_ok() || self.model.is_ok())
    }

    /// Reads everything, `at_secs` after the beginning.
    pub fn look(&mut self, at_secs: f64) {
        let secs = (at_secs - self.at_secs).max(0.0);
        (self.at_secs, self.state) = (at_secs, self.gpu.state());
        self.samples += 1;
        self.counter = std::mem::replace(&mut self.counter, Err(String::new())).and_then(|mut counter| {
            let now = self.gpu.energy_millijoules()?;
            let more = now.checked_sub(counter.last);
            counter.millijoules += more.ok_or("its counter started again: the driver was loaded anew")?;
            counter.last = now;
            Ok(counter)
        });
        self.power = advance(&mut self.power, power(&*self.gpu), secs);
        self.model = advance(&mut self.model, modelled(&*self.gpu, &self.state), secs);
    }

    /// Watts and state at the last look.
    pub fn now(&self) -> (Option<Watts>, State) {
        let watts = self.power.as_ref().or(self.model.as_ref()).ok().map(|sampled| sampled.last);
        (watts, self.state)
    }

    /// The best figure that can be had.
    pub fn figure(&self) -> Figure {
        let of = |joules, method, error| Figure {
            samples: self.samples,
            ..Figure::new(joules, method, error, self.at_secs)
        };
        let edges = if self.at_secs > 0.0 { REFRESH_SECS / self.at_secs } else { 1.0 };
        let why = match &self.counter {
            // A counter that has not moved on yet would make a short stage cost nothing.
            Ok(counter) if counter.millijoules > 0 => {
                let joules = Joules::new(counter.millijoules as f64 / 1000.0);
                return of(joules, Method::NvmlCounter, (METER_ERROR + edges).min(1.0));
            }
            Ok(_) => format!("its counter did not move on in {:.2} s", self.at_secs),
            Err(why) => why.clone(),
        };
        let better = |figure: Figure| Figure { reason: Some(why.clone()), ..figure };
        if let Ok(power) = &self.power {
            return better(of(power.joules, Method::NvmlPower, (METER_ERROR + edges).min(1.0)));
        }
        if let Some(watts) = self.told {
            return better(told(watts, self.at_secs));
        }
        match &self.model {
            Ok(model) => {
                let source = "use of the GPU × its power limit, by NVML; its idle power is not told";
                let constant = Constant::new("gpu_idle_watts", 0.0, "W", source);
                let figure = of(model.joules, Method::ModelTdp, MODEL_ERROR);
                better(Figure { constants: vec![constant], ..figure })
            }
            Err(_) => Figure::missing(why),
        }
    }
}

/// The figure of a GPU that cannot be asked at all.
pub fn unread(assumptions: &Assumptions, secs: f64, reason: String) -> Figure {
    match assumptions.gpu_watts {
        Some(watts) => Figure { reason: Some(reason), ..told(watts, secs) },
        None => Figure::missing(reason),
    }
}

fn told(watts: Watts, secs: f64) -> Figure {
    let constant = Constant::new("gpu_watts", watts.value(), "W", "pipeline.toml, [energy]");
    Figure {
        constants: vec![constant],
        ..Figure::new(watts.over(secs), Method::UserConstant, MODEL_ERROR, secs)
    }
}

fn power(gpu: &dyn Gpu) -> Result<Watts, String> {
    Ok(Watts::new(f64::from(gpu.power_milliwatts()?) / 1000.0))
}

fn modelled(gpu: &dyn Gpu, state: &State) -> Result<Watts, String> {
    let busy = state.busy.ok_or("its use is not told")?;
    Ok(Watts::new(f64::from(gpu.limit_milliwatts()?) / 1000.0 * busy.clamp(0.0, 1.0)))
}

fn advance(
    sum: &mut Result<Sampled, String>,
    watts: Result<Watts, String>,
    secs: f64,
) -> Result<Sampled, String> {
    std::mem::replace(sum, Err(String::new())).and_then(|mut sum| {
        sum.advance(watts?, secs);
        Ok(sum)
    })
}

#[cfg(test)]
pub mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What a fake GPU answers.
    #[derive(Clone, Default)]
    pub struct Answers {
        pub energy: Option<u64>,
        pub power: Option<u32>,
        pub limit: Option<u32>,
        pub busy: Option<f64>,
    }

    /// A GPU whose answers a test changes.
    #[derive(Clone, Default)]
    pub struct Fake(pub Arc<Mutex<Answers>>);

    impl Fake {
        pub fn new(answers: Answers) -> Fake {
            Fake(Arc::new(Mutex::new(answers)))
        }

        pub fn now(&self, change: impl FnOnce(&mut Answers)) {
            change(&mut self.0.lock().unwrap());
        }
    }

    fn supported<T>(answer: Option<T>) -> Result<T, String> {
        answer.ok_or_else(|| "not supported".to_string())
    }

    impl Gpu for Fake {
        fn energy_millijoules(&self) -> Result<u64, String> {
            supported(self.0.lock().unwrap().energy)
        }

        fn power_milliwatts(&self) -> Result<u32, String> {
            supported(self.0.lock().unwrap().power)
        }

        fn limit_milliwatts(&self) -> Result<u32, String> {
            supported(self.0.lock().unwrap().limit)
        }

        fn state(&self) -> State {
            State { busy: self.0.lock().unwrap().busy, ..State::default() }
        }
    }

    fn begin(answers: Answers) -> (Fake, GpuMeter) {
        let fake = Fake::new(answers);
        (fake.clone(), GpuMeter::begin(Box::new(fake), &Assumptions::default()))
    }

    fn told(figure: &Figure) -> (Method, Option<f64>) {
        (figure.method, figure.joules.map(Joules::value))
    }

    #[test]
    fn the_counter_of_energy_is_taken_where_there_is_one() {
        let (gpu, mut meter) =
            begin(Answers { energy: Some(7_000_000), power: Some(300_000), ..Answers::default() });
        assert!(!meter.needs_sampling());
        gpu.now(|answers| answers.energy = Some(7_250_000));
        meter.look(1.0);
        assert_eq!(told(&meter.figure()), (Method::NvmlCounter, Some(250.0)));
    }

    #[test]
    fn a_window_in_which_the_counter_did_not_move_is_not_free() {
        let (_gpu, mut meter) =
            begin(Answers { energy: Some(5), power: Some(100_000), ..Answers::default() });
        meter.look(0.05);
        let figure = meter.figure();
        assert_eq!(told(&figure), (Method::NvmlPower, Some(5.0)));
        assert_eq!(figure.relative_error, Some(1.0));
        assert!(figure.reason.unwrap().contains("did not move on"));
    }

    #[test]
    fn without_a_counter_power_is_sampled_and_summed() {
        let (gpu, mut meter) = begin(Answers { power: Some(100_000), ..Answers::default() });
        assert!(meter.needs_sampling());
        gpu.now(|answers| answers.power = Some(300_000));
        meter.look(1.0);
        meter.look(2.0);
        // (100 + 300) / 2 · 1 s + 300 · 1 s
        let figure = meter.figure();
        assert_eq!((told(&figure), figure.samples), ((Method::NvmlPower, Some(500.0)), 3));
    }

    #[test]
    fn without_power_its_use_times_its_limit_is_a_model_and_says_so() {
        let answers = Answers { limit: Some(400_000), busy: Some(0.5), ..Answers::default() };
        let (_gpu, mut meter) = begin(answers);
        meter.look(2.0);
        let figure = meter.figure();
        assert_eq!(told(&figure), (Method::ModelTdp, Some(400.0)));
        assert_eq!(figure.class, super::super::figure::Class::Modelled);
    }

    #[test]
    fn a_gpu_that_tells_nothing_is_missing_and_not_0() {
        let (_gpu, mut meter) = begin(Answers::default());
        meter.look(2.0);
        let figure = meter.figure();
        assert_eq!(told(&figure), (Method::Unavailable, None));
        assert_eq!(figure.reason.as_deref(), Some("not supported"));
        let watts = Assumptions { gpu_watts: Some(Watts::new(200.0)), ..Assumptions::default() };
        assert_eq!(told(&unread(&watts, 2.0, "no driver".into())), (Method::UserConstant, Some(400.0)));
    }

    #[test]
    fn a_counter_that_starts_again_gives_way_to_the_power() {
        let (gpu, mut meter) =
            begin(Answers { energy: Some(7_000_000), power: Some(50_000), ..Answers::default() });
        gpu.now(|answers| answers.energy = Some(10));
        meter.look(1.0);
        let figure = meter.figure();
        assert_eq!(told(&figure), (Method::NvmlPower, Some(50.0)));
        assert!(figure.reason.unwrap().contains("started again"));
    }
}
