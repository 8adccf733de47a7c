//! Methods that choose real images of each class by their features.

pub mod forgetting;
mod herding;
mod k_center;
pub mod k_means;

use anyhow::{Result, bail};
use pipeline::engine::{Stopped, Task};
use pipeline::recipe::{Distil, Method};
use tch::{Device, Kind, Tensor};

use super::distilled::Distilled;
use super::draws::{self, Use};
use super::features::Features;
use super::memory;
use super::real::Real;

/// `images_per_class` images of each class, byte for byte.
///
/// # Errors
/// The network of `features` does not go with the images, or [`Stopped`].
pub fn choose(task: &Task, real: &Real, recipe: &Distil, device: Device) -> Result<Distilled> {
    let features = Features::open(task, real, device)?;
    let largest = real.by_class.iter().map(Vec::len).max().unwrap_or(0);
    let remedy = "lower the image size, or name a network with `features`";
    memory::tell(task, device, real.stored() + features.peak(largest), "choosing among a class", remedy);
    task.started(None);
    let (count, classes) = (recipe.images_per_class as usize, real.classes.len() as u64);
    let mut chosen = Vec::new();
    for (class, places) in real.by_class.iter().enumerate() {
        if task.should_stop() {
            bail!(Stopped { saved_at: None });
        }
        let rows = features.of(places);
        let seed = draws::seed(recipe.seed, Use::Centres, &[class as u64]);
        let among = of_class(&recipe.method, &about_mean(&rows), count, seed)?;
        chosen.extend(among.into_iter().map(|row| places[row]));
        task.progress(class as u64 + 1, classes, "class", &[]);
    }
    Ok(Distilled::chosen(real, &chosen, count))
}

/// Places of the `count` images of each class that herding chooses, class by class; `rows` are those of places.
pub fn herded(by_class: &[Vec<usize>], count: usize, rows: impl Fn(&[usize]) -> Tensor) -> Vec<usize> {
    let of_class = |places: &Vec<usize>| {
        let chosen = herding::choose(&about_mean(&rows(places)), count);
        chosen.into_iter().map(|row| places[row]).collect::<Vec<_>>()
    };
    by_class.iter().flat_map(of_class).collect()
}

/// Rows that are chosen among `rows` `[n, d]`, whose mean is 0, best first.
fn of_class(method: &Method, rows: &Tensor, count: usize, seed: u64) -> Result<Vec<usize>> {
    Ok(match method {
        Method::Herding(_) => herding::choose(rows, count),
        Method::KCenter(_) => k_center::choose(rows, count),
        Method::KMeans(settings) => k_means::choose(rows, count, settings, seed),
        other => bail!("`{}` chooses no images", other.name()),
    })
}

/// The rows less their mean: distances stay, and small numbers are rounded less.
fn about_mean(rows: &Tensor) -> Tensor {
    rows - rows.mean_dim(0, true, Kind::Float)
}

/// The squared length of each row, `[n]`.
fn squares(rows: &Tensor) -> Tensor {
    rows.square().sum_dim_intlist(1, false, Kind::Float)
}

/// The place of the least value of `[n]` that is not in `taken`; the first of equals.
fn least(values: &Tensor, taken: &[usize]) -> usize {
    let values = Vec::<f32>::try_from(values.to_kind(Kind::Float)).expect("one value a row");
    let free = (0..values.len()).filter(|row| !taken.contains(row));
    free.min_by(|a, b| values[*a].total_cmp(&values[*b])).expect("fewer rows are taken than there are")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use pipeline::data::Split;

    use super::super::tests::{bench, content, run};
    use super::*;

    /// What `coreset_figures.py` says of points that lie as `points` has them.
    #[derive(Deserialize)]
    struct Figures {
        herding: Vec<usize>,
        k_center: Vec<usize>,
        k_means: Vec<usize>,
    }

    /// `[60, 5]` in three heaps; `points` of `coreset_figures.py`.
    fn points() -> Tensor {
        let value = |i: i64| ((i * i * 37 + i * 11) % 101) as f32 / 101.0;
        let heap = |i: i64| if i / 5 % 3 == i % 5 { 3.0 } else { 0.0 };
        let values: Vec<f32> = (0..300).map(|i| value(i) + heap(i)).collect();
        Tensor::from_slice(&values).view([60, 5])
    }

    #[test]
    fn choices_are_those_of_numpy_and_scipy() {
        let figures: Figures = serde_json::from_str(include_str!("coreset_figures.json")).unwrap();
        let rows = about_mean(&points());
        assert_eq!(herding::choose(&rows, 8), figures.herding);
        assert_eq!(k_center::choose(&rows, 8), figures.k_center);
        let mut found = k_means::choose(&rows, 3, &Default::default(), 4);
        found.sort_unstable();
        assert_eq!(found, figures.k_means);
    }

    fn recipe(method: &str, images_per_class: u32) -> Value {
        json!({ "images_per_class": images_per_class, "method": { method: {} }, "seed": 3 })
    }

    #[test]
    fn every_coreset_holds_distinct_real_images_of_its_class_and_the_same_ones_twice() {
        for method in ["herding", "k-means", "k-center"] {
            let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
            let split = run(folders[0].path(), recipe(method, 5));
            run(folders[1].path(), recipe(method, 5));
            assert_eq!(content(folders[0].path()), content(folders[1].path()), "{method}");
            let real = Split::open(&folders[0].path().join("photos/train.safetensors")).unwrap();
            let labels = split.labels().heaviest();
            assert_eq!(labels, [[0; 5], [1; 5], [2; 5]].concat(), "{method}");
            let place = |i: usize| (0..real.len()).find(|r| real.source(*r) == split.source(i)).unwrap();
            let mut places: Vec<usize> = (0..split.len()).map(place).collect();
            assert!((0..split.len()).all(|i| split.image(i) == real.image(places[i])), "{method}");
            assert!((0..split.len()).all(|i| real.labels().heaviest()[places[i]] == labels[i]), "{method}");
            places.sort_unstable();
            places.dedup();
            assert_eq!(places.len(), 15, "{method}");
        }
    }

    #[test]
    fn an_image_that_comes_many_times_is_still_chosen_once_only() {
        let rows = Tensor::zeros([4, 2], (Kind::Float, Device::Cpu));
        for mut found in [
            herding::choose(&rows, 4),
            k_center::choose(&rows, 4),
            k_means::choose(&rows, 4, &Default::default(), 0),
        ] {
            found.sort_unstable();
            assert_eq!(found, [0, 1, 2, 3]);
        }
    }

    #[test]
    fn a_coreset_that_is_asked_to_stop_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let bench = crate::fixture::Bench { stop_at: Some(1), ..bench(folder.path(), recipe("herding", 1)) };
        let error = super::super::distil(&bench.task(), Device::Cpu).unwrap_err();
        assert_eq!(error.downcast_ref::<Stopped>().unwrap().saved_at, None);
    }
}
