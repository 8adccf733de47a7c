//! Image folders: `train/CLASS/*`, `valid/CLASS/*` and `test/CLASS/*`, or `CLASS/*` alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use image::RgbImage;

use super::catalog::{Catalog, ClassImages, ImageRef, Pictures, Place, ReadError, SplitIndex};
use super::decode::decode;
use super::manifest::{Listed, read_listed};

struct Files {
    root: PathBuf,
    listed: Vec<Listed>,
}

impl Pictures for Files {
    fn read(&self, place: Place) -> Result<RgbImage, ReadError> {
        let listed = &self.listed[place.file as usize];
        let bytes = read_listed(&self.root, listed).map_err(ReadError::Failed)?;
        decode(&bytes).map_err(ReadError::Unreadable)
    }

    fn digest(&self, place: Place) -> Option<&str> {
        Some(&self.listed[place.file as usize].sha256)
    }
}

fn split_named(folder: &str) -> Option<SplitIndex> {
    match folder {
        "train" | "training" => Some(0),
        "valid" | "val" | "validation" => Some(1),
        "test" | "testing" => Some(2),
        _ => None,
    }
}

/// Where a file belongs; `None` when it lies outside every class.
fn place_of(path: &str, with_splits: bool) -> Option<(SplitIndex, &str)> {
    let (split, rest) = match with_splits {
        true => path.split_once('/').and_then(|(top, rest)| Some((split_named(top)?, rest)))?,
        false => (0, path),
    };
    rest.split_once('/').map(|(class, _)| (split, class))
}

pub fn catalog(root: &Path, listed: Vec<Listed>) -> Result<Catalog> {
    let tops: BTreeSet<&str> = listed.iter().filter_map(|file| Some(file.path.split_once('/')?.0)).collect();
    let with_splits = tops.iter().any(|top| split_named(top) == Some(0))
        || (!tops.is_empty() && tops.iter().all(|top| split_named(top).is_some()));
    let mut classes: BTreeMap<String, ClassImages> = BTreeMap::new();
    let mut aside = Vec::new();
    for (number, file) in listed.iter().enumerate() {
        let Some((split, class)) = place_of(&file.path, with_splits) else {
            aside.push(file.path.as_str());
            continue;
        };
        let place = Place { file: number as u32, record: 0 };
        let images = &mut classes.entry(class.to_string()).or_insert_with(|| ClassImages::new(class)).images;
        images[split].push(ImageRef { id: file.path.clone(), place });
    }
    if classes.is_empty() {
        bail!(
            "it holds no classes; hint: expected `train/CLASS/*.jpg` (and `valid`, `test`), or `CLASS/*.jpg`"
        );
    }
    let warnings = left_aside(&aside).into_iter().collect();
    add_empty_classes(root, with_splits, &mut classes);
    let classes = classes.into_values().collect();
    Ok(Catalog { classes, warnings, pictures: Box::new(Files { root: root.to_path_buf(), listed }) })
}

fn left_aside(files: &[&str]) -> Option<String> {
    let first = files.first()?;
    Some(format!("{} images lie in no class folder and are left aside: `{first}`, ...", files.len()))
}

/// A folder without images is no line of the manifest, but whoever made it meant a class.
fn add_empty_classes(root: &Path, with_splits: bool, classes: &mut BTreeMap<String, ClassImages>) {
    let parents = match with_splits {
        true => folders_in(root).into_iter().filter(|name| split_named(name) == Some(0)).collect(),
        false => vec![String::new()],
    };
    for name in parents.iter().flat_map(|parent| folders_in(&root.join(parent))) {
        classes.entry(name.clone()).or_insert_with(|| ClassImages::new(name));
    }
}

fn folders_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(paths: &[&str]) -> Vec<Listed> {
        let file = |path: &&str| Listed { path: path.to_string(), size: 0, sha256: String::new() };
        paths.iter().map(file).collect()
    }

    fn shape(catalog: &Catalog) -> Vec<(&str, [usize; 3])> {
        let sizes = |class: &ClassImages| [0, 1, 2].map(|split| class.images[split].len());
        catalog.classes.iter().map(|class| (class.name.as_str(), sizes(class))).collect()
    }

    #[test]
    fn folders_of_splits_and_classes_are_told_apart() {
        let root = Path::new("/nowhere");
        let paths = ["test/A/1.png", "train/A/1.png", "train/B/deep/2.png", "val/A/3.png", "other/x.png"];
        let found = catalog(root, listed(&paths)).unwrap();
        assert_eq!(shape(&found), [("A", [1, 1, 1]), ("B", [1, 0, 0])]);
        assert!(found.warnings[0].contains("`other/x.png`"));
        let found = catalog(root, listed(&["A/1.png", "A/2.png", "test/1.png", "loose.png"])).unwrap();
        assert_eq!(shape(&found), [("A", [2, 0, 0]), ("test", [1, 0, 0])]);
    }

    #[test]
    fn a_folder_without_classes_says_what_is_expected() {
        let message = catalog(Path::new("/nowhere"), listed(&["1.png"])).err().unwrap().to_string();
        assert!(message.contains("no classes; hint: expected `train/CLASS"), "{message}");
    }

    #[test]
    fn a_class_folder_without_images_is_a_class_without_images() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("train/EMPTY")).unwrap();
        let found = catalog(root.path(), listed(&["train/A/1.png"])).unwrap();
        assert_eq!(shape(&found), [("A", [1, 0, 0]), ("EMPTY", [0, 0, 0])]);
    }
}
