//! The cache's contract, on commands: what reruns, what does not, and what a person is told.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod project;

use std::fs;

use project::Project;

/// Every stage notes in `ran` that it ran.
const CHAIN: &str = r#"
[command.words]
run = "echo words >> $SCRATCH/ran; cat list.txt > {out}/list"

[command.sorted]
run = "echo sorted >> $SCRATCH/ran; sort {in.words}/list > {out}/list"

[command.count]
run = "echo count >> $SCRATCH/ran; wc -l < {in.sorted}/list > {out}/n"
"#;

fn chain() -> Project {
    let project = Project::with(CHAIN);
    project.write("list.txt", "b\na\n");
    project
}

#[test]
fn a_second_run_does_nothing() {
    let project = chain();
    project.run();
    let artifacts = project.artifacts();
    project.run().says("3 cached");
    assert_eq!(project.tally("ran"), ["count", "sorted", "words"]);
    assert_eq!(project.artifacts(), artifacts);
}

#[test]
fn an_edited_file_reruns_what_reads_it_and_why_names_the_file() {
    let project = chain();
    project.run();
    project.write("list.txt", "b\na\nc\n");
    project.pipeline(&["why", "words", "x.toml"]).expect(0).says("list.txt");
    project.pipeline(&["plan", "x.toml"]).expect(0).says("waits for");
    project.run();
    assert_eq!(project.tally("ran"), ["count", "count", "sorted", "sorted", "words", "words"]);
}

#[test]
fn a_file_that_a_command_writes_to_is_none_of_its_inputs() {
    let project = Project::with("[command.noted]\nrun = \"cat list.txt > {out}/x; date +%N >> log.txt\"\n");
    project.write("list.txt", "a\n");
    project.write("log.txt", "");
    project.run();
    project.run().says("1 cached");
    assert_eq!(project.read("log.txt").lines().count(), 1);
}

#[test]
fn a_rerun_that_gives_the_same_bytes_stops_there() {
    let project = chain();
    project.run();
    // The same words in another order: sorted, they are the same bytes.
    project.write("list.txt", "a\nb\n");
    project.run();
    assert_eq!(project.tally("ran"), ["count", "sorted", "sorted", "words", "words"]);
}

#[test]
fn a_file_written_again_with_the_same_bytes_reruns_nothing() {
    let project = chain();
    project.run();
    project.write("list.txt", "b\na\n");
    project.run();
    assert_eq!(project.tally("ran"), ["count", "sorted", "words"]);
}

#[test]
fn names_comments_and_order_are_no_part_of_a_key() {
    let project = chain();
    project.run();
    let renamed = CHAIN.replace("command.sorted", "command.ordered").replace("in.sorted", "in.ordered");
    project.write("x.toml", format!("# a comment\nquestion = \"why?\"\n{renamed}"));
    project.run();
    assert_eq!(project.tally("ran"), ["count", "sorted", "words"]);
}

#[test]
fn a_removed_file_of_an_artifact_is_made_again() {
    let project = chain();
    project.run();
    let artifact = project.receipts().into_iter().find(|receipt| receipt["label"] == "sorted").unwrap();
    let folder = format!("artifacts/command/{}", &artifact["key"].as_str().unwrap()[..16]);
    fs::remove_file(project.path(&folder).join("content/list")).unwrap();
    project.run();
    assert_eq!(project.tally("ran"), ["count", "sorted", "sorted", "words"]);
}

#[test]
fn force_makes_a_stage_again_and_what_reads_it_stays() {
    let project = chain();
    project.run();
    project.pipeline(&["run", "x.toml", "--force", "sorted"]).expect(0);
    assert_eq!(project.tally("ran"), ["count", "sorted", "sorted", "words"]);
}

#[test]
fn targets_leave_out_what_they_do_not_need() {
    let project = chain();
    project.pipeline(&["run", "x.toml", "sorted"]).expect(0);
    assert_eq!(project.tally("ran"), ["sorted", "words"]);
}

#[test]
fn a_dry_run_runs_nothing_and_says_what_would() {
    let project = chain();
    let said = project.pipeline(&["run", "x.toml", "--dry-run"]).expect(0);
    said.says("runs: new");
    said.says("waits for words");
    assert!(project.artifacts().is_empty() && project.tally("ran").is_empty());
}

#[test]
fn a_matrix_makes_a_stage_that_reads_no_axis_once() {
    let project = Project::with(
        r#"
[command.shared]
run = "echo shared >> $SCRATCH/ran; echo 1 > {out}/x"

[command.each]
run = "echo each{n} >> $SCRATCH/ran; cat {in.shared}/x > {out}/x"

[matrix]
n = [1, 2, 3]
"#,
    );
    project.run();
    assert_eq!(project.tally("ran"), ["each1", "each2", "each3", "shared"]);
}

#[test]
fn equal_bytes_in_two_stores_for_any_number_of_jobs() {
    let digests = |jobs: &str| {
        let project = chain();
        project.pipeline(&["run", "x.toml", "-j", jobs]).expect(0);
        project.digests()
    };
    assert_eq!(digests("1"), digests("4"));
}

#[test]
fn a_failed_command_is_told_with_its_code_and_log_and_blocks_what_needs_it() {
    let project = Project::with(
        r#"
[command.bad]
run = "echo to the log; echo no such bird >&2; exit 7; touch {out}/x"

[command.after]
run = "cat {in.bad}/x > {out}/x"

[command.other]
run = "echo 1 > {out}/x"
"#,
    );
    let said = project.pipeline(&["run", "x.toml", "--keep-going", "-j", "1"]).expect(1);
    said.says("no such bird");
    said.says("7");
    said.says("after not started: it needs bad");
    assert_eq!(project.artifacts().len(), 1, "the independent stage was made");
}

#[test]
fn retries_do_not_change_the_key() {
    let project = Project::with(
        r#"
[command.flaky]
run = "test -e $SCRATCH/tried || {{ touch $SCRATCH/tried; exit 1; }}; echo 1 > {out}/x"
"#,
    );
    project.pipeline(&["run", "x.toml", "--retries", "1"]).expect(0);
    project.run().says("1 cached");
}

#[test]
fn gc_keeps_what_results_refer_to_and_why_tells_what_went() {
    let project = chain();
    project.run();
    project.write("list.txt", "z\n");
    project.run();
    assert_eq!(project.artifacts().len(), 6);
    project.pipeline(&["gc", "--keep-last", "1", "--dry-run"]).expect(0);
    assert_eq!(project.artifacts().len(), 6, "a dry run removes nothing");
    project.pipeline(&["gc", "--keep-last", "1"]).expect(0);
    assert_eq!(project.artifacts().len(), 3);
    project.run().says("3 cached");
}
