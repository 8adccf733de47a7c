//! CIFAR-10 and CIFAR-100 as their authors' binary files: a record is its labels and 3,072 bytes, colour by colour.

use anyhow::{Context, Result, ensure};
use image::RgbImage;

use super::binary::Binary;
use super::catalog::{Catalog, ClassImages, ImageRef, Pictures, Place, ReadError, SplitIndex};
use super::manifest::file_name;
use super::members::Members;

const SIDE: u32 = 32;
const PIXELS: usize = 3 * (SIDE * SIDE) as usize;

/// What tells the two layouts apart.
pub struct Layout {
    /// Bytes of labels before the pixels; the last of them is the class.
    labels: usize,
    names: &'static str,
    train: fn(&str) -> bool,
    test: &'static str,
    hint: &'static str,
}

pub const CIFAR10: Layout = Layout {
    labels: 1,
    names: "batches.meta.txt",
    train: |name| name.starts_with("data_batch_") && name.ends_with(".bin"),
    test: "test_batch.bin",
    hint: "expected `data_batch_1.bin` to `data_batch_5.bin`, `test_batch.bin` and `batches.meta.txt`",
};

pub const CIFAR100: Layout = Layout {
    labels: 2,
    names: "fine_label_names.txt",
    train: |name| name == "train.bin",
    test: "test.bin",
    hint: "expected `train.bin`, `test.bin` and `fine_label_names.txt`",
};

struct Records {
    files: Vec<Binary>,
    labels: usize,
}

impl Pictures for Records {
    fn read(&self, place: Place) -> Result<RgbImage, ReadError> {
        let size = self.labels + PIXELS;
        let mut planes = vec![0; PIXELS];
        let start = u64::from(place.record) * size as u64 + self.labels as u64;
        self.files[place.file as usize].read_at(start, &mut planes).map_err(ReadError::Failed)?;
        let plane = PIXELS / 3;
        Ok(RgbImage::from_fn(SIDE, SIDE, |x, y| {
            let at = (y * SIDE + x) as usize;
            image::Rgb([planes[at], planes[plane + at], planes[2 * plane + at]])
        }))
    }
}

pub fn catalog(members: &Members, layout: &Layout) -> Result<Catalog> {
    let names = members.find_named(|name| name == layout.names)?;
    let names = names.with_context(|| format!("there is no `{}`; hint: {}", layout.names, layout.hint))?;
    let names = String::from_utf8_lossy(&members.whole(names)?).into_owned();
    let names = names.lines().map(str::trim).filter(|name| !name.is_empty());
    let mut classes: Vec<ClassImages> = names.map(ClassImages::new).collect();
    let mut files = Vec::new();
    for (number, member) in members.files.iter().enumerate() {
        let name = file_name(&member.path);
        let split = if name == layout.test { 2 } else { 0 };
        if split == 2 || (layout.train)(name) {
            let file = members.open(number)?;
            add_records(&file, files.len() as u32, split, layout, &mut classes)?;
            files.push(file);
        }
    }
    let train: usize = classes.iter().map(|class| class.images[0].len()).sum();
    ensure!(train > 0, "there are no training images; hint: {}", layout.hint);
    Ok(Catalog {
        classes,
        warnings: Vec::new(),
        pictures: Box::new(Records { files, labels: layout.labels }),
    })
}

fn add_records(
    file: &Binary,
    number: u32,
    split: SplitIndex,
    layout: &Layout,
    classes: &mut [ClassImages],
) -> Result<()> {
    let size = (layout.labels + PIXELS) as u64;
    let (path, len) = (&file.path, file.len);
    ensure!(
        len > 0 && len % size == 0,
        "`{path}` is cut short: {len} bytes are no whole number of records of {size}; hint: fetch it again"
    );
    for record in 0..len / size {
        let mut label = [0];
        file.read_at(record * size + layout.labels as u64 - 1, &mut label)?;
        let count = classes.len();
        let class = classes.get_mut(usize::from(label[0])).with_context(|| {
            format!("record {record} of `{path}` has label {} and there are {count} classes", label[0])
        })?;
        let place = Place { file: number, record: record as u32 };
        class.images[split].push(ImageRef { id: format!("{path}#{record}"), place });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::binary::fixtures::write;
    use super::super::manifest::Listed;
    use super::*;

    fn found(root: &Path, listed: &[Listed], layout: &Layout) -> Result<Catalog> {
        catalog(&Members::in_folder(root, listed.to_vec()), layout)
    }

    fn record(labels: &[u8], shade: u8) -> Vec<u8> {
        let mut record = labels.to_vec();
        for colour in 0..3 {
            record.extend((0..1024).map(|at| shade + colour * 50 + (at == 33) as u8));
        }
        record
    }

    #[test]
    fn records_are_found_by_class_and_read_colour_by_colour() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let batch = [record(&[1], 10), record(&[0], 20)].concat();
        let listed = [
            write(root, "cifar-10-batches-bin/batches.meta.txt", b"airplane\nautomobile\n\n"),
            write(root, "cifar-10-batches-bin/data_batch_1.bin", &batch),
            write(root, "cifar-10-batches-bin/test_batch.bin", &record(&[1], 30)),
        ];
        let found = found(root, &listed, &CIFAR10).unwrap();
        assert_eq!(found.classes[1].name, "automobile");
        assert_eq!(found.classes[1].images[0][0].id, "cifar-10-batches-bin/data_batch_1.bin#0");
        assert_eq!(found.classes[0].images[0].len(), 1);
        let image = found.pictures.read(found.classes[1].images[2][0].place).unwrap();
        assert_eq!(image.get_pixel(0, 0).0, [30, 80, 130]);
        assert_eq!(image.get_pixel(1, 1).0, [31, 81, 131]);
    }

    #[test]
    fn the_fine_label_of_cifar100_is_the_class() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let listed = [
            write(root, "fine_label_names.txt", b"apple\nbear\n"),
            write(root, "train.bin", &record(&[9, 1], 10)),
        ];
        let found = found(root, &listed, &CIFAR100).unwrap();
        let image = found.pictures.read(found.classes[1].images[0][0].place).unwrap();
        assert_eq!(image.get_pixel(0, 0).0, [10, 60, 110]);
    }

    #[test]
    fn a_batch_cut_short_is_named() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let listed = [
            write(root, "batches.meta.txt", b"airplane\n"),
            write(root, "data_batch_1.bin", &record(&[0], 1)[..3000]),
        ];
        let message = found(root, &listed, &CIFAR10).err().unwrap().to_string();
        assert!(message.contains("`data_batch_1.bin` is cut short: 3000 bytes"), "{message}");
    }
}
