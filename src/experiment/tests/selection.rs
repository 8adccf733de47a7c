//! Settings that are chosen while an experiment runs.

use serde_json::json;

use super::*;

const CHOOSING: &str = r#"replicates = ["seed"]

[subset.photos]
dataset = "sketches"
classes = { at_least = 20, up_to = 3 }
per_class = { train = 20, valid = 5, test = 5 }
image_size = 32

[train.trial]
from = "photos"
network = "{network}"
steps = 10
optimizer = { sgd = { lr = "{lr}" } }
seed = "{trial_seed}"

[select.best]
of = "trial"
over = ["lr"]
mean_over = ["trial_seed"]

[train.net]
from = "photos"
network = "{network}"
steps = 10
optimizer = { sgd = { lr = "{best.lr}" } }
seed = "{seed}"

[evaluate.score]
of = "net"
on = "photos"

[matrix]
network = ["cnn", "mlp"]
lr = [0.1, 0.01, 1]
trial_seed = [10, 11]
seed = [0, 1, 2]
"#;

fn loaded(text: &str) -> Experiment {
    let folder = Folder::new(text);
    folder.load(&[]).unwrap_or_else(|problems| panic!("{}", folder.show(&problems)))
}

fn said(from: &str, to: &str) -> String {
    assert!(CHOOSING.contains(from), "{from}");
    Folder::new(&CHOOSING.replacen(from, to, 1)).said(&[])
}

fn stages<'a>(experiment: &'a Experiment, name: &str) -> Vec<&'a crate::engine::Stage> {
    experiment.graph.stages.iter().filter(|stage| stage.name == name).collect()
}

#[test]
fn there_is_a_choice_for_each_combination_of_the_axes_that_stay() {
    let experiment = loaded(CHOOSING);
    assert!(experiment.warnings.is_empty(), "{:?}", experiment.warnings);
    experiment.graph.validate().unwrap();
    let count = |name| stages(&experiment, name).len();
    assert_eq!([count("trial"), count("best"), count("net"), count("score")], [12, 2, 6, 6]);
    let best = stages(&experiment, "best")[1];
    assert_eq!(best.label, "best[network=mlp]");
    let read: Vec<&str> =
        best.inputs.iter().map(|input| experiment.graph.stages[input.from].label.as_str()).collect();
    assert_eq!(read[0], "trial[network=mlp, lr=0.1, trial_seed=10]");
    assert_eq!((read.len(), read[5]), (6, "trial[network=mlp, lr=1, trial_seed=11]"));
    assert_eq!(best.inputs[5].role, "of.5");
    let tried = &best.parameters["trials"];
    assert_eq!(
        (&tried[0], &tried[1], &tried[4]),
        (&json!({"lr": 0.1}), &json!({"lr": 0.1}), &json!({"lr": 1}))
    );
    assert_eq!(experiment.runs[0].axes.keys().collect::<Vec<_>>(), ["network", "seed"]);
}

#[test]
fn what_takes_a_choice_has_it_in_its_key_by_bytes_alone() {
    let experiment = loaded(CHOOSING);
    let net = stages(&experiment, "net")[0];
    assert_eq!(
        net.parameters["optimizer"]["sgd"]["lr"],
        json!({"$taken": {"role": "choice.0", "file": "choice.json", "at": ["lr"]}})
    );
    let choice = net.inputs.iter().find(|input| input.role == "choice.0").unwrap();
    assert_eq!(experiment.graph.stages[choice.from].label, "best[network=cnn]");
    assert_eq!(choice.files, crate::engine::Files::Named(vec!["choice.json"]));
    // A further candidate changes nothing but what is chosen from.
    let more = loaded(&CHOOSING.replace("lr = [0.1, 0.01, 1]", "lr = [0.1, 0.01, 1, 0.5]"));
    let other = stages(&more, "net")[0];
    assert_eq!((&other.parameters, &other.parts), (&net.parameters, &net.parts));
}

#[test]
fn revisions_of_all_that_may_be_chosen_are_part_of_the_key() {
    let text = CHOOSING
        .replace("optimizer = { sgd = { lr = \"{lr}\" } }", "optimizer = \"{lr}\"")
        .replace("optimizer = { sgd = { lr = \"{best.lr}\" } }", "optimizer = \"{best.lr}\"")
        .replace("lr = [0.1, 0.01, 1]", "lr = [{ sgd = { lr = 0.1 } }, { adamw = { lr = 0.01 } }]");
    let experiment = loaded(&text);
    let parts = &stages(&experiment, "net")[0].parts;
    assert!(parts.contains_key("optimizer.sgd") && parts.contains_key("optimizer.adamw"), "{parts:?}");
}

#[test]
fn scores_of_validation_images_can_be_the_trials() {
    let judged = "[evaluate.judged]\nof = \"trial\"\non = \"photos\"\nsplit = \"valid\"\n\n[select.best]\nof = \"judged\"";
    let experiment = loaded(&CHOOSING.replace("[select.best]\nof = \"trial\"", judged));
    let best = stages(&experiment, "best")[0];
    assert_eq!(experiment.graph.stages[best.inputs[0].from].name, "judged");
}

#[test]
fn a_choice_by_test_images_is_refused() {
    let judged = "[evaluate.judged]\nof = \"trial\"\non = \"photos\"\n\n[select.best]\nof = \"judged\"";
    insta::assert_snapshot!(said("[select.best]\nof = \"trial\"", judged));
}

#[test]
fn a_choice_without_validation_images_is_refused() {
    let text = said("valid = 5", "valid = 0");
    assert!(text.contains("a choice goes by validation images, and there are none"), "{text}");
}

#[test]
fn axes_that_are_not_there_or_not_read_are_told() {
    insta::assert_snapshot!(said(
        "over = [\"lr\"]\nmean_over = [\"trial_seed\"]",
        "over = [\"lrr\"]\nmean_over = [\"seed\"]"
    ));
    insta::assert_snapshot!(said("over = [\"lr\"]", "over = [\"lr\", \"seed\"]"));
}

#[test]
fn what_cannot_be_taken_is_told_with_what_could() {
    insta::assert_snapshot!(said("\"{best.lr}\"", "\"{best.rate}\""));
    insta::assert_snapshot!(said("\"{best.lr}\"", "\"{best}\""));
    insta::assert_snapshot!(said("[evaluate.score]", "[evaluate.score]\nbatch = \"{best.lr}\""));
    let part = said(
        "from = \"photos\"\nnetwork = \"{network}\"\nsteps = 10\noptimizer = { sgd = { lr = \"{best.lr}\"",
        "from = \"photo{best.lr}\"\nnetwork = \"{network}\"\nsteps = 10\noptimizer = { sgd = { lr = \"{best.lr}\"",
    );
    assert!(part.contains("cannot be a part of a text"), "{part}");
}

#[test]
fn every_value_that_may_be_chosen_is_checked() {
    let text = said("lr = [0.1, 0.01, 1]", "lr = [0.1, -1, \"fast\"]");
    assert!(text.contains("`lr` must be") && text.contains("\"fast\""), "{text}");
    let stage = CHOOSING
        .replace("from = \"photos\"", "from = \"{lr}\"")
        .replace("lr = \"{lr}\"", "lr = 0.1")
        .replace("lr = \"{best.lr}\"", "lr = 0.1")
        .replace("[train.net]\nfrom = \"{lr}\"", "[train.net]\nfrom = \"{best.lr}\"")
        .replace("lr = [0.1, 0.01, 1]", "lr = [\"photos\"]");
    let text = Folder::new(&stage).said(&[]);
    assert!(text.contains("`from` names a stage, which cannot be chosen later"), "{text}");
}

#[test]
fn candidates_that_are_not_tried_equally_often_are_refused() {
    let text = CHOOSING.to_string() + "exclude = [{ lr = 1, trial_seed = 11 }]\n";
    insta::assert_snapshot!(Folder::new(&text).said(&[]));
}

#[test]
fn a_choice_of_what_it_is_chosen_from_is_a_loop() {
    let text = said("sgd = { lr = \"{lr}\"", "sgd = { lr = \"{best.lr}\"");
    assert!(text.contains("in a loop"), "{text}");
}

#[test]
fn testing_with_a_seed_of_a_trial_is_warned_of() {
    insta::assert_snapshot!(said("trial_seed = [10, 11]", "trial_seed = [2, 11]"));
}

#[test]
fn an_axis_and_a_choice_of_one_name_are_refused() {
    let text = said("trial_seed = [10, 11]", "trial_seed = [10, 11]\nbest = [1]");
    assert!(text.contains("would be an axis and a choice"), "{text}");
}
