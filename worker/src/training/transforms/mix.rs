//! Two images as one, with labels mixed alike: mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019).

use tch::{Kind, Tensor};

use crate::randomness::Stream;

/// Which image each is mixed with, and how much of its own it keeps.
pub struct Mix {
    /// A permutation of the batch.
    partners: Tensor,
    /// Share of the image itself, in 0..1.
    own: f64,
}

impl Mix {
    /// For a batch of `n` images, with a share from Beta(`alpha`, `alpha`).
    pub fn draw(alpha: f64, n: usize, random: &mut Stream) -> Mix {
        let own = random.beta(alpha);
        Mix { partners: Tensor::from_slice(&random.permutation(n)), own }
    }

    /// Images `[n, 3, h, w]`, each as a mean of itself and its partner.
    pub fn blend(&self, images: &Tensor) -> Tensor {
        images * self.own + self.partners_of(images) * (1.0 - self.own)
    }

    /// Images `[n, 3, h, w]` with one rectangle, at the same place in all, from each one's partner. It has the partner's
    /// share of the area, less what lies beyond the border, and the shares become those of the pixels.
    pub fn patch(&mut self, images: &Tensor, random: &mut Stream) -> Tensor {
        let (_, _, height, width) = images.size4().expect("images have four dimensions");
        let side = (1.0 - self.own).sqrt();
        let mut span = |length: i64| {
            let half = (side * length as f64 / 2.0).floor() as i64;
            let middle = random.below(length as usize) as i64;
            ((middle - half).max(0), (middle + half).min(length))
        };
        let ((top, bottom), (left, right)) = (span(height), span(width));
        self.own = 1.0 - ((bottom - top) * (right - left)) as f64 / (height * width) as f64;
        let patched = images.copy();
        let place = |from: &Tensor| from.narrow(2, top, bottom - top).narrow(3, left, right - left);
        place(&patched).copy_(&place(&self.partners_of(images)));
        patched
    }

    /// Labels `[n]` or soft `[n, classes]` as soft ones; hard ones are smoothed as the loss would have done.
    pub fn labels(&self, labels: &Tensor, classes: i64, smoothing: f64) -> Tensor {
        let soft = match labels.kind() {
            Kind::Int64 => {
                labels.one_hot(classes).to_kind(Kind::Float) * (1.0 - smoothing) + smoothing / classes as f64
            }
            _ => labels.shallow_clone(),
        };
        &soft * self.own + self.partners_of(&soft) * (1.0 - self.own)
    }

    fn partners_of(&self, rows: &Tensor) -> Tensor {
        rows.index_select(0, &self.partners.to_device(rows.device()))
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::training::loss;

    fn images(n: i64) -> Tensor {
        Tensor::arange(n * 3 * 8 * 8, (Kind::Float, Device::Cpu)).view([n, 3, 8, 8])
    }

    #[test]
    fn a_blend_and_its_labels_have_the_same_shares() {
        let mix = Mix { partners: Tensor::from_slice(&[1i64, 0]), own: 0.75 };
        let x = images(2);
        let blended = mix.blend(&x);
        assert_eq!(blended.get(0), x.get(0) * 0.75 + x.get(1) * 0.25);
        let labels = mix.labels(&Tensor::from_slice(&[2i64, 0]), 3, 0.0);
        assert_eq!(labels, Tensor::from_slice(&[0.25f32, 0.0, 0.75, 0.75, 0.0, 0.25]).view([2, 3]));
        let soft = Tensor::from_slice(&[0.5f32, 0.5, 0.0, 1.0]).view([2, 2]);
        let expected = Tensor::from_slice(&[0.375f32, 0.625, 0.125, 0.875]).view([2, 2]);
        assert_eq!(mix.labels(&soft, 2, 0.1), expected);
    }

    #[test]
    fn a_patch_has_the_area_that_the_labels_say() {
        for seed in 0..50 {
            let mut random = Stream::new(seed, &[]);
            let mut mix = Mix { own: 0.6, ..Mix::draw(1.0, 2, &mut random) };
            mix.partners = Tensor::from_slice(&[1i64, 0]);
            let x = images(2);
            let patched = mix.patch(&x, &mut random);
            let foreign = patched.get(0).eq_tensor(&x.get(1)).sum(Kind::Int64).int64_value(&[]);
            let kept = patched.get(0).eq_tensor(&x.get(0)).sum(Kind::Int64).int64_value(&[]);
            assert_eq!(foreign + kept, 3 * 64);
            assert!((mix.own - kept as f64 / (3.0 * 64.0)).abs() < 1e-9, "{seed}");
        }
    }

    #[test]
    fn smoothing_is_what_the_loss_does_to_hard_labels() {
        let logits = Tensor::from_slice(&[1.0f32, -2.0, 0.5, 0.3, 0.1, -0.7]).view([2, 3]);
        let hard = Tensor::from_slice(&[2i64, 0]);
        let whole = Mix { partners: Tensor::from_slice(&[1i64, 0]), own: 1.0 };
        let soft = loss::cross_entropy(&logits, &whole.labels(&hard, 3, 0.1), 0.1, None);
        let expected = loss::cross_entropy(&logits, &hard, 0.1, None);
        assert!((soft - expected).abs().double_value(&[]) < 1e-6);
    }
}
