//! What happens between the two ends. Each is written once, for every peer and every cell.

pub(crate) mod backpressure;
pub(crate) mod closing;
pub(crate) mod messages;
pub(crate) mod opening;
