//! Differentiable Siamese Augmentation (Zhao & Bilen 2021), strategy `color_crop_cutout_flip_scale_rotate`: one change
//! is drawn for a whole batch, its strengths for each image or, siamese, once for all. Acts on normalised images and
//! can be differentiated with respect to them.

use pipeline::recipe::Dsa;
use tch::{Device, Kind, Tensor};

use super::transforms::warp::warped;
use super::transforms::{flipped, shifted};
use crate::randomness::Stream;

/// Largest shift, as a share of the side.
const CROP: f64 = 0.125;
/// Side of the square that is cut out, as a share of the image's.
const CUTOUT: f64 = 0.5;
/// Largest zoom, in and out.
const SCALE: f64 = 1.2;
/// Largest turn, in degrees.
const ROTATE: f64 = 15.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Color,
    Crop,
    Cutout,
    Scale,
    Rotate,
    /// Last, so that it can be left out.
    Flip,
}

const CHANGES: [Change; 6] =
    [Change::Color, Change::Crop, Change::Cutout, Change::Scale, Change::Rotate, Change::Flip];

/// A change and its strengths: one row for all images or one for each, uniform in 0..1.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    change: Change,
    strengths: Vec<[f64; 3]>,
}

impl Draw {
    /// The siamese form: the same change with the same strengths for every image of every batch that it is applied to.
    pub fn for_all(settings: &Dsa, random: &mut Stream) -> Draw {
        Draw::for_each_image(settings, 1, random)
    }

    /// One change for a batch of `n` images, with strengths of its own for each.
    pub fn for_each_image(settings: &Dsa, n: usize, random: &mut Stream) -> Draw {
        let changes = if settings.flip { &CHANGES[..] } else { &CHANGES[..CHANGES.len() - 1] };
        let change = changes[random.below(changes.len())];
        Draw { change, strengths: (0..n).map(|_| [random.unit(), random.unit(), random.unit()]).collect() }
    }

    /// Images `[n, 3, h, w]`, normalised, to images of the same shape.
    pub fn apply(&self, images: &Tensor) -> Tensor {
        let side = images.size()[3];
        match self.change {
            Change::Color => self.color(images),
            Change::Crop => {
                let by = (side as f64 * CROP + 0.5).floor() as i64;
                let shift = |[row, column, _]: &[f64; 3]| [row, column].map(|u| up_to(*u, 2 * by + 1) - by);
                shifted(images, &self.strengths.iter().map(shift).collect::<Vec<_>>())
            }
            Change::Cutout => self.cutout(images, side),
            Change::Scale => {
                let zoom = |u: f64| u * (SCALE - 1.0 / SCALE) + 1.0 / SCALE;
                self.warped(images, |[x, y, _]| [[zoom(x), 0.0, 0.0], [0.0, zoom(y), 0.0]])
            }
            Change::Rotate => self.warped(images, |[u, ..]| {
                let (sin, cos) = ((u - 0.5) * 2.0 * ROTATE).to_radians().sin_cos();
                [[cos, -sin, 0.0], [sin, cos, 0.0]]
            }),
            Change::Flip => {
                flipped(images, &self.strengths.iter().map(|[u, ..]| *u < 0.5).collect::<Vec<_>>())
            }
        }
    }

    /// Brightness, saturation and contrast, in this order.
    fn color(&self, images: &Tensor) -> Tensor {
        let device = images.device();
        let x = images + self.column(device, |[u, ..]| u - 0.5);
        let grey = x.mean_dim(1, true, Kind::Float);
        let x = (&x - &grey) * self.column(device, |[_, u, _]| u * 2.0) + grey;
        let mean = x.mean_dim([1, 2, 3].as_slice(), true, Kind::Float);
        (&x - &mean) * self.column(device, |[_, _, u]| u + 0.5) + mean
    }

    fn cutout(&self, images: &Tensor, side: i64) -> Tensor {
        let hole = (side as f64 * CUTOUT + 0.5).floor() as i64;
        let along = Tensor::arange(side, (Kind::Float, images.device()));
        let inside = |axis: usize| {
            let first =
                self.column(images.device(), |u| (up_to(u[axis], side + (1 - hole % 2)) - hole / 2) as f64);
            let offset = along.view([1, 1, 1, side]) - first;
            offset.ge(0.0).logical_and(&offset.lt(hole as f64))
        };
        let hidden = inside(0).transpose(2, 3).logical_and(&inside(1));
        images * hidden.logical_not().to_kind(images.kind())
    }

    fn warped(&self, images: &Tensor, map: impl Fn([f64; 3]) -> [[f64; 3]; 2]) -> Tensor {
        warped(images, &self.strengths.iter().map(|u| map(*u)).collect::<Vec<_>>())
    }

    /// A figure of each strength, `[1 or n, 1, 1, 1]`.
    fn column(&self, device: Device, figure: impl Fn([f64; 3]) -> f64) -> Tensor {
        let figures: Vec<f32> = self.strengths.iter().map(|u| figure(*u) as f32).collect();
        Tensor::from_slice(&figures).view([-1, 1, 1, 1]).to_device(device)
    }
}

/// A unit draw as an integer in `0..n`.
fn up_to(unit: f64, n: i64) -> i64 {
    (unit * n as f64) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(n: i64) -> Tensor {
        let places = Tensor::arange(n * 3 * 8 * 8, (Kind::Float, Device::Cpu));
        (places * 0.7).sin().view([n, 3, 8, 8])
    }

    fn draws(n: usize) -> Vec<Draw> {
        let strengths = [[0.1, 0.9, 0.4], [0.8, 0.2, 0.7], [0.6, 0.3, 0.95]];
        CHANGES.map(|change| Draw { change, strengths: strengths[..n].to_vec() }).to_vec()
    }

    #[test]
    fn every_change_treats_an_image_alike_alone_and_in_a_batch() {
        let x = images(3);
        for draw in draws(3) {
            let together = draw.apply(&x);
            for place in 0..3 {
                let own = Draw { strengths: vec![draw.strengths[place]], ..draw.clone() };
                let alone = own.apply(&x.narrow(0, place as i64, 1));
                let apart = (together.narrow(0, place as i64, 1) - alone).abs().max().double_value(&[]);
                assert!(apart < 1e-6, "{:?}: {apart}", draw.change);
            }
        }
    }

    #[test]
    fn every_change_changes_something_and_lets_gradients_through() {
        for draw in draws(1) {
            let x = images(2).set_requires_grad(true);
            let y = draw.apply(&x);
            assert_eq!(y.size(), x.size());
            assert_ne!(y, x, "{:?}", draw.change);
            let gradient = Tensor::run_backward(&[y.square().sum(Kind::Float)], &[&x], false, false);
            assert!(gradient[0].abs().sum(Kind::Float).double_value(&[]) > 0.0, "{:?}", draw.change);
        }
    }

    #[test]
    fn cutout_hides_half_the_side_in_the_middle() {
        let draw = Draw { change: Change::Cutout, strengths: vec![[0.5, 0.5, 0.0]] };
        let hidden = draw.apply(&images(1).ones_like()).eq(0.0).sum(Kind::Int64).int64_value(&[]);
        assert_eq!(hidden, 3 * 4 * 4);
    }

    #[test]
    fn digits_are_never_mirrored() {
        let settings = Dsa { flip: false };
        let drawn = (0..200).map(|seed| Draw::for_all(&settings, &mut Stream::new(seed, &[])).change);
        assert!(drawn.into_iter().all(|change| change != Change::Flip));
    }
}
