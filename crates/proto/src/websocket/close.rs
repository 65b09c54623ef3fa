//! Close codes, and the payload of a Close frame (RFC 6455 §5.5.1, §7.4).

use super::{ApiMisuse, PeerMisbehaved};

/// The longest reason in UTF-8 bytes: a control frame's 125 less the code's 2.
pub const MAX_REASON_BYTES: usize = 123;

/// A close code (RFC 6455 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server goes down, or a page was left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: a protocol error.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1005: the Close frame held no code. Never on the wire.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: no Close frame came. Never on the wire.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: a payload that does not fit its type, as text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: a message that breaks a policy.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: an unexpected condition in the server.
    pub const INTERNAL_ERROR: Self = Self(1011);

    /// The number.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }

    /// Whether an endpoint may put this code in a Close frame: 1000-1003, 1007-1014 and 3000-4999
    /// (RFC 6455 §7.4.1, §7.4.2, and the IANA registry for 1012 to 1014).
    #[must_use]
    pub fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl PartialEq<u16> for CloseCode {
    fn eq(&self, other: &u16) -> bool {
        self.0 == *other
    }
}

impl std::fmt::Display for CloseCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

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
                let close_code = CloseCode(u16::from_be_bytes([*high, *low]));
                if !close_code.may_be_sent() {
                    return Err(PeerMisbehaved::SentReservedCloseCode(close_code.0));
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
        Some(code) if !code.may_be_sent() => return Err(ApiMisuse::ReservedCloseCode(code.0)),
        None if reason.is_empty() => return Ok(Vec::new()),
        code => code.unwrap_or(CloseCode::NORMAL),
    };
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.extend_from_slice(&close_code.0.to_be_bytes());
    payload.extend_from_slice(reason.as_bytes());
    Ok(payload)
}
