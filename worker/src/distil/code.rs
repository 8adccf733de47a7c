//! What is optimised in place of pixels, and the images that are made of it. Gradients flow through all of it.

mod cosine;
mod decoder;
mod principal;

use anyhow::{Result, ensure};
use pipeline::engine::Task;
use pipeline::recipe::{self, Factor, Initial};
use tch::{Kind, Tensor, no_grad};

use super::memory;
use super::synthetic::Synthetic;
use super::tiles::Tiles;
use cosine::Cosine;
use decoder::Decoder;
use principal::Principal;

/// How the images of a set are coded; the first dimension of a code is a multiple of the number of classes.
pub enum Code {
    /// `[n, 3, h, w]`: the images themselves, or images that hold smaller pictures.
    Tiles(Tiles),
    /// `[n, 3, k]`.
    Cosine(Cosine),
    /// `[n, components]`.
    Principal(Principal),
    /// `[n, code]`.
    Decoder(Decoder),
}

/// A code and how many pictures it is of.
pub struct Coded {
    pub code: Code,
    /// Pictures of each class.
    pub pictures: usize,
    /// Whether it is anything but the pixels.
    is_set: bool,
}

impl Coded {
    /// As the stage says.
    ///
    /// # Errors
    /// The budget does not hold a picture of each class, or a class has fewer images than pictures are to start from; what
    /// is learned of the training images diverged, or was stopped.
    pub fn of(task: &Task, synthetic: &Synthetic, init: Initial) -> Result<Coded> {
        let (recipe, side) = (synthetic.recipe, synthetic.side() as i64);
        let Some(code) = &recipe.code else { return Coded::tiles(task, synthetic, init, 1) };
        let pictures = code.pictures(recipe.images_per_class, side as u32, synthetic.classes()) as usize;
        ensure!(
            pictures > 0,
            "the values of {} images a class do not hold a picture of each by `{}`\n\
             hint: raise `images_per_class`, or lower what the code keeps",
            recipe.images_per_class,
            code.name()
        );
        starts(task, synthetic, init, pictures)?;
        let code = match code {
            recipe::Code::Factor(Factor { by }) => Code::Tiles(Tiles { factor: (*by).into(), side }),
            recipe::Code::Dct(dct) => Code::Cosine(Cosine::of(synthetic, dct.keep.into())),
            recipe::Code::Pca(pca) => {
                let own = pca.side(side as u32).into();
                Code::Principal(Principal::of(synthetic, pca.components as usize, own)?)
            }
            recipe::Code::Decoder(settings) => Code::Decoder(Decoder::of(task, synthetic, settings)?),
        };
        Ok(Coded { code, pictures, is_set: true })
    }

    /// Images that hold factor × factor pictures each; with 1 they are the pictures.
    ///
    /// # Errors
    /// A class has fewer images than pictures are to start from.
    pub fn tiles(task: &Task, synthetic: &Synthetic, init: Initial, factor: i64) -> Result<Coded> {
        let tiles = Tiles { factor, side: synthetic.side() as i64 };
        let pictures = synthetic.per_class * tiles.count() as usize;
        starts(task, synthetic, init, pictures)?;
        Ok(Coded { code: Code::Tiles(tiles), pictures, is_set: factor > 1 })
    }

    /// The code as iterations begin.
    pub fn first(&self, synthetic: &Synthetic, init: Initial) -> Tensor {
        self.encode(&synthetic.first_of(init, self.pictures))
    }

    /// The code that comes nearest to pictures, or an encoder's of them.
    pub fn encode(&self, pictures: &Tensor) -> Tensor {
        match &self.code {
            Code::Tiles(tiles) => tiles.shrunk(pictures),
            Code::Cosine(cosine) => cosine.encode(pictures),
            Code::Principal(principal) => principal.encode(pictures),
            Code::Decoder(decoder) => no_grad(|| decoder.encode(pictures)),
        }
    }

    /// The images that networks see of a code or a part of it, `[n, 3, h, w]`.
    pub fn images(&self, code: &Tensor) -> Tensor {
        match &self.code {
            Code::Tiles(tiles) => tiles.enlarged(code),
            Code::Cosine(cosine) => cosine.decode(code),
            Code::Principal(principal) => principal.decode(code),
            Code::Decoder(decoder) => decoder.decode(code),
        }
    }

    /// The gradient of a code where that of its images is `of_images`.
    pub fn gradient(&self, code: &Tensor, of_images: &Tensor) -> Tensor {
        if !self.is_set {
            return of_images.shallow_clone();
        }
        let code = code.detach().set_requires_grad(true);
        let product = (self.images(&code) * of_images).sum(Kind::Float);
        Tensor::run_backward(&[&product], &[&code], false, false).remove(0)
    }

    /// Whether what is optimised are pixels, of smaller pictures or not.
    pub fn is_of_pixels(&self) -> bool {
        matches!(self.code, Code::Tiles(_))
    }

    /// Values that have to be kept of a code: its own, and what is shared by all pictures. Nothing for pixels.
    pub fn floats(&self, code: &Tensor) -> Option<usize> {
        let shared = match &self.code {
            Code::Tiles(_) => 0,
            Code::Cosine(cosine) => cosine.shared(),
            Code::Principal(principal) => principal.shared(),
            Code::Decoder(decoder) => decoder.shared(),
        };
        self.is_set.then_some(code.numel() + shared)
    }
}

/// Whether as many pictures of each class can start as `init` says, and what it takes to find them.
fn starts(task: &Task, synthetic: &Synthetic, init: Initial, pictures: usize) -> Result<()> {
    if init.is_real() {
        synthetic.real.holds(pictures)?;
    }
    if init == Initial::Herding {
        let remedy = "set `init = \"real\"`, or lower the image size";
        memory::tell(
            task,
            synthetic.device,
            synthetic.herding_peak(),
            "choosing images to start from",
            remedy,
        );
    }
    Ok(())
}

impl Coded {
    /// Bytes that making so many pictures of codes takes at the peak, beside the pictures.
    pub fn peak(&self, pictures: u64) -> u64 {
        match &self.code {
            Code::Decoder(decoder) => decoder.activation_bytes(pictures),
            Code::Tiles(_) | Code::Cosine(_) | Code::Principal(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use pipeline::recipe::{Distil, Method};
    use serde_json::{Value, json};
    use tch::Device;

    use super::super::real::Real;
    use super::super::tests::{bench, content, resumes, run};
    use super::super::{distribution_matching, gradient_matching};
    use super::*;
    use crate::fixture::alone;

    /// An autoencoder that learns for a moment.
    fn small() -> Value {
        json!({ "code": 8, "width": 3, "depth": 1, "iterations": 20, "batch": 6, "pictures": 6 })
    }

    fn coded(method: &str, code: Value) -> Value {
        let mut settings =
            json!({ "iterations": 13, "lr": 0.2, "real_batch": 4, "width": 4, "init": "noise" });
        if method == "gradient-matching" {
            settings["updates_per_network"] = json!(4);
            settings["network_epochs"] = json!(2);
        }
        json!({ "images_per_class": 2, "method": { method: settings }, "code": code, "seed": 5 })
    }

    #[test]
    fn every_code_gives_as_many_pictures_as_its_values_hold_and_counts_them() {
        let _turn = alone();
        // Two images a class of three are 3 · 2 · 192 = 1152 values.
        let cases = [
            (json!({ "factor": { "by": 2 } }), 8, 1152),
            // 7 pictures of 48 values a class, and the places.
            (json!({ "dct": { "keep": 16 } }), 7, 3 * 7 * 48 + 48),
            // 5 pictures of 4 values a class; 4 components and the mean of 48.
            (json!({ "pca": { "components": 4, "side": 4, "pictures": 5 } }), 5, 3 * 5 * 4 + 5 * 48),
            // 6 pictures of 8 values a class; 3 channels of 4 · 4 pixels from 8 values, and 3 channels of 3.
            (json!({ "autoencoder": small() }), 6, 3 * 6 * 8 + 48 * 9 + 3 * (9 * 3 + 1)),
        ];
        for method in ["distribution-matching", "gradient-matching"] {
            for (code, pictures, values) in &cases {
                let folder = tempfile::tempdir().unwrap();
                let split = run(folder.path(), coded(method, code.clone()));
                assert_eq!(split.len(), 3 * pictures, "{code}");
                assert_eq!(split.labels().heaviest()[2 * pictures], 2, "{code}");
                let facts = content(folder.path())["distillation.json"].clone();
                let facts: Value = serde_json::from_slice(&facts).unwrap();
                assert_eq!(facts["stored_floats"], json!(values), "{code}");
                assert!(*values <= 1152, "{code}");
            }
        }
    }

    #[test]
    fn the_gradient_of_a_code_is_that_of_autograd_through_its_images() {
        let _turn = alone();
        for code in [
            json!({ "factor": { "by": 2 } }),
            json!({ "dct": { "keep": 16 } }),
            json!({ "pca": { "components": 4, "side": 4 } }),
            json!({ "autoencoder": small() }),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let task = bench(folder.path(), coded("distribution-matching", code.clone())).task();
            let (recipe, real) = (task.parameters::<Distil>().unwrap(), Real::open(&task).unwrap());
            let synthetic = Synthetic::new(&real, &recipe, None, Device::Cpu).unwrap();
            let coded = Coded::of(&task, &synthetic, Initial::Noise).unwrap();
            let code = coded.first(&synthetic, Initial::Noise).detach().set_requires_grad(true);
            let loss = |images: &Tensor| images.square().sin().sum(Kind::Float);
            let whole =
                Tensor::run_backward(&[&loss(&coded.images(&code))], &[&code], false, false).remove(0);
            let images = coded.images(&code).detach().set_requires_grad(true);
            let of_images = Tensor::run_backward(&[&loss(&images)], &[&images], false, false).remove(0);
            let apart = (coded.gradient(&code, &of_images) - &whole).abs().max().double_value(&[]);
            let largest = whole.abs().max().double_value(&[]);
            assert!(largest > 1e-3 && apart < 1e-5 * largest, "{} {apart} {largest}", coded.pictures);
        }
    }

    #[test]
    fn codes_cut_off_and_resumed_equal_those_that_were_not() {
        for code in [
            json!({ "dct": { "keep": 16 } }),
            json!({ "pca": { "components": 4, "pictures": 3 } }),
            json!({ "autoencoder": small() }),
        ] {
            resumes(coded("distribution-matching", code.clone()), |task, synthetic, method| {
                let Method::DistributionMatching(settings) = method else { panic!() };
                distribution_matching::cut_off(task, synthetic, settings, 6);
            });
            resumes(coded("gradient-matching", code), |task, synthetic, method| {
                let Method::GradientMatching(settings) = method else { panic!() };
                gradient_matching::cut_off(task, synthetic, settings, 6);
            });
        }
    }
}
