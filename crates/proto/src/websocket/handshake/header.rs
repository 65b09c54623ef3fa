//! What both ends ask of a header.

use http::header::{
    CONNECTION, CONTENT_LENGTH, GetAll, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};

/// How often a header that may stand once is there.
pub(super) enum Single<'a> {
    Missing,
    One(&'a HeaderValue),
    Repeated,
}

/// The value of a header that may stand once.
pub(super) fn single(headers: &HeaderMap, name: HeaderName) -> Single<'_> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Single::Missing,
        (Some(value), None) => Single::One(value),
        (Some(_), Some(_)) => Single::Repeated,
    }
}

/// The elements of a header that is a list, from all its lines, without the empty ones (RFC 9110 §5.6.1.2).
pub(super) fn elements(lines: GetAll<'_, HeaderValue>) -> impl Iterator<Item = &[u8]> {
    lines
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

/// Whether a list names `token`, in any case.
pub(super) fn lists(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    elements(headers.get_all(name)).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// Tokens that were checked, with their separators, as a header's value.
pub(super) fn tokens(tokens: &str) -> HeaderValue {
    HeaderValue::from_str(tokens).expect("tokens and their separators are visible ASCII")
}

/// Whether only the handshake itself may set this header: another one beside it would change what it says, or
/// announce a body that a handshake does not have.
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    [UPGRADE, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)
        || name.as_str().starts_with("sec-websocket-")
}

/// Adds what the application sets to the handshake's own `headers`.
pub(super) fn extend(headers: &mut HeaderMap, with: &HeaderMap) -> Result<(), Clash> {
    for (name, value) in with {
        if is_reserved(name) {
            return Err(Clash::Reserved(name.clone()));
        }
        headers.try_append(name.clone(), value.clone()).map_err(|_| Clash::TooMany)?;
    }
    Ok(())
}

/// Why headers of the application cannot go out.
pub(super) enum Clash {
    Reserved(HeaderName),
    TooMany,
}

/// The one version of the protocol (RFC 6455 §4.1).
pub(super) const VERSION: HeaderValue = HeaderValue::from_static("13");
/// The name of the protocol, in `Upgrade` and in `:protocol`.
pub(super) const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
/// What `Connection` says beside it.
pub(super) const UPGRADE_TOKEN: HeaderValue = HeaderValue::from_static("Upgrade");
