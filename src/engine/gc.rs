//! Clears away artifacts that no result refers to, leaving a tombstone each, and what dead processes left.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::attempt::{clear, dead_attempts};
use super::history::History;
use super::key::short;
use super::lock::{self, Mode};
use super::receipt::RECEIPT;
use super::store::{Artifact, CACHE, Store, names_in, unwritable};

/// What to clear away.
#[derive(Clone, Debug, Default)]
pub struct GcOptions {
    /// Only say what would go.
    pub dry_run: bool,
    /// Stop as soon as the artifacts hold no more than this many bytes; the oldest go first.
    pub max_size: Option<u64>,
    /// Of each experiment only the last so many launches keep what they refer to.
    pub keep_last: Option<usize>,
}

/// What went, or would go.
#[derive(Clone, Debug, Default)]
pub struct GcReport {
    pub removed: Vec<Artifact>,
    /// Artifacts that stay.
    pub kept: usize,
    /// Bytes of the artifacts that stay.
    pub kept_bytes: u64,
    /// Bytes of artifacts, damaged ones and abandoned work that went.
    pub freed_bytes: u64,
    /// Folders of attempts that nobody is at any more.
    pub abandoned: usize,
    pub quarantined: usize,
    /// Bytes that stages had kept for one another; among those freed.
    pub cache_bytes: u64,
}

/// Clears the store. Kept are artifacts that a launch's `launch.json` or an experiment's history refers to, and those
/// named in `pins/`.
///
/// # Errors
/// When a launch runs, or something cannot be removed.
pub fn gc(store: &Store, options: &GcOptions) -> Result<GcReport> {
    let alone = store.lock_file()?;
    if !options.dry_run && !lock::take(&alone, Mode::Alone, &|| true, &|| ())? {
        bail!("a launch is at work in the store\nhint: wait for it to end, or stop it");
    }
    let roots = roots(store, options.keep_last)?;
    let pins = names_in(&store.root().join("pins"));
    let mut report = GcReport::default();
    let (mut loose, kept): (Vec<Artifact>, Vec<Artifact>) = store
        .list()
        .into_iter()
        .partition(|artifact| !roots.contains(&artifact.receipt.key) && !is_pinned(artifact, &pins));
    loose.sort_by(|a, b| a.receipt.started_at.cmp(&b.receipt.started_at));
    let bytes =
        |artifacts: &[Artifact]| artifacts.iter().map(|artifact| artifact.receipt.size()).sum::<u64>();
    let mut left = bytes(&kept) + bytes(&loose);
    report.kept = kept.len();
    for artifact in loose {
        if options.max_size.is_some_and(|most| left <= most) {
            report.kept += 1;
            continue;
        }
        let size = artifact.receipt.size();
        left -= size;
        report.freed_bytes += size;
        if !options.dry_run {
            bury(store, &artifact)?;
        }
        report.removed.push(artifact);
    }
    report.kept_bytes = left;
    clear_quarantine(store, options, &mut report)?;
    clear_work(store, options, &roots, &mut report);
    clear_cache(store, options, &mut report);
    Ok(report)
}

/// Keys that results refer to.
fn roots(store: &Store, keep_last: Option<usize>) -> Result<HashSet<String>> {
    let results = store.root().join("results");
    let mut keys = HashSet::new();
    for experiment in names_in(&results) {
        let folder = results.join(&experiment);
        let mut launches: Vec<PathBuf> = names_in(&folder).iter().map(|name| folder.join(name)).collect();
        // `latest` is a link to one of the others.
        launches.retain(|path| !path.is_symlink() && path.join("launch.json").is_file());
        let skip = keep_last.map_or(0, |last| launches.len().saturating_sub(last));
        for launch in &launches[skip..] {
            keys.extend(keys_of_launch(&launch.join("launch.json"))?);
        }
        keys.extend(History::open(store, &experiment).keys());
    }
    Ok(keys)
}

fn keys_of_launch(path: &Path) -> Result<Vec<String>> {
    // One that cannot be read might refer to anything: better to remove nothing.
    let text = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let launch: Value = serde_json::from_slice(&text).with_context(|| {
        format!(
            "`{}` is damaged, so what it refers to is not known\nhint: remove that launch",
            path.display()
        )
    })?;
    let stages = launch["stages"].as_array().into_iter().flatten();
    Ok(stages.filter_map(|stage| stage["key"].as_str().map(str::to_string)).collect())
}

/// A pin is a file called like the key, its beginning, or `kind-` and either.
fn is_pinned(artifact: &Artifact, pins: &[String]) -> bool {
    let kind = format!("{}-", artifact.receipt.kind);
    pins.iter().any(|pin| {
        let digits = pin.strip_prefix(&kind).unwrap_or(pin);
        !digits.is_empty() && artifact.receipt.key.starts_with(digits)
    })
}

/// Leaves a tombstone, so that `why` can still say what was there, and removes the artifact at one stroke.
fn bury(store: &Store, artifact: &Artifact) -> Result<()> {
    let failed = |error| unwritable(store.root(), error);
    let tombstone = store.tombstone(&artifact.receipt.kind, &artifact.receipt.key);
    if let Some(folder) = tombstone.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::copy(artifact.path.join(RECEIPT), &tombstone).map_err(failed)?;
    let grave = store.root().join("work").join(format!(".gone-{}", std::process::id()));
    let _ = fs::remove_dir_all(&grave);
    fs::rename(&artifact.path, &grave).map_err(failed)?;
    fs::remove_dir_all(&grave).map_err(failed)
}

fn clear_quarantine(store: &Store, options: &GcOptions, report: &mut GcReport) -> Result<()> {
    let folder = store.root().join("quarantine");
    for name in names_in(&folder) {
        let path = folder.join(name);
        report.quarantined += 1;
        report.freed_bytes += bytes_below(&path);
        if !options.dry_run {
            fs::remove_dir_all(&path).map_err(|error| unwritable(store.root(), error))?;
        }
    }
    Ok(())
}

/// Attempts that nobody is at go, but for the checkpoints of a stage that its experiment still wants to finish.
fn clear_work(store: &Store, options: &GcOptions, roots: &HashSet<String>, report: &mut GcReport) {
    let folder = store.root().join("work");
    let (roots, kinds): (HashSet<&str>, _) = (roots.iter().map(|key| short(key)).collect(), store.kinds());
    for name in names_in(&folder) {
        let work = folder.join(&name);
        let wanted = roots.contains(name.as_str());
        let done = kinds.iter().any(|kind| store.place(kind, &name).exists());
        if !work.is_dir() || (wanted && !done) {
            continue;
        }
        if name.starts_with('.') {
            let _ = (!options.dry_run).then(|| fs::remove_dir_all(&work));
            continue;
        }
        let dead = dead_attempts(&work);
        report.abandoned += dead.len();
        report.freed_bytes += dead.iter().map(|attempt| bytes_below(&attempt.folder)).sum::<u64>();
        drop(dead);
        if !options.dry_run {
            clear(&work);
        }
    }
}

/// Whoever needs it makes it again.
fn clear_cache(store: &Store, options: &GcOptions, report: &mut GcReport) {
    let folder = store.root().join(CACHE);
    for name in names_in(&folder) {
        let path = folder.join(name);
        let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if options.dry_run || fs::remove_file(&path).is_ok() {
            report.cache_bytes += bytes;
            report.freed_bytes += bytes;
        }
    }
}

fn bytes_below(path: &Path) -> u64 {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::fake::{run_all, stage};
    use super::*;

    /// A store with the artifacts of `a`, `b` and `c`, and no history.
    fn filled() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        run_all(folder.path(), &[stage("a", "a", &[]), stage("b", "bb", &[]), stage("c", "ccc", &[])]);
        fs::remove_dir_all(folder.path().join("results/test")).unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    fn key(store: &Store, label: &str) -> String {
        store.list().into_iter().find(|artifact| artifact.receipt.label == label).unwrap().receipt.key
    }

    fn labels(store: &Store) -> Vec<String> {
        let mut labels: Vec<String> =
            store.list().into_iter().map(|artifact| artifact.receipt.label).collect();
        labels.sort();
        labels
    }

    fn launch(store: &Store, name: &str, key: &str) {
        let folder = store.root().join("results/test").join(name);
        fs::create_dir_all(&folder).unwrap();
        let text = serde_json::json!({ "stages": [{ "kind": "fake", "key": key }, { "kind": "fake", "key": null }] });
        fs::write(folder.join("launch.json"), text.to_string()).unwrap();
    }

    #[test]
    fn what_results_refer_to_or_pins_name_stays_and_the_rest_leaves_a_tombstone() {
        let (_folder, store) = filled();
        launch(&store, "1", &key(&store, "a"));
        symlink("1", store.root().join("results/test/latest")).unwrap();
        fs::write(store.root().join("pins").join(&key(&store, "b")[..12]), "").unwrap();
        let gone = key(&store, "c");
        let dry = gc(&store, &GcOptions { dry_run: true, ..GcOptions::default() }).unwrap();
        assert_eq!((dry.removed.len(), dry.freed_bytes, dry.kept), (1, 3, 2));
        assert_eq!(labels(&store), ["a", "b", "c"]);
        gc(&store, &GcOptions::default()).unwrap();
        assert_eq!(labels(&store), ["a", "b"]);
        assert!(store.tombstone("fake", &gone).exists());
    }

    #[test]
    fn what_stages_kept_for_one_another_goes_and_is_counted() {
        let (_folder, store) = filled();
        let kept = store.root().join(CACHE).join("x.v1");
        fs::write(&kept, "apple").unwrap();
        let dry = gc(&store, &GcOptions { dry_run: true, ..GcOptions::default() }).unwrap();
        assert_eq!((dry.cache_bytes, kept.exists()), (5, true));
        let report = gc(&store, &GcOptions::default()).unwrap();
        assert_eq!((report.cache_bytes, report.freed_bytes, kept.exists()), (5, dry.freed_bytes, false));
    }

    #[test]
    fn only_the_last_launches_count_where_so_many_are_kept() {
        let (_folder, store) = filled();
        launch(&store, "1", &key(&store, "a"));
        launch(&store, "2", &key(&store, "b"));
        gc(&store, &GcOptions { keep_last: Some(1), ..GcOptions::default() }).unwrap();
        assert_eq!(labels(&store), ["b"]);
    }

    #[test]
    fn a_size_to_keep_within_spares_the_youngest() {
        let (_folder, store) = filled();
        let report = gc(&store, &GcOptions { max_size: Some(5), ..GcOptions::default() }).unwrap();
        assert_eq!((labels(&store), report.kept_bytes), (vec!["b".to_string(), "c".to_string()], 5));
    }

    #[test]
    fn a_running_launch_keeps_it_away() {
        let (_folder, store) = filled();
        let launch = store.lock_file().unwrap();
        launch.lock_shared().unwrap();
        assert!(gc(&store, &GcOptions::default()).unwrap_err().to_string().contains("a launch is at work"));
        assert_eq!(labels(&store).len(), 3);
    }
}
