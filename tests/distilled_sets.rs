//! Distillations as whole programs on data unlike CIFAR: grey and small, photographs of 224 pixels, few classes and many.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod project;

use std::fs;

use image::RgbImage;
use image::imageops::{FilterType, resize};
use pipeline::data::{Labels, Pixels, Split};
use project::{Project, picture};

/// Two images of each class, by a method each that copies, that works out, that learns images and that learns labels, too.
const METHODS: &str = r#"
[distil.tiny]
from = "photos"
images_per_class = 2
method = "{method}"

[matrix]
method = [
    "herding",
    "eigenimages",
    { distribution-matching = { iterations = 3, width = 4, padding = 3, real_batch = 3 } },
    { feature-regression = { iterations = 2, width = 4, real_batch = 6, pool = 2 } },
]
"#;

/// A project with a data set of this layout in its folder `set`, of which three training images a class are taken. Some of
/// the pictures pass for copies of others, which is not the point here.
fn project(format: &str, image_size: u32) -> Project {
    let subset = format!(
        "[subset.photos]\ndataset = \"set\"\nper_class = {{ train = 3, test = 1 }}\n\
         keep_together = \"nothing\"\nimage_size = {image_size}\n"
    );
    let project = Project::with(&(subset + METHODS));
    let dataset = format!("device = \"cpu\"\n[datasets.set]\npath = \"set\"\nformat = \"{format}\"\n");
    project.write("pipeline.toml", dataset);
    project
}

/// Unlike any with another seed.
fn square(seed: u32, side: u32) -> RgbImage {
    resize(&picture(seed), side, side, FilterType::Nearest)
}

/// The training split that each method left, by what the stage is called. Its log begins with the memory that it needs.
fn distilled(project: &Project) -> Vec<(String, Split)> {
    project.run();
    let (artifacts, receipts) = (project.artifacts(), project.receipts());
    let sets = artifacts.iter().zip(&receipts).filter(|(artifact, _)| artifact.starts_with("distil/"));
    let opened = sets.map(|(artifact, receipt)| {
        let folder = project.path("artifacts").join(artifact);
        let log = fs::read_to_string(folder.join("measured/log")).unwrap();
        assert!(log.contains("needs about"), "{artifact}: {log}");
        let set = Split::open(&folder.join("content/train.safetensors")).unwrap();
        (receipt["label"].as_str().unwrap().to_string(), set)
    });
    opened.collect()
}

/// Whether a set holds two images a class of so many pixels a side, in the order of the classes, all of them numbers.
fn holds(set: &Split, classes: usize, side: usize) -> bool {
    let wanted: Vec<i64> = (0..2 * classes as i64).map(|place| place / 2).collect();
    let labelled = match set.labels() {
        Labels::Hard(labels) => labels == wanted,
        Labels::Soft { values, classes: told } => {
            told == classes && values.len() == 2 * classes * classes && set.labels().heaviest() == wanted
        }
    };
    let finite = match set.pixels() {
        Pixels::U8(values) => values.len() == 2 * classes * side * side * 3,
        Pixels::F32(values) => {
            values.len() == 2 * classes * side * side * 3 && values.iter().all(|v| v.is_finite())
        }
    };
    labelled && finite && [set.height(), set.width()] == [side, side]
}

/// What comes out of every method is whole; gives the sets.
fn all_hold(project: &Project, classes: usize, side: usize) -> Vec<(String, Split)> {
    let sets = distilled(project);
    assert_eq!(sets.len(), 4);
    for (label, set) in &sets {
        assert!(holds(set, classes, side), "{label}: {:?}", set.labels());
    }
    sets
}

#[test]
fn grey_images_of_28_pixels_are_distilled_and_copies_stay_grey() {
    let project = project("idx", 28);
    for (prefix, each, seed) in [("train", 4_u32, 0), ("t10k", 1, 1000)] {
        let count = 10 * each;
        let grey = |number| image::imageops::grayscale(&square(seed + number, 28)).into_raw();
        let sizes = [count, 28, 28].map(u32::to_be_bytes).concat();
        let pixels: Vec<u8> = (0..count).flat_map(grey).collect();
        let images = [&[0, 0, 8, 3][..], &sizes, &pixels].concat();
        let labels: Vec<u8> = (0..count).map(|number| (number % 10) as u8).collect();
        project.write(&format!("set/{prefix}-images-idx3-ubyte"), images);
        let labels = [&[0, 0, 8, 1][..], &count.to_be_bytes(), &labels].concat();
        project.write(&format!("set/{prefix}-labels-idx1-ubyte"), labels);
    }
    let sets = all_hold(&project, 10, 28);
    let copied = |set: &Split| match set.pixels() {
        Pixels::U8(bytes) => Some(bytes.chunks(3).all(|pixel| pixel == [pixel[0]; 3])),
        Pixels::F32(_) => None,
    };
    assert_eq!(sets.iter().filter_map(|(_, set)| copied(set)).collect::<Vec<_>>(), [true]);
}

#[test]
fn photographs_of_224_pixels_in_three_classes_are_distilled() {
    let project = project("image-folder", 224);
    for (class, first) in [("finch", 1), ("teal", 11), ("wren", 21)] {
        for (split, numbers) in [("train", 0..3), ("test", 3..4)] {
            let folder = project.path("set").join(split).join(class);
            fs::create_dir_all(&folder).unwrap();
            let draw = |number: u32| resize(&picture(first + number), 250, 230, FilterType::Nearest);
            numbers.for_each(|number| draw(number).save(folder.join(format!("{number}.jpg"))).unwrap());
        }
    }
    all_hold(&project, 3, 224);
}

#[test]
fn a_hundred_classes_are_distilled() {
    let project = project("cifar100", 16);
    let names: Vec<String> = (0..100).map(|class| format!("class{class:02}\n")).collect();
    project.write("set/fine_label_names.txt", names.concat());
    for (file, each, seed) in [("train", 3, 0), ("test", 1, 1000)] {
        let record = |number: u32| {
            let image = square(seed + number, 32);
            let plane = |colour: usize| image.pixels().map(move |pixel| pixel.0[colour]).collect::<Vec<u8>>();
            [vec![0, (number % 100) as u8], plane(0), plane(1), plane(2)].concat()
        };
        project.write(&format!("set/{file}.bin"), (0..100 * each).flat_map(record).collect::<Vec<u8>>());
    }
    all_hold(&project, 100, 16);
}
