//! The payload of a Close frame (RFC 6455 §5.5.1).

use super::{ApiMisuse, CloseCode, PeerMisbehaved};

/// The longest reason in UTF-8 bytes: a control frame's 125 less the code's 2.
pub const MAX_REASON_BYTES: usize = 123;

/// How a connection ended: the code and reason of a Close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseInfo {
    /// The code; [`CloseCode::NO_STATUS`] when the frame held none.
    pub close_code: CloseCode,
    /// The reason, at most 123 bytes, mostly empty.
    pub reason: String,
}

impl CloseInfo {
    /// Reads the payload of a Close frame (RFC 6455 §5.5.1).
    ///
    /// # Errors
    ///
    /// A payload of one byte, a code that may not be sent, or a reason that is not UTF-8.
    pub fn parse(payload: &[u8]) -> Result<Self, PeerMisbehaved> {
        match payload {
            [] => Ok(Self { close_code: CloseCode::NO_STATUS, reason: String::new() }),
            [_] => Err(PeerMisbehaved::SentOneByteClose),
            [high, low, reason @ ..] => {
                let close_code = CloseCode::from(u16::from_be_bytes([*high, *low]));
                if !close_code.may_be_sent() {
                    return Err(PeerMisbehaved::SentReservedCloseCode(close_code.get()));
                }
                let reason =
                    simdutf8::basic::from_utf8(reason).map_err(|_| PeerMisbehaved::SentInvalidUtf8)?;
                Ok(Self { close_code, reason: reason.to_owned() })
            }
        }
    }
}

/// The payload of a Close frame to send.
///
/// No code and no reason make an empty payload; a reason without a code goes with 1000 (WebSocketStream,
/// "close using reason").
///
/// # Errors
///
/// A code that may not be sent, or a reason over 123 bytes.
pub(crate) fn close_payload(close_code: Option<CloseCode>, reason: &str) -> Result<Vec<u8>, ApiMisuse> {
    if reason.len() > MAX_REASON_BYTES {
        return Err(ApiMisuse::LongCloseReason(reason.len()));
    }
    let close_code = match close_code {
        Some(code) if !code.may_be_sent() => return Err(ApiMisuse::ReservedCloseCode(code.get())),
        None if reason.is_empty() => return Ok(Vec::new()),
        code => code.unwrap_or(CloseCode::NORMAL),
    };
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.extend_from_slice(&close_code.get().to_be_bytes());
    payload.extend_from_slice(reason.as_bytes());
    Ok(payload)
}
