//! What is optimised in place of pixels, and the images that are made of it. All of it is linear, so that gradients flow.

mod cosine;
mod principal;

use anyhow::{Result, ensure};
use pipeline::recipe::{self, Distil, Factor, Initial};
use tch::Tensor;

use super::synthetic::Synthetic;
use super::tiles::Tiles;
use cosine::Cosine;
use principal::Principal;

/// How the images of a set are coded; the first dimension of a code is a multiple of the number of classes.
pub enum Code {
    /// `[n, 3, h, w]`: the images themselves, or images that hold smaller pictures.
    Tiles(Tiles),
    /// `[n, 3, k]`.
    Cosine(Cosine),
    /// `[n, components]`.
    Principal(Principal),
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
    /// The budget does not hold a picture of each class, or a class has fewer images than pictures are to start from.
    pub fn of(synthetic: &Synthetic, recipe: &Distil, init: Initial) -> Result<Coded> {
        let side = synthetic.side() as i64;
        let Some(code) = &recipe.code else {
            let code = Code::Tiles(Tiles { factor: 1, side });
            return Ok(Coded { code, pictures: synthetic.per_class, is_set: false });
        };
        let pictures = code.pictures(recipe.images_per_class, side as u32, synthetic.classes()) as usize;
        ensure!(
            pictures > 0,
            "the values of {} images a class do not hold a picture of each by `{}`\n\
             hint: raise `images_per_class`, or lower what the code keeps",
            recipe.images_per_class,
            code.name()
        );
        if init == Initial::Real {
            synthetic.real.holds(pictures)?;
        }
        let code = match code {
            recipe::Code::Factor(Factor { by }) => Code::Tiles(Tiles { factor: (*by).into(), side }),
            recipe::Code::Dct(dct) => Code::Cosine(Cosine::of(synthetic, dct.keep.into())),
            recipe::Code::Pca(pca) => {
                let own = pca.side(side as u32).into();
                Code::Principal(Principal::of(synthetic, pca.components.into(), own)?)
            }
        };
        Ok(Coded { code, pictures, is_set: true })
    }

    /// The code as iterations begin.
    pub fn first(&self, synthetic: &Synthetic, init: Initial) -> Tensor {
        let pictures = synthetic.first_of(init, self.pictures);
        match &self.code {
            Code::Tiles(tiles) => tiles.shrunk(&pictures),
            Code::Cosine(cosine) => cosine.encode(&pictures),
            Code::Principal(principal) => principal.encode(&pictures),
        }
    }

    /// The images that networks see of a code or a part of it, `[n, 3, h, w]`.
    pub fn images(&self, code: &Tensor) -> Tensor {
        match &self.code {
            Code::Tiles(tiles) => tiles.enlarged(code),
            Code::Cosine(cosine) => cosine.decode(code),
            Code::Principal(principal) => principal.decode(code),
        }
    }

    /// Values that have to be kept of a code: its own, and what is shared by all pictures. Nothing for pixels.
    pub fn floats(&self, code: &Tensor) -> Option<usize> {
        let shared = match &self.code {
            Code::Tiles(_) => 0,
            Code::Cosine(cosine) => cosine.shared(),
            Code::Principal(principal) => principal.shared(),
        };
        self.is_set.then_some(code.numel() + shared)
    }
}
