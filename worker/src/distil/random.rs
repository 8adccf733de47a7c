//! Real images drawn at random, byte for byte: what every method must beat.

use pipeline::data::Pixels;

use super::distilled::{Distilled, Images};
use super::draws::{self, Use};
use super::real::Real;

/// `per_class` images of each class, without replacement, from (seed, class). A smaller `per_class` gives a part of
/// the same.
pub fn draw(real: &Real, per_class: usize, seed: u64) -> Distilled {
    let drawn = places(&real.by_class, per_class, seed);
    let label = |class: usize| std::iter::repeat_n(class as i64, per_class);
    Distilled {
        images: copy(real, &drawn),
        labels: (0..real.by_class.len()).flat_map(label).collect(),
        sources: drawn.iter().map(|place| real.split.source(*place).to_string()).collect(),
        iterations: 0,
        final_loss: None,
    }
}

/// Places in the split, class by class.
pub fn places(by_class: &[Vec<usize>], per_class: usize, seed: u64) -> Vec<usize> {
    let of_class = |(class, places): (usize, &Vec<usize>)| {
        draws::some_of(places, per_class, draws::seed(seed, Use::Choice, &[class as u64]))
    };
    by_class.iter().enumerate().flat_map(of_class).collect()
}

fn copy(real: &Real, places: &[usize]) -> Images {
    let [height, width] = real.size();
    let size = height * width * 3;
    let range = |place: &usize| place * size..(place + 1) * size;
    match real.split.pixels() {
        Pixels::U8(all) => Images::U8(places.iter().flat_map(|place| &all[range(place)]).copied().collect()),
        Pixels::F32(all) => {
            Images::F32(places.iter().flat_map(|place| &all[range(place)]).copied().collect())
        }
    }
}
