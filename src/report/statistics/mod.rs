//! Statistics of small samples, one idea a file. Knows no run and no table.
//!
//! Everything is deterministic: what draws at random draws from a fixed seed.

mod bootstrap;
mod folds;
mod holm;
mod margin;
mod mcnemar;
mod paired;
mod power;
mod sign_flip;
mod special;
mod spread;
mod student;
mod unit;
mod welch;
mod wilson;

#[cfg(test)]
mod scipy;

pub use bootstrap::{FEWEST, bootstrap};
pub use folds::nadeau_bengio;
pub use holm::holm;
pub use margin::{Finding, Method, Verdict, within_margin};
pub use mcnemar::McNemar;
pub use paired::paired;
pub use power::Needs;
pub use sign_flip::{seeds_needed, sign_flip};
pub use spread::{Difference, Spread};
pub use unit::{Images, Sample, Unit};
pub use welch::difference;
pub use wilson::wilson;
