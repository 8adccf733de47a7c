//! `train`: fits a network to the training split of an image set. The map, in reading order:

mod budget;
mod curve;
pub mod dsa;
mod keep;
pub mod loss;
mod objective;
pub mod optimizer;
pub mod order;
pub mod patches;
mod results;
mod run;
pub mod schedule;
mod set;
mod start;
mod state;
mod step;
mod teacher;
pub mod transforms;

#[cfg(test)]
mod tests;

pub use curve::write_table;
pub use run::train;
