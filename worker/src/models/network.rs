//! A network: its structure, and what it makes of images when it is given parameters.

use anyhow::Result;
use pipeline::networks::{Buffer, Initial, Layer, Parameter, Structure};
use pipeline::recipe;
use tch::{Device, Kind, Tensor, no_grad};

use super::parameters::{Layout, Parameters};
use super::pass::{Kinks, Mode, Pass};
use crate::randomness::Stream;

/// Structure only: parameters and buffers come with each call, so that others can be swapped in.
pub struct Network {
    structure: Structure,
    layout: Layout,
    /// Of each parameter, whether training leaves it as it is; empty for none.
    frozen: Vec<bool>,
}

impl Network {
    /// For square images of `image_size` pixels.
    ///
    /// # Errors
    /// The network's settings do not go with images of this size.
    pub fn new(recipe: &recipe::Network, classes: usize, image_size: u32) -> Result<Network> {
        let structure = Structure::new(recipe, classes, image_size)?;
        let layout = match recipe {
            // GroupNorm with channels last takes 2.6 times as long on a processor, and what is flattened at once gains
            // nothing from being rearranged.
            recipe::Network::Convnet(_) | recipe::Network::Mlp(_) | recipe::Network::Linear(_) => {
                Layout::Planar
            }
            _ => Layout::ChannelsLast,
        };
        Ok(Network { structure, layout, frozen: Vec::new() })
    }

    /// The same network with those parameters left as they are that `frozen` says, one answer for each.
    pub fn freeze(self, frozen: Vec<bool>) -> Network {
        Network { frozen, ..self }
    }

    /// The same network with images and convolutions lying otherwise in memory.
    pub fn with_layout(self, layout: Layout) -> Network {
        Network { layout, ..self }
    }

    pub fn parameters(&self) -> &[Parameter] {
        &self.structure.parameters
    }

    pub fn buffers(&self) -> &[Buffer] {
        &self.structure.buffers
    }

    /// How images and convolutions lie in memory.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Places of the last layer's parameters, its weights and its biases.
    pub fn head(&self) -> Vec<usize> {
        self.structure.head()
    }

    /// How many values are trained, were nothing frozen.
    pub fn count(&self) -> i64 {
        self.structure.figures.parameters()
    }

    /// Bytes that layers put out of one image, as training keeps them.
    pub fn activation_bytes(&self) -> u64 {
        self.structure.figures.activation_bytes() as u64
    }

    /// Parameters and buffers as they start, from `seed`. They are drawn on the CPU and are the same on every device.
    pub fn initial(&self, seed: u64, device: Device) -> (Parameters, Vec<Tensor>) {
        let mut parameters = drawn(self.parameters(), self.layout, seed, device);
        parameters.freeze(&self.frozen);
        (parameters, self.initial_buffers(device))
    }

    /// Running statistics as they start: means 0, variances 1.
    pub fn initial_buffers(&self, device: Device) -> Vec<Tensor> {
        let full = |buffer: &Buffer| Tensor::full([buffer.channels], buffer.initial, (Kind::Float, device));
        self.buffers().iter().map(full).collect()
    }

    /// Images `[n, 3, h, w]`, normalised, to logits `[n, classes]` f32.
    ///
    /// In [`Mode::Train`] the running statistics in `buffers` move; dropout and stochastic depth draw from libtorch's
    /// generator. `compute` is the number format of convolutions, dense layers and attention.
    pub fn forward(
        &self,
        parameters: &[Tensor],
        buffers: &[Tensor],
        images: &Tensor,
        mode: Mode,
        compute: Kind,
    ) -> Tensor {
        self.forward_at(Kinks::Free, parameters, buffers, images, mode, compute)
    }

    /// The same with ReLUs that let through as `kinks` has it.
    pub fn forward_at(
        &self,
        kinks: Kinks,
        parameters: &[Tensor],
        buffers: &[Tensor],
        images: &Tensor,
        mode: Mode,
        compute: Kind,
    ) -> Tensor {
        let pass = Pass { parameters, buffers, mode, frozen: &self.frozen, compute, kinks };
        self.run(&self.structure.layers, &pass, images)
    }

    /// Whether outputs move smoothly with the weights where the signs in ReLUs are held: whether there is no maximum.
    pub fn is_smooth_but_for_relu(&self) -> bool {
        fn picks(layers: &[Layer]) -> bool {
            layers.iter().any(|layer| match layer {
                Layer::MaxPool { .. } => true,
                Layer::Residual { main, shortcut, .. } => picks(main) || picks(shortcut),
                _ => false,
            })
        }
        !picks(&self.structure.layers)
    }

    /// Images `[n, 3, h, w]`, normalised, to what the last dense layer would be given, `[n, features]` f32.
    pub fn features(
        &self,
        parameters: &[Tensor],
        buffers: &[Tensor],
        images: &Tensor,
        mode: Mode,
        compute: Kind,
    ) -> Tensor {
        let layers = &self.structure.layers;
        let pass = Pass { parameters, buffers, mode, frozen: &self.frozen, compute, kinks: Kinks::Free };
        self.run(&layers[..layers.len() - 1], &pass, images)
    }

    fn run(&self, layers: &[Layer], pass: &Pass, images: &Tensor) -> Tensor {
        pass.run(layers, self.layout.arrange(images)).to_kind(Kind::Float)
    }
}

/// Parameters as they start, from `seed`. They are drawn on the CPU and are the same on every device.
pub fn drawn(parameters: &[Parameter], layout: Layout, seed: u64, device: Device) -> Parameters {
    let values = Parameters::zeros(parameters, layout, device);
    no_grad(|| {
        for (index, (parameter, tensor)) in parameters.iter().zip(values.tensors()).enumerate() {
            tensor.shallow_clone().copy_(&draw(parameter, seed, index));
        }
    });
    values
}

fn draw(parameter: &Parameter, seed: u64, index: usize) -> Tensor {
    let count = parameter.count() as usize;
    let mut stream = Stream::new(seed, &[index as u64]);
    let values: Vec<f32> = match parameter.initial {
        Initial::Constant(value) => vec![value as f32; count],
        Initial::Uniform(bound) | Initial::Identity { bound } | Initial::Whitening { bound } => {
            (0..count).map(|_| stream.between(-bound, bound) as f32).collect()
        }
        Initial::Normal { sd } => {
            let pairs = (0..count.div_ceil(2)).flat_map(|_| stream.normals());
            pairs.take(count).map(|x| (x * sd) as f32).collect()
        }
    };
    let drawn = Tensor::from_slice(&values).view(&parameter.shape[..]);
    if matches!(parameter.initial, Initial::Identity { .. }) {
        identity(&drawn);
    }
    drawn
}

/// Makes the first filters of `[out, in, k, k]` hand on an input each, as far as there are inputs.
fn identity(filters: &Tensor) {
    let (out, inputs, side, _) = filters.size4().expect("filters have four dimensions");
    for place in 0..out.min(inputs) {
        let mut filter = filters.get(place);
        let _ = filter.zero_();
        let _ = filter.get(place).get(side / 2).get(side / 2).fill_(1.0);
    }
}
