//! A choice is a cached stage: what reruns when trials change, and what does not. Commands stand for the trials.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod project;

use std::fs;

use project::Project;

const CHOOSING: &str = r#"
[subset.photos]
dataset = "drawn"
classes = { at_least = 4, up_to = 2 }
per_class = { train = 4, valid = 2, test = 2 }
image_size = 16

[command.trial]
run = "echo trial {copies} >> $SCRATCH/ran; cat figures/{copies}.json > {out}/training.json"
inputs = ["figures/{copies}.json"]

[select.best]
of = "trial"
over = ["copies"]

[augment.more]
from = "photos"
copies = "{best.copies}"
apply = ["horizontal-flip"]

[matrix]
copies = [1, 2, 3]
"#;

fn figures(project: &Project, copies: u32, accuracy: f64) {
    let text = format!("{{ \"valid_accuracy\": {accuracy}, \"valid_loss\": 1.0 }}\n");
    project.write(&format!("figures/{copies}.json"), text);
}

/// Two copies do best.
fn choosing() -> Project {
    let project = Project::with(CHOOSING);
    let drawn = "device = \"cpu\"\n[datasets.drawn]\nformat = { sketch-birds = { train = 8 } }\n";
    project.write("pipeline.toml", drawn);
    for (copies, accuracy) in [(1, 0.5), (2, 0.7), (3, 0.6), (4, 0.4)] {
        figures(&project, copies, accuracy);
    }
    project
}

/// The artifacts of a kind.
fn folders(project: &Project, kind: &str) -> Vec<String> {
    project.artifacts().into_iter().filter(|artifact| artifact.starts_with(kind)).collect()
}

#[test]
fn what_did_best_on_validation_is_chosen_and_taken() {
    let project = choosing();
    project.pipeline(&["plan", "x.toml"]).expect(0).says("waits for");
    project.run();
    let best = folders(&project, "select").remove(0);
    assert_eq!(project.read(&format!("artifacts/{best}/content/choice.json")), "{\n  \"copies\": 2\n}\n");
    let trials = project.read(&format!("artifacts/{best}/content/trials.csv"));
    assert_eq!(trials.lines().nth(2), Some("2,1,0,0.700000,0.700000,1.000000,true"), "{trials}");
    project.pipeline(&["show", "more"]).expect(0).says("24");
    project.run().says("6 cached");
}

#[test]
fn a_further_candidate_that_does_not_win_reruns_the_choice_and_nothing_below_it() {
    let project = choosing();
    project.run();
    let before = folders(&project, "augment");
    project.write("x.toml", CHOOSING.replace("[1, 2, 3]", "[1, 2, 3, 4]"));
    project.run().says("2 ran, 5 cached");
    assert_eq!((folders(&project, "augment"), folders(&project, "select").len()), (before, 2));
    assert_eq!(project.tally("ran"), ["trial 1", "trial 2", "trial 3", "trial 4"]);
}

#[test]
fn another_winner_reruns_what_takes_the_choice_and_why_says_so() {
    let project = choosing();
    project.run();
    figures(&project, 3, 0.9);
    project.pipeline(&["plan", "x.toml"]).expect(0).says("waits for");
    project.run().says("3 ran, 3 cached");
    assert_eq!(folders(&project, "augment").len(), 2);
    let key = folders(&project, "augment").remove(0).replace("augment/", "");
    project.pipeline(&["verify", "--rerun", &key]).expect(0);
    // What was chosen before comes back without a trial.
    figures(&project, 3, 0.6);
    project.run().says("6 cached");
}

#[test]
fn trials_of_test_images_are_refused_even_where_only_a_file_says_so() {
    let project = choosing();
    fs::write(project.path("figures/1.json"), "{ \"accuracy\": 0.9, \"split\": \"test\" }").unwrap();
    project.pipeline(&["run", "x.toml"]).expect(1).says("these are scores of `test`");
}
