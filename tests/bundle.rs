//! An experiment is bundled, unpacked in another folder, run there and compared.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod project;

use std::fs;
use std::path::Path;
use std::process::Command;

use project::{Project, Ran};

const PROJECT: &str = "device = \"cpu\"\n\n[datasets.noise]\npath = \"pictures/noise\"\n\n[datasets.unused]\npath = \"nowhere\"\n";

const EXPERIMENT: &str = r#"
extends = "base.toml"

[augment.more]
from = "photos"
apply = ["horizontal-flip", { gaussian-noise = { sd = 5 } }]

[command.count]
run = "wc -c < tools/words.txt > {out}/count.txt"
"#;

const BASE: &str = r#"
[subset.photos]
dataset = "noise"
per_class = { train = 6, valid = 2, test = 3 }
image_size = 16
"#;

fn picture(seed: u32) -> image::RgbImage {
    let mut state = seed.wrapping_mul(2_654_435_761) + 1;
    image::RgbImage::from_fn(20, 18, |_, _| {
        image::Rgb([(); 3].map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }))
    })
}

fn project() -> Project {
    let project = Project::with(EXPERIMENT);
    project.write("base.toml", BASE);
    project.write("pipeline.toml", PROJECT);
    project.write("tools/words.txt", "some words\n");
    for n in 0..60 {
        let path = project.path(&format!("pictures/noise/train/{}/{n}.png", ["a", "b c"][n % 2]));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture(n as u32).save(path).unwrap();
    }
    project
}

/// Unpacks into a new folder, and returns it with the folder of the experiment.
fn unpack(archive: &Path) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(folder.path()).status().unwrap();
    assert!(status.success());
    let inside = folder.path().join("x");
    (folder, inside)
}

fn pipeline_in(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
    Ran::of(&command.args(arguments).current_dir(folder).env("NO_COLOR", "1").output().unwrap())
}

fn count_below(folder: &Path, extension: &str) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let count = entries.map(|entry| match entry.path() {
        path if path.is_dir() => count_below(&path, extension),
        path => usize::from(path.extension().is_some_and(|found| found == extension)),
    });
    count.sum()
}

#[test]
fn a_bundle_runs_elsewhere_to_the_same_digests_with_only_the_files_drawn() {
    let project = project();
    project.run();
    let archive = project.path("x.tar.gz");
    project.pipeline(&["bundle", "x.toml"]).expect(0).says("22 of 60 files");
    let first = fs::read(&archive).unwrap();
    project.pipeline(&["bundle", "x.toml", "--to", "again.tar.gz"]).expect(0);
    assert_eq!(first, fs::read(project.path("again.tar.gz")).unwrap());
    let (_folder, inside) = unpack(&archive);
    assert_eq!(count_below(&inside.join("data"), "png"), 22);
    pipeline_in(&inside, &["bundle", "--check", "."]).expect(0).says("3 not made here");
    pipeline_in(&inside, &["run", "experiments/x.toml"]).expect(0);
    let said = pipeline_in(&inside, &["bundle", "--check", "."]).expect(0);
    said.says("3 artifacts the same, 0 other, 0 not made here");
    said.says("more: the same bytes");
    assert_eq!(fs::read_to_string(inside.join("README.md")).unwrap().lines().next(), Some("# x"));
    assert!(!fs::read_to_string(inside.join("pipeline.toml")).unwrap().contains("unused"));
    assert!(fs::read_to_string(inside.join("experiments/x.toml")).unwrap().contains("[subset.photos]"));
}

#[test]
fn a_changed_file_and_another_result_are_found() {
    let project = project();
    project.run();
    project.pipeline(&["bundle", "x.toml"]).expect(0);
    let (_folder, inside) = unpack(&project.path("x.tar.gz"));
    pipeline_in(&inside, &["run", "experiments/x.toml", "--set", "subset.photos.seed=0"]).expect(0);
    fs::write(inside.join("tools/words.txt"), "other words\n").unwrap();
    let said = pipeline_in(&inside, &["bundle", "--check", "."]).expect(1);
    said.says("`tools/words.txt`: other bytes");
    pipeline_in(&inside, &["run", "experiments/x.toml"]).expect(0);
    fs::remove_dir_all(inside.join("artifacts/subset")).unwrap();
    let said = pipeline_in(&inside, &["bundle", "--check", "."]).expect(1);
    said.says("1 not made here");
}

#[test]
fn what_was_not_run_takes_all_files_and_a_reference_none() {
    let project = project();
    project.pipeline(&["bundle", "x.toml"]).expect(0).says("60 of 60 files");
    let (_folder, whole) = unpack(&project.path("x.tar.gz"));
    assert_eq!(count_below(&whole.join("data"), "png"), 60);
    project.run();
    project.pipeline(&["bundle", "x.toml", "--data", "reference"]).expect(0).says("0 of 60 files");
    let (_folder, inside) = unpack(&project.path("x.tar.gz"));
    assert_eq!(count_below(&inside, "png"), 0);
    pipeline_in(&inside, &["bundle", "--check", "."]).expect(1).says("60 files and 0 artifacts");
    let readme = fs::read_to_string(inside.join("README.md")).unwrap();
    assert!(readme.contains("Put the files of data set `noise`, at `data/noise`"), "{readme}");
    fs::rename(whole.join("data/noise"), inside.join("data/noise")).unwrap();
    pipeline_in(&inside, &["run", "experiments/x.toml"]).expect(0);
    pipeline_in(&inside, &["bundle", "--check", "."]).expect(0).says("3 artifacts the same");
}

#[test]
fn files_outside_the_project_are_refused() {
    let project = project();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let line = format!("inputs = [\"{}\"]\n", outside.path().display());
    project.write("x.toml", format!("{EXPERIMENT}{line}"));
    project.pipeline(&["bundle", "x.toml"]).expect(4).says("lies outside the project");
    assert!(!project.path("x.tar.gz").exists());
    project.pipeline(&["bundle", "--check", "."]).expect(2).says("manifest.json");
}
