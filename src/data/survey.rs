//! A look at every image of a data set: whether it can be read, its size, its format and a fingerprint of what it shows.

use anyhow::Result;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::catalog::{Catalog, ImageRef, ReadError, SplitIndex};
use super::likeness::Fingerprint;
use super::statistics::ChannelSums;
use crate::recipe::Preprocess;

/// An image that was read. Around 100 bytes, so that a survey takes little memory for many.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Index into the catalog's classes.
    pub class: usize,
    pub split: SplitIndex,
    /// Index into the class's images of that split.
    pub index: usize,
    pub width: u32,
    pub height: u32,
    pub format: &'static str,
    /// Half of the SHA-256 of size and pixels: equal where the same picture is stored twice, however it is packed.
    pub pixels: [u8; 16],
    pub print: Fingerprint,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub image: String,
    pub reason: String,
}

pub struct Survey {
    /// In the catalog's order.
    pub seen: Vec<Seen>,
    pub unreadable: Vec<Unreadable>,
    /// Mean and standard deviation of each channel over all pixels of the training images, of values 0..1; `None` where
    /// there are none.
    pub channels: Option<Preprocess>,
}

/// Reads every image, in parallel; `tell` is called after each. Memory holds one image a thread, and [`Seen`] of each.
///
/// # Errors
/// What leaving out an image would not cure: a file that vanished, a disk that fails.
pub fn survey(catalog: &Catalog, tell: &(dyn Fn() + Sync)) -> Result<Survey> {
    let mut places = Vec::new();
    for (class, images) in catalog.classes.iter().enumerate() {
        for (split, images) in images.images.iter().enumerate() {
            places.extend((0..images.len()).map(|index| (class, split, index)));
        }
    }
    let look = |(class, split, index): &(usize, SplitIndex, usize)| {
        let image = &catalog.classes[*class].images[*split][*index];
        let looked = look_at(catalog, image);
        tell();
        match looked {
            Ok((seen, sums)) => Ok(Ok((
                Seen { class: *class, split: *split, index: *index, ..seen },
                (*split == 0).then_some(sums),
            ))),
            Err(ReadError::Unreadable(reason)) => Ok(Err(Unreadable { image: image.id.clone(), reason })),
            Err(ReadError::Failed(error)) => Err(error),
        }
    };
    let looked: Vec<_> = places.par_iter().map(look).collect::<Result<_>>()?;
    let mut survey =
        Survey { seen: Vec::with_capacity(looked.len()), unreadable: Vec::new(), channels: None };
    let mut sums: Option<ChannelSums> = None;
    for image in looked {
        match image {
            Ok((seen, own)) => {
                survey.seen.push(seen);
                own.iter().for_each(|own| sums.get_or_insert_default().add(own));
            }
            Err(unreadable) => survey.unreadable.push(unreadable),
        }
    }
    survey.channels = sums.map(|sums| sums.preprocess());
    Ok(survey)
}

fn look_at(catalog: &Catalog, image: &ImageRef) -> Result<(Seen, ChannelSums), ReadError> {
    let (picture, format) = catalog.pictures.read_told(image.place)?;
    let mut hasher = Sha256::new();
    let (width, height) = picture.dimensions();
    hasher.update(width.to_le_bytes());
    hasher.update(height.to_le_bytes());
    hasher.update(picture.as_raw());
    let digest = <[u8; 32]>::from(hasher.finalize());
    let pixels = *digest.first_chunk().expect("a digest has 32 bytes");
    let print = Fingerprint::of(&picture);
    let seen = Seen { class: 0, split: 0, index: 0, width, height, format, pixels, print };
    Ok((seen, ChannelSums::of(picture.as_raw())))
}
