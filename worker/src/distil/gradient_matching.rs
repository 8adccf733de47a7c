//! Gradient matching (Zhao et al. 2021; with siamese augmentation Zhao & Bilen 2021): images that move the weights of a
//! network as the real images of their class do.

use anyhow::Result;
use pipeline::engine::Task;
use pipeline::recipe::{self, Convnet, GradientMatching, Sgd};
use tch::{Kind, Tensor, no_grad};

use super::checkpoint::Tensors;
use super::code::Coded;
use super::descent::Descent;
use super::distilled::Distilled;
use super::draws::{self, Use};
use super::iteration::{self, Iterated};
use super::memory::{self, Shapes};
use super::synthetic::Synthetic;
use crate::models::{Mode, Network, Parameters};
use crate::randomness::Stream;
use crate::training::dsa::Draw;
use crate::training::loss;
use crate::training::optimizer::{Optimizer, Rates};

/// Momentum of the networks' SGD.
const NETWORK_MOMENTUM: f64 = 0.5;
/// Synthetic images in a step of a network.
const NETWORK_BATCH: i64 = 256;
/// Added to the product of two lengths.
const EPS: f64 = 1e-6;

/// Goes on from a checkpoint where there is one; the outcome is the same.
pub fn distil(task: &Task, synthetic: &Synthetic, settings: &GradientMatching) -> Result<Distilled> {
    let matching = Matching::new(task, synthetic, settings)?;
    let remedy = "lower `width`, `images_per_class` or the image size";
    memory::tell(task, synthetic.device, matching.peak(), "an iteration", remedy);
    let outcome = iteration::run(task, &matching)?;
    let code = &outcome.state.descent.images;
    let images = no_grad(|| matching.coded.images(code));
    let made = synthetic.distilled("gradient-matching", &images, None, &outcome)?;
    Ok(Distilled { code_floats: matching.coded.floats(code), ..made })
}

/// What stays the same over the iterations.
struct Matching<'a> {
    settings: &'a GradientMatching,
    synthetic: &'a Synthetic<'a>,
    coded: Coded,
    network: Network,
    shapes: Shapes,
    /// Updates of the images with one network.
    updates: u64,
    /// Epochs of the network between two of them.
    epochs: u64,
}

/// What iterations change.
struct State {
    descent: Descent,
    parameters: Parameters,
    optimizer: Optimizer,
}

impl Iterated for Matching<'_> {
    type State = State;

    fn total(&self) -> u64 {
        self.settings.iterations
    }

    fn first(&self) -> State {
        let descent = Descent::new(self.coded.first(self.synthetic, self.settings.init));
        let (parameters, _) = self.network.initial(0, self.synthetic.device);
        let optimizer = Optimizer::new(&self.rule(), &parameters, Vec::new());
        State { descent, parameters, optimizer }
    }

    fn tensors(&self, state: &State) -> Tensors {
        let network = [
            ("network.weights".into(), state.parameters.flat().shallow_clone()),
            ("network.momentum".into(), state.optimizer.state()[0].shallow_clone()),
        ];
        state.descent.tensors().into_iter().chain(network).collect()
    }

    fn step(&self, state: &mut State, iteration: u64) -> Tensor {
        if iteration.is_multiple_of(self.updates) {
            self.renew(state, iteration / self.updates);
        }
        let weights = state.parameters.tensors();
        let classes = 0..self.synthetic.classes();
        let of_class = |class| self.class(weights, &state.descent.images, iteration, class);
        let (losses, gradients): (Vec<Tensor>, Vec<Tensor>) = classes.map(of_class).unzip();
        let GradientMatching { lr, momentum, .. } = *self.settings;
        state.descent.step(&Tensor::cat(&gradients, 0), lr, momentum);
        // What the next network begins with is its own.
        if !(iteration + 1).is_multiple_of(self.updates) {
            (0..self.epochs).for_each(|epoch| self.train(state, iteration, epoch));
        }
        Tensor::stack(&losses, 0).sum(Kind::Float)
    }

    fn synthetic(&self) -> &Synthetic<'_> {
        self.synthetic
    }

    fn images<'a>(&self, state: &'a State) -> &'a Tensor {
        &state.descent.images
    }

    fn shown(&self, state: &State) -> Tensor {
        self.coded.images(&state.descent.images)
    }

    fn remedy(&self) -> String {
        let GradientMatching { lr, network_lr, .. } = self.settings;
        format!("lower `lr` of `gradient-matching`, now {lr}, or its `network_lr`, now {network_lr}")
    }
}

impl Matching<'_> {
    fn new<'a>(
        task: &Task,
        synthetic: &'a Synthetic<'a>,
        settings: &'a GradientMatching,
    ) -> Result<Matching<'a>> {
        let largest = synthetic.real.by_class.iter().map(Vec::len).max().unwrap_or(0);
        let coded = Coded::of(task, synthetic, settings.init)?;
        let shapes = Shapes {
            side: synthetic.padded_side(settings.padding),
            width: settings.width.into(),
            real: largest.min(settings.real_batch as usize) as u64,
            synthetic: (synthetic.classes() * coded.pictures) as u64,
            stored: synthetic.stored(),
            dsa: settings.dsa.changes().is_some(),
        };
        let GradientMatching { width, depth, padding, .. } = *settings;
        let network = synthetic.convnet(Convnet { width, depth, padding, ..Convnet::default() })?;
        let per_class = synthetic.per_class as u32;
        let updates = settings.updates_per_network(per_class).into();
        let epochs = settings.network_epochs(per_class).into();
        Ok(Matching { settings, synthetic, coded, network, shapes, updates, epochs })
    }

    /// Bytes at the peak. A gradient that is differentiated keeps the tensors of the pass and of its way back: of one
    /// class at a time, and no more than the steps of the network do.
    fn peak(&self) -> u64 {
        let twice = Shapes { synthetic: 3 * self.coded.pictures as u64, ..self.shapes };
        let trained = Shapes { synthetic: self.shapes.synthetic.min(NETWORK_BATCH as u64), ..self.shapes };
        let decoded = self.coded.peak(self.coded.pictures as u64);
        twice.peak(self.synthetic.device).max(trained.peak(self.synthetic.device)) + decoded
    }

    fn rule(&self) -> recipe::Optimizer {
        let (lr, momentum) = (self.settings.network_lr, NETWORK_MOMENTUM);
        recipe::Optimizer::Sgd(Sgd { lr: lr.into(), momentum, nesterov: false, weight_decay: 0.0 })
    }

    /// Another random network.
    fn renew(&self, state: &mut State, number: u64) {
        let seed = draws::seed(self.synthetic.seed, Use::Network, &[number]);
        let (fresh, _) = self.network.initial(seed, self.synthetic.device);
        no_grad(|| state.parameters.flat().shallow_clone().copy_(fresh.flat()));
        state.optimizer.state().iter().for_each(|momentum| drop(momentum.shallow_clone().zero_()));
    }

    /// The distance of a class's gradients, and its gradient with respect to the class's images.
    fn class(&self, weights: &[Tensor], images: &Tensor, iteration: u64, class: usize) -> (Tensor, Tensor) {
        let seed = |of: Use| draws::seed(self.synthetic.seed, of, &[iteration, class as u64]);
        let draw = |dsa| Draw::for_all(&dsa, &mut Stream::new(seed(Use::Augmentation), &[]));
        let draw = self.settings.dsa.changes().map(draw);
        let seen =
            |images: &Tensor| draw.as_ref().map_or_else(|| images.shallow_clone(), |draw| draw.apply(images));
        let count = self.settings.real_batch as usize;
        let real = draws::some_of(&self.synthetic.real.by_class[class], count, seed(Use::Batch));
        let chunks = real.chunks(self.shapes.chunk(self.synthetic.device)).map(|places| {
            let share = places.len() as f64 / real.len() as f64;
            let loss = self.loss(weights, &seen(&self.synthetic.of_real(places)), class) * share;
            Tensor::run_backward(&[&loss], weights, false, false)
        });
        let added = |sums: Vec<Tensor>, more: Vec<Tensor>| {
            sums.into_iter().zip(more).map(|(sum, more)| sum + more).collect()
        };
        let real = chunks.reduce(added).expect("every class has an image");
        let rows = images.size()[0] / self.synthetic.classes() as i64;
        let own = images.narrow(0, class as i64 * rows, rows).detach().set_requires_grad(true);
        let loss = self.loss(weights, &seen(&self.coded.images(&own)), class);
        let synthetic = Tensor::run_backward(&[loss], weights, true, true);
        let distance = distance(&real, &synthetic);
        let gradient = Tensor::run_backward(&[&distance], &[&own], false, false).remove(0);
        (distance.detach(), gradient)
    }

    /// Mean cross-entropy of images that are all of one class.
    fn loss(&self, weights: &[Tensor], images: &Tensor, class: usize) -> Tensor {
        let logits = self.network.forward(weights, &[], images, Mode::Train, Kind::Float);
        let labels = Tensor::full([images.size()[0]], class as i64, (Kind::Int64, images.device()));
        loss::cross_entropy(&logits, &labels, 0.0, None)
    }

    /// An epoch of the network on the synthetic images, augmented as the matching is.
    fn train(&self, state: &mut State, iteration: u64, epoch: u64) {
        let seed = |of: Use| draws::seed(self.synthetic.seed, of, &[iteration, epoch]);
        let shown = no_grad(|| self.coded.images(&state.descent.images));
        let order = Stream::new(seed(Use::Order), &[]).permutation(shown.size()[0] as usize);
        let labels = self.synthetic.labels_of(self.coded.pictures);
        let mut random = Stream::new(seed(Use::NetworkAugmentation), &[]);
        for places in order.chunks(NETWORK_BATCH as usize) {
            let chosen = Tensor::from_slice(places).to_device(self.synthetic.device);
            let images = shown.index_select(0, &chosen);
            let images = match self.settings.dsa.changes() {
                Some(dsa) => Draw::for_each_image(&dsa, places.len(), &mut random).apply(&images),
                None => images,
            };
            let weights = state.parameters.tensors();
            let logits = self.network.forward(weights, &[], &images, Mode::Train, Kind::Float);
            let loss = loss::cross_entropy(&logits, &labels.index_select(0, &chosen), 0.0, None);
            let gradients = Tensor::run_backward(&[&loss], weights, false, false);
            state.optimizer.update(&state.parameters, &gradients, Rates::same(self.settings.network_lr), 0);
        }
    }
}

/// Sum over layers and their outputs of 1 - cosine between the gradients of what comes into an output. Gradients of norms
/// and biases do not count.
fn distance(real: &[Tensor], synthetic: &[Tensor]) -> Tensor {
    let layers = real.iter().zip(synthetic).filter(|(real, _)| real.dim() > 1);
    let of_layer = |(real, synthetic): (&Tensor, &Tensor)| {
        let (real, synthetic) = (real.flatten(1, -1), synthetic.flatten(1, -1));
        let length = |rows: &Tensor| rows.norm_scalaropt_dim(2.0, [1], false);
        let product = (&real * &synthetic).sum_dim_intlist(1, false, Kind::Float);
        let cosines = product / (length(&real) * length(&synthetic) + EPS);
        (cosines.ones_like() - cosines).sum(Kind::Float)
    };
    layers.map(of_layer).reduce(|sum, layer| sum + layer).expect("a network has layers")
}

/// Does the first `count` iterations and saves, as a process does that is killed after them.
#[cfg(test)]
pub fn cut_off(task: &Task, synthetic: &Synthetic, settings: &GradientMatching, count: u64) {
    iteration::cut_off(task, &Matching::new(task, synthetic, settings).unwrap(), count);
}

#[cfg(test)]
mod tests {
    use pipeline::recipe::{Convnet, Method};
    use serde::Deserialize;
    use serde_json::{Value, json};
    use tch::Device;

    use super::super::tests::{bench, content, resumes, run};
    use super::*;
    use crate::fixture::alone;

    fn matching(iterations: u64, dsa: bool) -> Value {
        let settings = json!({
            "iterations": iterations, "lr": 5.0, "real_batch": 4, "width": 8, "dsa": dsa,
            "updates_per_network": 4, "network_epochs": 2, "init": "noise",
        });
        json!({ "images_per_class": 2, "method": { "gradient-matching": settings }, "seed": 5 })
    }

    /// What `gradient_figures.py` computes with PyTorch.
    #[derive(Deserialize)]
    struct Figures {
        distance: f64,
        /// Of the first row of the first image.
        gradient: Vec<f64>,
    }

    /// `scattered` of `gradient_figures.py`.
    fn scattered(shape: &[i64], phase: f64) -> Tensor {
        let places = Tensor::arange(shape.iter().product::<i64>(), (Kind::Double, Device::Cpu));
        ((places * 1.7 + phase).sin() * 0.5).to_kind(Kind::Float).view(shape)
    }

    #[test]
    fn the_distance_of_gradients_and_its_own_gradient_are_those_of_pytorch() {
        let figures: Figures = serde_json::from_str(include_str!("gradient_figures.json")).unwrap();
        let convnet = Convnet { width: 3, depth: Some(2), ..Convnet::default() };
        let network = Network::new(&recipe::Network::Convnet(convnet), 4, 8).unwrap();
        let parameters = network.parameters().iter().enumerate();
        let value = |(i, p): (usize, &pipeline::networks::Parameter)| {
            scattered(&p.shape, i as f64).set_requires_grad(true)
        };
        let weights: Vec<Tensor> = parameters.map(value).collect();
        let gradients = |images: &Tensor, differentiable: bool| {
            let logits = network.forward(&weights, &[], images, Mode::Train, Kind::Float);
            let labels = Tensor::full([images.size()[0]], 2, (Kind::Int64, Device::Cpu));
            let loss = loss::cross_entropy(&logits, &labels, 0.0, None);
            Tensor::run_backward(&[&loss], &weights, differentiable, differentiable)
        };
        let real = gradients(&scattered(&[5, 3, 8, 8], 0.1), false);
        let images = scattered(&[2, 3, 8, 8], 0.6).set_requires_grad(true);
        let distance = distance(&real, &gradients(&images, true));
        let gradient = Tensor::run_backward(&[&distance], &[&images], false, false).remove(0);
        let found = Vec::<f64>::try_from(gradient.get(0).get(0).get(0).to_kind(Kind::Double)).unwrap();
        assert!((distance.double_value(&[]) - figures.distance).abs() < 1e-3, "{distance:?}");
        let close = |(a, b): (&f64, &f64)| (a - b).abs() < 2e-3 * (1.0 + b.abs());
        assert!(found.iter().zip(&figures.gradient).all(close), "{found:?} {:?}", figures.gradient);
    }

    #[test]
    fn a_matching_lowers_its_distance_and_gives_the_same_bits_twice() {
        let _turn = alone();
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        folders.iter().for_each(|folder| drop(run(folder.path(), matching(80, false))));
        assert_eq!(content(folders[0].path()), content(folders[1].path()));
        let table = &content(folders[0].path())["loss.csv"];
        let mut rows = csv::Reader::from_reader(&table[..]);
        let losses: Vec<f64> = rows.records().map(|row| row.unwrap()[1].parse().unwrap()).collect();
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        assert!(mean(&losses[60..]) < 0.8 * mean(&losses[..8]), "{losses:?}");
    }

    #[test]
    fn a_matching_cut_off_within_a_network_and_resumed_equals_one_that_was_not() {
        resumes(matching(13, true), |task, synthetic, method| {
            let Method::GradientMatching(settings) = method else { panic!() };
            cut_off(task, synthetic, settings, 6);
        });
    }

    #[test]
    fn a_matching_that_diverges_names_its_remedy() {
        let _turn = alone();
        let folder = tempfile::tempdir().unwrap();
        let mut parameters = matching(50, false);
        parameters["method"]["gradient-matching"]["network_lr"] = json!(1e30);
        let task = bench(folder.path(), parameters).task();
        let message = format!("{:#}", super::super::distil(&task, Device::Cpu).unwrap_err());
        assert!(message.contains("hint: lower `lr` of `gradient-matching`"), "{message}");
    }
}
