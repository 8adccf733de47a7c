//! Synthetic images that go down their gradient by SGD with momentum.

use tch::{Tensor, no_grad};

use super::checkpoint::Tensors;

/// Images and their momentum.
pub struct Descent {
    /// `[n, 3, h, w]` f32.
    pub images: Tensor,
    /// Shaped like the images.
    velocity: Tensor,
}

impl Descent {
    /// From `images` on, at rest.
    pub fn new(images: Tensor) -> Descent {
        Descent { velocity: images.zeros_like(), images }
    }

    /// A step down `gradient`, which is shaped like the images.
    pub fn step(&mut self, gradient: &Tensor, lr: f64, momentum: f64) {
        no_grad(|| {
            self.velocity = &self.velocity * momentum + gradient;
            self.images = &self.images - &self.velocity * lr;
        });
    }

    /// What steps change.
    pub fn tensors(&self) -> Tensors {
        let Descent { images, velocity } = self;
        vec![("images".into(), images.shallow_clone()), ("velocity".into(), velocity.shallow_clone())]
    }
}
