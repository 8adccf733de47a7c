//! Splits without leaks, cross-validation and whole data sets, through the built program on small pictures made here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod project;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use project::Project;

const PROJECT: &str = "device = \"cpu\"\n\n[datasets.shapes]\npath = \"data/shapes\"\n";

/// Blobs of light whose places depend on `scene`; another `shade` is the same scene a little brighter.
fn picture(scene: u32, shade: u8) -> image::RgbImage {
    let mut state = scene.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as f32 / 65_536.0
    };
    let blobs: Vec<[f32; 4]> = (0..14).map(|_| [next(), next(), 0.05 + 0.2 * next(), next() - 0.5]).collect();
    image::RgbImage::from_fn(72, 60, |x, y| {
        let (x, y) = (x as f32 / 72.0, y as f32 / 60.0);
        let far = |blob: &[f32; 4]| ((x - blob[0]).powi(2) + (y - blob[1]).powi(2)) / blob[2].powi(2);
        let light: f32 = blobs.iter().map(|blob| blob[3] * (-far(blob)).exp()).sum();
        image::Rgb([((0.4 + 0.2 * y + light).clamp(0.0, 0.9) * 255.0) as u8 + shade; 3])
    })
}

fn put(project: &Project, path: &str, scene: u32, shade: u8) {
    let path = project.path(&format!("data/shapes/{path}"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture(scene, shade).save(path).unwrap();
}

/// Two classes with `counts` training images each; every fifth is a second shot of the one before.
fn shapes(experiment: &str, counts: [u32; 2]) -> Project {
    let project = Project::with(experiment);
    project.write("pipeline.toml", PROJECT);
    for (label, count) in counts.into_iter().enumerate() {
        for n in 0..count {
            let again = n % 5 == 4;
            let scene = 1000 * (label as u32 + 1) + if again { n - 1 } else { n };
            put(
                &project,
                &format!("train/{}/{n:03}.png", ["A", "B"][label]),
                scene,
                if again { 6 } else { 0 },
            );
        }
    }
    project
}

fn sources(project: &Project, artifact: &str, split: &str) -> BTreeSet<String> {
    let path = project.path(&format!("artifacts/{artifact}/content/{split}.safetensors"));
    let split = pipeline::data::Split::open(&path).unwrap();
    (0..split.len()).map(|at| split.source(at).to_string()).collect()
}

/// What an image shows: the same for both shots of a pair.
fn scene(source: &str) -> String {
    let (folder, name) = source.rsplit_once('/').unwrap();
    let n: u32 = name.trim_end_matches(".png").parse().unwrap();
    format!("{folder}/{}", if n % 5 == 4 { n - 1 } else { n })
}

fn of_label(project: &Project) -> BTreeMap<String, String> {
    let labels = project.receipts().into_iter().map(|receipt| receipt["label"].as_str().unwrap().to_string());
    labels.zip(project.artifacts()).collect()
}

const DRAWN: &str = r#"
[subset.photos]
dataset = "shapes"
per_class = { train = 20, valid = 5, test = 10 }
image_size = 16
"#;

#[test]
fn no_scene_stands_on_both_sides_of_a_split_unless_asked() {
    let project = shapes(DRAWN, [45, 45]);
    let scenes_on_two_sides = || {
        let artifact = project.artifacts().pop().unwrap();
        let scenes = ["train", "valid", "test"].map(|split| {
            sources(&project, &artifact, split).iter().map(|source| scene(source)).collect::<BTreeSet<_>>()
        });
        let others: BTreeSet<_> = scenes[1].union(&scenes[2]).cloned().collect();
        scenes[0].intersection(&others).count() + scenes[1].intersection(&scenes[2]).count()
    };
    project.run();
    assert_eq!(scenes_on_two_sides(), 0);
    let note = &project.receipts()[0]["provenance"]["kept_together"];
    assert_eq!((note["groups"].as_u64(), note["images"].as_u64()), (Some(18), Some(36)), "{note}");
    assert!(note["leaks_without"].as_u64().unwrap() > 0, "{note}");
    let artifact = project.artifacts().pop().unwrap();
    let table = project.read(&format!("artifacts/{artifact}/measured/kept_together.csv"));
    assert_eq!(table.lines().count(), 1 + 36, "{table}");
    assert!(table.contains("0,A,train/A/003.png,"), "{table}");
    fs::remove_dir_all(project.path("artifacts")).unwrap();
    project.pipeline(&["run", "x.toml", "--set", "subset.photos.keep_together=nothing"]).expect(0);
    assert!(scenes_on_two_sides() > 0);
}

#[test]
fn a_training_image_like_a_test_image_of_the_data_set_is_not_drawn_for_train() {
    let text = "[subset.photos]\ndataset = \"shapes\"\nper_class = \"all\"\nimage_size = 16\n";
    let project = shapes(text, [12, 12]);
    for class in ["A", "B"] {
        put(&project, &format!("test/{class}/000.png"), 77 + class.as_bytes()[0] as u32, 0);
        put(&project, &format!("train/{class}/100.png"), 77 + class.as_bytes()[0] as u32, 5);
    }
    project.run();
    let artifact = project.artifacts().pop().unwrap();
    let train = sources(&project, &artifact, "train");
    assert_eq!(train.len(), 24);
    assert!(!train.iter().any(|source| source.ends_with("100.png")), "{train:?}");
}

#[test]
fn what_groups_make_impossible_is_told_with_figures() {
    let project = shapes(&DRAWN.replace("train = 20, valid = 5, test = 10", "train = 40, test = 20"), [0, 0]);
    for n in 0..70 {
        put(&project, &format!("train/A/{n:03}.png"), if n < 60 { 9 } else { 100 + n }, (n % 4) as u8);
        put(&project, &format!("train/B/{n:03}.png"), 500 + n, 0);
    }
    let said = project.pipeline(&["run", "x.toml"]).expect(1);
    said.says("class `A` can give 0 of 20 test images");
    said.says("keep_together = \"nothing\"");
    assert!(!said.err.contains("class `B`"), "{}", said.err);
}

const FOLDED: &str = r#"
replicates = ["fold"]

[subset.photos]
dataset = "shapes"
per_class = { train = "all", valid = 2 }
image_size = 16
folds = 4
fold = "{fold}"

[train.net]
from = "photos"
network = "ultralight"
steps = 4
batch = 8
optimizer = { sgd = { lr = 0.02 } }
precision = "fp32"

[evaluate.score]
of = "net"
on = "photos"

[matrix]
fold = [0, 1, 2, 3]
"#;

#[test]
fn every_image_is_tested_in_one_fold_and_tables_average_over_folds() {
    let project = shapes(FOLDED, [22, 18]);
    put(&project, "test/A/000.png", 5555, 0);
    put(&project, "valid/B/000.png", 6666, 0);
    project.run().says("over `fold`");
    let mut tested = BTreeSet::new();
    for (label, artifact) in of_label(&project).iter().filter(|(label, _)| label.starts_with("photos")) {
        let splits = ["train", "valid", "test"].map(|split| sources(&project, artifact, split));
        assert_eq!(splits.iter().map(BTreeSet::len).sum::<usize>(), 42, "{label}");
        assert_eq!(splits[1].len(), 4, "{label}");
        let scenes = splits.each_ref().map(|ids| ids.iter().map(|id| scene(id)).collect::<BTreeSet<_>>());
        assert!(scenes[0].is_disjoint(&scenes[2]) && scenes[0].is_disjoint(&scenes[1]), "{label}");
        let of_a = splits[2].iter().filter(|id| id.contains("/A/")).count();
        assert!((5..=7).contains(&of_a), "{label}: {of_a}");
        assert!(splits[2].iter().all(|id| tested.insert(id.clone())), "{label}");
    }
    assert_eq!(tested.len(), 42);
    let summary = project.read("artifacts/results/x/latest/summary.csv");
    assert_eq!(summary.lines().count(), 2, "{summary}");
    let columns: Vec<&str> = summary.lines().next().unwrap().split(',').collect();
    let row: Vec<&str> = summary.lines().nth(1).unwrap().split(',').collect();
    let n = columns.iter().position(|column| *column == "n").unwrap();
    assert_eq!(row[n], "4", "{summary}");
}

#[test]
fn folds_that_cannot_be_are_refused_before_anything_runs() {
    let only = FOLDED.split("[train.net]").next().unwrap();
    let text = format!("{only}\n[matrix]\nfold = [0, 4]\n");
    let project = shapes(&text, [8, 8]);
    project
        .pipeline(&["run", "x.toml"])
        .expect(3)
        .says("there is no fold 4: 4 folds are counted from 0 to 3");
    project.write("x.toml", only.replace("fold = \"{fold}\"\n", "").replace("replicates = [\"fold\"]", ""));
    project.pipeline(&["run", "x.toml"]).expect(3).says("`folds` lacks `fold`");
    let both = text.replace("valid = 2", "valid = 2, test = 5").replace("[0, 4]", "[0]");
    project.write("x.toml", both);
    project.pipeline(&["run", "x.toml"]).expect(3).says("`test` and `folds` both say what the test split is");
    let many = text.replace("folds = 4", "folds = 9").replace("[0, 4]", "[0]");
    project.write("x.toml", many);
    project.pipeline(&["run", "x.toml"]).expect(1).says("which do not fill 9 folds");
    assert!(project.artifacts().is_empty());
}

#[test]
fn a_split_of_every_image_tells_how_unequal_its_classes_are() {
    let text = "[subset.photos]\ndataset = \"shapes\"\nper_class = { train = \"all\", test = 4 }\nimage_size = 16\n\
                keep_together = \"nothing\"\n";
    let project = shapes(text, [24, 14]);
    project.run().says("train holds 20 images of `A` and 10 of `B`, 2.0 to 1");
    let warnings = project.receipts()[0]["provenance"]["warnings"].to_string();
    assert!(warnings.contains("2.0 to 1"), "{warnings}");
}

#[test]
fn what_is_remembered_of_images_changes_no_byte_and_gc_removes_it() {
    let two = format!(
        "{DRAWN}\n[subset.other]\ndataset = \"shapes\"\nper_class = {{ train = 30, test = 5 }}\nimage_size = 16\nseed = 3\n"
    );
    let project = shapes(&two, [45, 45]);
    project.run();
    let warm = project.digests();
    let kept: Vec<String> = fs::read_dir(project.path("artifacts/cache"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(kept.iter().any(|name| name.starts_with("pixels-16-crop")), "{kept:?}");
    // Spoilt records are as good as none.
    for name in &kept {
        let path = project.path(&format!("artifacts/cache/{name}"));
        let mut bytes = fs::read(&path).unwrap();
        bytes.iter_mut().skip(40).step_by(97).for_each(|byte| *byte ^= 1);
        fs::write(&path, bytes).unwrap();
    }
    project.pipeline(&["run", "x.toml", "--force", "photos", "--force", "other"]).expect(0);
    assert_eq!(project.digests(), warm);
    project.pipeline(&["verify", "--rerun"]).expect(0);
    project.pipeline(&["gc"]).expect(0).says("of decoded images");
    assert_eq!(fs::read_dir(project.path("artifacts/cache")).unwrap().count(), 0);
}
