//! `[datasets.NAME]` of `pipeline.toml`: where a data set's files are, how they are laid out and where they come from.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::layout::{detect, is_file_name};
use crate::engine::Place;

/// A data set: where its files are and how they are laid out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Folder of the files, an archive of it (`.zip`, `.tar`, `.tar.gz`, `.tgz`; read as it is) or a `.parquet` file, from
    /// the folder of `pipeline.toml`. While they are read, images of a tar.gz or of Parquet take their size on the disk of
    /// the store once more. Not for data sets that the program draws itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// How the files are laid out. Without it, the names of the files tell: `cifar10`, `cifar100`, `idx` and `parquet`
    /// by theirs, anything else is an `image-folder`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Another data set that serves while `path` does not exist. Whatever it serves says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<String>,
    /// Where `pipeline data fetch NAME` gets the data set: an archive that is unpacked into `path`, or any file where
    /// `path` names an archive or a `.parquet` file. Nothing is fetched without being asked. Goes with `sha256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// SHA-256 of the file at `url`, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Dataset {
    /// The layout that is named, else the one that the files look like.
    pub fn layout(&self, root: &Path) -> Format {
        match (&self.format, &self.path) {
            (Some(format), _) => format.clone(),
            (None, Some(path)) => detect(&root.join(path)),
            (None, None) => Format::ImageFolder(ImageFolder {}),
        }
    }

    /// The files that it consists of: one, or those of a folder that its layout reads.
    pub fn place(&self, root: &Path) -> Option<Place> {
        let path = root.join(self.path.as_ref()?);
        if path.is_file() {
            return Some(Place::File(path));
        }
        let extensions = match self.layout(root) {
            Format::ImageFolder(_) => IMAGES,
            Format::Parquet(_) => &["parquet"],
            _ => &[],
        };
        Some(Place::Tree { root: path, extensions })
    }

    /// What a person should do about files that are not there.
    pub fn remedy(&self, name: &str) -> String {
        match &self.url {
            Some(_) => format!("`pipeline data fetch {name}` fetches it"),
            None => {
                format!("put its images there, or say where they are: `--set datasets.{name}.path=FOLDER`")
            }
        }
    }

    /// What is there, or would be: `folder` or `file`.
    pub fn noun(&self) -> &'static str {
        if self.path.as_deref().is_some_and(is_file_name) { "file" } else { "folder" }
    }
}

/// Extensions of the files that an image folder consists of, in lower case; their format is told by content.
pub const IMAGES: &[&str] = &["bmp", "gif", "jfif", "jpe", "jpeg", "jpg", "png", "tif", "tiff", "webp"];

choice! {
    /// The layout of a data set's files.
    pub enum Format {
        /// `train/CLASS/*`, `valid/CLASS/*` and `test/CLASS/*` in any usual spelling (`Training`, `val`, `test_set`), or
        /// `CLASS/*` alone, also below one more folder or in an archive; JPEG, PNG, WebP, BMP, GIF, TIFF.
        "image-folder" => ImageFolder @ 2,
        /// CIFAR-10's binary files: `data_batch_1.bin` ..., `test_batch.bin`, `batches.meta.txt`.
        "cifar10" => Cifar10 @ 1,
        /// CIFAR-100's binary files: `train.bin`, `test.bin`, `fine_label_names.txt`.
        "cifar100" => Cifar100 @ 1,
        /// MNIST's layout: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-...`, each also as `.gz`.
        "idx" => Idx @ 1,
        /// Parquet as the Hugging Face hub lays it out: `data/train-00000-of-00001.parquet`, ..., with a column of images
        /// and one of labels.
        "parquet" => Parquet @ 1,
        /// Birds of ten species drawn by the program.
        "sketch-birds" => SketchBirds @ 1,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageFolder {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cifar10 {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cifar100 {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Idx {}

/// Parquet files with a column of images and one of labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parquet {
    /// Column of the images. Without it, the one that the schema marks as images, or the only one called `image` or
    /// `img`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Column of the labels, whole numbers or text. Without it, the one that the schema marks as a label, or the only one
    /// called `label`, `labels` or `fine_label`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Birds of ten species drawn by the program: 224×224, deterministic in (seed, species, index).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SketchBirds {
    /// Another seed draws other birds of the same species.
    pub seed: u64,
    /// Training images of each species.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub train: u32,
    /// Validation images of each species.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub valid: u32,
    /// Test images of each species.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub test: u32,
}

impl Default for SketchBirds {
    fn default() -> SketchBirds {
        SketchBirds { seed: 0, train: 250, valid: 5, test: 5 }
    }
}
