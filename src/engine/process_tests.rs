//! Stages in real processes: this very test program, told to run the one ignored test below.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::bail;

use super::*;
use crate::engine::event::Event;
use crate::engine::fake::{Heard, options, stage};
use crate::engine::graph::Graph;
use crate::engine::history::History;
use crate::engine::options::{Final, Outcome};
use crate::engine::schedule::run;
use crate::engine::stage::Stage;
use crate::engine::store::Store;
use crate::engine::task::{Stopped, Task};
use crate::engine::work::{NoMeter, Work, perform, run_program};

/// The body of a stage's process; not a test.
#[test]
#[ignore = "the process of other tests"]
fn the_process_of_a_stage() {
    let code = perform("fake", Work { does: &does, meter: &NoMeter }, &["fake"]);
    std::process::exit(i32::from(code != ExitCode::SUCCESS));
}

fn does(task: &Task) -> Result<()> {
    let says = task.job.pre_image["parameters"]["says"].as_str().unwrap_or_default();
    println!("this is a line of the log");
    task.started(None);
    match says {
        "abort" => std::process::abort(),
        "kill" => drop(kill_process(rustix::process::getpid(), Signal::KILL)),
        "exit" => std::process::exit(7),
        "wait" => return wait(task),
        shell if shell.starts_with("sh ") => {
            let line = shell[3..].replace("{out}", &task.content("").display().to_string());
            run_program(&line, &task.job.root, task)?;
        }
        _ => fs::write(task.content("out"), says)?,
    }
    Ok(())
}

/// Works until it is told to stop.
fn wait(task: &Task) -> Result<()> {
    let began = Instant::now();
    while !task.should_stop() {
        std::thread::sleep(Duration::from_millis(5));
        if began.elapsed() > Duration::from_secs(60) {
            bail!("nobody told it to stop");
        }
    }
    fs::write(task.checkpoints().join("step"), "7")?;
    Err(Stopped { saved_at: Some(7) }.into())
}

fn own_options() -> Options {
    let mut options = options();
    let name = module_path!().split_once("::").unwrap().1;
    let test = format!("{name}::the_process_of_a_stage");
    options.own_arguments = ["--exact", &test, "--ignored", "--nocapture"].map(str::to_string).to_vec();
    options.worker_program = "/nowhere/pipeline-worker".into();
    options
}

fn launch(root: &Path, stages: Vec<Stage>) -> (Outcome, Vec<Event>) {
    let store = Store::open(root).unwrap();
    let (mut heard, mut history) = (Heard::default(), History::open(&store, "test"));
    let mut options = own_options();
    options.keep_going = true;
    let outcome = run(&Graph { stages }, &store, &mut history, &options, &mut [&mut heard]).unwrap();
    (outcome, heard.0)
}

fn message(says: &str) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (_, events) = launch(folder.path(), vec![stage("one", says, &[])]);
    let failed = events.into_iter().find_map(|event| match event {
        Event::StageFailed { message, log_tail, .. } => Some((message, log_tail)),
        _ => None,
    });
    failed.expect("the stage fails")
}

#[test]
fn stages_in_processes_leave_artifacts_with_their_logs() {
    let folder = tempfile::tempdir().unwrap();
    let stages =
        vec![stage("top", "a", &[]), stage("end", "sh echo text > {out}/out; echo printed >&2", &[0])];
    // As a killed launch leaves it.
    fs::create_dir_all(folder.path().join("work/0123456789abcdef")).unwrap();
    let (outcome, events) = launch(folder.path(), stages.clone());
    assert!(outcome.is_complete(), "{events:?}");
    let said = |event: &Event| matches!(event, Event::StageSaid { said: StageEvent::Started { .. }, .. });
    assert_eq!(events.iter().filter(|event| said(event)).count(), 2);
    let store = Store::open(folder.path()).unwrap();
    let end = store.list().into_iter().find(|artifact| artifact.receipt.label == "end").unwrap();
    assert_eq!(fs::read_to_string(end.content("out")).unwrap(), "text\n");
    assert_eq!(fs::read_to_string(end.measured("log")).unwrap(), "this is a line of the log\nprinted\n");
    assert_eq!(fs::read_dir(folder.path().join("work")).unwrap().count(), 0);
    assert_eq!(launch(folder.path(), stages).0.count(|state| *state == Final::Cached), 2);
}

#[test]
fn a_process_that_dies_fails_its_stage_with_the_signal_and_the_end_of_its_log() {
    for (says, expected) in [
        ("abort", "aborted (SIGABRT)"),
        ("kill", "killed by SIGKILL (9): often the kernel's out-of-memory killer"),
        ("exit", "ended with exit code 7"),
    ] {
        let (message, tail) = message(says);
        assert_eq!(message, expected);
        assert_eq!(tail[0], "this is a line of the log");
    }
}

#[test]
fn a_command_that_fails_tells_its_exit_code_and_what_it_printed() {
    let (text, tail) = message("sh echo no birds here >&2; exit 3");
    assert_eq!(text, "the command ended with exit code 3");
    assert_eq!(tail.last().unwrap(), "no birds here");
    assert!(message("sh no-such-program").0.contains("was not found (exit code 127)"));
    assert_eq!(
        message("sh kill -9 $$").0,
        "the command was killed by SIGKILL (9): often the kernel's out-of-memory killer"
    );
}

/// Which process did each stage of a chain of shell lines, in order.
fn pids(lines: &[&str]) -> Vec<u32> {
    let folder = tempfile::tempdir().unwrap();
    let inputs = |at: usize| if at == 0 { vec![] } else { vec![at - 1] };
    let stages = lines.iter().enumerate().map(|(at, line)| stage(&at.to_string(), *line, &inputs(at)));
    let (outcome, events) = launch(folder.path(), stages.collect());
    assert!(outcome.is_complete(), "{events:?}");
    let pid = |event| match event {
        Event::StageSaid { said: StageEvent::Started { pid, .. }, .. } => Some(pid),
        _ => None,
    };
    events.into_iter().filter_map(pid).collect()
}

#[test]
fn a_process_does_one_stage_after_another_unless_one_leaves_something_running() {
    let one = pids(&["sh echo 1 > {out}/out", "sh echo 2 > {out}/out", "3"]);
    assert_eq!(one, [one[0]; 3]);
    let two = pids(&["sh sleep 600 & echo 1 > {out}/out", "2"]);
    assert_ne!(two[0], two[1]);
}

#[test]
fn a_process_that_dies_while_it_waits_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, options) = (Store::open(folder.path()).unwrap(), own_options());
    let mut processes = Processes::new(&options, store.root());
    for name in ["one", "two"] {
        let mut job = crate::engine::work::tests::job(&store, name);
        job.pre_image = serde_json::json!({ "parameters": { "says": name } });
        let attempt = Attempt::create(&store, &mut job).unwrap();
        processes.start(0, Program::Own, &job, &attempt).unwrap();
        let mut last = Happening::Ended(Some("nothing".into()));
        while !matches!(last, Happening::Ended(None)) {
            last = next(&mut processes);
            assert!(!matches!(last, Happening::Ended(Some(_))), "{last:?}");
        }
        let waits = processes.live.values_mut().next().unwrap();
        kill_process(pid(&waits.child), Signal::KILL).unwrap();
        while !processes.live.is_empty() {
            assert_eq!(processes.next(Duration::from_millis(10)), None);
        }
    }
}

#[test]
fn what_a_stage_leaves_running_is_swept_away_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (pid, line) = (folder.path().join("pid"), "sh sleep 600 & echo $! > PID; echo > {out}/out");
    let says = line.replace("PID", &pid.display().to_string());
    assert!(launch(&folder.path().join("store"), vec![stage("one", says, &[])]).0.is_complete());
    let pid = fs::read_to_string(pid).unwrap().trim().parse().unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    let ended = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        // A zombie that nobody reaps here has ended, too.
        stat.is_empty() || stat.contains(") Z ")
    };
    let began = Instant::now();
    while !ended() && began.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(ended());
}

/// Starts one stage that waits to be stopped, and hears that it works.
fn started<'a>(store: &Store, options: &'a Options) -> (Processes<'a>, Attempt, Job) {
    let mut job = crate::engine::work::tests::job(store, "one");
    job.pre_image = serde_json::json!({ "parameters": { "says": "wait" } });
    let attempt = Attempt::create(store, &mut job).unwrap();
    let mut processes = Processes::new(options, store.root());
    processes.start(0, Program::Own, &job, &attempt).unwrap();
    while !matches!(next(&mut processes), Happening::Said(StageEvent::Started { .. })) {}
    (processes, attempt, job)
}

fn next(processes: &mut Processes) -> Happening {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if let Some((_, happening)) = processes.next(Duration::from_millis(100)) {
            return happening;
        }
    }
    panic!("nothing happens");
}

#[test]
fn a_stage_that_is_asked_to_stop_saves_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let (store, options) = (Store::open(folder.path()).unwrap(), own_options());
    let (mut processes, attempt, _) = started(&store, &options);
    processes.stop();
    assert_eq!(next(&mut processes), Happening::Said(StageEvent::Stopped { saved_at: Some(7) }));
    assert!(matches!(next(&mut processes), Happening::Ended(_)));
    assert_eq!(fs::read_to_string(attempt.folder.join("checkpoints/step")).unwrap(), "7");
    assert!(!attempt.folder.join("content").exists());
}

#[test]
fn a_stage_whose_engine_is_gone_saves_and_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (store, options) = (Store::open(folder.path()).unwrap(), own_options());
    let (mut processes, attempt, _) = started(&store, &options);
    // What the kernel does when it kills the engine.
    processes.live.values_mut().for_each(|live| live.lifeline = None);
    while !matches!(next(&mut processes), Happening::Ended(_)) {}
    assert_eq!(fs::read_to_string(attempt.folder.join("checkpoints/step")).unwrap(), "7");
}

#[test]
fn killing_ends_a_stage_that_does_not_listen() {
    let folder = tempfile::tempdir().unwrap();
    let (store, options) = (Store::open(folder.path()).unwrap(), own_options());
    let (mut processes, attempt, job) = started(&store, &options);
    processes.kill();
    let expected = "killed by SIGKILL (9): often the kernel's out-of-memory killer";
    assert_eq!(next(&mut processes), Happening::Ended(Some(expected.into())));
    drop(attempt);
    assert_eq!(crate::engine::attempt::dead_attempts(&store.work(&job.key)).len(), 1);
}

#[test]
fn a_worker_that_is_not_there_is_named_with_what_brings_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = stage("one", "a", &[]);
    one.program = Program::Worker;
    let (outcome, _) = launch(folder.path(), vec![one]);
    let Final::Failed { message } = &outcome.stages[0].state else { panic!("{outcome:?}") };
    assert!(
        message.contains("cannot start `/nowhere/pipeline-worker`") && message.contains("hint: "),
        "{message}"
    );
}

#[test]
fn a_worker_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut options = own_options();
    options.version = "0.0.0".into();
    let (graph, mut history) =
        (Graph { stages: vec![stage("one", "a", &[])] }, History::open(&store, "test"));
    let outcome = run(&graph, &store, &mut history, &options, &mut []).unwrap();
    let Final::Failed { message } = &outcome.stages[0].state else { panic!("{outcome:?}") };
    assert!(message.contains("version 0.0.0") && message.contains("from one build"), "{message}");
}

#[test]
fn a_spare_takes_the_first_tensor_stage_and_none_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut options = own_options();
    // A worker is told nothing by arguments, so a script stands in for it.
    let script = folder.path().join("worker");
    let words = options.own_arguments.join(" ");
    fs::write(&script, format!("#!/bin/sh\nexec {} {words}\n", options.own_program.display())).unwrap();
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    options.worker_program = script;
    let tensor = |label: &str| Stage { program: Program::Worker, ..stage(label, label, &[]) };
    let (graph, mut history) =
        (Graph { stages: ["a", "b", "c"].map(tensor).to_vec() }, History::open(&store, "test"));
    let outcome = run(&graph, &store, &mut history, &options, &mut []).unwrap();
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(store.list().len(), 3);
}
