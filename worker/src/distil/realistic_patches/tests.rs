//! The method on a toy set with a teacher.

use std::path::Path;

use pipeline::data::{Pixels, Split};
use pipeline::engine::Stopped;
use pipeline::recipe::Method;
use serde_json::{Value, json};

use super::super::tests::{content, trained};
use super::*;
use crate::fixture::{Bench, alone, image_set, input};

/// Photographs and a teacher, which stages of a test share.
struct Ground {
    photos: tempfile::TempDir,
    teacher: tempfile::TempDir,
    stages: tempfile::TempDir,
}

impl Ground {
    fn new() -> Ground {
        let [photos, teacher, stages] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        image_set(photos.path(), 30, 3);
        trained(teacher.path(), photos.path(), json!({ "convnet": { "width": 4 } }), 30);
        Ground { photos, teacher, stages }
    }

    fn folder(&self, name: &str) -> std::path::PathBuf {
        let folder = self.stages.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn bench(&self, folder: &Path, settings: Value) -> Bench {
        let mut settings = settings;
        let factor = settings.get("factor").cloned().unwrap_or(json!(2));
        settings["factor"] = factor;
        let method = json!({ "realistic-patches": settings });
        let parameters = json!({ "images_per_class": 2, "method": method, "seed": 5 });
        let teacher = input("teacher", &self.teacher.path().join("content"));
        let inputs = vec![("from", input("photos", self.photos.path())), (ROLE, teacher)];
        Bench::new(folder, "distil", parameters, inputs)
    }

    fn run(&self, name: &str, settings: Value) -> Split {
        let folder = self.folder(name);
        super::super::distil(&self.bench(&folder, settings).task(), Device::Cpu).unwrap();
        Split::open(&folder.join("content/train.safetensors")).unwrap()
    }

    fn real(&self) -> Split {
        Split::open(&self.photos.path().join("train.safetensors")).unwrap()
    }
}

/// Records of `patches.csv`.
fn table(folder: &Path) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(&content(folder)[TABLE][..]).records().map(Result::unwrap).collect()
}

fn bytes(split: &Split, place: usize) -> &[u8] {
    let Pixels::U8(bytes) = split.image(place) else { panic!("real crops are kept as bytes") };
    bytes
}

#[test]
fn whole_images_that_are_not_stitched_are_real_ones_byte_for_byte() {
    let _turn = alone();
    let ground = Ground::new();
    let split = ground.run("whole", json!({ "factor": 1, "smallest_share": 1.0, "crops": 1 }));
    let real = ground.real();
    for (place, row) in table(&ground.folder("whole")).iter().enumerate() {
        let there = (0..real.len()).find(|there| real.source(*there) == &row[3]).unwrap();
        assert_eq!(bytes(&split, place), bytes(&real, there));
        assert_eq!(real.labels().heaviest()[there], place as i64 / 2);
    }
}

#[test]
fn every_quarter_of_an_image_is_the_part_of_a_real_image_that_the_table_names() {
    let _turn = alone();
    let ground = Ground::new();
    let split = ground.run("stitched", json!({ "crops": 3 }));
    let (real, rows) = (ground.real(), table(&ground.folder("stitched")));
    assert_eq!((split.len(), rows.len()), (6, 24));
    for row in &rows {
        let number = |place: usize| row[place].parse::<i64>().unwrap();
        let there = (0..real.len()).find(|there| real.source(*there) == &row[3]).unwrap();
        let [image, line, column, top, left, side] = [0, 1, 2, 4, 5, 6].map(number);
        let whole = Tensor::from_slice(bytes(&real, there)).view([1, 16, 16, 3]).permute([0, 3, 1, 2]);
        let part = whole.to_kind(Kind::Float).narrow(2, top, side).narrow(3, left, side).contiguous();
        let expected = part.internal_upsample_bilinear2d_aa([8, 8], false, None, None).round();
        let made = Tensor::from_slice(bytes(&split, image as usize)).view([16, 16, 3]).permute([2, 0, 1]);
        let found = made.narrow(1, 8 * line, 8).narrow(2, 8 * column, 8).to_kind(Kind::Float);
        // Halves are rounded one way or the other.
        assert!((found - expected.get(0)).abs().max().double_value(&[]) <= 1.0, "{row:?}");
        assert_eq!(real.labels().heaviest()[there], image / 2);
    }
}

#[test]
fn every_image_gives_its_best_crop_before_any_gives_its_second_best() {
    let _turn = alone();
    let ground = Ground::new();
    ground.run("many", json!({ "crops": 3, "real_images": 10 }));
    ground.run("few", json!({ "crops": 3, "real_images": 3 }));
    let sources = |name: &str| {
        let rows = table(&ground.folder(name));
        let of_first = rows.iter().take(8).map(|row| row[3].to_string());
        of_first.collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!((sources("many"), sources("few")), (8, 3));
    let best: Vec<f64> = table(&ground.folder("many")).iter().map(|row| row[7].parse().unwrap()).collect();
    // Of 30 crops of a class the mean is far above that of the 8 best.
    assert!(best.iter().all(|loss| *loss < 1.2), "{best:?}");
}

#[test]
fn soft_labels_are_the_teachers_probabilities_and_a_temperature_evens_them() {
    let _turn = alone();
    let ground = Ground::new();
    let heaviest = |labels: &Labels| match labels {
        Labels::Soft { values, classes: 3 } => {
            let of_image = |image: &[f32]| {
                assert!((image.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{image:?}");
                image.iter().copied().fold(0.0, f32::max)
            };
            values.chunks(3).map(of_image).sum::<f32>()
        }
        other => panic!("{other:?}"),
    };
    let sharp = ground.run("sharp", json!({ "factor": 1 })).labels();
    let even = ground.run("even", json!({ "factor": 1, "temperature": 20.0 })).labels();
    assert!(heaviest(&even) < 0.9 * heaviest(&sharp));
    assert_eq!(sharp.heaviest(), [0, 0, 1, 1, 2, 2]);
    let hard = ground.run("hard", json!({ "factor": 1, "labels": "hard" })).labels();
    assert_eq!(hard, Labels::Hard(vec![0, 0, 1, 1, 2, 2]));
}

#[test]
fn patches_cut_off_and_resumed_equal_those_that_were_not_and_a_stop_saves() {
    let _turn = alone();
    let ground = Ground::new();
    let settings = json!({ "crops": 9 });
    ground.run("whole", settings.clone());
    let cut = ground.folder("cut");
    let task = ground.bench(&cut, settings.clone()).task();
    let (recipe, real) = (task.parameters::<Distil>().unwrap(), Real::open(&task).unwrap());
    let Method::RealisticPatches(own) = &recipe.method else { panic!() };
    let patches = Patches::new(&task, &real, &recipe, own, Device::Cpu).unwrap();
    assert_eq!(patches.crops.len().div_ceil(BATCH), 5);
    scoring::cut_off(&patches, 2);
    ground.run("cut", settings.clone());
    assert_eq!(content(&cut), content(&ground.folder("whole")));
    let asked = Bench { stop_at: Some(1), ..ground.bench(&ground.folder("asked"), settings) };
    let error = super::super::distil(&asked.task(), Device::Cpu).unwrap_err();
    assert_eq!(error.downcast_ref::<Stopped>().unwrap().saved_at, Some(1));
    let goes_on = Bench { stop_at: None, ..asked };
    super::super::distil(&goes_on.task(), Device::Cpu).unwrap();
    assert_eq!(goes_on.starts(), [None, Some(1)]);
    assert_eq!(content(&ground.folder("asked")), content(&ground.folder("whole")));
}

#[test]
fn a_class_that_gives_too_few_crops_is_named_with_the_remedy() {
    let ground = Ground::new();
    let bench = ground.bench(&ground.folder("few"), json!({ "real_images": 3, "crops": 2 }));
    let message = super::super::distil(&bench.task(), Device::Cpu).unwrap_err().to_string();
    let start = "8 patches of a class asked of `bulbul`, which gives 6 crops\nhint: raise `crops`";
    assert!(message.starts_with(start), "{message}");
}
