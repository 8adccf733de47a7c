//! Decodes, resizes and writes the images drawn, in memory that does not grow with the pixels.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use fast_image_resize::Resizer;
use rayon::prelude::*;

use super::cache::{Cache, Key};
use super::catalog::{ClassImages, ImageRef, Pictures, ReadError, SPLITS, SplitIndex};
use super::draw::{Draws, Slots};
use super::image_set::PixelType;
use super::kin::Look;
use super::resize::square;
use super::split_writer::SplitWriter;
use super::statistics::ChannelSums;
use crate::engine::{Stopped, Task};
use crate::recipe::{Amount, Describe, Fit, Preprocess, Subset};

/// Bytes of finished pixels that wait to be written.
const BATCH: usize = 32 << 20;
/// Names that an error lists before it says how many there are.
const SHOWN: usize = 20;

/// An image whose pixels are ready.
struct Ready {
    sums: ChannelSums,
    /// SHA-256 of its file.
    digest: Option<Key>,
    /// Whether it was decoded, and not remembered.
    is_new: bool,
}

pub struct Packing<'a> {
    look: &'a Look<'a>,
    task: &'a Task,
    recipe: &'a Subset,
    draws: Draws<'a>,
    names: Vec<&'a str>,
    /// Finished pixels of files looked at before, at this size.
    cache: Cache,
    /// Over train.
    sums: ChannelSums,
    /// Source id and reason.
    unreadable: Vec<(&'a str, String)>,
    /// Split and id of the first image with these bytes.
    seen: BTreeMap<Key, (SplitIndex, &'a str)>,
    copies: Vec<(&'a str, &'a str)>,
    done: u64,
    total: u64,
}

impl<'a> Packing<'a> {
    pub fn new(
        look: &'a Look<'a>,
        recipe: &'a Subset,
        classes: &[&'a ClassImages],
        draws: Draws<'a>,
    ) -> Packing<'a> {
        let side = recipe.image_size as usize;
        let fit = match recipe.fit {
            Fit::Crop => "crop",
            Fit::Stretch => "stretch",
            Fit::Letterbox => "letterbox",
        };
        let name = format!("pixels-{side}-{fit}-{}", Subset::REVISION);
        Packing {
            look,
            task: look.task,
            recipe,
            draws,
            names: classes.iter().map(|class| class.name.as_str()).collect(),
            cache: Cache::open(&look.task.job.store, &name, side * side * 3),
            sums: ChannelSums::default(),
            unreadable: Vec::new(),
            seen: BTreeMap::new(),
            copies: Vec::new(),
            done: 0,
            total: 0,
        }
    }

    /// Writes every split, and says what train's channels are.
    pub fn pack_all(mut self, drawn: [Slots<'a>; 3]) -> Result<Preprocess> {
        self.total = drawn.iter().map(|slots| slots.len() as u64).sum();
        for (split, slots) in drawn.into_iter().enumerate() {
            self.pack(split, slots)?;
        }
        self.cache.save();
        self.tell_of_copies();
        self.settle_unreadable()?;
        Ok(self.sums.preprocess())
    }

    /// Writes one split: class by class, the images of a class in the order in which they are drawn.
    fn pack(&mut self, split: SplitIndex, slots: Slots<'a>) -> Result<()> {
        let takes_all = matches!(self.recipe.per_class.amounts()[split], Amount::Every(_));
        let slots = if takes_all && self.recipe.skip_unreadable { self.readable(slots)? } else { slots };
        let side = self.recipe.image_size as usize;
        let path = self.task.content(&format!("{}.safetensors", SPLITS[split]));
        let mut writer = SplitWriter::create(&path, slots.len(), side, side, PixelType::U8)?;
        let mut pixels = vec![0; self.batch().min(slots.len()) * side * side * 3];
        for slots in slots.chunks(self.batch()) {
            let read = self.read(slots, &mut pixels)?;
            let images = slots.iter().zip(read).zip(pixels.chunks_exact_mut(side * side * 3));
            for (((label, image), read), pixels) in images {
                self.place(split, *label, image, read, pixels, &mut writer)?;
            }
            self.done += slots.len() as u64;
            self.task.progress(self.done, self.total, "image", &[]);
        }
        // With an image missing the split is never finished, and neither is the stage.
        if self.unreadable.is_empty() || self.recipe.skip_unreadable { writer.finish() } else { Ok(()) }
    }

    fn batch(&self) -> usize {
        let side = self.recipe.image_size as usize;
        (BATCH / (side * side * 3)).clamp(2 * self.look.threads.current_num_threads(), 1024)
    }

    /// A split that takes every image has no other one for a file that does not decode, and must know before it begins
    /// how many there are.
    fn readable(&mut self, slots: Slots<'a>) -> Result<Slots<'a>> {
        let size = (self.recipe.image_size as usize).pow(2) * 3;
        let mut pixels = vec![0; self.batch().min(slots.len()) * size];
        let mut left = Vec::with_capacity(slots.len());
        for slots in slots.chunks(self.batch()) {
            for (slot, read) in slots.iter().zip(self.read(slots, &mut pixels)?) {
                match read {
                    Ok(_) => left.push(*slot),
                    Err(ReadError::Unreadable(reason)) => self.unreadable.push((&slot.1.id, reason)),
                    Err(ReadError::Failed(error)) => return Err(error),
                }
            }
        }
        self.total -= (slots.len() - left.len()) as u64;
        Ok(left)
    }

    /// Fills `pixels` with the images, on all threads.
    fn read(&self, slots: &[(usize, &ImageRef)], pixels: &mut [u8]) -> Result<Vec<Result<Ready, ReadError>>> {
        if self.task.should_stop() {
            return Err(Stopped { saved_at: None }.into());
        }
        let size = (self.recipe.image_size as usize).pow(2) * 3;
        let source = self.source();
        let read = |resizer: &mut Resizer, (slot, into): (&(usize, &ImageRef), &mut [u8])| {
            source.ready(resizer, slot.1, into)
        };
        let images = slots.par_iter().zip(pixels.par_chunks_exact_mut(size)).map_init(Resizer::new, read);
        Ok(self.look.threads.install(|| images.collect()))
    }

    fn source(&self) -> Source<'_> {
        let Subset { image_size: side, fit, .. } = *self.recipe;
        Source { pictures: self.look.pictures, cache: &self.cache, side, fit }
    }

    /// Puts an image into its slot, or another of its class if it cannot be read and may be left out.
    fn place(
        &mut self,
        split: SplitIndex,
        label: usize,
        first: &'a ImageRef,
        read: Result<Ready, ReadError>,
        pixels: &mut [u8],
        writer: &mut SplitWriter,
    ) -> Result<()> {
        let (mut image, mut read) = (first, read);
        loop {
            match read {
                Ok(ready) => return self.push(split, label, image, &ready, pixels, writer),
                Err(ReadError::Failed(error)) => return Err(error),
                Err(ReadError::Unreadable(reason)) => self.unreadable.push((&image.id, reason)),
            }
            if !self.recipe.skip_unreadable {
                return Ok(());
            }
            let other = self.draws.next(label, split);
            image = other.ok_or_else(|| self.exhausted(split, label))?;
            read = self.source().ready(&mut Resizer::new(), image, pixels);
        }
    }

    fn push(
        &mut self,
        split: SplitIndex,
        label: usize,
        image: &'a ImageRef,
        ready: &Ready,
        pixels: &[u8],
        writer: &mut SplitWriter,
    ) -> Result<()> {
        if !self.unreadable.is_empty() && !self.recipe.skip_unreadable {
            return Ok(());
        }
        if split == 0 {
            self.sums.add(&ready.sums);
        }
        if let Some(digest) = ready.digest {
            let (other, id) = *self.seen.entry(digest).or_insert((split, &image.id));
            if other != split {
                self.copies.push((&image.id, id));
            }
            if ready.is_new {
                self.cache.add(&digest, pixels);
            }
        }
        writer.push(pixels, label as i64, &image.id)
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

/// Where finished pixels come from; shared by all threads.
struct Source<'a> {
    pictures: &'a dyn Pictures,
    cache: &'a Cache,
    side: u32,
    fit: Fit,
}

impl Source<'_> {
    fn ready(&self, resizer: &mut Resizer, image: &ImageRef, into: &mut [u8]) -> Result<Ready, ReadError> {
        let file = self.pictures.file(image.place);
        let digest = file.as_ref().map(|file| file.digest);
        let is_new = !digest.is_some_and(|digest| self.cache.get(&digest, into));
        if is_new {
            let picture = self.pictures.read_from(image.place, file)?;
            square(resizer, &picture, self.side, self.fit, into);
        }
        Ok(Ready { sums: ChannelSums::of(into), digest, is_new })
    }
}
