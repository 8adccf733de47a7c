//! Who may use whom (ARCHITECTURE.md), how large files may grow, and that `pipeline` stays free of libtorch.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it skips"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const ROOMS: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("energy", &["engine"]),
    ("recipe", &["engine"]),
    ("networks", &["recipe"]),
    ("experiment", &["recipe", "networks", "engine"]),
    ("data", &["recipe", "engine"]),
    ("augment", &["recipe", "data", "engine"]),
    ("select", &["recipe", "engine"]),
    ("report", &["engine", "energy", "recipe", "networks", "data"]),
    ("cli", &["engine", "energy", "recipe", "networks", "experiment", "data", "augment", "select", "report"]),
];

/// Every Rust file below `folder`, with its text.
fn sources(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.insert(path.clone(), fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rooms that a line names as `crate::room` or `crate::{a, b::C}`.
fn rooms_named(line: &str) -> Vec<String> {
    let known = |name: &str| ROOMS.iter().any(|(room, _)| *room == name);
    let mut named = Vec::new();
    for piece in line.split("crate::").skip(1) {
        let list = piece.strip_prefix('{').unwrap_or(piece);
        let ends: &[char] =
            if piece.starts_with('{') { &[';'] } else { &[',', ';', ')', ' ', '(', '<', '>', '}'] };
        let list = list.split(ends).next().unwrap_or("");
        let heads =
            list.split(',').map(|part| part.trim().split("::").next().unwrap_or("").trim_matches('}'));
        named.extend(heads.filter(|head| known(head)).map(str::to_string));
    }
    named
}

#[test]
fn no_room_uses_a_room_that_it_may_not() {
    let mut broken = Vec::new();
    for (room, allowed) in ROOMS {
        for (path, text) in sources(&root().join("src").join(room)) {
            for (number, line) in
                text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
            {
                for used in
                    rooms_named(line).iter().filter(|used| used != room && !allowed.contains(&used.as_str()))
                {
                    broken.push(format!("{}:{}: `{room}` uses `{used}`", path.display(), number + 1));
                }
            }
        }
    }
    assert!(broken.is_empty(), "walls broken:\n{}", broken.join("\n"));
}

#[test]
fn the_reader_of_use_lines_sees_every_form() {
    assert_eq!(rooms_named("use crate::engine::Task;"), ["engine"]);
    assert_eq!(rooms_named("use crate::{augment, data, engine};"), ["augment", "data", "engine"]);
    assert_eq!(rooms_named("    crate::report::tables::write(x, crate::data::y())"), ["report", "data"]);
    assert!(rooms_named("use crate::Something;").is_empty());
}

#[test]
fn nobody_uses_the_worker() {
    let naming: Vec<_> = sources(&root().join("src"))
        .into_iter()
        .filter(|(_, text)| text.contains("pipeline_worker::"))
        .collect();
    assert!(naming.is_empty(), "{naming:?}");
}

#[test]
fn every_file_opens_with_its_purpose_and_stays_under_400_lines() {
    let mut bad = Vec::new();
    for folder in ["src", "worker/src", "tests"] {
        for (path, text) in sources(&root().join(folder)) {
            let lines = text.lines().count();
            if lines > 400 {
                bad.push(format!("{}: {lines} lines", path.display()));
            }
            if !text.starts_with("//! ") {
                bad.push(format!("{}: does not open with `//! `", path.display()));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn there_is_no_room_for_odds_and_ends() {
    let shunned = ["utils", "util", "common", "helpers", "helper", "base", "manager", "misc"];
    let named = |path: &PathBuf| {
        path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|s| shunned.contains(&s))
    };
    for folder in ["src", "worker/src"] {
        let found: Vec<_> = sources(&root().join(folder)).into_keys().filter(named).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn the_pipeline_program_does_not_load_libtorch() {
    // The names of needed libraries stand in the file as plain text.
    let bytes = fs::read(env!("CARGO_BIN_EXE_pipeline")).unwrap();
    let holds = |name: &[u8]| bytes.windows(name.len()).any(|window| window == name);
    assert!(holds(b"libc.so.6"), "the reader of needed libraries sees nothing");
    for library in [&b"libtorch_cpu.so\0"[..], b"libtorch.so\0", b"libc10.so\0", b"libtorch_cuda.so\0"] {
        assert!(!holds(library), "`pipeline` needs {}", String::from_utf8_lossy(library));
    }
}
