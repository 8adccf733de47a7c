//! A network's trainable weights: named tensors that are views into one flat f32 buffer.

use pipeline::networks::Parameter;
use tch::{Device, Kind, Tensor};

/// The order in which images and the weights of convolutions lie in memory; shapes are the same in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[n, channels, h, w]`, width fastest.
    Planar,
    /// `[n, channels, h, w]`, channels fastest (`channels_last` of PyTorch).
    ChannelsLast,
}

impl Layout {
    /// The same values, lying in this order.
    pub fn arrange(self, images: &Tensor) -> Tensor {
        match self {
            Layout::Planar => images.contiguous(),
            Layout::ChannelsLast => images.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]),
        }
    }

    /// The values of a weight (or of its gradient), `[count]`, in the order in which they lie in the flat buffer.
    pub fn flatten(self, weight: &Tensor) -> Tensor {
        match (self, weight.dim()) {
            (Layout::ChannelsLast, 4) => weight.permute([0, 2, 3, 1]).contiguous().view(-1),
            _ => weight.contiguous().view(-1),
        }
    }

    /// What lies at `flat`, `[count]`, as a weight of `shape`.
    fn view(self, flat: &Tensor, shape: &[i64]) -> Tensor {
        match (self, shape) {
            (Layout::ChannelsLast, &[out, channels, height, width]) => {
                flat.view([out, height, width, channels]).permute([0, 3, 1, 2])
            }
            _ => flat.view(shape),
        }
    }
}

/// Values of a network's parameters.
pub struct Parameters {
    flat: Tensor,
    tensors: Vec<Tensor>,
    /// Where each tensor begins in `flat`.
    starts: Vec<i64>,
    /// Places of those that are trained.
    trained: Vec<usize>,
    decaying: i64,
    layout: Layout,
}

impl Parameters {
    /// All zero. Parameters that decay lie ahead of the others, so that decay is one operation on a slice.
    pub fn zeros(parameters: &[Parameter], layout: Layout, device: Device) -> Parameters {
        let decaying = parameters.iter().filter(|p| p.decays).map(Parameter::count).sum();
        let total: i64 = parameters.iter().map(Parameter::count).sum();
        let flat = Tensor::zeros([total], (Kind::Float, device));
        let (mut head, mut tail) = (0, decaying);
        let mut starts = Vec::with_capacity(parameters.len());
        let mut tensors = Vec::with_capacity(parameters.len());
        for parameter in parameters {
            let next = if parameter.decays { &mut head } else { &mut tail };
            let place = flat.narrow(0, *next, parameter.count());
            // Leaves of the graph that share the buffer's memory: what is written to the buffer is theirs at once.
            let leaf = layout.view(&place, &parameter.shape).detach().set_requires_grad(true);
            starts.push(*next);
            tensors.push(leaf);
            *next += parameter.count();
        }
        let trained = (0..tensors.len()).collect();
        Parameters { flat, tensors, starts, trained, decaying, layout }
    }

    /// Leaves those as they are, without gradients, for which `frozen` says so; the rest is trained.
    pub fn freeze(&mut self, frozen: &[bool]) {
        let is_frozen = |place: &usize| frozen.get(*place).is_some_and(|frozen| *frozen);
        for place in (0..self.tensors.len()).filter(is_frozen) {
            self.tensors[place] = self.tensors[place].set_requires_grad(false);
        }
        self.trained.retain(|place| !is_frozen(place));
    }

    /// In the network's order; leaves that require gradients.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Places of the tensors that are trained, in order.
    pub fn trained(&self) -> &[usize] {
        &self.trained
    }

    /// The tensors that are trained, in order.
    pub fn trained_tensors(&self) -> Vec<Tensor> {
        self.trained.iter().map(|place| self.tensors[*place].shallow_clone()).collect()
    }

    /// All values, `[count]`, those that decay first; requires no gradient. Writing to it changes the tensors.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// How many of the flat buffer's first values weight decay acts on.
    pub fn decaying(&self) -> i64 {
        self.decaying
    }

    /// Where parameter `index` begins in the flat buffer.
    pub fn start(&self, index: usize) -> i64 {
        self.starts[index]
    }

    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Gradients of [`tensors`](Self::tensors) as one tensor in the flat buffer's order, `[count]`.
    pub fn flatten(&self, gradients: &[Tensor]) -> Tensor {
        let mut order: Vec<usize> = (0..gradients.len()).collect();
        order.sort_by_key(|index| self.starts[*index]);
        let pieces: Vec<Tensor> = order.iter().map(|i| self.layout.flatten(&gradients[*i])).collect();
        Tensor::cat(&pieces, 0)
    }

    /// Takes over the values of `flat`, `[count]`.
    pub fn set(&self, flat: &Tensor) {
        tch::no_grad(|| self.flat.shallow_clone().copy_(flat));
    }
}
