//! What groups can be compared on.

use super::super::fixture::Fixture;
use super::super::runs::rows;
use super::super::summary::groups;
use super::*;

/// Two networks by three seeds on the same images, with predictions.
fn birds() -> Fixture {
    let fixture = Fixture::birds();
    for run in 0..fixture.launch.runs.len() {
        fixture.predict(run, |image| (image + run) % 5 != 0);
    }
    fixture
}

fn groups_of(fixture: &Fixture) -> Vec<Group> {
    groups(&fixture.launch, &rows(&fixture.stored()).unwrap())
}

fn sample(fixture: &Fixture, of: usize, baseline: usize) -> Option<Sample> {
    let groups = groups_of(fixture);
    Evidence::new(fixture.launches(), &fixture.store).sample(&groups[of], &groups[baseline]).unwrap()
}

#[test]
fn seeds_on_the_same_images_share_them_and_are_no_pairs() {
    let sample = sample(&birds(), 1, 0).unwrap();
    assert_eq!((sample.images, sample.paired, sample.of.len()), (Images::Shared, false, 3));
    assert_eq!(sample.of[0].groups.len(), 250);
    assert!((sample.of[0].accuracy() - 0.8).abs() < 1e-12);
}

#[test]
fn near_duplicates_are_one_group() {
    let fixture = birds();
    let measured = fixture.place(0).join("measured");
    std::fs::create_dir_all(&measured).unwrap();
    let rows = "0,bulbul,test/bulbul/0.jpg,test\n0,bulbul,test/bulbul/5.jpg,test\n0,bulbul,train/bulbul/1.jpg,train\n";
    std::fs::write(measured.join("kept_together.csv"), format!("group,class,source,split\n{rows}")).unwrap();
    let sample = sample(&fixture, 1, 0).unwrap();
    assert_eq!(sample.of[0].groups.len(), 249);
    assert_eq!(sample.of[0].groups.iter().map(|(_, images)| images).sum::<f64>(), 250.0);
    assert_eq!(sample.of[0].groups[0].1, 2.0);
}

#[test]
fn a_run_without_predictions_leaves_nothing_to_judge() {
    let fixture = birds();
    std::fs::remove_file(fixture.content(&fixture.launch.runs[4], "predictions.csv")).unwrap();
    assert!(sample(&fixture, 1, 0).is_none());
    assert!(sample(&fixture, 2, 0).is_some());
}

/// Both networks of an arm read one subset for each seed.
fn with_draws(mut fixture: Fixture, parameters: &serde_json::Value) -> Fixture {
    for run in 0..fixture.launch.runs.len() {
        let seed = run % 3;
        let train = fixture.launch.input(fixture.launch.runs[run].evaluate, "of").unwrap();
        let mut drawn = fixture.launch.stages[0].clone();
        drawn.key = Some(format!("{:064x}", 0xD0 + seed));
        drawn.axes = [("seed".to_string(), seed.to_string())].into();
        fixture.put("subset", &format!("{:064x}", 0xD0 + seed), parameters);
        fixture.launch.stages.push(drawn);
        let last = fixture.launch.stages.len() - 1;
        fixture.launch.stages[train].inputs[0].stage = last;
    }
    fixture
}

#[test]
fn draws_that_both_rest_on_make_pairs_and_folds_say_how_much_they_share() {
    let fixture = with_draws(birds(), &serde_json::json!({}));
    let groups = groups_of(&fixture);
    let evidence = Evidence::new(fixture.launches(), &fixture.store);
    let pairs = evidence.pairs(&groups[1], &groups[0]).unwrap();
    assert_eq!((pairs.units.as_slice(), pairs.test_to_train), (&["0", "1", "2"].map(String::from)[..], None));
    let fixture = with_draws(birds(), &serde_json::json!({ "folds": 5 }));
    let groups = groups_of(&fixture);
    let evidence = Evidence::new(fixture.launches(), &fixture.store);
    assert_eq!(evidence.pairs(&groups[1], &groups[0]).unwrap().test_to_train, Some(0.25));
}

#[test]
fn other_labels_for_the_same_images_are_other_images() {
    let fixture = birds();
    let groups = groups_of(&fixture);
    let evidence = Evidence::new(fixture.launches(), &fixture.store);
    assert!(evidence.mcnemar(&groups[0].rows[0], &groups[1].rows[0]).unwrap().is_some());
    let path = fixture.content(&fixture.launch.runs[0], "predictions.csv");
    let table =
        std::fs::read_to_string(&path).unwrap().replace("test/teal/4.jpg,teal", "test/teal/4.jpg,crake");
    std::fs::write(&path, table).unwrap();
    let evidence = Evidence::new(fixture.launches(), &fixture.store);
    assert!(evidence.mcnemar(&groups[0].rows[0], &groups[1].rows[0]).unwrap().is_none());
}
