//! Pictures of the set forming: one PNG of all images at the start, at each quarter and at the end, and a strip with a
//! column for each of these moments.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pipeline::engine::Task;
use tch::{Tensor, vision};

use super::grid::{BORDER, grid};

/// The strip beside the artifact.
const STRIP: &str = "forming.png";
/// The folder of the pictures, in the checkpoints and beside the artifact.
const FOLDER: &str = "forming";
/// What a receipt calls the moments, in the order of the strip's columns.
const NOTE: &str = "forming";
/// Classes that the strip shows at most.
const ROWS: i64 = 10;
/// Images of a class that a picture shows at most.
const COLUMNS: i64 = 10;

/// Whether a picture is due once `iteration` of `total` are done.
pub fn is_due(iteration: u64, total: u64) -> bool {
    (0..=4).any(|quarter| total * quarter / 4 == iteration)
}

/// What the picture after so many iterations is called: names sort as the numbers do.
pub fn after(iterations: u64) -> String {
    format!("{iterations:07}")
}

/// A row a class of `pixels` `[classes × per class, h, w, 3]` (black 0, white 1), under the name of the moment. Kept
/// with the checkpoints until [`publish`], so that a resumed distillation has them all.
pub fn picture(task: &Task, pixels: &Tensor, per_class: i64, moment: &str) -> Result<()> {
    let folder = task.checkpoints().join(FOLDER);
    let path = folder.join(format!("{moment}.png"));
    let write = || -> Result<()> {
        fs::create_dir_all(&folder)?;
        Ok(vision::image::save(&grid(pixels, per_class, COLUMNS), &path)?)
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

/// Copies the pictures to `measured/forming/`, lays `measured/forming.png` out of them and notes its columns. Images are
/// `[height, width]`.
///
/// # Errors
/// A picture cannot be read or written.
pub fn publish(task: &Task, size: [usize; 2]) -> Result<()> {
    let (from, to) = (task.checkpoints().join(FOLDER), task.measured(FOLDER));
    let pictures =
        copy_all(&from, &to).with_context(|| format!("cannot copy pictures to `{}`", to.display()))?;
    let path = task.measured(STRIP);
    let write = || -> Result<()> { Ok(vision::image::save(&strip(&pictures, size)?, &path)?) };
    write().with_context(|| format!("cannot write `{}`", path.display()))?;
    task.note(NOTE, pictures.iter().map(|picture| moment(picture)).collect::<Vec<_>>());
    Ok(())
}

/// The pictures as they were copied, in the order of their names.
fn copy_all(from: &Path, to: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(to)?;
    let mut copies = Vec::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copies.push(to.join(entry.file_name()));
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    copies.sort();
    Ok(copies)
}

/// A picture's name without leading zeros.
fn moment(picture: &Path) -> String {
    let name = picture.file_stem().unwrap_or_default().to_string_lossy();
    name.parse::<u64>().map_or(name.to_string(), |iterations| iterations.to_string())
}

/// The first image of each of the first classes, a row each; a column a picture. `[3, height, width]` u8.
fn strip(pictures: &[PathBuf], [height, width]: [usize; 2]) -> Result<Tensor> {
    let (height, width) = (height as i64 + 2 * BORDER, width as i64 + 2 * BORDER);
    let mut columns = Vec::new();
    for picture in pictures {
        let whole = vision::image::load(picture)?;
        let rows = (whole.size()[1] / height).min(ROWS);
        columns.push(whole.narrow(1, 0, rows * height).narrow(2, 0, width));
    }
    Ok(Tensor::cat(&columns, 2))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::bench;
    use super::*;

    #[test]
    fn a_strip_has_the_first_image_of_ten_classes_and_a_column_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let task = bench(folder.path(), Value::Null).task();
        // Two images of each of twelve classes, as bright as class, image and moment say.
        for (number, moment) in [after(0), after(12), "centres".to_string()].iter().enumerate() {
            let shades: Vec<f32> = (0..24).map(|image| (image * 10 + number) as f32 / 255.0).collect();
            let pixels = Tensor::from_slice(&shades).view([24, 1, 1, 1]).expand([24, 5, 4, 3], false);
            picture(&task, &pixels, 2, moment).unwrap();
        }
        publish(&task, [5, 4]).unwrap();
        assert_eq!(task.noted()["forming"], json!(["0", "12", "centres"]));
        assert_eq!(fs::read_dir(folder.path().join("measured/forming")).unwrap().count(), 3);
        let strip = vision::image::load(folder.path().join("measured/forming.png")).unwrap();
        assert_eq!(strip.size(), [3, 10 * 9, 3 * 8]);
        let shade = |row: i64, column: i64| strip.int64_value(&[1, row * 9 + 4, column * 8 + 4]);
        let all = (0..10).flat_map(|row| (0..3).map(move |column| (row, column)));
        all.for_each(|(row, column)| assert_eq!(shade(row, column), 20 * row + column));
        assert_eq!(strip.int64_value(&[0, 0, 0]), 255, "a border is white");
    }
}
