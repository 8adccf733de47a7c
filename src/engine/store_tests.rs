//! Tests of `store.rs`.

use serde_json::json;

use super::*;

/// Puts an artifact with one file `out` of these bytes into the store.
fn put(store: &Store, kind: &str, key: &str, bytes: &str) {
    let place = store.place(kind, key);
    fs::create_dir_all(place.join("content")).unwrap();
    fs::write(place.join("content/out"), bytes).unwrap();
    let files = json!({ "out": super::super::digest::digest_file(&place.join("content/out")).unwrap() });
    let receipt = json!({
        "key": key, "kind": kind, "label": "one", "pre_image": null, "digest": "", "files": files, "provenance": {},
        "started_at": "", "took_secs": 0.25, "cpu_secs": 0.0, "attempts": 1, "threads": 1, "device": "cpu", "jobs": 1,
    });
    fs::write(place.join(RECEIPT), receipt.to_string()).unwrap();
}

fn key(first: char) -> String {
    std::iter::repeat_n(first, 64).collect()
}

#[test]
fn an_artifact_is_found_by_its_full_key_also_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let store = Store::open(folder.path()).unwrap();
        put(&store, "fake", &key('a'), "text");
        for _ in 0..2 {
            let Look::Whole(holding) = store.look("fake", &key('a')) else { panic!() };
            assert_eq!((holding.took_secs, holding.files["out"].size), (0.25, 4));
        }
        assert!(store.find("fake", &key('a')).is_some());
        let other = format!("{}{}", &key('a')[..16], &key('b')[..48]);
        assert!(store.find("fake", &other).is_none());
        assert_eq!(store.look("fake", &other), Look::Missing);
        assert_eq!(store.look("else", &key('a')), Look::Missing);
    }
    let store = Store::open(folder.path()).unwrap();
    fs::write(store.place("fake", &key('a')).join("content/out"), "longer than before").unwrap();
    assert!(
        matches!(store.look("fake", &key('a')), Look::Damaged(how) if how.contains("18 bytes instead of 4"))
    );
}

#[test]
fn a_torn_line_of_the_index_is_no_artifact() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    put(&store, "fake", &key('a'), "text");
    store.look("fake", &key('a'));
    drop(store);
    let index = folder.path().join("index/artifacts.v1");
    let line = fs::read_to_string(&index).unwrap();
    for length in 0..line.len() {
        // Its writer was killed; the next one went on.
        fs::write(&index, format!("{}\n", &line[..length])).unwrap();
        let store = Store::open(folder.path()).unwrap();
        let Look::Whole(holding) = store.look("fake", &key('a')) else { panic!("{length}") };
        assert_eq!(holding.files.len(), 1, "{length}");
    }
}

#[test]
fn a_prefix_finds_the_one_artifact_and_names_several() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    put(&store, "fake", &key('a'), "1");
    put(&store, "other", &format!("ab{}", &key('c')[2..]), "2");
    assert_eq!(store.artifact_by_prefix("ab").unwrap().receipt.kind, "other");
    assert_eq!(store.artifact_by_prefix("fake/a").unwrap().receipt.kind, "fake");
    assert_eq!(store.artifact_by_prefix(&key('a')).unwrap().receipt.kind, "fake");
    assert!(
        store.artifact_by_prefix("a").unwrap_err().to_string().contains("`fake/aaaaaaaaaaaaaaaa`, `other/ab")
    );
    assert!(store.artifact_by_prefix("f").is_err());
    assert_eq!(store.list().len(), 2);
}
