//! The subset stage: draws, decodes, resizes and packs, in memory that does not grow with the data set.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use fast_image_resize::Resizer;
use rayon::ThreadPool;
use rayon::prelude::*;

use super::catalog::{Catalog, ClassImages, ImageRef, Pictures, ReadError, SPLITS, SplitIndex};
use super::draw::{Draw, check_sizes, choose};
use super::image_set::PixelType;
use super::resize::square;
use super::sidecar::{Classes, write_preprocess};
use super::split_writer::SplitWriter;
use super::statistics::ChannelSums;
use crate::engine::{Stopped, Task};
use crate::recipe::{Fit, Format, Subset, files};

/// Bytes of finished pixels that wait to be written.
const BATCH: usize = 32 << 20;
/// Names that an error lists before it says how many there are.
const SHOWN: usize = 20;

/// Makes the image set that [`Subset`] describes.
pub fn subset(task: &Task) -> Result<()> {
    let (recipe, format) = parameters(task)?;
    task.started(None);
    let source = task.job.sources.contains_key("dataset").then(|| task.source("dataset")).transpose()?;
    let catalog = Catalog::open(&format, source)?;
    catalog.warnings.iter().for_each(|warning| task.warn(warning));
    let classes = choose(&catalog, &recipe.classes).with_context(|| said_of(task))?;
    check_sizes(&classes, &recipe.per_class).with_context(|| said_of(task))?;

    let pool = rayon::ThreadPoolBuilder::new().num_threads(task.job.threads.max(1)).build()?;
    let mut packing = Packing::new(task, &recipe, catalog.pictures.as_ref(), &pool, &classes);
    let counts = [recipe.per_class.train, recipe.per_class.valid, recipe.per_class.test];
    for (split, count) in counts.into_iter().enumerate() {
        packing.pack(split, count as usize)?;
    }
    packing.tell_of_copies();
    packing.settle_unreadable()?;
    write_preprocess(&task.content(files::PREPROCESS), &packing.sums.preprocess())?;
    let names = classes.iter().map(|class| class.name.clone()).collect();
    Classes(names).write(&task.content(files::CLASSES))
}

/// The recipe, and the layout that stands in the key in place of the data set's name.
fn parameters(task: &Task) -> Result<(Subset, Format)> {
    let fits = "the job's parameters do not fit this program's version";
    let mut parameters = task.job.pre_image["parameters"].clone();
    let format = serde_json::from_value(parameters["dataset"]["format"].take()).context(fits)?;
    parameters["dataset"] = task.job.provenance.get("dataset").cloned().unwrap_or_else(|| "".into());
    Ok((serde_json::from_value(parameters).context(fits)?, format))
}

fn said_of(task: &Task) -> String {
    let named = |fact: &str| task.job.provenance.get(fact).and_then(|name| name.as_str());
    let (name, label) = (named("dataset").unwrap_or_default(), &task.job.label);
    match named("stand_in") {
        Some(stand_in) => {
            format!("`{label}` asks data set `{stand_in}` (stand-in for `{name}`) for what it has not")
        }
        None => format!("`{label}` asks data set `{name}` for what it has not"),
    }
}

/// An image on its way into a split.
struct Ready {
    pixels: Vec<u8>,
    sums: ChannelSums,
}

struct Packing<'a> {
    task: &'a Task,
    recipe: &'a Subset,
    pictures: &'a dyn Pictures,
    pool: &'a ThreadPool,
    draws: Vec<Draw<'a>>,
    names: Vec<&'a str>,
    /// Over train.
    sums: ChannelSums,
    /// Source id and reason.
    unreadable: Vec<(&'a str, String)>,
    /// Split and id of the first image with these bytes.
    seen: BTreeMap<&'a str, (SplitIndex, &'a str)>,
    copies: Vec<(&'a str, &'a str)>,
    done: u64,
}

impl<'a> Packing<'a> {
    fn new(
        task: &'a Task,
        recipe: &'a Subset,
        pictures: &'a dyn Pictures,
        pool: &'a ThreadPool,
        classes: &[&'a ClassImages],
    ) -> Packing<'a> {
        Packing {
            task,
            recipe,
            pictures,
            pool,
            draws: classes.iter().map(|class| Draw::new(class, recipe.seed)).collect(),
            names: classes.iter().map(|class| class.name.as_str()).collect(),
            sums: ChannelSums::default(),
            unreadable: Vec::new(),
            seen: BTreeMap::new(),
            copies: Vec::new(),
            done: 0,
        }
    }

    /// Writes one split: class by class, the images of a class in the order in which they are drawn.
    fn pack(&mut self, split: SplitIndex, count: usize) -> Result<()> {
        let slots = self.slots(split, count)?;
        let side = self.recipe.image_size as usize;
        let path = self.task.content(&format!("{}.safetensors", SPLITS[split]));
        let mut writer = SplitWriter::create(&path, slots.len(), side, side, PixelType::U8)?;
        let batch = (BATCH / (side * side * 3)).clamp(2 * self.pool.current_num_threads(), 1024);
        for slots in slots.chunks(batch) {
            if self.task.should_stop() {
                return Err(Stopped { saved_at: None }.into());
            }
            for ((label, image), read) in slots.iter().zip(self.read(slots)) {
                self.place(split, *label, image, read, &mut writer)?;
            }
            self.tell_progress(slots.len());
        }
        // With an image missing the split is never finished, and neither is the stage.
        if self.unreadable.is_empty() || self.recipe.skip_unreadable { writer.finish() } else { Ok(()) }
    }

    /// (label, image) of every place in the split.
    fn slots(&mut self, split: SplitIndex, count: usize) -> Result<Vec<(usize, &'a ImageRef)>> {
        let mut slots = Vec::with_capacity(count * self.draws.len());
        for label in 0..self.draws.len() {
            for _ in 0..count {
                // There were enough, but for those that could not be read.
                let image = self.draws[label].next(split).ok_or_else(|| self.exhausted(split, label))?;
                slots.push((label, image));
            }
        }
        Ok(slots)
    }

    fn read(&self, slots: &[(usize, &ImageRef)]) -> Vec<Result<Ready, ReadError>> {
        let (pictures, side, fit) = (self.pictures, self.recipe.image_size, self.recipe.fit);
        let read = |resizer: &mut Resizer, (_, image): &(usize, &ImageRef)| {
            ready(pictures, resizer, image, side, fit)
        };
        self.pool.install(|| slots.par_iter().map_init(Resizer::new, read).collect())
    }

    /// Puts an image into its slot, or another of its class if it cannot be read and may be left out.
    fn place(
        &mut self,
        split: SplitIndex,
        label: usize,
        first: &'a ImageRef,
        read: Result<Ready, ReadError>,
        writer: &mut SplitWriter,
    ) -> Result<()> {
        let (mut image, mut read) = (first, read);
        loop {
            match read {
                Ok(ready) => return self.push(split, label, image, ready, writer),
                Err(ReadError::Failed(error)) => return Err(error),
                Err(ReadError::Unreadable(reason)) => self.unreadable.push((&image.id, reason)),
            }
            if !self.recipe.skip_unreadable {
                return Ok(());
            }
            let Some(other) = self.draws[label].next(split) else { return Err(self.exhausted(split, label)) };
            image = other;
            read = ready(self.pictures, &mut Resizer::new(), image, self.recipe.image_size, self.recipe.fit);
        }
    }

    fn push(
        &mut self,
        split: SplitIndex,
        label: usize,
        image: &'a ImageRef,
        ready: Ready,
        writer: &mut SplitWriter,
    ) -> Result<()> {
        if !self.unreadable.is_empty() && !self.recipe.skip_unreadable {
            return Ok(());
        }
        if split == 0 {
            self.sums.add(&ready.sums);
        }
        if let Some(digest) = self.pictures.digest(image.place) {
            let (other, id) = *self.seen.entry(digest).or_insert((split, &image.id));
            if other != split {
                self.copies.push((&image.id, id));
            }
        }
        writer.push(&ready.pixels, label as i64, &image.id)
    }

    fn tell_progress(&mut self, images: usize) {
        self.done += images as u64;
        let count = &self.recipe.per_class;
        let each = u64::from(count.train) + u64::from(count.valid) + u64::from(count.test);
        self.task.progress(self.done, each * self.draws.len() as u64, "image", &[]);
    }

    fn exhausted(&self, split: SplitIndex, label: usize) -> anyhow::Error {
        let listed = self.list_unreadable();
        anyhow::anyhow!(
            "class `{}` has too few images that can be read, for {}\n{listed}\nhint: replace the files, or lower `per_class`",
            self.names[label],
            SPLITS[split],
        )
    }

    fn list_unreadable(&self) -> String {
        let shown = self.unreadable.iter().take(SHOWN);
        let mut lines: Vec<String> = shown.map(|(id, reason)| format!("`{id}`: {reason}")).collect();
        if self.unreadable.len() > SHOWN {
            lines.push(format!("... and {} more", self.unreadable.len() - SHOWN));
        }
        lines.join("\n")
    }

    /// A test image that is also a training image measures memory; a person should know.
    fn tell_of_copies(&self) {
        let Some((id, first)) = self.copies.first() else { return };
        let n = self.copies.len();
        self.task.warn(format!(
            "{n} images are in two splits under two names: `{id}` has the bytes of `{first}`, ..."
        ));
    }

    /// Fails, or lists what was left out.
    fn settle_unreadable(&self) -> Result<()> {
        let n = self.unreadable.len();
        if n == 0 {
            return Ok(());
        }
        if !self.recipe.skip_unreadable {
            bail!(
                "{n} of the images drawn cannot be read:\n{}\nhint: replace the files, or leave them out with `skip_unreadable = true`",
                self.list_unreadable()
            );
        }
        let path = self.task.measured("unreadable.csv");
        let mut table = csv::Writer::from_path(&path)?;
        table.write_record(["source", "reason"])?;
        self.unreadable.iter().try_for_each(|(id, reason)| table.write_record([*id, reason.as_str()]))?;
        table.flush()?;
        let (first, reason) = &self.unreadable[0];
        self.task.warn(format!(
            "{n} images cannot be read and others took their places: `{first}` ({reason}), ..."
        ));
        self.task.note("unreadable_images", n);
        Ok(())
    }
}

fn ready(
    pictures: &dyn Pictures,
    resizer: &mut Resizer,
    image: &ImageRef,
    side: u32,
    fit: Fit,
) -> Result<Ready, ReadError> {
    let picture = pictures.read(image.place)?;
    let pixels = square(resizer, &picture, side, fit);
    Ok(Ready { sums: ChannelSums::of(&pixels), pixels })
}

#[cfg(test)]
#[path = "subset_tests.rs"]
mod tests;
