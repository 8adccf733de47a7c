//! What a launch found, as tables and comparisons; reads artifacts, never events.
//!
//! A [`Launch`] is the record of an invocation. From it and the store come [`runs`] (a row a run), from those
//! [`summary`] (a row a group, over the replicates); [`tables`] writes them as files, [`terminal`] shows them, [`page`]
//! is what a person reads. [`sides`] says what stands against what, [`judge`] what a difference is worth.

mod bill;
mod cells;
mod chosen;
mod compare;
mod confusion;
mod distilled;
mod drawn;
mod emissions;
mod evidence;
mod figures;
mod hardware;
mod judge;
mod launch;
mod layout;
mod metered;
mod network;
mod origin;
mod page;
mod pin;
mod predictions;
mod protocol;
mod replicates;
pub mod results;
pub mod runs;
pub mod settings;
mod show;
pub mod sides;
pub mod statistics;
mod stored;
pub mod summary;
mod tables;
mod tensorboard;
mod terminal;
mod trace;

#[cfg(test)]
mod fixture;

pub use bill::bill;
pub use cells::{Cell, Table};
pub use compare::{Comparison, Format, across, against_published, compare};
pub use confusion::Confusion;
pub use drawn::{Drawn, Terms, Totals, of_receipt, of_receipt_since, of_unfinished, totals};
pub use figures::energy as written_energy;
pub use launch::{InputRecord, Launch, Made, Run, StageRecord, State};
pub use network::{Costs, describe_network, describe_network_as_json};
pub use page::{Page, Picture, write_report, write_tex};
pub use show::{describe_artifact, describe_artifact_as_json};
pub use stored::Stored;
pub use tables::write_tables;
pub use tensorboard::{LiveCurves, write_tensorboard};
pub use terminal::render_runs;
