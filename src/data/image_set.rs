//! One split of an image set, memory-mapped: `images`, `labels` and `source` of a safetensors file.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use memmap2::Mmap;
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo};

use super::whitening::Whitening;

/// Pixels `[n, h, w, 3]`, red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pixels<'a> {
    /// 0 to 255.
    U8(&'a [u8]),
    /// Black is 0 and white is 1; distilled images may lie outside.
    F32(&'a [f32]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelType {
    U8,
    F32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// Indices into `classes.json`, `[n]`.
    Hard(Vec<i64>),
    /// A weight of each class for each image, `[n, classes]`.
    Soft { values: Vec<f32>, classes: usize },
}

impl Labels {
    /// Number of images.
    pub fn len(&self) -> usize {
        match self {
            Labels::Hard(labels) => labels.len(),
            Labels::Soft { values, classes } => values.len() / (*classes).max(1),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The class of each image; of soft labels the heaviest (the first of equals).
    pub fn heaviest(&self) -> Vec<i64> {
        match self {
            Labels::Hard(labels) => labels.clone(),
            Labels::Soft { values, classes } => values.chunks((*classes).max(1)).map(first_largest).collect(),
        }
    }
}

fn first_largest(weights: &[f32]) -> i64 {
    let mut best = 0;
    for (class, weight) in weights.iter().enumerate() {
        if *weight > weights[best] {
            best = class;
        }
    }
    best as i64
}

/// `train.safetensors` and its like, opened. Pages are read when they are touched.
#[derive(Debug)]
pub struct Split {
    path: PathBuf,
    map: Mmap,
    shape: [usize; 3],
    stored: Stored,
    labels: (Range<usize>, Option<usize>),
    /// Where each source id begins and ends in the file; empty when the file names no sources.
    sources: Vec<Range<usize>>,
    /// Mean and matrix.
    whitening: Option<[Range<usize>; 2]>,
}

#[derive(Debug)]
enum Stored {
    U8(Range<usize>),
    F32(Range<usize>),
    /// Floats whose place in the file is not aligned (files of other programs).
    Copied(Vec<f32>),
}

impl Split {
    /// # Errors
    /// The file is missing, cut short, or no split of an image set.
    pub fn open(path: &Path) -> Result<Split> {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("cannot open `{shown}`"))?;
        // Sound as long as nobody shortens the file: files of the store are read-only and never changed in place.
        let map = unsafe { Mmap::map(&file) }.with_context(|| format!("cannot read `{shown}`"))?;
        let damaged = || format!("`{shown}` is damaged or no split of an image set");
        let (header, metadata) = SafeTensors::read_metadata(&map).with_context(damaged)?;
        let (shape, stored) = find_images(&map, header + 8, &metadata).with_context(damaged)?;
        let labels = find_labels(&map, header + 8, &metadata, shape[0]).with_context(damaged)?;
        let sources = find_sources(&map, header + 8, &metadata, shape[0]).with_context(damaged)?;
        let values = shape[1] * shape[2] * 3;
        let whitening = find_whitening(header + 8, &metadata, values).with_context(damaged)?;
        Ok(Split { path: path.to_path_buf(), map, shape, stored, labels, sources, whitening })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.shape[0]
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In pixels.
    pub fn height(&self) -> usize {
        self.shape[1]
    }

    /// In pixels.
    pub fn width(&self) -> usize {
        self.shape[2]
    }

    /// All images, `[n, h, w, 3]`.
    pub fn pixels(&self) -> Pixels<'_> {
        match &self.stored {
            Stored::U8(range) => Pixels::U8(&self.map[range.clone()]),
            Stored::F32(range) => {
                Pixels::F32(aligned_floats(&self.map[range.clone()]).expect("checked in open"))
            }
            Stored::Copied(values) => Pixels::F32(values),
        }
    }

    /// One image, `[h, w, 3]`. Panics when `i` is not below [`len`](Self::len).
    pub fn image(&self, i: usize) -> Pixels<'_> {
        let size = self.height() * self.width() * 3;
        match self.pixels() {
            Pixels::U8(all) => Pixels::U8(&all[i * size..(i + 1) * size]),
            Pixels::F32(all) => Pixels::F32(&all[i * size..(i + 1) * size]),
        }
    }

    pub fn labels(&self) -> Labels {
        let (range, classes) = &self.labels;
        let bytes = &self.map[range.clone()];
        match classes {
            None => Labels::Hard(long_integers(bytes).collect()),
            Some(classes) => Labels::Soft { values: floats(bytes).collect(), classes: *classes },
        }
    }

    /// Where image `i` came from (`train/OVENBIRD/017.jpg`); empty when the file does not say.
    pub fn source(&self, i: usize) -> &str {
        let bytes = self.sources.get(i).map_or(&[][..], |range| &self.map[range.clone()]);
        std::str::from_utf8(bytes).expect("checked in open")
    }

    /// What pixels of every split of the set go through before a network sees them, where the set says so.
    pub fn whitening(&self) -> Option<Whitening> {
        let [mean, matrix] = self.whitening.clone()?.map(|range| floats(&self.map[range]).collect());
        Some(Whitening { mean, matrix })
    }
}

fn find_images(map: &[u8], data: usize, metadata: &Metadata) -> Result<([usize; 3], Stored)> {
    let info = metadata.info("images").context("it has no tensor `images`")?;
    let [n, height, width, 3] = info.shape[..] else {
        bail!("`images` has shape {:?} instead of [n, h, w, 3]", info.shape);
    };
    let range = place(info, data);
    let stored = match info.dtype {
        Dtype::U8 => Stored::U8(range),
        Dtype::F32 if aligned_floats(&map[range.clone()]).is_some() => Stored::F32(range),
        Dtype::F32 => Stored::Copied(floats(&map[range]).collect()),
        other => bail!("`images` holds {other:?} instead of U8 or F32"),
    };
    Ok(([n, height, width], stored))
}

fn find_labels(
    map: &[u8],
    data: usize,
    metadata: &Metadata,
    n: usize,
) -> Result<(Range<usize>, Option<usize>)> {
    let info = metadata.info("labels").context("it has no tensor `labels`")?;
    let range = place(info, data);
    match (info.dtype, &info.shape[..]) {
        (Dtype::I64, [labels]) if *labels == n => {
            let wrong = long_integers(&map[range.clone()]).position(|label| label < 0);
            ensure!(wrong.is_none(), "label {} is negative", wrong.unwrap_or_default());
            Ok((range, None))
        }
        (Dtype::F32, [labels, classes]) if *labels == n && *classes > 0 => Ok((range, Some(*classes))),
        (kind, shape) => {
            bail!("`labels` is {kind:?} {shape:?} instead of I64 [{n}] or F32 [{n}, classes]")
        }
    }
}

fn find_sources(map: &[u8], data: usize, metadata: &Metadata, n: usize) -> Result<Vec<Range<usize>>> {
    let Some(info) = metadata.info("source") else { return Ok(Vec::new()) };
    ensure!(info.dtype == Dtype::U8, "`source` holds {:?} instead of U8", info.dtype);
    let range = place(info, data);
    let text = std::str::from_utf8(&map[range.clone()]).context("`source` is no UTF-8 text")?;
    let mut ranges = Vec::with_capacity(n);
    let mut start = range.start;
    for line in text.split('\n').take(if n == 0 { 0 } else { usize::MAX }) {
        ranges.push(start..start + line.len());
        start += line.len() + 1;
    }
    ensure!(ranges.len() == n, "`source` names {} images of {n}", ranges.len());
    Ok(ranges)
}

fn find_whitening(data: usize, metadata: &Metadata, values: usize) -> Result<Option<[Range<usize>; 2]>> {
    let (mean, matrix) = (metadata.info(Whitening::MEAN), metadata.info(Whitening::MATRIX));
    let (Some(mean), Some(matrix)) = (mean, matrix) else { return Ok(None) };
    for (info, shape) in [(mean, &[values][..]), (matrix, &[values, values])] {
        ensure!(
            info.dtype == Dtype::F32 && info.shape == shape,
            "its whitening is {:?} {:?} instead of F32 {shape:?}",
            info.dtype,
            info.shape
        );
    }
    Ok(Some([place(mean, data), place(matrix, data)]))
}

fn place(info: &TensorInfo, data: usize) -> Range<usize> {
    data + info.data_offsets.0..data + info.data_offsets.1
}

/// The bytes as floats where they lie, if this machine can read them there.
fn aligned_floats(bytes: &[u8]) -> Option<&[f32]> {
    if cfg!(target_endian = "big") {
        return None;
    }
    // Any four bytes are an f32.
    let (before, floats, after) = unsafe { bytes.align_to::<f32>() };
    (before.is_empty() && after.is_empty()).then_some(floats)
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four))
}

fn long_integers(bytes: &[u8]) -> impl Iterator<Item = i64> + '_ {
    bytes.as_chunks::<8>().0.iter().map(|eight| i64::from_le_bytes(*eight))
}

#[cfg(test)]
mod tests {
    use super::super::split_writer::{SplitWriter, write_split, write_whitened_split};
    use super::*;

    fn two_images(path: &Path) {
        let mut writer = SplitWriter::create(path, 2, 2, 1, PixelType::U8).unwrap();
        writer.push(&[0, 1, 2, 3, 4, 5], 1, "train/A/1.jpg").unwrap();
        writer.push(&[255, 254, 253, 9, 8, 7], 0, "train/Ö/2.jpg").unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.safetensors");
        two_images(&path);
        let split = Split::open(&path).unwrap();
        assert_eq!((split.len(), split.height(), split.width()), (2, 2, 1));
        assert_eq!(split.pixels(), Pixels::U8(&[0, 1, 2, 3, 4, 5, 255, 254, 253, 9, 8, 7]));
        assert_eq!(split.image(1), Pixels::U8(&[255, 254, 253, 9, 8, 7]));
        assert_eq!(split.labels(), Labels::Hard(vec![1, 0]));
        assert_eq!((split.source(0), split.source(1)), ("train/A/1.jpg", "train/Ö/2.jpg"));
    }

    #[test]
    fn soft_labels_and_floats_outside_the_unit_range_survive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.safetensors");
        let labels = Labels::Soft { values: vec![0.25, 0.75, 0.5, 0.5, 1.0, 0.0], classes: 2 };
        let pixels = [-0.5, 0.0, 1.5, 0.1, 0.2, 0.3, 7.0, 8.0, 9.0];
        let sources = ["a", "b", "c"].map(String::from);
        write_split(&path, 1, 1, Pixels::F32(&pixels), &labels, &sources).unwrap();
        let split = Split::open(&path).unwrap();
        assert_eq!(split.pixels(), Pixels::F32(&pixels));
        assert_eq!(split.labels(), labels);
        assert_eq!(split.labels().heaviest(), [1, 0, 0]);
        assert_eq!(split.source(2), "c");
    }

    #[test]
    fn a_whitening_is_read_back_beside_the_images() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.safetensors");
        let matrix = (0..9).map(|i| i as f32).collect();
        let whitening = Whitening { mean: vec![0.25, 0.5, 0.75], matrix };
        let labels = Labels::Soft { values: vec![0.5, -0.5], classes: 2 };
        let write = |whitening| {
            let sources = ["a".to_string()];
            write_whitened_split(&path, [1, 1], Pixels::U8(&[1, 2, 3]), &labels, &sources, whitening)
        };
        write(Some(whitening.clone())).unwrap();
        let split = Split::open(&path).unwrap();
        assert_eq!((split.whitening(), split.labels()), (Some(whitening), labels.clone()));
        assert_eq!((split.pixels(), split.source(0)), (Pixels::U8(&[1, 2, 3]), "a"));
        write(None).unwrap();
        assert_eq!(Split::open(&path).unwrap().whitening(), None);
        assert!(write(Some(Whitening { mean: vec![0.0; 2], matrix: vec![0.0; 4] })).is_err());
    }

    #[test]
    fn an_empty_split_is_a_split() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("valid.safetensors");
        SplitWriter::create(&path, 0, 8, 8, PixelType::U8).unwrap().finish().unwrap();
        let split = Split::open(&path).unwrap();
        assert!(split.is_empty() && split.labels().is_empty());
        assert_eq!((split.height(), split.pixels()), (8, Pixels::U8(&[])));
    }

    #[test]
    fn a_file_cut_anywhere_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("train.safetensors");
        two_images(&whole);
        let bytes = std::fs::read(&whole).unwrap();
        let cut = folder.path().join("cut.safetensors");
        for length in [1, 7, 8, 100, 1024, bytes.len() - 1] {
            std::fs::write(&cut, &bytes[..length]).unwrap();
            let message = format!("{:#}", Split::open(&cut).unwrap_err());
            assert!(message.contains("cut.safetensors` is damaged"), "{message}");
        }
    }

    #[test]
    fn floats_that_do_not_lie_on_four_bytes_are_read_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("foreign.safetensors");
        let header = concat!(
            r#"{"images":{"dtype":"F32","shape":[1,1,1,3],"data_offsets":[8,20]},"#,
            r#""labels":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#
        );
        let padded = format!("{header}{}", " ".repeat(9 - header.len() % 8));
        assert_eq!(padded.len() % 4, 1);
        let mut bytes = (padded.len() as u64).to_le_bytes().to_vec();
        bytes.extend(padded.as_bytes());
        bytes.extend(4_i64.to_le_bytes());
        bytes.extend([0.5_f32, 1.0, 2.0].iter().flat_map(|value| value.to_le_bytes()));
        std::fs::write(&path, bytes).unwrap();
        let split = Split::open(&path).unwrap();
        assert_eq!(split.pixels(), Pixels::F32(&[0.5, 1.0, 2.0]));
        assert_eq!((split.labels(), split.source(0)), (Labels::Hard(vec![4]), ""));
    }

    #[test]
    fn other_tensors_are_told_what_a_split_needs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let header = r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend([0; 4]);
        std::fs::write(&path, bytes).unwrap();
        let message = format!("{:#}", Split::open(&path).unwrap_err());
        assert!(message.contains("no tensor `images`"), "{message}");
    }
}
