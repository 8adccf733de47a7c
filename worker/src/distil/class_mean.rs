//! The mean image of each class.

use pipeline::data::{Labels, Pixels};
use pipeline::engine::Task;
use tch::Device;

use super::distilled::{Distilled, Images};
use super::memory;
use super::real::Real;

/// One image a class.
pub fn average(task: &Task, real: &Real) -> Distilled {
    let values = (real.size()[0] * real.size()[1] * 3) as u64;
    let peak = real.stored() + values * (8 + 2 * 4 * real.classes.len() as u64);
    memory::tell(task, Device::Cpu, peak, "the sums of a class and all means", "lower the image size");
    task.started(None);
    let means = real.by_class.iter().flat_map(|places| mean(real, places));
    Distilled {
        images: Images::F32(means.collect()),
        labels: Labels::Hard((0..real.by_class.len() as i64).collect()),
        sources: real.classes.names().iter().map(|name| format!("class-mean/{name}")).collect(),
        code_floats: None,
        iterations: 0,
        final_loss: None,
    }
}

/// `[h, w, 3]`, black 0 and white 1. Sums are exact for bytes, and in f64 otherwise.
fn mean(real: &Real, places: &[usize]) -> Vec<f32> {
    let [height, width] = real.size();
    let mut sums = vec![0.0_f64; height * width * 3];
    let mut white = 1.0;
    for place in places {
        match real.split.image(*place) {
            Pixels::U8(values) => {
                white = 255.0;
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            Pixels::F32(values) => {
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(*value));
            }
        }
    }
    let scale = white * places.len() as f64;
    sums.into_iter().map(|sum| (sum / scale) as f32).collect()
}
