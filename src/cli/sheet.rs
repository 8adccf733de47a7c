//! Contact sheets of image sets: a row a class, or what augmentations make of some images.

use std::collections::BTreeMap;
use std::path::PathBuf;

use image::RgbImage;
use serde_json::json;

use super::export::holder;
use super::failure::Failure;
use crate::engine::{Artifact, Store};
use crate::recipe::{Augment, Describe, files};
use crate::report::Launch;
use crate::{augment, data};

/// Images of a class on a sheet of classes.
const COLUMNS: usize = 12;
/// Images on a sheet of augmentations.
const SAMPLES: usize = 6;

/// A picture of an image set, and what its rows are.
pub struct Sheet {
    pub picture: RgbImage,
    pub rows: String,
}

/// The sheet of an artifact that holds images; of an augmented set, before and after. A distilled set finds the names of
/// its classes through its launch.
///
/// # Errors
/// The artifact is no image set, or what an augmented set was made of is no longer there.
pub fn sheet_of(artifact: &Artifact, launch: Option<&Launch>, store: &Store) -> Result<Sheet, Failure> {
    if artifact.receipt.kind == Augment::KIND {
        return of_augmentations(artifact, store);
    }
    let train = artifact.content(files::TRAIN);
    let (true, Some(classes)) = (train.is_file(), holder(artifact, files::CLASSES, launch, store)) else {
        let message = format!("`{}` is no image set: there are no images to lay out", artifact.receipt.label);
        return Err(Failure::usage(message));
    };
    let classes = data::Classes::read(&classes)?;
    let picture = data::contact_sheet(&data::Split::open(&train)?, classes.len(), COLUMNS);
    Ok(Sheet { picture, rows: format!("one row a class: {}", classes.names().join(", ")) })
}

fn of_augmentations(artifact: &Artifact, store: &Store) -> Result<Sheet, Failure> {
    let mut parameters = artifact.receipt.pre_image["parameters"].clone();
    parameters["from"] = json!("");
    let settings: Augment = serde_json::from_value(parameters).map_err(|error| {
        Failure::usage(format!("`{}` was made by another version: {error}", artifact.receipt.label))
    })?;
    let originals = data::Split::open(&originals(artifact, &settings, store)?)?;
    let images: Vec<(usize, augment::Image)> = samples(&originals)
        .into_iter()
        .filter_map(|index| {
            let pixels = data::image_of(&originals, index).into_raw();
            Some((index, augment::Image::new(originals.width(), originals.height(), pixels)?))
        })
        .collect();
    let sheet = augment::sheet(&images, &settings);
    let picture = RgbImage::from_raw(sheet.width as u32, sheet.height as u32, sheet.pixels);
    let names: Vec<&str> = settings.apply.iter().map(|op| op.name()).collect();
    Ok(Sheet {
        picture: picture.expect("a picture holds three bytes a pixel"),
        rows: format!("one row an augmentation, below the originals: {}", names.join(", ")),
    })
}

/// Where the images lie that were augmented: in the artifact that the receipt says it was made from, or at the head of
/// the set itself.
fn originals(artifact: &Artifact, settings: &Augment, store: &Store) -> Result<PathBuf, Failure> {
    let own = artifact.content(files::TRAIN);
    let made_from = artifact.receipt.provenance.get("made_from");
    let input = made_from.and_then(|from| from["from"][files::TRAIN].as_str());
    let input = input.map(|from| store.root().join(from).join("content").join(files::TRAIN));
    match input.filter(|path| path.is_file()) {
        Some(path) => Ok(path),
        None if settings.keep_originals && own.is_file() => Ok(own),
        None => Err(Failure::usage(format!(
            "the images that `{0}` was made of are no longer in the store\n\
             hint: `pipeline run` makes them again; `pipeline why {0} EXPERIMENT` names them",
            artifact.receipt.label
        ))),
    }
}

/// Images to show, in the order of the set: the first of each class, then the second of each, until there are enough.
fn samples(split: &data::Split) -> Vec<usize> {
    let labels = split.labels().heaviest();
    let mut seen = BTreeMap::new();
    let ranked = labels.iter().enumerate().filter(|(index, _)| !split.source(*index).contains("#copy"));
    let mut ranked: Vec<(usize, i64, usize)> = ranked
        .map(|(index, label)| {
            let rank = seen.entry(*label).or_insert(0_usize);
            *rank += 1;
            (*rank, *label, index)
        })
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().take(SAMPLES).map(|(_, _, index)| index).collect()
}
