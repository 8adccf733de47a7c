//! A contact sheet of one class of a data set, to look at before anything is trained on it.

use anyhow::Result;
use fast_image_resize::Resizer;
use image::{Rgb, RgbImage, imageops};
use rayon::prelude::*;

use super::catalog::{Catalog, ClassImages, ImageRef, ReadError};
use super::resize::square;
use crate::recipe::Fit;

/// Pixels of a tile's side.
const TILE: u32 = 144;
/// Pixels between tiles.
const GAP: u32 = 3;
/// Tiles in a row.
const COLUMNS: u32 = 8;
/// What stands for an image that cannot be read.
const HOLE: Rgb<u8> = Rgb([200, 60, 60]);

/// Up to `count` images, training images first, spread evenly over them; each whole, in the middle of its tile. Returns
/// what could not be read as well, with its reason.
///
/// # Errors
/// A file vanished, or the disk fails.
pub fn sheet(catalog: &Catalog, class: &ClassImages, count: usize) -> Result<(RgbImage, Vec<String>)> {
    let all: Vec<&ImageRef> = class.images.iter().flatten().collect();
    let from = if class.images[0].is_empty() { &all[..] } else { &all[..class.images[0].len()] };
    let count = count.min(from.len());
    let chosen: Vec<&ImageRef> = (0..count).map(|at| from[at * from.len() / count]).collect();
    let tiles: Vec<_> = chosen.par_iter().map(|image| tile(catalog, image)).collect::<Result<_>>()?;
    let columns = (count as u32).clamp(1, COLUMNS);
    let rows = (count as u32).div_ceil(columns).max(1);
    let side = TILE + GAP;
    let mut sheet = RgbImage::from_pixel(columns * side + GAP, rows * side + GAP, Rgb([255; 3]));
    let mut unreadable = Vec::new();
    for (at, tile) in tiles.into_iter().enumerate() {
        let (x, y) = (GAP + at as u32 % columns * side, GAP + at as u32 / columns * side);
        let tile = tile.unwrap_or_else(|reason| {
            unreadable.push(format!("`{}`: {reason}", chosen[at].id));
            RgbImage::from_pixel(TILE, TILE, HOLE)
        });
        let (left, top) = ((TILE - tile.width()) / 2, (TILE - tile.height()) / 2);
        imageops::replace(&mut sheet, &tile, (x + left).into(), (y + top).into());
    }
    Ok((sheet, unreadable))
}

fn tile(catalog: &Catalog, image: &ImageRef) -> Result<Result<RgbImage, String>> {
    let picture = match catalog.pictures.read(image.place) {
        Ok(picture) => picture,
        Err(ReadError::Unreadable(reason)) => return Ok(Err(reason)),
        Err(ReadError::Failed(error)) => return Err(error),
    };
    let longer = picture.width().max(picture.height());
    let shown = |side: u32| (u64::from(side) * u64::from(TILE) / u64::from(longer)).max(1) as u32;
    let (width, height) = (shown(picture.width()), shown(picture.height()));
    let mut stretched = RgbImage::new(TILE, TILE);
    square(&mut Resizer::new(), &picture, TILE, Fit::Stretch, &mut stretched);
    Ok(Ok(imageops::thumbnail(&stretched, width, height)))
}
