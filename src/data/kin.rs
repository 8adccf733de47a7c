//! Which images belong together: found by fingerprint or by bytes, over all images of the classes that are drawn from.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use anyhow::Result;
use rayon::ThreadPool;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::cache::{Cache, Key, key_of};
use super::catalog::{ClassImages, ImageRef, Pictures, Place, ReadError, SPLITS};
use super::draw::Slots;
use super::likeness::{self, Fingerprint};
use crate::engine::{Stopped, Task};
use crate::recipe::KeepTogether;

/// Images between two looks at whether to stop.
const BATCH: usize = 2048;

/// The group of every image: `of[class][split][index]`. Numbers say nothing but which are equal.
#[derive(Clone, Debug)]
pub struct Groups {
    pub of: Vec<[Vec<usize>; 3]>,
}

impl Groups {
    /// Every image a group of its own.
    pub fn alone(classes: &[&ClassImages]) -> Groups {
        let count = classes.iter().flat_map(|class| &class.images).map(Vec::len).sum();
        Groups::numbered(classes, (0..count).collect())
    }

    /// `ids` in order of class, split and index.
    fn numbered(classes: &[&ClassImages], ids: Vec<usize>) -> Groups {
        let mut ids = ids.into_iter();
        let of = |class: &&ClassImages| {
            [0, 1, 2].map(|split: usize| ids.by_ref().take(class.images[split].len()).collect::<Vec<usize>>())
        };
        Groups { of: classes.iter().map(of).collect() }
    }

    /// One more than the largest number of a group.
    pub fn count(&self) -> usize {
        self.of.iter().flatten().flatten().max().map_or(0, |most| most + 1)
    }
}

/// What images are looked at with.
pub struct Look<'a> {
    pub task: &'a Task,
    pub pictures: &'a dyn Pictures,
    pub threads: &'a ThreadPool,
}

/// Finds the groups of all images of `classes`. An image that cannot be read stands alone.
///
/// # Errors
/// A file is no longer as it was listed, or the stage is asked to stop.
pub fn find(look: &Look, classes: &[&ClassImages], keep: &KeepTogether) -> Result<Groups> {
    let places = || classes.iter().flat_map(|class| &class.images).flatten().map(|image| image.place);
    let ids = match keep {
        KeepTogether::Nothing(_) => return Ok(Groups::alone(classes)),
        KeepTogether::Exact(_) => {
            let keys =
                batches(look, &places().collect::<Vec<Place>>(), |place| own_key(look.pictures, place))?;
            first_of_equals(&keys)
        }
        KeepTogether::NearDuplicates(near) => {
            let prints = fingerprints(look, &places().collect::<Vec<Place>>(), keep.revision())?;
            near_ones(look.threads, &prints, near.distance)
        }
    };
    Ok(Groups::numbered(classes, ids))
}

/// The digest of the image's file, or of its pixels where the file holds others, too.
fn own_key(pictures: &dyn Pictures, place: Place) -> Result<Option<Key>, ReadError> {
    if let Some(file) = pictures.file(place) {
        return Ok(Some(file.digest));
    }
    let picture = pictures.read(place)?;
    Ok(Some(Sha256::digest(picture.as_raw()).into()))
}

fn first_of_equals(keys: &[Option<Key>]) -> Vec<usize> {
    let mut first: HashMap<&Key, usize> = HashMap::new();
    let mut ids = Vec::with_capacity(keys.len());
    for (at, key) in keys.iter().enumerate() {
        ids.push(key.as_ref().map_or(at, |key| *first.entry(key).or_insert(at)));
    }
    ids
}

fn near_ones(pool: &ThreadPool, prints: &[Option<Fingerprint>], within: u32) -> Vec<usize> {
    let seen: Vec<usize> = (0..prints.len()).filter(|at| prints[*at].is_some()).collect();
    let known: Vec<Fingerprint> = prints.iter().flatten().copied().collect();
    let groups = pool.install(|| likeness::groups(&known, within));
    let mut ids: Vec<usize> = (0..prints.len()).collect();
    seen.iter().zip(groups).for_each(|(at, group)| ids[*at] = seen[group]);
    ids
}

/// In the root of a data set: fingerprints of files that a bundle left out.
pub const TAKEN_ALONG: &str = ".fingerprints";

/// The fingerprints of files in a store's cache, as a file that is read at [`TAKEN_ALONG`]; `None` where one is missing.
pub fn known_fingerprints(store: &Path, sha256s: &[&str]) -> Option<Vec<u8>> {
    let keys: BTreeSet<Key> = sha256s.iter().map(|sha256| key_of(sha256)).collect::<Option<_>>()?;
    let revision = KeepTogether::default().revision();
    Cache::open(store, &cache_name(revision), 32).records(&keys)
}

fn cache_name(revision: u32) -> String {
    format!("fingerprints-{revision}")
}

/// A fingerprint of each image; those of files that were looked at before are remembered in the store.
fn fingerprints(look: &Look, places: &[Place], revision: u32) -> Result<Vec<Option<Fingerprint>>> {
    let mut cache = Cache::open(&look.task.job.store, &cache_name(revision), 32);
    let root = look.task.job.sources.get("dataset").map(|source| source.root.join(TAKEN_ALONG));
    let taken = Cache::beside(&root.unwrap_or_default(), 32);
    let mut prints = Vec::with_capacity(places.len());
    for batch in places.chunks(BATCH) {
        let print = |place| fingerprint(look.pictures, place, &[&cache, &taken]);
        for seen in batches(look, batch, print)? {
            prints.push(seen.map(|seen| seen.print));
            if let Some(Seen { key, print, is_new: true }) = seen {
                cache.add(&key, &print.to_bytes());
            }
        }
        look.task.progress(prints.len() as u64, places.len() as u64, "fingerprint", &[]);
    }
    cache.save();
    Ok(prints)
}

#[derive(Clone, Copy)]
struct Seen {
    key: Key,
    print: Fingerprint,
    is_new: bool,
}

fn fingerprint(pictures: &dyn Pictures, place: Place, caches: &[&Cache]) -> Result<Option<Seen>, ReadError> {
    let recall = |key: &Key| {
        let mut bytes = [0; 32];
        caches.iter().any(|cache| cache.get(key, &mut bytes)).then(|| Fingerprint::from_bytes(&bytes))
    };
    let file = pictures.file(place);
    let of_file = file.as_ref().map(|file| file.digest);
    if let Some((key, print)) = of_file.and_then(|key| Some((key, recall(&key)?))) {
        return Ok(Some(Seen { key, print, is_new: false }));
    }
    let picture = pictures.read_from(place, file)?;
    let key = of_file.unwrap_or_else(|| {
        let shape = [picture.width().to_le_bytes(), picture.height().to_le_bytes()].concat();
        Sha256::new().chain_update(shape).chain_update(picture.as_raw()).finalize().into()
    });
    Ok(Some(match recall(&key) {
        Some(print) => Seen { key, print, is_new: false },
        None => Seen { key, print: Fingerprint::of(&picture), is_new: true },
    }))
}

/// Looks at images on all threads; what cannot be read is `None`.
fn batches<T: Send>(
    look: &Look,
    places: &[Place],
    see: impl Fn(Place) -> Result<Option<T>, ReadError> + Sync,
) -> Result<Vec<Option<T>>> {
    let mut all = Vec::with_capacity(places.len());
    for batch in places.chunks(BATCH) {
        if look.task.should_stop() {
            return Err(Stopped { saved_at: None }.into());
        }
        let seen: Vec<_> = look.threads.install(|| batch.par_iter().map(|place| see(*place)).collect());
        for seen in seen {
            all.push(match seen {
                Ok(seen) => seen,
                Err(ReadError::Unreadable(_)) => None,
                Err(ReadError::Failed(error)) => return Err(error),
            });
        }
    }
    Ok(all)
}

/// What the groups are worth knowing for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinship {
    /// Groups of two images or more.
    pub groups: usize,
    /// Images in them.
    pub images: usize,
    /// Validation and test images that a draw without groups would have set against training images of their group.
    pub leaks: usize,
    /// Groups whose images are of several classes: of one of them the label is wrong, or the picture shows both.
    pub of_several_classes: usize,
}

impl Kinship {
    /// `plain` is the draw without groups.
    pub fn of(classes: &[&ClassImages], groups: &Groups, plain: &[Slots; 3]) -> Kinship {
        let mut kinship = Kinship::default();
        for members in members(groups).values().filter(|members| members.len() > 1) {
            kinship.groups += 1;
            kinship.images += members.len();
            kinship.of_several_classes += usize::from(members.iter().any(|member| member.0 != members[0].0));
        }
        let by_place = groups_by_place(classes, groups);
        let group = |slot: &(usize, &ImageRef)| by_place[&key(slot.1.place)];
        let trained: HashSet<usize> = plain[0].iter().map(group).collect();
        kinship.leaks =
            plain[1].iter().chain(&plain[2]).filter(|slot| trained.contains(&group(slot))).count();
        kinship
    }
}

fn key(place: Place) -> (u32, u32) {
    (place.file, place.record)
}

fn groups_by_place(classes: &[&ClassImages], groups: &Groups) -> HashMap<(u32, u32), usize> {
    let images = classes.iter().flat_map(|class| &class.images).flatten().map(|image| key(image.place));
    images.zip(groups.of.iter().flatten().flatten().copied()).collect()
}

/// (class, split, index) of each group's images, in order.
fn members(groups: &Groups) -> BTreeMap<usize, Vec<(usize, usize, usize)>> {
    let mut members: BTreeMap<usize, Vec<(usize, usize, usize)>> = BTreeMap::new();
    for (label, of) in groups.of.iter().enumerate() {
        for (split, ids) in of.iter().enumerate() {
            ids.iter()
                .enumerate()
                .for_each(|(at, id)| members.entry(*id).or_default().push((label, split, at)));
        }
    }
    members
}

/// A table of the groups of two images or more: `group,class,source,split`, where `split` is what the image was drawn
/// for, and empty where it was not drawn.
pub fn write_table(path: &Path, classes: &[&ClassImages], groups: &Groups, drawn: &[Slots; 3]) -> Result<()> {
    let mut drawn_for: HashMap<(u32, u32), &str> = HashMap::new();
    for (split, slots) in drawn.iter().enumerate() {
        drawn_for.extend(slots.iter().map(|(_, image)| (key(image.place), SPLITS[split])));
    }
    let mut table = csv::Writer::from_path(path)?;
    table.write_record(["group", "class", "source", "split"])?;
    let several = members(groups).into_values().filter(|members| members.len() > 1);
    for (number, members) in several.enumerate() {
        for (label, split, at) in members {
            let image = &classes[label].images[split][at];
            let drawn = drawn_for.get(&key(image.place)).copied().unwrap_or_default();
            table.write_record([&number.to_string(), &classes[label].name, &image.id, drawn])?;
        }
    }
    Ok(table.flush()?)
}
