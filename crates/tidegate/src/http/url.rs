//! Which URLs name a WebSocket, and what of them goes into a connection and a request.

use http::{HeaderValue, Uri};
use url::Url;

use super::credentials::Credentials;

/// A URL that does not name a WebSocket server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// The text is not an absolute URL with a host.
    #[error("not an absolute URL: {0}")]
    Syntax(url::ParseError),
    /// The scheme is none of `ws`, `wss`, `http` and `https`.
    #[error("URL scheme {0:?}: use ws, wss, http or https")]
    Scheme(String),
    /// The URL has a fragment, which an empty `#` is too.
    #[error("URL has a fragment: remove all from # on")]
    Fragment,
    /// Path and query are too long for the first line of a request.
    #[error("URL path and query of {0} bytes do not fit a request")]
    LongTarget(usize),
    /// The user name has a colon, which basic authentication cannot carry (RFC 7617 §2).
    #[error("URL has a user name with a colon")]
    UserName,
}

/// Reads the URL of a WebSocket as the WebSocketStream constructor does.
///
/// `http` becomes `ws` and `https` becomes `wss`, so that what is returned serializes as the URL in use. The
/// result always has a host, and its path and query fit the first line of a request.
///
/// # Errors
///
/// Relative URLs, other schemes, fragments, and over 65,534 bytes of path and query are refused.
pub(crate) fn parse_url(input: &str) -> Result<Url, InvalidUrl> {
    let mut url = Url::parse(input).map_err(InvalidUrl::Syntax)?;
    let scheme = match url.scheme() {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        other => return Err(InvalidUrl::Scheme(other.to_owned())),
    };
    if url.fragment().is_some() {
        return Err(InvalidUrl::Fragment);
    }
    // Cannot fail between the special schemes of the URL standard; it also drops a port that became the default.
    url.set_scheme(scheme).map_err(|()| InvalidUrl::Scheme(scheme.to_owned()))?;
    if !url.has_host() {
        return Err(InvalidUrl::Syntax(url::ParseError::EmptyHost));
    }
    request_target(&url)?;
    Ok(url)
}

/// Takes user name and password out of a URL: the value of an `Authorization` header (RFC 7617).
///
/// # Errors
///
/// [`InvalidUrl::UserName`] for a user name with a colon.
pub(crate) fn take_credentials(url: &mut Url) -> Result<Option<HeaderValue>, InvalidUrl> {
    let credentials = Credentials::of(url);
    // Neither fails for a URL with a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    credentials.map(|credentials| credentials.basic().map_err(|_| InvalidUrl::UserName)).transpose()
}

/// Whether the connection goes through TLS.
pub(crate) fn is_secure(url: &Url) -> bool {
    matches!(url.scheme(), "wss" | "https")
}

/// The host as written in a URL: a domain in ASCII, an IPv4 address, or an IPv6 address in brackets.
pub(crate) fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

/// The port to connect to, 80 or 443 where the URL names none.
pub(crate) fn port(url: &Url) -> u16 {
    url.port().unwrap_or(if is_secure(url) { 443 } else { 80 })
}

/// Path and query in origin form, for the first line of the request (RFC 9112 §3.2.1).
///
/// # Errors
///
/// [`InvalidUrl::LongTarget`] over 65,534 bytes.
pub(crate) fn request_target(url: &Url) -> Result<Uri, InvalidUrl> {
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    // The URL parser has escaped all that a request target may not hold, so only the length is left to fail.
    target.parse().map_err(|_| InvalidUrl::LongTarget(target.len()))
}

/// The URL with these parameters in its query, in place of all that have one of `names`. Others stay as they are,
/// byte for byte.
pub(crate) fn set_parameters(url: &Url, names: &[&str], parameters: &[(&str, String)]) -> Url {
    let mut url = url.clone();
    let is_ours = |pair: &str| {
        let name = url::form_urlencoded::parse(pair.as_bytes()).next();
        name.is_some_and(|(name, _)| names.contains(&&*name))
    };
    let kept: Vec<&str> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !is_ours(pair))
        .collect();
    let kept = kept.join("&");
    url.set_query((!kept.is_empty()).then_some(&kept));
    if !parameters.is_empty() {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_schemes_are_rewritten_and_default_ports_dropped() {
        for (input, serialized) in [
            ("ws://a.example", "ws://a.example/"),
            ("wss://a.example:443/x?y", "wss://a.example/x?y"),
            ("http://a.example:80/x", "ws://a.example/x"),
            ("https://A.example/x", "wss://a.example/x"),
            ("HTTP://a.example:443", "ws://a.example:443/"),
            ("https:a.example", "wss://a.example/"),
        ] {
            assert_eq!(parse_url(input).unwrap().as_str(), serialized, "{input}");
        }
    }

    #[test]
    fn what_does_not_name_a_websocket_is_refused() {
        for input in ["", "/path", "ws://", "ws://:80", "ws://a:99999", "ws://[::1", "ws://a b/"] {
            assert!(matches!(parse_url(input), Err(InvalidUrl::Syntax(_))), "{input}");
        }
        for input in ["ftp://a", "mailto:a@b", "about:blank", "wsss://a"] {
            assert!(matches!(parse_url(input), Err(InvalidUrl::Scheme(_))), "{input}");
        }
        for input in ["ws://a/#", "ws://a/x#y", "https://a#"] {
            assert_eq!(parse_url(input), Err(InvalidUrl::Fragment), "{input}");
        }
        let long = format!("ws://a/{}", "x".repeat(70_000));
        assert_eq!(parse_url(&long), Err(InvalidUrl::LongTarget(70_001)));
    }

    #[test]
    fn the_parts_of_a_request() {
        let parts = |input| {
            let url = parse_url(input).unwrap();
            let target = request_target(&url).unwrap().to_string();
            (host(&url).to_owned(), port(&url), is_secure(&url), target)
        };
        let expected =
            |host: &str, port, secure, target: &str| (host.to_owned(), port, secure, target.to_owned());
        assert_eq!(parts("ws://u:p@h?q=1"), expected("h", 80, false, "/?q=1"));
        assert_eq!(parts("wss://[::1]:8443/a%20b"), expected("[::1]", 8443, true, "/a%20b"));
        assert_eq!(parts("wss://h"), expected("h", 443, true, "/"));
    }

    #[test]
    fn every_printable_character_fits_a_request_target() {
        for byte in 0x20..=0x7e_u8 {
            let byte = char::from(byte);
            if byte != '#' {
                parse_url(&format!("ws://h/a{byte}b?c{byte}d")).unwrap();
            }
        }
        parse_url("ws://h/ü?ü\u{1F30A}").unwrap();
    }

    #[test]
    fn parameters_are_replaced_and_others_left_alone() {
        let set = |url, parameters: &[(&str, String)]| {
            String::from(set_parameters(&Url::parse(url).unwrap(), &["a", "b c"], parameters))
        };
        let ours = [("a", "1&2".to_owned())];
        assert_eq!(set("ws://h/x", &ours), "ws://h/x?a=1%262");
        assert_eq!(set("ws://h/x?d=%20+&a=7&b+c=8&e", &ours), "ws://h/x?d=%20+&e&a=1%262");
        assert_eq!(set("ws://h/x?a=7&b%20c", &[]), "ws://h/x");
        assert_eq!(set("ws://h/x?aa=7", &[]), "ws://h/x?aa=7");
    }
}
