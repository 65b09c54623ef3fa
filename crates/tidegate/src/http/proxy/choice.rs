//! Which proxy a client goes through.

use std::fmt;

use url::Url;

use super::bypass::Bypass;
use super::environment::Environment;
use super::server::{InvalidProxy, ProxyServer};

/// Which proxy a client goes through to a server.
///
/// A proxy is asked for a tunnel to the host and port of the URL, for `ws` as for `wss`, so that it sees nothing of
/// TLS within. It is written as a URL, user name and password percent-encoded:
///
/// | URL | is |
/// |---|---|
/// | `http://user:password@host:port` | HTTP CONNECT with basic authentication; port 80 if none is given |
/// | `https://…` | the same within TLS, which trusts whom the client trusts and shows no certificate; port 443 |
/// | `socks5h://…` | SOCKS5, the proxy looks the name of the server up; port 1080 |
/// | `socks5://…` | SOCKS5, the name is looked up here |
///
/// Without a scheme it is `http`. Other schemes are an error of `connect`, as is everything else that cannot be
/// understood: no connection is ever made directly in the place of one through a proxy.
///
/// ```
/// use tidegate::{Proxy, WebSocketStream};
///
/// let builder = WebSocketStream::builder("wss://feed.example/")
///     .proxy(Proxy::url("socks5h://127.0.0.1:9050").bypass("localhost,.internal"));
/// ```
#[derive(Clone)]
pub struct Proxy {
    choice: Choice,
    bypass: Bypass,
}

#[derive(Clone)]
enum Choice {
    Direct,
    Url(String),
    Environment(Environment),
}

impl Default for Proxy {
    fn default() -> Self {
        Self::from_env()
    }
}

impl Proxy {
    /// What the environment variables say now. This is the default of every client.
    ///
    /// The first of these counts, in lower case or else in upper case; an empty value is none:
    ///
    /// - `wss`: `wss_proxy`, `https_proxy`, `all_proxy`
    /// - `ws`: `ws_proxy`, `https_proxy`, `http_proxy`, `all_proxy` (in the order of RFC 6455 §4.1)
    ///
    /// `HTTP_PROXY` is ignored where `REQUEST_METHOD` is set, since a CGI server takes it from the request.
    /// `no_proxy` lists the hosts to reach without a proxy, in the syntax of [`bypass`](Self::bypass).
    #[must_use]
    pub fn from_env() -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self::from_vars(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
    }

    /// What these variables say, in the place of those of the process; see [`from_env`](Self::from_env).
    #[must_use]
    pub fn from_vars<N: AsRef<str>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        Self { choice: Choice::Environment(Environment::new(variables)), bypass: Bypass::default() }
    }

    /// No proxy, whatever the environment says.
    #[must_use]
    pub fn none() -> Self {
        Self { choice: Choice::Direct, bypass: Bypass::default() }
    }

    /// This proxy, whatever the environment says. A URL that cannot be understood is an error of `connect`.
    #[must_use]
    pub fn url(url: impl Into<String>) -> Self {
        Self { choice: Choice::Url(url.into()), bypass: Bypass::default() }
    }

    /// Reaches these hosts directly, beside those of `no_proxy` where the environment decides.
    ///
    /// The list has commas or spaces between its entries: a domain, which counts for all below it too, an address, a
    /// network (`10.0.0.0/8`), each with `:port` to mean that port alone, or `*` for everything. Names are not looked
    /// up: `127.0.0.1` does not stand for `localhost`. An entry that is none of these matches nothing.
    #[must_use]
    pub fn bypass(mut self, hosts: &str) -> Self {
        self.bypass = Bypass::parse(hosts);
        self
    }

    /// The proxy on the way to `url`; `None` to go directly.
    pub(crate) fn server(&self, url: &Url) -> Result<Option<ProxyServer>, InvalidProxy> {
        match &self.choice {
            _ if self.bypass.contains(url) => Ok(None),
            Choice::Direct => Ok(None),
            Choice::Url(text) => ProxyServer::parse(text).map(Some),
            Choice::Environment(environment) => environment.server(url),
        }
    }
}

/// Passwords are left out.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choice = match &self.choice {
            Choice::Direct => "none".to_owned(),
            Choice::Environment(_) => "from environment variables".to_owned(),
            Choice::Url(text) => match ProxyServer::parse(text) {
                Ok(server) => server.to_string(),
                Err(error) => error.to_string(),
            },
        };
        f.debug_tuple("Proxy").field(&choice).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(proxy: &Proxy, url: &str) -> Result<Option<String>, InvalidProxy> {
        proxy.server(&Url::parse(url).unwrap()).map(|server| server.map(|server| server.to_string()))
    }

    #[test]
    fn each_choice_decides() {
        let given = Proxy::url("http://user:secret@p:3128").bypass("direct, 10.0.0.0/8");
        assert_eq!(server(&given, "ws://h/").unwrap().unwrap(), "http://p:3128");
        assert_eq!(server(&given, "ws://direct/").unwrap(), None);
        assert_eq!(format!("{given:?}"), "Proxy(\"http://p:3128\")");
        assert_eq!(server(&Proxy::none(), "ws://h/").unwrap(), None);
        let variables = Proxy::from_vars([("all_proxy", "socks5h://p"), ("no_proxy", "one")]).bypass("two");
        assert_eq!(server(&variables, "ws://h/").unwrap().unwrap(), "socks5h://p:1080");
        assert_eq!(server(&variables, "ws://one/").unwrap(), None);
        assert_eq!(server(&variables, "ws://two/").unwrap(), None);
    }

    #[test]
    fn nothing_is_ever_reached_directly_by_mistake() {
        let wrong = Proxy::url("gopher://p");
        assert_eq!(server(&wrong, "ws://h/"), Err(InvalidProxy::Scheme("gopher".to_owned())));
    }
}
