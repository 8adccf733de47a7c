//! Sketch birds: pictures of ten species, drawn by the program, so that there is always something to learn from.

mod bird;
mod camera;
mod canvas;
mod chance;
mod plumage;
mod scene;
mod species;

use anyhow::Result;
use image::RgbImage;

use super::catalog::{Catalog, ClassImages, ImageRef, Pictures, Place, ReadError, SPLITS, SplitIndex};
use crate::recipe::SketchBirds;
use bird::Bird;
use chance::Chance;
use species::SPECIES;

/// Pixels a side.
const SIDE: usize = 224;

struct Sketches {
    seed: u64,
}

/// The species' index times the number of splits, plus the split's.
fn file_of(species: usize, split: SplitIndex) -> u32 {
    (species * SPLITS.len() + split) as u32
}

impl Pictures for Sketches {
    fn read(&self, place: Place) -> Result<RgbImage, ReadError> {
        let file = place.file as usize;
        Ok(draw(self.seed, file / SPLITS.len(), file % SPLITS.len(), place.record.into()))
    }
}

pub fn catalog(birds: &SketchBirds) -> Result<Catalog> {
    let counts = [birds.train, birds.valid, birds.test];
    let mut classes = Vec::new();
    for (number, species) in SPECIES.iter().enumerate() {
        let mut class = ClassImages::new(species.name);
        for (split, count) in counts.into_iter().enumerate() {
            let image = |record| ImageRef {
                id: format!("{}/{}/{record}", SPLITS[split], species.name),
                place: Place { file: file_of(number, split), record },
            };
            class.images[split] = (0..count).map(image).collect();
        }
        classes.push(class);
    }
    Ok(Catalog { classes, warnings: Vec::new(), pictures: Box::new(Sketches { seed: birds.seed }) })
}

/// The picture of a (seed, species, split, index): the same bytes on every machine, because only additions,
/// multiplications, divisions and square roots make it.
fn draw(seed: u64, species: usize, split: SplitIndex, index: u64) -> RgbImage {
    let species = &SPECIES[species];
    let chance = &mut Chance::new(seed, &format!("{}/{}", SPLITS[split], species.name), index);
    let mut canvas = scene::distance(SIDE, chance);
    scene::twigs(&mut canvas, chance);
    let size = SIDE as f32 * chance.between(0.15, 0.27);
    let middle = SIDE as f32 / 2.0;
    let centre =
        [middle + 0.16 * SIDE as f32 * chance.spread(), middle + 0.13 * SIDE as f32 * chance.spread()];
    let bird = Bird::new(species, centre, size, chance);
    scene::perch(&mut canvas, bird.feet(), chance);
    bird.draw(&mut canvas);
    scene::foreground(&mut canvas, centre, size, chance);
    camera::expose(&mut canvas, chance);
    canvas.to_image()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_depends_on_seed_species_split_and_index_alone() {
        let first = draw(3, 1, 0, 5);
        assert_eq!(first, draw(3, 1, 0, 5));
        for other in [draw(4, 1, 0, 5), draw(3, 2, 0, 5), draw(3, 1, 1, 5), draw(3, 1, 0, 6)] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn species_come_in_alphabetical_order() {
        assert!(SPECIES.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    /// Writes a sheet to look at: `SKETCH_SHEET=birds.png cargo test sheet_of_birds`.
    #[test]
    fn sheet_of_birds() {
        let Some(path) = std::env::var_os("SKETCH_SHEET") else { return };
        let mut sheet = RgbImage::new(10 * 226, 10 * 226);
        for (row, column) in (0..10).flat_map(|row| (0..10).map(move |column| (row, column))) {
            let bird = draw(0, row, 0, column as u64);
            image::imageops::replace(&mut sheet, &bird, column * 226, row as i64 * 226);
        }
        sheet.save(path).unwrap();
    }
}
