//! `--max-kwh` and `--max-cost`: what a launch may spend, held to before it starts and while it runs.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::arguments::Run;
use super::failure::Failure;
use super::foreseen;
use super::opened::eprint;
use crate::energy::{Joules, KilowattHours};
use crate::engine::{self, Event, Graph, History, Listener, Options, State, Store};
use crate::experiment::Experiment;
use crate::report::{self, Terms, written_energy};

/// How often what was spent is looked up: a launch may go over by what it draws meanwhile, and until it has stopped.
const EVERY: Duration = Duration::from_millis(500);

/// The most that a launch may spend, and the argument that says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    joules: Joules,
    argument: &'static str,
}

impl Limit {
    /// The tighter of both arguments; `None` without either.
    ///
    /// # Errors
    /// Money without a price.
    pub fn of(arguments: &Run, terms: &Terms) -> Result<Option<Limit>, Failure> {
        let kwh = arguments
            .max_kwh
            .map(|kwh| Limit { joules: KilowattHours::new(kwh).joules(), argument: "--max-kwh" });
        let money = match arguments.max_cost {
            Some(cost) => Some(Limit::of_cost(cost, terms)?),
            None => None,
        };
        let limits = [kwh, money].into_iter().flatten();
        Ok(limits.min_by(|a, b| a.joules.value().total_cmp(&b.joules.value())))
    }

    fn of_cost(cost: f64, terms: &Terms) -> Result<Limit, Failure> {
        let one = terms.tariff.cost(KilowattHours::new(1.0).joules()).filter(|one| *one > 0.0);
        let Some(one) = one else {
            return Err(Failure::usage(
                "`--max-cost` needs the price of a kilowatt-hour\nhint: tell `price_per_kwh` in [energy] of pipeline.toml",
            ));
        };
        Ok(Limit { joules: KilowattHours::new(cost / one).joules(), argument: "--max-cost" })
    }
}

/// What a launch is going to spend, by what stages drew before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prediction {
    pub joules: Joules,
    /// Stages that are to run.
    pub stages: usize,
    /// Those of them that have no precedent.
    pub unknown: usize,
}

/// Predicted seconds of each stage × the watts that stages of its name drew, else those of its kind.
pub fn predict(
    graph: &Graph,
    (plan, times): (&engine::Plan, &[Option<f64>]),
    store: &Store,
    history: &mut History,
    terms: &Terms,
) -> Prediction {
    let mut watts: HashMap<&str, Option<f64>> = HashMap::new();
    let mut prediction = Prediction::default();
    for ((stage, state), secs) in graph.stages.iter().zip(&plan.states).zip(times) {
        if !matches!(state, State::Stale { .. } | State::Waits { .. }) {
            continue;
        }
        prediction.stages += 1;
        let mut known = || {
            let keys = history.keys_of_name(&stage.name);
            mean_watts(store, stage.kind, &keys, terms).or_else(|| {
                let all = store.list().into_iter().filter(|artifact| artifact.receipt.kind == stage.kind);
                let keys: Vec<String> = all.map(|artifact| artifact.receipt.key).take(SAMPLE).collect();
                mean_watts(store, stage.kind, &keys, terms)
            })
        };
        let watts = *watts.entry(&stage.name).or_insert_with(&mut known);
        match (*secs).zip(watts) {
            Some((secs, watts)) => prediction.joules += Joules::new(secs * watts),
            None => prediction.unknown += 1,
        }
    }
    prediction
}

/// Artifacts of a name that a mean is taken over.
const SAMPLE: usize = 20;

fn mean_watts(store: &Store, kind: &str, keys: &[String], terms: &Terms) -> Option<f64> {
    let one = |key: &String| {
        let receipt = store.find(kind, key)?.receipt;
        Some((report::of_receipt(&receipt, Some(terms))?.joules?.value(), receipt.took_secs))
    };
    let known: Vec<(f64, f64)> = keys.iter().take(SAMPLE).filter_map(one).collect();
    let (joules, secs) = known.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (secs > 0.0).then(|| joules / secs)
}

/// Watches a launch; asks it to stop once it has spent its limit.
pub struct Budget {
    limit: Option<Limit>,
    prediction: Option<Prediction>,
    halt: Arc<AtomicBool>,
    kinds: Vec<&'static str>,
    started: Arc<Mutex<BTreeSet<(&'static str, String)>>>,
    /// Dropped, it ends the watch.
    over: Option<Sender<()>>,
    watch: Option<JoinHandle<()>>,
}

impl Budget {
    /// Looks at what the launch would take, where there is a limit.
    ///
    /// # Errors
    /// When that is more than the limit: nothing runs then.
    pub fn open(
        limit: Option<Limit>,
        experiment: &Experiment,
        (store, history): (&Store, &mut History),
        options: &Options,
        terms: &Terms,
    ) -> Result<Budget, Failure> {
        let graph = &experiment.graph;
        let mut budget = Budget {
            limit,
            prediction: None,
            halt: options.halt.clone(),
            kinds: graph.stages.iter().map(|stage| stage.kind).collect(),
            started: Arc::default(),
            over: None,
            watch: None,
        };
        let Some(limit) = limit else { return Ok(budget) };
        let plan = engine::plan(graph, store, history, options)?;
        let times = foreseen::seconds(experiment, &plan, store, history);
        let prediction = predict(graph, (&plan, &times), store, history, terms);
        if prediction.joules > limit.joules {
            return Err(Failure::new(Failure::BUDGET, too_much(&prediction, limit)));
        }
        if prediction.stages > 0 {
            eprint(&format!(
                "energy: {} predicted, {} allowed\n",
                told(&prediction),
                written_energy(limit.joules)
            ));
        }
        budget.prediction = Some(prediction);
        budget.start(limit, store, terms);
        Ok(budget)
    }

    fn start(&mut self, limit: Limit, store: &Store, terms: &Terms) {
        let (over, ended) = channel();
        let since = engine::rfc3339(std::time::SystemTime::now());
        let (halt, started, terms) = (self.halt.clone(), self.started.clone(), terms.clone());
        let root = store.root().to_path_buf();
        let watch = move || {
            let Ok(store) = Store::open(&root) else { return };
            let mut settled = HashMap::new();
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let stages = started.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if spent(&store, &stages, &since, &terms, &mut settled) > limit.joules {
                    halt.store(true, Ordering::Relaxed);
                    return;
                }
            }
        };
        self.watch = std::thread::Builder::new().name("budget".into()).spawn(watch).ok();
        self.over = Some(over);
    }

    /// Ends the watch. What is to be said of the prediction, and the failure if the launch was stopped.
    pub fn close(mut self, spent: Option<Joules>, path: &str) -> Result<(), Failure> {
        drop(self.over.take());
        if let Some(watch) = self.watch.take() {
            let _ = watch.join();
        }
        let (Some(limit), Some(prediction)) = (self.limit, self.prediction) else { return Ok(()) };
        let stopped = self.halt.load(Ordering::Relaxed);
        if let Some(spent) = spent.filter(|_| prediction.stages > prediction.unknown && !stopped) {
            eprint(&format!("energy: {}\n", how_it_came(&prediction, spent)));
        }
        if !stopped {
            return Ok(());
        }
        let spent = spent.map_or("not known".to_string(), written_energy);
        let (allowed, argument) = (written_energy(limit.joules), limit.argument);
        let message = format!(
            "stopped: {spent} spent, and `{argument}` allows {allowed}\n\
             hint: `pipeline run {path}` goes on from what was saved"
        );
        Err(Failure::new(Failure::BUDGET, message))
    }
}

impl Listener for Budget {
    fn hear(&mut self, event: &Event) {
        if let Event::StageStarted { stage, key, .. } = event {
            let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
            started.insert((self.kinds[*stage], key.clone()));
        }
    }
}

/// What stages of this launch drew so far; those that are done are remembered in `settled`.
pub(super) fn spent(
    store: &Store,
    stages: &BTreeSet<(&'static str, String)>,
    since: &str,
    terms: &Terms,
    settled: &mut HashMap<String, Joules>,
) -> Joules {
    let one = |(kind, key): &(&'static str, String)| {
        if let Some(known) = settled.get(key) {
            return *known;
        }
        if let Some(artifact) = store.find(kind, key) {
            let drawn = report::of_receipt_since(&artifact.receipt, since, Some(terms));
            settled.insert(key.clone(), drawn.unwrap_or_default());
            return drawn.unwrap_or_default();
        }
        let attempts = engine::spent_at(store, key).into_iter();
        attempts
            .filter(|spent| spent.started_at.as_str() >= since)
            .filter_map(|spent| report::of_unfinished(&spent))
            .sum()
    };
    stages.iter().map(one).sum()
}

/// `≈ 0.0123 kWh`, with the stages that it leaves out.
pub fn told(prediction: &Prediction) -> String {
    let known = prediction.stages - prediction.unknown;
    let all = format!("≈ {}", written_energy(prediction.joules));
    match (known, prediction.unknown) {
        (0, _) => "nothing".to_string(),
        (_, 0) => all,
        (known, unknown) => format!("{all} for {known} stages ({unknown} have no precedent)"),
    }
}

fn too_much(prediction: &Prediction, limit: Limit) -> String {
    let (predicted, allowed) = (told(prediction), written_energy(limit.joules));
    format!(
        "{predicted} predicted by earlier runs, and `{}` allows {allowed}: nothing was run\n\
         hint: raise it, or ask for fewer stages",
        limit.argument
    )
}

/// `0.0123 kWh predicted, 0.0150 kWh spent (+22 %)`.
fn how_it_came(prediction: &Prediction, spent: Joules) -> String {
    let error = 100.0 * (spent.value() / prediction.joules.value() - 1.0);
    let error =
        if error.is_finite() { format!(" ({error:+.0} %)").replace('-', "−") } else { String::new() };
    format!("{} predicted, {} spent{error}", told(prediction), written_energy(spent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prediction_says_what_it_leaves_out_and_how_wrong_it_was() {
        let prediction = Prediction { joules: Joules::new(36_000.0), stages: 3, unknown: 1 };
        assert_eq!(told(&prediction), "≈ 0.0100 kWh for 2 stages (1 have no precedent)");
        let prediction = Prediction { unknown: 0, ..prediction };
        let came = how_it_came(&prediction, Joules::new(27_000.0));
        assert_eq!(came, "≈ 0.0100 kWh predicted, 0.00750 kWh spent (−25 %)");
    }
}
