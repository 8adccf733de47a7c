//! What may be optimised and stored in place of pixels, under one budget of values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Autoencoder, KMeans};
use crate::recipe::choice::choice;
use crate::recipe::network::convnet_depth;

choice! {
    /// A code of images, of which the images that networks see are made.
    pub enum Code {
        /// Smaller pictures, several in the place of an image (Kim et al. 2022, IDC).
        "factor" => Factor @ 1,
        /// Coefficients of the cosine transform that vary most over the training images (Shin et al. 2023, FreD).
        "dct" => Dct @ 1,
        /// Shares of the principal components of training images, made smaller.
        "pca" => Pca @ 1,
        /// Codes of an autoencoder that has learned to give back the training images; its decoder makes the pictures.
        "autoencoder" => Decoder @ 1,
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Factor {
    /// Pictures along a side of an image: with 2, each image holds four of half the size, which are enlarged.
    #[schemars(range(min = 2, max = 8))]
    pub by: u32,
}

impl Default for Factor {
    fn default() -> Factor {
        Factor { by: 2 }
    }
}

/// Pictures of so many cosine coefficients in each channel; the places of the coefficients are the same for all pictures, and
/// count as values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dct {
    /// Coefficients of each channel that are kept, those of the highest variance over the training images.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub keep: u32,
    /// Pictures of each class at most; without it, as many as the budget holds.
    #[schemars(range(min = 1, max = 100_000))]
    pub pictures: Option<u32>,
}

impl Default for Dct {
    fn default() -> Dct {
        Dct { keep: 64, pictures: None }
    }
}

/// Pictures as sums of principal components, which are found in the pixels of 5,000 training images at most and stay as they
/// are; the components and their mean count as values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pca {
    /// Components, from the one of the largest variance on.
    #[schemars(range(min = 1, max = 4096))]
    pub components: u32,
    /// Pixels a side of the components, which are enlarged; without it, half of the images'.
    #[schemars(range(min = 1, max = 1024))]
    pub side: Option<u32>,
    /// Pictures of each class at most; without it, as many as the budget holds.
    #[schemars(range(min = 1, max = 100_000))]
    pub pictures: Option<u32>,
}

impl Default for Pca {
    fn default() -> Pca {
        Pca { components: 64, side: None, pictures: None }
    }
}

/// Pictures that a decoder makes of so many values each. An autoencoder, with blocks as the method `autoencoder` has them,
/// first learns to give back the training images as networks see them (squared error, Adam) and then stays as it is; the
/// values of the decoder count, so that it has to be small.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Decoder {
    /// Values of a picture.
    #[schemars(range(min = 1, max = 65536))]
    pub code: u32,
    /// Channels of the block nearest to the picture; they double from block to block, up to eight times as many.
    #[schemars(range(min = 1, max = 512))]
    pub width: u32,
    /// Blocks; without it, as many as leave 4 pixels a side.
    #[schemars(range(min = 1, max = 8))]
    pub depth: Option<u32>,
    /// Updates of the autoencoder.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub iterations: u64,
    /// Adam's learning rate of the autoencoder at first; it falls to a hundredth along a cosine.
    #[schemars(range(min = 0.0))]
    pub lr: f64,
    /// Real images in an update of the autoencoder, of all classes together.
    #[schemars(range(min = 1, max = 65536))]
    pub batch: u32,
    /// Pictures of each class at most; without it, as many as the budget holds.
    #[schemars(range(min = 1, max = 100_000))]
    pub pictures: Option<u32>,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder { code: 32, width: 8, depth: None, iterations: 3000, lr: 1e-3, batch: 64, pictures: None }
    }
}

impl Decoder {
    /// How the autoencoder learns.
    pub fn training(&self) -> Autoencoder {
        let Decoder { code, width, depth, iterations, lr, batch, pictures: _ } = *self;
        Autoencoder { iterations, lr, batch, code, width, depth, clusters: KMeans::default() }
    }

    /// Values of the decoder for images of `size` pixels: a dense layer, a convolution and a norm for every block but the
    /// last, and a convolution to three channels.
    pub fn shared(&self, size: u32) -> u64 {
        let depth = self.depth.unwrap_or_else(|| convnet_depth(size));
        let channels = |block: u32| u64::from(self.width) * (1 << (block - 1).min(3));
        let side = (0..depth).fold(u64::from(size), |side, _| side.div_ceil(2));
        let inner = channels(depth) * side * side;
        let between = (2..=depth).map(|block| channels(block - 1) * (9 * channels(block) + 3)).sum::<u64>();
        inner * (u64::from(self.code) + 1) + between + 3 * (9 * channels(1) + 1)
    }
}

impl Pca {
    /// Pixels a side of the components for images of `size` pixels.
    pub fn side(&self, size: u32) -> u32 {
        self.side.unwrap_or((size / 2).max(1))
    }

    /// Values of the components and their mean.
    pub fn shared(&self, size: u32) -> u64 {
        u64::from(self.components + 1) * 3 * u64::from(self.side(size)).pow(2)
    }
}

impl Code {
    /// Pictures of each class where all classes together have as many values as `images_per_class` images of `size` pixels
    /// a class; 0 where these do not hold one.
    pub fn pictures(&self, images_per_class: u32, size: u32, classes: usize) -> u64 {
        let classes = classes.max(1) as u64;
        let budget = classes * u64::from(images_per_class) * 3 * u64::from(size).pow(2);
        let fitting = |shared: u64, each: u64| budget.saturating_sub(shared) / (each * classes);
        let (fit, most) = match self {
            Code::Factor(Factor { by }) => (u64::from(images_per_class * by * by), None),
            Code::Dct(Dct { keep, pictures }) => {
                let values = 3 * u64::from(*keep);
                (fitting(values, values), *pictures)
            }
            Code::Decoder(decoder) => (fitting(decoder.shared(size), decoder.code.into()), decoder.pictures),
            Code::Pca(pca) => (fitting(pca.shared(size), pca.components.into()), pca.pictures),
        };
        most.map_or(fit, |most| fit.min(most.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_as_many_as_the_values_of_the_images_hold() {
        let dct = |pictures| Code::Dct(Dct { keep: 64, pictures });
        // 10 · 3 · 1024 values: 160 pictures of 192, one of which the places take.
        assert_eq!(dct(None).pictures(1, 32, 10), 15);
        assert_eq!(dct(Some(4)).pictures(1, 32, 10), 4);
        assert_eq!(Code::Factor(Factor { by: 3 }).pictures(2, 32, 10), 18);
        let pca = |components| Code::Pca(Pca { components, side: Some(32), pictures: None });
        // The figures of the literature's budget: 10 · 49,152 values at 128 pixels, 65 · 3,072 of which are components.
        assert_eq!(pca(64).pictures(1, 128, 10), (491_520 - 199_680) / 640);
        assert_eq!(pca(64).pictures(1, 32, 10), 0);
        // A dense layer of 32 to 32 · 4 · 4, convolutions of 32 to 16, 16 to 8 and 8 to 3 channels.
        let values = 512 * 33 + 16 * (9 * 32 + 3) + 8 * (9 * 16 + 3) + 3 * (9 * 8 + 1);
        assert_eq!(Decoder::default().shared(32), values);
        assert_eq!(Code::Decoder(Decoder::default()).pictures(1, 32, 10), (30_720 - values) / 320);
    }
}
