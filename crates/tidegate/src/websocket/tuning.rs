//! What both ends set of a connection beside the protocol's own limits.

use super::budget::Budget;
use super::deadlines::Deadlines;

/// How a connection waits.
#[derive(Clone, Debug)]
pub(crate) struct Tuning {
    /// Bytes that may wait to be sent before a write waits.
    pub(crate) high_water_mark: usize,
    pub(crate) deadlines: Deadlines,
    pub(crate) budget: Budget,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { high_water_mark: 64 * 1024, deadlines: Deadlines::default(), budget: Budget::process() }
    }
}
