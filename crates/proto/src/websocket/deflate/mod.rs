//! permessage-deflate (RFC 7692).

mod params;

pub use params::{DeflateConfig, DeflateParams};
