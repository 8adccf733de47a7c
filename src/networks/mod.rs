//! The networks as data: layers, shapes, parameters, and what they cost. Knows no tensor.
//!
//! A network is a function of its settings, the number of classes and the image size. It names layers and parameters;
//! the worker computes them. A new network is a file here, a line in [`Structure::new`] and its settings in `recipe`.

mod airbench;
mod alexnet;
mod cnn;
mod convnet;
mod convnext;
mod figures;
mod layer;
mod linear;
mod memory;
mod mlp;
mod parameter;
mod resampling;
mod resnet18;
mod resnet50;
mod shape;
mod stack;
mod structure;
mod swin;
mod tokens;
mod ultralight;
mod ultralight_modern;
mod vgg;
mod vit;

#[cfg(test)]
mod tests;

pub use figures::{Figures, Row};
pub use layer::{Layer, Windows};
pub use memory::{Residence, Room, written};
pub use parameter::{Buffer, Initial, Parameter};
pub use resampling::Positions;
pub use shape::Shape;
pub use structure::Structure;
