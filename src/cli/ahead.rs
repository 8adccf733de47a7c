//! What a launch has drawn so far, what it draws now and when it will be over, told while it goes on.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::budget;
use super::expected::Expected;
use super::view::seconds;
use crate::energy::{Joules, Kernel, Rapl};
use crate::engine::{self, Event, Graph, Listener, Options, StageEvent, StageId, Store};
use crate::report::{Terms, written_energy};

/// Looks that power is a mean over.
const WINDOW: usize = 10;

/// Share of a stage from which on its own pace tells more than earlier runs.
const TELLING: f64 = 0.05;

/// Seconds from which on it does so whatever its share: a stage may be longer than any before it.
const PATIENCE: f64 = 5.0;

/// Listens to a launch, and tells of it now and then.
pub struct Ahead {
    stages: Arc<Mutex<Stages>>,
    kinds: Vec<&'static str>,
    /// Dropped, it ends the watch.
    over: Option<Sender<()>>,
    /// Until a stage starts: a launch that finds everything cached needs no watch.
    waiting: Option<Box<dyn FnOnce() -> Option<Forecast> + Send>>,
    watch: Option<JoinHandle<Option<Forecast>>>,
}

/// What a launch was to draw in all, by its power and the time left, as soon as both could be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Of the launch, by then.
    pub after: Duration,
    pub joules: Joules,
}

impl Forecast {
    /// Beside what it came to: `≈ 3.40 Wh foreseen after 41 s, 3.56 Wh spent (+5 %)`.
    pub fn beside(&self, spent: Joules) -> String {
        let error = 100.0 * (spent.value() / self.joules.value() - 1.0);
        let error = format!("{error:+.0}").replace('-', "−");
        let (foreseen, after) = (written_energy(self.joules), seconds(self.after.as_secs_f64()));
        format!("≈ {foreseen} foreseen after {after}, {} spent ({error} %)", written_energy(spent))
    }
}

/// What stages are at.
struct Stages {
    started: BTreeSet<(&'static str, String)>,
    /// Those that are to run, or run.
    open: BTreeSet<StageId>,
    expected: Expected,
    running: HashMap<StageId, (Instant, f64)>,
    jobs: usize,
}

impl Ahead {
    /// `say` is told `every` so often. Stages write down what they drew once a second.
    pub fn watch(
        (graph, options, expected): (&Graph, &Options, Expected),
        (store, terms): (&Store, &Terms),
        every: Duration,
        say: impl Fn(String) + Send + 'static,
    ) -> Ahead {
        let needed = graph.needed(&options.targets);
        let stages = Arc::new(Mutex::new(Stages {
            started: BTreeSet::new(),
            open: (0..needed.len()).filter(|id| needed[*id]).collect(),
            expected,
            running: HashMap::new(),
            jobs: options.jobs.max(1),
        }));
        let (over, ended) = channel();
        let since = engine::rfc3339(std::time::SystemTime::now());
        let (root, terms, seen) = (store.root().to_path_buf(), terms.clone(), stages.clone());
        let watch = move || {
            let (began, mut first) = (Instant::now(), None);
            let store = Store::open(&root).ok()?;
            let (mut settled, mut looks) = (HashMap::new(), VecDeque::new());
            let measured = Rapl::open(&Kernel::default().powercap()).is_ok();
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let started = lock(&seen).started.clone();
                let joules = budget::spent(&store, &started, &since, &terms, &mut settled);
                looks.push_back((Instant::now(), joules));
                if looks.len() > WINDOW {
                    looks.pop_front();
                }
                let (watts, left) = (watts(&looks), lock(&seen).left());
                let in_all = watts.zip(left).map(|(watts, left)| joules + Joules::new(watts * left));
                let forecast = in_all.map(|joules| Forecast { after: began.elapsed(), joules });
                first = first.or(forecast);
                say(told(joules, watts, left.zip(in_all), measured));
            }
            first
        };
        let kinds = graph.stages.iter().map(|stage| stage.kind).collect();
        Ahead { stages, kinds, over: Some(over), waiting: Some(Box::new(watch)), watch: None }
    }

    /// Ends the watch. What it foresaw first, if it could.
    pub fn close(&mut self) -> Option<Forecast> {
        drop(self.over.take());
        self.watch.take()?.join().ok()?
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock(stages: &Mutex<Stages>) -> MutexGuard<'_, Stages> {
    stages.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stages {
    /// Seconds until all is done, if stages go on side by side as they may; `None` where nothing tells.
    fn left(&self) -> Option<f64> {
        let open: Option<Vec<f64>> = self.open.iter().map(|id| self.of_stage(*id)).collect();
        let open = open.filter(|open| !open.is_empty())?;
        let side_by_side = open.iter().sum::<f64>() / self.jobs.min(open.len()) as f64;
        Some(open.iter().copied().fold(side_by_side, f64::max))
    }

    fn of_stage(&self, id: StageId) -> Option<f64> {
        let Some((began, share)) = self.running.get(&id) else { return self.expected.of(id) };
        let took = began.elapsed().as_secs_f64();
        match *share {
            share if share > TELLING || (share > 0.0 && took > PATIENCE) => {
                Some(took * (1.0 - share) / share)
            }
            _ => Some((self.expected.of(id)? - took).max(0.0)),
        }
    }
}

/// Over the looks that there are.
fn watts(looks: &VecDeque<(Instant, Joules)>) -> Option<f64> {
    let ((began, before), (now, joules)) = (looks.front()?, looks.back()?);
    let secs = now.duration_since(*began).as_secs_f64();
    let more = joules.since(*before)?;
    (secs > 0.0 && more.value() > 0.0).then(|| more.value() / secs)
}

/// `≈ 0.00120 kWh so far, ≈ 8 W, about 3 min 20 s left, ≈ 0.00164 kWh then`.
fn told(joules: Joules, watts: Option<f64>, left: Option<(f64, Joules)>, measured: bool) -> String {
    let mark = if measured { "" } else { "≈ " };
    let energy = (joules.value() > 0.0).then(|| format!("{mark}{} so far", written_energy(joules)));
    let power = watts.map(|watts| format!("{mark}{watts:.0} W"));
    let left =
        left.map(|(secs, then)| format!("about {} left, ≈ {} then", seconds(secs), written_energy(then)));
    [energy, power, left].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

impl Listener for Ahead {
    fn hear(&mut self, event: &Event) {
        let starts = matches!(event, Event::StageStarted { .. });
        if let Some(watch) = self.waiting.take_if(|_| starts) {
            self.watch = std::thread::Builder::new().name("ahead".into()).spawn(watch).ok();
        }
        let mut stages = lock(&self.stages);
        match event {
            Event::StageStarted { stage, key, .. } => {
                stages.started.insert((self.kinds[*stage], key.clone()));
                stages.running.insert(*stage, (Instant::now(), 0.0));
            }
            Event::StageSaid { stage, said: StageEvent::Progress { done, total, .. }, .. } => {
                if let Some((_, share)) = stages.running.get_mut(stage) {
                    *share = *done as f64 / (*total).max(1) as f64;
                }
            }
            Event::StageCached { stage, .. } => _ = stages.open.remove(stage),
            Event::StageFinished { stage, took_secs, .. } => {
                stages.open.remove(stage);
                stages.running.remove(stage);
                stages.expected.took(*stage, *took_secs);
            }
            Event::StageFailed { stage, .. }
            | Event::StageStopped { stage, .. }
            | Event::StageBlocked { stage, .. } => {
                stages.open.remove(stage);
                stages.running.remove(stage);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Size;

    fn of_seconds(expected: &[Option<f64>]) -> Expected {
        let names = (0..expected.len()).map(|id| format!("stage {id}")).collect();
        Expected::new(names, vec![Size::Alike; expected.len()], expected.to_vec())
    }

    fn stages(expected: &[Option<f64>], jobs: usize) -> Stages {
        Stages {
            started: BTreeSet::new(),
            open: (0..expected.len()).collect(),
            expected: of_seconds(expected),
            running: HashMap::new(),
            jobs,
        }
    }

    #[test]
    fn what_is_left_is_shared_by_the_stages_that_may_run_at_a_time() {
        assert_eq!(stages(&[Some(10.0), Some(20.0), Some(30.0)], 2).left(), Some(30.0));
        assert_eq!(stages(&[Some(10.0), Some(20.0), Some(60.0)], 2).left(), Some(60.0));
        assert_eq!(stages(&[Some(10.0), None], 2).left(), None);
        assert_eq!(stages(&[], 2).left(), None);
    }

    #[test]
    fn the_pace_of_a_running_stage_counts_more_than_what_it_took_before() {
        let mut stages = stages(&[Some(1000.0)], 1);
        stages.running.insert(0, (Instant::now() - Duration::from_secs(10), 0.5));
        let left = stages.left().unwrap();
        assert!((9.9..11.0).contains(&left), "{left}");
        // A hundredth in ten seconds: it is longer than any before it.
        stages.expected = of_seconds(&[Some(11.0)]);
        stages.running.insert(0, (Instant::now() - Duration::from_secs(10), 0.01));
        assert!(stages.left().unwrap() > 900.0);
        stages.running.insert(0, (Instant::now() - Duration::from_secs(1), 0.01));
        assert!(stages.left().unwrap() < 11.0);
    }

    #[test]
    fn power_is_what_was_drawn_between_looks() {
        let now = Instant::now();
        let look = |secs: u64, joules: f64| (now + Duration::from_secs(secs), Joules::new(joules));
        assert_eq!(watts(&VecDeque::from([look(0, 10.0), look(2, 20.0), look(4, 50.0)])), Some(10.0));
        assert_eq!(watts(&VecDeque::from([look(0, 10.0)])), None);
        let left = Some((200.0, Joules::new(5600.0)));
        let line = told(Joules::new(3600.0), Some(10.0), left, false);
        assert_eq!(line, "≈ 0.00100 kWh so far, ≈ 10 W, about 3 min 20 s left, ≈ 0.00156 kWh then");
        assert_eq!(told(Joules::default(), None, None, true), "");
    }

    #[test]
    fn a_forecast_is_held_against_what_it_came_to() {
        let forecast = Forecast { after: Duration::from_secs(41), joules: Joules::new(7200.0) };
        let beside = forecast.beside(Joules::new(5400.0));
        assert_eq!(beside, "≈ 0.00200 kWh foreseen after 41 s, 0.00150 kWh spent (−25 %)");
    }
}
