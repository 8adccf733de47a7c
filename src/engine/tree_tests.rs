//! Tests of `tree.rs`.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::*;

fn scan(root: &Path, extensions: &'static [&'static str]) -> Result<Scan> {
    let memory = tempfile::tempdir().unwrap();
    let mut memory = Memory::open(memory.path().join("digests"));
    let place = Place::Tree { root: root.to_path_buf(), extensions };
    Sources::default().scan(&place, &mut memory, 0.0).cloned()
}

fn paths(scan: &Scan) -> Vec<String> {
    scan.manifest.lines().map(|line| serde_json::from_str::<Entry>(line).unwrap().path).collect()
}

#[test]
fn a_tree_is_its_files_by_path_and_content_wherever_it_lies() {
    let make = |names: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    };
    let files = [("b/2.JPG", "two"), ("a/1.jpg", "one"), ("a/notes.txt", "none")];
    let (one, other) = (make(&files), make(&files));
    let scanned = scan(one.path(), &["jpg"]).unwrap();
    assert_eq!(paths(&scanned), ["a/1.jpg", "b/2.JPG"]);
    assert_eq!(scanned.digest, scan(other.path(), &["jpg"]).unwrap().digest);
    fs::rename(other.path().join("a/1.jpg"), other.path().join("a/3.jpg")).unwrap();
    assert_ne!(scanned.digest, scan(other.path(), &["jpg"]).unwrap().digest);
}

#[test]
fn links_to_folders_are_followed_and_a_loop_is_an_error() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(elsewhere.path().join("1.jpg"), "one").unwrap();
    symlink(elsewhere.path(), folder.path().join("robin")).unwrap();
    symlink(elsewhere.path().join("1.jpg"), folder.path().join("2.jpg")).unwrap();
    assert_eq!(paths(&scan(folder.path(), &[]).unwrap()), ["2.jpg", "robin/1.jpg"]);
    symlink(folder.path(), elsewhere.path().join("up")).unwrap();
    assert!(scan(folder.path(), &[]).unwrap_err().to_string().contains("link to a folder above it"));
}

#[test]
fn a_name_that_is_not_utf8_and_a_broken_link_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"caf\xe9.jpg");
    fs::write(folder.path().join(name), "one").unwrap();
    let message = scan(folder.path(), &["jpg"]).unwrap_err().to_string();
    assert!(message.contains("caf\u{fffd}.jpg` is not UTF-8\nhint: rename"), "{message}");
    assert!(scan(folder.path(), &["png"]).is_ok());
    symlink("nowhere", folder.path().join("gone.png")).unwrap();
    assert!(scan(folder.path(), &["png"]).unwrap_err().to_string().contains("gone.png` is a link"));
}

#[test]
fn a_missing_folder_or_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    assert!(scan(&gone, &[]).unwrap_err().to_string().contains("gone"));
    let mut memory = Memory::open(folder.path().join("digests"));
    let error = Sources::default().scan(&Place::File(gone), &mut memory, 0.0).unwrap_err();
    assert!(format!("{error:#}").contains("cannot read"));
}

#[test]
fn listed_files_that_are_not_there_count_as_listed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    std::fs::create_dir(&root).unwrap();
    for name in ["a.png", "b.png", "c.png"] {
        std::fs::write(root.join(name), name).unwrap();
    }
    let whole = scan(&root, &["png"]).unwrap();
    std::fs::write(root.join(LISTING), &*whole.manifest).unwrap();
    std::fs::remove_file(root.join("b.png")).unwrap();
    assert_eq!(scan(&root, &["png"]).unwrap().digest, whole.digest);
    assert_eq!(scan(&root, &[]).unwrap().digest, whole.digest);
    std::fs::write(root.join("a.png"), "other").unwrap();
    assert_ne!(scan(&root, &["png"]).unwrap().digest, whole.digest);
}
