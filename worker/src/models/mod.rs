//! Networks as tensors compute them, and how they are kept in files. What layers a network has is said by
//! `pipeline::networks`.

mod attention;
mod dense;
mod description;
mod network;
mod parameters;
mod pass;
mod resampling;
pub mod start;
pub mod weights;
mod windows;

#[cfg(test)]
mod pytorch_tests;
#[cfg(test)]
pub mod tests;

pub use description::{Description, kind_of};
pub use network::{Network, drawn};
pub use parameters::{Layout, Parameters};
pub use pass::{Kinks, Mode, Signs};
#[cfg(test)]
pub use pipeline::networks::{Initial, Parameter};
