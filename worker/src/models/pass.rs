//! What each layer does to the tensor that flows. Knows no network by name.

use std::cell::{Cell, RefCell};

use pipeline::networks::Layer;
use tch::{Kind, Tensor};

use super::attention::{attention, tokens};
use super::dense::dense;
use super::windows::{join, merge_patches, split, window_attention};

/// Added to the variances of BatchNorm and GroupNorm (PyTorch's default).
const NORM_EPS: f64 = 1e-5;
/// Share of a batch's statistics in the running ones (PyTorch's default).
const NORM_MOMENTUM: f64 = 0.1;

/// Whether dropout, stochastic depth and BatchNorm behave as in training. Training moves BatchNorm's running statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Train,
    Eval,
}

/// What decides, value by value, whether ReLU lets through.
#[derive(Clone, Copy)]
pub enum Kinks<'a> {
    /// The value's sign.
    Free,
    /// The value's sign, which is noted.
    Noted(&'a Signs),
    /// What was noted: the network is then smooth in its weights.
    Held(&'a Signs),
}

/// Where every ReLU of a pass let through.
#[derive(Default)]
pub struct Signs {
    /// One a ReLU, in the order in which the pass came to them; bool.
    masks: RefCell<Vec<Tensor>>,
    next: Cell<usize>,
}

impl Signs {
    fn note(&self, x: &Tensor) {
        self.masks.borrow_mut().push(x.gt(0.0));
    }

    fn hold(&self, x: &Tensor) -> Tensor {
        let place = self.next.replace(self.next.get() + 1);
        x * self.masks.borrow()[place].to_kind(x.kind())
    }

    /// How many values they are of: bytes in memory.
    pub fn count(&self) -> i64 {
        self.masks.borrow().iter().map(|mask| mask.numel() as i64).sum()
    }

    /// The same, which lie in `place`, `[count or more]` bool, from its beginning on; what stood there is overwritten.
    pub fn copied_to(&self, place: &Tensor) -> Signs {
        let mut start = 0;
        let masks = self.masks.borrow();
        let copies = masks.iter().map(|mask| {
            let count = mask.numel() as i64;
            let mut own = place.narrow(0, start, count).as_strided(mask.size(), mask.stride(), None);
            start += count;
            own.copy_(mask);
            own
        });
        Signs { masks: RefCell::new(copies.collect()), next: Cell::new(0) }
    }
}

/// What a pass needs beside its input.
pub struct Pass<'a> {
    pub parameters: &'a [Tensor],
    pub buffers: &'a [Tensor],
    pub mode: Mode,
    /// Of each parameter, whether training leaves it as it is; empty where it leaves none. A norm whose weight is frozen
    /// behaves as in scoring.
    pub frozen: &'a [bool],
    /// Number format of convolutions, dense layers and attention; norms have their parameters in f32 throughout.
    pub compute: Kind,
    pub kinks: Kinks<'a>,
}

impl Pass<'_> {
    /// One layer after the other.
    pub fn run(&self, layers: &[Layer], x: Tensor) -> Tensor {
        layers.iter().fold(x, |x, layer| self.layer(layer, x))
    }

    fn layer(&self, layer: &Layer, x: Tensor) -> Tensor {
        let training = self.mode == Mode::Train;
        match layer {
            Layer::Conv { .. } | Layer::Dense { .. } => self.product(layer, &x.to_kind(self.compute)),
            Layer::BatchNorm { .. } | Layer::GroupNorm { .. } | Layer::LayerNorm { .. } => {
                self.norm(layer, x)
            }
            Layer::Relu => self.relu(x),
            Layer::Gelu => gelu(&x),
            Layer::Scale(factor) => x * *factor,
            Layer::Dropout(share) => x.dropout(*share, training),
            Layer::Flatten => x.flatten(1, -1),
            Layer::MaxPool { .. } | Layer::AvgPool(_) | Layer::AdaptiveAvgPool(_) => pool(layer, &x),
            Layer::Residual { main, shortcut, scale, drop } => {
                let y = self.branch(main, *scale, *drop, &x);
                let keeps_output = !matches!(main.last(), Some(Layer::Conv { .. } | Layer::BatchNorm { .. }));
                sum(y, &self.run(shortcut, x), keeps_output || scale.is_some() || *drop > 0.0)
            }
            Layer::Tokens { class, positions } => {
                tokens(&x, self.parameter(*class), self.parameter(*positions))
            }
            Layer::FirstToken => x.select(1, 0),
            Layer::Attention { heads } => attention(&x, *heads),
            Layer::SplitWindows(windows) => split(&x.to_kind(self.compute), *windows),
            Layer::WindowAttention { heads, windows, positions } => {
                window_attention(&x, *heads, *windows, self.parameter(*positions))
            }
            Layer::JoinWindows(windows) => join(&x, *windows),
            Layer::MergePatches => merge_patches(&x),
        }
    }

    fn relu(&self, mut x: Tensor) -> Tensor {
        match self.kinks {
            Kinks::Held(signs) => return signs.hold(&x),
            Kinks::Noted(signs) => signs.note(&x),
            Kinks::Free => {}
        }
        x.relu_()
    }

    fn product(&self, layer: &Layer, x: &Tensor) -> Tensor {
        match layer {
            Layer::Conv { weight, bias, stride, padding, groups } => {
                let (weight, bias) = (self.narrowed(*weight), bias.map(|place| self.narrowed(place)));
                x.conv2d(&weight, bias, *stride, *padding, 1, *groups)
            }
            Layer::Dense { weight, bias } => {
                let (weight, bias) = (self.narrowed(*weight), bias.map(|place| self.narrowed(place)));
                // A convolution of one pixel may keep its weights as `[out, in, 1, 1]`.
                dense(x, &weight.flatten(1, -1), bias.as_ref())
            }
            _ => unreachable!("only convolutions and dense layers come here"),
        }
    }

    /// The main branch of a residual block, scaled and in training at times left out.
    fn branch(&self, main: &[Layer], scale: Option<usize>, drop: f64, x: &Tensor) -> Tensor {
        let y = self.run(main, x.shallow_clone());
        let y = match scale {
            Some(place) => on_positions(&y, |y| y * self.parameter(place)),
            None => y,
        };
        if drop == 0.0 || self.mode == Mode::Eval { y } else { without_some(&y, drop) }
    }

    fn norm(&self, layer: &Layer, x: Tensor) -> Tensor {
        match *layer {
            Layer::BatchNorm { weight, bias, mean, variance } => x.batch_norm(
                Some(self.parameter(weight)),
                Some(self.parameter(bias)),
                Some(&self.buffers[mean]),
                Some(&self.buffers[variance]),
                self.mode == Mode::Train && !self.frozen.get(weight).is_some_and(|frozen| *frozen),
                NORM_MOMENTUM,
                NORM_EPS,
                true,
            ),
            Layer::GroupNorm { weight, bias, groups } => {
                // CUDA's kernel wants its input in the format of its parameters.
                let x = if x.device().is_cuda() { x.to_kind(Kind::Float) } else { x };
                x.group_norm(groups, Some(self.parameter(weight)), Some(self.parameter(bias)), NORM_EPS, true)
            }
            Layer::LayerNorm { weight, bias, eps } => {
                let (weight, bias) = (self.parameter(weight), self.parameter(bias));
                // In f32, as PyTorch's autocast does: what it puts out is added up over all blocks.
                on_positions(&x.to_kind(Kind::Float), |x| {
                    x.layer_norm(weight.size(), Some(weight), Some(bias), eps, true)
                })
            }
            _ => unreachable!("only norms come here"),
        }
    }

    fn parameter(&self, place: usize) -> &Tensor {
        &self.parameters[place]
    }

    fn narrowed(&self, place: usize) -> Tensor {
        self.parameters[place].to_kind(self.compute)
    }
}

/// Does something to the last dimension, or to the channels of `[n, c, h, w]`, which then lie last in memory.
pub fn on_positions(x: &Tensor, f: impl FnOnce(&Tensor) -> Tensor) -> Tensor {
    if x.dim() == 4 { f(&x.permute([0, 2, 3, 1])).permute([0, 3, 1, 2]) } else { f(x) }
}

/// Leaves a share of the images out, and makes up for it in the others (Huang et al. 2016).
fn without_some(x: &Tensor, share: f64) -> Tensor {
    let mut one_an_image = vec![1; x.dim()];
    one_an_image[0] = x.size()[0];
    let kept = Tensor::rand(&one_an_image[..], (Kind::Float, x.device())).ge(share);
    x * (kept.to_kind(x.kind()) / (1.0 - share))
}

/// `y + x`: in `y`'s place, where no gradient needs what stands there, which spares a map's memory.
fn sum(mut y: Tensor, x: &Tensor, is_kept: bool) -> Tensor {
    if is_kept || y.kind() != x.kind() { y + x } else { y.g_add_(x) }
}

fn gelu(x: &Tensor) -> Tensor {
    // In bf16, libtorch takes twice as long forth where it does not see that the values lie in a row.
    if x.kind() == Kind::BFloat16 { on_positions(x, |x| x.gelu("none")) } else { x.gelu("none") }
}

fn pool(layer: &Layer, x: &Tensor) -> Tensor {
    match *layer {
        Layer::MaxPool { size, stride, padding } => x.max_pool2d(size, stride, padding, 1, false),
        Layer::AvgPool(side) => x.avg_pool2d(side, side, 0, false, true, None),
        Layer::AdaptiveAvgPool(side) => x.adaptive_avg_pool2d([side, side]),
        _ => unreachable!("only pools come here"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::tests::images;

    #[test]
    fn signs_lie_one_behind_the_other_and_hold_values_in_any_layout() {
        let planar = images(2, 4) - 0.5;
        let rows = planar.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
        let few = planar.narrow(0, 0, 1);
        let noted = Signs::default();
        [&planar, &rows, &few].iter().for_each(|x| noted.note(x));
        let place = Tensor::ones([noted.count() + 7], (Kind::Bool, planar.device()));
        let held = noted.copied_to(&place);
        assert_eq!(noted.count(), 5 * 3 * 4 * 4);
        assert!(place.narrow(0, noted.count(), 7).all().is_nonzero());
        for x in [planar, rows, few] {
            assert_eq!(held.hold(&x), x.relu());
        }
        assert_eq!(place.narrow(0, 0, 96), (images(2, 4) - 0.5).gt(0.0).view(-1));
    }

    #[test]
    fn gelu_of_maps_is_that_of_rows_but_for_rounding() {
        let planar = images(2, 16);
        let rows = planar.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
        for x in [planar, rows] {
            let [exact, rounded] = [Kind::Float, Kind::BFloat16].map(|kind| {
                let x = x.detach().set_requires_grad(true);
                let y = gelu(&x.to_kind(kind)).to_kind(Kind::Float);
                (&y * y.sin()).sum(Kind::Float).backward();
                assert_eq!(y.size(), x.size());
                [y, x.grad()]
            });
            for (exact, rounded) in exact.iter().zip(&rounded) {
                let apart = (exact - rounded).abs().max().double_value(&[]);
                assert!(apart < 0.03, "{apart}");
            }
        }
    }
}
