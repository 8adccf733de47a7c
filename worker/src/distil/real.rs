//! The training split that is distilled, class by class.

use anyhow::{Result, ensure};
use pipeline::data::{self, Classes, Pixels, Split};
use pipeline::engine::Task;
use pipeline::recipe::{Preprocess, files};

/// The input in the role `from`.
pub struct Real {
    pub split: Split,
    pub classes: Classes,
    pub preprocess: Preprocess,
    /// Places in the split of each class's images; of soft labels the heaviest counts.
    pub by_class: Vec<Vec<usize>>,
    /// The class of each place.
    pub class_of: Vec<i64>,
    /// What a person calls the input.
    label: String,
}

impl Real {
    /// # Errors
    /// A file is missing or damaged, a label has no class, or a class no image.
    pub fn open(task: &Task) -> Result<Real> {
        let split = Split::open(task.input("from", files::TRAIN)?)?;
        let classes = Classes::read(task.input("from", files::CLASSES)?)?;
        let preprocess = data::read_preprocess(task.input("from", files::PREPROCESS)?)?;
        let mut by_class = vec![Vec::new(); classes.len()];
        let class_of = split.labels().heaviest();
        for (place, class) in class_of.iter().enumerate() {
            let known = by_class.len();
            ensure!(
                (*class as usize) < known,
                "image {place} has label {class}, but there are {known} classes"
            );
            by_class[*class as usize].push(place);
        }
        let label = task.input_label("from").to_string();
        Ok(Real { split, classes, preprocess, by_class, class_of, label })
    }

    /// # Errors
    /// A class has fewer than `wanted` images.
    pub fn holds(&self, wanted: usize) -> Result<()> {
        for (name, places) in self.classes.names().iter().zip(&self.by_class) {
            ensure!(
                places.len() >= wanted,
                "{wanted} images a class asked of `{}`, which has {} of `{name}`\n\
                 hint: lower `images_per_class`, or raise `per_class.train` of the subset",
                self.label,
                places.len()
            );
        }
        Ok(())
    }

    /// Bytes that all pixels take, as stored.
    pub fn stored(&self) -> u64 {
        match self.split.pixels() {
            Pixels::U8(values) => values.len() as u64,
            Pixels::F32(values) => 4 * values.len() as u64,
        }
    }

    /// `[height, width]` in pixels.
    pub fn size(&self) -> [usize; 2] {
        [self.split.height(), self.split.width()]
    }
}
