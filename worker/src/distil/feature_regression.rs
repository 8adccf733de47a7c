//! Feature regression (Zhou et al. 2022, FRePo): images and labels from which kernel ridge regression on a network's
//! features predicts the labels of real images.

use anyhow::Result;
use pipeline::data::Labels;
use pipeline::engine::Task;
use pipeline::recipe::{Convnet, CosineDecay, FeatureRegression, ImageOptimizer, Loss, Norm, Schedule};
use tch::{Kind, Tensor, no_grad};

use super::checkpoint::Tensors;
use super::code::Coded;
use super::distilled::Distilled;
use super::draws::{self, Use};
use super::iteration::{self, Iterated};
use super::memory::{self, Shapes};
use super::pool::Pool;
use super::synthetic::Synthetic;
use crate::models::{Layout, Mode, Network};
use crate::randomness::Stream;
use crate::training::{loss, optimizer, schedule};

/// The ridge, as a share of the mean diagonal of the kernel.
const RIDGE: f64 = 1e-6;
/// What is left of the ridge where no image excites a network, which happens to very narrow ones: then nothing is predicted.
const LEAST_RIDGE: f64 = 1e-30;
/// Betas and epsilon of images and labels: those of the authors' library.
const ADAM: [f64; 3] = [0.9, 0.999, 1e-8];
const LAMB: [f64; 3] = [0.9, 0.999, 1e-6];
/// Synthetic images in a step of a network.
const NETWORK_BATCH: usize = 1000;
/// What the learning rate falls to, as a share of the first.
const END: f64 = 0.1;

/// Goes on from a checkpoint where there is one; the outcome is the same.
pub fn distil(task: &Task, synthetic: &Synthetic, settings: &FeatureRegression) -> Result<Distilled> {
    let regression = Regression::new(task, synthetic, settings)?;
    let remedy = "lower `width`, `pool`, `images_per_class` or the image size";
    memory::tell(task, synthetic.device, regression.peak(), "an iteration", remedy);
    let outcome = iteration::run(task, &regression)?;
    let classes = synthetic.classes();
    let values = Vec::<f32>::try_from(outcome.state.labels.detach().view(-1))?;
    let labels = Labels::Soft { values, classes };
    let code = &outcome.state.images;
    let images = no_grad(|| regression.coded.images(code));
    let made = synthetic.distilled("feature-regression", &images, Some(labels), &outcome)?;
    Ok(Distilled { code_floats: regression.coded.floats(code), ..made })
}

/// What stays the same over the iterations.
struct Regression<'a> {
    settings: &'a FeatureRegression,
    synthetic: &'a Synthetic<'a>,
    coded: Coded,
    network: Network,
    shapes: Shapes,
}

/// What iterations change.
struct State {
    /// `[n, 3, h, w]` f32, or what they are coded as.
    images: Tensor,
    /// Of each picture, `[n, classes]` f32.
    labels: Tensor,
    /// Running mean and square of the gradient: of the images, of the labels.
    moments: [[Tensor; 2]; 2],
    pool: Pool,
}

impl Iterated for Regression<'_> {
    type State = State;

    fn total(&self) -> u64 {
        self.settings.iterations
    }

    fn first(&self) -> State {
        let FeatureRegression { init, pool, oldest, network_lr, .. } = *self.settings;
        let Synthetic { seed, device, .. } = *self.synthetic;
        let images = self.coded.first(self.synthetic, init).copy();
        let classes = self.synthetic.classes() as f64;
        let labels = loss::targets(&self.synthetic.labels_of(self.coded.pictures), classes as i64)
            / (classes / 10.0).sqrt();
        let zeros = |like: &Tensor| [(); 2].map(|()| like.zeros_like());
        State {
            moments: [zeros(&images), zeros(&labels)],
            pool: Pool::new(&self.network, pool, oldest, network_lr, seed, device),
            images,
            labels,
        }
    }

    fn tensors(&self, state: &State) -> Tensors {
        let named = |name: &str, tensor: &Tensor| (name.to_string(), tensor.shallow_clone());
        let mut tensors = vec![named("images", &state.images), named("labels", &state.labels)];
        let names = ["images.mean", "images.square", "labels.mean", "labels.square"];
        tensors.extend(names.iter().zip(state.moments.iter().flatten()).map(|(name, t)| named(name, t)));
        tensors.extend(state.pool.tensors());
        tensors
    }

    fn step(&self, state: &mut State, iteration: u64) -> Tensor {
        let seed = |of: Use| draws::seed(self.synthetic.seed, of, &[iteration]);
        let place = Stream::new(seed(Use::Turn), &[]).below(self.settings.pool as usize);
        let images = state.images.detach().set_requires_grad(true);
        let labels = state.labels.detach().set_requires_grad(true);
        let weights = state.pool.weights(place);
        let (real, targets) = no_grad(|| self.real_features(weights, seed(Use::Batch)));
        let (seen, meant) = self.with_mirrors(&self.coded.images(&images), &labels);
        let predicted = ridge(&real, &self.features(weights, &seen), &meant);
        let loss = objective(&predicted, &targets, &labels);
        let gradients = Tensor::run_backward(&[&loss], &[&images, &labels], false, false);
        let fall = Schedule::CosineDecay(CosineDecay { warm_up: 0.0, end: END });
        let lr = schedule::rate(&fall, self.settings.lr, iteration, self.settings.iterations);
        no_grad(|| {
            let targets = [&state.images, &state.labels];
            for ((target, gradient), moments) in targets.into_iter().zip(&gradients).zip(&state.moments) {
                descend(self.settings.optimizer, target, gradient, moments, lr, iteration);
            }
        });
        self.train(state, place, iteration);
        loss.detach()
    }

    fn synthetic(&self) -> &Synthetic<'_> {
        self.synthetic
    }

    fn images<'a>(&self, state: &'a State) -> &'a Tensor {
        &state.images
    }

    fn shown(&self, state: &State) -> Tensor {
        self.coded.images(&state.images)
    }

    fn remedy(&self) -> String {
        format!("lower `lr` of `feature-regression`, now {}", self.settings.lr)
    }
}

impl Regression<'_> {
    fn new<'a>(
        task: &Task,
        synthetic: &'a Synthetic<'a>,
        settings: &'a FeatureRegression,
    ) -> Result<Regression<'a>> {
        let coded = Coded::of(task, synthetic, settings.init)?;
        let pictures = (synthetic.classes() * coded.pictures) as u64;
        let all: u64 = synthetic.real.split.len() as u64;
        let shapes = Shapes {
            side: synthetic.padded_side(settings.padding),
            width: settings.width.into(),
            real: all.min(settings.real_batch.into()),
            synthetic: pictures * if settings.flip { 2 } else { 1 },
            stored: synthetic.stored(),
            dsa: false,
        };
        let FeatureRegression { width, doubling, depth, padding, .. } = *settings;
        let network = synthetic.convnet(Convnet { width, doubling, depth, padding, norm: Norm::None })?;
        // Without norms, convolutions take half the time so.
        let network = network.with_layout(Layout::ChannelsLast);
        Ok(Regression { settings, synthetic, coded, network, shapes })
    }

    /// Bytes at the peak: those of a pass, and three values of every weight of the pool.
    fn peak(&self) -> u64 {
        let pool = u64::from(self.settings.pool) * self.network.count() as u64 * 3 * 4;
        // Of doubling channels each block is half of the one before, not a quarter: 3 × 2 tensors instead of 3 × 4/3.
        let wider =
            if self.settings.doubling { 2 * self.shapes.synthetic * self.shapes.largest() } else { 0 };
        let decoded = self.coded.peak((self.synthetic.classes() * self.coded.pictures) as u64);
        self.shapes.peak(self.synthetic.device) + memory::held(false) * wider + pool + decoded
    }

    fn features(&self, weights: &[Tensor], images: &Tensor) -> Tensor {
        self.network.features(weights, &[], images, Mode::Eval, Kind::Float)
    }

    /// Features `[m, d]` and targets `[m, classes]` of real images drawn from all classes.
    fn real_features(&self, weights: &[Tensor], seed: u64) -> (Tensor, Tensor) {
        let real = self.synthetic.real;
        let drawn = draws::below(real.split.len(), self.settings.real_batch as usize, seed);
        let chunks = drawn.chunks(self.shapes.chunk(self.synthetic.device));
        let features = chunks.map(|places| self.features(weights, &self.synthetic.of_real(places)));
        let features = Tensor::cat(&features.collect::<Vec<_>>(), 0);
        let labels: Vec<i64> = drawn.iter().map(|place| real.class_of[*place]).collect();
        let labels = Tensor::from_slice(&labels).to_device(self.synthetic.device);
        (features, loss::targets(&labels, self.synthetic.classes() as i64))
    }

    /// Images and labels, and with `flip` the mirror images, whose labels are the same.
    fn with_mirrors(&self, images: &Tensor, labels: &Tensor) -> (Tensor, Tensor) {
        if !self.settings.flip {
            return (images.shallow_clone(), labels.shallow_clone());
        }
        (Tensor::cat(&[images, &images.flip([3])], 0), Tensor::cat(&[labels, labels], 0))
    }

    /// A step of the network at `place` on the images as they are now, or on some where there are many; not on their mirror
    /// images.
    fn train(&self, state: &mut State, place: usize, iteration: u64) {
        let mut seen = no_grad(|| self.coded.images(&state.images));
        let mut meant = state.labels.shallow_clone();
        let count = seen.size()[0] as usize;
        if count > NETWORK_BATCH {
            let seed = draws::seed(self.synthetic.seed, Use::Order, &[iteration]);
            let drawn: Vec<i64> =
                draws::below(count, NETWORK_BATCH, seed).iter().map(|place| *place as i64).collect();
            let drawn = Tensor::from_slice(&drawn).to_device(self.synthetic.device);
            (seen, meant) = (seen.index_select(0, &drawn), meant.index_select(0, &drawn));
        }
        let weights = state.pool.weights(place);
        let outputs = self.network.forward(weights, &[], &seen, Mode::Eval, Kind::Float);
        let loss = loss::mean(Loss::Mse, &outputs, &meant, 0.0, None);
        let gradients = Tensor::run_backward(&[&loss], weights, false, false);
        state.pool.step(place, &gradients, &self.network);
    }
}

/// What kernel ridge regression from the features `[n, d]` of synthetic images and their labels `[n, classes]` makes of the
/// features `[m, d]` of real ones, `[m, classes]` f64. In f64: the ridge is as small as what f32 rounds by.
fn ridge(real: &Tensor, synthetic: &Tensor, labels: &Tensor) -> Tensor {
    let [real, synthetic, labels] = [real, synthetic, labels].map(|tensor| tensor.to_kind(Kind::Double));
    let kernel = synthetic.matmul(&synthetic.tr());
    let n = kernel.size()[0];
    let eye = Tensor::eye(n, (Kind::Double, kernel.device()));
    let kernel = &kernel + eye * (kernel.trace() * (RIDGE / n as f64) + LEAST_RIDGE);
    // Without a check: where the kernel is no number, neither is the loss, which is what the caller is told.
    let (solved, _) = Tensor::linalg_solve_ex(&kernel, &labels, true, false);
    real.matmul(&synthetic.tr().matmul(&solved))
}

/// Half the squared error of an image, and less of it the margin by which labels tell their class, up to 1 / classes.
fn objective(predicted: &Tensor, targets: &Tensor, labels: &Tensor) -> Tensor {
    let error =
        (predicted - targets).square().sum_dim_intlist(1, false, Kind::Double).mean(Kind::Double) / 2.0;
    let (highest, _) = labels.topk(2, 1, true, true);
    let margin = highest.select(1, 0) - highest.select(1, 1);
    let most = 1.0 / labels.size()[1] as f64;
    error - margin.clamp_max(most).mean(Kind::Double)
}

/// A step of images or of labels, in place; LAMB takes each as a whole.
fn descend(
    stepping: ImageOptimizer,
    target: &Tensor,
    gradient: &Tensor,
    moments: &[Tensor; 2],
    lr: f64,
    iteration: u64,
) {
    let moments = moments.iter().map(Tensor::shallow_clone).collect();
    let target = target.shallow_clone();
    match stepping {
        ImageOptimizer::Adam => optimizer::adam::adapt(ADAM, target, gradient, moments, lr, iteration),
        ImageOptimizer::Lamb => optimizer::lamb::adapt(LAMB, target, gradient, moments, lr, iteration),
    }
}

#[cfg(test)]
mod tests;
