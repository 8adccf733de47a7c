//! An image set as folders of PNG, and as one sheet to look at.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use image::{RgbImage, imageops};

use super::image_set::{Pixels, Split};
use super::sidecar::Classes;

/// Pixels between the images of a sheet.
const GAP: u32 = 2;

/// Writes `out/SPLIT/CLASS/0001.png` ... for each (split, file) and returns how many images. Floats are clamped to
/// 0..1 and rounded; an image with soft labels lies with its heaviest class.
///
/// # Errors
/// A folder of a split exists already and is not empty.
pub fn export(splits: &[(String, PathBuf)], classes: &Classes, out: &Path) -> Result<usize> {
    let mut written = 0;
    for (name, file) in splits {
        let folder = out.join(name);
        let occupied = folder.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        ensure!(!occupied, "`{}` is not empty\nhint: export into a new folder", folder.display());
        written += export_split(&Split::open(file)?, classes, &folder)?;
    }
    Ok(written)
}

fn export_split(split: &Split, classes: &Classes, folder: &Path) -> Result<usize> {
    let mut counts = vec![0_usize; classes.len()];
    for (i, label) in split.labels().heaviest().into_iter().enumerate() {
        let label = label as usize;
        let class = classes.names().get(label);
        let class =
            class.with_context(|| format!("image {i} has label {label} of {} classes", classes.len()))?;
        let place = folder.join(folder_name(class));
        counts[label] += 1;
        let path = place.join(format!("{:04}.png", counts[label]));
        let failed = || format!("cannot write `{}`", path.display());
        if counts[label] == 1 {
            std::fs::create_dir_all(&place).with_context(failed)?;
        }
        image_of(split, i).save(&path).with_context(failed)?;
    }
    Ok(split.len())
}

/// A class's name as one folder, whatever its letters.
pub fn folder_name(class: &str) -> String {
    let name = class.replace(['/', '\\', '\0'], "_");
    if name.is_empty() || name.starts_with('.') { format!("_{name}") } else { name }
}

/// Image `i` of a split in bytes; panics when there is none.
pub fn image_of(split: &Split, i: usize) -> RgbImage {
    let bytes = match split.image(i) {
        Pixels::U8(values) => values.to_vec(),
        Pixels::F32(values) => {
            values.iter().map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8).collect()
        }
    };
    RgbImage::from_raw(split.width() as u32, split.height() as u32, bytes).expect("three bytes a pixel")
}

/// A row for each of `classes` classes with its first `columns` images.
pub fn contact_sheet(split: &Split, classes: usize, columns: usize) -> RgbImage {
    let (width, height) = (split.width() as u32 + GAP, split.height() as u32 + GAP);
    let size = (width * columns as u32 + GAP, height * classes as u32 + GAP);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, image::Rgb([255; 3]));
    let mut filled = vec![0; classes];
    for (i, label) in split.labels().heaviest().into_iter().enumerate() {
        let Some(column) = filled.get_mut(label as usize).filter(|filled| **filled < columns) else {
            continue;
        };
        let (x, y) = (GAP + width * *column as u32, GAP + height * label as u32);
        imageops::replace(&mut sheet, &image_of(split, i), x.into(), y.into());
        *column += 1;
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::super::image_set::Labels;
    use super::super::split_writer::write_split;
    use super::*;

    fn set(folder: &Path) -> (Vec<(String, PathBuf)>, Classes) {
        let path = folder.join("train.safetensors");
        let pixels = [-1.0, 0.5, 2.0, 0.0, 0.25, 1.0, 1.0, 1.0, 1.0];
        let sources = ["a", "b", "c"].map(String::from);
        write_split(&path, 1, 1, Pixels::F32(&pixels), &Labels::Hard(vec![1, 0, 1]), &sources).unwrap();
        (vec![("train".into(), path)], Classes(vec!["A/B".into(), "C".into()]))
    }

    #[test]
    fn a_set_becomes_folders_of_png() {
        let folder = tempfile::tempdir().unwrap();
        let (splits, classes) = set(folder.path());
        let out = folder.path().join("out");
        assert_eq!(export(&splits, &classes, &out).unwrap(), 3);
        let read = |path: &str| image::open(out.join(path)).unwrap().into_rgb8().into_raw();
        assert_eq!(read("train/C/0001.png"), [0, 128, 255]);
        assert_eq!(read("train/C/0002.png"), [255, 255, 255]);
        assert_eq!(read("train/A_B/0001.png"), [0, 64, 255]);
        let again = export(&splits, &classes, &out).unwrap_err().to_string();
        assert!(again.contains("is not empty"), "{again}");
    }

    #[test]
    fn a_sheet_has_a_row_for_each_class() {
        let folder = tempfile::tempdir().unwrap();
        let (splits, _) = set(folder.path());
        let sheet = contact_sheet(&Split::open(&splits[0].1).unwrap(), 2, 2);
        assert_eq!(sheet.dimensions(), (8, 8));
        assert_eq!(sheet.get_pixel(2, 2).0, [0, 64, 255]);
        assert_eq!(sheet.get_pixel(2, 5).0, [0, 128, 255]);
        assert_eq!(sheet.get_pixel(5, 2).0, [255, 255, 255]);
    }
}
