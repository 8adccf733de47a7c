//! Writes one split of an image set, image by image, in memory that does not grow with the pixels.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::image_set::{Labels, PixelType, Pixels};
use super::whitening::Whitening;

/// Bytes before the first tensor: room for the header, so that it can be written when all is known.
const HEADER: usize = 1024;

/// Layout: labels first, then the whitening where there is one, then pixels, then sources, so that every tensor lies on
/// a multiple of its element's size (PyTorch's reader demands it).
pub struct SplitWriter {
    path: PathBuf,
    file: BufWriter<File>,
    shape: [usize; 3],
    pixels: PixelType,
    /// Number of classes of soft labels.
    soft: Option<usize>,
    whitening: Option<Whitening>,
    labels: Vec<u8>,
    sources: String,
    pushed: usize,
}

impl SplitWriter {
    /// A split of `n` images with a class each. The file exists from now on; it is a split after
    /// [`finish`](Self::finish).
    pub fn create(
        path: &Path,
        n: usize,
        height: usize,
        width: usize,
        pixels: PixelType,
    ) -> Result<SplitWriter> {
        SplitWriter::start(path, [n, height, width], pixels, None, None)
    }

    /// As [`create`](Self::create), with a weight of each of `classes` classes for each image.
    pub fn create_soft(
        path: &Path,
        n: usize,
        height: usize,
        width: usize,
        pixels: PixelType,
        classes: usize,
    ) -> Result<SplitWriter> {
        SplitWriter::start(path, [n, height, width], pixels, Some(classes), None)
    }

    fn start(
        path: &Path,
        shape: [usize; 3],
        pixels: PixelType,
        soft: Option<usize>,
        whitening: Option<Whitening>,
    ) -> Result<SplitWriter> {
        let failed = || format!("cannot write `{}`", path.display());
        let mut file = File::create(path).with_context(failed)?;
        let labels = shape[0] * bytes_of_label(soft);
        let ahead = HEADER + labels + bytes_of(whitening.as_ref());
        file.seek(SeekFrom::Start(ahead as u64)).with_context(failed)?;
        Ok(SplitWriter {
            path: path.to_path_buf(),
            file: BufWriter::with_capacity(1 << 20, file),
            shape,
            pixels,
            soft,
            whitening,
            labels: Vec::with_capacity(labels),
            sources: String::new(),
            pushed: 0,
        })
    }

    /// The next image, `[h, w, 3]` in 0 to 255, its class and where it came from.
    pub fn push(&mut self, image: &[u8], label: i64, source: &str) -> Result<()> {
        self.push_hard(Pixels::U8(image), label, source)
    }

    /// The next image, `[h, w, 3]` with black 0 and white 1, its class and where it came from.
    pub fn push_f32(&mut self, image: &[f32], label: i64, source: &str) -> Result<()> {
        self.push_hard(Pixels::F32(image), label, source)
    }

    /// The next image of a split with soft labels.
    pub fn push_soft(&mut self, image: Pixels, weights: &[f32], source: &str) -> Result<()> {
        let wanted = self.soft.context("this split has hard labels")?;
        ensure!(weights.len() == wanted, "an image has {} class weights instead of {wanted}", weights.len());
        self.labels.extend(weights.iter().flat_map(|weight| weight.to_le_bytes()));
        self.push_pixels(image, source)
    }

    fn push_hard(&mut self, image: Pixels, label: i64, source: &str) -> Result<()> {
        ensure!(self.soft.is_none(), "this split has soft labels");
        ensure!(label >= 0, "label {label} is negative");
        self.labels.extend(label.to_le_bytes());
        self.push_pixels(image, source)
    }

    fn push_pixels(&mut self, image: Pixels, source: &str) -> Result<()> {
        let [n, height, width] = self.shape;
        ensure!(self.pushed < n, "`{}` was to hold {n} images and is given more", self.path.display());
        let wanted = height * width * 3;
        let given = match image {
            Pixels::U8(values) => values.len(),
            Pixels::F32(values) => values.len(),
        };
        ensure!(given == wanted, "`{source}` has {given} values instead of {height}×{width}×3");
        let written = match (image, self.pixels) {
            (Pixels::U8(values), PixelType::U8) => self.file.write_all(values),
            (Pixels::F32(values), PixelType::F32) => {
                values.iter().try_for_each(|value| self.file.write_all(&value.to_le_bytes()))
            }
            _ => anyhow::bail!("`{source}` has pixels of another type than its split"),
        };
        written.with_context(|| format!("cannot write `{}`", self.path.display()))?;
        if self.pushed > 0 {
            self.sources.push('\n');
        }
        self.sources.push_str(&on_one_line(source));
        self.pushed += 1;
        Ok(())
    }

    /// Writes what was not known before: labels, sources, and the header that makes the file a split.
    pub fn finish(mut self) -> Result<()> {
        let n = self.shape[0];
        let shown = self.path.display();
        ensure!(self.pushed == n, "`{shown}` was to hold {n} images and was given {}", self.pushed);
        let header = self.header();
        let path = self.path.clone();
        let mut write = || -> std::io::Result<()> {
            self.file.write_all(self.sources.as_bytes())?;
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(&header)?;
            self.file.write_all(&self.labels)?;
            let whitening = self.whitening.iter().flat_map(|w| w.mean.iter().chain(&w.matrix));
            whitening.copied().try_for_each(|value| self.file.write_all(&value.to_le_bytes()))?;
            self.file.flush()
        };
        write().with_context(|| format!("cannot write `{}`", path.display()))
    }

    fn header(&self) -> Vec<u8> {
        header(&self.shape, self.pixels, self.soft, self.whitening.as_ref(), self.sources.len())
    }
}

/// The bytes before the first tensor; `sources` is how many the sources take.
pub(super) fn header(
    [n, height, width]: &[usize; 3],
    pixels: PixelType,
    soft: Option<usize>,
    whitening: Option<&Whitening>,
    sources: usize,
) -> Vec<u8> {
    let (pixel, size) = match pixels {
        PixelType::U8 => ("U8", 1),
        PixelType::F32 => ("F32", 4),
    };
    let (label, label_shape) = match soft {
        None => ("I64", vec![*n]),
        Some(classes) => ("F32", vec![*n, classes]),
    };
    let labels = n * bytes_of_label(soft);
    let first = labels + bytes_of(whitening);
    let images = first + n * height * width * 3 * size;
    let source = images + sources;
    let mut tensors = json!({
        "images": { "dtype": pixel, "shape": [n, height, width, 3], "data_offsets": [first, images] },
        "labels": { "dtype": label, "shape": label_shape, "data_offsets": [0, labels] },
        "source": { "dtype": "U8", "shape": [sources], "data_offsets": [images, source] },
    });
    if let Some(whitening) = whitening {
        let values = whitening.values();
        let mean = labels + 4 * values;
        tensors[Whitening::MEAN] =
            json!({ "dtype": "F32", "shape": [values], "data_offsets": [labels, mean] });
        tensors[Whitening::MATRIX] =
            json!({ "dtype": "F32", "shape": [values, values], "data_offsets": [mean, first] });
    }
    let mut header = ((HEADER - 8) as u64).to_le_bytes().to_vec();
    header.extend(tensors.to_string().into_bytes());
    assert!(header.len() <= HEADER, "five tensors fit the header's room");
    header.resize(HEADER, b' ');
    header
}

/// One line an image: a line break in a file's name becomes its picture.
pub(super) fn on_one_line(source: &str) -> Cow<'_, str> {
    match source.contains('\n') {
        true => source.replace('\n', "\u{240A}").into(),
        false => source.into(),
    }
}

/// Writes a split that is in memory: pixels `[n, height, width, 3]`, one source an image.
pub fn write_split(
    path: &Path,
    height: usize,
    width: usize,
    pixels: Pixels,
    labels: &Labels,
    sources: &[String],
) -> Result<()> {
    write_whitened_split(path, [height, width], pixels, labels, sources, None)
}

/// As [`write_split`], with the whitening that whoever reads the set applies to its images, of every split.
pub fn write_whitened_split(
    path: &Path,
    [height, width]: [usize; 2],
    pixels: Pixels,
    labels: &Labels,
    sources: &[String],
    whitening: Option<Whitening>,
) -> Result<()> {
    let n = labels.len();
    ensure!(sources.len() == n, "{n} labels and {} sources", sources.len());
    let (kind, given) = match pixels {
        Pixels::U8(values) => (PixelType::U8, values.len()),
        Pixels::F32(values) => (PixelType::F32, values.len()),
    };
    let size = height * width * 3;
    ensure!(given == n * size, "{given} values are no {n} images of {height}×{width}×3");
    let soft = match labels {
        Labels::Hard(_) => None,
        Labels::Soft { classes, .. } => Some(*classes),
    };
    let whitened = whitening.as_ref().map_or(size, Whitening::values);
    ensure!(whitened == size, "a whitening of {whitened} values for images of {size}");
    let mut writer = SplitWriter::start(path, [n, height, width], kind, soft, whitening)?;
    for (i, source) in sources.iter().enumerate() {
        let image = match pixels {
            Pixels::U8(values) => Pixels::U8(&values[i * size..(i + 1) * size]),
            Pixels::F32(values) => Pixels::F32(&values[i * size..(i + 1) * size]),
        };
        match labels {
            Labels::Hard(labels) => writer.push_hard(image, labels[i], source)?,
            Labels::Soft { values, classes } => {
                writer.push_soft(image, &values[i * classes..(i + 1) * classes], source)?
            }
        }
    }
    writer.finish()
}

/// Bytes of an image's label: a class, or a weight of each of so many.
fn bytes_of_label(soft: Option<usize>) -> usize {
    soft.map_or(8, |classes| 4 * classes)
}

/// Bytes that a whitening takes in a file.
fn bytes_of(whitening: Option<&Whitening>) -> usize {
    whitening.map_or(0, |whitening| 4 * (whitening.mean.len() + whitening.matrix.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_that_lacks_images_is_never_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.safetensors");
        let mut writer = SplitWriter::create(&path, 2, 1, 1, PixelType::U8).unwrap();
        writer.push(&[1, 2, 3], 0, "a").unwrap();
        let message = writer.finish().unwrap_err().to_string();
        assert!(message.contains("was to hold 2 images and was given 1"), "{message}");
    }

    #[test]
    fn wrong_images_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.safetensors");
        let mut writer = SplitWriter::create(&path, 1, 1, 1, PixelType::U8).unwrap();
        assert!(writer.push(&[1, 2], 0, "short").is_err());
        assert!(writer.push_f32(&[1.0, 2.0, 3.0], 0, "floats").is_err());
        assert!(writer.push_soft(Pixels::U8(&[1, 2, 3]), &[1.0], "soft").is_err());
    }

    #[test]
    fn every_tensor_lies_on_a_multiple_of_its_elements_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.safetensors");
        let labels = Labels::Hard(vec![3, 1, 2]);
        let sources = ["a", "b\nc", "d"].map(String::from);
        write_split(&path, 1, 1, Pixels::U8(&[7; 9]), &labels, &sources).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let (header, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!((header + 8) % 64, 0);
        assert_eq!(metadata.info("labels").unwrap().data_offsets, (0, 24));
        assert!(bytes.ends_with("a\nb\u{240A}c\nd".as_bytes()));
    }
}
