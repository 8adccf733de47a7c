//! How long a plan would take, by what stages took before.

use std::collections::HashMap;

use super::graph::Graph;
use super::history::History;
use super::plan::{Plan, State};
use super::stage::Stage;
use super::store::Store;

/// Seconds that each stage of the plan that has to run would take: what it took when it last ran, else the mean of
/// the stages of its name, else of its kind with the same parts, else of its kind. `None` for the others, and where
/// nothing of the kind ever ran.
pub fn predict(graph: &Graph, plan: &Plan, store: &Store, history: &mut History) -> Vec<Option<f64>> {
    let mut means: Option<Means> = None;
    let runs = |state: &State| matches!(state, State::Stale { .. } | State::Waits { .. });
    let mut by_name: HashMap<&str, Option<f64>> = HashMap::new();
    let stages = graph.stages.iter().zip(&plan.states);
    stages
        .map(|(stage, state)| {
            if !runs(state) {
                return None;
            }
            let last = history.last(&stage.label).filter(|last| last.made && last.kind == stage.kind);
            if let Some(last) = last {
                return Some(last.took_secs);
            }
            let named =
                by_name.entry(&stage.name).or_insert_with(|| mean(&history.seconds_of_name(&stage.name)));
            named.or_else(|| means.get_or_insert_with(|| Means::of(store)).of_stage(stage))
        })
        .collect()
}

/// Seconds that artifacts took, by kind, and by kind and parts.
struct Means {
    seconds: HashMap<String, Vec<f64>>,
}

impl Means {
    fn of(store: &Store) -> Means {
        let mut seconds: HashMap<String, Vec<f64>> = HashMap::new();
        for artifact in store.list() {
            let receipt = artifact.receipt;
            let with_parts = format!("{} {}", receipt.kind, receipt.pre_image["parts"]);
            seconds.entry(with_parts).or_default().push(receipt.took_secs);
            seconds.entry(receipt.kind).or_default().push(receipt.took_secs);
        }
        Means { seconds }
    }

    fn of_stage(&self, stage: &Stage) -> Option<f64> {
        let with_parts = format!("{} {}", stage.kind, serde_json::json!(stage.parts));
        let seconds = self.seconds.get(&with_parts).or_else(|| self.seconds.get(stage.kind));
        seconds.and_then(|seconds| mean(seconds))
    }
}

fn mean(seconds: &[f64]) -> Option<f64> {
    let n = seconds.len();
    (n > 0).then(|| seconds.iter().sum::<f64>() / n as f64)
}

#[cfg(test)]
mod tests {
    use super::super::fake::{options, run_all, stage};
    use super::super::plan::plan;
    use super::*;

    #[test]
    fn a_stage_is_predicted_by_the_nearest_that_ran() {
        let folder = tempfile::tempdir().unwrap();
        run_all(folder.path(), &[stage("one", "a", &[])]);
        let store = Store::open(folder.path()).unwrap();
        let mut history = History::open(&store, "test");
        let took = history.last("one").unwrap().took_secs;
        let mut other = stage("other", "c", &[]);
        other.kind = "never";
        let stages = vec![stage("one", "b", &[]), stage("new", "a new one", &[]), other];
        let graph = Graph { stages };
        let plan = plan(&graph, &store, &mut history, &options()).unwrap();
        assert_eq!(predict(&graph, &plan, &store, &mut history), [Some(took), Some(took), None]);
    }
}
