//! Settings of the methods that follow the trajectories of experts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Initial, Siamese};

/// Trajectory matching: a student starts at the weights of an expert after a random epoch and takes steps on the synthetic
/// images; they are brought nearer to making it end where the expert was some epochs later. Minimised is the squared distance
/// of the ends over that of the expert's two places. The student's learning rate is learned with the images; what it came to
/// is the `lr` in `student.json`, which networks trained on the set take with `optimizer = { sgd = { lr = "learned" } }`. Unless
/// `unroll` is set, the gradient leaves out how images move the student's later steps (Cui et al. 2023, TESLA), and memory
/// does not grow with them. Where a network has no max pooling, either gradient is taken by finite differences, to half a percent
/// of autograd's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrajectoryMatching {
    /// Updates of the images. The paper takes 5000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub iterations: u64,
    /// Steps of the student. Without it, as in the paper: 50 at 1 image a class, and 30 beyond.
    #[schemars(range(min = 1, max = 10_000))]
    pub student_steps: Option<u32>,
    /// Epochs of the expert that these steps stand for.
    #[schemars(range(min = 1, max = 10_000))]
    pub expert_epochs: u32,
    /// The student starts after fewer epochs than this. Without it, as in the paper: 2 at 1 image a class, 20 up to 10, and
    /// 40 beyond.
    #[schemars(range(min = 1, max = 10_000))]
    pub latest_start: Option<u32>,
    /// Learning rate of the images, in normalised or whitened pixels. Without it, as in the paper: 100 up to 10 images a class,
    /// and 1000 beyond.
    #[schemars(range(min = 0.0))]
    pub lr: Option<f64>,
    /// Momentum of the images' and the student's learning rate's SGD.
    #[schemars(range(min = 0.0, max = 0.999))]
    pub momentum: f64,
    /// The student's learning rate at first. Without it, as in the paper: 0.01 at 1 image a class, and 0.001 beyond.
    #[schemars(range(min = 1e-9))]
    pub student_lr: Option<f64>,
    /// Learning rate of the student's learning rate; 0 leaves that as it is. Without it, as in the paper: 1e-7 at 1 image a
    /// class, and 1e-5 beyond.
    #[schemars(range(min = 0.0))]
    pub student_lr_lr: Option<f64>,
    /// Synthetic images in a step of the student; without it, all of them.
    #[schemars(range(min = 1, max = 65536))]
    pub batch: Option<u32>,
    /// What the images start as.
    pub init: Initial,
    /// What the student learns beside the images.
    pub labels: Labelling,
    /// Learning rate of learned labels, by SGD with a momentum of 0.9.
    #[schemars(range(min = 0.0))]
    pub labels_lr: f64,
    /// Whether images are augmented by DSA in every step of the student (Zhao & Bilen 2021), as the experts' are to be;
    /// `"no-flip"` leaves out mirroring, for digits and letters.
    pub dsa: Siamese,
    /// Whether the gradient goes back through all steps of the student, as in the first paper (Cazenavette et al. 2022); of every
    /// step its weights and their gradient are kept, and where a network has max pooling, all its activations.
    pub unroll: bool,
}

impl Default for TrajectoryMatching {
    fn default() -> TrajectoryMatching {
        TrajectoryMatching {
            iterations: 5000,
            student_steps: None,
            expert_epochs: 2,
            latest_start: None,
            lr: None,
            momentum: 0.5,
            student_lr: None,
            student_lr_lr: None,
            batch: None,
            init: Initial::Real,
            labels: Labelling::Hard,
            labels_lr: 5.0,
            dsa: Siamese::DSA,
            unroll: false,
        }
    }
}

/// Trajectory matching with learned labels, from images that an expert classifies rightly, over a window of the experts'
/// training that grows from its easy beginning to its harder end (Guo et al. 2024, DATM).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DifficultyAligned {
    /// Updates of images and labels. The paper takes 10,000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub iterations: u64,
    /// Steps of the student.
    #[schemars(range(min = 1, max = 10_000))]
    pub student_steps: u32,
    /// Epochs of the expert that these steps stand for.
    #[schemars(range(min = 1, max = 10_000))]
    pub expert_epochs: u32,
    /// The student starts after so many epochs or more.
    #[schemars(range(min = 0, max = 10_000))]
    pub earliest_start: u32,
    /// At first the student starts after fewer epochs than this. Without it, as in the paper: 4 at 1 image a class, 10 up to
    /// 10, and 20 beyond.
    #[schemars(range(min = 1, max = 10_000))]
    pub first_latest_start: Option<u32>,
    /// In the end the student starts after fewer epochs than this. Without it, as in the paper: 4 at 1 image a class, 20 up to
    /// 10, and 40 beyond.
    #[schemars(range(min = 1, max = 10_000))]
    pub latest_start: Option<u32>,
    /// Iterations over which the latest start moves from the first to the last. Without it, as in the paper: 1000 up to 10
    /// images a class, and 2000 beyond.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub expansion: Option<u64>,
    /// An iteration with a greater loss changes nothing. Without it, as in the paper: 1.1 at 1 image a class, and 1 beyond.
    #[schemars(range(min = 0.0))]
    pub threshold: Option<f64>,
    /// Learning rate of the images, in normalised or whitened pixels. Without it, as in the paper: 100 up to 10 images a class,
    /// and 1000 beyond.
    #[schemars(range(min = 0.0))]
    pub lr: Option<f64>,
    /// Momentum of the images' and the student's learning rate's SGD.
    #[schemars(range(min = 0.0, max = 0.999))]
    pub momentum: f64,
    /// The student's learning rate at first.
    #[schemars(range(min = 1e-9))]
    pub student_lr: f64,
    /// Learning rate of the student's learning rate; 0 leaves that as it is. Without it, as in the paper: 1e-7 at 1 image a
    /// class, and 1e-5 beyond.
    #[schemars(range(min = 0.0))]
    pub student_lr_lr: Option<f64>,
    /// Synthetic images in a step of the student; without it, all of them.
    #[schemars(range(min = 1, max = 65536))]
    pub batch: Option<u32>,
    /// Learning rate of the labels, by SGD with a momentum of 0.9; 0 leaves them as they are. Without it, as in the paper: 5 at
    /// 1 image a class, and 2 beyond.
    #[schemars(range(min = 0.0))]
    pub labels_lr: Option<f64>,
    /// Whether images are augmented by DSA in every step of the student (Zhao & Bilen 2021), as the experts' are to be;
    /// `"no-flip"` leaves out mirroring, for digits and letters.
    pub dsa: Siamese,
    /// Whether the gradient goes back through all steps of the student, of each of which its weights and their gradient are kept,
    /// and where a network has max pooling, all its activations.
    pub unroll: bool,
}

impl Default for DifficultyAligned {
    fn default() -> DifficultyAligned {
        DifficultyAligned {
            iterations: 10_000,
            student_steps: 80,
            expert_epochs: 2,
            earliest_start: 0,
            first_latest_start: None,
            latest_start: None,
            expansion: None,
            threshold: None,
            lr: None,
            momentum: 0.5,
            student_lr: 0.01,
            student_lr_lr: None,
            batch: None,
            labels_lr: None,
            dsa: Siamese::DSA,
            unroll: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Labelling {
    /// The classes.
    Hard,
    /// Probabilities: what a trained expert makes of the real image that each one starts as.
    Soft,
    /// Those to start with, and then learned.
    Learned,
}

/// What either method comes to for so many images a class, with nothing left open.
#[derive(Clone, Debug, PartialEq)]
pub struct Following {
    pub iterations: u64,
    pub student_steps: u32,
    pub expert_epochs: u32,
    pub window: Window,
    /// Beyond it an iteration changes nothing.
    pub threshold: f64,
    pub lr: f64,
    pub momentum: f64,
    pub student_lr: f64,
    pub student_lr_lr: f64,
    pub batch: Option<u32>,
    pub init: Initial,
    /// Whether only images that an expert classifies rightly are started from.
    pub classified: bool,
    pub labels: Labelling,
    pub labels_lr: f64,
    pub dsa: Siamese,
    pub unroll: bool,
}

/// Epochs after which a student starts: from `earliest` to below a latest one, which moves along a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub earliest: u32,
    pub first_latest: u32,
    pub latest: u32,
    /// Iterations of the move.
    pub expansion: u64,
}

impl Window {
    /// The first epoch after which a student does not start in `iteration`, counted from 0.
    pub fn end(&self, iteration: u64) -> u32 {
        let way = u64::from(self.latest.saturating_sub(self.first_latest));
        self.first_latest.min(self.latest) + (way * iteration.min(self.expansion) / self.expansion) as u32
    }
}

/// Of 1 image a class, of up to 10, and of more.
fn by_images<T>(images_per_class: u32, [one, ten, more]: [T; 3]) -> T {
    match images_per_class {
        1 => one,
        2..=10 => ten,
        _ => more,
    }
}

impl TrajectoryMatching {
    pub fn following(&self, images_per_class: u32) -> Following {
        let by = |values: [f64; 3]| by_images(images_per_class, values);
        let latest = self.latest_start.unwrap_or(by_images(images_per_class, [2, 20, 40]));
        Following {
            iterations: self.iterations,
            student_steps: self.student_steps.unwrap_or(by_images(images_per_class, [50, 30, 30])),
            expert_epochs: self.expert_epochs,
            window: Window { earliest: 0, first_latest: latest, latest, expansion: 1 },
            threshold: f64::INFINITY,
            lr: self.lr.unwrap_or(by([100.0, 100.0, 1000.0])),
            momentum: self.momentum,
            student_lr: self.student_lr.unwrap_or(by([0.01, 0.001, 0.001])),
            student_lr_lr: self.student_lr_lr.unwrap_or(by([1e-7, 1e-5, 1e-5])),
            batch: self.batch,
            init: self.init,
            classified: false,
            labels: self.labels,
            labels_lr: self.labels_lr,
            dsa: self.dsa,
            unroll: self.unroll,
        }
    }
}

impl DifficultyAligned {
    pub fn following(&self, images_per_class: u32) -> Following {
        let by = |values: [f64; 3]| by_images(images_per_class, values);
        let latest = self.latest_start.unwrap_or(by_images(images_per_class, [4, 20, 40]));
        let first = self.first_latest_start.unwrap_or(by_images(images_per_class, [4, 10, 20]));
        let expansion = self.expansion.unwrap_or(by_images(images_per_class, [1000, 1000, 2000]));
        let window = Window { earliest: self.earliest_start, first_latest: first, latest, expansion };
        Following {
            iterations: self.iterations,
            student_steps: self.student_steps,
            expert_epochs: self.expert_epochs,
            window,
            threshold: self.threshold.unwrap_or(by([1.1, 1.0, 1.0])),
            lr: self.lr.unwrap_or(by([100.0, 100.0, 1000.0])),
            momentum: self.momentum,
            student_lr: self.student_lr,
            student_lr_lr: self.student_lr_lr.unwrap_or(by([1e-7, 1e-5, 1e-5])),
            batch: self.batch,
            init: Initial::Real,
            classified: true,
            labels: Labelling::Learned,
            labels_lr: self.labels_lr.unwrap_or(by([5.0, 2.0, 2.0])),
            dsa: self.dsa,
            unroll: self.unroll,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::super::Distil;
    use super::*;
    use crate::recipe::Describe;

    #[test]
    fn the_window_grows_from_the_first_latest_start_to_the_last() {
        let window = Window { earliest: 0, first_latest: 10, latest: 20, expansion: 1000 };
        assert_eq!([0, 99, 100, 550, 1000, 9000].map(|i| window.end(i)), [10, 10, 11, 15, 20, 20]);
        let fixed = TrajectoryMatching::default().following(10).window;
        assert_eq!([0, 1, 5000].map(|i| fixed.end(i)), [20, 20, 20]);
    }

    #[test]
    fn what_is_left_open_is_that_of_the_papers_for_so_many_images() {
        let matching = TrajectoryMatching { lr: Some(7.0), ..TrajectoryMatching::default() };
        let [one, fifty] = [1, 50].map(|images| matching.following(images));
        assert_eq!((one.student_steps, one.window.latest, one.lr, one.student_lr), (50, 2, 7.0, 0.01));
        assert_eq!((fifty.student_steps, fifty.window.latest, fifty.student_lr_lr), (30, 40, 1e-5));
        let aligned = DifficultyAligned::default().following(10);
        assert_eq!((aligned.window.first_latest, aligned.window.latest, aligned.labels_lr), (10, 20, 2.0));
    }

    #[test]
    fn a_gradient_through_all_steps_has_a_revision_of_its_own() {
        for method in ["trajectory-matching", "difficulty-aligned"] {
            let parts = |unroll: bool| {
                let told = json!({ "from": "photos", "images_per_class": 1, "method": { method: { "unroll": unroll } } });
                from_value::<Distil>(told).unwrap().parts()
            };
            let own = parts(false);
            assert_eq!(own[0].0, format!("method.{method}"));
            assert_eq!(parts(true), [own, vec![("method.unroll".to_string(), 2)]].concat());
        }
    }
}
