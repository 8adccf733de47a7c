//! What a data set's layout is, where nobody names it: told by the names of its files, which are not opened.

use std::ffi::OsStr;
use std::path::Path;

use super::dataset::{Cifar10, Cifar100, Format, Idx, ImageFolder, Parquet};

/// Extensions of files that are a data set, or the weights of a network, by themselves.
const FILES: &[&str] = &["gz", "parquet", "safetensors", "tar", "tgz", "zip"];

/// Folders that are looked into, one below the other.
const DEEPEST: usize = 4;

/// Whether a path is that of one file, by its name alone: it may not be there yet.
pub fn is_file_name(path: &Path) -> bool {
    extension(path).is_some_and(|extension| FILES.contains(&extension.as_str()))
}

fn extension(path: &Path) -> Option<String> {
    path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase)
}

/// The layout that a folder or file looks like. Archives are not looked into: what is in them is named, or an image
/// folder.
pub fn detect(path: &Path) -> Format {
    if path.is_file() {
        let is_parquet = extension(path).is_some_and(|extension| extension == "parquet");
        return if is_parquet {
            Format::Parquet(Parquet::default())
        } else {
            Format::ImageFolder(ImageFolder {})
        };
    }
    let mut folder = path.to_path_buf();
    for _ in 0..DEEPEST {
        let (names, folders) = names_in(&folder);
        if let Some(format) = names.iter().find_map(|name| marked(name)) {
            return format;
        }
        // Archives are often unpacked into one more folder; the hub keeps its files in `data`, or by split.
        let next = match folders.as_slice() {
            [only] => Some(only),
            several => several.iter().find(|folder| *folder == "data" || *folder == "train"),
        };
        let Some(next) = next else { break };
        folder.push(next);
    }
    Format::ImageFolder(ImageFolder {})
}

/// The layout that a file of this name belongs to and no other.
fn marked(name: &str) -> Option<Format> {
    let name = name.to_ascii_lowercase();
    let digits = ["-images-idx3-ubyte", "-images.idx3-ubyte"];
    match name.as_str() {
        "data_batch_1.bin" | "batches.meta.txt" => Some(Format::Cifar10(Cifar10 {})),
        "fine_label_names.txt" => Some(Format::Cifar100(Cifar100 {})),
        name if digits.iter().any(|part| name.contains(part)) => Some(Format::Idx(Idx {})),
        name if name.ends_with(".parquet") => Some(Format::Parquet(Parquet::default())),
        _ => None,
    }
}

/// Names of the files and of the folders in a folder, in order.
fn names_in(folder: &Path) -> (Vec<String>, Vec<String>) {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_folder = entry.path().is_dir();
        if is_folder && !name.starts_with('.') {
            folders.push(name)
        } else if !is_folder {
            files.push(name)
        }
    }
    files.sort();
    folders.sort();
    (files, folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_told_by_the_names_of_its_files() {
        let cases = [
            ("cifar-10-batches-bin/data_batch_1.bin", "cifar10"),
            ("fine_label_names.txt", "cifar100"),
            ("train-images-idx3-ubyte.gz", "idx"),
            ("raw/t10k-images.idx3-ubyte", "idx"),
            ("data/train-00000-of-00001.parquet", "parquet"),
            ("default/train/0000.parquet", "parquet"),
            ("train/wren/1.jpg", "image-folder"),
        ];
        for (file, format) in cases {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            assert_eq!(detect(folder.path()).name(), format, "{file}");
        }
    }

    #[test]
    fn a_folder_of_photographs_beside_the_hubs_own_is_still_parquet() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["data/test.parquet", "assets/logo.png"] {
            std::fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        assert_eq!(detect(folder.path()).name(), "parquet");
        assert_eq!(detect(&folder.path().join("nowhere")).name(), "image-folder");
    }

    #[test]
    fn archives_and_parquet_are_files_by_name() {
        let is_file = |name: &str| is_file_name(Path::new(name));
        assert!(["a.zip", "b.TAR", "c.tar.gz", "d.tgz", "e.parquet"].into_iter().all(is_file));
        assert!(!["birds", "birds.v2", "data/birds"].into_iter().any(is_file));
    }
}
