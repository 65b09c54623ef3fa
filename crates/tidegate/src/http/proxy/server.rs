//! A proxy server as a URL names it.

use std::fmt;

use url::{Host, Url};

use crate::http::credentials::Credentials;

/// A proxy server and what to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProxyServer {
    pub(super) kind: Kind,
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) credentials: Option<Credentials>,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// CONNECT over plain HTTP/1.1.
    Http,
    /// CONNECT over HTTP/1.1 within TLS.
    Https,
    /// SOCKS5, to an address that is looked up here.
    Socks5,
    /// SOCKS5, to a name that the proxy looks up.
    Socks5h,
}

/// A proxy setting that leads nowhere: the caller's doing, or that of whoever has set the variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProxy {
    /// The text is not a URL with a host.
    #[error("not the URL of a proxy: {0}")]
    Syntax(url::ParseError),
    /// The scheme is none of `http`, `https`, `socks5` and `socks5h`.
    #[error("proxy scheme {0:?}: use http, https, socks5 or socks5h")]
    Scheme(String),
    /// The user name has a colon, which basic authentication cannot carry (RFC 7617 §2).
    #[error("proxy user name has a colon")]
    UserName,
    /// The user name or the password has more than the 255 bytes that SOCKS5 carries (RFC 1929 §2).
    #[error("proxy user name or password is longer than 255 bytes")]
    LongCredentials,
    /// The setting comes from an environment variable.
    #[error("environment variable {name}: {problem}")]
    Variable {
        /// The name of the variable.
        name: &'static str,
        /// What is wrong with its value.
        problem: Box<InvalidProxy>,
    },
}

impl ProxyServer {
    /// Reads `scheme://user:password@host:port`; the scheme is `http` where none is given. A path is ignored.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidProxy> {
        let text = text.trim();
        let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
        let url = url.map_err(InvalidProxy::Syntax)?;
        let kind = match url.scheme() {
            "http" => Kind::Http,
            "https" => Kind::Https,
            "socks5" => Kind::Socks5,
            "socks5h" => Kind::Socks5h,
            other => return Err(InvalidProxy::Scheme(other.to_owned())),
        };
        // The URL standard leaves hosts of schemes that it does not know, such as socks5, as they are written.
        let host = Host::parse(url.host_str().unwrap_or_default()).map_err(InvalidProxy::Syntax)?;
        let port = url.port().unwrap_or(kind.default_port());
        let credentials = Credentials::of(&url);
        credentials.as_ref().map_or(Ok(()), |credentials| kind.check(credentials))?;
        Ok(Self { kind, host: host.to_string(), port, credentials })
    }
}

/// The proxy without what is shown to it, for errors and logs.
impl fmt::Display for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.kind.scheme(), self.host, self.port)
    }
}

impl Kind {
    fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 | Self::Socks5h => 1080,
        }
    }

    fn check(self, credentials: &Credentials) -> Result<(), InvalidProxy> {
        match self {
            Self::Http | Self::Https => credentials.basic().map(drop).map_err(|_| InvalidProxy::UserName),
            Self::Socks5 | Self::Socks5h => {
                let fits = |bytes: &[u8]| u8::try_from(bytes.len()).is_ok();
                let both = fits(&credentials.user) && fits(&credentials.password);
                both.then_some(()).ok_or(InvalidProxy::LongCredentials)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_proxies_are_read() {
        for (text, shown) in [
            ("http://p.example:3128", "http://p.example:3128"),
            ("http://user:secret@p.example/ignored", "http://p.example:80"),
            ("p.example:3128", "http://p.example:3128"),
            ("user:secret@p.example:3128", "http://p.example:3128"),
            ("10.0.0.1", "http://10.0.0.1:80"),
            (" https://P.example ", "https://p.example:443"),
            ("socks5://P.example", "socks5://p.example:1080"),
            ("SOCKS5H://user:secret@[::1]:9050", "socks5h://[::1]:9050"),
        ] {
            let server = ProxyServer::parse(text).unwrap();
            assert_eq!(server.to_string(), shown);
            assert_eq!(server.credentials.is_some(), text.contains('@'), "{text}");
            assert!(!format!("{server:?}").contains("secret"), "{server:?}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        for text in ["", "http://", "socks5://", "http://a b", "socks5://a b", "http://h:99999"] {
            assert!(matches!(ProxyServer::parse(text), Err(InvalidProxy::Syntax(_))), "{text}");
        }
        for text in ["socks4://h", "ftp://h", "ws://h"] {
            assert!(matches!(ProxyServer::parse(text), Err(InvalidProxy::Scheme(_))), "{text}");
        }
        assert_eq!(ProxyServer::parse("http://a%3Ab:c@h").unwrap_err(), InvalidProxy::UserName);
        ProxyServer::parse("socks5://a%3Ab:c@h").unwrap();
        let long = format!("socks5://{}:p@h", "u".repeat(256));
        assert_eq!(ProxyServer::parse(&long).unwrap_err(), InvalidProxy::LongCredentials);
    }
}
