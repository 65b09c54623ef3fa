//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692).

mod api_misuse;
mod close;
pub mod deflate;
mod extension;
mod frame;
pub mod handshake;
mod mask;
mod peer_misbehaved;
mod utf8;

pub use api_misuse::ApiMisuse;
pub use close::{CloseCode, CloseInfo, MAX_REASON_BYTES};
pub use extension::{Extension, InvalidExtensions, MAX_EXTENSION_ITEMS};
pub use frame::{FrameHeader, MAX_CONTROL_PAYLOAD, MAX_HEADER_BYTES, Opcode, Side};
pub use mask::apply_mask;
pub use peer_misbehaved::PeerMisbehaved;
