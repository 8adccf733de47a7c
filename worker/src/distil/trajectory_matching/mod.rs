//! Trajectory matching (Cazenavette et al. 2022, MTT; Cui et al. 2023, TESLA; Guo et al. 2024, DATM): images on which a
//! student ends where an expert did.

mod differences;
mod kept;
mod labels;
mod student;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result};
use pipeline::data::Labels;
use pipeline::engine::Task;
use pipeline::recipe::{Distil, Following, Labelling, files};
use serde_json::json;
use tch::{Device, Kind, Tensor, no_grad};

use super::checkpoint::Tensors;
use super::code::Coded;
use super::descent::Descent;
use super::distilled::Distilled;
use super::draws::{self, Use};
use super::experts::{Description, Trajectories};
use super::iteration::{self, Iterated};
use super::memory;
use super::synthetic::Synthetic;
use crate::figures::rounded;
use crate::models::{Kinks, Mode, Network};
use crate::randomness::Stream;
use crate::training::dsa::Draw;
use crate::training::loss;
use kept::Reach;
use labels::First;
use student::{Leaves, Student, Way};

/// Momentum of the labels' SGD.
const LABELS_MOMENTUM: f64 = 0.9;
/// What the student's learning rate does not fall below, as a share of the first.
const LEAST_LR: f64 = 1e-3;
/// Factor by which it changes in an iteration at most: its gradient is of any size, as it grows with the student's steps.
const LEAP: f64 = 1.5;

/// Goes on from a checkpoint where there is one; the outcome is the same. Follows the experts in the role `experts`.
///
/// # Errors
/// The experts do not go with the images; a loss is no number; [`Stopped`](pipeline::engine::Stopped).
pub fn distil(task: &Task, synthetic: &Synthetic, recipe: &Distil) -> Result<Distilled> {
    let following = recipe.method.following(recipe.images_per_class);
    let following = &following.context("the method follows no experts")?;
    let described = Description::read(task.input("experts", files::EXPERTS)?)?;
    let network = described.network_for(task, synthetic.real, synthetic.is_whitened())?;
    let trajectories = Trajectories::read(task.input("experts", files::TRAJECTORIES)?)?;
    let matching = Matching::new(task, synthetic, following, &network, &trajectories)?;
    let remedy = match (following.unroll, &matching.student.kept) {
        (true, None) => "leave `unroll` out, or lower `student_steps`",
        (true, Some(_)) => "set `batch`, or lower `student_steps`, `images_per_class` or the image size",
        (false, _) => "set `batch`, or lower `images_per_class` or the image size",
    };
    memory::tell(task, synthetic.device, matching.peak(), "an iteration", remedy);
    let outcome = iteration::run(task, &matching)?;
    write_student(task, &outcome.state)?;
    let labels =
        outcome.state.labels.as_ref().map(|labels| matching.probabilities(&labels.images)).transpose()?;
    let code = &outcome.state.images.images;
    let images = no_grad(|| matching.coded.images(code));
    let made = synthetic.distilled(recipe.method.name(), &images, labels, &outcome)?;
    Ok(Distilled { code_floats: matching.coded.floats(code), ..made })
}

/// `student.json`: how a network is best trained on the set.
fn write_student(task: &Task, state: &State) -> Result<()> {
    let path = task.content(files::STUDENT);
    let text = format!("{:#}\n", json!({ "lr": rounded(state.lr()) }));
    std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

/// What stays the same over the iterations.
struct Matching<'a> {
    following: &'a Following,
    synthetic: &'a Synthetic<'a>,
    coded: Coded,
    student: Student<'a>,
    trajectories: &'a Trajectories,
    first: First,
}

/// What iterations change.
struct State {
    /// Or what they are coded as.
    images: Descent,
    /// Logits, where an expert labels the images.
    labels: Option<Descent>,
    /// The student's learning rate, `[1]` f64.
    student: Descent,
}

impl State {
    fn lr(&self) -> f64 {
        self.student.images.double_value(&[0])
    }
}

impl Iterated for Matching<'_> {
    type State = State;

    fn total(&self) -> u64 {
        self.following.iterations
    }

    fn first(&self) -> State {
        State {
            images: Descent::new(self.coded.encode(&self.first.images).copy()),
            labels: self.first.labels.as_ref().map(|labels| Descent::new(labels.copy())),
            student: Descent::new(Tensor::from_slice(&[self.following.student_lr])),
        }
    }

    fn tensors(&self, state: &State) -> Tensors {
        let named = |of: &str, descent: &Descent| -> Tensors {
            let tensors = descent.tensors().into_iter();
            tensors.map(|(name, tensor)| (format!("{of}.{name}"), tensor)).collect()
        };
        let labels = state.labels.iter().flat_map(|labels| named("labels", labels));
        let all = named("images", &state.images).into_iter().chain(labels);
        all.chain(named("student", &state.student)).collect()
    }

    fn step(&self, state: &mut State, iteration: u64) -> Tensor {
        let way = self.way(state, iteration);
        let learned = state.labels.as_ref().filter(|_| self.following.labels == Labelling::Learned);
        // A student takes its steps on pictures that are made once; their gradient goes to the code in the end.
        let pictures = no_grad(|| self.coded.images(&state.images.images));
        let leaves = Leaves::of(&pictures, learned.map(|labels| &labels.images));
        let fixed = state.labels.as_ref().map(|labels| labels.images.softmax(-1, Kind::Float));
        let loss = |step: u64, weights: &[Tensor], leaves: &Leaves, kinks: Kinks| {
            let labels = leaves.labels.as_ref().map(|labels| labels.softmax(-1, Kind::Float));
            let labels = labels.or_else(|| fixed.as_ref().map(Tensor::shallow_clone));
            let pass = |images: &Tensor, seed: u64| self.logits(weights, images, kinks, seed);
            self.loss([iteration, step], &leaves.images, labels.as_ref(), pass)
        };
        let found = self.student.gradients(&way, &leaves, loss);
        // What is no number changes nothing either; the loop will tell of it.
        if found.loss <= self.following.threshold {
            let Following { lr, momentum, student_lr, student_lr_lr, labels_lr, .. } = *self.following;
            let gradient = self.coded.gradient(&state.images.images, &found.images);
            state.images.step(&gradient, lr, momentum);
            state.student.step(&Tensor::from_slice(&[found.lr]), student_lr_lr, momentum);
            let (least, most) = ((way.lr / LEAP).max(LEAST_LR * student_lr), way.lr * LEAP);
            no_grad(|| drop(state.student.images.clamp_(least, most)));
            if let (Some(labels), Some(gradient)) = (&mut state.labels, &found.labels) {
                labels.step(gradient, labels_lr, LABELS_MOMENTUM);
            }
        }
        Tensor::from(found.loss)
    }

    fn synthetic(&self) -> &Synthetic<'_> {
        self.synthetic
    }

    fn images<'a>(&self, state: &'a State) -> &'a Tensor {
        &state.images.images
    }

    fn shown(&self, state: &State) -> Tensor {
        self.coded.images(&state.images.images)
    }

    fn remedy(&self) -> String {
        let Following { lr, student_lr, student_lr_lr, .. } = self.following;
        format!(
            "lower the method's `lr`, now {lr}, `student_lr`, now {student_lr}, or `student_lr_lr`, now {student_lr_lr}"
        )
    }
}

impl Matching<'_> {
    fn new<'a>(
        task: &Task,
        synthetic: &'a Synthetic<'a>,
        following: &'a Following,
        network: &'a Network,
        trajectories: &'a Trajectories,
    ) -> Result<Matching<'a>> {
        let coded = Coded::of(task, synthetic, following.init)?;
        let first = labels::first(synthetic, network, trajectories, following, coded.pictures)?;
        let reach = if following.unroll { Reach::Way } else { Reach::Step };
        let student = Student::new(network, following.student_steps.into(), reach, &first.images);
        Ok(Matching { following, synthetic, coded, student, trajectories, first })
    }

    /// Pictures in all.
    fn count(&self) -> usize {
        self.synthetic.classes() * self.coded.pictures
    }

    /// Of these, in a step of the student.
    fn batch(&self) -> usize {
        self.following.batch.map_or(self.count(), |batch| self.count().min(batch as usize))
    }

    /// Bytes at the peak. A pass with its way back takes the activations twice; where there is max pooling, a gradient that is
    /// differentiated takes as many again, and unrolled, those of all steps stay.
    fn peak(&self) -> u64 {
        let Student { network, steps, reach, .. } = self.student;
        let (image, batch) = (4 * 3 * self.synthetic.side().pow(2), self.batch() as u64);
        let by_differences = self.student.kept.is_some();
        let (graphs, passes, weights) = match (by_differences, reach) {
            (true, Reach::Step) => (1, 2, 8),
            (true, Reach::Way) => (1, 2, 10),
            (false, Reach::Step) => (1, 4, 8),
            (false, Reach::Way) => (steps, 3, 3),
        };
        // Sums of gradients are in f64, of differences there are two.
        let (of_way, images) = match by_differences {
            true => (kept::bytes(network, steps, batch, reach, self.synthetic.device), 12),
            false => (0, 8),
        };
        let held = memory::held(self.following.dsa.changes().is_some());
        let graph = held * batch * (passes * network.activation_bytes() + 4 * image);
        let kept = self.count() as u64 * images * image + of_way + self.coded.peak(self.count() as u64);
        self.synthetic.stored() + kept + graphs * graph + weights.max(graphs * 3) * 4 * network.count() as u64
    }

    /// Part of the training of an expert.
    fn way(&self, state: &State, iteration: u64) -> Way {
        let Following { window, expert_epochs, .. } = self.following;
        let seed = draws::seed(self.synthetic.seed, Use::Start, &[iteration]);
        let mut random = Stream::new(seed, &[]);
        let expert = random.below(self.trajectories.extent.experts as usize) as u64;
        let epochs = i64::from(window.earliest)..=i64::from(window.end(iteration)) - 1;
        let start = random.integer(*epochs.start(), *epochs.end()) as u64;
        let at = |epoch: u64| self.trajectories.at(expert, epoch).to_device(self.synthetic.device);
        Way { from: at(start), to: at(start + u64::from(*expert_epochs)), lr: state.lr() }
    }

    /// Of a step of the student: mean cross-entropy against `labels`, probabilities `[n, classes]`, or the classes; `pass` gives
    /// the logits of images, and a seed for what it leaves out.
    fn loss(
        &self,
        place: [u64; 2],
        images: &Tensor,
        labels: Option<&Tensor>,
        pass: impl Fn(&Tensor, u64) -> Tensor,
    ) -> Tensor {
        let seed = |of: Use| draws::seed(self.synthetic.seed, of, &place);
        let mut images = images.shallow_clone();
        let mut labels =
            labels.map_or_else(|| self.synthetic.labels_of(self.coded.pictures), Tensor::shallow_clone);
        if let Some(chosen) = self.chosen(place) {
            (images, labels) = (images.index_select(0, &chosen), labels.index_select(0, &chosen));
        }
        if let Some(dsa) = self.following.dsa.changes() {
            let mut random = Stream::new(seed(Use::NetworkAugmentation), &[]);
            let count = images.size()[0] as usize;
            images = Draw::for_each_image(&dsa, count, &mut random).apply(&images);
        }
        loss::cross_entropy(&pass(&images, seed(Use::Dropout)), &labels, 0.0, None)
    }

    /// `[n, classes]`; all passes of a step leave out the same.
    fn logits(&self, weights: &[Tensor], images: &Tensor, kinks: Kinks, seed: u64) -> Tensor {
        let network = self.student.network;
        let buffers = network.initial_buffers(self.synthetic.device);
        tch::manual_seed(seed as i64);
        network.forward_at(kinks, weights, &buffers, images, Mode::Train, Kind::Float)
    }

    /// Which images a step takes, where it does not take all.
    fn chosen(&self, [iteration, step]: [u64; 2]) -> Option<Tensor> {
        let (count, batch) = (self.count(), self.batch());
        if batch == count {
            return None;
        }
        let per_pass = count.div_ceil(batch) as u64;
        let seed = draws::seed(self.synthetic.seed, Use::Order, &[iteration, step / per_pass]);
        let order = Stream::new(seed, &[]).permutation(count);
        let start = (step % per_pass) as usize * batch;
        let places = &order[start..count.min(start + batch)];
        Some(Tensor::from_slice(places).to_device(self.synthetic.device))
    }

    /// Logits as labels that a set holds.
    fn probabilities(&self, logits: &Tensor) -> Result<Labels> {
        let values = logits.softmax(-1, Kind::Float).to_device(Device::Cpu).contiguous().view(-1);
        Ok(Labels::Soft { values: Vec::<f32>::try_from(values)?, classes: self.synthetic.classes() })
    }
}
