//! What a kill at any moment, a second launch and a flipped byte leave behind.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod project;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::thread::sleep;
use std::time::Duration;

use project::{Project, Ran};

/// Two chains of three stages and their join; each stage takes a few hundredths of a second.
const CHAINS: &str = r#"
[command.first]
run = "sleep 0.03; echo {c} > {out}/x"

[command.second]
run = "sleep 0.03; cat {in.first}/x {in.first}/x > {out}/x"

[command.third]
run = "sleep 0.03; cat {in.second}/x > {out}/x"

[matrix]
c = [1, 2]
"#;

/// The artifacts there are, each with the inode of its receipt: made again, it would have another.
fn made(project: &Project) -> BTreeMap<String, u64> {
    let inode = |name: &String| {
        let receipt = project.path("artifacts").join(name).join("receipt.json");
        fs::metadata(receipt).unwrap_or_else(|error| panic!("`{name}` has no receipt: {error}")).ino()
    };
    project
        .artifacts()
        .into_iter()
        .map(|name| {
            let ino = inode(&name);
            (name, ino)
        })
        .collect()
}

/// Kills the engine, or the first stage that `ps` shows, `after` milliseconds into a launch.
fn kill_after(project: &Project, after: u64, stage: bool) {
    let mut engine = project.start(&["run", "x.toml", "--keep-going"]);
    sleep(Duration::from_millis(after));
    if stage {
        let listed = std::process::Command::new("pgrep").args(["-P", &engine.id().to_string()]).output();
        let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
        if let Some(child) = listed.lines().next() {
            let _ = std::process::Command::new("kill").args(["-9", child]).output();
        }
    } else {
        engine.kill().unwrap();
    }
    engine.wait().unwrap();
}

#[test]
fn after_a_kill_at_any_of_50_moments_the_next_run_completes_and_makes_nothing_twice() {
    for moment in 0..50u64 {
        let project = Project::with(CHAINS);
        // Spread over the launch in an order that has nothing to do with its stages.
        kill_after(&project, moment * 7919 % 200, moment % 2 == 1);
        let before = made(&project);
        project.run();
        let after = made(&project);
        assert_eq!(after.len(), 6, "moment {moment}");
        for (name, inode) in before {
            assert_eq!(after[&name], inode, "moment {moment}: `{name}` was finished and made again");
        }
        project.pipeline(&["verify"]).expect(0);
    }
}

#[test]
fn two_launches_at_once_make_each_stage_once() {
    let project = Project::with(&CHAINS.replace("run = \"", "run = \"echo x >> $SCRATCH/ran; "));
    let launches: Vec<_> = (0..2).map(|_| project.start(&["run", "x.toml"])).collect();
    for launch in launches {
        Ran::of(&launch.wait_with_output().unwrap()).expect(0);
    }
    assert_eq!(project.tally("ran").len(), 6);
    assert_eq!(project.artifacts().len(), 6);
}

#[test]
fn a_stage_that_is_killed_fails_with_the_signal_named_and_others_go_on() {
    let project = Project::with(
        r#"
[command.doomed]
run = "echo last words >&2; kill -9 $PPID; sleep 5; touch {out}/x"

[command.other]
run = "sleep 0.2; echo 1 > {out}/x"
"#,
    );
    let said = project.pipeline(&["run", "x.toml", "--keep-going"]).expect(1);
    said.says("SIGKILL");
    said.says("last words");
    assert_eq!(project.artifacts().len(), 1);
}

#[test]
fn no_process_outlives_a_killed_engine() {
    let project =
        Project::with("[command.slow]\nrun = \"echo $$ > $SCRATCH/pid; exec sleep 1000; touch {out}/x\"\n");
    let mut engine = project.start(&["run", "x.toml"]);
    assert!(seen(|| !project.read("scratch/pid").trim().is_empty()), "the stage started");
    let pid = project.read("scratch/pid").trim().to_string();
    engine.kill().unwrap();
    engine.wait().unwrap();
    assert!(seen(|| has_ended(&pid)), "process {pid} still runs");
}

#[test]
fn an_interrupt_stops_the_launch_with_130_and_the_next_goes_on() {
    let project = Project::with(
        "[command.quick]\nrun = \"echo 1 > {out}/x\"\n[command.slow]\nrun = \"touch $SCRATCH/begun; test -e $SCRATCH/go || sleep 1000; cat {in.quick}/x > {out}/x\"\n",
    );
    let engine = project.start(&["run", "x.toml"]);
    assert!(seen(|| project.path("scratch/begun").exists()), "the stage started");
    std::process::Command::new("kill").args(["-INT", &engine.id().to_string()]).status().unwrap();
    let output = engine.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), None);
    Ran::of(&output).expect(130).says("interrupted");
    project.write("scratch/go", "");
    project.run();
    assert_eq!(project.artifacts().len(), 2);
}

#[test]
fn a_second_interrupt_stops_at_once_what_will_not_stop() {
    let project = Project::with(
        "[command.deaf]\nrun = \"trap '' TERM INT HUP; echo $$ > $SCRATCH/pid; while :; do sleep 0.05; done; touch {out}/x\"\n",
    );
    let engine = project.start(&["run", "x.toml"]);
    assert!(seen(|| !project.read("scratch/pid").trim().is_empty()), "the stage started");
    let interrupt =
        || std::process::Command::new("kill").args(["-INT", &engine.id().to_string()]).status().unwrap();
    interrupt();
    sleep(Duration::from_millis(300));
    interrupt();
    let second = std::time::Instant::now();
    Ran::of(&engine.wait_with_output().unwrap()).expect(130);
    assert!(second.elapsed() < Duration::from_secs(5), "{:?}", second.elapsed());
    let pid = project.read("scratch/pid").trim().to_string();
    assert!(seen(|| has_ended(&pid)), "process {pid} still runs");
}

/// Whether it comes to hold within five seconds.
fn seen(holds: impl Fn() -> bool) -> bool {
    (0..250).any(|_| {
        sleep(Duration::from_millis(20));
        holds()
    })
}

fn has_ended(pid: &str) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.is_empty() || state.contains(") Z ")
}

#[test]
fn a_flipped_byte_is_found_set_aside_and_made_again() {
    let project = Project::with(CHAINS);
    project.run();
    let damaged = project.path("artifacts").join(&project.artifacts()[0]).join("content/x");
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[0] ^= 1;
    let mut rights = fs::metadata(&damaged).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o644);
    fs::set_permissions(&damaged, rights).unwrap();
    fs::write(&damaged, bytes).unwrap();
    let said = project.pipeline(&["verify"]).expect(1);
    said.says("quarantine");
    assert_eq!(project.artifacts().len(), 5);
    project.run();
    assert_eq!(project.artifacts().len(), 6);
    project.pipeline(&["verify"]).expect(0);
}

#[test]
fn a_full_disk_is_told_and_leaves_no_artifact() {
    let project = Project::with("[command.big]\nrun = \"head -c 100000 /dev/zero > {out}/x\"\n");
    // A limit on the size of files fails writes as a full disk does; the signal that comes with it is ignored.
    let script = format!("trap '' XFSZ; ulimit -f 16; exec '{}' run x.toml", env!("CARGO_BIN_EXE_pipeline"));
    let output =
        std::process::Command::new("bash").args(["-c", &script]).current_dir(project.root()).output();
    Ran::of(&output.unwrap()).expect(1);
    assert!(project.artifacts().is_empty());
    project.run();
}
