//! Parquet as the Hugging Face hub lays data sets out: a column of images, one of labels, a file or more a split.

mod columns;
mod labels;
mod rows;
mod whole;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use image::RgbImage;
use parquet::file::serialized_reader::SerializedFileReader;

use super::binary::Binary;
use super::catalog::{Catalog, ClassImages, ImageFile, ImageRef, Pictures, Place, ReadError, SplitIndex};
use super::decode::decode_told;
use super::extents::{Extents, Spill};
use super::layout::split_named;
use super::members::{LARGEST_FILE, Members};
use crate::engine::JobSource;
use crate::recipe::Parquet;
use columns::Columns;
use labels::{Label, Labels};
use whole::Whole;

/// Images of all rows, one after the other.
struct Images(Extents);

impl Pictures for Images {
    fn read(&self, place: Place) -> Result<RgbImage, ReadError> {
        self.read_told(place).map(|(image, _)| image)
    }

    fn read_told(&self, place: Place) -> Result<(RgbImage, &'static str), ReadError> {
        let index = place.record as usize;
        let (_, size) = self.0.place(index);
        if size == 0 {
            let reason =
                "the row holds no bytes of an image: it may name a file that is not part of the data set";
            return Err(ReadError::Unreadable(reason.into()));
        }
        if size > LARGEST_FILE {
            return Err(ReadError::Unreadable(format!("it has {size} bytes, and no image takes 1 GiB")));
        }
        decode_told(&self.0.read(index).map_err(ReadError::Failed)?).map_err(ReadError::Unreadable)
    }

    fn file(&self, place: Place) -> Option<ImageFile> {
        let index = place.record as usize;
        let (_, size) = self.0.place(index);
        let readable = (1..=LARGEST_FILE).contains(&size);
        readable.then(|| self.0.read(index).ok().map(ImageFile::holding))?
    }
}

/// Rows by label. Columns can only be unpacked in order, so the images are laid once, as they are, into a file without a
/// name beside the store: as much disk as they take, and memory for one page (a row group at most) and 50 bytes a row.
///
/// # Errors
/// A file is damaged; which column is meant, or which folder, is not clear.
pub fn catalog(members: &Members, asked: &Parquet, source: &JobSource) -> Result<Catalog> {
    let files: Vec<usize> = (0..members.files.len()).filter(|file| is_parquet(members, *file)).collect();
    ensure!(
        !files.is_empty(),
        "there is no `.parquet` file; hint: expected `data/train-00000-of-00001.parquet`"
    );
    one_configuration(members, &files)?;
    let mut spill = Spill::create(source.manifest.parent().unwrap_or(Path::new(".")))?;
    let (mut labels, mut names) = (Labels::default(), None);
    let mut rows: Vec<(usize, Vec<Label>)> = Vec::new();
    for file in files {
        let path = &members.files[file].path;
        let binary = members.open(file)?;
        // Written by anyone: what its reader never thought of must not end the program.
        let read = catch_unwind(AssertUnwindSafe(|| read_file(binary, asked, &mut labels, &mut spill)));
        let read = read.unwrap_or_else(|_| Err(anyhow!("it is damaged; hint: fetch it again")));
        let (found, named) = read.with_context(|| format!("cannot read `{path}`"))?;
        if let Some(before) = names.replace(named.clone()).filter(|before| *before != named) {
            bail!("`{path}` names other classes than the files before it: {named:?} and {before:?}");
        }
        rows.push((file, found));
    }
    let (classes, warnings) = sorted(members, &rows, &labels, names.flatten())?;
    Ok(Catalog { classes, warnings, pictures: Box::new(Images(spill.finish()?)) })
}

fn is_parquet(members: &Members, file: usize) -> bool {
    members.files[file].path.to_ascii_lowercase().ends_with(".parquet")
}

/// The labels of a file's rows, and the names that its metadata gives them.
fn read_file(
    binary: Binary,
    asked: &Parquet,
    labels: &mut Labels,
    spill: &mut Spill,
) -> Result<(Vec<Label>, Option<Vec<String>>)> {
    let reader = SerializedFileReader::new(Whole(Arc::new(binary)))
        .map_err(|error| anyhow!("it is cut short or damaged ({error}); hint: fetch it again"))?;
    let columns = Columns::of(&reader, asked)?;
    let found = labels::read(&reader, columns.label, labels)?;
    let images = rows::spill_images(&reader, columns.image, spill)?;
    ensure!(images == found.len() as u64, "it has {images} images and {} labels", found.len());
    Ok((found, columns.names))
}

/// Several configurations of a data set lie in several folders; to add them up would be no data set.
fn one_configuration(members: &Members, files: &[usize]) -> Result<()> {
    let folder = |file: &usize| -> String {
        let path = &members.files[*file].path;
        let parts = path.rsplit_once('/').map_or("", |(folder, _)| folder).split('/');
        parts.filter(|part| split_named(part).is_none()).collect::<Vec<_>>().join("/")
    };
    let folders: BTreeSet<String> = files.iter().map(folder).collect();
    if folders.len() < 2 {
        return Ok(());
    }
    let list: Vec<String> = folders.into_iter().map(|folder| format!("`{folder}/`")).collect();
    bail!("there are Parquet files in {}; hint: name one of these folders with `path`", list.join(", "))
}

/// `train-00000-of-00001.parquet`, `validation/0000.parquet`; anything else is training data.
fn split_of(path: &str) -> SplitIndex {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or(path);
    let word = name.split(['-', '.', '_']).next().unwrap_or(name);
    split_named(word).or_else(|| parts.find_map(split_named)).unwrap_or(0)
}

/// Rows by class: in the order of their names, where there are names, else by label.
fn sorted(
    members: &Members,
    rows: &[(usize, Vec<Label>)],
    labels: &Labels,
    names: Option<Vec<String>>,
) -> Result<(Vec<ClassImages>, Vec<String>)> {
    let order = labels.order(names)?;
    let mut classes: Vec<ClassImages> = order.names.into_iter().map(ClassImages::new).collect();
    let (mut record, mut without) = (0, 0);
    for (file, labels) in rows {
        let path = &members.files[*file].path;
        // A single file is keyed by its bytes alone, so nothing may depend on its name.
        let named = members.files.len() > 1 || path.contains('/');
        let (path, split) = if named { (path.as_str(), split_of(path)) } else { ("", 0) };
        for (row, label) in labels.iter().enumerate() {
            let class = label.and_then(|label| order.classes[label as usize]);
            match class {
                Some(class) => {
                    let place = Place { file: 0, record };
                    classes[class].images[split].push(ImageRef { id: format!("{path}#{row}"), place });
                }
                None => without += 1,
            }
            record += 1;
        }
    }
    let warning = format!("{without} rows have no label and are left aside");
    Ok((classes, (without > 0).then_some(warning).into_iter().collect()))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
