//! What a launch drew: receipts and tables, cached stages, attempts that were killed, and what pipeline.toml tells.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod project;

use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use project::{Project, Ran};
use serde_json::Value;

/// Keeps the processor busy for a moment, in a process of its own.
const BUSY: &str = r#"
[command.busy]
run = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; echo $i > {out}/x"

[command.reader]
run = "cat {in.busy}/x > {out}/x"
"#;

/// The latest `stages.csv`, by label.
fn stages(project: &Project) -> BTreeMap<String, BTreeMap<String, String>> {
    let text = project.read("artifacts/results/x/latest/stages.csv");
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_string).collect::<Vec<_>>());
    let header = lines.next().unwrap();
    lines.map(|row| (row[0].clone(), header.iter().cloned().zip(row).collect())).collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("`{column}` is `{}`", row[column]))
}

/// The processor's part of a receipt's energy.
fn processor(receipt: &Value) -> &Value {
    &receipt["energy"]["processor"]
}

fn is_modelled(project: &Project) -> bool {
    project.receipts().iter().all(|receipt| processor(receipt)["class"] == "modelled")
}

#[test]
fn every_kind_of_stage_has_a_figure_with_its_method_error_and_sources() {
    let project = Project::with(BUSY);
    project.run().says("energy: ");
    for receipt in project.receipts() {
        let figure = processor(&receipt);
        assert!(figure["joules"].as_f64().unwrap() > 0.0, "{receipt}");
        assert!(
            figure["relative_error"].as_f64().unwrap() > 0.0 && figure["method"].is_string(),
            "{receipt}"
        );
        assert!(figure["coverage_secs"].as_f64().unwrap() > 0.0, "{receipt}");
        let constants = figure["constants"].as_array().unwrap();
        assert!(constants.iter().all(|constant| !constant["source"].as_str().unwrap().is_empty()));
        assert!(!constants.is_empty() && receipt["pre_image"]["energy"].is_null());
    }
    if is_modelled(&project) {
        let rows = stages(&project);
        let ratio = number(&rows["busy"], "energy_joules") / number(&rows["busy"], "cpu_secs");
        assert!((ratio - 4.0).abs() < 1e-9, "{ratio} W a thread");
        assert_eq!(rows["busy"]["gpu_joules"], "", "a stage without a GPU has no figure of one");
    }
}

#[test]
fn a_second_run_spends_nothing_and_attributes_the_same() {
    let project = Project::with(BUSY);
    project.run();
    let first = stages(&project);
    assert_eq!(first["busy"]["spent_joules"], first["busy"]["energy_joules"]);
    // Another stage makes the launch a new one.
    project.write("x.toml", format!("{BUSY}\n[command.third]\nrun = \"cat {{in.busy}}/x > {{out}}/y\"\n"));
    project.run();
    let second = stages(&project);
    assert_eq!(second["busy"]["spent_joules"], "0");
    assert_eq!(second["busy"]["energy_joules"], first["busy"]["energy_joules"]);
    assert!(number(&second["third"], "spent_joules") > 0.0);
    project.run().says("energy: ");
}

#[test]
fn a_model_with_other_watts_gives_other_joules_and_runs_nothing_again() {
    let project = Project::with(BUSY);
    project.run();
    if !is_modelled(&project) {
        eprintln!("skipped: this processor is measured");
        return;
    }
    let before = number(&stages(&project)["busy"], "energy_joules");
    project.pipeline(&["run", "x.toml", "--set", "energy.watts_per_thread=8"]).expect(0).says("2 cached");
    let after = number(&stages(&project)["busy"], "energy_joules");
    assert!((after / before - 2.0).abs() < 1e-9, "{before} {after}");
}

#[test]
fn what_a_killed_attempt_drew_is_counted_with_the_one_that_finished() {
    let project = Project::with(
        "[command.slow]\nrun = \"touch $SCRATCH/begun; test -e $SCRATCH/go || exec sleep 1000; echo 1 > {out}/x\"\n",
    );
    let mut engine = project.start(&["run", "x.toml"]);
    let kept = || {
        let keys = fs::read_dir(project.path("artifacts/work")).into_iter().flatten().flatten();
        let attempts = keys.flat_map(|key| fs::read_dir(key.path()).into_iter().flatten().flatten());
        attempts.map(|attempt| attempt.path().join("spent.json")).any(|file| file.exists())
    };
    let seen = (0..1000).any(|_| {
        sleep(Duration::from_millis(10));
        kept()
    });
    assert!(seen, "what is spent is put down while the stage works");
    engine.kill().unwrap();
    engine.wait().unwrap();
    project.write("scratch/go", "");
    project.run();
    let [receipt] = project.receipts().try_into().unwrap();
    assert_eq!((&receipt["attempts"], receipt["earlier"].as_array().unwrap().len()), (&Value::from(2), 1));
    assert!(receipt["took_secs"].as_f64().unwrap() > 1.0, "{receipt}");
    let covered = processor(&receipt)["coverage_secs"].as_f64().unwrap();
    let spent = number(&stages(&project)["slow"], "spent_secs");
    assert!(covered > 1.0 && spent < covered - 0.9, "{spent} of {covered} s were this launch's");
}

#[test]
fn a_price_and_a_country_give_money_and_co2_and_without_them_the_settings_are_named() {
    let project = Project::with(BUSY);
    let said = project.run();
    said.says("`energy.price_per_kwh`");
    said.says("`energy.country` or `energy.g_per_kwh`");
    project.write(
        "pipeline.toml",
        "device = \"cpu\"\n[energy]\nprice_per_kwh = 0.2872\ncurrency = \"EUR\"\nprice_date = \"2025-06\"\nprice_source = \"Eurostat\"\ncountry = \"france\"\n",
    );
    let said = project.run();
    said.says("EUR");
    said.says("g CO2");
}

fn refused(energy: &str) -> Ran {
    let project = Project::with(BUSY);
    project.write("pipeline.toml", format!("device = \"cpu\"\n[energy]\n{energy}\n"));
    project.pipeline(&["plan", "x.toml"]).expect(3)
}

#[test]
fn settings_of_energy_that_cannot_be_are_all_told_with_their_places() {
    let said = refused("price_per_kwh = 0.3\ncountry = \"germony\"\npue = 0.5\nwats_per_thread = 4");
    said.says("`price_per_kwh` lacks `currency`, `price_date` and `price_source`");
    said.says("did you mean `germany`?");
    said.says("`pue` must be");
    said.says("did you mean `watts_per_thread`");
    let said = refused(
        "country = \"france\"\ng_per_kwh = 50\ng_per_kwh_date = \"june\"\ng_per_kwh_source = \"a bill\"",
    );
    said.says("`country` and `g_per_kwh` say the same thing twice");
    said.says("`june` is no date");
    let said = refused("tdp_watts = 65\nidle_watts = 70\nprice_source = \"a bill\"");
    said.says("idle power of 70 W is no less than the processor's 65 W");
    said.says("`price_source` says nothing without `price_per_kwh`");
}

#[test]
fn doctor_says_what_is_metered_and_how() {
    let project = Project::new();
    let said = project.pipeline(&["doctor"]);
    assert!(said.out.contains("energy     processor m"), "{}", said.out);
}

#[test]
fn a_launch_is_stopped_once_it_has_spent_its_limit_and_can_be_gone_on_with() {
    let project = Project::with(
        "[command.burn]\nrun = \"test -e $SCRATCH/go || while :; do :; done; echo 1 > {out}/x\"\n[command.first]\nrun = \"echo 1 > {out}/x\"\n",
    );
    let arguments =
        ["run", "x.toml", "--set", "energy.watts_per_thread=1000", "--max-kwh", "0.0001", "-j", "2"];
    let said = project.pipeline(&arguments);
    if is_modelled(&project) {
        let said = said.expect(6);
        said.says("`--max-kwh` allows 0.100 Wh");
        said.says("goes on from what was saved");
        let rows = stages(&project);
        assert_eq!((rows["burn"]["state"].as_str(), rows["first"]["state"].as_str()), ("stopped", "ran"));
        assert!(number(&rows["burn"], "spent_joules") > 360.0, "{rows:?}");
    }
    project.write("scratch/go", "");
    project.run();
}

#[test]
fn a_launch_that_would_spend_more_than_its_limit_is_not_begun() {
    let project = Project::with(BUSY);
    project.run();
    let again = ["run", "x.toml", "--force", "busy", "--max-kwh"];
    let said = project.pipeline(&[&again[..], &["0.000000001"]].concat()).expect(6);
    said.says("predicted by earlier runs");
    said.says("nothing was run");
    let said = project.pipeline(&[&again[..], &["1"]].concat()).expect(0);
    said.says("predicted, 1.00 kWh allowed");
    said.says(" spent (");
    project.pipeline(&["run", "x.toml", "--max-cost", "1"]).expect(2).says("price_per_kwh");
    project.pipeline(&["run", "x.toml", "--max-kwh", "-1"]).expect(2);
}

#[test]
fn an_exclusive_launch_runs_one_stage_at_a_time_and_receipts_say_so() {
    let project = Project::with(BUSY);
    project.pipeline(&["run", "x.toml", "--exclusive"]).expect(0);
    assert!(project.receipts().iter().all(|receipt| receipt["jobs"] == 1));
    project.pipeline(&["run", "x.toml", "--exclusive", "-j", "2"]).expect(2);
}

#[test]
fn what_a_launch_ran_is_in_a_table_that_reads_like_codecarbons() {
    let project = Project::with(BUSY);
    project.pipeline(&["run", "x.toml", "--set", "energy.country=france"]).expect(0);
    let text = project.read("artifacts/results/x/latest/emissions.csv");
    let header = text.lines().next().unwrap();
    assert!(header.starts_with(
        "timestamp,project_name,run_id,experiment_id,duration,emissions,emissions_rate,cpu_power,"
    ));
    assert_eq!(text.lines().count(), 1 + 2);
    assert!(text.contains(",France,FRA,"), "{text}");
}
