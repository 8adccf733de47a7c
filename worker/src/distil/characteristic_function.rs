//! Matching by characteristic functions (Wang et al. 2025, NCFM): images whose features are distributed as those of the
//! real images of their class.

mod distance;
mod networks;

use anyhow::Result;
use pipeline::engine::Task;
use pipeline::recipe::CharacteristicFunction;
use tch::{Kind, Tensor, no_grad};

use super::checkpoint::Tensors;
use super::code::Coded;
use super::distilled::Distilled;
use super::draws::{self, Use};
use super::iteration::{self, Iterated};
use super::memory;
use super::synthetic::Synthetic;
use crate::models::Mode;
use crate::randomness::Stream;
use crate::training::dsa::Draw;
use crate::training::{loss, optimizer};
use distance::{Characteristic, distance};
use networks::{Networks, Turn};

/// What the distance is multiplied by beside the cross-entropy (the paper's).
const WEIGHT: f64 = 300.0;
/// Adam's betas and epsilon for the images (the paper's betas).
const ADAM: [f64; 3] = [0.9, 0.99, 1e-8];
/// How much lower a loss is to be to count as lower, as a share (PyTorch's `ReduceLROnPlateau`).
const LOWER: f64 = 1e-4;
/// The logarithm of a frequency's standard deviation at most, either way.
const WIDEST: f64 = 2.0;

/// Goes on from a checkpoint where there is one; the outcome is the same.
pub fn distil(task: &Task, synthetic: &Synthetic, settings: &CharacteristicFunction) -> Result<Distilled> {
    let matching = Matching::new(task, synthetic, settings)?;
    let remedy = "lower `real_batch`, `width`, `images_per_class` or the image size";
    memory::tell(task, synthetic.device, matching.peak(), "an iteration", remedy);
    let outcome = iteration::run(task, &matching)?;
    let code = &outcome.state.images;
    let images = no_grad(|| matching.coded.images(code));
    let made = synthetic.distilled("characteristic-function", &images, None, &outcome)?;
    Ok(Distilled { code_floats: matching.coded.floats(code), ..made })
}

/// What stays the same over the iterations.
struct Matching<'a> {
    settings: &'a CharacteristicFunction,
    synthetic: &'a Synthetic<'a>,
    networks: Networks,
    coded: Coded,
    /// Real images that go through a network together.
    chunk: usize,
}

/// What iterations change.
struct State {
    /// `[classes × per class, 3, h, w]` f32: what is stored, of which networks see the pictures.
    images: Tensor,
    /// Adam's running mean and square.
    adam: [Tensor; 2],
    /// Of each network of the pool, the logarithms of its frequencies' standard deviations, `[d]`; empty where they stay.
    spreads: Vec<Tensor>,
    /// The least loss so far, iterations since, and the learning rate; `[3]` f64 on the CPU.
    plateau: Tensor,
}

impl Iterated for Matching<'_> {
    type State = State;

    fn total(&self) -> u64 {
        self.settings.iterations
    }

    fn first(&self) -> State {
        let images = self.coded.first(self.synthetic, self.settings.init).copy();
        State {
            adam: [(); 2].map(|()| images.zeros_like()),
            spreads: if self.settings.frequency_lr > 0.0 { self.even_spreads() } else { Vec::new() },
            plateau: Tensor::from_slice(&[f64::INFINITY, 0.0, self.settings.lr]),
            images,
        }
    }

    fn tensors(&self, state: &State) -> Tensors {
        let named = |name: &str, tensor: &Tensor| (name.to_string(), tensor.shallow_clone());
        let spreads = state.spreads.iter().enumerate();
        let spreads = spreads.map(|(place, spread)| (format!("spread.{place}"), spread.shallow_clone()));
        let own = [
            named("images", &state.images),
            named("images.mean", &state.adam[0]),
            named("images.square", &state.adam[1]),
            named("plateau", &state.plateau),
        ];
        own.into_iter().chain(spreads).collect()
    }

    fn step(&self, state: &mut State, iteration: u64) -> Tensor {
        let turn = self.networks.turn(self.synthetic, iteration);
        let images = state.images.detach().set_requires_grad(true);
        let spread = state.spreads.get(turn.place).map(|spread| spread.detach().set_requires_grad(true));
        let loss = self.loss(&turn, &images, spread.as_ref(), iteration);
        let wanted: Vec<&Tensor> = std::iter::once(&images).chain(&spread).collect();
        let gradients = Tensor::run_backward(&[&loss], &wanted, false, false);
        no_grad(|| {
            self.descend(state, &gradients[0], iteration);
            if let (Some(spread), Some(gradient)) = (state.spreads.get(turn.place), gradients.get(1)) {
                self.climb(spread, gradient);
            }
            let known = [0, 1, 2].map(|place| state.plateau.double_value(&[place]));
            let next = plateau(known, loss.double_value(&[]), self.settings.patience);
            state.plateau.copy_(&Tensor::from_slice(&next));
        });
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
        format!("lower `lr` of `characteristic-function`, now {}", self.settings.lr)
    }
}

impl Matching<'_> {
    fn new<'a>(
        task: &Task,
        synthetic: &'a Synthetic<'a>,
        settings: &'a CharacteristicFunction,
    ) -> Result<Matching<'a>> {
        let networks = Networks::open(task, synthetic, settings)?;
        let coded = match synthetic.recipe.code {
            Some(_) => Coded::of(task, synthetic, settings.init)?,
            None => Coded::tiles(task, synthetic, settings.init, settings.factor.into())?,
        };
        // A network's largest tensor is about a quarter of what all its layers put out.
        let largest = activation_bytes(&networks) / 4;
        let chunk = memory::chunk(largest, synthetic.device);
        Ok(Matching { settings, synthetic, networks, coded, chunk })
    }

    /// Bytes at the peak: the split, the features of an iteration's real images, which are hardly ever larger than the
    /// images, a chunk of these as it passes, the angles of a class, and the synthetic images with their graph.
    fn peak(&self) -> u64 {
        let real = self.synthetic.real;
        let image = 12 * self.synthetic.side().pow(2);
        let batch = self.settings.real_batch as usize;
        let drawn: usize = real.by_class.iter().map(|places| places.len().min(batch)).sum();
        let passing = activation_bytes(&self.networks);
        let chunk = self.chunk.min(batch) as u64 * (passing / 2 + 3 * image);
        let angles = 3 * 4 * batch as u64 * u64::from(self.settings.frequencies);
        let pictures = (self.synthetic.classes() * self.coded.pictures) as u64;
        let weights: i64 = self.networks.structures().iter().map(|network| 4 * network.count()).sum();
        let passing = chunk + angles + pictures * (2 * passing + 6 * image);
        self.synthetic.stored()
            + drawn as u64 * image
            + memory::held(self.settings.dsa.changes().is_some()) * passing
            + weights as u64
            + self.coded.peak(pictures)
    }

    /// Standard deviations of 1 for the features of each network.
    fn even_spreads(&self) -> Vec<Tensor> {
        let side = self.synthetic.side() as i64;
        let image = Tensor::zeros([1, 3, side, side], (Kind::Float, self.synthetic.device));
        let spread = |network: &&crate::models::Network| {
            let (weights, buffers) = network.initial(0, self.synthetic.device);
            let features = network.features(weights.tensors(), &buffers, &image, Mode::Eval, Kind::Float);
            features.get(0).zeros_like()
        };
        no_grad(|| self.networks.structures().iter().map(spread).collect())
    }

    /// 300 times the distance of each class, and the weighed cross-entropy of its images, summed over the classes.
    fn loss(&self, turn: &Turn, images: &Tensor, spread: Option<&Tensor>, iteration: u64) -> Tensor {
        let seed = |of: Use| draws::seed(self.synthetic.seed, of, &[iteration]);
        let draw = |dsa| Draw::for_all(&dsa, &mut Stream::new(seed(Use::Augmentation), &[]));
        let draw = self.settings.dsa.changes().map(draw);
        let seen =
            |images: &Tensor| draw.as_ref().map_or_else(|| images.shallow_clone(), |draw| draw.apply(images));
        let pictures = seen(&self.coded.images(images));
        let made = turn.features(self.synthetic, &pictures);
        let frequencies = self.frequencies(made.size()[1], spread, seed(Use::Frequency));
        let classes = self.synthetic.classes() as i64;
        let of_class = made.size()[0] / classes;
        let distances = (0..classes).map(|class| {
            let real = self.real(turn, seen, &frequencies, iteration, class as usize);
            let made = made.narrow(0, class * of_class, of_class);
            let made = Characteristic::of(&made, &frequencies, 1.0 / of_class as f64);
            distance(&real, &made, self.settings.amplitude)
        });
        let matched = Tensor::stack(&distances.collect::<Vec<_>>(), 0).sum(Kind::Float) * WEIGHT;
        if self.settings.label_weight == 0.0 {
            return matched;
        }
        let Some(logits) = turn.logits(self.synthetic, &pictures) else { return matched };
        let labels = self.synthetic.labels_of(self.coded.pictures);
        matched
            + loss::cross_entropy(&logits, &labels, 0.0, None) * (self.settings.label_weight * classes as f64)
    }

    /// `[frequencies, d]`.
    fn frequencies(&self, features: i64, spread: Option<&Tensor>, seed: u64) -> Tensor {
        tch::manual_seed(seed as i64);
        let shape = [i64::from(self.settings.frequencies), features];
        let drawn = Tensor::randn(shape, (Kind::Float, self.synthetic.device));
        spread.map_or_else(|| drawn.shallow_clone(), |spread| &drawn * spread.exp())
    }

    /// The characteristic function of an iteration's real images of a class.
    fn real(
        &self,
        turn: &Turn,
        seen: impl Fn(&Tensor) -> Tensor,
        frequencies: &Tensor,
        iteration: u64,
        class: usize,
    ) -> Characteristic {
        let seed = draws::seed(self.synthetic.seed, Use::Batch, &[iteration, class as u64]);
        let places = &self.synthetic.real.by_class[class];
        let drawn = draws::some_of(places, self.settings.real_batch as usize, seed);
        let parts = drawn.chunks(self.chunk).map(|places| {
            let images = seen(&self.synthetic.of_real(places));
            let features = no_grad(|| turn.features(self.synthetic, &images));
            Characteristic::of(&features, frequencies, 1.0 / drawn.len() as f64)
        });
        parts.reduce(Characteristic::with).expect("every class has an image")
    }

    /// Adam's step on the images: on pixels, which stay possible ones, or on the values of a code.
    fn descend(&self, state: &mut State, gradient: &Tensor, iteration: u64) {
        let moments = state.adam.iter().map(Tensor::shallow_clone).collect();
        let direction = optimizer::adam::direction(ADAM, gradient, moments, iteration);
        let lr = state.plateau.double_value(&[2]);
        if self.coded.is_of_pixels() {
            let moved = &state.images - direction * self.synthetic.pixel_units() * lr;
            state.images.copy_(&self.synthetic.clamped(&moved));
        } else {
            state.images.copy_(&(&state.images - direction * lr));
        }
    }

    /// A step of standard deviations towards where distributions differ more, in proportion to their gradient, whose mean
    /// square is brought to that of the learning rate.
    fn climb(&self, spread: &Tensor, gradient: &Tensor) {
        let size = gradient.square().mean(Kind::Float).sqrt().clamp_min(1e-12);
        let moved = spread + gradient / size * self.settings.frequency_lr;
        spread.shallow_clone().copy_(&moved.clamp(-WIDEST, WIDEST));
    }
}

/// The least loss, iterations since and the learning rate after another loss: the rate is halved where no loss was lower for
/// more than `patience` iterations.
fn plateau([best, since, lr]: [f64; 3], loss: f64, patience: u32) -> [f64; 3] {
    if best.is_infinite() || loss < best * (1.0 - LOWER) {
        [loss, 0.0, lr]
    } else if since + 1.0 > f64::from(patience) {
        [best, 0.0, lr / 2.0]
    } else {
        [best, since + 1.0, lr]
    }
}

/// Of the largest of the networks, for one image.
fn activation_bytes(networks: &Networks) -> u64 {
    networks.structures().iter().map(|network| network.activation_bytes()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
