//! Augmented sets of a few small drawn birds: only the training split grows, and the sheet shows before and after.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod project;

use std::collections::BTreeMap;

use project::Project;

const BIRDS: &str = r#"
[subset.photos]
dataset = "birds"
classes = { up_to = 3 }
per_class = { train = 4, valid = 2, test = 3 }
image_size = 16

[augment.more]
from = "photos"
policy = "one-copy-per-op"
keep_originals = false
apply = ["horizontal-flip", { brightness = { by = [0.1, 0.3], probability = 0.5 } }, { grid-noise = { shape = "squares" } }]
"#;

const PROJECT: &str = r#"
device = "cpu"

[datasets.birds]
format = { sketch-birds = { train = 12 } }
"#;

fn birds(experiment: &str) -> Project {
    let project = Project::with(experiment);
    project.write("pipeline.toml", PROJECT);
    project.run();
    project
}

/// The pixels of each exported image of a folder, by its path.
fn exported(project: &Project, stage: &str) -> BTreeMap<String, Vec<u8>> {
    project.pipeline(&["export", stage, "x.toml", "--to", stage]).expect(0);
    let (root, mut images) = (project.path(stage), BTreeMap::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                images.insert(name, image::open(path).unwrap().into_rgb8().into_raw());
            }
        }
    }
    images
}

#[test]
fn only_the_training_split_is_augmented() {
    let project = birds(BIRDS);
    let (before, after) = (exported(&project, "photos"), exported(&project, "more"));
    let of = |images: &BTreeMap<String, Vec<u8>>, split: &str| -> Vec<(String, Vec<u8>)> {
        let of_split = images.iter().filter(|(name, _)| name.starts_with(split));
        of_split.map(|(name, pixels)| (name.clone(), pixels.clone())).collect()
    };
    for (split, count) in [("valid", 6), ("test", 9)] {
        assert_eq!(of(&before, split).len(), count);
        assert!(of(&before, split) == of(&after, split), "{split}");
    }
    assert_eq!((of(&before, "train").len(), of(&after, "train").len()), (12, 36));
}

#[test]
fn the_sheet_of_an_augmented_set_has_a_row_for_each_augmentation() {
    let project = birds(BIRDS);
    let said = project.pipeline(&["show", "more", "x.toml", "--sheet", "sheet.png"]);
    said.expect(0).says("below the originals: horizontal-flip, brightness, grid-noise");
    let sheet = image::open(project.path("sheet.png")).unwrap();
    // Four rows of images of 16 pixels shown six times as large, and six columns beside the labels.
    assert_eq!((sheet.height(), sheet.width()), (4 * 100 + 4, 26 * 6 + 8 + 6 * 100));
}

#[test]
fn a_sheet_without_the_originals_says_what_to_do() {
    let project = birds(BIRDS);
    std::fs::remove_dir_all(project.path("artifacts/subset")).unwrap();
    let said = project.pipeline(&["show", "more", "x.toml", "--sheet", "sheet.png"]);
    said.expect(2).says("hint: `pipeline run` makes them again");
}
