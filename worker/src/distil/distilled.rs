//! What a method leaves: a training split and a page of facts about it.

use anyhow::{Context, Result};
use pipeline::data::{Labels, Pixels, write_whitened_split};
use pipeline::engine::Task;
use pipeline::recipe::{Distil, files};
use serde_json::json;
use tch::Device;

use super::real::Real;
use super::zca::Zca;

/// Pixels of all images, `[n, h, w, 3]`.
#[derive(Clone, Debug, PartialEq)]
pub enum Images {
    /// Copies of real images, 0 to 255.
    U8(Vec<u8>),
    /// Black is 0 and white is 1; values may lie outside.
    F32(Vec<f32>),
}

/// Images with a label each.
#[derive(Clone, Debug, PartialEq)]
pub struct Distilled {
    pub images: Images,
    pub labels: Labels,
    /// The real image's source id, or `method/CLASS/number`.
    pub sources: Vec<String>,
    /// Values that the images were made of, where these are fewer.
    pub code_floats: Option<usize>,
    /// Updates of the images.
    pub iterations: u64,
    /// Where a loss was minimised, its mean over the last stretch of the curve.
    pub final_loss: Option<f64>,
}

impl Distilled {
    /// Copies of the real images at `places`, `per_class` of each class in order.
    pub fn chosen(real: &Real, places: &[usize], per_class: usize) -> Distilled {
        let label = |class: usize| std::iter::repeat_n(class as i64, per_class);
        Distilled {
            images: copy(real, places),
            labels: Labels::Hard((0..real.by_class.len()).flat_map(label).collect()),
            sources: places.iter().map(|place| real.split.source(*place).to_string()).collect(),
            code_floats: None,
            iterations: 0,
            final_loss: None,
        }
    }

    /// Writes the training split, with the whitening where there is one, and `distillation.json`.
    pub fn write(&self, task: &Task, recipe: &Distil, real: &Real, zca: Option<&Zca>) -> Result<()> {
        let (pixels, stored) = match &self.images {
            Images::U8(values) => (Pixels::U8(values), values.len()),
            Images::F32(values) => (Pixels::F32(values), values.len()),
        };
        let whitening = zca.map(|zca| zca.whitening(Device::Cpu).stored()).transpose()?;
        let labels = match &self.labels {
            Labels::Hard(_) => 0,
            Labels::Soft { values, .. } => values.len(),
        };
        let mut facts = json!({
            "method": recipe.method.name(),
            "images_per_class": recipe.images_per_class,
            "classes": real.classes.len(),
            "iterations": self.iterations,
            "stored_floats": self.code_floats.unwrap_or(stored) + labels,
            "final_loss": self.final_loss,
        });
        if let Some(whitening) = &whitening {
            facts["whitening_floats"] = json!(whitening.mean.len() + whitening.matrix.len());
        }
        let path = task.content(files::TRAIN);
        write_whitened_split(&path, real.size(), pixels, &self.labels, &self.sources, whitening)?;
        let path = task.content(files::DISTILLATION);
        let text = serde_json::to_string_pretty(&facts).expect("names and numbers are JSON");
        std::fs::write(&path, text + "\n").with_context(|| format!("cannot write `{}`", path.display()))
    }
}

/// `method/CLASS/number` of made images, class by class.
pub fn sources(method: &str, real: &Real, per_class: usize) -> Vec<String> {
    let of_class = |name: &String| (0..per_class).map(|n| format!("{method}/{name}/{n}")).collect::<Vec<_>>();
    real.classes.names().iter().flat_map(of_class).collect()
}

fn copy(real: &Real, places: &[usize]) -> Images {
    let [height, width] = real.size();
    let size = height * width * 3;
    let range = |place: &usize| place * size..(place + 1) * size;
    match real.split.pixels() {
        Pixels::U8(all) => Images::U8(places.iter().flat_map(|place| &all[range(place)]).copied().collect()),
        Pixels::F32(all) => {
            Images::F32(places.iter().flat_map(|place| &all[range(place)]).copied().collect())
        }
    }
}
