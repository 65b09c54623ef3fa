//! The environment variables that name proxies.

use url::Url;

use super::bypass::Bypass;
use super::server::{InvalidProxy, ProxyServer};
use crate::http::url::is_secure;

/// The variables that matter here, taken from wherever they come from.
#[derive(Clone, Default)]
pub(super) struct Environment {
    proxies: Vec<(&'static str, String)>,
    bypass: Bypass,
}

/// Lower case goes before upper case, as in curl.
type Name = [&'static str; 2];

const WSS: Name = ["wss_proxy", "WSS_PROXY"];
const WS: Name = ["ws_proxy", "WS_PROXY"];
const HTTPS: Name = ["https_proxy", "HTTPS_PROXY"];
const HTTP: Name = ["http_proxy", "HTTP_PROXY"];
const ALL: Name = ["all_proxy", "ALL_PROXY"];
const NO: Name = ["no_proxy", "NO_PROXY"];

impl Environment {
    /// Takes what it knows out of `variables`. An empty value counts as none.
    pub(super) fn new<N: AsRef<str>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut proxies = Vec::new();
        let mut lists = [None, None];
        let mut is_cgi = false;
        for (name, value) in variables {
            let (name, value) = (name.as_ref(), value.into());
            is_cgi |= name == "REQUEST_METHOD";
            if value.trim().is_empty() {
                continue;
            }
            if let Some(case) = NO.iter().position(|known| *known == name) {
                lists[case] = Some(value);
            } else if let Some(known) =
                [WSS, WS, HTTPS, HTTP, ALL].as_flattened().iter().find(|known| **known == name)
            {
                proxies.push((*known, value));
            }
        }
        // A CGI server hands a header "Proxy" of anybody's request on by this name (httpoxy, CVE-2016-5385).
        proxies.retain(|(name, _)| !(is_cgi && *name == HTTP[1]));
        let [lower, upper] = lists;
        Self { proxies, bypass: Bypass::parse(&lower.or(upper).unwrap_or_default()) }
    }

    /// The proxy for `url`, if the variables name one.
    pub(super) fn server(&self, url: &Url) -> Result<Option<ProxyServer>, InvalidProxy> {
        // RFC 6455 §4.1 prefers the proxy for HTTPS: it is the one that is sure to know CONNECT.
        let order: &[Name] = if is_secure(url) { &[WSS, HTTPS, ALL] } else { &[WS, HTTPS, HTTP, ALL] };
        let found =
            order.as_flattened().iter().find_map(|name| self.proxies.iter().find(|(known, _)| known == name));
        match found {
            Some((name, value)) if !self.bypass.contains(url) => {
                let server = ProxyServer::parse(value);
                server.map(Some).map_err(|problem| InvalidProxy::Variable { name, problem: problem.into() })
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let environment = Environment::new(variables.iter().copied());
        environment.server(&Url::parse(url).unwrap()).unwrap().map(|server| server.host)
    }

    #[test]
    fn each_scheme_has_its_order() {
        let mut variables = vec![
            ("wss_proxy", "a"),
            ("ws_proxy", "b"),
            ("https_proxy", "c"),
            ("http_proxy", "d"),
            ("all_proxy", "e"),
        ];
        let mut seen = Vec::new();
        while !variables.is_empty() {
            seen.push(["wss://h/", "ws://h/"].map(|url| server(&variables, url).unwrap_or_default()));
            variables.remove(0);
        }
        assert_eq!(seen, [["a", "b"], ["c", "b"], ["c", "c"], ["e", "d"], ["e", "e"]]);
        assert_eq!(server(&[], "ws://h/"), None);
        assert_eq!(server(&[("http_proxy", "d")], "wss://h/"), None);
    }

    #[test]
    fn lower_case_goes_before_upper_case_and_empty_is_nothing() {
        let both = [("HTTPS_PROXY", "upper"), ("https_proxy", "lower")];
        assert_eq!(server(&both, "wss://h/").unwrap(), "lower");
        let empty = [("HTTPS_PROXY", "upper"), ("https_proxy", "")];
        assert_eq!(server(&empty, "wss://h/").unwrap(), "upper");
        let bypass = [("ALL_PROXY", "p"), ("NO_PROXY", "h"), ("no_proxy", "other")];
        assert_eq!(server(&bypass, "wss://h/").unwrap(), "p");
        assert_eq!(server(&bypass, "wss://other/"), None);
        assert_eq!(server(&[("ALL_PROXY", "p"), ("NO_PROXY", "h")], "wss://h/"), None);
    }

    #[test]
    fn a_header_of_a_cgi_request_names_no_proxy() {
        let cgi = [("HTTP_PROXY", "evil"), ("REQUEST_METHOD", "")];
        assert_eq!(server(&cgi, "ws://h/"), None);
        let own = [("HTTP_PROXY", "evil"), ("REQUEST_METHOD", "GET"), ("http_proxy", "own")];
        assert_eq!(server(&own, "ws://h/").unwrap(), "own");
        assert_eq!(server(&[("HTTP_PROXY", "p")], "ws://h/").unwrap(), "p");
    }

    #[test]
    fn what_cannot_be_understood_is_an_error_where_it_would_be_used() {
        let environment = Environment::new([("https_proxy", "socks4://p"), ("no_proxy", "direct")]);
        let error = environment.server(&Url::parse("wss://h/").unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "environment variable https_proxy: proxy scheme \"socks4\": use http, https, socks5 or socks5h"
        );
        assert!(environment.server(&Url::parse("wss://direct/").unwrap()).unwrap().is_none());
    }
}
