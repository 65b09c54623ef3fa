//! What goes wrong, as any protocol can tell it.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use super::super::call::Broken;
use super::super::command::{State, UploadError};
use super::fields::text;

/// A command that failed: the answer's status, why in words, and how the upload stands, where that may be told.
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) reason: Cow<'static, str>,
    pub(super) state: Option<State>,
}

impl Failure {
    pub(super) fn new(error: UploadError, offset: Option<u64>) -> Self {
        let (status, reason, state) = judge(error, offset.unwrap_or_default());
        Self { status, reason, state }
    }

    /// An answer that says no more than that.
    pub(super) fn response(&self) -> Response<Bytes> {
        let mut response = text(self.status, &self.reason);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

type Judgement = (StatusCode, Cow<'static, str>, Option<State>);

fn judge(error: UploadError, offset: u64) -> Judgement {
    use StatusCode as Code;
    let plain = |status: Code, reason: &'static str| (status, reason.into(), None);
    match error {
        UploadError::Unknown => plain(Code::NOT_FOUND, "no such upload"),
        UploadError::Expired => plain(Code::GONE, "the upload has expired"),
        UploadError::Dead => plain(Code::GONE, "the upload was given up"),
        UploadError::WrongOffset(state) => {
            let reason =
                format!("wrong start byte: the upload ends at byte {}, not at {offset}", state.offset);
            (Code::CONFLICT, reason.into(), Some(state))
        }
        UploadError::WrongLength(state) => wrong_length(state),
        UploadError::TooLarge(state) => too_large(state),
        UploadError::OverQuota => plain(Code::PAYLOAD_TOO_LARGE, "no more room for your uploads"),
        UploadError::Busy => plain(Code::SERVICE_UNAVAILABLE, "too many uploads at a time"),
        UploadError::Complete(state) => (Code::CONFLICT, "the upload is complete".into(), Some(state)),
        UploadError::Joined => plain(Code::FORBIDDEN, "an upload made of parts takes no bytes"),
        UploadError::NotJoinable => plain(Code::BAD_REQUEST, "only complete parts can be joined"),
        UploadError::WrongChecksum(state) => {
            (checksum_mismatch(), "the checksum is another one; these bytes are gone".into(), Some(state))
        }
        UploadError::TakenOver(state) => {
            (Code::CONFLICT, "a newer request goes on with this upload".into(), Some(state))
        }
        UploadError::Broken(broken, state) => {
            let (status, reason) = match broken {
                Broken::TimedOut => (Code::REQUEST_TIMEOUT, "nothing came for too long"),
                Broken::Gone | Broken::Malformed => (Code::BAD_REQUEST, "the body did not come whole"),
            };
            (status, reason.into(), Some(state))
        }
        UploadError::Full => plain(Code::INSUFFICIENT_STORAGE, "no room"),
        // What the storage says is for whoever runs it.
        UploadError::Storage(_) => plain(Code::INTERNAL_SERVER_ERROR, "the storage failed"),
    }
}

fn wrong_length(state: State) -> Judgement {
    let reason = match state.record.length {
        Some(length) => format!("the upload has {length} bytes, as was said before"),
        None => "the upload has more bytes already".to_owned(),
    };
    (StatusCode::BAD_REQUEST, reason.into(), Some(state))
}

fn too_large(state: State) -> Judgement {
    let reason = match state.record.length {
        Some(length) => format!("the upload cannot have more than its {length} bytes, or than is allowed"),
        None => "the upload would have more bytes than is allowed".to_owned(),
    };
    (StatusCode::PAYLOAD_TOO_LARGE, reason.into(), Some(state))
}

/// 460, which tus has made up.
fn checksum_mismatch() -> StatusCode {
    StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST)
}
