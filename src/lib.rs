//! `pipeline` answers one kind of question: can a smaller data set or a smaller network reach the same accuracy
//! for less energy, time and money? The map, in reading order:

pub mod augment;
pub mod cli;
pub mod data;
pub mod energy;
pub mod engine;
pub mod experiment;
pub mod networks;
pub mod recipe;
pub mod report;
pub mod select;
