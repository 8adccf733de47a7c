//! What a data set holds, found without decoding: its classes and the images of each in each split.

use anyhow::{Context, Result, bail};
use image::RgbImage;
use sha2::{Digest, Sha256};

use super::cache::Key;
use super::decode::decode;
use super::manifest::read_manifest;
use super::members::Members;
use super::{cifar, folder, hub, idx, sketch};
use crate::engine::JobSource;
use crate::recipe::Format;

/// In the order in which they are drawn; also an index into [`ClassImages::images`].
pub const SPLITS: [&str; 3] = ["train", "valid", "test"];

/// Index of a split in [`SPLITS`].
pub type SplitIndex = usize;

pub struct Catalog {
    /// In the data set's own order: alphabetical for folders, by label for binary files.
    pub classes: Vec<ClassImages>,
    /// What a person should know: files left aside, and why.
    pub warnings: Vec<String>,
    pub(super) pictures: Box<dyn Pictures>,
}

pub struct ClassImages {
    pub name: String,
    /// Train, valid and test.
    pub images: [Vec<ImageRef>; 3],
}

impl ClassImages {
    pub(super) fn new(name: impl Into<String>) -> ClassImages {
        ClassImages { name: name.into(), images: Default::default() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRef {
    /// What a person calls it: `train/OVENBIRD/017.jpg`, `data_batch_1.bin#17`.
    pub id: String,
    pub(super) place: Place,
}

/// Where a reader finds an image: one of its files, and which of that file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub file: u32,
    pub record: u32,
}

/// Why an image could not be had.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The file is there as it was listed, and is no picture.
    Unreadable(String),
    /// Anything that leaving out the image would not cure.
    Failed(anyhow::Error),
}

/// The pixels of a data set, read from several threads.
pub(super) trait Pictures: Send + Sync {
    fn read(&self, place: Place) -> Result<RgbImage, ReadError>;

    /// With the name of the format that it is stored in.
    fn read_told(&self, place: Place) -> Result<(RgbImage, &'static str), ReadError> {
        Ok((self.read(place)?, "raw"))
    }

    /// The image's file, if it has one of its own that can be read.
    fn file(&self, _place: Place) -> Option<ImageFile> {
        None
    }

    /// As [`read`](Self::read), from what [`file`](Self::file) gave.
    fn read_from(&self, place: Place, file: Option<ImageFile>) -> Result<RgbImage, ReadError> {
        match file.and_then(|file| file.bytes) {
            Some(bytes) => decode(&bytes).map_err(ReadError::Unreadable),
            None => self.read(place),
        }
    }
}

/// The file of one image.
pub(super) struct ImageFile {
    /// SHA-256.
    pub digest: Key,
    /// What it holds, where it had to be read for the digest.
    pub bytes: Option<Vec<u8>>,
}

impl ImageFile {
    pub fn holding(bytes: Vec<u8>) -> ImageFile {
        ImageFile { digest: Sha256::digest(&bytes).into(), bytes: Some(bytes) }
    }
}

impl Catalog {
    /// `source` holds the files; generators need none.
    ///
    /// # Errors
    /// The files do not have the layout of `format`, or are cut short.
    pub fn open(format: &Format, source: Option<&JobSource>) -> Result<Catalog> {
        if let Format::SketchBirds(birds) = format {
            return sketch::catalog(birds);
        }
        let source =
            source.context("the data set has no `path`; hint: say where its files are in `pipeline.toml`")?;
        let listed = read_manifest(&source.manifest)?;
        let whole = source.root.display();
        let members = Members::of(source, listed).with_context(|| format!("in `{whole}`"))?;
        let found = match format {
            Format::ImageFolder(_) => folder::catalog(members),
            Format::Cifar10(_) => cifar::catalog(&members, &cifar::CIFAR10),
            Format::Cifar100(_) => cifar::catalog(&members, &cifar::CIFAR100),
            Format::Idx(_) => idx::catalog(&members),
            Format::Parquet(columns) => hub::catalog(&members, columns, source),
            Format::SketchBirds(_) => bail!("drawn data sets have no files"),
        };
        found.with_context(|| format!("cannot read `{}` as `{}`", source.root.display(), format.name()))
    }
}
