//! What both ends set of a connection beside the protocol's own limits.

use std::sync::Arc;

use super::budget::Budget;
use super::deadlines::Deadlines;

/// How a connection waits.
#[derive(Clone, Debug)]
pub(crate) struct Tuning {
    /// Bytes that may wait to be sent before a write waits.
    pub(crate) high_water_mark: usize,
    /// Shared by all connections of one acceptor.
    pub(crate) deadlines: Arc<Deadlines>,
    pub(crate) budget: Budget,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { high_water_mark: 64 * 1024, deadlines: Arc::default(), budget: Budget::process() }
    }
}
