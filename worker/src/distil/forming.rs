//! Pictures of the set forming: one PNG of all images at the start, at each quarter and at the end.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use pipeline::engine::Task;
use tch::{Kind, Tensor, vision};

/// The folder's name, in the checkpoints and beside the artifact.
const FOLDER: &str = "forming";
/// Images of a class that a picture shows at most.
const COLUMNS: i64 = 10;
/// White pixels around each image.
const BORDER: i64 = 2;

/// Whether a picture is due once `iteration` of `total` are done.
pub fn is_due(iteration: u64, total: u64) -> bool {
    (0..=4).any(|quarter| total * quarter / 4 == iteration)
}

/// A row a class of `pixels` `[classes × per class, h, w, 3]` (black 0, white 1), named by the iteration. Kept with
/// the checkpoints until [`publish`], so that a resumed distillation has them all.
pub fn picture(task: &Task, pixels: &Tensor, per_class: i64, iteration: u64) -> Result<()> {
    let folder = task.checkpoints().join(FOLDER);
    let path = folder.join(format!("{iteration:07}.png"));
    let write = || -> Result<()> {
        fs::create_dir_all(&folder)?;
        Ok(vision::image::save(&grid(pixels, per_class), &path)?)
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

/// `[3, height, width]` u8.
fn grid(pixels: &Tensor, per_class: i64) -> Tensor {
    let shape = pixels.size();
    let (height, width) = (shape[1] + 2 * BORDER, shape[2] + 2 * BORDER);
    let columns = per_class.min(COLUMNS);
    let shown = (pixels.clamp(0.0, 1.0) * 255.0).round().permute([0, 3, 1, 2]);
    let framed = shown.pad([BORDER; 4], "constant", 255.0);
    let table = framed.view([-1, per_class, 3, height, width]).narrow(1, 0, columns);
    let rows = table.size()[0];
    table.permute([2, 0, 3, 1, 4]).reshape([3, rows * height, columns * width]).to_kind(Kind::Uint8)
}

/// Copies the pictures to `measured/forming/`.
pub fn publish(task: &Task) -> Result<()> {
    let (from, to) = (task.checkpoints().join(FOLDER), task.measured(FOLDER));
    copy_all(&from, &to).with_context(|| format!("cannot copy pictures to `{}`", to.display()))
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
