//! Where a redirect leads, and what must not go there.

use http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, PROXY_AUTHORIZATION};
use http::{HeaderMap, Response, StatusCode};
use url::Url;

use super::url::{InvalidUrl, is_secure, parse_url, take_credentials};

/// Why a redirect was not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// The server redirects without a `Location`, or with more than one (RFC 9110 §10.2.2).
    #[error("server redirects with status {0}, but not to one location")]
    NoLocation(StatusCode),
    /// The `Location` is not the URL of a WebSocket.
    #[error("server redirects to what is not the URL of a WebSocket: {0}")]
    InvalidLocation(InvalidUrl),
    /// The way leads from `wss` to `ws`, where anybody can read along.
    #[error("server redirects from wss to ws, to {0}")]
    Insecure(String),
    /// The limit of redirects is exceeded; a circle ends so too.
    #[error("server redirects more than {0} times")]
    TooMany(u8),
}

/// Where a response redirects to; `None` where it does not.
///
/// Credentials and the fragment of a location are left out: the first are not the server's to choose, and a WebSocket
/// has no use for the second.
pub(crate) fn location<B>(url: &Url, response: &Response<B>) -> Result<Option<Url>, RedirectError> {
    let status = response.status();
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let mut locations = response.headers().get_all(LOCATION).iter();
    let (Some(location), None) = (locations.next(), locations.next()) else {
        return Err(RedirectError::NoLocation(status));
    };
    // The URL parser escapes what is not ASCII; what is not UTF-8 either is not ours to guess.
    let location = String::from_utf8_lossy(location.as_bytes());
    let invalid = RedirectError::InvalidLocation;
    let mut next = url.join(&location).map_err(|error| invalid(InvalidUrl::Syntax(error)))?;
    next.set_fragment(None);
    let mut next = parse_url(next.as_str()).map_err(invalid)?;
    // A user name that could not be sent is as gone as any other.
    let _ = take_credentials(&mut next);
    if is_secure(url) && !is_secure(&next) {
        return Err(RedirectError::Insecure(next.into()));
    }
    Ok(Some(next))
}

/// Whether both are the same scheme, host and port: whoever may see what one is shown may see it at the other.
pub(crate) fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// Removes what was meant for one origin alone: credentials, cookies, a host of the caller's own, and whatever the
/// caller has marked as sensitive.
pub(crate) fn strip(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, COOKIE, HOST, PROXY_AUTHORIZATION] {
        headers.remove(name);
    }
    let sensitive =
        |name: &&http::HeaderName| headers.get_all(*name).iter().any(|value| value.is_sensitive());
    let names: Vec<_> = headers.keys().filter(sensitive).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn redirect(status: u16, locations: &[&str]) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for location in locations {
            response.headers_mut().append(LOCATION, HeaderValue::from_bytes(location.as_bytes()).unwrap());
        }
        response
    }

    fn from(url: &str, to: &str) -> Result<String, RedirectError> {
        let url = Url::parse(url).unwrap();
        location(&url, &redirect(302, &[to])).map(|location| location.expect("a redirect").into())
    }

    #[test]
    fn locations_are_resolved_and_rewritten() {
        let base = "wss://h.example/a/b?c";
        for (to, expected) in [
            ("/x", "wss://h.example/x"),
            ("x?y", "wss://h.example/a/x?y"),
            ("", "wss://h.example/a/b?c"),
            ("//other.example/x", "wss://other.example/x"),
            ("https://other.example/", "wss://other.example/"),
            ("wss://h.example:8443", "wss://h.example:8443/"),
            ("https://user:secret@h.example/x#y", "wss://h.example/x"),
            ("/ü", "wss://h.example/%C3%BC"),
        ] {
            assert_eq!(from(base, to).unwrap(), expected, "{to}");
        }
        assert_eq!(from("ws://h.example/", "http://h.example/x").unwrap(), "ws://h.example/x");
        assert_eq!(from("ws://h.example/", "https://h.example/x").unwrap(), "wss://h.example/x");
    }

    #[test]
    fn unsafe_and_useless_locations_are_refused() {
        for to in ["ws://h.example/", "http://h.example/"] {
            let refused = from("wss://h.example/", to);
            assert_eq!(refused, Err(RedirectError::Insecure("ws://h.example/".to_owned())));
        }
        for to in ["ftp://h.example/", "file:///etc/passwd", "javascript:1", "wss://", "wss://h:99999"] {
            let refused = from("wss://h.example/", to);
            assert!(matches!(refused, Err(RedirectError::InvalidLocation(_))), "{to}: {refused:?}");
        }
        let url = Url::parse("ws://h/").unwrap();
        for locations in [&[][..], &["/a", "/b"]] {
            let refused = location(&url, &redirect(307, locations));
            assert_eq!(refused, Err(RedirectError::NoLocation(StatusCode::TEMPORARY_REDIRECT)));
        }
    }

    #[test]
    fn only_five_statuses_redirect() {
        let url = Url::parse("ws://h/").unwrap();
        for status in [101, 200, 300, 304, 305, 306, 404] {
            assert_eq!(location(&url, &redirect(status, &["/x"])), Ok(None), "{status}");
        }
        for status in [301, 302, 303, 307, 308] {
            assert!(location(&url, &redirect(status, &["/x"])).unwrap().is_some(), "{status}");
        }
    }

    #[test]
    fn origins_are_scheme_host_and_port() {
        let same = |one, other| is_same_origin(&Url::parse(one).unwrap(), &Url::parse(other).unwrap());
        assert!(same("ws://h/a", "ws://h:80/b"));
        assert!(same("wss://h:443/", "wss://H/"));
        assert!(!same("ws://h/", "wss://h/"));
        assert!(!same("ws://h/", "ws://h:81/"));
        assert!(!same("ws://h/", "ws://i/"));
    }

    #[test]
    fn what_is_for_one_origin_is_removed() {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "cookie", "host", "proxy-authorization", "user-agent", "x-key"] {
            headers.append(name, HeaderValue::from_static("x"));
        }
        let mut secret = HeaderValue::from_static("y");
        secret.set_sensitive(true);
        headers.append("x-key", secret);
        strip(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["user-agent"]);
    }
}
