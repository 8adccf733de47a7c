//! `train`: fits a network to the training split of an image set. The map, in reading order:

mod curve;
pub mod dsa;
pub mod loss;
pub mod optimizer;
mod order;
mod results;
mod run;
pub mod schedule;
mod set;
mod state;
pub mod transforms;

#[cfg(test)]
mod tests;

pub use curve::write_table;
pub use run::train;
