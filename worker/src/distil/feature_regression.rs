//! Feature regression (Zhou et al. 2022, FRePo): images and labels from which kernel ridge regression on a network's
//! features predicts the labels of real images.

use anyhow::Result;
use pipeline::data::Labels;
use pipeline::engine::Task;
use pipeline::recipe::{Convnet, CosineDecay, FeatureRegression, Loss, Norm, Schedule};
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
/// Adam's betas and epsilon for images and labels.
const ADAM: [f64; 3] = [0.9, 0.999, 1e-8];
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
    /// Adam's running mean and square: of the images, of the labels.
    adam: [[Tensor; 2]; 2],
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
            adam: [zeros(&images), zeros(&labels)],
            pool: Pool::new(&self.network, pool, oldest, network_lr, seed, device),
            images,
            labels,
        }
    }

    fn tensors(&self, state: &State) -> Tensors {
        let named = |name: &str, tensor: &Tensor| (name.to_string(), tensor.shallow_clone());
        let mut tensors = vec![named("images", &state.images), named("labels", &state.labels)];
        let names = ["images.mean", "images.square", "labels.mean", "labels.square"];
        tensors.extend(names.iter().zip(state.adam.iter().flatten()).map(|(name, t)| named(name, t)));
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
            for ((target, gradient), moments) in targets.iter().zip(&gradients).zip(&state.adam) {
                let moments = moments.iter().map(Tensor::shallow_clone).collect();
                optimizer::adam::adapt(ADAM, target.shallow_clone(), gradient, moments, lr, iteration);
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
            side: synthetic.side(),
            width: settings.width.into(),
            real: all.min(settings.real_batch.into()),
            synthetic: pictures * if settings.flip { 2 } else { 1 },
            stored: synthetic.stored(),
            dsa: false,
        };
        let FeatureRegression { width, doubling, depth, .. } = *settings;
        let network = synthetic.network(Convnet { width, doubling, depth, norm: Norm::None })?;
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

#[cfg(test)]
mod tests {
    use pipeline::data::Labels;
    use pipeline::recipe::Method;
    use serde::Deserialize;
    use serde_json::{Value, json};
    use tch::Device;

    use super::super::tests::{bench, content, resumes, run};
    use super::*;
    use crate::fixture::alone;

    fn regression(iterations: u64) -> Value {
        let settings = json!({
            "iterations": iterations, "lr": 0.05, "real_batch": 10, "width": 8, "pool": 2, "oldest": 4,
        });
        json!({ "images_per_class": 2, "method": { "feature-regression": settings }, "seed": 5 })
    }

    /// What `regression_figures.py` computes with PyTorch.
    #[derive(Deserialize)]
    struct Figures {
        loss: f64,
        predicted: Vec<f64>,
        /// Of the first row of synthetic features.
        of_features: Vec<f64>,
        /// Of the first row of labels.
        of_labels: Vec<f64>,
    }

    /// `scattered` of `regression_figures.py`: `[rows, columns]`.
    fn scattered(rows: i64, columns: i64, phase: f64) -> Tensor {
        let places = Tensor::arange(rows * columns, (Kind::Double, Device::Cpu));
        ((&places * &places * 0.37 + phase).sin() * 0.9).view([rows, columns])
    }

    #[test]
    fn regression_loss_and_gradients_are_those_of_pytorch() {
        let figures: Figures = serde_json::from_str(include_str!("regression_figures.json")).unwrap();
        let synthetic = scattered(4, 6, 0.3).set_requires_grad(true);
        let labels = scattered(4, 3, 0.8).set_requires_grad(true);
        let targets = loss::targets(&Tensor::from_slice(&[0_i64, 2, 1, 1, 0]), 3);
        let predicted = ridge(&scattered(5, 6, 0.1), &synthetic, &labels);
        let loss = objective(&predicted, &targets, &labels);
        let gradients = Tensor::run_backward(&[&loss], &[&synthetic, &labels], false, false);
        let rows = [predicted.get(0), gradients[0].get(0), gradients[1].get(0)];
        for (row, expected) in rows.iter().zip([&figures.predicted, &figures.of_features, &figures.of_labels])
        {
            let found = Vec::<f64>::try_from(row.detach()).unwrap();
            let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-6 * (1.0 + b.abs());
            assert!(found.iter().zip(expected).all(close), "{found:?} {expected:?}");
        }
        assert!((loss.double_value(&[]) - figures.loss).abs() < 1e-6);
    }

    #[test]
    fn a_network_that_nothing_excites_predicts_nothing_and_moves_nothing() {
        let [real, labels] = [scattered(5, 6, 0.1), scattered(4, 3, 0.8)];
        let synthetic = (real.narrow(0, 0, 4) * 0.0).set_requires_grad(true);
        let predicted = ridge(&(real * 0.0), &synthetic, &labels);
        assert_eq!(predicted.abs().max().double_value(&[]), 0.0);
        let loss = predicted.square().sum(Kind::Double);
        let gradient = Tensor::run_backward(&[&loss], &[&synthetic], false, false).remove(0);
        assert_eq!(gradient.abs().max().double_value(&[]), 0.0);
    }

    #[test]
    fn a_regression_lowers_its_loss_learns_labels_and_gives_the_same_bits_twice() {
        let _turn = alone();
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let splits = folders.each_ref().map(|folder| run(folder.path(), regression(60)));
        assert_eq!(content(folders[0].path()), content(folders[1].path()));
        let table = &content(folders[0].path())["loss.csv"];
        let mut rows = csv::Reader::from_reader(&table[..]);
        let losses: Vec<f64> = rows.records().map(|row| row.unwrap()[1].parse().unwrap()).collect();
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        assert!(mean(&losses[50..]) < 0.7 * mean(&losses[..5]), "{losses:?}");
        let Labels::Soft { values, classes: 3 } = splits[0].labels() else { panic!() };
        assert_eq!(splits[0].labels().heaviest(), [0, 0, 1, 1, 2, 2]);
        let start = (2.0 / 3.0) / 0.3_f32.sqrt();
        assert!((values[0] - start).abs() > 0.01, "{values:?}");
    }

    #[test]
    fn a_regression_cut_off_and_resumed_equals_one_that_was_not_whitened_or_not() {
        for zca in [false, true] {
            let mut parameters = regression(25);
            parameters["zca"] = json!(zca);
            resumes(parameters, |task, synthetic, method| {
                let Method::FeatureRegression(settings) = method else { panic!() };
                iteration::cut_off(task, &Regression::new(task, synthetic, settings).unwrap(), 11);
            });
        }
    }

    #[test]
    fn a_coded_regression_labels_every_picture_and_resumes_whitened_or_not() {
        for (code, zca, pictures, values) in [
            (json!({ "dct": { "keep": 16, "pictures": 3 } }), true, 3, 3 * 3 * 48 + 48),
            (json!({ "factor": {} }), false, 8, 1152),
        ] {
            let mut parameters = regression(25);
            parameters["method"]["feature-regression"]["init"] = json!("noise");
            parameters["zca"] = json!(zca);
            parameters["code"] = code;
            let folder = tempfile::tempdir().unwrap();
            let split = {
                let _turn = alone();
                run(folder.path(), parameters.clone())
            };
            let Labels::Soft { values: labels, classes: 3 } = split.labels() else { panic!() };
            assert_eq!((split.len(), labels.len()), (3 * pictures, 3 * 3 * pictures));
            let facts: Value = serde_json::from_slice(&content(folder.path())["distillation.json"]).unwrap();
            assert_eq!(facts["stored_floats"], json!(values + labels.len()));
            resumes(parameters, |task, synthetic, method| {
                let Method::FeatureRegression(settings) = method else { panic!() };
                iteration::cut_off(task, &Regression::new(task, synthetic, settings).unwrap(), 11);
            });
        }
    }

    #[test]
    fn a_regression_that_diverges_names_its_remedy() {
        let _turn = alone();
        let folder = tempfile::tempdir().unwrap();
        let mut parameters = regression(50);
        parameters["method"]["feature-regression"]["lr"] = json!(1e30);
        let task = bench(folder.path(), parameters).task();
        let message = format!("{:#}", super::super::distil(&task, Device::Cpu).unwrap_err());
        assert!(message.contains("hint: lower `lr` of `feature-regression`"), "{message}");
    }
}
