//! The networks, and how they are kept in files. A new network is a file here and a line in `Network::new`.

mod cnn;
mod convnet;
mod description;
mod layer;
mod network;
mod parameters;
mod stack;
mod ultralight;
mod vgg16;
mod vgg16_bn;
pub mod weights;

#[cfg(test)]
mod tests;

pub use description::{Description, kind_of};
pub use layer::Mode;
pub use network::Network;
pub use parameters::Parameters;
#[cfg(test)]
pub use parameters::{Initial, Layout, Parameter};
pub use stack::Buffer;
