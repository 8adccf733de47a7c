//! What a training reads: images to learn from, images to be checked on, classes and preprocessing.

use anyhow::{Result, ensure};
use pipeline::data::{Classes, Split, read_preprocess};
use pipeline::engine::Task;
use pipeline::recipe::{Preprocess, files};
use tch::Device;

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
}

impl Set {
    /// # Errors
    /// The input is damaged, has no training images, or images that are not square.
    pub fn open(task: &Task, device: Device) -> Result<Set> {
        let classes = Classes::read(task.input("from", files::CLASSES)?)?;
        let preprocess = read_preprocess(task.input("from", files::PREPROCESS)?)?;
        let train = Split::open(task.input("from", files::TRAIN)?)?;
        let valid = Split::open(task.input("from", files::VALID)?)?;
        ensure!(!train.is_empty(), "`{}` has no training images", task.input_label("from"));
        let (height, width) = (train.height(), train.width());
        ensure!(height == width, "images of {width}×{height} pixels: networks take square ones");
        let same = valid.is_empty() || (valid.height(), valid.width()) == (height, width);
        ensure!(same, "training images of {height} pixels and validation images of {}", valid.height());
        let load = |split: &Split| -> Result<Images> {
            let images = Images::load(split, &preprocess, classes.len(), device)?;
            Ok(images.whitened(Whitening::of(&train, device)))
        };
        Ok(Set {
            valid: if valid.is_empty() { None } else { Some(load(&valid)?) },
            test: None,
            train: load(&train)?,
            classes: classes.names().to_vec(),
            image_size: height as u32,
            preprocess,
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
        let images = Images::load(&test, &self.preprocess, self.classes.len(), device)?;
        Ok(Set { test: Some(images.whitened(whitening)), ..self })
    }
}
