//! Tests of the archives: whole ones, ones cut short, and ones that mean harm.

use std::io::{Cursor, Write};

use super::*;
use crate::data::binary::fixtures::write;
use crate::data::members::Members;
use crate::engine::JobSource;

const FILES: [(&str, &[u8]); 3] =
    [("birds/train/鳥/2.png", b"two!"), ("birds/notes.txt", b""), ("birds/train/WREN/1.png", b"one")];

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (number, (path, bytes)) in files.iter().enumerate() {
        let method = if number % 2 == 0 {
            ::zip::CompressionMethod::Stored
        } else {
            ::zip::CompressionMethod::Deflated
        };
        writer
            .start_file(*path, ::zip::write::SimpleFileOptions::default().compression_method(method))
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An archive as a data set; its folder stays until the end of the test.
fn opened(name: &str, bytes: &[u8]) -> (tempfile::TempDir, Result<Members>) {
    let folder = tempfile::tempdir().unwrap();
    let listed = write(folder.path(), name, bytes);
    let source = JobSource { root: folder.path().into(), manifest: folder.path().join("list") };
    let members = Members::of(&source, vec![listed]);
    (folder, members)
}

fn refusal(name: &str, bytes: &[u8]) -> String {
    format!("{:#}", opened(name, bytes).1.err().unwrap_or_else(|| panic!("`{name}` was taken")))
}

/// A tar header with a name as it stands, which no library would write.
fn raw_tar(name: &[u8], kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut header = ::tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_size(bytes.len() as u64);
    header.set_entry_type(::tar::EntryType::new(kind));
    header.set_cksum();
    let padding = vec![0; bytes.len().next_multiple_of(512) - bytes.len()];
    [header.as_bytes(), bytes, &padding, &[0; 1024]].concat()
}

#[test]
fn the_same_files_are_found_in_every_kind_of_archive_whatever_it_is_called() {
    let archives = [
        ("a.zip", zip_of(&FILES)),
        ("b.tar", tar_of(&FILES)),
        ("c.tgz", gz(&tar_of(&FILES))),
        ("d", zip_of(&FILES)),
    ];
    for (name, bytes) in archives {
        let (_folder, members) = opened(name, &bytes);
        let members = members.unwrap();
        let found: Vec<(&str, Vec<u8>)> = (0..members.files.len())
            .map(|file| (members.files[file].path.as_str(), members.whole(file).unwrap()))
            .collect();
        let mut wanted: Vec<(&str, Vec<u8>)> =
            FILES.iter().map(|(path, bytes)| (*path, bytes.to_vec())).collect();
        wanted.sort();
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn long_names_and_folders_without_files_are_found_in_a_tar() {
    let long = format!("train/{}/1.png", "deep/".repeat(40));
    let mut builder = ::tar::Builder::new(Vec::new());
    let mut header = ::tar::Header::new_gnu();
    header.set_size(0);
    header.set_entry_type(::tar::EntryType::Directory);
    builder.append_data(&mut header, "./train/EMPTY/", &b""[..]).unwrap();
    let mut header = ::tar::Header::new_gnu();
    header.set_size(3);
    builder.append_data(&mut header, &long, &b"one"[..]).unwrap();
    let (_folder, members) = opened("a.tar", &builder.into_inner().unwrap());
    let members = members.unwrap();
    assert_eq!(members.files[0].path, long.replace("//", "/"));
    assert_eq!(members.folders, ["train/EMPTY"]);
}

#[test]
fn the_long_names_of_pax_are_found() {
    let path = format!("train/{}1.png", "é".repeat(80));
    let line = |length: usize| format!("{length} path={path}\n");
    let length = line(100).len();
    let pax = raw_tar(b"pax", b'x', line(length).as_bytes());
    let tar = [&pax[..pax.len() - 1024], &raw_tar(b"short", b'0', b"one")].concat();
    let (_folder, members) = opened("a.tar", &tar);
    assert_eq!(members.unwrap().files[0].path, path);
}

#[test]
fn an_archive_cut_short_is_refused() {
    let cases = [("a.zip", zip_of(&FILES)), ("b.tar", tar_of(&FILES)), ("c.tgz", gz(&tar_of(&FILES)))];
    for (name, bytes) in cases {
        let end = if name == "b.tar" { 700 } else { bytes.len() / 2 };
        let (_folder, members) = opened(name, &bytes[..end]);
        let Err(error) = members else { panic!("`{name}` was taken") };
        let message = format!("{error:#}");
        assert!(message.contains(name) && message.contains("cut short"), "{message}");
    }
}

#[test]
fn a_path_that_leaves_the_archive_or_is_no_text_is_refused_by_name() {
    for (name, said) in [
        (&b"../escape.png"[..], "`../escape.png` leaves the archive"),
        (b"/etc/escape.png", "`/etc/escape.png` leaves"),
        (b"a/../../escape.png", "leaves the archive"),
        (b"caf\xe9.png", "caf\u{fffd}.png` is not UTF-8"),
    ] {
        let message = refusal("a.tar", &raw_tar(name, b'0', b"one"));
        assert!(message.contains(said), "{message}");
    }
    let message = refusal("a.zip", &zip_of(&[("a/../../escape.png", b"one")]));
    assert!(message.contains("leaves the archive"), "{message}");
}

#[test]
fn links_and_devices_are_no_files() {
    for kind in [b'1', b'2', b'3', b'6'] {
        let (_folder, members) = opened("a.tar", &raw_tar(b"link.png", kind, b""));
        assert!(members.unwrap().files.is_empty(), "{kind}");
    }
}

#[test]
fn a_name_without_end_is_refused_before_it_fills_memory() {
    let message = refusal("a.tgz", &gz(&raw_tar(b"././@LongLink", b'L', &vec![b'a'; 1 << 20])));
    assert!(message.contains("a name of more than 65536 bytes"), "{message}");
}

#[test]
fn a_bomb_is_refused() {
    let zeros = vec![0; 8 << 20];
    let mut left = 1 << 20;
    let error = Counted { inner: &zeros[..], left: &mut left }.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("200 times its size"), "{error}");
    assert!(refuse_size("a.png", 1 << 40, 1000).unwrap_err().to_string().contains("that is a bomb"));
    refuse_size("a.bmp", 60 << 20, 1000).unwrap();
    // What the directory says is a lie: what comes is more.
    let mut zip = zip_of(&[("0.png", b""), ("a.png", &zeros)]);
    let size = (zeros.len() as u32).to_le_bytes();
    let at: Vec<usize> = (0..zip.len() - 4).filter(|at| zip[*at..*at + 4] == size).collect();
    at.iter().for_each(|at| zip[*at..*at + 4].copy_from_slice(&5u32.to_le_bytes()));
    let (_folder, members) = opened("a.zip", &zip);
    let message = members.unwrap().whole(1).unwrap_err().to_string();
    assert!(message.contains("`a.png`: it is damaged in the archive"), "{message}");
}

#[test]
fn a_file_that_is_no_archive_is_no_archive() {
    let folder = tempfile::tempdir().unwrap();
    for bytes in [&b"PK"[..], b"", b"hello", &gz(b"not a tar"), &[0x1f, 0x8b, 9, 9]] {
        let path = folder.path().join("x");
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(kind_of(&File::open(&path).unwrap()).unwrap(), None);
    }
}

#[test]
fn a_damaged_archive_is_an_error_or_an_archive_whatever_byte_is_wrong() {
    for (name, whole) in
        [("a.zip", zip_of(&FILES)), ("b.tar", tar_of(&FILES[..2])), ("c.tgz", gz(&tar_of(&FILES)))]
    {
        for at in (0..whole.len()).step_by(whole.len() / 150 + 1) {
            for wrong in [0x00, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = wrong;
                let (_folder, members) = opened(name, &bytes);
                let Ok(members) = members else { continue };
                (0..members.files.len()).for_each(|file| drop(members.read(file)));
            }
        }
    }
}
