//! `pipeline data fetch` against a server that the test starts: whole, broken off, gone on with, changed, full, hostile.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod project;
mod server;

use std::fs;
use std::io::{Cursor, Write};

use project::{Project, Ran, picture};
use server::{Manner, Server};
use sha2::{Digest, Sha256};

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn png(seed: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture(seed).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Two classes of three training images and two test images, below one more folder.
fn birds() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for class in ["finch", "wren"] {
        for (split, count) in [("Training", 3), ("Testing", 2)] {
            for index in 0..count {
                let path = format!("birds-main/{split}/{class}/{index}.png");
                let seed = files.len() as u32;
                files.push((path, png(seed)));
            }
        }
    }
    files
}

fn tar_gz(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    let mut builder = tar::Builder::new(encoder);
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, &bytes[..]).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        writer.start_file(path.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A project whose data set `birds` is what `url` gives.
fn project(path: &str, url: &str, sha256: &str) -> Project {
    let project = Project::with(
        "[subset.photos]\ndataset = \"birds\"\nper_class = { train = 2, test = 2 }\nimage_size = 16\n",
    );
    project.write(
        "pipeline.toml",
        format!(
            "device = \"cpu\"\n[datasets.birds]\npath = \"{path}\"\nurl = \"{url}\"\nsha256 = \"{sha256}\"\n"
        ),
    );
    project
}

/// The server is on the loopback, where no proxy leads.
const PROXIES: [&str; 6] =
    ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

fn fetch(project: &Project) -> Ran {
    let mut command = project.command(&["data", "fetch", "birds"]);
    for name in PROXIES {
        command.env_remove(name);
    }
    Ran::of(&command.output().unwrap())
}

/// Everything that a fetch left in `data/`.
fn left(project: &Project) -> Vec<String> {
    let entries = fs::read_dir(project.path("data")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_archive_is_unpacked_into_a_folder_and_an_experiment_runs_on_it() {
    for archive in [tar_gz(&birds()), zip(&birds())] {
        let server = Server::of(&archive, Manner::Good);
        let project = project("data/birds", &server.url("birds"), &hex(&archive).to_uppercase());
        project.pipeline(&["run", "x.toml"]).expect(3).says("`pipeline data fetch birds` fetches it");
        assert!(server.asked().is_empty(), "nothing is fetched without being asked");
        fetch(&project).expect(0).says("birds: 10 files");
        assert_eq!(left(&project), ["birds"]);
        project.run();
        fetch(&project).expect(0).says("there already");
        assert_eq!(server.asked().len(), 1);
    }
}

#[test]
fn an_archive_is_kept_where_path_names_a_file_and_makes_the_same_image_set() {
    let archive = tar_gz(&birds());
    let server = Server::of(&archive, Manner::Good);
    let kept = project("data/birds.tar.gz", &server.url("x"), &hex(&archive));
    fetch(&kept).expect(0).says("in data/birds.tar.gz");
    assert_eq!(left(&kept), ["birds.tar.gz"]);
    kept.run();
    let unpacked = project("data/birds", &server.url("x"), &hex(&archive));
    fetch(&unpacked).expect(0);
    unpacked.run();
    assert_eq!(kept.digests(), unpacked.digests());
    kept.write("data/birds.tar.gz", "something else");
    fetch(&kept).expect(4).says("is not the file that `sha256` names");
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_stopped() {
    let archive = tar_gz(&birds());
    let third = archive.len() / 3;
    let server = Server::of(&archive, Manner::BreaksOff(third));
    let broken = project("data/birds", &server.url("x"), &hex(&archive));
    fetch(&broken).expect(0);
    let asked = server.asked();
    assert_eq!(asked[..2], [String::new(), format!("bytes={third}-")]);
    // Given up, and gone on with by another call.
    let server = Server::of(&archive, Manner::BreaksOffWithoutRanges(third));
    let project = project("data/birds", &server.url("x"), &hex(&archive));
    let said = fetch(&project).expect(4);
    said.says(&format!("broke off after {third} bytes of {}", archive.len()));
    said.says("hint: fetch again");
    assert_eq!(left(&project), ["birds.part", "birds.part.json"]);
    server.asked();
    server.behave(Manner::Good);
    fetch(&project).expect(0);
    assert_eq!(server.asked(), [format!("bytes={third}-")]);
    assert_eq!(left(&project), ["birds"]);
}

#[test]
fn a_file_that_changed_or_a_server_without_ranges_is_begun_anew() {
    let (old, new) = (tar_gz(&birds()[1..]), tar_gz(&birds()));
    let server = Server::of(&old, Manner::BreaksOffWithoutRanges(700));
    let project = project("data/birds", &server.url("x"), &hex(&new));
    fetch(&project).expect(4);
    server.replace(&new, "\"two\"");
    server.behave(Manner::Good);
    fetch(&project).expect(0).says("10 files");
    fs::remove_dir_all(project.path("data/birds")).unwrap();
    server.behave(Manner::BreaksOffWithoutRanges(700));
    fetch(&project).expect(4);
    server.behave(Manner::WithoutRanges);
    fetch(&project).expect(0).says("10 files");
}

#[test]
fn a_wrong_checksum_leaves_nothing_and_tells_the_one_that_was_found() {
    let archive = zip(&birds());
    let server = Server::of(&archive, Manner::Good);
    let project = project("data/birds", &server.url("x"), &"0".repeat(64));
    let said = fetch(&project).expect(4);
    said.says(&hex(&archive));
    assert_eq!(left(&project), [""; 0]);
}

#[test]
fn refusals_of_the_server_are_told_with_what_to_do() {
    let archive = zip(&birds());
    let server = Server::of(&archive, Manner::Says(404));
    let project = project("data/birds", &server.url("x"), &hex(&archive));
    fetch(&project).expect(4).says("the server says 404");
    server.behave(Manner::Says(403));
    fetch(&project).expect(4).says("it may want a login");
    server.behave(Manner::Says(503));
    fetch(&project).expect(4).says("try again later");
    server.behave(Manner::Redirects(3));
    fetch(&project).expect(0);
    fs::remove_dir_all(project.path("data/birds")).unwrap();
    server.behave(Manner::Redirects(u32::MAX));
    fetch(&project).expect(4).says("from one address to the next");
}

#[test]
fn a_refused_connection_and_an_unknown_host_are_told() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = project("data/birds", &format!("http://127.0.0.1:{port}/x"), &"0".repeat(64));
    fetch(&refused).expect(4).says("cannot be reached");
    assert_eq!(left(&refused), [""; 0]);
}

#[test]
fn a_full_disk_is_told_and_nothing_half_made_is_taken_for_the_data_set() {
    // Files may have 512 blocks of 1 KiB here: as good as a disk of that size.
    let large: Vec<(String, Vec<u8>)> = (0..40)
        .map(|n| (format!("a/{n}.bin"), (0..60_000u32).map(|i| (i * 7919 + n) as u8).collect()))
        .collect();
    let archive = tar_gz(&large);
    let server = Server::of(&archive, Manner::Good);
    let project = project("data/birds", &server.url("x"), &hex(&archive));
    let program = env!("CARGO_BIN_EXE_pipeline");
    let limited = format!("ulimit -f 512; trap '' XFSZ; exec {program} data fetch birds");
    let output =
        std::process::Command::new("bash").args(["-c", &limited]).current_dir(project.root()).output();
    let said = Ran::of(&output.unwrap()).expect(4);
    said.says("hint: free some space and fetch again");
    assert!(!project.path("data/birds").exists());
    fetch(&project).expect(0).says("40 files");
}

#[test]
fn two_fetches_into_one_folder_do_not_mix() {
    let archive = zip(&birds());
    let server = Server::of(&archive, Manner::Good);
    let project = project("data/birds", &server.url("x"), &hex(&archive));
    fs::create_dir(project.path("data")).unwrap();
    let other = fs::File::open(project.path("data")).unwrap();
    other.lock().unwrap();
    fetch(&project).expect(4).says("another fetch into");
    drop(other);
    fetch(&project).expect(0);
}

#[test]
fn an_archive_that_means_harm_is_refused_and_leaves_nothing() {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..14].copy_from_slice(b"../escaped.png");
    header.set_size(0);
    header.set_cksum();
    let escaping = [header.as_bytes(), &[0; 1024][..]].concat();
    let mut link = tar::Header::new_ustar();
    link.set_path("out").unwrap();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_link_name("/etc").unwrap();
    link.set_size(0);
    link.set_cksum();
    let mut through = tar::Header::new_ustar();
    through.set_path("out/passwd").unwrap();
    through.set_size(0);
    through.set_cksum();
    let linked = [link.as_bytes(), through.as_bytes(), &[0; 1024][..]].concat();
    let server = Server::of(&escaping, Manner::Good);
    let bad = project("data/birds", &server.url("x"), &hex(&escaping));
    fetch(&bad).expect(4).says("`../escaped.png` leaves the archive");
    assert!(!bad.path("data/birds").exists() && !bad.path("escaped.png").exists());
    let server = Server::of(&linked, Manner::Good);
    let good = project("data/birds", &server.url("x"), &hex(&linked));
    fetch(&good).expect(0).says("links, which are not made");
    assert!(good.path("data/birds/out/passwd").is_file() && !good.path("data/birds/out").is_symlink());
    let html = b"<html>log in first</html>";
    let server = Server::of(html, Manner::Good);
    let page = project("data/birds", &server.url("x"), &hex(html));
    fetch(&page).expect(4).says("is no archive");
}

#[test]
fn url_and_sha256_go_together_and_are_checked_before_anything_runs() {
    for (lines, said) in [
        ("url = \"https://example.org/a.zip\"", "lacks `sha256`"),
        ("sha256 = \"00\"", "lacks `url`"),
        ("url = \"ftp://example.org/a.zip\"\nsha256 = \"00\"", "is no address of a file"),
        ("url = \"https://example.org/a.zip\"\nsha256 = \"xyz\"", "is no SHA-256"),
    ] {
        let project = Project::new();
        project.write("pipeline.toml", format!("[datasets.birds]\npath = \"data/birds\"\n{lines}\n"));
        project.pipeline(&["data", "list"]).expect(3).says(said);
    }
    let project = Project::new();
    project.write("pipeline.toml", "[datasets.birds]\npath = \"data/birds\"\n");
    fetch(&project).expect(2).says("has no `url`");
    project.pipeline(&["data", "fetch", "brds"]).expect(2).says("there is `birds`");
}
