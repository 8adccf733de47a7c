//! The stage: an image set's training images and their augmented copies. Knows images by index, no augmentation.

mod plan;

use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use rayon::ThreadPool;
use rayon::prelude::*;

use super::copy::Workspace;
use super::image::{Image, Picture};
use crate::data::{Labels, PixelType, Pixels, Split, SplitWriter};
use crate::engine::{Stopped, Task};
use crate::recipe::{Augment, files};
use plan::Plan;
pub use plan::Round;

/// Bytes of copies made at a time. One such piece is written while the next is made: memory stays flat at two of
/// them and what each thread works in, and a stop request is heard after one.
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
        let image = split.height() * split.width() * 3;
        for index in 0..split.len() {
            output.push(index, &originals[index * image..][..image], None)?;
            output.report_every(256)?;
        }
    }
    let mut maker = Maker::new(&settings, (split.width(), originals), split.len(), &pool);
    for round in plan.rounds() {
        let indices: Vec<usize> = plan.images(*round).collect();
        for indices in indices.chunks(maker.at_a_time) {
            maker.make(*round, indices, &mut output, &pool)?;
        }
    }
    maker.made.write(&mut output)?;
    output.writer.finish()
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

/// Copies with the images that they are of.
#[derive(Default)]
struct Piece {
    round: Option<Round>,
    indices: Vec<usize>,
    images: Vec<Image>,
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

    /// Makes a piece while the one before is written.
    fn make(
        &mut self,
        round: Round,
        indices: &[usize],
        output: &mut Output,
        pool: &ThreadPool,
    ) -> Result<()> {
        let mut next = std::mem::take(&mut self.next);
        next.round = Some(round);
        next.indices.clear();
        next.indices.extend_from_slice(indices);
        // Images keep their memory from piece to piece.
        next.images.resize_with(next.images.len().max(indices.len()), Image::default);
        let maker = &*self;
        let make_all = |next: &mut Piece| {
            let images = next.images.par_iter_mut().zip(&next.indices);
            images.for_each(|(image, index)| maker.make_one(round, *index, image));
        };
        let written = if pool.current_num_threads() == 1 {
            pool.install(|| make_all(&mut next));
            maker.made.write(output)
        } else {
            pool.in_place_scope(|scope| {
                scope.spawn(|_| make_all(&mut next));
                maker.made.write(output)
            })
        };
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

impl Piece {
    fn write(&self, output: &mut Output) -> Result<()> {
        let Some(round) = self.round else { return Ok(()) };
        for (index, image) in self.indices.iter().zip(&self.images) {
            output.push(*index, &image.pixels, Some(round))?;
        }
        output.report_every(1)
    }
}

/// What is being written, and how far it is.
struct Output<'a> {
    task: &'a Task,
    settings: &'a Augment,
    split: &'a Split,
    labels: Labels,
    writer: SplitWriter,
    done: usize,
    total: usize,
}

impl<'a> Output<'a> {
    fn create(task: &'a Task, settings: &'a Augment, split: &'a Split, plan: &Plan) -> Result<Output<'a>> {
        let path = task.content(files::TRAIN);
        let (height, width) = (split.height(), split.width());
        let total = plan.copies() + split.len() * usize::from(settings.keep_originals);
        let labels = split.labels();
        let writer = match &labels {
            Labels::Hard(_) => SplitWriter::create(&path, total, height, width, PixelType::U8),
            Labels::Soft { classes, .. } => {
                SplitWriter::create_soft(&path, total, height, width, PixelType::U8, *classes)
            }
        }?;
        Ok(Output { task, settings, split, labels, writer, done: 0, total })
    }

    /// `index` is the original's; copies are named after it: `train/A/1.jpg#copy1`, or `train/A/1.jpg#copy1-edges`
    /// where they got one augmentation.
    fn push(&mut self, index: usize, image: &[u8], round: Option<Round>) -> Result<()> {
        let mut source = self.split.source(index).to_string();
        if let Some(Round { number, only, .. }) = round {
            let op = only.map_or(String::new(), |place| format!("-{}", self.settings.apply[place].name()));
            source = format!("{source}#copy{number}{op}");
        }
        self.done += 1;
        match &self.labels {
            Labels::Hard(labels) => self.writer.push(image, labels[index], &source),
            Labels::Soft { values, classes } => {
                let weights = &values[index * classes..][..*classes];
                self.writer.push_soft(Pixels::U8(image), weights, &source)
            }
        }
    }

    fn report_every(&self, images: usize) -> Result<()> {
        if self.done.is_multiple_of(images) || self.done == self.total {
            self.task.progress(self.done as u64, self.total as u64, "image", &[]);
            if self.task.should_stop() {
                return Err(Stopped { saved_at: None }.into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
