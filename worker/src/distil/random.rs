//! Real images drawn at random, byte for byte: what every method must beat.

use pipeline::engine::Task;
use tch::Device;

use super::distilled::Distilled;
use super::draws::{self, Use};
use super::memory;
use super::real::Real;

/// `per_class` images of each class, without replacement, from (seed, class). A smaller `per_class` gives a part of
/// the same.
pub fn draw(task: &Task, real: &Real, per_class: usize, seed: u64) -> Distilled {
    let kept = per_class as u64 * real.classes.len() as u64 * real.stored() / real.split.len() as u64;
    // As they are copied, and as they are written.
    let peak = real.stored() + 2 * kept;
    memory::tell(task, Device::Cpu, peak, "copying images", "lower `images_per_class`");
    task.started(None);
    Distilled::chosen(real, &places(&real.by_class, per_class, seed), per_class)
}

/// Places in the split, class by class.
pub fn places(by_class: &[Vec<usize>], per_class: usize, seed: u64) -> Vec<usize> {
    let of_class = |(class, places): (usize, &Vec<usize>)| {
        draws::some_of(places, per_class, draws::seed(seed, Use::Choice, &[class as u64]))
    };
    by_class.iter().enumerate().flat_map(of_class).collect()
}
