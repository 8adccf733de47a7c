//! Writes a split of 8-bit images whose labels and sources are known before its pixels: its bytes come in the file's
//! order and can be digested while they are written.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::image_set::{Labels, PixelType};
use super::split_writer::{header, on_one_line};
use crate::engine::Digesting;

/// What is known of every image.
pub struct Foretold {
    labels: Labels,
    sources: String,
}

impl Foretold {
    /// Of images taken from others, by the place of the original and with a source of its own.
    pub fn of(originals: &Labels, images: impl Iterator<Item = (usize, String)>) -> Foretold {
        let mut labels = match originals {
            Labels::Hard(_) => Labels::Hard(Vec::new()),
            Labels::Soft { classes, .. } => Labels::Soft { values: Vec::new(), classes: *classes },
        };
        let mut sources = String::new();
        for (number, (place, source)) in images.enumerate() {
            match (&mut labels, originals) {
                (Labels::Hard(labels), Labels::Hard(originals)) => labels.push(originals[place]),
                (Labels::Soft { values, classes }, Labels::Soft { values: originals, .. }) => {
                    values.extend_from_slice(&originals[place * *classes..][..*classes]);
                }
                _ => unreachable!("labels are of their originals' kind"),
            }
            if number > 0 {
                sources.push('\n');
            }
            sources.push_str(&on_one_line(&source));
        }
        Foretold { labels, sources }
    }

    /// What stands in the file before the pixels.
    fn head(&self, height: usize, width: usize) -> Vec<u8> {
        let soft = match &self.labels {
            Labels::Hard(_) => None,
            Labels::Soft { classes, .. } => Some(*classes),
        };
        let shape = [self.labels.len(), height, width];
        let mut head = header(&shape, PixelType::U8, soft, None, self.sources.len());
        match &self.labels {
            Labels::Hard(labels) => head.extend(labels.iter().flat_map(|label| label.to_le_bytes())),
            Labels::Soft { values, .. } => head.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        }
        head
    }
}

/// The file, to which every image of a split is to be written in order.
pub struct ForetoldSplit {
    path: PathBuf,
    file: BufWriter<File>,
    sources: String,
    /// Bytes of pixels that are still to come.
    left: usize,
}

/// Begins the file, and the digest of what it is to hold, which wants the same pixels and then
/// [`end`](ForetoldSplit::end).
pub fn foretold_split(
    path: &Path,
    height: usize,
    width: usize,
    foretold: Foretold,
) -> Result<(ForetoldSplit, Digesting)> {
    let failed = || format!("cannot write `{}`", path.display());
    let head = foretold.head(height, width);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).with_context(failed)?);
    file.write_all(&head).with_context(failed)?;
    let mut digesting = Digesting::default();
    digesting.update(&head);
    let left = foretold.labels.len() * height * width * 3;
    Ok((ForetoldSplit { path: path.to_path_buf(), file, sources: foretold.sources, left }, digesting))
}

impl ForetoldSplit {
    /// The next pixels, `[h, w, 3]` in 0 to 255, of one image or several.
    pub fn push(&mut self, pixels: &[u8]) -> Result<()> {
        let shown = self.path.display();
        ensure!(pixels.len() <= self.left, "`{shown}` is given more pixels than its images have");
        self.left -= pixels.len();
        self.file.write_all(pixels).with_context(|| format!("cannot write `{shown}`"))
    }

    /// What stands in the file after the pixels.
    pub fn end(&self) -> &[u8] {
        self.sources.as_bytes()
    }

    pub fn finish(mut self) -> Result<()> {
        let shown = self.path.display();
        ensure!(self.left == 0, "`{shown}` lacks {} bytes of pixels", self.left);
        let written = self.file.write_all(self.sources.as_bytes()).and_then(|()| self.file.flush());
        written.with_context(|| format!("cannot write `{shown}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Pixels, write_split};
    use super::*;
    use crate::engine::digest_file;

    fn both_ways(originals: &Labels, order: &[usize]) {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        let sources: Vec<String> = order.iter().map(|place| format!("a\n{place}")).collect();
        let pixels: Vec<u8> = (0..order.len() as u8 * 6).collect();
        let foretold = Foretold::of(originals, order.iter().copied().zip(sources.clone()));
        write_split(&one, 1, 2, Pixels::U8(&pixels), &foretold.labels, &sources).unwrap();
        let (mut split, mut digesting) = foretold_split(&other, 1, 2, foretold).unwrap();
        split.push(&pixels).unwrap();
        digesting.update(&pixels);
        digesting.update(split.end());
        assert!(split.push(&[1]).is_err());
        split.finish().unwrap();
        assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&other).unwrap());
        assert_eq!(digesting.finish(), digest_file(&other).unwrap());
    }

    #[test]
    fn the_file_is_the_one_that_is_written_image_by_image_and_the_digest_its_own() {
        both_ways(&Labels::Hard(vec![4, 2, 7]), &[2, 0, 2, 1]);
        both_ways(&Labels::Soft { values: vec![0.25, 0.75, 1.0, 0.0], classes: 2 }, &[1, 0]);
        both_ways(&Labels::Hard(vec![1]), &[]);
    }

    #[test]
    fn a_split_that_lacks_pixels_is_never_finished() {
        let folder = tempfile::tempdir().unwrap();
        let foretold = Foretold::of(&Labels::Hard(vec![0]), [(0, "a".to_string())].into_iter());
        let (mut split, _) = foretold_split(&folder.path().join("x"), 1, 1, foretold).unwrap();
        split.push(&[1, 2]).unwrap();
        assert!(split.finish().unwrap_err().to_string().contains("lacks 1 bytes"));
    }
}
