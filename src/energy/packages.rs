//! A stage's share of what the processor's packages draw.
//!
//! The idle power belongs to whoever was given threads, by their number; what is above it belongs to whoever used the
//! processor, by time. Time is that of everybody on the machine, as the kernel counts it, so that the shares of stages
//! side by side, of this launch or another, never come to more than the whole.

use super::figure::{Constant, Figure, Method};
use super::rapl::{Drawn, Rapl};
use super::units::{Joules, Watts};

/// No maker states an error of these counters. They follow a plug meter closely (Khan et al. 2018, "RAPL in action");
/// this is an allowance.
const COUNTER_ERROR: f64 = 0.05;

/// Processor time of everybody comes in hundredths of a second; two edges make two.
const EDGES_SECS: f64 = 0.02;

/// A usual counter of 262 kJ starts again after this long at 1.3 kW: whoever looks later may have missed a round.
const LONGEST_GAP_SECS: f64 = 200.0;

/// A stage that used less of the busy time than this had company.
const ALONE: f64 = 0.95;

/// The clocks at one look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Seconds since the stage began.
    pub at_secs: f64,
    /// Processor seconds of the stage.
    pub cpu_secs: f64,
    /// Processor seconds of everybody.
    pub busy_secs: f64,
}

/// Adds up a stage's share, look by look.
#[derive(Debug)]
pub struct Packages {
    rapl: Rapl,
    /// Of all packages.
    idle: Option<Watts>,
    /// Threads given to the stage, as a share of those there are.
    given: f64,
    last: Look,
    own_secs: f64,
    busy_secs: f64,
    joules: Joules,
    memory: Option<Joules>,
    samples: u64,
    /// Why the measurement ended early.
    lost: Option<String>,
}

impl Packages {
    /// `given`: threads given to the stage, as a share of those there are.
    pub fn begin(rapl: Rapl, idle: Option<Watts>, given: f64, now: Look) -> Packages {
        let memory = rapl.has_memory().then(Joules::default);
        Packages {
            rapl,
            idle,
            given: given.clamp(0.0, 1.0),
            last: now,
            own_secs: 0.0,
            busy_secs: 0.0,
            joules: Joules::default(),
            memory,
            samples: 1,
            lost: None,
        }
    }

    /// Reads the counters. What was drawn since the last look is the stage's share by what happened since.
    pub fn look(&mut self, now: Look) {
        if self.lost.is_some() {
            return;
        }
        let secs = (now.at_secs - self.last.at_secs).max(0.0);
        let Some(drawn) = self.rapl.advance() else {
            self.lost = Some("the processor's counter went away while the stage ran".to_string());
            return;
        };
        if secs > LONGEST_GAP_SECS {
            self.lost = Some(format!("the processor's counter was not looked at for {secs:.0} s"));
            return;
        }
        let own = (now.cpu_secs - self.last.cpu_secs).max(0.0);
        // The stage's own time is known to the nanosecond, everybody's to a hundredth: a part is no more than the whole.
        let busy = (now.busy_secs - self.last.busy_secs).max(own);
        self.charge(drawn, secs, own, busy);
        self.last = now;
    }

    fn charge(&mut self, drawn: Drawn, secs: f64, own: f64, busy: f64) {
        let share = if busy > 0.0 { own / busy } else { 0.0 };
        let whole = drawn.packages.value();
        let idle = self.idle.map_or(0.0, |watts| watts.over(secs).value()).min(whole);
        self.joules += Joules::new(idle * self.given + (whole - idle) * share);
        self.memory = self.memory.zip(drawn.memory).map(|(sum, more)| sum + more * share);
        self.own_secs += own;
        self.busy_secs += busy;
        self.samples += 1;
    }

    /// The stage's share so far; `None` for both where the measurement was lost.
    pub fn drawn(&self) -> (Joules, Option<Joules>) {
        (self.joules, self.memory)
    }

    /// What was measured, or why it was not.
    ///
    /// # Errors
    /// When a counter went away, or was not looked at for too long.
    pub fn figures(&self) -> Result<(Figure, Option<Figure>), String> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        let memory = self.memory.map(|joules| self.figure(joules, Vec::new()));
        Ok((self.figure(self.joules, self.constants()), memory))
    }

    fn figure(&self, joules: Joules, constants: Vec<Constant>) -> Figure {
        let covered = self.last.at_secs;
        let error = if covered > 0.0 { (COUNTER_ERROR + EDGES_SECS / covered).min(1.0) } else { 1.0 };
        Figure {
            samples: self.samples,
            shared: self.own_secs < ALONE * self.busy_secs,
            constants,
            ..Figure::new(joules, Method::Rapl, error, covered)
        }
    }

    fn constants(&self) -> Vec<Constant> {
        let share = if self.busy_secs > 0.0 { self.own_secs / self.busy_secs } else { 0.0 };
        let mut constants = vec![Constant::new(
            "share_of_busy_time",
            share,
            "",
            "CPU-seconds of the stage over all, /proc/stat",
        )];
        match self.idle {
            Some(idle) => {
                constants.push(Constant::new("idle_watts", idle.value(), "W", "pipeline.toml, [energy]"));
                constants.push(Constant::new("share_of_threads", self.given, "", "threads given over all"));
            }
            None => {
                let source = "not told: what the packages draw idle is split like the rest";
                constants.push(Constant::new("idle_watts", 0.0, "W", source));
            }
        }
        constants
    }
}

#[cfg(test)]
mod tests {
    use super::super::rapl::tests::Tree;
    use super::*;

    const PACKAGE: &[(&str, &str, u64)] = &[("intel-rapl:0", "package-0", 0), ("intel-rapl:0:0", "dram", 0)];

    fn look(at_secs: f64, cpu_secs: f64, busy_secs: f64) -> Look {
        Look { at_secs, cpu_secs, busy_secs }
    }

    fn begin(tree: &Tree, idle: Option<f64>, given: f64) -> Packages {
        Packages::begin(Rapl::open(tree.path()).unwrap(), idle.map(Watts::new), given, look(0.0, 0.0, 500.0))
    }

    fn joules(packages: &Packages) -> f64 {
        packages.figures().unwrap().0.joules.unwrap().value()
    }

    #[test]
    fn stages_side_by_side_share_a_package_and_are_never_counted_twice() {
        let tree = Tree::new(PACKAGE);
        // Of four threads one each; the machine idles at 20 W.
        let (mut one, mut other) = (begin(&tree, Some(20.0), 0.25), begin(&tree, Some(20.0), 0.25));
        tree.set("intel-rapl:0", 60_000_000);
        one.look(look(1.0, 0.75, 501.0));
        other.look(look(1.0, 0.25, 501.0));
        // 20 J of idle, of which a quarter each; 40 J above it, three to one.
        assert_eq!((joules(&one), joules(&other)), (35.0, 15.0));
        let (figure, _) = one.figures().unwrap();
        assert!(figure.shared && joules(&one) + joules(&other) <= 60.0);
    }

    #[test]
    fn what_others_on_the_machine_use_is_not_charged_to_the_stage() {
        let tree = Tree::new(PACKAGE);
        let mut packages = begin(&tree, None, 1.0);
        tree.set("intel-rapl:0", 100_000_000);
        tree.set("intel-rapl:0:0", 10_000_000);
        packages.look(look(1.0, 1.0, 504.0));
        let (processor, memory) = packages.figures().unwrap();
        assert_eq!((processor.joules.unwrap().value(), memory.unwrap().joules.unwrap().value()), (25.0, 2.5));
    }

    #[test]
    fn a_stage_alone_is_charged_everything_and_not_marked_as_shared() {
        let tree = Tree::new(PACKAGE);
        let mut packages = begin(&tree, None, 0.5);
        tree.set("intel-rapl:0", 30_000_000);
        // The kernel's count lags behind.
        packages.look(look(2.0, 1.004, 501.0));
        let (figure, _) = packages.figures().unwrap();
        assert_eq!((figure.joules.unwrap().value(), figure.shared, figure.samples), (30.0, false, 2));
        assert_eq!((figure.method, figure.coverage_secs), (Method::Rapl, 2.0));
    }

    #[test]
    fn a_short_stage_is_not_stretched_and_says_how_little_is_known() {
        let tree = Tree::new(PACKAGE);
        let mut packages = begin(&tree, None, 0.5);
        tree.set("intel-rapl:0", 500_000);
        packages.look(look(0.01, 0.01, 500.01));
        let (figure, _) = packages.figures().unwrap();
        assert!((figure.joules.unwrap().value() - 0.5).abs() < 1e-9);
        assert_eq!((figure.coverage_secs, figure.relative_error), (0.01, Some(1.0)));
    }

    #[test]
    fn a_gap_in_which_the_counter_may_have_gone_round_twice_is_no_measurement() {
        let tree = Tree::new(PACKAGE);
        let mut packages = begin(&tree, None, 0.5);
        tree.set("intel-rapl:0", 500_000);
        packages.look(look(4000.0, 1.0, 501.0));
        assert!(packages.figures().unwrap_err().contains("not looked at for 4000 s"));
    }

    #[test]
    fn an_idle_power_told_too_high_is_held_to_what_was_drawn() {
        let tree = Tree::new(PACKAGE);
        let mut packages = begin(&tree, Some(500.0), 0.5);
        tree.set("intel-rapl:0", 40_000_000);
        packages.look(look(1.0, 1.0, 501.0));
        assert_eq!(joules(&packages), 20.0);
    }
}
