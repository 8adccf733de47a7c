//! Runs what is stale, side by side, as inputs come to be there.

use anyhow::{Result, bail};

use super::event::Listener;
use super::graph::Graph;
use super::history::History;
use super::options::{Options, Outcome};
use super::store::Store;

/// Runs whatever is stale and tells `listeners`.
///
/// # Errors
/// When nothing could be started at all: the graph is not valid, a source cannot be read, the store cannot be
/// written. A stage that fails is no error of the launch; the outcome tells.
pub fn run(
    _graph: &Graph,
    _store: &Store,
    _history: &mut History,
    _options: &Options,
    _listeners: &mut [&mut dyn Listener],
) -> Result<Outcome> {
    bail!("not built yet")
}
