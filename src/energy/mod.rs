//! Meters: what a stage's process draws from the wall, as joules with their method, error and source.
//!
//! Each stage's process meters itself ([`ProcessMeter`]) and reads the machine's counters; what it is charged of a
//! package is its share of the processor time that *anybody* used meanwhile, so that stages side by side, also of
//! different launches, never add up to more than the package drew. Where nothing can be read there is a [`model`];
//! where nothing is known a figure is missing, which is not 0.

mod figure;
mod gpu;
mod kernel;
mod meter;
pub mod model;
pub mod nvml;
mod packages;
mod rapl;
mod readings;
mod trace;
mod units;

pub use figure::{Class, Constant, Energy, Figure, Method};
pub use kernel::Kernel;
pub use meter::ProcessMeter;
pub use model::Assumptions;
pub use rapl::{Rapl, Trouble};
pub use units::{Grams, Joules, KilowattHours, Watts};
