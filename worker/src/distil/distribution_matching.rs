//! Distribution matching (Zhao & Bilen 2023): images whose mean features equal those of the real images of their
//! class, under a new random network at every iteration.

use anyhow::Result;
use pipeline::engine::Task;
use pipeline::recipe::{Convnet, DistributionMatching};
use tch::{Kind, Tensor, no_grad};

use super::checkpoint::Tensors;
use super::code::Coded;
use super::descent::Descent;
use super::distilled::Distilled;
use super::draws::{self, Use};
use super::iteration::{self, Iterated};
use super::memory::{self, Shapes};
use super::synthetic::Synthetic;
use crate::models::{Mode, Network};
use crate::randomness::Stream;
use crate::training::dsa::Draw;

/// Goes on from a checkpoint where there is one; the outcome is the same.
pub fn distil(task: &Task, synthetic: &Synthetic, settings: &DistributionMatching) -> Result<Distilled> {
    let matching = Matching::new(task, synthetic, settings)?;
    let remedy = "lower `width`, `images_per_class` or the image size";
    let peak = matching.shapes.peak(synthetic.device) + matching.coded.peak(matching.shapes.synthetic);
    memory::tell(task, synthetic.device, peak, "an iteration", remedy);
    let outcome = iteration::run(task, &matching)?;
    let images = no_grad(|| matching.coded.images(&outcome.state.images));
    let made = synthetic.distilled("distribution-matching", &images, None, &outcome)?;
    Ok(Distilled { code_floats: matching.coded.floats(&outcome.state.images), ..made })
}

/// What stays the same over the iterations.
struct Matching<'a> {
    settings: &'a DistributionMatching,
    synthetic: &'a Synthetic<'a>,
    coded: Coded,
    network: Network,
    shapes: Shapes,
}

impl Iterated for Matching<'_> {
    type State = Descent;

    fn total(&self) -> u64 {
        self.settings.iterations
    }

    fn first(&self) -> Descent {
        Descent::new(self.coded.first(self.synthetic, self.settings.init))
    }

    fn tensors(&self, state: &Descent) -> Tensors {
        state.tensors()
    }

    fn step(&self, state: &mut Descent, iteration: u64) -> Tensor {
        let seed = |of: Use| draws::seed(self.synthetic.seed, of, &[iteration]);
        let (weights, buffers) = self.network.initial(seed(Use::Network), self.synthetic.device);
        let draw = |dsa| Draw::for_all(&dsa, &mut Stream::new(seed(Use::Augmentation), &[]));
        let draw = self.settings.dsa.changes().map(draw);
        let features = |images: &Tensor| {
            let seen = draw.as_ref().map_or_else(|| images.shallow_clone(), |draw| draw.apply(images));
            self.network.features(weights.tensors(), &buffers, &seen, Mode::Eval, Kind::Float)
        };
        let real = no_grad(|| self.real_means(iteration, features));
        let images = state.images.detach().set_requires_grad(true);
        let (classes, pictures) = (self.synthetic.classes() as i64, self.coded.pictures as i64);
        let synthetic = features(&self.coded.images(&images)).view([classes, pictures, -1]);
        let synthetic = synthetic.mean_dim(1, false, Kind::Float);
        let loss = (real - synthetic).square().sum(Kind::Float);
        let gradients = Tensor::run_backward(&[&loss], &[&images], false, false);
        state.step(&gradients[0], self.settings.lr, self.settings.momentum);
        loss.detach()
    }

    fn synthetic(&self) -> &Synthetic<'_> {
        self.synthetic
    }

    fn images<'a>(&self, state: &'a Descent) -> &'a Tensor {
        &state.images
    }

    fn shown(&self, state: &Descent) -> Tensor {
        self.coded.images(&state.images)
    }

    fn remedy(&self) -> String {
        format!("lower `lr` of `distribution-matching`, now {}", self.settings.lr)
    }
}

impl Matching<'_> {
    fn new<'a>(
        task: &Task,
        synthetic: &'a Synthetic<'a>,
        settings: &'a DistributionMatching,
    ) -> Result<Matching<'a>> {
        let batch = settings.real_batch as usize;
        let coded = Coded::of(task, synthetic, settings.init)?;
        let shapes = Shapes {
            side: synthetic.padded_side(settings.padding),
            width: settings.width.into(),
            real: synthetic.real.by_class.iter().map(|places| places.len().min(batch) as u64).sum(),
            synthetic: (synthetic.classes() * coded.pictures) as u64,
            stored: synthetic.stored(),
            dsa: settings.dsa.changes().is_some(),
        };
        let DistributionMatching { width, depth, padding, .. } = *settings;
        let network = synthetic.convnet(Convnet { width, depth, padding, ..Convnet::default() })?;
        Ok(Matching { settings, synthetic, coded, network, shapes })
    }

    /// Mean features of an iteration's real images, `[classes, features]`.
    fn real_means(&self, iteration: u64, features: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let device = self.synthetic.device;
        let batch = self.real_batch(iteration);
        let of_chunk = |chunk: &[(usize, usize, f32)]| {
            let places: Vec<usize> = chunk.iter().map(|(_, place, _)| *place).collect();
            let classes = self.synthetic.classes();
            let mut shares = vec![0.0_f32; classes * chunk.len()];
            for (column, (class, _, share)) in chunk.iter().enumerate() {
                shares[class * chunk.len() + column] = *share;
            }
            let shares = Tensor::from_slice(&shares).view([classes as i64, chunk.len() as i64]);
            shares.to_device(device).matmul(&features(&self.synthetic.of_real(&places)))
        };
        let parts = batch.chunks(self.shapes.chunk(device)).map(of_chunk);
        parts.reduce(|sum, part| sum + part).expect("every class has an image")
    }

    /// Class, place in the split and share of its class's mean of every real image of an iteration.
    fn real_batch(&self, iteration: u64) -> Vec<(usize, usize, f32)> {
        let of_class = |(class, places): (usize, &Vec<usize>)| {
            let count = places.len().min(self.settings.real_batch as usize);
            let seed = draws::seed(self.synthetic.seed, Use::Batch, &[iteration, class as u64]);
            let drawn = draws::some_of(places, count, seed);
            drawn.into_iter().map(move |place| (class, place, 1.0 / count as f32))
        };
        self.synthetic.real.by_class.iter().enumerate().flat_map(of_class).collect()
    }
}

/// Does the first `count` iterations and saves, as a process does that is killed after them.
#[cfg(test)]
pub fn cut_off(task: &Task, synthetic: &Synthetic, settings: &DistributionMatching, count: u64) {
    iteration::cut_off(task, &Matching::new(task, synthetic, settings).unwrap(), count);
}

#[cfg(test)]
mod tests {
    use pipeline::recipe::Method;

    use super::super::tests::{matching, resumes};
    use super::*;

    #[test]
    fn a_matching_cut_off_and_resumed_equals_one_that_was_not() {
        resumes(matching(25), |task, synthetic, method| {
            let Method::DistributionMatching(settings) = method else { panic!() };
            cut_off(task, synthetic, settings, 11);
        });
    }
}
