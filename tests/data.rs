//! Data sets as people keep them, and as nobody should: layouts, archives, Parquet, `data list`, `check` and `show`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

mod project;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use project::{Project, Ran, picture};

const SUBSET: &str =
    "[subset.photos]\ndataset = \"birds\"\nper_class = { train = 2, test = 1 }\nimage_size = 16\n";

/// A project whose data set `birds` is at `path`.
fn with_birds(path: &str) -> Project {
    let project = Project::with(SUBSET);
    project.write("pipeline.toml", format!("device = \"cpu\"\n[datasets.birds]\npath = \"{path}\"\n"));
    project
}

fn save(project: &Project, path: &str, seed: u32) {
    let path = project.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture(seed).save(path).unwrap();
}

/// Two classes with training and test images under `top`, in these spellings of the splits.
fn lay_out(project: &Project, top: &str, train: &str, test: &str) {
    for (class, first) in [("finch", 1), ("wren", 11)] {
        for index in 0..3 {
            save(project, &format!("{top}/{train}/{class}/{index}.png"), first + index);
        }
        save(project, &format!("{top}/{test}/{class}/9.png"), first + 8);
    }
}

fn check(project: &Project) -> Ran {
    project.pipeline(&["data", "check", "birds"])
}

fn checked(project: &Project, code: i32) -> serde_json::Value {
    let said = project.pipeline(&["data", "check", "birds", "--json"]).expect(code);
    serde_json::from_str(&said.out).unwrap()
}

/// Every file below a folder, as (path, bytes).
fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut folders, mut files) = (vec![folder.to_path_buf()], Vec::new());
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_string();
                    files.push((name, fs::read(path).unwrap()));
                }
            }
        }
    }
    files.sort();
    files
}

#[test]
fn every_common_layout_gives_the_same_counts() {
    for (top, train, test) in [
        ("set", "train", "test"),
        ("set", "Training", "Testing"),
        ("set", "TRAIN", "TEST"),
        ("set/birds-main", "train_set", "test_set"),
        ("set/one/two", "train", "validation"),
    ] {
        let project = with_birds("set");
        lay_out(&project, top, train, test);
        let found = checked(&project, 0);
        let split = if test == "validation" { "valid" } else { "test" };
        for class in [0, 1] {
            assert_eq!(
                (&found["classes"][class]["train"], &found["classes"][class][split]),
                (&3.into(), &1.into())
            );
        }
    }
    let project = with_birds("set");
    lay_out(&project, "set", "finch2", "wren2");
    assert_eq!(checked(&project, 0)["classes"].as_array().unwrap().len(), 2, "classes alone");
}

#[test]
fn a_folder_and_its_archives_make_the_same_image_set_and_leave_nothing_behind() {
    let folder = with_birds("set");
    lay_out(&folder, "set", "train", "test");
    folder.run();
    let files = files_below(&folder.path("set"));
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut tar = tar::Builder::new(Vec::new());
    // In no order, as programs write them.
    for (path, bytes) in files.iter().rev() {
        zip.start_file(format!("birds/{path}"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, format!("birds/{path}"), &bytes[..]).unwrap();
    }
    let tar = tar.into_inner().unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&tar).unwrap();
    for (name, bytes) in [
        ("birds.zip", zip.finish().unwrap().into_inner()),
        ("birds.tar", tar),
        ("birds.tgz", gz.finish().unwrap()),
    ] {
        let project = with_birds(name);
        project.write(name, bytes);
        project.run();
        assert_eq!(project.digests(), folder.digests(), "{name}");
        assert_eq!(
            remembered(&project),
            remembered(&folder),
            "{name}: what was decoded is not decoded again"
        );
        assert!(files_below(project.root()).iter().all(|(path, _)| !path.contains("spill")), "{name}");
    }
}

/// Names and sizes of the files that hold finished pixels and fingerprints.
fn remembered(project: &Project) -> Vec<(String, usize)> {
    let files = files_below(&project.path("artifacts/cache"));
    assert!(files.iter().any(|(name, bytes)| name.starts_with("pixels-") && !bytes.is_empty()));
    files.into_iter().map(|(name, bytes)| (name, bytes.len())).collect()
}

#[test]
fn parquet_of_the_hub_is_detected_checked_and_trained_on() {
    let project = with_birds("hub");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/hub");
    for (path, bytes) in files_below(&fixture) {
        project.write(&format!("hub/{path}"), bytes);
    }
    project.pipeline(&["data", "list"]).expect(0).says("parquet");
    let found = project.pipeline(&["data", "check", "birds"]);
    found.says("finch");
    // Its pictures are of one colour each, so that all are alike.
    project.write("x.toml", format!("{SUBSET}keep_together = \"nothing\"\n"));
    project.run();
    project.write("hub/data/train-00000-of-00002.parquet", "PAR1 and no more");
    project.pipeline(&["run", "x.toml"]).expect(1).says("cannot read `data/train-00000-of-00002.parquet`");
}

#[test]
fn a_file_that_is_no_archive_is_told_to_be_none() {
    let project = with_birds("birds.rar");
    project.write("birds.rar", "Rar!");
    check(&project).expect(4).says("`birds.rar` is no folder and no zip, tar or tar.gz");
    let project = with_birds("birds.zip");
    project.write("birds.zip", "PK");
    check(&project).expect(4).says("`birds.zip` is no zip, tar or tar.gz, or it is cut short");
}

#[test]
fn the_list_says_where_data_sets_are_and_what_stands_in() {
    let project = Project::new();
    project.write(
        "pipeline.toml",
        "[datasets.birds]\npath = \"data/birds\"\nstand_in = \"drawn\"\n[datasets.drawn]\nformat = \"sketch-birds\"\n",
    );
    let said = project.pipeline(&["data", "list"]).expect(0);
    said.says("not there; `drawn` stands in");
    said.says("drawn by the program");
    let said = project.pipeline(&["data", "list", "--json"]).expect(0);
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value["datasets"][0]["there"], false);
    check(&project).expect(4).says("is not there (`drawn` stands in): no folder");
}

#[test]
fn a_check_names_unreadable_files_duplicates_and_leaks() {
    let project = with_birds("set");
    lay_out(&project, "set", "train", "test");
    check(&project).expect(0).says("nothing to mend");
    // A copy within a split, a copy in a label that is not its own, and a lighter one in the test split.
    fs::copy(project.path("set/train/finch/0.png"), project.path("set/train/finch/copy.png")).unwrap();
    fs::copy(project.path("set/train/finch/1.png"), project.path("set/train/wren/astray.png")).unwrap();
    check(&project).expect(0).says("a label is wrong");
    let mut lighter = picture(12);
    lighter.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|value| value.saturating_add(6)));
    lighter.save(project.path("set/test/wren/lighter.png")).unwrap();
    check(&project).expect(1).says("to mend: 1 group in two splits");
    let whole = fs::read(project.path("set/train/wren/0.png")).unwrap();
    project.write("set/train/wren/cut.png", &whole[..whole.len() / 2]);
    project.write("set/train/wren/text.jpg", "no picture");
    let said = check(&project).expect(1);
    said.says("train/wren/cut.png: ");
    said.says("train/wren/text.jpg: no picture in a known format");
    said.says("train/wren/1.png  test/wren/lighter.png");
    let found = checked(&project, 1);
    assert_eq!(found["unreadable"].as_array().unwrap().len(), 2);
    assert_eq!(found["duplicates"].as_array().unwrap().len(), 3, "{found:#}");
    assert_eq!(
        (&found["duplicates"][0]["leak"], &found["duplicates"][0]["exact"]),
        (&true.into(), &false.into())
    );
    assert_eq!(found["formats"]["PNG"], 11);
    assert_eq!((&found["width"]["median"], &found["height"]["max"]), (&40.0.into(), &32.0.into()));
}

#[test]
fn sheets_are_written_for_the_classes_that_are_asked_for() {
    let project = with_birds("set");
    lay_out(&project, "set", "train", "test");
    project.pipeline(&["data", "show", "birds", "--to", "sheets"]).expect(0).says("2 contact sheets");
    let sheet = image::open(project.path("sheets/wren.png")).unwrap().into_rgb8();
    assert_eq!(sheet.dimensions(), (3 * 147 + 3, 147 + 3));
    project
        .pipeline(&["data", "show", "birds", "--to", "one", "--class", "finch", "--per-class", "1"])
        .expect(0);
    assert_eq!(fs::read_dir(project.path("one")).unwrap().count(), 1);
    project
        .pipeline(&["data", "show", "birds", "--to", "x", "--class", "Wrn"])
        .expect(2)
        .says("nearest are `wren`");
}

#[test]
fn links_are_followed_unless_they_loop_and_odd_names_are_told() {
    let project = with_birds("set");
    lay_out(&project, "set", "train", "test");
    save(&project, "elsewhere/1.png", 31);
    symlink(project.path("elsewhere"), project.path("set/train/鳥")).unwrap();
    fs::create_dir(project.path("set/train/empty")).unwrap();
    let said = check(&project).expect(0);
    said.says("鳥");
    said.says("no images in: empty");
    let bad = project.path("set/train/finch").join(OsStr::from_bytes(b"caf\xe9.png"));
    fs::copy(project.path("elsewhere/1.png"), &bad).unwrap();
    check(&project).expect(4).says("is not UTF-8");
    fs::remove_file(bad).unwrap();
    symlink(project.path("set"), project.path("set/train/finch/up")).unwrap();
    check(&project).expect(4).says("link to a folder above it");
}

#[test]
fn a_bomb_among_the_pictures_is_named_and_the_rest_is_checked() {
    let project = with_birds("set");
    lay_out(&project, "set", "train", "test");
    // A bitmap whose header promises 100,000 × 100,000 pixels.
    let mut bomb = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/rgb.bmp")).unwrap();
    bomb[18..22].copy_from_slice(&100_000u32.to_le_bytes());
    bomb[22..26].copy_from_slice(&100_000u32.to_le_bytes());
    project.write("set/train/wren/bomb.bmp", bomb);
    let found = checked(&project, 1);
    assert_eq!(found["unreadable"][0]["image"], "train/wren/bomb.bmp");
    assert_eq!(found["images"], 9);
}

#[test]
fn the_near_duplicates_of_the_real_birds_are_named() {
    let birds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/birds");
    if !birds.is_dir() {
        eprintln!("skipped: there are no photographs at `{}`", birds.display());
        return;
    }
    let project = with_birds(birds.to_str().unwrap());
    let said = project.pipeline(&["data", "check", "birds", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&found["images"], &found["unreadable"]), (&1247.into(), &serde_json::json!([])));
    let groups = found["duplicates"].as_array().unwrap();
    assert!((5..60).contains(&groups.len()), "{groups:#?}");
}
