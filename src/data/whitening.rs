//! The whitening that goes with an image set: two tensors beside its training images.

/// ZCA whitening of pixels `[h, w, 3]` laid out in a row of d values, black 0 and white 1: `(x - mean) · matrix`.
#[derive(Clone, Debug, PartialEq)]
pub struct Whitening {
    /// `[d]`, over the training split that it was fitted to.
    pub mean: Vec<f32>,
    /// `[d, d]`, symmetric and with an inverse.
    pub matrix: Vec<f32>,
}

impl Whitening {
    /// The tensors' names, in files of image sets and of networks.
    pub const MEAN: &'static str = "whitening.mean";
    pub const MATRIX: &'static str = "whitening.matrix";

    /// Values of an image.
    pub fn values(&self) -> usize {
        self.mean.len()
    }
}
