//! How long a plan would take, by what stages took before.

use std::collections::HashMap;

use serde_json::Value;

use super::graph::Graph;
use super::history::{History, Last};
use super::plan::{Plan, State};
use super::stage::{Stage, StageId};
use super::store::{Artifact, Store};

/// How large a stage is beside others of its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// It takes about as long as others.
    Alike,
    /// Its time grows with this, among those of the same name.
    Of(&'static str, f64),
    /// Its time grows with something that is not known.
    Unknown,
}

/// The sizes of stages, and of those that were done.
pub struct Sizes<'a> {
    pub of_stage: &'a dyn Fn(StageId) -> Size,
    pub of_artifact: &'a dyn Fn(&Artifact) -> Size,
}

/// Seconds that each stage of the plan that has to run would take: by what it took when it last ran, else by the stages of
/// its name, else by its kind with the same parts, else by its kind; in proportion to their sizes, where they have some.
/// `None` for the others, and where nothing tells.
pub fn predict(
    (graph, plan): (&Graph, &Plan),
    (store, history): (&Store, &mut History),
    sizes: &Sizes,
) -> Vec<Option<f64>> {
    let mut past = Past { store, history, sizes, named: HashMap::new(), all: None };
    let runs = |state: &State| matches!(state, State::Stale { .. } | State::Waits { .. });
    let stages = graph.stages.iter().enumerate().zip(&plan.states);
    stages
        .map(|((id, stage), state)| runs(state).then(|| past.foresee(stage, (sizes.of_stage)(id))).flatten())
        .collect()
}

/// What a stage of some size took.
#[derive(Clone, Copy)]
struct Precedent {
    secs: f64,
    size: Size,
}

struct Past<'a> {
    store: &'a Store,
    history: &'a mut History,
    sizes: &'a Sizes<'a>,
    named: HashMap<String, Vec<Precedent>>,
    /// By kind, and by kind and parts, in each environment.
    all: Option<HashMap<String, Vec<Precedent>>>,
}

impl Past<'_> {
    fn foresee(&mut self, stage: &Stage, size: Size) -> Option<f64> {
        let last = self.history.last(&stage.label).filter(|last| last.made && last.kind == stage.kind);
        if let Some(last) = last.cloned() {
            let precedent = self.precedent(&last);
            match (size, precedent.size) {
                (Size::Of(own, _), Size::Of(other, _)) if own != other => {}
                (Size::Of(..), Size::Of(..)) => return in_proportion(size, &[precedent]),
                _ => return Some(last.took_secs),
            }
        }
        if !self.named.contains_key(&stage.name) {
            let made = self.history.made_of_name(&stage.name);
            let precedents = made.iter().map(|last| self.precedent(last)).collect();
            self.named.insert(stage.name.clone(), precedents);
        }
        let named = self.named.get(&stage.name).and_then(|named| in_proportion(size, named));
        named.or_else(|| self.by_kind(stage, size))
    }

    fn precedent(&self, last: &Last) -> Precedent {
        let artifact = self.store.find(&last.kind, &last.key);
        let size = artifact.map_or(Size::Unknown, |artifact| (self.sizes.of_artifact)(&artifact));
        Precedent { secs: last.took_secs, size }
    }

    fn by_kind(&mut self, stage: &Stage, size: Size) -> Option<f64> {
        if size == Size::Unknown {
            return None;
        }
        let all = self.all.get_or_insert_with(|| all(self.store, self.sizes));
        let names = names(stage.kind, &serde_json::json!(stage.parts), &stage.environment);
        names.iter().find_map(|name| in_proportion(size, all.get(name)?))
    }
}

fn all(store: &Store, sizes: &Sizes) -> HashMap<String, Vec<Precedent>> {
    let mut all: HashMap<String, Vec<Precedent>> = HashMap::new();
    for artifact in store.list() {
        let precedent = Precedent { secs: artifact.receipt.took_secs, size: (sizes.of_artifact)(&artifact) };
        let said = &artifact.receipt.pre_image;
        for name in names(&artifact.receipt.kind, &said["parts"], &said["environment"]) {
            all.entry(name).or_default().push(precedent);
        }
    }
    all
}

/// What stages of the same parts are found by, and then all of a kind.
fn names(kind: &str, parts: &Value, environment: &Value) -> [String; 2] {
    [format!("{kind} {environment} {parts}"), format!("{kind} {environment}")]
}

fn in_proportion(size: Size, precedents: &[Precedent]) -> Option<f64> {
    let Size::Of(name, size) = size else {
        return mean(precedents.iter().map(|precedent| (precedent.secs, 1.0)));
    };
    let known = precedents.iter().filter_map(|precedent| match precedent.size {
        Size::Of(other, size) if other == name => Some((precedent.secs, size)),
        _ => None,
    });
    mean(known).map(|secs| secs * size)
}

/// The sum of the first by that of the second.
fn mean(pairs: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (secs, sizes) = pairs.fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    (sizes > 0.0).then(|| secs / sizes)
}

#[cfg(test)]
mod tests {
    use super::super::fake::{options, run_all, stage};
    use super::super::plan::plan;
    use super::*;

    fn foreseen(folder: &std::path::Path, stages: Vec<Stage>, sizes: &Sizes) -> Vec<Option<f64>> {
        let store = Store::open(folder).unwrap();
        let mut history = History::open(&store, "test");
        let graph = Graph { stages };
        let plan = plan(&graph, &store, &mut history, &options()).unwrap();
        predict((&graph, &plan), (&store, &mut history), sizes)
    }

    #[test]
    fn a_stage_is_predicted_by_the_nearest_that_ran() {
        let folder = tempfile::tempdir().unwrap();
        run_all(folder.path(), &[stage("one", "a", &[])]);
        let store = Store::open(folder.path()).unwrap();
        let took = History::open(&store, "test").last("one").unwrap().took_secs;
        let mut other = stage("other", "c", &[]);
        other.kind = "never";
        let stages = vec![stage("one", "b", &[]), stage("new", "a new one", &[]), other];
        let sizes = Sizes { of_stage: &|_| Size::Alike, of_artifact: &|_| Size::Alike };
        assert_eq!(foreseen(folder.path(), stages, &sizes), [Some(took), Some(took), None]);
    }

    #[test]
    fn what_has_a_size_is_predicted_in_proportion_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        run_all(folder.path(), &[stage("one", "a", &[])]);
        let store = Store::open(folder.path()).unwrap();
        let took = History::open(&store, "test").last("one").unwrap().took_secs;
        let stages = || vec![stage("one", "b", &[]), stage("new", "c", &[]), stage("newer", "d", &[])];
        let of_stage = |id: StageId| [Size::Of("a", 6.0), Size::Of("a", 20.0), Size::Unknown][id];
        let sizes = Sizes { of_stage: &of_stage, of_artifact: &|_| Size::Of("a", 2.0) };
        let found = foreseen(folder.path(), stages(), &sizes);
        let near = |found: Option<f64>, secs: f64| (found.unwrap() - secs).abs() < 1e-9 * secs;
        assert!(near(found[0], 3.0 * took) && near(found[1], 10.0 * took), "{found:?} by {took}");
        assert_eq!(found[2], None);
        // Of a precedent whose size is not known, only the very stage goes by what it took.
        let sizes = Sizes { of_stage: &of_stage, of_artifact: &|_| Size::Unknown };
        assert_eq!(foreseen(folder.path(), stages(), &sizes), [Some(took), None, None]);
        // One of another name tells nothing.
        let sizes = Sizes { of_stage: &of_stage, of_artifact: &|_| Size::Of("b", 2.0) };
        assert_eq!(foreseen(folder.path(), stages(), &sizes), [None, None, None]);
    }
}
