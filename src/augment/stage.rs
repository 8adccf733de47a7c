//! The stage: an image set's training images and their augmented copies. Knows images by index, no augmentation.

mod plan;

use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use rayon::ThreadPool;
use rayon::prelude::*;

use super::copy::Workspace;
use super::image::{Image, Picture};
use crate::data::{Foretold, ForetoldSplit, Pixels, Split, foretold_split};
use crate::engine::{Digesting, Stopped, Task};
use crate::recipe::{Augment, files};
use plan::Plan;
pub use plan::Round;

/// Bytes of copies made at a time. One such piece is written and digested while the next is made: memory stays flat at
/// two of them and what each thread works in, and a stop request is heard after one.
const PIECE: usize = 4 << 20;

/// Writes `train.safetensors`: the originals in their order if they are kept, then a copy of every image, then the
/// next copies, ...; equal bytes for any number of threads.
///
/// # Errors
/// The images are of floats (distilled ones are), a class cannot be balanced, files cannot be read or written, or
/// [`Stopped`].
pub fn augment(task: &Task) -> Result<()> {
    let settings: Augment = task.parameters()?;
    task.started(None);
    let split = Split::open(task.input("from", files::TRAIN)?)?;
    let Pixels::U8(originals) = split.pixels() else {
        bail!(
            "the images of `{}` are of floats, and augmentations are made of 8-bit images\n\
             hint: augment the set it was distilled from",
            task.input_label("from")
        );
    };
    let plan = Plan::new(&settings, &split.labels())?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(task.job.threads.max(1)).build();
    let pool = pool.context("cannot start threads")?;
    let mut output = Output::create(task, &settings, &split, &plan)?;
    if settings.keep_originals {
        output.push_originals(originals, &pool)?;
    }
    let mut maker = Maker::new(&settings, (split.width(), originals), split.len(), &pool);
    for round in plan.rounds() {
        let indices: Vec<usize> = plan.images(*round).collect();
        for indices in indices.chunks(maker.at_a_time) {
            maker.make(*round, indices, &mut output, &pool)?;
        }
    }
    output.push(&maker.made, &pool, || {})?;
    output.finish()
}

/// What makes copies: each thread's workspace, and two pieces.
struct Maker<'a> {
    settings: &'a Augment,
    width: usize,
    originals: &'a [u8],
    /// Bytes of an image.
    size: usize,
    /// Images of a piece.
    at_a_time: usize,
    workspaces: Vec<Mutex<Workspace>>,
    /// Made, and not yet written.
    made: Piece,
    next: Piece,
}

/// Copies, and of which images they are; there may be room for more.
#[derive(Default)]
struct Piece {
    indices: Vec<usize>,
    images: Vec<Image>,
}

impl Piece {
    fn pixels(&self) -> impl Iterator<Item = &[u8]> {
        self.images[..self.indices.len()].iter().map(|image| &image.pixels[..])
    }
}

impl<'a> Maker<'a> {
    fn new(
        settings: &'a Augment,
        (width, originals): (usize, &'a [u8]),
        count: usize,
        pool: &ThreadPool,
    ) -> Maker<'a> {
        let size = originals.len().checked_div(count).unwrap_or(0).max(1);
        let workspaces = (0..pool.current_num_threads()).map(|_| Mutex::default()).collect();
        let at_a_time = (PIECE / size).max(1);
        let (made, next) = Default::default();
        Maker { settings, width, originals, size, at_a_time, workspaces, made, next }
    }

    /// Makes a piece while the one before is written and digested.
    fn make(
        &mut self,
        round: Round,
        indices: &[usize],
        output: &mut Output,
        pool: &ThreadPool,
    ) -> Result<()> {
        let mut next = std::mem::take(&mut self.next);
        next.indices.clear();
        next.indices.extend_from_slice(indices);
        // Images keep their memory from piece to piece.
        next.images.resize_with(next.images.len().max(indices.len()), Image::default);
        let maker = &*self;
        let written = output.push(&maker.made, pool, || {
            let images = next.images.par_iter_mut().zip(&next.indices);
            images.for_each(|(image, index)| maker.make_one(round, *index, image));
        });
        self.next = std::mem::replace(&mut self.made, next);
        written
    }

    fn make_one(&self, round: Round, index: usize, image: &mut Image) {
        let thread = rayon::current_thread_index().expect("copies are made inside the pool");
        let mut workspace = self.workspaces[thread].lock().expect("a thread locks its own workspace alone");
        let original = &self.originals[index * self.size..][..self.size];
        let original = Picture { width: self.width, pixels: original };
        workspace.make_copy(self.settings, (index, round), original, image);
    }
}

/// What is being written, and how far it is.
struct Output<'a> {
    task: &'a Task,
    /// Bytes of an image.
    image: usize,
    file: ForetoldSplit,
    digesting: Digesting,
    done: usize,
    total: usize,
}

impl<'a> Output<'a> {
    fn create(task: &'a Task, settings: &Augment, split: &Split, plan: &Plan) -> Result<Output<'a>> {
        let kept = if settings.keep_originals { split.len() } else { 0 };
        let originals = (0..kept).map(|index| (index, split.source(index).to_string()));
        let copies = plan.rounds().iter().flat_map(|round| {
            plan.images(*round).map(|index| (index, name_of_copy(settings, split.source(index), *round)))
        });
        let foretold = Foretold::of(&split.labels(), originals.chain(copies));
        let path = task.content(files::TRAIN);
        let (file, digesting) = foretold_split(&path, split.height(), split.width(), foretold)?;
        let image = (split.height() * split.width() * 3).max(1);
        Ok(Output { task, image, file, digesting, done: 0, total: kept + plan.copies() })
    }

    fn push_originals(&mut self, originals: &[u8], pool: &ThreadPool) -> Result<()> {
        let size = self.image;
        for images in originals.chunks((PIECE / size).max(1) * size) {
            self.push_pixels(&[images], images.len() / size, pool, || {})?;
        }
        Ok(())
    }

    /// Writes and digests images, and has `meanwhile` done on the threads that are free.
    fn push(&mut self, images: &Piece, pool: &ThreadPool, meanwhile: impl FnOnce() + Send) -> Result<()> {
        let pixels: Vec<&[u8]> = images.pixels().collect();
        self.push_pixels(&pixels, pixels.len(), pool, meanwhile)
    }

    fn push_pixels(
        &mut self,
        pixels: &[&[u8]],
        images: usize,
        pool: &ThreadPool,
        meanwhile: impl FnOnce() + Send,
    ) -> Result<()> {
        let Output { file, digesting, .. } = self;
        let mut write = || pixels.iter().try_for_each(|pixels| file.push(pixels));
        let mut digest = || pixels.iter().for_each(|pixels| digesting.update(pixels));
        let written = pool.install(|| {
            rayon::scope(|scope| {
                // A free thread takes the oldest first: the digest, with which no other can help.
                scope.spawn(|_| digest());
                scope.spawn(|_| meanwhile());
                write()
            })
        });
        written?;
        self.done += images;
        self.report(images)
    }

    fn report(&self, images: usize) -> Result<()> {
        if images > 0 {
            self.task.progress(self.done as u64, self.total as u64, "image", &[]);
            if self.task.should_stop() {
                return Err(Stopped { saved_at: None }.into());
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        let Output { task, file, mut digesting, .. } = self;
        digesting.update(file.end());
        file.finish()?;
        task.digested(files::TRAIN, digesting.finish())
    }
}

/// Copies are named after their original: `train/A/1.jpg#copy1`, or `train/A/1.jpg#copy1-edges` where they got one
/// augmentation.
fn name_of_copy(settings: &Augment, original: &str, Round { number, only, .. }: Round) -> String {
    let op = only.map_or(String::new(), |place| format!("-{}", settings.apply[place].name()));
    format!("{original}#copy{number}{op}")
}

#[cfg(test)]
mod tests;
