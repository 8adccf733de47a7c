//! Bad input, each with a message that a newcomer can act on; nothing runs and nothing panics.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod project;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use project::{Project, Ran};

const GOOD: &str = r#"
[subset.photos]
dataset = "tiny"
per_class = { train = 4, test = 2 }
image_size = 16

[train.net]
from = "photos"
network = "ultralight"
steps = 10
optimizer = { sgd = { lr = 0.02 } }

[evaluate.score]
of = "net"
on = "photos"
"#;

/// A project whose data set `tiny` is drawn by the program.
fn drawn(experiment: &str) -> Project {
    let project = Project::with(experiment);
    project.write("pipeline.toml", "device = \"cpu\"\n[datasets.tiny]\nformat = \"sketch-birds\"\n");
    project
}

/// A project whose data set `tiny` is a folder of two classes with six small pictures each.
fn photographed(experiment: &str) -> Project {
    let project = Project::with(experiment);
    project.write("pipeline.toml", "device = \"cpu\"\n[datasets.tiny]\npath = \"pictures\"\n");
    for (class, red) in [("finch", 200u8), ("wren", 60)] {
        for index in 0..6u8 {
            let picture = image::RgbImage::from_fn(20, 20, |x, y| {
                image::Rgb([red, (x * 9) as u8, (y * 9) as u8 ^ index])
            });
            let path = project.path(&format!("pictures/{class}/{index}.png"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            picture.save(path).unwrap();
        }
    }
    project
}

const SUBSET_ONLY: &str = r#"
[subset.photos]
dataset = "tiny"
per_class = { train = 4, test = 2 }
image_size = 16
keep_together = "nothing"   # the pictures made here are all alike
"#;

/// What `plan` says of a configuration that is refused; every message names the file and a place in it.
#[track_caller]
fn refused(project: &Project) -> Ran {
    let said = project.pipeline(&["plan", "x.toml"]).expect(3);
    assert!(said.err.contains("x.toml:"), "no place is named:\n{}", said.err);
    assert!(said.out.is_empty(), "stdout carries data only:\n{}", said.out);
    said
}

#[test]
fn a_misspelt_key_is_told_with_the_nearest_name() {
    let said = refused(&drawn(&GOOD.replace("image_size", "image_sise")));
    said.says("image_sise");
    said.says("`image_size`");
    said.says("^");
}

#[test]
fn a_wrong_type_is_told_with_the_type_that_is_wanted() {
    let said = refused(&drawn(&GOOD.replace("steps = 10", "steps = \"many\"")));
    said.says("steps");
    said.says("integer");
}

#[test]
fn four_errors_in_one_file_are_all_told() {
    let bad = GOOD
        .replace("image_size = 16", "image_size = 100000")
        .replace("\"ultralight\"", "\"vgg61\"")
        .replace("lr = 0.02", "lr = \"high\"")
        .replace("of = \"net\"", "of = \"nett\"");
    let said = refused(&drawn(&bad));
    for text in ["image_size", "vgg61", "lr", "nett"] {
        said.says(text);
    }
    assert!(said.err.matches("x.toml:").count() >= 4, "{}", said.err);
}

#[test]
fn a_cycle_is_told_with_its_stages() {
    let text =
        "[augment.a]\nfrom = \"b\"\napply = [\"edges\"]\n[augment.b]\nfrom = \"a\"\napply = [\"edges\"]\n";
    let said = refused(&drawn(text));
    said.says("`a`");
    said.says("`b`");
}

#[test]
fn a_missing_data_set_is_told_with_where_to_put_it() {
    let project = Project::with(GOOD);
    project.write("pipeline.toml", "device = \"cpu\"\n[datasets.tiny]\npath = \"no/such\"\n");
    let said = refused(&project);
    said.says("no/such");
    said.says("datasets.tiny.path");
}

#[test]
fn an_unknown_data_set_is_told_with_those_there_are() {
    refused(&drawn(&GOOD.replace("\"tiny\"", "\"tinny\""))).says("`tiny`");
}

#[test]
fn more_distilled_images_than_there_are_names_both_places() {
    let text =
        format!("{SUBSET_ONLY}[distil.few]\nfrom = \"photos\"\nimages_per_class = 5\nmethod = \"random\"\n");
    let said = refused(&drawn(&text));
    said.says("images_per_class = 5");
    said.says("train = 4");
}

#[test]
fn an_unknown_network_is_told_with_those_near_it() {
    refused(&drawn(&GOOD.replace("ultralight", "ultralite"))).says("`ultralight`");
}

#[test]
fn a_network_too_deep_for_its_images_names_both_places_and_a_depth_that_fits() {
    let deep = GOOD.replace("\"ultralight\"", "{ convnet = { depth = 6 } }");
    let said = refused(&drawn(&deep));
    said.says("6 blocks halve an image of 16 pixels to nothing");
    said.says("at most 4 blocks");
    said.says("image_size = 16");
}

#[test]
fn a_network_is_shown_with_its_settings_and_a_mistake_in_them_told() {
    let project = Project::new();
    let show = |what: &str, size: &str| project.pipeline(&["show", what, "--image-size", size]);
    let shown = show("{ convnext = { size = \"pico\" } }", "64").expect(0);
    assert!(shown.out.contains("stages.3.blocks.1.conv_dw"), "{}", shown.out);
    show("vgg16", "16").expect(2).says("`vgg16` needs images of 32 pixels or more, not 16");
    show("vgg61", "64").expect(3).says("`vgg16`");
    project.pipeline(&["show", "vgg16"]).expect(2).says("pipeline show 'vgg16' --image-size 64");
}

#[test]
fn cuda_where_there_is_none_is_an_error_with_its_reason() {
    if fs::metadata("/dev/nvidia0").is_ok() {
        eprintln!("skipped: this machine has a GPU");
        return;
    }
    let said = drawn(GOOD).pipeline(&["plan", "x.toml", "--set", "device=cuda"]);
    assert!(matches!(said.code, Some(3 | 4)), "{said:?}");
    said.says("CUDA is not available");
    said.says("--set device=cpu");
}

#[test]
fn an_empty_class_is_named() {
    let project = photographed(SUBSET_ONLY);
    project.write("pictures/heron/notes.txt", "none yet");
    project.pipeline(&["run", "x.toml"]).expect(1).says("class `heron` holds no images");
    // Who names the classes to take does not mind.
    project.write("x.toml", SUBSET_ONLY.replace("dataset =", "classes = [\"finch\", \"wren\"]\ndataset ="));
    project.pipeline(&["run", "x.toml"]).expect(0);
}

#[test]
fn a_class_with_too_few_images_is_told_with_both_counts() {
    let said =
        photographed(&SUBSET_ONLY.replace("train = 4", "train = 40")).pipeline(&["run", "x.toml"]).expect(1);
    said.says("finch");
    said.says("6");
}

#[test]
fn a_truncated_picture_is_named_and_can_be_skipped() {
    let project = photographed(&SUBSET_ONLY.replace("test = 2", "test = 1"));
    let path = project.path("pictures/wren/3.png");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let all = project.path("x.toml");
    fs::write(&all, SUBSET_ONLY).unwrap();
    project.pipeline(&["run", "x.toml"]).expect(1).says("wren/3.png");
    fs::write(
        &all,
        SUBSET_ONLY
            .replace("test = 2", "test = 1")
            .replace("image_size", "skip_unreadable = true\nimage_size"),
    )
    .unwrap();
    project.pipeline(&["run", "x.toml"]).expect(0);
}

#[test]
fn a_file_name_that_is_no_text_is_told_with_its_folder() {
    let project = photographed(SUBSET_ONLY);
    let name = OsStr::from_bytes(b"bad-\xff.png");
    fs::copy(project.path("pictures/wren/3.png"), project.path("pictures/wren").join(name)).unwrap();
    let said = project.pipeline(&["run", "x.toml"]);
    assert!(matches!(said.code, Some(1 | 3 | 4)), "{said:?}");
    said.says("pictures/wren");
    said.says("UTF-8");
}

#[test]
fn a_store_that_cannot_be_written_is_told_with_a_remedy() {
    let project = Project::with("[command.one]\nrun = \"echo 1 > {out}/x\"\n");
    fs::create_dir(project.path("artifacts")).unwrap();
    // Rights do not bind root, so the program runs as nobody, in a folder that all may enter.
    for folder in [project.root().to_path_buf(), project.path("artifacts")] {
        fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let program = project.path("pipeline");
    fs::copy(env!("CARGO_BIN_EXE_pipeline"), &program).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).args(["run", "x.toml"]);
    let Ok(output) = command.current_dir(project.root()).env("NO_COLOR", "1").output() else {
        eprintln!("skipped: no `setpriv` on this machine");
        return;
    };
    let said = Ran::of(&output);
    if said.err.contains("setpriv:") {
        eprintln!("skipped: not run as root");
        return;
    }
    let said = said.expect(4);
    said.says("artifacts");
    said.says("hint:");
}

#[test]
fn an_experiment_that_is_not_there_is_told_with_those_that_are() {
    let project = drawn(GOOD);
    project.pipeline(&["run", "y.toml"]).expect(3).says("y.toml");
}

#[test]
fn text_that_is_no_toml_is_told_with_its_place() {
    refused(&drawn("[train.net\nsteps = 1\n"));
}

#[test]
fn an_unknown_verb_stage_or_topic_is_a_usage_error() {
    let project = drawn(GOOD);
    project.pipeline(&["rnu", "x.toml"]).expect(2);
    project.pipeline(&["why", "nett", "x.toml"]).expect(2).says("`net`");
    project.pipeline(&["explain", "trian"]).expect(2).says("train");
    project.pipeline(&["show", "abcd1234"]).expect(2);
}

#[test]
fn every_verb_has_help_with_an_example() {
    let project = drawn(GOOD);
    let listed = project.pipeline(&["--help"]).expect(0);
    for verb in [
        "run",
        "plan",
        "why",
        "list",
        "show",
        "compare",
        "report",
        "gc",
        "verify",
        "export",
        "graph",
        "explain",
        "schema",
        "doctor",
        "init",
        "completions",
    ] {
        listed.says(verb);
        let help = project.pipeline(&[verb, "--help"]).expect(0);
        assert!(help.out.contains("Example"), "`{verb} --help` has no example:\n{}", help.out);
    }
}
