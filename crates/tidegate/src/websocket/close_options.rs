//! What a connection is closed with.

use tidegate_proto::websocket::{ApiMisuse, CloseCode, CloseInfo, MAX_REASON_BYTES};

/// The argument of `close`, `cancel` and `abort`: a close code, a reason, both or neither.
///
/// Made from `()`, from a code, from a code and a reason, or from a peer's [`CloseInfo`]:
///
/// ```
/// # use tidegate::CloseOptions;
/// let nothing: CloseOptions = ().into(); // an empty Close, which the peer sees as 1005
/// let code: CloseOptions = 1001.into();
/// let both: CloseOptions = (1000, "Bye!").into();
/// let reason = CloseOptions { reason: "Bye!".into(), ..CloseOptions::default() }; // goes with 1000
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseOptions {
    /// 1000-1003, 1007-1014 or 3000-4999.
    pub close_code: Option<CloseCode>,
    /// At most 123 bytes of UTF-8.
    pub reason: String,
}

impl From<()> for CloseOptions {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<u16> for CloseOptions {
    fn from(code: u16) -> Self {
        Self { close_code: Some(code.into()), reason: String::new() }
    }
}

impl From<CloseCode> for CloseOptions {
    fn from(code: CloseCode) -> Self {
        Self { close_code: Some(code), reason: String::new() }
    }
}

impl From<(u16, &str)> for CloseOptions {
    fn from((code, reason): (u16, &str)) -> Self {
        Self { close_code: Some(code.into()), reason: reason.to_owned() }
    }
}

impl From<CloseInfo> for CloseOptions {
    /// What a peer closed with, for passing it on. Without a code there, there is none here.
    fn from(info: CloseInfo) -> Self {
        let close_code = (info.close_code != CloseCode::NO_STATUS).then_some(info.close_code);
        Self { close_code, reason: info.reason }
    }
}

impl CloseOptions {
    /// Whether these may be sent at all.
    pub(crate) fn validate(&self) -> Result<(), ApiMisuse> {
        match self.close_code {
            Some(code) if !code.may_be_sent() => Err(ApiMisuse::ReservedCloseCode(code.get())),
            _ if self.reason.len() > MAX_REASON_BYTES => Err(ApiMisuse::LongCloseReason(self.reason.len())),
            _ => Ok(()),
        }
    }
}
