//! Files outside the store, keyed by content: a file by its bytes, a folder by the list of its files. Knows no image.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::digest::{FileDigest, Identity, Memory, digest_file};
use super::job::JobSource;
use super::key::{SourceDigest, sha256_hex};
use super::stage::Place;
use super::store::Store;

/// In the root of a tree: a list of its files, in which those stand that are not at hand. A bundle leaves one where it
/// takes along only the files that are read, so that the tree's digest, and with it every key, stays what it was.
pub const LISTING: &str = ".listing.jsonl";

/// A line of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// From the root, with `/`.
    pub path: String,
    pub size: u64,
    pub sha256: String,
}

/// A source as it was found.
#[derive(Clone, Debug)]
pub struct Scan {
    pub root: PathBuf,
    pub digest: SourceDigest,
    /// The list of its files, as JSON lines in order of path.
    pub manifest: Arc<str>,
    /// What names the manifest's file.
    pub manifest_sha256: String,
    at: Instant,
}

impl Scan {
    pub fn age_secs(&self) -> f64 {
        self.at.elapsed().as_secs_f64()
    }

    /// Writes the manifest where jobs and later comparisons find it, unless it is there.
    pub fn write_manifest(&self, store: &Path) -> Result<PathBuf> {
        let path = manifest_path(store, &self.manifest_sha256);
        if !path.exists() {
            let beside = path.with_extension(format!("{}.new", std::process::id()));
            let written =
                fs::write(&beside, self.manifest.as_bytes()).and_then(|()| fs::rename(&beside, &path));
            written.map_err(|error| super::store::unwritable(store, error))?;
        }
        Ok(path)
    }
}

/// Where a manifest is kept.
pub fn manifest_path(store: &Path, sha256: &str) -> PathBuf {
    store.join("index/trees").join(format!("{sha256}.jsonl"))
}

/// Reads a manifest, as [`Scan::write_manifest`] left it.
pub fn read_manifest(path: &Path) -> Result<Vec<Entry>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let entries = text.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    entries.with_context(|| format!("`{}` is damaged", path.display()))
}

/// The files of a source with their digests, and the folder that their paths start at.
///
/// # Errors
/// As a plan's look at the source.
pub fn list(place: &Place, store: &Store) -> Result<(PathBuf, Vec<Entry>)> {
    let mut sources = Sources::default();
    let mut memory = store.memory();
    let scan = sources.scan(place, &mut memory, f64::INFINITY)?;
    let entries = scan.manifest.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    Ok((scan.root.clone(), entries.context("a manifest just made is whole")?))
}

/// Sources looked at in this launch, each once.
#[derive(Default)]
pub struct Sources {
    scans: HashMap<(PathBuf, &'static [&'static str]), Scan>,
}

impl Sources {
    /// Looks at a source, unless it was looked at in the last `max_age_secs`.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or holds a name that is no UTF-8.
    pub fn scan(&mut self, place: &Place, memory: &mut Memory, max_age_secs: f64) -> Result<&Scan> {
        let known = match place {
            Place::Tree { root, extensions } => (root.clone(), *extensions),
            Place::File(path) => (path.clone(), &[] as &[&str]),
        };
        if self.scans.get(&known).is_none_or(|scan| scan.age_secs() > max_age_secs) {
            let scan = match place {
                Place::Tree { root, extensions } => scan_tree(root, extensions, memory)?,
                Place::File(path) => scan_file(path, memory)?,
            };
            self.scans.insert(known.clone(), scan);
        }
        Ok(&self.scans[&known])
    }
}

/// Looks at a source outside any launch and leaves its list of files in the store, as for a job.
///
/// # Errors
/// As [`Sources::scan`]; or the store cannot be written.
pub fn list_source(place: &Place, store: &Store) -> Result<JobSource> {
    let mut sources = Sources::default();
    let scan = sources.scan(place, &mut store.memory(), 0.0)?;
    Ok(JobSource { root: scan.root.clone(), manifest: scan.write_manifest(store.root())? })
}

fn scan_file(path: &Path, memory: &mut Memory) -> Result<Scan> {
    let digest = memory.digest(path)?;
    let name = path.file_name().map(Path::new).unwrap_or(path);
    let entry = Entry { path: utf8(name, path)?, size: digest.size, sha256: digest.sha256.clone() };
    let root = path.parent().unwrap_or(Path::new("")).to_path_buf();
    Ok(found(root, SourceDigest::File(digest), &[entry]))
}

fn scan_tree(root: &Path, extensions: &[&str], memory: &mut Memory) -> Result<Scan> {
    let mut walk = Walk { root, extensions, files: Vec::new(), above: Vec::new() };
    walk.folder(root)?;
    let mut files = walk.files;
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut digests: Vec<Option<FileDigest>> =
        files.iter().map(|(_, metadata)| memory.recall(&Identity::of(metadata))).collect();
    let fresh: Vec<(usize, FileDigest)> = (0..files.len())
        .into_par_iter()
        .filter(|index| digests[*index].is_none())
        .map(|index| Ok((index, digest_file(&root.join(&files[index].0))?)))
        .collect::<Result<_>>()?;
    for (index, digest) in fresh {
        // Only if it is still the file whose stat was taken does the stat tell it.
        let identity = Identity::of(&files[index].1);
        let now = fs::metadata(root.join(&files[index].0)).map(|metadata| Identity::of(&metadata));
        if now.is_ok_and(|now| now == identity) {
            memory.remember(identity, &digest.sha256);
        }
        digests[index] = Some(digest);
    }
    let entry = |((path, _), digest): ((String, Metadata), Option<FileDigest>)| {
        let FileDigest { size, sha256 } = digest.expect("every file is remembered or was read");
        Entry { path, size, sha256 }
    };
    let mut entries: Vec<Entry> = files.into_iter().zip(digests).map(entry).collect();
    add_listed(root, extensions, &mut entries)?;
    let digest = SourceDigest::Tree { files: entries.len(), sha256: String::new() };
    Ok(found(root.to_path_buf(), digest, &entries))
}

/// Files that are listed and not there count as listed.
fn add_listed(root: &Path, extensions: &[&str], entries: &mut Vec<Entry>) -> Result<()> {
    let path = root.join(LISTING);
    entries.retain(|entry| entry.path != LISTING);
    if !path.is_file() {
        return Ok(());
    }
    let there: HashSet<String> = entries.iter().map(|entry| entry.path.clone()).collect();
    let listed = read_manifest(&path)?.into_iter();
    entries.extend(
        listed.filter(|entry| !there.contains(&entry.path) && wants(Path::new(&entry.path), extensions)),
    );
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(())
}

fn wants(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    extensions.is_empty() || extension.is_some_and(|extension| extensions.contains(&extension.as_str()))
}

fn found(root: PathBuf, digest: SourceDigest, entries: &[Entry]) -> Scan {
    let mut manifest = String::with_capacity(entries.len() * 128);
    for entry in entries {
        manifest.push_str(&serde_json::to_string(entry).expect("an entry is text and numbers"));
        manifest.push('\n');
    }
    let manifest_sha256 = sha256_hex(manifest.as_bytes());
    let digest = match digest {
        SourceDigest::Tree { files, .. } => SourceDigest::Tree { files, sha256: manifest_sha256.clone() },
        file => file,
    };
    Scan { root, digest, manifest: manifest.into(), manifest_sha256, at: Instant::now() }
}

struct Walk<'a> {
    root: &'a Path,
    extensions: &'a [&'a str],
    files: Vec<(String, Metadata)>,
    /// Device and inode of the folders from the root to here.
    above: Vec<(u64, u64)>,
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path) -> Result<()> {
        let unreadable = || format!("cannot read the folder `{}`", path.display());
        let metadata = fs::metadata(path).with_context(unreadable)?;
        let this = (metadata.dev(), metadata.ino());
        if self.above.contains(&this) {
            let path = path.display();
            bail!("`{path}` is a link to a folder above it\nhint: remove the link");
        }
        self.above.push(this);
        for entry in fs::read_dir(path).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let kind = entry.file_type().with_context(unreadable)?;
            let path = entry.path();
            if kind.is_dir() {
                self.folder(&path)?;
            } else if kind.is_symlink() {
                self.link(&path)?;
            } else if kind.is_file() && self.wants(&path) {
                let metadata =
                    entry.metadata().with_context(|| format!("cannot read `{}`", path.display()))?;
                self.file(&path, metadata)?;
            }
        }
        self.above.pop();
        Ok(())
    }

    fn link(&mut self, path: &Path) -> Result<()> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path),
            Ok(metadata) if metadata.is_file() && self.wants(path) => self.file(path, metadata),
            Err(error) if self.wants(path) => {
                let path = path.display();
                Err(anyhow!(
                    "`{path}` is a link to a file that cannot be read: {error}\nhint: remove the link"
                ))
            }
            _ => Ok(()),
        }
    }

    fn file(&mut self, path: &Path, metadata: Metadata) -> Result<()> {
        let relative = path.strip_prefix(self.root).expect("the walk stays below its root");
        self.files.push((utf8(relative, path)?, metadata));
        Ok(())
    }

    fn wants(&self, path: &Path) -> bool {
        wants(path, self.extensions)
    }
}

fn utf8(name: &Path, path: &Path) -> Result<String> {
    name.to_str().map(str::to_string).ok_or_else(|| {
        let path = path.to_string_lossy();
        anyhow!("the name of `{path}` is not UTF-8\nhint: rename the file: keys are made of names too")
    })
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
