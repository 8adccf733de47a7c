//! The stage: an image set's training images and their augmented copies. Knows images by index, no augmentation.

use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use rayon::ThreadPool;
use rayon::prelude::*;

use super::copy::Workspace;
use crate::data::{Labels, PixelType, Pixels, Split, SplitWriter};
use crate::engine::{Stopped, Task};
use crate::recipe::{Augment, files};

/// Bytes of copies made at a time: memory stays flat, and a stop request is heard after one such piece.
const PIECE: usize = 4 << 20;

/// Writes `train.safetensors`: the originals in their order if they are kept, then copy 1 of every image, then copy
/// 2, ...; equal bytes for any number of threads.
///
/// # Errors
/// The images are of floats (distilled ones are), files cannot be read or written, or [`Stopped`].
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
    let pool = rayon::ThreadPoolBuilder::new().num_threads(task.job.threads.max(1)).build();
    let pool = pool.context("cannot start threads")?;
    let mut output = Output::create(task, &settings, &split)?;
    if settings.keep_originals {
        let image = split.height() * split.width() * 3;
        for index in 0..split.len() {
            output.push(index, &originals[index * image..][..image], None)?;
            output.report_every(256)?;
        }
    }
    push_copies(&mut output, &settings, (split.width(), originals), &pool)?;
    output.writer.finish()
}

fn push_copies(
    output: &mut Output,
    settings: &Augment,
    (width, originals): (usize, &[u8]),
    pool: &ThreadPool,
) -> Result<()> {
    let images = output.split.len();
    let size = originals.len().checked_div(images).unwrap_or(0).max(1);
    let workspaces: Vec<Mutex<Workspace>> =
        (0..pool.current_num_threads()).map(|_| Mutex::default()).collect();
    let mut piece = vec![0; (PIECE / size).clamp(1, images.max(1)) * size];
    let make = |copy: u32, index: usize, out: &mut [u8]| {
        let thread = rayon::current_thread_index().expect("copies are made inside the pool");
        let mut workspace = workspaces[thread].lock().expect("a thread locks its own workspace alone");
        workspace.make_copy(settings, (index, copy), (width, &originals[index * size..][..size]), out);
    };
    for copy in 0..settings.copies {
        for first in (0..images).step_by(piece.len() / size) {
            let count = (images - first).min(piece.len() / size);
            let made = &mut piece[..count * size];
            pool.install(|| {
                let copies = made.par_chunks_exact_mut(size).enumerate();
                copies.for_each(|(place, out)| make(copy, first + place, out));
            });
            for (place, image) in made.chunks_exact(size).enumerate() {
                output.push(first + place, image, Some(copy))?;
            }
            output.report_every(1)?;
        }
    }
    Ok(())
}

/// What is being written, and how far it is.
struct Output<'a> {
    task: &'a Task,
    split: &'a Split,
    labels: Labels,
    writer: SplitWriter,
    done: usize,
    total: usize,
}

impl<'a> Output<'a> {
    fn create(task: &'a Task, settings: &Augment, split: &'a Split) -> Result<Output<'a>> {
        let path = task.content(files::TRAIN);
        let (height, width) = (split.height(), split.width());
        let total = split.len() * (settings.copies as usize + usize::from(settings.keep_originals));
        let labels = split.labels();
        let writer = match &labels {
            Labels::Hard(_) => SplitWriter::create(&path, total, height, width, PixelType::U8),
            Labels::Soft { classes, .. } => {
                SplitWriter::create_soft(&path, total, height, width, PixelType::U8, *classes)
            }
        }?;
        Ok(Output { task, split, labels, writer, done: 0, total })
    }

    /// `index` is the original's; copies are named after it: `train/A/1.jpg#copy1`.
    fn push(&mut self, index: usize, image: &[u8], copy: Option<u32>) -> Result<()> {
        let original = self.split.source(index);
        let source = copy.map_or(original.to_string(), |copy| format!("{original}#copy{}", copy + 1));
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
