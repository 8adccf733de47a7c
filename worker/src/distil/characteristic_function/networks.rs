//! The network of each iteration: a trained one moved back towards random weights, or a random one.

use anyhow::{Result, ensure};
use pipeline::engine::Task;
use pipeline::recipe::{CharacteristicFunction, Convnet};
use tch::{Kind, Tensor, no_grad};

use super::super::draws::{self, Use};
use super::super::synthetic::Synthetic;
use super::super::trained::Trained;
use crate::models::{Mode, Network, Parameters};
use crate::randomness::Stream;

/// Where networks come from.
pub enum Networks {
    /// New weights at each iteration.
    Random(Network),
    Pool(Vec<Trained>),
}

/// The network of an iteration.
pub struct Turn<'a> {
    /// Its place in the pool.
    pub place: usize,
    network: &'a Network,
    weights: Parameters,
    buffers: Vec<Tensor>,
    trained: Option<&'a Trained>,
}

impl Networks {
    /// Those that the stage's `pool` names, else random ones.
    ///
    /// # Errors
    /// A network does not fit the images, or whitens them.
    pub fn open(task: &Task, synthetic: &Synthetic, settings: &CharacteristicFunction) -> Result<Networks> {
        let roles = (0..).map(|place| format!("pool.{place}"));
        let roles: Vec<String> = roles.take_while(|role| task.job.inputs.contains_key(role)).collect();
        if roles.is_empty() {
            let CharacteristicFunction { width, depth, padding, .. } = *settings;
            let network = synthetic.convnet(Convnet { width, depth, padding, ..Convnet::default() })?;
            return Ok(Networks::Random(network));
        }
        let open = |role: &String| -> Result<Trained> {
            let trained = Trained::open(task, role, synthetic.real, synthetic.device)?;
            ensure!(
                !trained.whitens(),
                "`{}` was trained on whitened images, and these are not\n\
                 hint: train the networks of `pool` on a set without `zca`",
                task.input_label(role)
            );
            Ok(trained)
        };
        Ok(Networks::Pool(roles.iter().map(open).collect::<Result<_>>()?))
    }

    /// The structures, each once.
    pub fn structures(&self) -> Vec<&Network> {
        match self {
            Networks::Random(network) => vec![network],
            Networks::Pool(pool) => pool.iter().map(|trained| &trained.network).collect(),
        }
    }

    /// The network of an iteration: θ = λ · random + (1 - λ) · trained for one of the pool, with λ uniform in 0..1.
    pub fn turn(&self, synthetic: &Synthetic, iteration: u64) -> Turn<'_> {
        let seed = |of: Use| draws::seed(synthetic.seed, of, &[iteration]);
        let mut random = Stream::new(seed(Use::Turn), &[]);
        let (place, network, trained) = match self {
            Networks::Random(network) => (0, network, None),
            Networks::Pool(pool) => {
                let place = random.below(pool.len());
                (place, &pool[place].network, Some(&pool[place]))
            }
        };
        let (weights, mut buffers) = network.initial(seed(Use::Network), synthetic.device);
        if let Some(trained) = trained {
            let share = 1.0 - random.unit();
            no_grad(|| {
                let _ = weights.flat().shallow_clone().lerp_(trained.parameters.flat(), share);
                let pairs = buffers.iter_mut().zip(trained.buffers());
                pairs.for_each(|(own, other)| drop(own.lerp_(other, share)));
            });
        }
        Turn { place, network, weights, buffers, trained }
    }
}

impl Turn<'_> {
    /// Features of length 1, `[n, d]`, of the synthetic stage's images `[n, 3, h, w]`.
    pub fn features(&self, synthetic: &Synthetic, images: &Tensor) -> Tensor {
        let seen = self.trained.map(|trained| trained.adapted(synthetic, images));
        let seen = seen.as_ref().unwrap_or(images);
        let weights = self.weights.tensors();
        let features = self.network.features(weights, &self.buffers, seen, Mode::Eval, Kind::Float);
        let length = features.norm_scalaropt_dim(2.0, [1], true);
        features / length.clamp_min(1e-12)
    }

    /// What the trained network, as it was trained, takes the images for: logits `[n, classes]`; nothing without a pool.
    pub fn logits(&self, synthetic: &Synthetic, images: &Tensor) -> Option<Tensor> {
        self.trained.map(|trained| trained.logits(&trained.adapted(synthetic, images)))
    }
}
