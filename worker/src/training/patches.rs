//! The first weights of a convolution that whitens patches (Page 2018; Jordan 2024).

use tch::{Device, Kind, Tensor, no_grad};

use crate::models::{Network, Parameters};

/// Pixels of the images whose patches are looked at, but for one image at least: those of a thousand images of 32 pixels a
/// side.
const MOST: i64 = 1 << 20;
/// Added to the variance of every direction, of images that are normalised or whitened.
const LEAST: f64 = 5e-4;

/// Gives the weights of the network that are to whiten patches what whitens those of the `count` images that it learns from;
/// `at` gives the images at some places, `[n, 3, h, w]`. Weights stay as chance made them where pixels are no numbers: the
/// first loss will say so.
pub fn whiten(network: &Network, parameters: &Parameters, count: usize, at: impl Fn(&[i64]) -> Tensor) {
    let all = network.parameters().iter().zip(parameters.tensors());
    for (parameter, tensor) in all.filter(|(parameter, _)| parameter.is_fitted()) {
        if let Some(filters) = filters(&spread(count as i64, &at), parameter.shape[2]) {
            no_grad(|| tensor.shallow_clone().copy_(&filters.view(&parameter.shape[..])));
        }
    }
}

/// Some of the images, evenly spread over all.
fn spread(count: i64, at: impl Fn(&[i64]) -> Tensor) -> Tensor {
    let pixels: i64 = at(&[0]).size()[2..].iter().product();
    let taken = (MOST / pixels).clamp(1, count);
    at(&(0..taken).map(|i| i * count / taken).collect::<Vec<_>>())
}

/// Every principal direction of patches of `side` pixels a side, divided by its deviation, and the same with the other sign:
/// `[2 · 3 · side², 3 · side²]` f32. Deviations are from 0, not from the mean.
fn filters(images: &Tensor, side: i64) -> Option<Tensor> {
    let windows = images.to_device(Device::Cpu).unfold(2, side, 1).unfold(3, side, 1);
    let patches = windows.permute([0, 2, 3, 1, 4, 5]).reshape([-1, 3 * side * side]).to_kind(Kind::Double);
    let moments = patches.tr().matmul(&patches) / patches.size()[0] as f64;
    if !bool::try_from(moments.isfinite().all()).unwrap_or(false) {
        return None;
    }
    let (variances, vectors) = moments.linalg_eigh("L");
    let rows = (vectors / (variances + LEAST).sqrt()).tr();
    Some(Tensor::cat(&[&rows, &rows.neg()], 0).to_kind(Kind::Float))
}

#[cfg(test)]
mod tests {
    use pipeline::recipe::{self, Airbench};

    use super::*;
    use crate::models::tests::images;

    fn started(images: &Tensor) -> Tensor {
        let network = Network::new(&recipe::Network::Airbench(Airbench {}), 3, 16).unwrap();
        let (parameters, _) = network.initial(0, Device::Cpu);
        whiten(&network, &parameters, images.size()[0] as usize, |places| {
            images.index_select(0, &Tensor::from_slice(places))
        });
        parameters.tensors()[0].detach()
    }

    #[test]
    fn patches_come_out_with_variance_one_and_apart_from_one_another() {
        for seen in [images(30, 16), images(1, 16)] {
            let seen = &seen + (seen.flatten(0, -1).cumsum(0, Kind::Float) * 40.0).cos().view_as(&seen);
            let maps = seen.conv2d(&started(&seen), None::<Tensor>, 1, 0, 1, 1);
            let rows = maps.permute([0, 2, 3, 1]).reshape([-1, 24]).to_kind(Kind::Double);
            let (some, same) = (rows.narrow(1, 0, 12), rows.narrow(1, 12, 12));
            let moments = some.tr().matmul(&some) / rows.size()[0] as f64;
            let eye = Tensor::eye(12, (Kind::Double, Device::Cpu));
            let apart = (moments - eye).abs().max().double_value(&[]);
            assert!(apart < 0.01, "{apart}");
            assert_eq!(some, same.neg());
        }
    }

    #[test]
    fn what_never_varies_gives_no_weight_beyond_the_bound_and_what_is_no_number_none() {
        let flat = Tensor::zeros([2, 3, 16, 16], (Kind::Float, Device::Cpu));
        let largest = started(&flat).abs().max().double_value(&[]);
        assert!((largest - LEAST.sqrt().recip()).abs() < 1e-3, "{largest}");
        let by_chance = started(&(flat / 0.0));
        assert!(bool::try_from(by_chance.isfinite().all()).unwrap());
    }
}
