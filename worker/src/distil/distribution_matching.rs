//! Distribution matching (Zhao & Bilen 2023): images whose mean features equal those of the real images of their
//! class, under a new random network at every iteration.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use pipeline::engine::{Stopped, Task};
use pipeline::recipe::{self, Convnet, Distil, DistributionMatching, Dsa, Initial, Norm, Preprocess};
use tch::{Device, Kind, Tensor, no_grad};

use super::checkpoint::{self, State};
use super::distilled::{self, Distilled};
use super::draws::{self, Use};
use super::memory::{self, Shapes};
use super::real::Real;
use super::{curve, forming, random};
use crate::figures::rounded;
use crate::images::Images;
use crate::models::{Mode, Network};
use crate::randomness::Stream;
use crate::training::dsa::Draw;

/// What a killed process loses at most.
const SAVE_EVERY: Duration = Duration::from_secs(20);
/// The curve's name in `content/`.
const LOSS_TABLE: &str = "loss.csv";
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Goes on from a checkpoint where there is one; the outcome is the same.
pub fn distil(
    task: &Task,
    real: &Real,
    recipe: &Distil,
    settings: &DistributionMatching,
    device: Device,
) -> Result<Distilled> {
    let matching = Matching::new(real, recipe, settings, device)?;
    matching.tell_memory(task);
    let mut state = matching.resume_or_start(task);
    task.started(Some(state.iteration()).filter(|done| *done > 0));
    matching.iterate(task, &mut state)?;
    forming::publish(task)?;
    let rows = curve::thinned(&state.losses);
    curve::write(&task.content(LOSS_TABLE), &rows)?;
    let pixels = matching.pixels(&state).view(-1);
    Ok(Distilled {
        images: distilled::Images::F32(Vec::<f32>::try_from(pixels)?),
        labels: (0..real.classes.len() as i64).flat_map(|class| vec![class; matching.per_class]).collect(),
        sources: matching.sources(),
        iterations: state.iteration(),
        final_loss: rows.last().map(|(_, loss)| rounded(*loss)),
    })
}

/// What stays the same over the iterations.
struct Matching<'a> {
    settings: &'a DistributionMatching,
    real: &'a Real,
    images: Images,
    network: Network,
    device: Device,
    per_class: usize,
    seed: u64,
    shapes: Shapes,
}

impl Matching<'_> {
    fn new<'a>(
        real: &'a Real,
        recipe: &Distil,
        settings: &'a DistributionMatching,
        device: Device,
    ) -> Result<Matching<'a>> {
        let [height, width] = real.size();
        ensure!(height == width, "images of {height}×{width} pixels are not square");
        let convnet = Convnet { width: settings.width, depth: settings.depth, norm: Norm::Instance };
        let classes = real.classes.len();
        let network = Network::new(&recipe::Network::Convnet(convnet), classes, height as u32)?;
        let images = Images::load(&real.split, &real.preprocess, classes, device)?;
        let per_class = recipe.images_per_class as usize;
        let batch = settings.real_batch as usize;
        let shapes = Shapes {
            side: height as u64,
            width: settings.width.into(),
            real: real.by_class.iter().map(|places| places.len().min(batch) as u64).sum(),
            synthetic: (classes * per_class) as u64,
            stored: real.stored(),
        };
        Ok(Matching { settings, real, images, network, device, per_class, seed: recipe.seed, shapes })
    }

    fn tell_memory(&self, task: &Task) {
        let remedy = "lower `width`, `images_per_class` or the image size";
        memory::tell(task, self.device, self.shapes.peak(self.device), "an iteration", remedy);
    }

    /// The checkpoint's state, or the first.
    fn resume_or_start(&self, task: &Task) -> State {
        let first = self.first_images();
        match checkpoint::load(task.checkpoints(), &first.size(), self.device) {
            Ok(Some(state)) => state,
            Ok(None) => State::new(first),
            Err(error) => {
                task.warn(format!("{error:#}; starting over"));
                State::new(first)
            }
        }
    }

    /// Normalised, class by class, `[classes × per class, 3, h, w]`.
    fn first_images(&self) -> Tensor {
        match self.settings.init {
            Initial::Real => self.normalised(&random::places(&self.real.by_class, self.per_class, self.seed)),
            Initial::Noise => {
                tch::manual_seed(draws::seed(self.seed, Use::Noise, &[]) as i64);
                let side = self.shapes.side as i64;
                let shape = [self.shapes.synthetic as i64, 3, side, side];
                // Drawn on the CPU: the same on every device.
                Tensor::randn(shape, (Kind::Float, Device::Cpu)).to_device(self.device)
            }
        }
    }

    fn iterate(&self, task: &Task, state: &mut State) -> Result<()> {
        let total = self.settings.iterations;
        let (mut told, mut saved) = (None::<Instant>, Instant::now());
        loop {
            let done = state.iteration();
            if forming::is_due(done, total) {
                forming::picture(task, &self.pixels(state), self.per_class as i64, done)?;
            }
            let stop = task.should_stop();
            let save = stop || saved.elapsed() >= SAVE_EVERY;
            if done == total || save || told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                state.settle().map_err(|error| self.diverged(&error))?;
                let loss: Vec<(&str, f64)> =
                    state.losses.last().map(|loss| ("loss", *loss)).into_iter().collect();
                task.progress(done, total, "iteration", &loss);
                told = Some(Instant::now());
            }
            if done == total {
                return Ok(());
            }
            if save {
                checkpoint::save(task.checkpoints(), state)?;
                saved = Instant::now();
            }
            if stop {
                return Err(Stopped { saved_at: Some(done) }.into());
            }
            self.step(state);
        }
    }

    fn diverged(&self, error: &anyhow::Error) -> anyhow::Error {
        let lr = self.settings.lr;
        anyhow!(
            "{error:#}: the images do not converge\nhint: lower `lr` of `distribution-matching`, now {lr}"
        )
    }

    /// One update of the images.
    fn step(&self, state: &mut State) {
        let iteration = state.iteration();
        let seed = |of: Use| draws::seed(self.seed, of, &[iteration]);
        let (weights, buffers) = self.network.initial(seed(Use::Network), self.device);
        let draw = || Draw::for_all(&Dsa { flip: true }, &mut Stream::new(seed(Use::Augmentation), &[]));
        let draw = self.settings.dsa.then(draw);
        let features = |images: &Tensor| {
            let seen = draw.as_ref().map_or_else(|| images.shallow_clone(), |draw| draw.apply(images));
            self.network.features(weights.tensors(), &buffers, &seen, Mode::Eval, Kind::Float)
        };
        let real = no_grad(|| self.real_means(iteration, features));
        let images = state.images.detach().set_requires_grad(true);
        let classes = self.real.classes.len() as i64;
        let synthetic = features(&images).view([classes, self.per_class as i64, -1]);
        let synthetic = synthetic.mean_dim(1, false, Kind::Float);
        let loss = (real - synthetic).square().sum(Kind::Float);
        let gradients = Tensor::run_backward(&[&loss], &[&images], false, false);
        no_grad(|| {
            state.velocity = &state.velocity * self.settings.momentum + &gradients[0];
            state.images = &state.images - &state.velocity * self.settings.lr;
        });
        state.push(loss.detach());
    }

    /// Mean features of an iteration's real images, `[classes, features]`.
    fn real_means(&self, iteration: u64, features: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let batch = self.real_batch(iteration);
        let of_chunk = |chunk: &[(usize, usize, f32)]| {
            let places: Vec<usize> = chunk.iter().map(|(_, place, _)| *place).collect();
            let classes = self.real.classes.len();
            let mut shares = vec![0.0_f32; classes * chunk.len()];
            for (column, (class, _, share)) in chunk.iter().enumerate() {
                shares[class * chunk.len() + column] = *share;
            }
            let shares = Tensor::from_slice(&shares).view([classes as i64, chunk.len() as i64]);
            shares.to_device(self.device).matmul(&features(&self.normalised(&places)))
        };
        let parts = batch.chunks(self.shapes.chunk(self.device)).map(of_chunk);
        parts.reduce(|sum, part| sum + part).expect("every class has an image")
    }

    /// Class, place in the split and share of its class's mean of every real image of an iteration.
    fn real_batch(&self, iteration: u64) -> Vec<(usize, usize, f32)> {
        let of_class = |(class, places): (usize, &Vec<usize>)| {
            let count = places.len().min(self.settings.real_batch as usize);
            let seed = draws::seed(self.seed, Use::Batch, &[iteration, class as u64]);
            let drawn = draws::some_of(places, count, seed);
            drawn.into_iter().map(move |place| (class, place, 1.0 / count as f32))
        };
        self.real.by_class.iter().enumerate().flat_map(of_class).collect()
    }

    /// Real images, `[n, 3, h, w]`, normalised.
    fn normalised(&self, places: &[usize]) -> Tensor {
        let places: Vec<i64> = places.iter().map(|place| *place as i64).collect();
        self.images.at(&places).0.contiguous()
    }

    /// The images as they are written, `[n, h, w, 3]`, black 0 and white 1, on the CPU.
    fn pixels(&self, state: &State) -> Tensor {
        let Preprocess { mean, sd } = &self.real.preprocess;
        let images = state.images.detach().to_device(Device::Cpu).permute([0, 2, 3, 1]);
        let channels = |values: &[f64; 3]| Tensor::from_slice(&values.map(|value| value as f32));
        (images * channels(sd) + channels(mean)).contiguous()
    }

    fn sources(&self) -> Vec<String> {
        let of_class = |name: &String| {
            (0..self.per_class).map(|n| format!("distribution-matching/{name}/{n}")).collect::<Vec<_>>()
        };
        self.real.classes.names().iter().flat_map(of_class).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bench, content, matching, run};
    use super::*;
    use crate::fixture::alone;

    #[test]
    fn a_matching_cut_off_and_resumed_equals_one_that_was_not() {
        let _turn = alone();
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        run(folders[0].path(), matching(25));
        let task = bench(folders[1].path(), matching(25)).task();
        let (recipe, real) = (task.parameters::<Distil>().unwrap(), Real::open(&task).unwrap());
        let recipe::Method::DistributionMatching(settings) = &recipe.method else { panic!() };
        let first = Matching::new(&real, &recipe, settings, Device::Cpu).unwrap();
        let mut state = first.resume_or_start(&task);
        (0..11).for_each(|_| first.step(&mut state));
        state.settle().unwrap();
        checkpoint::save(task.checkpoints(), &state).unwrap();
        assert_eq!(first.resume_or_start(&task).iteration(), 11);
        run(folders[1].path(), matching(25));
        assert_eq!(content(folders[1].path()), content(folders[0].path()));
    }
}
