//! Settings of trainings that cannot work, or not as meant: each is told at its place, with what to do.

use super::training::{BASE, says, with};
use super::*;

/// The training of [`with`] with one text put for another.
fn changed(from: &str, to: &str, settings: &str, stages: &str) -> Folder {
    let folder = with(settings, stages);
    let text = std::fs::read_to_string(folder.path("x.toml")).unwrap();
    assert!(text.contains(from), "{from}");
    folder.write("x.toml", text.replace(from, to));
    folder
}

fn optimised_by(optimizer: &str) -> Folder {
    changed("{ sgd = { lr = 0.02, momentum = 0.9 } }", optimizer, "", "")
}

/// How many problems are told.
fn count(folder: &Folder) -> usize {
    folder.load(&[]).map_or_else(|problems| problems.len(), |experiment| experiment.warnings.len())
}

#[test]
fn a_schedule_falls_at_shares_of_the_training() {
    let stepped = |at: &str| with(&format!("schedule = {{ step-down = {{ at = {at} }} }}"), "");
    let wrong = stepped("[1.5, 0.5, -0.2]");
    says(
        &wrong,
        &[
            "the learning rate cannot fall after 1.5 of the training",
            "cannot fall after -0.2",
            "`at` lists shares of the training, not steps",
            "at = [1.5, 0.5, -0.2]",
        ],
    );
    assert_eq!(count(&wrong), 2, "{}", wrong.said(&[]));
    assert_eq!(count(&stepped("[10, 15]")), 2);
    stepped("[0.33, 0.67]").load(&[]).unwrap();
}

#[test]
fn means_of_the_gradient_have_decays_and_a_divisor() {
    for name in ["adam", "adamw", "lamb"] {
        let betas = optimised_by(&format!("{{ {name} = {{ betas = [1.0, -0.5] }} }}"));
        says(
            &betas,
            &["a decay of 1 in `betas`", "a decay of -0.5", "below 1", "`betas = [0.9, 0.999]` is usual"],
        );
        let eps = optimised_by(&format!("{{ {name} = {{ eps = 0 }} }}"));
        says(&eps, &["a step of 0 / 0", "eps = 0", "`eps = 1e-8` is usual"]);
        optimised_by(&format!("{{ {name} = {{ betas = [0.0, 0.99], eps = 1e-12 }} }}")).load(&[]).unwrap();
    }
    let idle = optimised_by("{ sgd = { lr = 0.1, nesterov = true } }");
    says(&idle, &["needs `momentum` above 0", "`momentum = 0.9` is usual"]);
    let experts =
        "[experts.runs]\nfrom = \"photos\"\nnetwork = \"cnn\"\noptimizer = { adam = { eps = 0 } }\n";
    says(&with("", experts), &["a step of 0 / 0"]);
}

#[test]
fn patience_ends_before_the_curve_does() {
    says(&with("patience = 20", ""), &["a patience of 20 points never ends a curve of 20", "at most 18"]);
    says(
        &with("patience = 5\ncurve_points = 2", ""),
        &["never ends a curve of 2", "a larger `curve_points`"],
    );
    with("patience = 18", "").load(&[]).unwrap();
    with("patience = 20\ncurve_points = 40", "").load(&[]).unwrap();
}

#[test]
fn what_is_frozen_is_something_and_comes_from_somewhere() {
    says(&with("freeze = []", ""), &["`freeze` names no layer", "freeze = []", "leave it out"]);
    let random = with("freeze = \"backbone\"", "");
    says(&random, &["warning: `freeze` without `init_from`", "features are random", "`init_from` names"]);
    let started = with("freeze = \"backbone\"\ninit_from = \"base\"", BASE);
    assert_eq!(started.said(&[]), with("", BASE).said(&[]));
    // What starts from the training images is not there by chance; its biases are.
    let whitened = |freeze: &str| {
        changed("network = \"cnn\"", "network = \"airbench\"", &format!("freeze = {freeze}"), "")
    };
    assert_eq!(whitened("[\"whiten.weight\"]").said(&[]), with("", "").said(&[]));
    says(&whitened("[\"whiten\"]"), &["features are random"]);
}

#[test]
fn numbers_in_quotes_and_with_the_wrong_sign_are_told_how_to_be_written() {
    let rate = |lr: &str| optimised_by(&format!("{{ sgd = {{ lr = {lr} }} }}"));
    says(&rate("\"0.02\""), &["`lr` must be a number from 0 up", "write `0.02`, without quotes"]);
    says(&rate("\"leaned\""), &["did you mean `learned`?"]);
    says(&rate("-0.02"), &["`lr` must be a number from 0 up, not -0.02", "write `0.02`, without the minus"]);
    says(
        &with("batch = \"big\"", ""),
        &["`auto`, not the text `\"big\"`", "a number is written without quotes"],
    );
    says(&with("batch = -8", ""), &["write `8`, without the minus"]);
}

#[test]
fn steps_to_convnext_are_taken_once() {
    let network = "{ resnet50 = { modern = [\"gelu\", \"width\", \"gelu\"] } }";
    let twice = changed("network = \"cnn\"", &format!("network = {network}"), "", "");
    says(&twice, &["this step is in `modern` already", "leave one of them out", "hint:"]);
    assert_eq!(count(&twice), 1);
}

#[test]
fn a_folder_in_place_of_weights_is_one_mistake() {
    let weights = |path: &str| with("init_from = \"made\"", &format!("[weights.made]\npath = \"{path}\"\n"));
    let folder = weights("here");
    std::fs::create_dir(folder.path("here")).unwrap();
    says(&folder, &["`here` is a folder", "name a file in it: `path = \"here/weights.safetensors\"`"]);
    assert_eq!(count(&folder), 1, "{}", folder.said(&[]));
    let gone = weights("gone.safetensors");
    says(&gone, &["no file `gone.safetensors`", "`path` starts at the folder of pipeline.toml"]);
    assert_eq!(count(&gone), 1, "{}", gone.said(&[]));
}

#[test]
fn weights_for_images_of_another_size_are_told_with_both_sizes() {
    let small = "[subset.small]\ndataset = \"sketches\"\nper_class = { train = 5, valid = 2, test = 5 }\n";
    let small = small.to_string() + "image_size = 32\nclasses = { up_to = 3 }\n";
    let started = |network: &str| {
        let base = BASE.replace("\"cnn\"", network).replace("\"photos\"", "\"small\"");
        let stages = format!("{small}{base}");
        changed("network = \"cnn\"", &format!("network = {network}"), "init_from = \"base\"", &stages)
    };
    let light = started("\"ultralight\"");
    says(
        &light,
        &["trained on images of 32 pixels, and this training has images of 64", "take one size for both"],
    );
    let said = light.said(&[]);
    assert!(!said.contains("stem_stride") && !said.contains("`patch`"), "{said}");
    says(&started("{ convnext = {} }"), &["of 32 pixels", "or give both the same `patch`"]);
}

#[test]
fn what_is_refused_says_what_to_do_instead() {
    says(&with("epochs = 3", ""), &["both `steps` and `epochs` are given", "keep one"]);
    says(&with("teacher = \"net\"", ""), &["`net` reads itself", "`teacher` must name another stage"]);
    let narrow = changed("network = \"cnn\"", "network = { swin = { width = 48 } }", "", "");
    says(&narrow, &["a width of 48 is no multiple of 32", "32 or 64"]);
    let tiny = changed("image_size = 64", "image_size = 8", "", "");
    says(&tiny, &["`cnn` needs images of 16 pixels or more, not 8", "`image_size = 16` of the subset"]);
    let small = "[subset.small]\ndataset = \"sketches\"\nper_class = { train = 5, valid = 2, test = 5 }\n";
    let base = format!("{small}image_size = 32\n{}", BASE.replace("\"photos\"", "\"small\""));
    says(&with("teacher = \"base\"", &base), &["train the teacher on images of 64 pixels"]);
}

#[test]
fn a_warm_up_that_is_not_asked_for_is_no_part_of_the_key() {
    let schedule = |written: &str| {
        let folder = with(&format!("schedule = {written}"), "");
        let experiment = folder.load(&[]).unwrap_or_else(|problems| panic!("{}", folder.show(&problems)));
        let net = experiment.graph.stages.iter().find(|stage| stage.name == "net").unwrap();
        net.parameters["schedule"].to_string()
    };
    assert_eq!(schedule("\"constant\""), r#"{"constant":{}}"#);
    assert_eq!(schedule("{ constant = { warm_up = 0.1 } }"), r#"{"constant":{"warm_up":0.1}}"#);
    assert_eq!(schedule("{ step-down = { at = [0.5] } }"), r#"{"step-down":{"at":[0.5],"factor":0.1}}"#);
}
