//! The heads of "Resumable Uploads for HTTP", draft-ietf-httpbis-resumable-upload, from -01 to -12.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::checksum::{Algorithm, Checksum};
use super::field;
use super::item::{self, Bare};
use super::machine::{Ending, Excess};
use super::metadata::{Metadata, PARTIAL_UPLOAD};

/// Which text of the draft a client follows, by `Upload-Draft-Interop-Version`. The RFC will have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 3 for -01, 4 for -02, 5 for -03, 6 for -04 and -05, 7 for -06 to -08, 8 for -09 to -11, 9 for -12.
    Interop(u8),
    /// None is named, or one that is not known here. The newest text is followed.
    Newest,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What can be done here (`OPTIONS`).
    Options,
    /// A new upload (`POST`).
    Create(Create),
    /// How an upload stands (`HEAD`, `GET`).
    Look,
    /// Bytes for an upload (`PATCH`).
    Append(Append),
    /// Away with an upload (`DELETE`).
    Remove,
}

/// A new upload, and its first bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// Whether the body is all of it. A plain POST means that too.
    pub is_whole: bool,
    /// How many bytes it will have, if `Upload-Length` tells.
    pub length: Option<u64>,
    /// What it is.
    pub metadata: Metadata,
    /// The checksum of the body.
    pub checksum: Option<Checksum>,
}

/// Bytes for an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Where the client believes that the upload ends.
    pub offset: u64,
    /// Whether they are the last ones.
    pub is_last: bool,
    /// How many bytes the upload will have, if `Upload-Length` tells.
    pub length: Option<u64>,
    /// The checksum of the body.
    pub checksum: Option<Checksum>,
}

/// Why a head is no request that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadHead {
    /// Nothing to do here by this method. This is how it can be: a value for `Allow`.
    #[error("this resource takes {0}")]
    Method(&'static str),
    /// An append is not said to be one.
    #[error("Content-Type must be application/partial-upload")]
    MediaType,
    /// A field is missing, malformed, or stands where it must not.
    #[error("bad, missing or misplaced {0}")]
    Field(&'static str),
}

impl BadHead {
    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Field(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl Version {
    /// The version that a head names.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let version = item::bytes(headers, &field::UPLOAD_DRAFT_INTEROP_VERSION);
        match version.and_then(|version| u8::try_from(version).ok()) {
            Some(version @ OLDEST..=NEWEST) => Self::Interop(version),
            _ => Self::Newest,
        }
    }

    /// The version, if it has a number that a 104 may go out for. "Servers MUST NOT send a 104 when the interop version
    /// is missing or mismatching" (draft-12 §5.1).
    #[must_use]
    pub fn interim(self) -> Option<u8> {
        match self {
            Self::Interop(version) => Some(version),
            Self::Newest => None,
        }
    }

    /// Whether a 104 may tell the progress: since -03, before it has only the place of the upload.
    #[must_use]
    pub fn has_progress(self) -> bool {
        self.number() >= 5
    }

    /// The status of an append that does not complete the upload: 201 up to -05, then any 2xx.
    #[must_use]
    pub fn appended(self) -> StatusCode {
        if self.number() <= 6 { StatusCode::CREATED } else { StatusCode::NO_CONTENT }
    }

    /// When an upload is complete, by what a request says of its body.
    ///
    /// Clients of -03 to -05 send the last of several chunks with `Upload-Complete: ?0` and mean it to be the last, so
    /// that the length decides.
    #[must_use]
    pub fn ending(self, is_last: bool) -> Ending {
        match (is_last, self.number()) {
            (true, _) => Ending::AtEndOfBody,
            (false, ..=6) => Ending::AtLength,
            (false, _) => Ending::Later,
        }
    }

    /// What becomes of an upload of which more than its length comes: since -06 it is to be invalidated.
    #[must_use]
    pub fn excess(self) -> Excess {
        if self.number() <= 6 { Excess::Refuse } else { Excess::Kill }
    }

    /// The field that tells whether an upload is complete.
    #[must_use]
    pub fn completeness(self, is_complete: bool) -> (HeaderName, HeaderValue) {
        let (name, is_true) = match self.number() {
            3 => (field::UPLOAD_INCOMPLETE, !is_complete),
            _ => (field::UPLOAD_COMPLETE, is_complete),
        };
        (name, HeaderValue::from_static(if is_true { "?1" } else { "?0" }))
    }

    /// The field `Upload-Limit`, which -04 brought: the most bytes of an upload, and the seconds that are left of it.
    #[must_use]
    pub fn limits(self, max_size: u64, max_age: Option<u64>) -> HeaderValue {
        let age = if self.number() <= 6 { "expires" } else { "max-age" };
        let max_size = max_size.min(field::MAX_BYTES);
        let limits = match max_age {
            Some(seconds) => format!("max-size={max_size}, {age}={}", seconds.min(field::MAX_BYTES)),
            None => format!("max-size={max_size}"),
        };
        HeaderValue::from_str(&limits).unwrap_or(HeaderValue::from_static("min-size=0"))
    }

    fn number(self) -> u8 {
        match self {
            Self::Interop(version) => version,
            Self::Newest => NEWEST,
        }
    }

    /// Whether a body ends the upload, as this version says it. `None`: it does not say.
    fn is_last(self, headers: &HeaderMap) -> Option<bool> {
        match self.number() {
            3 => item::boolean(headers, &field::UPLOAD_INCOMPLETE).map(|is_incomplete| !is_incomplete),
            _ => item::boolean(headers, &field::UPLOAD_COMPLETE),
        }
    }
}

/// The oldest version that is understood.
const OLDEST: u8 = 3;
/// The newest text of which the number is known.
const NEWEST: u8 = 9;

/// Whether a request means to be of the draft: it says something that only the draft says.
#[must_use]
pub fn is_meant(headers: &HeaderMap) -> bool {
    let only_draft = [field::UPLOAD_COMPLETE, field::UPLOAD_INCOMPLETE, field::UPLOAD_DRAFT_INTEROP_VERSION];
    only_draft.iter().any(|name| headers.contains_key(name)) || is_partial_upload(headers)
}

/// Reads the head of a request on an upload, or on the resource that creates them.
///
/// # Errors
///
/// See [`BadHead`].
pub fn read(method: &Method, headers: &HeaderMap, is_upload: bool) -> Result<Request, BadHead> {
    match (method.as_str(), is_upload) {
        ("OPTIONS", _) => Ok(Request::Options),
        ("POST", false) => read_post(headers).map(Request::Create),
        ("HEAD" | "GET", true) => without_state(headers, Request::Look),
        ("PATCH", true) => read_patch(headers).map(Request::Append),
        ("DELETE", true) => without_state(headers, Request::Remove),
        (_, false) => Err(BadHead::Method("OPTIONS, POST")),
        (_, true) => Err(BadHead::Method("OPTIONS, HEAD, GET, PATCH, DELETE")),
    }
}

fn read_post(headers: &HeaderMap) -> Result<Create, BadHead> {
    let is_said =
        [field::UPLOAD_COMPLETE, field::UPLOAD_INCOMPLETE].iter().any(|name| headers.contains_key(name));
    let is_whole = match Version::of(headers).is_last(headers) {
        Some(is_whole) => is_whole,
        // A plain POST, which is an upload in one request. What was meant otherwise must not become one.
        None if !is_said => true,
        None => return Err(BadHead::Field("Upload-Complete")),
    };
    let metadata = Metadata::of_representation(headers);
    let length = item::bytes(headers, &field::UPLOAD_LENGTH);
    Ok(Create { is_whole, length, metadata, checksum: content_digest(headers)? })
}

fn read_patch(headers: &HeaderMap) -> Result<Append, BadHead> {
    let version = Version::of(headers);
    // Since -04 (interop version 6).
    if version.number() >= 6 && !is_partial_upload(headers) {
        return Err(BadHead::MediaType);
    }
    let offset = item::bytes(headers, &field::UPLOAD_OFFSET).ok_or(BadHead::Field("Upload-Offset"))?;
    let is_last = match (version.is_last(headers), version.number()) {
        (Some(is_last), _) => is_last,
        // -01 has it left out for the last one, the next ones in their examples for one that is not.
        (None, version @ ..=5) => version == 3,
        (None, _) => return Err(BadHead::Field("Upload-Complete")),
    };
    let length = item::bytes(headers, &field::UPLOAD_LENGTH);
    Ok(Append { offset, is_last, length, checksum: content_digest(headers)? })
}

/// A request that has no body must not tell where one begins (draft-05 §5; later texts leave it open).
fn without_state(headers: &HeaderMap, request: Request) -> Result<Request, BadHead> {
    for (name, label) in [
        (field::UPLOAD_OFFSET, "Upload-Offset"),
        (field::UPLOAD_COMPLETE, "Upload-Complete"),
        (field::UPLOAD_INCOMPLETE, "Upload-Incomplete"),
    ] {
        if headers.contains_key(name) {
            return Err(BadHead::Field(label));
        }
    }
    Ok(request)
}

fn is_partial_upload(headers: &HeaderMap) -> bool {
    field::media_type(headers).is_some_and(|media_type| media_type == PARTIAL_UPLOAD.as_bytes())
}

/// The checksum of a body as RFC 9530 has it: the best one that is known here.
fn content_digest(headers: &HeaderMap) -> Result<Option<Checksum>, BadHead> {
    let bad = BadHead::Field("Content-Digest");
    if !headers.contains_key(&field::CONTENT_DIGEST) {
        return Ok(None);
    }
    let digests = item::dictionary(headers, &field::CONTENT_DIGEST).ok_or(bad)?;
    for (name, algorithm) in DIGESTS {
        match digests.iter().find(|(key, _)| key == name) {
            Some((_, Bare::Bytes(value))) if value.len() == algorithm.digest_bytes() => {
                return Ok(Some(Checksum { algorithm, value: value.clone() }));
            }
            Some(_) => return Err(bad),
            None => {}
        }
    }
    // Others may be ignored (RFC 9530 §2).
    Ok(None)
}

/// The algorithms of RFC 9530 §5 and §7.2 that are known here, the best one first.
const DIGESTS: [(&str, Algorithm); 5] = [
    ("sha-512", Algorithm::Sha512),
    ("sha-256", Algorithm::Sha256),
    ("sha", Algorithm::Sha1),
    ("md5", Algorithm::Md5),
    ("crc32c", Algorithm::Crc32c),
];
