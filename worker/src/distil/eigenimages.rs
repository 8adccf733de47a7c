//! Eigenimages: the mean of each class, and one standard deviation either way along its principal components.

use anyhow::{Context, Result, ensure};
use pipeline::data::Labels;
use pipeline::engine::Task;
use tch::{Device, Kind, Tensor, vision};

use super::components::{Components, matrix};
use super::distilled::{Distilled, Images};
use super::grid::grid;
use super::memory;
use super::real::Real;
use crate::figures::rounded;
use crate::training::write_table;

/// The table's name in `content/`.
const TABLE: &str = "components.csv";
/// The picture's name in `content/`.
const PICTURE: &str = "components.png";
/// Components of a class that the table and the picture have at most.
const ROWS: usize = 50;

/// `per_class` images a class: the mean where it is odd, then mean + and mean - √variance · component, from the largest
/// variance on. Clamped to black 0 and white 1. Writes the variance of each component to `components.csv`, and
/// mean and components of each class as a row of `components.png`.
///
/// # Errors
/// The images of a class differ in fewer directions than are asked for.
pub fn distil(task: &Task, real: &Real, per_class: usize) -> Result<Distilled> {
    let remedy = "lower the image size, or `per_class.train` of the subset";
    memory::tell(task, Device::Cpu, peak(real, per_class), "the components of a class", remedy);
    task.started(None);
    let (mut values, mut table, mut pictures) = (Vec::new(), Vec::new(), Vec::new());
    for (name, places) in real.classes.names().iter().zip(&real.by_class) {
        let class = Components::of(&matrix(real, places), per_class / 2);
        let found = class.found();
        ensure!(
            found >= per_class / 2,
            "{per_class} eigenimages take {} components, and the images of `{name}` have {found}\n\
             hint: set `images_per_class` to at most {}, or drop repeated images",
            per_class / 2,
            2 * found + 1
        );
        values.extend(Vec::<f32>::try_from(prototypes(&class, per_class).to_kind(Kind::Float).view(-1))?);
        table.extend(rows(&class, name));
        pictures.push(shown(&class));
    }
    write_table(&task.content(TABLE), &["class", "component", "variance", "share"], table.into_iter())?;
    draw(task, real, &pictures)?;
    let classes = real.classes.len() as i64;
    Ok(Distilled {
        images: Images::F32(values),
        labels: Labels::Hard((0..classes).flat_map(|class| vec![class; per_class]).collect()),
        sources: real.classes.names().iter().flat_map(|name| sources(name, per_class)).collect(),
        code_floats: None,
        iterations: 0,
        final_loss: None,
    })
}

/// Bytes at the peak: the split, copies of the largest class in f64 (as rows, as a matrix, about its mean, for which the
/// allocator was seen to hold six), the product of its smaller side with the vectors and what libtorch works on, and the
/// images of all classes twice, as they are made and as they are written.
fn peak(real: &Real, per_class: usize) -> u64 {
    let largest = real.by_class.iter().map(Vec::len).max().unwrap_or(0) as u64;
    let values = (real.size()[0] * real.size()[1] * 3) as u64;
    let side = largest.min(values);
    let made = real.classes.len() as u64 * per_class as u64 * values;
    real.stored() + 6 * 8 * largest * values + 5 * 8 * side * side + 2 * 4 * made
}

/// `eigenimages/CLASS/mean`, `eigenimages/CLASS/1+`, `eigenimages/CLASS/1-` and so on.
fn sources(class: &str, per_class: usize) -> Vec<String> {
    let pair = |k: usize| [format!("{k}+"), format!("{k}-")];
    let mean = (per_class % 2 == 1).then(|| "mean".to_string());
    mean.into_iter()
        .chain((1..=per_class / 2).flat_map(pair))
        .map(|image| format!("eigenimages/{class}/{image}"))
        .collect()
}

/// `[per class, d]`.
fn prototypes(of: &Components, per_class: usize) -> Tensor {
    let mean = (per_class % 2 == 1).then(|| of.mean.shallow_clone());
    let pair = |k: usize| {
        let step = of.vectors.get(k as i64) * of.variances[k].sqrt();
        [&of.mean + &step, &of.mean - &step]
    };
    let images: Vec<Tensor> = mean.into_iter().chain((0..per_class / 2).flat_map(pair)).collect();
    Tensor::stack(&images, 0).clamp(0.0, 1.0)
}

/// The mean, black 0 and white 1, and the first components about mid-grey, scaled by their largest magnitude: `[1 + k, d]`.
fn shown(of: &Components) -> Tensor {
    let vectors = of.vectors.narrow(0, 0, of.vectors.size()[0].min(ROWS as i64));
    let largest = vectors.abs().amax([1], true).clamp_min(f64::MIN_POSITIVE);
    Tensor::cat(&[&of.mean.unsqueeze(0), &(0.5 + 0.5 * vectors / largest)], 0)
}

fn draw(task: &Task, real: &Real, classes: &[Tensor]) -> Result<()> {
    let ([height, width], columns) = (real.size().map(|side| side as i64), classes[0].size()[0]);
    let pixels = Tensor::cat(classes, 0).view([-1, height, width, 3]);
    let path = task.content(PICTURE);
    vision::image::save(&grid(&pixels, columns, columns), &path)
        .with_context(|| format!("cannot write `{}`", path.display()))
}

/// Class, component from 1, variance and its share of the class's.
fn rows(of: &Components, class: &str) -> Vec<Vec<String>> {
    let total: f64 = of.variances.iter().sum();
    let row = |(place, variance): (usize, &f64)| {
        let share = rounded(variance / total);
        vec![class.into(), (place + 1).to_string(), rounded(*variance).to_string(), share.to_string()]
    };
    of.variances.iter().take(of.found().min(ROWS)).enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use pipeline::data::{Pixels, Split};
    use serde_json::{Value, json};

    use super::super::tests::{bench, content, run};
    use super::*;

    fn eigenimages(images_per_class: u32) -> Value {
        json!({ "images_per_class": images_per_class, "method": { "eigenimages": {} } })
    }

    #[test]
    fn pairs_lie_about_the_mean_which_an_odd_number_begins_with() {
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let [mean, odd, even] = [1, 5, 4].map(eigenimages);
        let [mean, odd, even] = [(0, mean), (1, odd), (2, even)].map(|(f, p)| run(folders[f].path(), p));
        let image = |split: &Split, place: usize| match split.image(place) {
            Pixels::F32(values) => values.to_vec(),
            Pixels::U8(_) => panic!(),
        };
        assert_eq!(image(&odd, 5), image(&mean, 1));
        assert_eq!(image(&odd, 6), image(&even, 4));
        let names: Vec<&str> = (5..10).map(|place| odd.source(place)).collect();
        assert_eq!(names, ["mean", "1+", "1-", "2+", "2-"].map(|name| format!("eigenimages/B/{name}")));
        let (plus, minus, mean) = (image(&even, 4), image(&even, 5), image(&mean, 1));
        let inside = |place: &usize| [plus[*place], minus[*place]].iter().all(|v| *v > 0.0 && *v < 1.0);
        let middle = |place: usize| f64::from(plus[place]) + f64::from(minus[place]);
        let unclamped: Vec<usize> = (0..mean.len()).filter(inside).collect();
        assert!(unclamped.len() > mean.len() / 2);
        assert!(unclamped.iter().all(|p| (middle(*p) / 2.0 - f64::from(mean[*p])).abs() < 1e-6));
        assert_ne!(plus, minus);
    }

    #[test]
    fn the_picture_of_a_component_is_the_one_worked_out_by_hand() {
        let folder = tempfile::tempdir().unwrap();
        let bench = bench(folder.path(), eigenimages(2));
        // Two pixels side by side; images of a class lie (20, -10) either way of 100, so its component is (2, -1)/√15.
        let pixels = [120, 90, 80, 110_u8].map(|shade| [shade; 3]).concat().repeat(3);
        let labels = pipeline::data::Labels::Hard(vec![0, 0, 1, 1, 2, 2]);
        let sources: Vec<String> = (0..6).map(|i| i.to_string()).collect();
        let path = folder.path().join("photos/train.safetensors");
        pipeline::data::write_split(&path, 1, 2, Pixels::U8(&pixels), &labels, &sources).unwrap();
        super::super::distil(&bench.task(), Device::Cpu).unwrap();
        let picture = vision::image::load(folder.path().join("content").join(PICTURE)).unwrap();
        assert_eq!(picture.size(), [3, 3 * 5, 2 * 6]);
        let shades = |row: i64| [2, 3, 8, 9].map(|column| picture.int64_value(&[2, 5 * row + 2, column]));
        assert!((0..3).all(|row| shades(row) == [100, 100, 255, 64]), "{:?}", shades(0));
    }

    #[test]
    fn the_shares_of_a_class_sum_to_one_and_the_bytes_are_the_same_twice() {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [first, second] = folders.each_ref().map(|folder| {
            run(folder.path(), eigenimages(4));
            content(folder.path())
        });
        assert_eq!(first, second);
        let mut table = csv::Reader::from_reader(&first[TABLE][..]);
        let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
        let of_b: Vec<f64> = rows.iter().filter(|r| &r[0] == "B").map(|r| r[3].parse().unwrap()).collect();
        assert!(of_b.len() <= 4 && of_b.is_sorted_by(|a, b| a >= b), "{of_b:?}");
        assert!((of_b.iter().sum::<f64>() - 1.0).abs() < 1e-4, "{of_b:?}");
    }

    #[test]
    fn images_that_are_all_alike_are_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let bench = bench(folder.path(), eigenimages(2));
        let path = folder.path().join("photos/train.safetensors");
        let labels: Vec<i64> = (0..9).map(|i| i % 3).collect();
        let sources: Vec<String> = (0..9).map(|i| i.to_string()).collect();
        let grey = vec![90_u8; 9 * 8 * 8 * 3];
        let labels = pipeline::data::Labels::Hard(labels);
        pipeline::data::write_split(&path, 8, 8, Pixels::U8(&grey), &labels, &sources).unwrap();
        let message = super::super::distil(&bench.task(), Device::Cpu).unwrap_err().to_string();
        assert!(
            message.contains("the images of `A` have 0\nhint: set `images_per_class` to at most 1"),
            "{message}"
        );
    }
}
