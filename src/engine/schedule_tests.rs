//! Tests of `schedule.rs`.

use std::collections::BTreeSet;
use std::fs;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::engine::fake::{Launched, launch, options, run_all, stage};
use crate::engine::options::Final;
use crate::engine::plan::{State, plan};
use crate::engine::stage::{Files, Input, PassesOn, Stage};
use crate::engine::why::Reason;

fn states(root: &Path, stages: &[Stage]) -> Vec<State> {
    let store = Store::open(root).unwrap();
    let graph = Graph { stages: stages.to_vec() };
    plan(&graph, &store, &mut History::open(&store, "test"), &options()).unwrap().states
}

fn reason(states: &[State], id: usize) -> String {
    match &states[id] {
        State::Stale { reason, .. } => reason.to_string(),
        other => panic!("{other:?}"),
    }
}

fn diamond() -> Vec<Stage> {
    vec![
        stage("top", "a", &[]),
        stage("left", "b", &[0]),
        stage("right", "c", &[0]),
        stage("end", "d", &[1, 2]),
    ]
}

#[test]
fn a_first_launch_makes_everything_and_a_second_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(states(folder.path(), &diamond())[3], State::Waits { on: 1 });
    let first = run_all(folder.path(), &diamond());
    assert_eq!(first.started, ["top", "left", "right", "end"]);
    assert!(first.outcome.is_complete());
    let second = run_all(folder.path(), &diamond());
    assert!(second.started.is_empty());
    assert_eq!(second.outcome.count(|state| *state == Final::Cached), 4);
    let keys =
        |launched: &Launched| launched.outcome.stages.iter().map(|s| s.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&first), keys(&second));
}

#[test]
fn a_change_reruns_what_reads_it_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    run_all(folder.path(), &diamond());
    let mut stages = diamond();
    stages[1].parameters = json!({ "says": "other" });
    let planned = states(folder.path(), &stages);
    assert_eq!(reason(&planned, 1), "parameter `says` b → other");
    assert_eq!(planned[3], State::Waits { on: 1 });
    assert_eq!(run_all(folder.path(), &stages).started, ["left", "end"]);
    // The old one is still there.
    assert!(run_all(folder.path(), &diamond()).started.is_empty());
}

#[test]
fn equal_bytes_stop_the_rerun_there() {
    let folder = tempfile::tempdir().unwrap();
    let stages = |says: &str| vec![stage("top", says, &[]), stage("end", "d", &[0])];
    run_all(folder.path(), &stages("same one"));
    let again = run_all(folder.path(), &stages("same two"));
    assert_eq!(again.started, ["top"]);
    assert_eq!(again.outcome.stages[1].state, Final::Cached);
}

#[test]
fn a_failure_blocks_its_readers_and_with_keep_going_nothing_else() {
    let stages = vec![
        stage("bad", "fail", &[]),
        stage("below", "b", &[0]),
        stage("far below", "b", &[1]),
        stage("other", "c", &[]),
        stage("after", "c", &[3]),
    ];
    let folder = tempfile::tempdir().unwrap();
    let stopped = launch(folder.path(), &stages, |options, _| options.jobs = 1);
    assert_eq!(stopped.started, ["bad"]);
    let finals =
        |launched: &Launched| launched.outcome.stages.iter().map(|s| s.state.clone()).collect::<Vec<_>>();
    let failed = Final::Failed { message: "told to fail".into() };
    let blocked = |by| Final::Blocked { by };
    assert_eq!(
        finals(&stopped),
        [failed.clone(), blocked(0), blocked(1), Final::NotStarted, Final::NotStarted]
    );
    let kept = launch(folder.path(), &stages, |options, _| options.keep_going = true);
    assert_eq!(finals(&kept), [failed, blocked(0), blocked(1), Final::Made, Final::Made]);
    assert_eq!(reason(&states(folder.path(), &stages), 0), "its last attempt did not finish");
}

#[test]
fn a_retry_has_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let tried = launch(folder.path(), &[stage("one", "a", &[])], |options, executor| {
        (options.retries, executor.failures_left) = (2, 2);
    });
    assert_eq!(tried.started.len(), 3);
    assert!(tried.outcome.is_complete());
    let retries =
        tried.events.iter().filter(|event| matches!(event, Event::StageFailed { will_retry: true, .. }));
    assert_eq!(retries.count(), 2);
    assert!(run_all(folder.path(), &[stage("one", "a", &[])]).started.is_empty());
}

/// `photos` holds a file `test`, which `more` passes on; `score` reads it there.
fn passing(test: &str) -> Vec<Stage> {
    let mut photos = stage("photos", "a", &[]);
    photos.kind = "split";
    let mut test = stage("test", test, &[]);
    test.kind = "split";
    let mut more = stage("more", "b", &[0, 1]);
    more.inputs[1].files = Files::Named(vec![]);
    more.passes_on = Some(PassesOn { input: 1, files: &["out"] });
    let mut score = stage("score", "c", &[]);
    score.inputs = vec![Input { role: "on".into(), from: 2, files: Files::Named(vec!["out"]) }];
    vec![photos, test, more, score]
}

#[test]
fn a_passed_on_file_is_read_where_it_was_made_and_waits_for_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let scored = launch(folder.path(), &passing("x"), |options, _| options.targets = vec![3]);
    assert_eq!(scored.started, ["test", "score"]);
    assert_eq!(scored.outcome.stages[2].state, Final::NotAsked);
    run_all(folder.path(), &passing("x"));
    assert_eq!(run_all(folder.path(), &passing("y")).started, ["test", "score"]);
}

#[test]
fn a_damaged_input_is_set_aside_and_made_again_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let stages = vec![stage("top", "a", &[]), stage("end", "d", &[0])];
    run_all(folder.path(), &stages[..1]);
    let store = Store::open(folder.path()).unwrap();
    let artifact = store.list().remove(0);
    let content = artifact.content("out");
    fs::remove_file(&content).unwrap();
    fs::write(&content, "b").unwrap();
    drop(store);
    let run = run_all(folder.path(), &stages);
    assert_eq!(run.started, ["top", "end"]);
    assert!(run.outcome.is_complete());
    assert!(run.events.iter().any(|event| matches!(event, Event::Quarantined { stage: 0, .. })));
    assert_eq!(fs::read_to_string(content).unwrap(), "a");
}

#[test]
fn an_artifact_that_is_gone_or_short_is_made_again_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let stages = [stage("one", "a", &[])];
    run_all(folder.path(), &stages);
    let artifact = Store::open(folder.path()).unwrap().list().remove(0);
    fs::remove_file(artifact.content("out")).unwrap();
    assert_eq!(reason(&states(folder.path(), &stages), 0), "its artifact is damaged: `out` is gone");
    assert_eq!(run_all(folder.path(), &stages).started, ["one"]);
    fs::remove_dir_all(artifact.path).unwrap();
    assert_eq!(reason(&states(folder.path(), &stages), 0), "its artifact is gone");
    assert_eq!(run_all(folder.path(), &stages).started, ["one"]);
}

#[test]
fn a_forced_stage_runs_again_and_its_readers_do_not_if_the_bytes_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    run_all(folder.path(), &diamond());
    let forced = launch(folder.path(), &diamond(), |options, _| options.force = vec![0]);
    assert_eq!(forced.started, ["top"]);
    assert!(forced.outcome.is_complete());
    let failed = launch(folder.path(), &diamond(), |options, executor| {
        (options.force, executor.failures_left) = (vec![0], 1);
    });
    assert!(!failed.outcome.is_complete());
    // What was there before the vain attempt is there again.
    assert!(run_all(folder.path(), &diamond()).started.is_empty());
}

#[test]
fn two_stages_that_say_the_same_are_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_all(folder.path(), &[stage("one", "a", &[]), stage("other", "a", &[])]);
    assert_eq!(run.started, ["one"]);
    assert!(run.outcome.is_complete());
}

#[test]
fn a_long_chain_needs_no_deep_stack() {
    let folder = tempfile::tempdir().unwrap();
    let chain = |first: &str| -> Vec<Stage> {
        let reads = |id: usize| if id == 0 { vec![] } else { vec![id - 1] };
        let says = |id: usize| if id == 0 { first.to_string() } else { "same".to_string() };
        (0..300).map(|id| stage(&id.to_string(), says(id), &reads(id))).collect()
    };
    run_all(folder.path(), &chain("same"));
    let graph = Graph { stages: chain("same again") };
    let store = Store::open(folder.path()).unwrap();
    let small = std::thread::Builder::new().stack_size(256 * 1024);
    let run = small.spawn(move || run_all(store.root(), &graph.stages).started).unwrap().join().unwrap();
    assert_eq!(run, ["0"]);
}

/// For each stage, the earlier stages that it reads.
fn graphs() -> impl Strategy<Value = Vec<Vec<usize>>> {
    prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..3), 1..9).prop_map(
        |stages| {
            let reads = |(id, picks): (usize, &Vec<prop::sample::Index>)| -> Vec<usize> {
                let picks = picks.iter().filter(|_| id > 0).map(|pick| pick.index(id));
                picks.collect::<BTreeSet<_>>().into_iter().collect()
            };
            stages.iter().enumerate().map(reads).collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exactly_the_descendants_of_a_change_rerun(reads in graphs(), changed in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().unwrap();
        let mut stages: Vec<Stage> =
            reads.iter().enumerate().map(|(id, reads)| stage(&id.to_string(), id.to_string(), reads)).collect();
        run_all(folder.path(), &stages);
        prop_assert!(run_all(folder.path(), &stages).started.is_empty());
        let changed = changed.index(stages.len());
        stages[changed].parameters = json!({ "says": "changed" });
        let mut stale = BTreeSet::from([changed]);
        for (id, reads) in reads.iter().enumerate() {
            if reads.iter().any(|read| stale.contains(read)) {
                stale.insert(id);
            }
        }
        let started = run_all(folder.path(), &stages).started;
        let started: BTreeSet<usize> = started.iter().map(|label| label.parse().unwrap()).collect();
        prop_assert_eq!(started, stale);
    }
}

#[test]
fn a_source_that_changes_makes_its_stage_stale_and_is_named() {
    use crate::engine::stage::{Place, Source};
    let folder = tempfile::tempdir().unwrap();
    let (store, photos) = (folder.path().join("store"), folder.path().join("photos"));
    fs::create_dir_all(photos.join("robin")).unwrap();
    fs::write(photos.join("robin/1.jpg"), "one").unwrap();
    let mut one = stage("one", "a", &[]);
    let place = Place::Tree { root: photos.clone(), extensions: &["jpg"] };
    one.sources.push(Source { role: "photos".into(), place });
    fs::write(folder.path().join("prep.py"), "print()").unwrap();
    let place = Place::File(folder.path().join("prep.py"));
    one.sources.push(Source { role: "prep.py".into(), place });
    let stages = [one];
    run_all(&store, &stages);
    fs::write(photos.join("robin/notes.txt"), "no photo").unwrap();
    assert!(run_all(&store, &stages).started.is_empty());
    fs::write(photos.join("robin/2.jpg"), "two").unwrap();
    assert_eq!(reason(&states(&store, &stages), 0), "source `photos`: `robin/2.jpg` is added");
    assert_eq!(run_all(&store, &stages).started, ["one"]);
    fs::write(folder.path().join("prep.py"), "print(1)").unwrap();
    assert_eq!(reason(&states(&store, &stages), 0), "file `prep.py` has other bytes");
}

#[test]
fn the_reason_after_an_edit_of_a_failed_stage_tells_from_its_job() {
    let folder = tempfile::tempdir().unwrap();
    run_all(folder.path(), &[stage("one", "fail", &[])]);
    let planned = states(folder.path(), &[stage("one", "a", &[])]);
    assert_eq!(reason(&planned, 0), "parameter `says` fail → a");
    assert_eq!(
        states(folder.path(), &[stage("new", "a", &[])])[0].clone(),
        match planned[0].clone() {
            State::Stale { key, .. } => State::Stale { key, reason: Reason::New },
            other => other,
        }
    );
}
