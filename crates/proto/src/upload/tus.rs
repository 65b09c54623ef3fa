//! The heads of tus 1.0.0.

use base64::Engine;
use http::header::ALLOW;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::checksum::{Algorithm, Checksum};
use super::field::{self, Repeated, single};
use super::metadata::{BASE64, Metadata};

/// The version of the protocol.
pub const VERSION: &str = "1.0.0";

/// The extensions, as `Tus-Extension` lists them.
pub const EXTENSIONS: &str = "creation,creation-with-upload,creation-defer-length,expiration,checksum,\
                              checksum-trailer,termination,concatenation";

/// The media type of bytes for an upload.
pub const OFFSET_OCTET_STREAM: &str = "application/offset+octet-stream";

/// How many parts can be joined at a time.
pub const MAX_PARTS: usize = 128;

/// How many bytes the list of the parts to be joined may have: 128 times what an absolute URL has, and what a whole head
/// may have in many a server.
pub const MAX_LIST: usize = 16 * 1024;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What can be done here (`OPTIONS`).
    Options,
    /// A new upload (`POST`).
    Create(Create),
    /// A new upload, made of others (`POST`).
    Join(Join),
    /// How an upload stands (`HEAD`).
    Look,
    /// Bytes for an upload (`PATCH`).
    Append(Append),
    /// Away with an upload (`DELETE`).
    Remove,
}

/// A new upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// How many bytes it will have. `None`: that comes later.
    pub length: Option<u64>,
    /// Whether it is a part, to be joined with others.
    pub is_part: bool,
    /// What it is.
    pub metadata: Metadata,
    /// Whether the body is its first bytes. Otherwise there is none.
    pub has_content: bool,
    /// The checksum of that body.
    pub checksum: Option<Expected>,
}

/// A new upload, made of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Where the parts are, in their order: URLs, of which only the last segment counts.
    pub parts: Vec<String>,
    /// The list as the client wrote it, which HEAD gives back; at most [`MAX_LIST`] bytes.
    pub list: String,
    /// What it is.
    pub metadata: Metadata,
}

/// Bytes for an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Where the client believes that the upload ends.
    pub offset: u64,
    /// Its length, if that was not told before.
    pub length: Option<u64>,
    /// The checksum of the body.
    pub checksum: Option<Expected>,
}

/// The checksum of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It stands in the head.
    Known(Checksum),
    /// It comes in a trailer.
    InTrailer,
}

/// Why a head is no request that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadHead {
    /// Another version of the protocol, or none.
    #[error("Tus-Resumable must be 1.0.0")]
    Version,
    /// Nothing to do here by this method. This is how it can be: a value for `Allow`.
    #[error("this resource takes {0}")]
    Method(&'static str),
    /// The body is not said to be bytes for an upload.
    #[error("Content-Type must be application/offset+octet-stream")]
    MediaType,
    /// A field is missing, malformed, there twice, or beside one that it must not be with.
    #[error("bad or missing {0}")]
    Field(&'static str),
    /// A checksum of a kind that is not known here.
    #[error("unsupported checksum algorithm")]
    Algorithm,
    /// More parts than can be joined at a time.
    #[error("at most {MAX_PARTS} parts can be joined")]
    TooManyParts,
}

impl BadHead {
    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Version => StatusCode::PRECONDITION_FAILED,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Field(_) | Self::Algorithm => StatusCode::BAD_REQUEST,
            Self::TooManyParts => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    /// What the answer's head says besides.
    #[must_use]
    pub fn fields(self) -> HeaderMap {
        let mut fields = HeaderMap::new();
        match self {
            Self::Version => drop(fields.insert(TUS_VERSION, HeaderValue::from_static(VERSION))),
            Self::Method(allow) => drop(fields.insert(ALLOW, HeaderValue::from_static(allow))),
            _ => {}
        }
        fields
    }
}

/// Reads the head of a request on an upload, or on the resource that creates them. `has_content` says whether a body
/// follows that has bytes, or may have.
///
/// # Errors
///
/// See [`BadHead`].
pub fn read(
    method: &Method,
    headers: &HeaderMap,
    is_upload: bool,
    has_content: bool,
) -> Result<Request, BadHead> {
    if *method == Method::OPTIONS {
        return Ok(Request::Options);
    }
    if single(headers, &field::TUS_RESUMABLE) != Ok(Some(VERSION.as_bytes())) {
        return Err(BadHead::Version);
    }
    match (method.as_str(), is_upload) {
        ("POST", false) => read_post(headers, has_content),
        ("HEAD", true) => Ok(Request::Look),
        ("PATCH", true) => read_patch(headers).map(Request::Append),
        ("DELETE", true) => Ok(Request::Remove),
        (_, false) => Err(BadHead::Method("OPTIONS, POST")),
        (_, true) => Err(BadHead::Method("OPTIONS, HEAD, GET, PATCH, DELETE")),
    }
}

/// Reads the value of `Upload-Checksum`, in a head or in a trailer.
///
/// # Errors
///
/// [`BadHead::Algorithm`], or [`BadHead::Field`] if the value is not a name and as many bytes as it makes.
pub fn upload_checksum(value: &[u8]) -> Result<Checksum, BadHead> {
    let bad = BadHead::Field("Upload-Checksum");
    let text = std::str::from_utf8(value).map_err(|_| bad)?;
    let (name, digest) = text.trim_ascii().split_once(' ').ok_or(bad)?;
    let algorithm =
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(BadHead::Algorithm)?;
    let value = BASE64.decode(digest.trim_ascii()).map_err(|_| bad)?;
    if value.len() == algorithm.digest_bytes() { Ok(Checksum { algorithm, value }) } else { Err(bad) }
}

fn read_post(headers: &HeaderMap, has_content: bool) -> Result<Request, BadHead> {
    let metadata = Metadata::read(headers).map_err(|_| BadHead::Field("Upload-Metadata"))?;
    let length = bytes(headers, &field::UPLOAD_LENGTH, "Upload-Length")?;
    let is_part = match text(headers, &field::UPLOAD_CONCAT, "Upload-Concat")? {
        None => false,
        Some("partial") => true,
        Some(list) => return read_join(list, metadata, length.is_some() || has_content),
    };
    let is_deferred = match text(headers, &field::UPLOAD_DEFER_LENGTH, "Upload-Defer-Length")? {
        None => false,
        Some("1") => true,
        Some(_) => return Err(BadHead::Field("Upload-Defer-Length")),
    };
    if is_deferred == length.is_some() {
        return Err(BadHead::Field("Upload-Length"));
    }
    if has_content {
        is_octet_stream(headers)?;
    }
    let checksum = if has_content { checksum(headers)? } else { None };
    Ok(Request::Create(Create { length, is_part, metadata, has_content, checksum }))
}

/// `final;` and the parts' URLs.
fn read_join(list: &str, metadata: Metadata, is_wrong: bool) -> Result<Request, BadHead> {
    let list = list.strip_prefix("final;").ok_or(BadHead::Field("Upload-Concat"))?;
    let parts: Vec<String> = list.split_ascii_whitespace().map(str::to_owned).collect();
    if parts.is_empty() || is_wrong {
        return Err(BadHead::Field("Upload-Concat"));
    }
    if parts.len() > MAX_PARTS {
        return Err(BadHead::TooManyParts);
    }
    if list.len() > MAX_LIST || !list.is_ascii() {
        return Err(BadHead::Field("Upload-Concat"));
    }
    Ok(Request::Join(Join { parts, list: list.to_owned(), metadata }))
}

fn read_patch(headers: &HeaderMap) -> Result<Append, BadHead> {
    is_octet_stream(headers)?;
    let offset = bytes(headers, &field::UPLOAD_OFFSET, "Upload-Offset")?;
    Ok(Append {
        offset: offset.ok_or(BadHead::Field("Upload-Offset"))?,
        length: bytes(headers, &field::UPLOAD_LENGTH, "Upload-Length")?,
        checksum: checksum(headers)?,
    })
}

fn is_octet_stream(headers: &HeaderMap) -> Result<(), BadHead> {
    let media_type = field::media_type(headers);
    let is_it = media_type.is_some_and(|media_type| media_type == OFFSET_OCTET_STREAM.as_bytes());
    if is_it { Ok(()) } else { Err(BadHead::MediaType) }
}

/// The checksum in the head, or the announcement of a trailer with it.
fn checksum(headers: &HeaderMap) -> Result<Option<Expected>, BadHead> {
    match single(headers, &field::UPLOAD_CHECKSUM) {
        Ok(Some(value)) => upload_checksum(value).map(Expected::Known).map(Some),
        Ok(None) => {
            let lines = headers.get_all(http::header::TRAILER).iter();
            let mut names = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
            let is_announced = names.any(|name| {
                name.trim_ascii().eq_ignore_ascii_case(field::UPLOAD_CHECKSUM.as_str().as_bytes())
            });
            Ok(is_announced.then_some(Expected::InTrailer))
        }
        Err(Repeated) => Err(BadHead::Field("Upload-Checksum")),
    }
}

fn bytes(headers: &HeaderMap, name: &HeaderName, label: &'static str) -> Result<Option<u64>, BadHead> {
    match single(headers, name) {
        Ok(None) => Ok(None),
        Ok(Some(value)) => field::bytes(value).map(Some).ok_or(BadHead::Field(label)),
        Err(Repeated) => Err(BadHead::Field(label)),
    }
}

fn text<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    label: &'static str,
) -> Result<Option<&'a str>, BadHead> {
    let value = single(headers, name).map_err(|Repeated| BadHead::Field(label))?;
    value.map(|value| std::str::from_utf8(value).map_err(|_| BadHead::Field(label))).transpose()
}

const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
