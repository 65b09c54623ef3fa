//! `Sec-WebSocket-Key` and `Sec-WebSocket-Accept` (RFC 6455 §1.3): proof that the server speaks WebSocket.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use http::HeaderValue;
use sha1::{Digest, Sha1};

/// The client's key: its nonce in base64.
pub(super) fn from_nonce(nonce: [u8; 16]) -> HeaderValue {
    ascii_value(STANDARD.encode(nonce))
}

/// Whether `key` is 16 bytes in base64 (RFC 6455 §4.2.1).
pub(super) fn is_valid(key: &[u8]) -> bool {
    // The length first, so that a huge key costs nothing.
    key.len() == 24 && LENIENT.decode(key).is_ok_and(|nonce| nonce.len() == 16)
}

/// The accept value for a key as it was sent (RFC 6455 §4.2.2).
pub(super) fn accept(key: &[u8]) -> HeaderValue {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    ascii_value(STANDARD.encode(digest))
}

fn ascii_value(base64: String) -> HeaderValue {
    HeaderValue::try_from(base64).expect("base64 is visible ASCII")
}

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Some clients draw 22 random characters, so that the last one has bits beyond the 16th byte. RFC 4648 §3.5
/// leaves those to the decoder, and nothing is gained by refusing them.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);
