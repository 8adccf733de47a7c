//! Tests of the reader of Parquet, on files that PyArrow wrote (tests/pictures/make.py).

use std::path::PathBuf;

use super::labels::Value;
use super::*;
use crate::data::manifest::{Listed, hex};
use crate::data::members::Members;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/hub").join(name)).unwrap()
}

const FILES: [&str; 3] = [
    "data/train-00000-of-00002.parquet",
    "data/train-00001-of-00002.parquet",
    "data/test-00000-of-00001.parquet",
];

/// A data set of these files under these names.
fn opened(files: &[(&str, Vec<u8>)], asked: &Parquet) -> Result<Catalog> {
    let folder = tempfile::tempdir().unwrap();
    let mut listed = Vec::new();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        let sha256 = hex(&<sha2::Sha256 as sha2::Digest>::digest(bytes));
        listed.push(Listed { path: name.to_string(), size: bytes.len() as u64, sha256 });
    }
    let source = JobSource { root: folder.path().into(), manifest: folder.path().join("list") };
    catalog(&Members::in_folder(folder.path(), listed), asked, &source)
}

fn shape(catalog: &Catalog) -> Vec<(&str, [usize; 3])> {
    let sizes = |class: &ClassImages| [0, 1, 2].map(|split| class.images[split].len());
    catalog.classes.iter().map(|class| (class.name.as_str(), sizes(class))).collect()
}

#[test]
fn the_hubs_layout_is_read_with_names_splits_and_pixels_in_three_codecs() {
    let files: Vec<_> = FILES.map(|name| (name, fixture(name))).to_vec();
    let found = opened(&files, &Parquet::default()).unwrap();
    assert_eq!(shape(&found), [("finch", [2, 0, 1]), ("wren", [3, 0, 1])]);
    assert_eq!(found.warnings, ["1 rows have no label and are left aside"]);
    let wren = &found.classes[1].images[0][2];
    assert_eq!(wren.id, "data/train-00001-of-00002.parquet#0");
    let (image, format) = found.pictures.read_told(wren.place).unwrap();
    assert_eq!((image.dimensions(), image.get_pixel(0, 0).0, format), ((6, 5), [0, 170, 7], "PNG"));
    let finch = found.pictures.read(found.classes[0].images[2][0].place).unwrap();
    assert_eq!(finch.get_pixel(5, 4).0, [0, 200, 7]);
}

#[test]
fn splits_are_told_by_names_of_files_and_folders() {
    for (path, split) in [
        ("data/train-00000-of-00001.parquet", 0),
        ("data/validation-00000-of-00001.parquet", 1),
        ("default/test/0000.parquet", 2),
        ("test.parquet", 2),
        ("birds.parquet", 0),
    ] {
        assert_eq!(split_of(path), split, "{path}");
    }
}

#[test]
fn the_name_of_a_single_file_does_not_matter() {
    let ids = |name: &str| {
        let found = opened(&[(name, fixture(FILES[2]))], &Parquet::default()).unwrap();
        found
            .classes
            .into_iter()
            .flat_map(|class| class.images[0].clone())
            .map(|image| image.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("test.parquet"), ids("birds.parquet"));
    assert_eq!(ids("birds.parquet"), ["#0", "#1"]);
}

#[test]
fn a_column_that_is_not_there_and_two_configurations_are_named() {
    let file = fixture(FILES[0]);
    let asked = Parquet { image: Some("picture".into()), label: None };
    let message = format!("{:#}", opened(&[("a.parquet", file.clone())], &asked).err().unwrap());
    assert!(
        message.contains("`a.parquet`: there is no column `picture`; there is `image`, `label`"),
        "{message}"
    );
    let two = [("small/train/0.parquet", file.clone()), ("large/train/0.parquet", file)];
    let message = format!("{:#}", opened(&two, &Parquet::default()).err().unwrap());
    assert!(message.contains("`large/`, `small/`; hint: name one"), "{message}");
}

#[test]
fn numbers_and_texts_without_names_are_sorted() {
    let mut labels = Labels::default();
    let seen = [Value::Number(10), Value::Number(-1), Value::Number(9)];
    let order = {
        seen.iter().for_each(|value| assert!(labels.label(value.clone()).is_ok()));
        labels.order(None).unwrap()
    };
    assert_eq!((order.names, order.classes), (vec!["9".into(), "10".into()], vec![Some(1), None, Some(0)]));
    let error = labels.order(Some(vec!["a".into()])).err().unwrap().to_string();
    assert!(error.contains("a row has label 10 and there are 1 names"), "{error}");
}

/// Every byte of the footer and many of the pages, one at a time: an error or a right answer, never the end of the
/// program, and never memory for what a damaged count promises.
#[test]
fn a_damaged_file_is_refused_whatever_byte_is_wrong() {
    let whole = fixture(FILES[2]);
    for at in (0..whole.len()).step_by(3) {
        for wrong in [0x00, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = wrong;
            if let Ok(found) = opened(&[("a.parquet", bytes)], &Parquet::default()) {
                assert!(found.classes.len() < 200, "byte {at}");
            }
        }
    }
    for end in [0, 4, 11, whole.len() / 2, whole.len() - 1] {
        let message = format!(
            "{:#}",
            opened(&[("a.parquet", whole[..end].to_vec())], &Parquet::default()).err().unwrap()
        );
        assert!(message.contains("cannot read `a.parquet`"), "{message}");
    }
}
