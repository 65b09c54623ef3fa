//! What all fronts ask of header fields.

use http::{HeaderMap, HeaderName, Method};

/// The value of a field that may stand once, without the spaces around it.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Repeated> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => Ok(Some(value.as_bytes().trim_ascii())),
        (Some(_), Some(_)) => Err(Repeated),
    }
}

/// A field that may stand once stands there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeated;

/// A number of bytes, in decimal digits and nothing else.
pub(super) fn bytes(value: &[u8]) -> Option<u64> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| is_number)?;
    text.parse().ok().filter(|bytes| *bytes <= MAX_BYTES)
}

/// More than any file has, and little enough that two of them can be added, and that a structured field holds it
/// (RFC 9651 §3.3.1).
pub(super) const MAX_BYTES: u64 = 999_999_999_999_999;

/// The method of a request, which `X-HTTP-Method-Override` of tus replaces for clients that cannot send every method.
/// `None` if it names none, or is there twice.
#[must_use]
pub fn method(method: &Method, headers: &HeaderMap) -> Option<Method> {
    match single(headers, &OVERRIDE) {
        Ok(None) => Some(method.clone()),
        // Methods are upper case, and this field is older than that rule's being kept.
        Ok(Some(name)) => Method::from_bytes(&name.to_ascii_uppercase()).ok(),
        Err(Repeated) => None,
    }
}

/// The media type of a request's content, without its parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = single(headers, &http::header::CONTENT_TYPE).ok().flatten()?;
    let media_type = value.split(|byte| *byte == b';').next().unwrap_or_default();
    Some(media_type.trim_ascii().to_ascii_lowercase())
}

/// The fields of the protocols, as `http` wants them.
macro_rules! names {
    ($($name:ident = $text:literal;)*) => { $(pub(super) const $name: HeaderName = HeaderName::from_static($text);)* };
}

names! {
    OVERRIDE = "x-http-method-override";
    FILE_ID = "x-file-id";
    START_BYTE = "x-start-byte";
    TUS_RESUMABLE = "tus-resumable";
    UPLOAD_CHECKSUM = "upload-checksum";
    UPLOAD_COMPLETE = "upload-complete";
    UPLOAD_CONCAT = "upload-concat";
    UPLOAD_DEFER_LENGTH = "upload-defer-length";
    UPLOAD_DRAFT_INTEROP_VERSION = "upload-draft-interop-version";
    UPLOAD_INCOMPLETE = "upload-incomplete";
    UPLOAD_LENGTH = "upload-length";
    UPLOAD_METADATA = "upload-metadata";
    UPLOAD_OFFSET = "upload-offset";
    CONTENT_DIGEST = "content-digest";
}
