//! What a training reads: images to learn from, images to be checked on, classes and preprocessing.

use anyhow::{Result, ensure};
use pipeline::data::{Classes, Pixels, Split, read_preprocess};
use pipeline::engine::Task;
use pipeline::networks::{Residence, Room, Structure};
use pipeline::recipe::{Preprocess, Train, files};
use tch::Device;

use crate::device;
use crate::images::Images;
use crate::whitening::Whitening;

/// The stage's input, on the device.
pub struct Set {
    pub train: Images,
    /// `None` where the set has no validation images.
    pub valid: Option<Images>,
    /// Images of the test split, for reporting alone; `None` where nobody asked, or there are none.
    pub test: Option<Images>,
    pub classes: Vec<String>,
    pub preprocess: Preprocess,
    /// Height and width in pixels.
    pub image_size: u32,
    residence: Residence,
}

impl Set {
    /// # Errors
    /// The input is damaged, has no training images, or images that are not square.
    pub fn open(task: &Task, recipe: &Train, device: Device) -> Result<Set> {
        let classes = Classes::read(task.input("from", files::CLASSES)?)?;
        let preprocess = read_preprocess(task.input("from", files::PREPROCESS)?)?;
        let train = Split::open(task.input("from", files::TRAIN)?)?;
        let valid = Split::open(task.input("from", files::VALID)?)?;
        ensure!(!train.is_empty(), "`{}` has no training images", task.input_label("from"));
        let (height, width) = (train.height(), train.width());
        ensure!(height == width, "images of {width}×{height} pixels: networks take square ones");
        let same = valid.is_empty() || (valid.height(), valid.width()) == (height, width);
        ensure!(same, "training images of {height} pixels and validation images of {}", valid.height());
        let read =
            if recipe.test_curve { Some(Split::open(task.input("from", files::TEST)?)?) } else { None };
        let splits = [Some(&train), Some(&valid), read.as_ref()];
        let stored = splits.into_iter().flatten().map(stored).sum();
        let residence = if device.is_cuda() {
            let needed = needed(recipe, &train, classes.len());
            told(task, Room { stored, needed, free: device::free_memory(device) })
        } else {
            Residence::File
        };
        let load = |split: &Split| -> Result<Images> {
            let images = Images::residing(residence, split, &preprocess, classes.len(), device)?;
            Ok(images.whitened(Whitening::of(&train, device)))
        };
        Ok(Set {
            valid: if valid.is_empty() { None } else { Some(load(&valid)?) },
            test: None,
            train: load(&train)?,
            classes: classes.names().to_vec(),
            image_size: height as u32,
            preprocess,
            residence,
        })
    }

    /// With the images of the test split.
    ///
    /// # Errors
    /// The split is damaged, or its images are of another size.
    pub fn with_test(self, task: &Task, device: Device) -> Result<Set> {
        let test = Split::open(task.input("from", files::TEST)?)?;
        if test.is_empty() {
            return Ok(self);
        }
        let side = self.image_size as usize;
        ensure!(
            (test.height(), test.width()) == (side, side),
            "training images of {side} pixels and test images of {}",
            test.height()
        );
        let whitening = Whitening::of(&Split::open(task.input("from", files::TRAIN)?)?, device);
        let images = Images::residing(self.residence, &test, &self.preprocess, self.classes.len(), device)?;
        Ok(Set { test: Some(images.whitened(whitening)), ..self })
    }
}

/// Bytes of a split's images.
fn stored(split: &Split) -> u64 {
    let width = if matches!(split.pixels(), Pixels::U8(_)) { 1 } else { 4 };
    (3 * split.len() * split.height() * split.width() * width) as u64
}

/// Bytes that the training needs beside its images; of a network that cannot be, none.
fn needed(recipe: &Train, train: &Split, classes: usize) -> u64 {
    let (side, images) = (train.height() as u32, recipe.images_at_once(train.len() as u64));
    let structure = Structure::new(&recipe.network, classes, side);
    structure
        .map_or(0, |structure| structure.figures.training_bytes(recipe.values_of_a_weight(), images, side))
}

/// Says where the images lie, and why.
fn told(task: &Task, room: Room) -> Residence {
    tracing::info!("{room}");
    task.note("images", room.to_string());
    let residence = room.residence();
    if residence == Residence::Batches {
        task.warn(room.to_string());
    }
    residence
}

#[cfg(test)]
mod tests {
    use pipeline::engine::StageEvent;

    use super::*;
    use crate::fixture;

    #[test]
    fn images_that_do_not_fit_are_told_of_and_those_that_do_are_noted() {
        let folder = tempfile::tempdir().unwrap();
        let bench = fixture::Bench::new(folder.path(), "train", serde_json::Value::Null, Vec::new());
        let task = bench.task();
        let room = Room { stored: 1 << 30, needed: 1 << 28, free: Some(1 << 32) };
        assert_eq!(told(&task, room), Residence::Gpu);
        assert!(bench.heard.borrow().is_empty());
        assert_eq!(told(&task, Room { free: Some(1 << 30), ..room }), Residence::Batches);
        assert!(
            matches!(&bench.heard.borrow()[..], [StageEvent::Warning { message }] if message.contains("do not fit"))
        );
        assert!(task.noted()["images"].as_str().unwrap().contains("batch by batch"));
    }
}
