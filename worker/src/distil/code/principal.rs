//! Shares of principal components of the training images, made smaller.

use anyhow::{Result, ensure};
use tch::{Kind, Tensor};

use super::super::components::Components;
use super::super::draws::{self, Use};
use super::super::synthetic::Synthetic;

/// Training images that components are found in, at most.
const IMAGES: usize = 5000;
/// Images that are made smaller together.
const BATCH: usize = 256;

/// A mean and components, which stay as they are.
pub struct Principal {
    /// `[3·own²]` f32.
    mean: Tensor,
    /// `[components, 3·own²]` f32, of length 1.
    vectors: Tensor,
    /// Pixels a side of the components and of the images.
    own: i64,
    side: i64,
}

impl Principal {
    /// # Errors
    /// The training images do not differ in so many directions.
    pub fn of(synthetic: &Synthetic, components: usize, own: i64) -> Result<Principal> {
        let side = synthetic.side() as i64;
        let n = synthetic.real.split.len();
        let drawn = draws::below(n, IMAGES, draws::seed(synthetic.seed, Use::Choice, &[]));
        let rows = drawn.chunks(BATCH).map(|places| smaller(&synthetic.of_real(places), own).flatten(1, -1));
        let rows = Tensor::cat(&rows.collect::<Vec<_>>(), 0).to_device(tch::Device::Cpu);
        let found = Components::of(&rows.to_kind(Kind::Double), components);
        ensure!(
            found.found() >= components,
            "{components} components asked of images that have {}\n\
             hint: lower `components` of the code `pca`",
            found.found()
        );
        let kept = |tensor: &Tensor| tensor.to_kind(Kind::Float).to_device(synthetic.device);
        Ok(Principal { mean: kept(&found.mean), vectors: kept(&found.vectors), own, side })
    }

    /// Shares `[n, components]` of images `[n, 3, h, w]`.
    pub fn encode(&self, images: &Tensor) -> Tensor {
        (smaller(images, self.own).flatten(1, -1) - &self.mean).matmul(&self.vectors.tr())
    }

    /// Images `[n, 3, h, w]` of shares `[n, components]`.
    pub fn decode(&self, code: &Tensor) -> Tensor {
        let images = (code.matmul(&self.vectors) + &self.mean).view([-1, 3, self.own, self.own]);
        if self.own == self.side {
            return images;
        }
        images.upsample_bilinear2d([self.side, self.side], false, None, None)
    }

    /// Values that all pictures share: components and mean.
    pub fn shared(&self) -> usize {
        self.vectors.numel() + self.mean.numel()
    }
}

fn smaller(images: &Tensor, side: i64) -> Tensor {
    images.contiguous().internal_upsample_bilinear2d_aa([side, side], false, None, None)
}
