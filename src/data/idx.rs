//! IDX, the layout of MNIST: one file of grey images and one of labels for each split, plain or as `.gz`.

use anyhow::{Context, Result, bail, ensure};
use image::RgbImage;

use super::binary::Binary;
use super::catalog::{Catalog, ClassImages, ImageRef, Pictures, Place, ReadError};
use super::members::Members;

/// Prefixes of the two splits, with the split's index.
const FILES: [(&str, usize); 2] = [("train", 0), ("t10k", 2)];

struct GreyImages {
    file: Binary,
    count: usize,
    height: u32,
    width: u32,
}

struct Digits(Vec<GreyImages>);

impl Pictures for Digits {
    fn read(&self, place: Place) -> Result<RgbImage, ReadError> {
        let images = &self.0[place.file as usize];
        let mut grey = vec![0; (images.height * images.width) as usize];
        let start = 16 + u64::from(place.record) * grey.len() as u64;
        images.file.read_at(start, &mut grey).map_err(ReadError::Failed)?;
        let pixels = grey.iter().flat_map(|level| [*level; 3]).collect();
        Ok(RgbImage::from_raw(images.width, images.height, pixels).expect("three bytes a pixel"))
    }
}

pub fn catalog(members: &Members) -> Result<Catalog> {
    let mut digits = Vec::new();
    let mut classes: Vec<ClassImages> = Vec::new();
    for (prefix, split) in FILES {
        let images = find(members, &format!("{prefix}-images"), "idx3")?;
        let labels = find(members, &format!("{prefix}-labels"), "idx1")?;
        let (Some(images), Some(labels)) = (images, labels) else {
            ensure!(split != 0, "there are no `{prefix}-images-idx3-ubyte` and `{prefix}-labels-idx1-ubyte`");
            continue;
        };
        let images = open_images(members, images)?;
        let labels = read_labels(members, labels)?;
        let path = &images.file.path;
        ensure!(
            images.count == labels.len(),
            "`{path}` has {} images and {} labels",
            images.count,
            labels.len()
        );
        for (record, label) in labels.into_iter().enumerate() {
            while classes.len() <= usize::from(label) {
                classes.push(ClassImages::new(classes.len().to_string()));
            }
            let place = Place { file: digits.len() as u32, record: record as u32 };
            let image = ImageRef { id: format!("{path}#{record}"), place };
            classes[usize::from(label)].images[split].push(image);
        }
        digits.push(images);
    }
    // Labels that no image has (letters numbered from 1) are no classes.
    classes.retain(|class| class.images.iter().any(|images| !images.is_empty()));
    Ok(Catalog { classes, warnings: Vec::new(), pictures: Box::new(Digits(digits)) })
}

/// `train-images-idx3-ubyte`, also with a dot before `idx3`, after another prefix, and with `.gz`; plain first.
fn find(members: &Members, start: &str, kind: &str) -> Result<Option<usize>> {
    for end in ["", ".gz"] {
        let names = ["-", "."].map(|joint| format!("{start}{joint}{kind}-ubyte{end}"));
        let found = members.find_named(|name| names.iter().any(|wanted| name.ends_with(wanted.as_str())))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn open_images(members: &Members, number: usize) -> Result<GreyImages> {
    let file = members.open(number)?;
    let [count, height, width] = header(&file, 3)?;
    let fits = (1..=16_384).contains(&height) && (1..=16_384).contains(&width);
    ensure!(fits, "`{}` says its images have {height}×{width} pixels", file.path);
    check_length(&file, 16, u64::from(count) * u64::from(height) * u64::from(width))?;
    Ok(GreyImages { file, count: count as usize, height, width })
}

fn read_labels(members: &Members, number: usize) -> Result<Vec<u8>> {
    let file = members.open(number)?;
    let [count] = header(&file, 1)?;
    check_length(&file, 8, u64::from(count))?;
    let mut labels = vec![0; count as usize];
    file.read_at(8, &mut labels)?;
    Ok(labels)
}

/// Sizes of `N` dimensions, after the magic number of unsigned bytes.
fn header<const N: usize>(file: &Binary, dimensions: u8) -> Result<[u32; N]> {
    let path = &file.path;
    let mut bytes = [0; 4];
    file.read_at(0, &mut bytes).with_context(|| format!("`{path}` is cut short"))?;
    if bytes != [0, 0, 8, dimensions] {
        bail!("`{path}` is no IDX file of bytes in {dimensions} dimensions: it begins with {bytes:02x?}");
    }
    let mut sizes = [0; N];
    for (at, size) in sizes.iter_mut().enumerate() {
        file.read_at(4 + 4 * at as u64, &mut bytes).with_context(|| format!("`{path}` is cut short"))?;
        *size = u32::from_be_bytes(bytes);
    }
    Ok(sizes)
}

fn check_length(file: &Binary, header: u64, promised: u64) -> Result<()> {
    let (path, found) = (&file.path, file.len.saturating_sub(header));
    ensure!(
        found == promised,
        "`{path}` is cut short or damaged: its header promises {promised} bytes and {found} follow; hint: fetch it again"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::super::binary::fixtures::write;
    use super::super::manifest::Listed;
    use super::*;

    fn found(root: &Path, listed: &[Listed]) -> Result<Catalog> {
        catalog(&Members::in_folder(root, listed.to_vec()))
    }

    fn images(count: u8, pixels: &[u8]) -> Vec<u8> {
        [&[0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 1, 0, 0, 0, 2], pixels].concat()
    }

    fn labels(labels: &[u8]) -> Vec<u8> {
        [&[0, 0, 8, 1, 0, 0, 0, labels.len() as u8], labels].concat()
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_packed_files_with_either_name_are_read() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let listed = [
            write(root, "train-images-idx3-ubyte.gz", &gz(&images(2, &[1, 2, 3, 4]))),
            write(root, "train-labels.idx1-ubyte", &labels(&[7, 0])),
            write(root, "MNIST/t10k-images-idx3-ubyte", &images(1, &[9, 8])),
            write(root, "MNIST/t10k-labels-idx1-ubyte.gz", &gz(&labels(&[7]))),
        ];
        let found = found(root, &listed).unwrap();
        let names: Vec<_> = found.classes.iter().map(|class| class.name.as_str()).collect();
        assert_eq!(names, ["0", "7"]);
        let image = found.pictures.read(found.classes[1].images[2][0].place).unwrap();
        assert_eq!((image.dimensions(), image.as_raw().as_slice()), ((2, 1), &[9, 9, 9, 8, 8, 8][..]));
        let image = found.pictures.read(found.classes[0].images[0][0].place).unwrap();
        assert_eq!(image.as_raw().as_slice(), [3, 3, 3, 4, 4, 4]);
    }

    #[test]
    fn a_header_that_promises_more_than_the_file_holds_is_refused_before_memory_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let good = write(root, "train-labels-idx1-ubyte", &labels(&[7, 0]));
        let sizes = [&[0, 0, 8, 3][..], &[255; 12]].concat();
        for (header, said) in [(sizes, "4294967295×4294967295"), (images(255, &[1; 4]), "promises 510 bytes")]
        {
            let bad = write(root, "train-images-idx3-ubyte", &header);
            let message = format!("{:#}", found(root, &[bad, good.clone()]).err().unwrap());
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn files_cut_short_are_named() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let good = write(root, "train-labels-idx1-ubyte", &labels(&[7, 0]));
        for (name, bytes) in [
            ("train-images-idx3-ubyte", images(2, &[1, 2, 3])),
            ("train-images.idx3-ubyte", images(2, &[])[..9].to_vec()),
            ("train-images-idx3-ubyte.gz", gz(&images(2, &[1, 2, 3, 4]))[..20].to_vec()),
        ] {
            let bad = write(root, name, &bytes);
            let message = format!("{:#}", found(root, &[bad, good.clone()]).err().unwrap());
            assert!(message.contains(&format!("`{name}` is cut short")), "{message}");
        }
    }
}
