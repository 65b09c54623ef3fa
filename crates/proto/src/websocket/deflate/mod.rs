//! permessage-deflate (RFC 7692).

mod deflater;
mod history;
mod inflater;
mod negotiation;
mod params;
mod pool;
mod slot;

pub use deflater::Deflater;
pub use inflater::Inflater;
pub use negotiation::{UnacceptableExtensions, accept, confirm, offer};
pub use params::{DeflateConfig, DeflateParams};
