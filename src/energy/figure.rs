//! A figure of energy with everything that it rests on, and how figures add up.

use serde::{Deserialize, Serialize};

use super::units::Joules;

/// How a figure came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The GPU's own counter of energy.
    NvmlCounter,
    /// The GPU's power, sampled and summed.
    NvmlPower,
    /// The processor's counters of energy.
    Rapl,
    /// Processor time, or use of the GPU, times watts from a data sheet.
    ModelTdp,
    /// The same, times watts that pipeline.toml tells.
    UserConstant,
    Unavailable,
}

impl Method {
    /// As files write it.
    pub fn name(self) -> &'static str {
        match self {
            Method::NvmlCounter => "nvml_counter",
            Method::NvmlPower => "nvml_power",
            Method::Rapl => "rapl",
            Method::ModelTdp => "model_tdp",
            Method::UserConstant => "user_constant",
            Method::Unavailable => "unavailable",
        }
    }

    pub fn class(self) -> Class {
        match self {
            Method::NvmlCounter | Method::NvmlPower | Method::Rapl => Class::Measured,
            Method::ModelTdp | Method::UserConstant => Class::Modelled,
            Method::Unavailable => Class::Missing,
        }
    }
}

/// What a figure is worth, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    Measured,
    Modelled,
    Missing,
}

impl Class {
    /// As files write it.
    pub fn name(self) -> &'static str {
        match self {
            Class::Measured => "measured",
            Class::Modelled => "modelled",
            Class::Missing => "missing",
        }
    }
}

/// A number that a figure rests on, and where it is from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constant {
    pub name: String,
    pub value: f64,
    pub unit: String,
    pub source: String,
}

impl Constant {
    pub fn new(name: &str, value: f64, unit: &str, source: impl Into<String>) -> Constant {
        Constant { name: name.into(), value, unit: unit.into(), source: source.into() }
    }
}

/// What one part of the machine (processor, memory, GPU) drew for a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// `None` where nothing is known; never 0 for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joules: Option<Joules>,
    pub method: Method,
    pub class: Class,
    /// Half the width of what the true value lies in, as a share of the figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_error: Option<f64>,
    /// How often the meter was read, both edges included; 0 for a model.
    pub samples: u64,
    /// Seconds that the figure covers; nothing is stretched beyond them.
    pub coverage_secs: f64,
    /// Others used the same part meanwhile, so that the figure is a share.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constants: Vec<Constant>,
    /// Why there is nothing better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Figure {
    pub fn new(joules: Joules, method: Method, relative_error: f64, coverage_secs: f64) -> Figure {
        Figure {
            joules: Some(joules),
            class: method.class(),
            relative_error: Some(relative_error),
            coverage_secs,
            ..Figure::missing("")
        }
        .by(method)
    }

    pub fn missing(reason: impl Into<String>) -> Figure {
        let reason = reason.into();
        Figure {
            joules: None,
            method: Method::Unavailable,
            class: Class::Missing,
            relative_error: None,
            samples: 0,
            coverage_secs: 0.0,
            shared: false,
            constants: Vec::new(),
            reason: (!reason.is_empty()).then_some(reason),
        }
    }

    fn by(self, method: Method) -> Figure {
        Figure { method, ..self }
    }

    /// Adds a figure of the same part for another time. Of two methods the worse one names the sum; errors of one meter
    /// do not cancel out, so they add.
    pub fn add(&mut self, other: &Figure) {
        let error = |figure: &Figure| Some(figure.joules?.value() * figure.relative_error?);
        let joules = self.joules.zip(other.joules).map(|(a, b)| a + b);
        let errors = error(self).zip(error(other)).map(|(a, b)| a + b);
        self.relative_error = match (joules, errors) {
            (Some(joules), Some(errors)) if joules.value() > 0.0 => Some(errors / joules.value()),
            _ => self.relative_error.zip(other.relative_error).map(|(a, b)| a.max(b)),
        };
        self.joules = joules;
        self.method = self.method.max(other.method);
        self.class = self.class.max(other.class);
        self.samples += other.samples;
        self.coverage_secs += other.coverage_secs;
        self.shared |= other.shared;
        for constant in &other.constants {
            if !self.constants.contains(constant) {
                self.constants.push(constant.clone());
            }
        }
        if self.reason.is_none() {
            self.reason.clone_from(&other.reason);
        }
    }
}

/// What a stage drew, part by part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    pub processor: Figure,
    /// Memory (DRAM); `None` where it has no counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Figure>,
    /// `None` for a stage that was given no GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Figure>,
    /// Processor seconds that metering itself took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_cpu_secs: Option<f64>,
}

impl Energy {
    fn parts(&self) -> impl Iterator<Item = &Figure> {
        [Some(&self.processor), self.memory.as_ref(), self.gpu.as_ref()].into_iter().flatten()
    }

    /// Everything that was drawn; `None` where a part that drew something is not known: a part is not a total.
    pub fn joules(&self) -> Option<Joules> {
        self.parts().map(|part| part.joules).sum()
    }

    /// That of its worst part.
    pub fn class(&self) -> Class {
        self.parts().map(|part| part.class).max().unwrap_or(Class::Missing)
    }

    /// The joules among them that were measured.
    pub fn measured(&self) -> Joules {
        let measured = self.parts().filter(|part| part.class == Class::Measured);
        measured.filter_map(|part| part.joules).sum()
    }

    /// Every method used, in a fixed order.
    pub fn methods(&self) -> Vec<Method> {
        let mut methods: Vec<Method> = self.parts().map(|part| part.method).collect();
        methods.sort();
        methods.dedup();
        methods
    }

    /// Adds what another attempt at the same stage drew.
    pub fn add(&mut self, other: &Energy) {
        self.processor.add(&other.processor);
        self.memory = match (self.memory.take(), &other.memory) {
            (Some(mut memory), Some(more)) => {
                memory.add(more);
                Some(memory)
            }
            // Known for a part of the time only.
            _ => None,
        };
        self.gpu = match (self.gpu.take(), &other.gpu) {
            (Some(mut gpu), Some(more)) => {
                gpu.add(more);
                Some(gpu)
            }
            (gpu, more) => gpu.or_else(|| more.clone()),
        };
        self.sampling_cpu_secs = self.sampling_cpu_secs.zip(other.sampling_cpu_secs).map(|(a, b)| a + b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(joules: f64, method: Method, error: f64) -> Figure {
        Figure::new(Joules::new(joules), method, error, 1.0)
    }

    fn energy(processor: Figure, gpu: Option<Figure>) -> Energy {
        Energy { processor, memory: None, gpu, sampling_cpu_secs: None }
    }

    #[test]
    fn a_total_has_the_class_of_its_worst_part_and_says_how_much_was_measured() {
        let gpu = figure(90.0, Method::NvmlCounter, 0.05);
        let total = energy(figure(10.0, Method::ModelTdp, 0.4), Some(gpu));
        assert_eq!(total.joules(), Some(Joules::new(100.0)));
        assert_eq!((total.class(), total.measured()), (Class::Modelled, Joules::new(90.0)));
        assert_eq!(total.methods(), [Method::NvmlCounter, Method::ModelTdp]);
    }

    #[test]
    fn a_part_that_is_missing_makes_the_total_missing_and_not_smaller() {
        let total = energy(figure(10.0, Method::Rapl, 0.05), Some(Figure::missing("no driver")));
        assert_eq!((total.joules(), total.class()), (None, Class::Missing));
    }

    #[test]
    fn attempts_add_up_with_their_errors_and_constants() {
        let mut one = figure(10.0, Method::Rapl, 0.1);
        one.constants.push(Constant::new("watts_per_thread", 4.0, "W", "a source"));
        let mut other = figure(30.0, Method::ModelTdp, 0.4);
        other.constants.push(Constant::new("watts_per_thread", 4.0, "W", "a source"));
        one.add(&other);
        assert_eq!((one.joules, one.class), (Some(Joules::new(40.0)), Class::Modelled));
        assert!((one.relative_error.unwrap() - 13.0 / 40.0).abs() < 1e-12);
        assert_eq!((one.coverage_secs, one.constants.len()), (2.0, 1));
        one.add(&Figure::missing("killed before the first look"));
        assert_eq!((one.joules, one.class), (None, Class::Missing));
    }

    #[test]
    fn what_is_missing_is_left_out_of_the_file() {
        let text = serde_json::to_string(&energy(Figure::missing("no /proc"), None)).unwrap();
        assert!(!text.contains("joules") && text.contains("\"missing\""), "{text}");
    }
}
