//! What synthetic images start as and are labelled with, where an expert has a say.

use anyhow::Result;
use pipeline::recipe::{Following, Labelling};
use tch::{Kind, Tensor, no_grad};

use super::super::draws::{self, Use};
use super::super::experts::Trajectories;
use super::super::synthetic::Synthetic;
use crate::models::{Mode, Network, Parameters};
use crate::randomness::Stream;

/// Images at a time that an expert looks at.
const BATCH: usize = 128;

/// Images to start from, and the logits that label them, where an expert labels them.
pub struct First {
    /// `[n, 3, h, w]`.
    pub images: Tensor,
    /// `[n, classes]`.
    pub labels: Option<Tensor>,
}

/// One of the experts at the end of its training.
struct Judge<'a> {
    network: &'a Network,
    parameters: Parameters,
    synthetic: &'a Synthetic<'a>,
}

impl Judge<'_> {
    /// Logits of real images, `[n, classes]`. Networks with running statistics, which trajectories do not hold, take those of
    /// the images.
    fn of_real(&self, places: &[usize]) -> Tensor {
        let mode = if self.network.buffers().is_empty() { Mode::Eval } else { Mode::Train };
        let logits = places.chunks(BATCH).map(|places| {
            let images = self.synthetic.of_real(places);
            let buffers = self.network.initial_buffers(self.synthetic.device);
            tch::manual_seed(draws::seed(self.synthetic.seed, Use::Dropout, &[]) as i64);
            let weights = self.parameters.tensors();
            no_grad(|| self.network.forward(weights, &buffers, &images, mode, Kind::Float))
        });
        Tensor::cat(&logits.collect::<Vec<_>>(), 0)
    }

    /// `count` of each class that it classifies rightly, class by class, in the order in which `random` draws them; then
    /// those that it does not.
    fn all_rightly(&self, count: usize) -> Result<Vec<usize>> {
        let mut places = Vec::with_capacity(self.synthetic.classes() * count);
        for (class, among) in self.synthetic.real.by_class.iter().enumerate() {
            let seed = draws::seed(self.synthetic.seed, Use::Choice, &[class as u64]);
            let drawn = draws::some_of(among, among.len(), seed);
            places.extend(self.rightly(&drawn, class, count)?);
        }
        Ok(places)
    }

    /// The first `count` of `among`, all of the class, that it classifies rightly; then those that it does not.
    fn rightly(&self, among: &[usize], class: usize, count: usize) -> Result<Vec<usize>> {
        let (mut right, mut wrong) = (Vec::new(), Vec::new());
        for places in among.chunks(BATCH) {
            let found = Vec::<i64>::try_from(self.of_real(places).argmax(-1, false))?;
            for (place, found) in places.iter().zip(found) {
                if found == class as i64 { right.push(*place) } else { wrong.push(*place) }
            }
            if right.len() >= count {
                break;
            }
        }
        Ok(right.into_iter().chain(wrong).take(count).collect())
    }
}

/// `per_class` of each class, as `following` has it.
///
/// # Errors
/// libtorch cannot give out values.
pub fn first(
    synthetic: &Synthetic,
    network: &Network,
    trajectories: &Trajectories,
    following: &Following,
    per_class: usize,
) -> Result<First> {
    if !following.init.is_real() {
        return Ok(First { images: synthetic.first_of(following.init, per_class), labels: None });
    }
    let extent = trajectories.extent;
    let drawn = draws::seed(synthetic.seed, Use::Expert, &[]);
    let expert = Stream::new(drawn, &[]).below(extent.experts as usize) as u64;
    let parameters = Parameters::zeros(network.parameters(), network.layout(), synthetic.device);
    parameters.set(&trajectories.at(expert, extent.epochs));
    let judge = Judge { network, parameters, synthetic };
    let places = match following.classified {
        true => judge.all_rightly(per_class)?,
        false => synthetic.places(following.init, per_class),
    };
    let labels = (following.labels != Labelling::Hard).then(|| judge.of_real(&places));
    Ok(First { images: synthetic.of_real(&places), labels })
}
