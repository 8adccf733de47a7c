//! Image folders: `train/CLASS/*`, `valid/CLASS/*` and `test/CLASS/*`, or `CLASS/*` alone, on disk or in an archive.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use image::RgbImage;

use super::catalog::{Catalog, ClassImages, ImageFile, ImageRef, Pictures, Place, ReadError};
use super::decode::{decode, decode_told};
use super::layout::{Layout, is_hidden};
use super::members::Members;
use crate::recipe::IMAGES;

struct Files(Members);

impl Pictures for Files {
    fn read(&self, place: Place) -> Result<RgbImage, ReadError> {
        decode(&self.0.read(place.file as usize)?).map_err(ReadError::Unreadable)
    }

    fn read_told(&self, place: Place) -> Result<(RgbImage, &'static str), ReadError> {
        decode_told(&self.0.read(place.file as usize)?).map_err(ReadError::Unreadable)
    }

    fn file(&self, place: Place) -> Option<ImageFile> {
        self.0.image(place.file as usize)
    }
}

/// # Errors
/// No file lies in the folder of a class.
pub fn catalog(members: Members) -> Result<Catalog> {
    let images = members.files.iter().enumerate().filter(|(_, file)| is_image(&file.path));
    let (hidden, images): (Vec<_>, Vec<_>) =
        images.map(|(number, file)| (number, file.path.as_str())).partition(|(_, path)| is_hidden(path));
    let paths: Vec<&str> = images.iter().map(|(_, path)| *path).collect();
    let layout = Layout::of(&paths);
    let mut classes: BTreeMap<String, ClassImages> = BTreeMap::new();
    let mut aside: Vec<&str> = hidden.iter().map(|(_, path)| *path).collect();
    for (number, path) in images {
        let (Some((split, class)), Some(id)) = (layout.place(path), layout.id(path)) else {
            aside.push(path);
            continue;
        };
        let place = Place { file: number as u32, record: 0 };
        let images = &mut classes.entry(class.to_string()).or_insert_with(|| ClassImages::new(class)).images;
        images[split].push(ImageRef { id: id.to_string(), place });
    }
    if let [only] = members.files.as_slice()
        && !is_image(&only.path)
    {
        bail!("`{}` is no folder and no zip, tar or tar.gz; hint: unpack it into a folder", only.path);
    }
    if classes.is_empty() {
        bail!("it holds no classes; hint: {}", remedy(&members));
    }
    let warnings = left_aside(&aside).into_iter().collect();
    // A folder without images is no file, but whoever made it meant a class.
    let empty = members.folders.iter().filter(|folder| !is_hidden(folder));
    for class in empty.filter_map(|folder| layout.class(folder)) {
        classes.entry(class.to_string()).or_insert_with(|| ClassImages::new(class));
    }
    let classes = classes.into_values().collect();
    Ok(Catalog { classes, warnings, pictures: Box::new(Files(members)) })
}

/// What data set it may be, if no folder of images. In a folder the files tell; archives are opened too late for that.
fn remedy(members: &Members) -> &'static str {
    let holds = |end: &str| members.files.iter().any(|file| file.path.ends_with(end));
    if holds("data_batch_1.bin") {
        "these are CIFAR-10's files: add `format = \"cifar10\"`"
    } else if holds("train.bin") {
        "these may be CIFAR-100's files: add `format = \"cifar100\"`"
    } else if holds("-ubyte") || holds("-ubyte.gz") {
        "these are files of the kind of MNIST's: add `format = \"idx\"`"
    } else {
        "expected `train/CLASS/*.jpg` (and `valid`, `test`), or `CLASS/*.jpg`"
    }
}

/// Archives hold other files too; folders were listed by extension already.
fn is_image(path: &str) -> bool {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| IMAGES.contains(&extension.as_str()))
}

fn left_aside(files: &[&str]) -> Option<String> {
    let first = files.first()?;
    let noun = if files.len() == 1 { "image lies" } else { "images lie" };
    Some(format!("{} {noun} in no class folder and are left aside: `{first}`, ...", files.len()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::manifest::Listed;
    use super::*;

    fn listed(paths: &[&str]) -> Vec<Listed> {
        let file = |path: &&str| Listed { path: path.to_string(), size: 0, sha256: String::new() };
        paths.iter().map(file).collect()
    }

    fn catalog(root: &Path, listed: Vec<Listed>) -> Result<Catalog> {
        super::catalog(Members::in_folder(root, listed))
    }

    fn shape(catalog: &Catalog) -> Vec<(&str, [usize; 3])> {
        let sizes = |class: &ClassImages| [0, 1, 2].map(|split| class.images[split].len());
        catalog.classes.iter().map(|class| (class.name.as_str(), sizes(class))).collect()
    }

    #[test]
    fn files_of_other_formats_are_told_by_their_names() {
        for (path, wanted) in [
            ("cifar-10-batches-bin/data_batch_1.bin", "cifar10"),
            ("cifar-100-binary/train.bin", "cifar100"),
            ("train-images-idx3-ubyte.gz", "idx"),
            ("notes.txt", "train/CLASS"),
        ] {
            let error = catalog(Path::new("/nowhere"), listed(&[path, "other.txt"])).err().unwrap();
            assert!(error.to_string().contains(wanted), "{path}: {error}");
        }
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

    #[test]
    fn ids_do_not_tell_where_the_data_set_was_wrapped() {
        let paths = ["birds/Train/A/1.png", "birds/Train/B/1.png", "birds/Validation/A/2.png", "birds/x.png"];
        let found = catalog(Path::new("/nowhere"), listed(&paths)).unwrap();
        assert_eq!(shape(&found), [("A", [1, 1, 0]), ("B", [1, 0, 0])]);
        assert_eq!(found.classes[0].images[1][0].id, "Validation/A/2.png");
    }

    #[test]
    fn what_a_desktop_or_notebook_left_is_no_image() {
        let paths =
            ["A/1.png", "A/._1.png", "A/.ipynb_checkpoints/1-checkpoint.png", "__MACOSX/A/1.png", "B/1.png"];
        let found = catalog(Path::new("/nowhere"), listed(&paths)).unwrap();
        assert_eq!(shape(&found), [("A", [1, 0, 0]), ("B", [1, 0, 0])]);
        assert!(found.warnings[0].starts_with("3 images"), "{:?}", found.warnings);
    }

    #[test]
    fn names_may_be_in_any_script() {
        let found = catalog(Path::new("/nowhere"), listed(&["鳥/一.png", "Птица/é ü.png"])).unwrap();
        assert_eq!(shape(&found), [("Птица", [1, 0, 0]), ("鳥", [1, 0, 0])]);
    }
}
