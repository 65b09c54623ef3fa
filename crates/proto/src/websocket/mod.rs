//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692).

mod api_misuse;
mod assembler;
mod close;
mod close_code;
mod config;
mod connection;
mod decoder;
pub mod deflate;
mod encoder;
mod extension;
mod fragmenter;
mod frame;
pub mod handshake;
mod input;
mod mask;
mod message;
mod outgoing;
mod peer_misbehaved;
mod pongs;
mod prepared;
mod transmit;
mod utf8;

pub use api_misuse::ApiMisuse;
pub(crate) use close::close_payload;
pub use close::{CloseInfo, MAX_REASON_BYTES};
pub use close_code::CloseCode;
pub use config::{Config, FRAGMENT_OVERHEAD, MESSAGE_OVERHEAD, READ_BUFFER_BYTES};
pub use connection::{Connection, Event, Failure, Phase};
pub use extension::{Extension, InvalidExtensions, MAX_EXTENSION_ITEMS};
pub use frame::{FrameHeader, MAX_CONTROL_PAYLOAD, MAX_HEADER_BYTES, Opcode, Side};
pub use mask::apply_mask;
pub use message::{Chunk, Message, MessageKind};
pub use peer_misbehaved::PeerMisbehaved;
pub use prepared::Prepared;
pub use transmit::Transmit;
pub(crate) use utf8::TextBuilder;
