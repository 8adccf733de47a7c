//! Comparisons as they are read.

use serde_json::json;

use super::super::fixture::Fixture;
use super::*;

const WIDE: Format = Format::Text { width: 100, color: false };

fn by(axis: &str, format: Format) -> Comparison<'_> {
    let chosen = Chosen { by: Some(axis), ..Chosen::default() };
    Comparison { chosen, margin: None, sort: None, only_diff: false, format }
}

/// Five sets of each arm, three networks a set.
fn one_image() -> Fixture {
    let arm = |best: f64| -> Vec<Vec<f64>> {
        [0.0, 0.02, -0.01, 0.015, -0.02]
            .iter()
            .map(|set| (0..3).map(|net| best + set + 0.01 * f64::from(net)).collect())
            .collect()
    };
    let mut fixture = Fixture::sets(&[]);
    for (name, best) in [("random", 0.30), ("class-mean", 0.31), ("distribution-matching", 0.36)] {
        let sets = arm(best);
        fixture.add_sets(name, &sets.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    fixture
}

#[test]
fn arms_are_compared_with_the_interval_of_their_difference() {
    let fixture = one_image();
    let text = compare(fixture.launches(), &fixture.store, &by("arm", WIDE)).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn arms_are_compared_network_by_network() {
    let fixture = Fixture::birds();
    let text = compare(fixture.launches(), &fixture.store, &by("arm", WIDE)).unwrap();
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn two_experiments_show_the_settings_that_differ() {
    let fixture = Fixture::birds();
    let mut other = Launch { experiment: "longer".into(), ..fixture.launch.clone() };
    let key = format!("{:064x}", 900);
    fixture.put("train", &key, &json!({"steps": 6000, "optimizer": {"sgd": {"lr": 0.02}}}));
    for stage in other.stages.iter_mut().filter(|stage| stage.kind == "train") {
        stage.key = Some(key.clone());
    }
    let launches = [fixture.launch.clone(), other];
    let only_diff = |format| Comparison { chosen: Chosen::default(), only_diff: true, ..by("", format) };
    insta::assert_snapshot!(compare(&launches, &fixture.store, &only_diff(WIDE)).unwrap());
    insta::assert_snapshot!(compare(&launches, &fixture.store, &only_diff(Format::Markdown)).unwrap());
}

#[test]
fn csv_has_full_precision_and_no_colour_or_unit_in_its_cells() {
    let fixture = one_image();
    let text = compare(fixture.launches(), &fixture.store, &by("arm", Format::Csv)).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn json_is_versioned_and_holds_the_rows_of_the_csv() {
    let fixture = Fixture::birds();
    let text = compare(fixture.launches(), &fixture.store, &by("network", Format::Json)).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&value["version"], &value["by"], &value["baseline"]),
        (&json!(1), &json!("network"), &json!("vgg16-bn"))
    );
    assert_eq!(value["rows"].as_array().unwrap().len(), 4);
    assert_eq!(value["rows"][1]["network"], "ultralight");
    assert!((value["rows"][1]["accuracy_difference"].as_f64().unwrap() + 0.1).abs() < 1e-12);
}

#[test]
fn only_diff_drops_columns_that_are_equal() {
    let fixture = Fixture::birds();
    let comparison = Comparison { only_diff: true, ..by("arm", Format::Csv) };
    let text = compare(fixture.launches(), &fixture.store, &comparison).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    assert!(header.contains(&"stored_bytes") && header.contains(&"arm"));
    assert!(!header.contains(&"steps") && !header.contains(&"data"));
}

#[test]
fn a_launch_without_runs_has_nothing_to_compare() {
    let mut fixture = Fixture::birds();
    fixture.launch.runs.clear();
    let text = compare(fixture.launches(), &fixture.store, &by("arm", WIDE)).unwrap();
    assert_eq!(text, "");
}

/// Two arms of one network by `seeds` seeds, scored on the same 250 images: `right` (arm, seed, image).
fn two_arms(seeds: usize, right: fn(usize, usize, usize) -> bool) -> Fixture {
    let accuracies = vec![[0.5]; seeds];
    let accuracies: Vec<&[f64]> = accuracies.iter().map(|one| &one[..]).collect();
    let mut fixture = Fixture::sets(&[]);
    fixture.launch.replicates = vec!["set".into()];
    for arm in ["full", "small"] {
        fixture.add_sets(arm, &accuracies);
    }
    for run in 0..2 * seeds {
        fixture.predict(run, |image| right(run / seeds, run % seeds, image));
    }
    fixture
}

fn with_margin(margin: f64, format: Format) -> Comparison<'static> {
    Comparison { margin: Some(margin), ..by("arm", format) }
}

fn verdicts(fixture: &Fixture, margin: f64) -> Vec<String> {
    let text = compare(fixture.launches(), &fixture.store, &with_margin(margin, Format::Json)).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["verdicts"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_string()).collect()
}

/// Four of five right, others at each seed; the second arm is wrong about every 50th image too.
fn nearly(arm: usize, seed: usize, image: usize) -> bool {
    !(7 * image + 3 * seed + arm).is_multiple_of(5) && (arm == 0 || (image + seed) % 50 != 3)
}

#[test]
fn a_margin_is_judged_over_seeds_and_test_images() {
    let few = verdicts(&two_arms(4, nearly), 0.02);
    assert!(few[0].starts_with("small is within 2 points of full: not shown (−1."), "{few:?}");
    assert!(few[0].contains("needs about"), "{few:?}");
    let wide = verdicts(&two_arms(6, nearly), 0.1);
    assert!(wide[0].starts_with("small is within 10 points of full: shown ("), "{wide:?}");
    let better = verdicts(
        &two_arms(6, |arm, seed, image| nearly(arm, seed, image) && (arm == 1 || image % 2 == 0)),
        0.02,
    );
    assert!(
        better[0].starts_with("small is within 2 points of full: shown, it is better by more ("),
        "{better:?}"
    );
    let worse = verdicts(
        &two_arms(6, |arm, seed, image| nearly(0, seed, image) && (arm == 0 || image % 2 == 0)),
        0.02,
    );
    assert!(worse[0].contains("no, it is worse by more"), "{worse:?}");
}

#[test]
fn a_comparison_with_a_margin_reads_as_documented() {
    let fixture = two_arms(6, nearly);
    insta::assert_snapshot!(compare(fixture.launches(), &fixture.store, &with_margin(0.02, WIDE)).unwrap());
    insta::assert_snapshot!(
        compare(fixture.launches(), &fixture.store, &with_margin(0.02, Format::Latex)).unwrap()
    );
}

#[test]
fn undertrained_networks_carry_no_verdict() {
    let fixture = Fixture::birds();
    for run in 0..fixture.launch.runs.len() {
        fixture.predict(run, |image| image % 3 != 0);
    }
    let said = verdicts(&fixture, 0.02);
    assert_eq!(
        said[0],
        "distilled, vgg16-bn is within 2 points of full, vgg16-bn: no verdict, 2 of 6 networks are undertrained"
    );
    let alike = "within 2 points of full, ultralight: no verdict, nothing spreads";
    assert!(said[1].ends_with(alike), "{said:?}");
}

#[test]
fn runs_without_predictions_carry_no_verdict() {
    let said = verdicts(&one_image(), 0.02);
    assert!(said[0].ends_with("no verdict, its predictions are not there"), "{said:?}");
}

fn json_of(fixture: &Fixture) -> serde_json::Value {
    let text = compare(fixture.launches(), &fixture.store, &by("arm", Format::Json)).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn draws_that_both_arms_rest_on_are_pairs_and_seeds_are_not() {
    let mut fixture = two_arms(6, nearly);
    let row = json_of(&fixture)["rows"][1].clone();
    assert_eq!((row["test"].as_str(), row["pairs"].as_u64()), (Some("welch"), None));
    // Now set i of both arms is one artifact.
    let drawn = |fixture: &Fixture, run: usize| {
        let train = fixture.launch.input(fixture.launch.runs[run].evaluate, "of").unwrap();
        fixture.launch.input(train, "from").unwrap()
    };
    for run in 0..6 {
        let (one, other) = (drawn(&fixture, run), drawn(&fixture, run + 6));
        fixture.launch.stages[other].key = fixture.launch.stages[one].key.clone();
    }
    let row = json_of(&fixture)["rows"][1].clone();
    assert_eq!((row["test"].as_str(), row["pairs"].as_u64()), (Some("pairs"), Some(6)));
    assert_eq!(row["p"], row["sign_flip_p"]);
    let text = compare(fixture.launches(), &fixture.store, &by("arm", WIDE)).unwrap();
    assert!(text.contains("replicates that share a draw"), "{text}");
}

#[test]
fn too_few_pairs_are_told_how_many_they_would_need() {
    let mut fixture = two_arms(3, nearly);
    for stage in &mut fixture.launch.stages {
        if stage.kind == "distil" {
            stage.key = Some(format!("{:064x}", 7));
        }
    }
    fixture.put("distil", &format!("{:064x}", 7), &json!({}));
    let text = compare(fixture.launches(), &fixture.store, &by("arm", WIDE)).unwrap();
    assert!(text.contains("no p where pairs are fewer than 6"), "{text}");
}

#[test]
fn one_network_each_on_the_same_images_is_judged_by_mcnemar() {
    let fixture = two_arms(1, nearly);
    let value = json_of(&fixture);
    assert_eq!(value["rows"][1]["test"], "mcnemar");
    let counts = &value["mcnemar"][0];
    assert_eq!(counts["p_mid"], value["rows"][1]["p"]);
    let sum: u64 = ["both_right", "only_of_right", "only_baseline_right", "neither_right"]
        .map(|name| counts[name].as_u64().unwrap())
        .iter()
        .sum();
    assert_eq!(sum, 250);
}

#[test]
fn groups_are_sorted_by_a_column_and_keep_their_baselines() {
    let fixture = Fixture::birds();
    let comparison = Comparison { sort: Some("accuracy"), ..by("arm", Format::Csv) };
    let text = compare(fixture.launches(), &fixture.store, &comparison).unwrap();
    let arms: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').nth(2).unwrap()).collect();
    assert_eq!(arms, ["distilled", "distilled", "full", "full"]);
    let differences: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').nth(12).unwrap()).collect();
    assert!(differences[0].starts_with("-0.2") || differences[0].starts_with("-0.19"), "{differences:?}");
    let unknown = Comparison { sort: Some("speed"), ..by("arm", Format::Csv) };
    let refusal = compare(fixture.launches(), &fixture.store, &unknown).unwrap_err().to_string();
    assert!(
        refusal.starts_with("there is no column `speed` to sort by\nhint: there is `experiment`"),
        "{refusal}"
    );
}

#[test]
fn seconds_of_unlike_machines_are_not_ranked_unless_that_is_asked_for() {
    let fixture = Fixture::birds();
    let train = fixture.launch.input(fixture.launch.runs[0].evaluate, "of").unwrap();
    fixture.note(train, "host", "lab-3");
    let ranked = |unlike| {
        let chosen = Chosen { by: Some("arm"), unlike, ..Chosen::default() };
        let comparison = Comparison { chosen, sort: Some("total_secs"), ..by("arm", WIDE) };
        compare(fixture.launches(), &fixture.store, &comparison)
    };
    let refusal = ranked(false).unwrap_err().to_string();
    assert!(refusal.contains("unlike machines: `cpu`, `cpu of lab-3`\nhint: `--unlike`"), "{refusal}");
    assert!(ranked(true).unwrap().contains("× 1.30"));
    let text = compare(fixture.launches(), &fixture.store, &by("arm", WIDE)).unwrap();
    assert!(text.contains("no ratios of seconds between unlike machines (cpu; cpu of lab-3)"), "{text}");
}
