//! An autoencoder of the training images, whose decoder makes an image of each centre of a class's codes.

mod coder;

use anyhow::Result;
use pipeline::engine::Task;
use pipeline::recipe::{self, Adam, Autoencoder, CosineDecay, Initial, Schedule};
use tch::{Tensor, no_grad};

use super::checkpoint::Tensors;
use super::coreset::k_means;
use super::distilled::Distilled;
use super::draws::{self, Use};
use super::iteration::{self, Iterated};
use super::synthetic::Synthetic;
use super::{forming, memory};
use crate::models::Parameters;
use crate::training::optimizer::{Optimizer, Rates};
use crate::training::schedule;
pub use coder::Coder;

/// What the learning rate falls to, as a share of the first.
const END: f64 = 0.01;
/// What the picture of the set is called, behind those of the iterations.
const CENTRES: &str = "centres";
/// Images that are encoded together.
const BATCH: usize = 128;

/// Goes on from a checkpoint where there is one; the outcome is the same. Images are clamped to black and white.
pub fn distil(task: &Task, synthetic: &Synthetic, settings: &Autoencoder) -> Result<Distilled> {
    let training = Training::new(synthetic, settings);
    let remedy = "lower `batch`, `width` or the image size";
    memory::tell(task, synthetic.device, training.peak(), "training the autoencoder", remedy);
    let outcome = iteration::run(task, &training)?;
    let images = no_grad(|| training.centres(&outcome.state));
    // Behind the picture of the last iteration, which shows what real images come back as.
    forming::picture(task, &synthetic.pixels(&images), synthetic.per_class as i64, CENTRES)?;
    forming::publish(task, synthetic.real.size())?;
    synthetic.distilled("autoencoder", &images, None, &outcome)
}

/// What stays the same over the iterations.
pub struct Training<'a> {
    settings: &'a Autoencoder,
    synthetic: &'a Synthetic<'a>,
    pub coder: Coder,
}

/// What iterations change.
pub struct State {
    pub weights: Parameters,
    optimizer: Optimizer,
    /// What some real images come back as, as of the last picture; `[classes × per class, 3, h, w]`.
    shown: Tensor,
}

impl Iterated for Training<'_> {
    type State = State;

    fn total(&self) -> u64 {
        self.settings.iterations
    }

    fn first(&self) -> State {
        let Synthetic { seed, device, .. } = *self.synthetic;
        let weights = self.coder.initial(draws::seed(seed, Use::Coder, &[]), device);
        let rule = recipe::Optimizer::Adam(Adam { lr: self.settings.lr, ..Adam::default() });
        let optimizer = Optimizer::new(&rule, &weights, Vec::new());
        let shown = self.given_back(&weights);
        State { weights, optimizer, shown }
    }

    fn tensors(&self, state: &State) -> Tensors {
        let moments = state.optimizer.state().iter().enumerate();
        let moments = moments.map(|(place, flat)| (format!("optimizer.{place}"), flat.shallow_clone()));
        let own = [
            ("weights".into(), state.weights.flat().shallow_clone()),
            ("shown".into(), state.shown.shallow_clone()),
        ];
        own.into_iter().chain(moments).collect()
    }

    fn step(&self, state: &mut State, iteration: u64) -> Tensor {
        let seed = draws::seed(self.synthetic.seed, Use::Batch, &[iteration]);
        let drawn = draws::below(self.synthetic.real.split.len(), self.settings.batch as usize, seed);
        let weights = state.weights.tensors();
        let loss = self.coder.loss(weights, &self.synthetic.of_real(&drawn));
        let gradients = Tensor::run_backward(&[&loss], weights, false, false);
        let fall = Schedule::CosineDecay(CosineDecay { warm_up: 0.0, end: END });
        let lr = schedule::rate(&fall, self.settings.lr, iteration, self.total());
        state.optimizer.update(&state.weights, &gradients, Rates::same(lr), iteration);
        if forming::is_due(iteration + 1, self.total()) {
            let shown = self.given_back(&state.weights);
            no_grad(|| state.shown.copy_(&shown));
        }
        loss.detach()
    }

    fn synthetic(&self) -> &Synthetic<'_> {
        self.synthetic
    }

    fn images<'a>(&self, state: &'a State) -> &'a Tensor {
        &state.shown
    }

    fn remedy(&self) -> String {
        format!("lower `lr` of `autoencoder`, now {}", self.settings.lr)
    }
}

impl Training<'_> {
    pub fn new<'a>(synthetic: &'a Synthetic<'a>, settings: &'a Autoencoder) -> Training<'a> {
        let side = synthetic.side();
        let depth = settings.depth(side as u32);
        let coder = Coder::new(side as i64, settings.width.into(), depth, settings.code.into());
        Training { settings, synthetic, coder }
    }

    /// Bytes at the peak: the split, weights with their gradients and two moments, and the passes of a batch forth and
    /// back, which were seen to take three to four and a half times the activations.
    pub fn peak(&self) -> u64 {
        let batch = u64::from(self.settings.batch).min(self.synthetic.real.split.len() as u64);
        self.synthetic.stored() + 4 * 4 * self.coder.count() + batch * self.coder.activation_bytes() * 9 / 2
    }

    /// What the real images come back as that `random` would keep.
    fn given_back(&self, weights: &Parameters) -> Tensor {
        let images = self.synthetic.first(Initial::Real);
        no_grad(|| self.coder.decode(weights.tensors(), &self.coder.encode(weights.tensors(), &images)))
    }

    /// Images of the centres, `[classes × per class, 3, h, w]` normalised: those of a class by the size of their heaps.
    fn centres(&self, state: &State) -> Tensor {
        let weights = state.weights.tensors();
        let of_class = |(class, places): (usize, &Vec<usize>)| {
            let chunks =
                places.chunks(BATCH).map(|chunk| self.coder.encode(weights, &self.synthetic.of_real(chunk)));
            let codes = Tensor::cat(&chunks.collect::<Vec<_>>(), 0).to_device(tch::Device::Cpu);
            let seed = draws::seed(self.synthetic.seed, Use::Centres, &[class as u64]);
            let centres = k_means::centres(&codes, self.synthetic.per_class, &self.settings.clusters, seed);
            self.coder.decode(weights, &centres.to_device(self.synthetic.device))
        };
        let images: Vec<Tensor> = self.synthetic.real.by_class.iter().enumerate().map(of_class).collect();
        self.synthetic.clamped(&Tensor::cat(&images, 0))
    }
}

#[cfg(test)]
mod tests {
    use pipeline::data::{Labels, Pixels, Split, write_split};
    use pipeline::recipe::Method;
    use serde_json::{Value, json};
    use tch::Device;

    use super::super::tests::{bench, content, resumes, run};
    use super::*;
    use crate::fixture::alone;

    fn autoencoder(iterations: u64) -> Value {
        let settings =
            json!({ "iterations": iterations, "lr": 0.01, "batch": 8, "code": 6, "width": 8, "depth": 2 });
        json!({ "images_per_class": 2, "method": { "autoencoder": settings }, "seed": 5 })
    }

    fn image(split: &Split, place: usize) -> Vec<f32> {
        let Pixels::F32(values) = split.image(place) else { panic!("decoded images are floats") };
        values.to_vec()
    }

    fn mean(values: &[f32]) -> f32 {
        values.iter().sum::<f32>() / values.len() as f32
    }

    #[test]
    fn an_autoencoder_lowers_its_loss_and_gives_the_same_bits_twice() {
        let _turn = alone();
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let splits = folders.each_ref().map(|folder| run(folder.path(), autoencoder(60)));
        assert_eq!(content(folders[0].path()), content(folders[1].path()));
        let table = &content(folders[0].path())["loss.csv"];
        let mut rows = csv::Reader::from_reader(&table[..]);
        let losses: Vec<f32> = rows.records().map(|row| row.unwrap()[1].parse().unwrap()).collect();
        assert!(mean(&losses[50..]) < 0.5 * mean(&losses[..5]), "{losses:?}");
        // Of three classes that differ in brightness; every value is a possible one.
        let images: Vec<Vec<f32>> = (0..6).map(|place| image(&splits[0], place)).collect();
        assert!(images.iter().flatten().all(|value| (-1e-6..=1.0 + 1e-6).contains(value)));
        assert!(mean(&images[0]) + 0.1 < mean(&images[2]) && mean(&images[2]) + 0.1 < mean(&images[4]));
    }

    #[test]
    fn the_two_kinds_of_images_of_a_class_get_an_image_each_the_more_frequent_one_first() {
        let _turn = alone();
        let folder = tempfile::tempdir().unwrap();
        let bench = bench(folder.path(), autoencoder(150));
        let path = folder.path().join("photos/train.safetensors");
        let of_image = |place: usize| vec![if place.is_multiple_of(3) { 40_u8 } else { 210 }; 8 * 8 * 3];
        let pixels: Vec<u8> = (0..27).flat_map(of_image).collect();
        let labels = Labels::Hard((0..27).map(|place| place / 9).collect());
        let sources: Vec<String> = (0..27).map(|place| place.to_string()).collect();
        write_split(&path, 8, 8, Pixels::U8(&pixels), &labels, &sources).unwrap();
        super::super::distil(&bench.task(), Device::Cpu).unwrap();
        let split = Split::open(&folder.path().join("content/train.safetensors")).unwrap();
        for class in 0..3 {
            let [often, seldom] = [0, 1].map(|number| mean(&image(&split, 2 * class + number)));
            assert!(
                (often - 210.0 / 255.0).abs() < 0.1 && (seldom - 40.0 / 255.0).abs() < 0.1,
                "{often} {seldom}"
            );
        }
    }

    #[test]
    fn an_autoencoder_cut_off_and_resumed_equals_one_that_was_not() {
        resumes(autoencoder(13), |task, synthetic, method| {
            let Method::Autoencoder(settings) = method else { panic!() };
            iteration::cut_off(task, &Training::new(synthetic, settings), 6);
        });
    }

    #[test]
    fn an_autoencoder_that_diverges_names_its_remedy() {
        let _turn = alone();
        let folder = tempfile::tempdir().unwrap();
        let mut parameters = autoencoder(50);
        parameters["method"]["autoencoder"]["lr"] = json!(1e30);
        let task = bench(folder.path(), parameters).task();
        let message = format!("{:#}", super::super::distil(&task, Device::Cpu).unwrap_err());
        assert!(message.contains("hint: lower `lr` of `autoencoder`"), "{message}");
    }
}
