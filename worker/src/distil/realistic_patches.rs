//! Realistic patches (Sun et al. 2024, RDED): crops of real images that a teacher is surest of, stitched into images.

mod crop;
mod scoring;
mod stitch;

use anyhow::{Result, ensure};
use pipeline::data::Labels;
use pipeline::engine::Task;
use pipeline::recipe::{Distil, PatchLabels, RealisticPatches};
use tch::{Device, Kind, Tensor, no_grad};

use super::distilled::{self, Distilled};
use super::memory;
use super::real::Real;
use super::trained::Trained;
use crate::figures::rounded;
use crate::images::Images;
use crate::training::write_table;
use crop::Crop;

/// The role of the teacher in the stage's inputs.
const ROLE: &str = "teacher";
/// Crops, and stitched images, that go through the teacher together.
const BATCH: usize = 64;
/// The table's name in `content/`.
const TABLE: &str = "patches.csv";

/// What stays the same while crops are scored and stitched.
struct Patches<'a> {
    task: &'a Task,
    real: &'a Real,
    settings: &'a RealisticPatches,
    per_class: usize,
    images: Images,
    teacher: Trained,
    /// Class by class, then image by image.
    crops: Vec<Crop>,
    device: Device,
}

/// `images_per_class` images of each class, stitched of factor × factor crops. Writes which crops to `patches.csv`. Goes on
/// from a checkpoint where there is one; the outcome is the same.
///
/// # Errors
/// The teacher does not fit the images, a class has too few of them, a loss is no number, or
/// [`Stopped`](pipeline::engine::Stopped).
pub fn distil(
    task: &Task,
    real: &Real,
    recipe: &Distil,
    settings: &RealisticPatches,
    device: Device,
) -> Result<Distilled> {
    let patches = Patches::new(task, real, recipe, settings, device)?;
    memory::tell(task, device, patches.peak(), "scoring crops", "lower the image size");
    let losses = scoring::losses(&patches)?;
    let chosen = patches.chosen(&losses);
    let pixels = no_grad(|| patches.stitched(&chosen));
    let rows = patches.rows(&chosen, &losses);
    write_table(&task.content(TABLE), &COLUMNS, rows.into_iter())?;
    let mean = chosen.iter().map(|crop| f64::from(losses[*crop])).sum::<f64>() / chosen.len() as f64;
    Ok(Distilled {
        labels: patches.labels(&pixels)?,
        images: distilled::Images::U8(Vec::<u8>::try_from(pixels.contiguous().view(-1))?),
        sources: distilled::sources("realistic-patches", real, patches.per_class),
        code_floats: None,
        iterations: 0,
        final_loss: Some(rounded(mean)),
    })
}

impl Patches<'_> {
    fn new<'a>(
        task: &'a Task,
        real: &'a Real,
        recipe: &Distil,
        settings: &'a RealisticPatches,
        device: Device,
    ) -> Result<Patches<'a>> {
        let teacher = Trained::open(task, ROLE, real, device)?;
        let images = Images::load(&real.split, &real.preprocess, real.classes.len(), device)?;
        let crops = crop::all(real, settings, recipe.seed);
        let wanted = settings.patches(recipe.images_per_class) as usize;
        for (class, name) in real.classes.names().iter().enumerate() {
            let there = crops.iter().filter(|crop| crop.class == class).count();
            ensure!(
                there >= wanted,
                "{wanted} patches of a class asked of `{name}`, which gives {there} crops\n\
                 hint: raise `crops` or `real_images` of `realistic-patches`"
            );
        }
        let per_class = recipe.images_per_class as usize;
        Ok(Patches { task, real, settings, per_class, images, teacher, crops, device })
    }

    /// Pixels a side.
    fn side(&self) -> i64 {
        self.real.size()[0] as i64
    }

    /// Bytes at the peak: the split, the weights, and a batch with what the teacher's layers put out.
    fn peak(&self) -> u64 {
        let image = 12 * (self.side() * self.side()) as u64;
        let passing = self.teacher.network.activation_bytes() + 3 * image;
        let weights = 4 * self.teacher.network.count() as u64;
        self.real.stored() + weights + BATCH as u64 * passing
    }

    /// Crops that are stitched, by place in `crops`: class by class, best first. Every image gives its best crop before
    /// any gives its second-best; equal ones count in their order.
    fn chosen(&self, losses: &[f32]) -> Vec<usize> {
        let wanted = self.settings.patches(self.per_class as u32) as usize;
        let mut places: Vec<usize> = (0..self.crops.len()).collect();
        places.sort_by(|a, b| losses[*a].total_cmp(&losses[*b]).then(a.cmp(b)));
        let mut given = std::collections::HashMap::<usize, usize>::new();
        let mut ranked: Vec<(usize, usize)> = Vec::with_capacity(places.len());
        for place in places {
            let before = given.entry(self.crops[place].image).or_default();
            ranked.push((*before, place));
            *before += 1;
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        let of_class = |class: usize| {
            let own = ranked.iter().map(|(_, place)| *place).filter(move |p| self.crops[*p].class == class);
            own.take(wanted)
        };
        (0..self.real.classes.len()).flat_map(of_class).collect()
    }

    /// Labels of finished images `[n, h, w, 3]` u8.
    fn labels(&self, pixels: &Tensor) -> Result<Labels> {
        let classes = self.real.classes.len();
        if self.settings.labels == PatchLabels::Hard {
            let label = |class: usize| std::iter::repeat_n(class as i64, self.per_class);
            return Ok(Labels::Hard((0..classes).flat_map(label).collect()));
        }
        let images = (pixels.to_kind(Kind::Float) / 255.0).permute([0, 3, 1, 2]).to_device(self.device);
        let of = |batch: Tensor| {
            let logits = no_grad(|| self.teacher.logits(&self.teacher.seen(&batch)));
            (logits / self.settings.temperature).softmax(-1, Kind::Float)
        };
        let parts: Vec<Tensor> = images.split(BATCH as i64, 0).into_iter().map(of).collect();
        let values = Vec::<f32>::try_from(Tensor::cat(&parts, 0).to_device(Device::Cpu).view(-1))?;
        Ok(Labels::Soft { values, classes })
    }

    /// A row a patch, in the order of the images and within each from left to right and top to bottom.
    fn rows(&self, chosen: &[usize], losses: &[f32]) -> Vec<Vec<String>> {
        let factor = self.settings.factor as usize;
        let row = |(image, cell, place): (usize, usize, usize)| {
            let crop = &self.crops[place];
            let numbers = [image, cell / factor, cell % factor].map(|number| number.to_string());
            let place_in_image = [crop.top, crop.left, crop.side].map(|pixels| pixels.to_string());
            let mut row = numbers.to_vec();
            row.push(self.real.split.source(crop.image).to_string());
            row.extend(place_in_image);
            // A teacher that has no doubt gives -0.
            row.push((rounded(f64::from(losses[place])) + 0.0).to_string());
            row
        };
        self.cells(chosen).into_iter().map(row).collect()
    }
}

/// What `patches.csv` says of each patch: where it is, and which part of which real image it shows.
const COLUMNS: [&str; 8] = ["image", "row", "column", "source", "top", "left", "side", "cross_entropy"];

#[cfg(test)]
mod tests;
