//! permessage-deflate (RFC 7692).

mod negotiation;
mod params;

pub use negotiation::{UnacceptableExtensions, accept, confirm, offer};
pub use params::{DeflateConfig, DeflateParams};
