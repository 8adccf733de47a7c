//! A contact sheet: what augmentations do to some images, to look at.

use super::canvas::Canvas;
use super::copy::Workspace;
use super::image::{Image, Spare};
use super::letters::{ADVANCE, LINE, write};
use super::random::Random;
use super::stage::Round;
use super::{occurs, work};
use crate::recipe::{Augment, Op, Policy};

/// White pixels between cells.
const GAP: usize = 4;
/// Images smaller than this are shown in whole multiples of their size, so that they are at least as large.
const SMALLEST: usize = 96;
/// Letters of a name on one line, in letters twice as large as those of settings.
const NAME: usize = 13;
/// Letters of settings on one line.
const SETTINGS: usize = 2 * NAME;

/// A row of the `images` as they are, then a row for each augmentation of `apply` with what it makes of them, labelled
/// with its name and settings; where copies get several, a last row of whole copies. Each image comes with its index
/// in the set: a cell shows what the image's first copy draws there, whatever the augmentation's probability.
pub fn sheet(images: &[(usize, Image)], settings: &Augment) -> Image {
    let mut rows: Vec<(Vec<String>, Vec<Image>)> = Vec::new();
    let as_they_are = images.iter().map(|(_, image)| image.clone()).collect();
    rows.push((vec!["original".into()], as_they_are));
    for (place, op) in settings.apply.iter().enumerate() {
        let changed = images.iter().map(|(index, image)| {
            let mut cell = Image::default();
            let mut random = Random::at([settings.seed, *index as u64, 0, place as u64]);
            // The draw that decides whether it is applied comes first.
            occurs(op, &mut random);
            let canvas = Canvas::copy_of(image.as_picture(), &mut cell);
            work(op, canvas, &mut Spare::default(), &mut random);
            cell
        });
        rows.push((label(op), changed.collect()));
    }
    if !matches!(settings.policy, Policy::OneCopyPerOp(_)) && settings.apply.len() > 1 {
        rows.push((vec!["first copy".into()], images.iter().map(|image| copy(image, settings)).collect()));
    }
    laid_out(&rows)
}

fn copy((index, image): &(usize, Image), settings: &Augment) -> Image {
    let mut copy = Image::default();
    let round = Round { number: 1, copy: 0, only: None };
    Workspace::default().make_copy(settings, (*index, round), image.as_picture(), &mut copy);
    copy
}

/// The name on as many lines as it takes, then a line for each setting.
fn label(op: &Op) -> Vec<String> {
    let mut lines = vec![op.name().to_string()];
    let written = serde_json::to_value(op).unwrap_or_default();
    for (setting, value) in written[op.name()].as_object().into_iter().flatten() {
        lines.push(format!("{setting} {}", value.to_string().replace('"', "")));
    }
    lines
}

/// Rows of images of one size, each below the other, with their labels on the left.
fn laid_out(rows: &[(Vec<String>, Vec<Image>)]) -> Image {
    let first = rows.first().and_then(|(_, images)| images.first());
    let (width, height) = first.map_or((1, 1), |image| (image.width.max(1), image.height.max(1)));
    let scale = SMALLEST.div_ceil(width.min(height)).max(1);
    let tallest = rows.iter().map(|(lines, _)| label_height(lines)).max().unwrap_or(0);
    let (across, down) = (width * scale + GAP, (height * scale).max(tallest) + GAP);
    let left = SETTINGS * ADVANCE + 2 * GAP;
    let columns = rows.iter().map(|(_, images)| images.len()).max().unwrap_or(0);
    let (width, height) = (left + columns * across, rows.len() * down + GAP);
    let mut sheet = Image { width, height, pixels: vec![255; width * height * 3] };
    for (row, (lines, images)) in rows.iter().enumerate() {
        let top = GAP + row * down;
        write_label(&mut sheet, lines, top);
        for (column, image) in images.iter().enumerate() {
            paste(&mut sheet, image, (left + column * across, top), scale);
        }
    }
    sheet
}

fn label_height(lines: &[String]) -> usize {
    let Some((name, settings)) = lines.split_first() else { return 0 };
    let settings = settings.iter().flat_map(|line| broken(line, ",", SETTINGS)).count();
    broken(name, "-", NAME).len() * 2 * LINE + settings * LINE + LINE / 2
}

fn write_label(sheet: &mut Image, lines: &[String], top: usize) {
    let Some((name, settings)) = lines.split_first() else { return };
    let mut y = top;
    for line in broken(name, "-", NAME) {
        write(sheet, &line, (GAP, y), 2);
        y += 2 * LINE;
    }
    for line in settings.iter().flat_map(|line| broken(line, ",", SETTINGS)) {
        write(sheet, &line, (GAP, y + LINE / 2), 1);
        y += LINE;
    }
}

/// Text on lines of at most `longest` letters, where it can be broken after `at`.
fn broken(text: &str, at: &str, longest: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in text.split_inclusive(at) {
        let line = lines.last().map_or(0, String::len);
        if line > 0 && line + piece.len() > longest {
            lines.push(String::new());
        }
        lines.last_mut().expect("there is always a line").push_str(piece);
    }
    lines
}

fn paste(sheet: &mut Image, cell: &Image, (left, top): (usize, usize), scale: usize) {
    for (y, row) in cell.pixels.chunks_exact(cell.width.max(1) * 3).enumerate() {
        let wide: Vec<[u8; 3]> =
            row.as_chunks::<3>().0.iter().flat_map(|pixel| std::iter::repeat_n(*pixel, scale)).collect();
        for line in 0..scale {
            let start = ((top + y * scale + line) * sheet.width + left) * 3;
            sheet.pixels[start..start + wide.len() * 3].copy_from_slice(wide.as_flattened());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{every_op, fixtures};
    use super::*;

    fn settings(fields: &str) -> Augment {
        let settings: Augment =
            serde_json::from_str(&format!(r#"{{ "from": "set", "apply": [], "seed": 4 {fields} }}"#))
                .unwrap();
        Augment { apply: every_op(), ..settings }
    }

    /// The cell of a row and a column, of a sheet with so many rows (images of 23 × 17 are shown six times as large).
    fn cell(sheet: &Image, rows: usize, row: usize, column: usize) -> Vec<u8> {
        let down = (sheet.height - GAP) / rows;
        let (left, top) = (SETTINGS * ADVANCE + 2 * GAP + column * (23 * 6 + GAP), GAP + row * down);
        let at = |y: usize, x: usize| ((top + 6 * y) * sheet.width + left + 6 * x) * 3;
        (0..17)
            .flat_map(|y| (0..23).flat_map(move |x| at(y, x)..at(y, x) + 3))
            .map(|i| sheet.pixels[i])
            .collect()
    }

    #[test]
    fn each_augmentation_has_a_row_below_the_originals_and_whole_copies_come_last() {
        let (image, settings) = (fixtures::colour(), settings(""));
        let sheet = sheet(&[(0, image.clone()), (9, image.clone())], &settings);
        assert_eq!(sheet.width, 26 * 6 + 8 + 2 * (23 * 6 + 4));
        let cell = |row, column| cell(&sheet, 13, row, column);
        assert!(cell(0, 0) == image.pixels && cell(0, 1) == image.pixels);
        for (place, op) in settings.apply.iter().enumerate() {
            for (column, index) in [0, 9].into_iter().enumerate() {
                let mut wanted = image.clone();
                let random = &mut Random::at([4, index, 0, place as u64]);
                super::super::apply(op, &mut wanted, &mut Spare::default(), random);
                assert!(cell(place + 1, column) == wanted.pixels, "{}", op.name());
            }
        }
        assert!(cell(12, 1) == copy(&(9, image), &settings).pixels);
    }

    #[test]
    fn rows_are_as_high_as_the_tallest_label() {
        let lines: Vec<String> = std::iter::repeat_n("x".to_string(), 20).collect();
        let image = Image::new(100, 100, vec![0; 30_000]).unwrap();
        let rows = [(lines.clone(), vec![image.clone()]), (vec!["y".into()], vec![image])];
        assert_eq!(laid_out(&rows).height, 2 * (label_height(&lines) + GAP) + GAP);
        assert!(label_height(&lines) > 200);
    }

    #[test]
    fn where_copies_get_one_augmentation_no_row_shows_all_of_them() {
        let settings = settings(r#", "policy": { "one-copy-per-op": {} }"#);
        let sheet = sheet(&[(0, fixtures::colour())], &settings);
        assert!(cell(&sheet, 12, 0, 0) == fixtures::colour().pixels);
        let last = &settings.apply[10];
        let mut wanted = fixtures::colour();
        super::super::apply(last, &mut wanted, &mut Spare::default(), &mut Random::at([4, 0, 0, 10]));
        assert!(cell(&sheet, 12, 11, 0) == wanted.pixels);
    }

    #[test]
    fn names_are_broken_at_hyphens_and_all_letters_are_known() {
        assert_eq!(
            broken("adaptive-histogram-equalisation", "-", NAME),
            ["adaptive-", "histogram-", "equalisation"]
        );
        let lines: Vec<String> = every_op().iter().flat_map(label).collect();
        assert!(lines.iter().all(|line| line.len() <= SETTINGS || line.contains('-')), "{lines:?}");
        assert!(lines.contains(&"by 0.2".to_string()) && lines.contains(&"gaussian-noise".to_string()));
    }

    #[test]
    fn a_sheet_of_no_images_is_labels_alone() {
        assert_eq!(sheet(&[], &settings("")).width, 26 * 6 + 8);
    }
}
