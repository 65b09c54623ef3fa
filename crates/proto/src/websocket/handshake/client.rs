//! The client's end of the opening handshake (RFC 6455 §4.1).

use http::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};

use super::header::{self, Clash, Single, UPGRADE_TOKEN, VERSION, WEBSOCKET};
use super::{Agreed, CREDIT_PROTOCOL, ConnectProtocol, key};
use crate::websocket::deflate::{self, DeflateConfig, DeflateParams, UnacceptableExtensions};
use crate::websocket::extension::{Extension, InvalidExtensions, is_token};

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Protocols by preference: tokens, no two alike. Where there are any, the server must select one of them.
    pub protocols: Vec<String>,
    /// Further headers of the request, as `Authorization`. `Host` replaces the one of the URL.
    pub headers: HeaderMap,
    /// The origin to name (RFC 6455 §10.2); only browsers must.
    pub origin: Option<HeaderValue>,
    /// What to offer of permessage-deflate; `None` to offer nothing. On by default.
    pub deflate: Option<DeflateConfig>,
    /// Whether to offer credits, `tidegate.v1`; not by default. A server may go on without.
    pub credits: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            protocols: Vec::new(),
            headers: HeaderMap::new(),
            origin: None,
            deflate: Some(DeflateConfig::default()),
            credits: false,
        }
    }
}

/// A client that has asked and waits for the response.
#[derive(Clone, Debug)]
pub struct ClientHandshake {
    opening: Opening,
    protocols: Vec<String>,
    deflate: Option<DeflateConfig>,
    credits: bool,
}

/// How the connection opens, and what must prove that the server understood.
#[derive(Clone, Debug)]
enum Opening {
    Upgrade { accept: HeaderValue },
    ExtendedConnect,
}

impl ClientHandshake {
    /// Makes the request that opens a WebSocket over HTTP/1.1, its target as path and query.
    ///
    /// The scheme is `ws` or `wss`, or `http` or `https` for the same. The nonce must be random and fresh for
    /// each connection (RFC 6455 §4.1). `http::Uri` drops a fragment, which a WebSocket URL may not have
    /// (RFC 6455 §3): who parses the text has to look.
    ///
    /// # Errors
    ///
    /// A URL that names no server, options that break the rules, or headers that belong to the handshake.
    pub fn new(
        uri: &Uri,
        options: ClientOptions,
        nonce: [u8; 16],
    ) -> Result<(Self, Request<()>), InvalidRequest> {
        let server = Server::of(uri)?;
        let key = key::from_nonce(nonce);
        let mut request = Request::new(());
        *request.uri_mut() = server.target.into();
        let headers = request.headers_mut();
        let host = match header::single(&options.headers, HOST) {
            Single::Missing => {
                HeaderValue::from_str(server.authority.as_str()).map_err(|_| InvalidRequest::MissingHost)?
            }
            Single::One(host) => host.clone(),
            Single::Repeated => return Err(InvalidRequest::ReservedHeader(HOST)),
        };
        headers.insert(HOST, host);
        headers.insert(UPGRADE, WEBSOCKET);
        headers.insert(CONNECTION, UPGRADE_TOKEN);
        headers.insert(SEC_WEBSOCKET_KEY, key.clone());
        let opening = Opening::Upgrade { accept: key::accept(key.as_bytes()) };
        Ok((Self::ask(opening, headers, options)?, request))
    }

    /// Makes the request that opens a WebSocket over HTTP/2 or HTTP/3: an extended CONNECT with its
    /// [`ConnectProtocol`] in the request's extensions (RFC 8441 §5). No key is needed.
    ///
    /// The URL is the one of [`new`](Self::new), and `Host` among the headers replaces `:authority`.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), and a `Host` that is no authority.
    pub fn extended_connect(
        uri: &Uri,
        mut options: ClientOptions,
    ) -> Result<(Self, Request<()>), InvalidRequest> {
        let server = Server::of(uri)?;
        let authority = match header::single(&options.headers, HOST) {
            Single::Missing => server.authority,
            Single::One(host) => {
                Authority::try_from(host.as_bytes()).map_err(|_| InvalidRequest::ReservedHeader(HOST))?
            }
            Single::Repeated => return Err(InvalidRequest::ReservedHeader(HOST)),
        };
        options.headers.remove(HOST);
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if server.secure { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = Some(authority);
        parts.path_and_query = Some(server.target);
        let mut request = Request::new(());
        *request.method_mut() = Method::CONNECT;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| InvalidRequest::MissingHost)?;
        request.extensions_mut().insert(ConnectProtocol::new("websocket"));
        Ok((Self::ask(Opening::ExtendedConnect, request.headers_mut(), options)?, request))
    }

    /// Adds what every opening handshake asks for.
    fn ask(
        opening: Opening,
        headers: &mut HeaderMap,
        mut options: ClientOptions,
    ) -> Result<Self, InvalidRequest> {
        options.headers.remove(HOST);
        check_protocols(&options.protocols)?;
        if options.protocols.iter().any(|protocol| protocol == CREDIT_PROTOCOL) {
            return Err(InvalidRequest::ReservedProtocol(CREDIT_PROTOCOL));
        }
        headers.insert(SEC_WEBSOCKET_VERSION, VERSION);
        let credits = options.credits.then_some(CREDIT_PROTOCOL);
        let offered: Vec<&str> =
            credits.into_iter().chain(options.protocols.iter().map(String::as_str)).collect();
        if !offered.is_empty() {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, header::tokens(&offered.join(", ")));
        }
        if let Some(config) = &options.deflate {
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, header::tokens(&deflate::offer(config)));
        }
        if let Some(origin) = options.origin {
            if options.headers.contains_key(ORIGIN) {
                return Err(InvalidRequest::ReservedHeader(ORIGIN));
            }
            headers.insert(ORIGIN, origin);
        }
        header::extend(headers, &options.headers)?;
        Ok(Self { opening, protocols: options.protocols, deflate: options.deflate, credits: options.credits })
    }

    /// Judges the server's response (RFC 6455 §4.1, RFC 8441 §5).
    ///
    /// Where protocols were asked for, the server must select one.
    ///
    /// # Errors
    ///
    /// Any response that does not open the connection; the client then fails it, and sends nothing more.
    // Departs from RFC 6455 §4.1, which lets a server select none: WebSocketStream fails the connection then.
    pub fn finish<B>(self, response: &Response<B>) -> Result<Agreed, HandshakeError> {
        let headers = response.headers();
        match &self.opening {
            Opening::Upgrade { accept } => check_upgrade(response, accept)?,
            Opening::ExtendedConnect if response.status().is_success() => {}
            Opening::ExtendedConnect => return Err(HandshakeError::RefusedWithStatus(response.status())),
        }
        let protocol = self.selected_protocol(headers)?;
        let (extensions, deflate) = self.agreed_extensions(headers)?;
        let credits = self.credits && protocol == CREDIT_PROTOCOL;
        // The application's own protocol comes with the WELCOME.
        let protocol = if credits { String::new() } else { protocol };
        Ok(Agreed { protocol, extensions, deflate, credits })
    }

    /// The protocols that were asked for, without the token of credits.
    #[must_use]
    pub fn protocols(&self) -> &[String] {
        &self.protocols
    }

    fn selected_protocol(&self, headers: &HeaderMap) -> Result<String, HandshakeError> {
        let selected = match header::single(headers, SEC_WEBSOCKET_PROTOCOL) {
            Single::Missing if self.protocols.is_empty() => return Ok(String::new()),
            Single::Missing => return Err(HandshakeError::SelectedNoProtocol),
            Single::Repeated => return Err(HandshakeError::RepeatedProtocol),
            Single::One(selected) => selected.as_bytes().trim_ascii(),
        };
        let credits = self.credits.then_some(CREDIT_PROTOCOL);
        let mut offered = credits.into_iter().chain(self.protocols.iter().map(String::as_str));
        offered.find(|offered| offered.as_bytes() == selected).map(str::to_owned).ok_or_else(|| {
            HandshakeError::SelectedUnofferedProtocol(String::from_utf8_lossy(selected).into_owned())
        })
    }

    fn agreed_extensions(
        &self,
        headers: &HeaderMap,
    ) -> Result<(String, Option<DeflateParams>), HandshakeError> {
        let line = match header::single(headers, SEC_WEBSOCKET_EXTENSIONS) {
            Single::Missing => return Ok((String::new(), None)),
            Single::Repeated => return Err(HandshakeError::RepeatedExtensions),
            Single::One(line) => line.as_bytes().trim_ascii(),
        };
        let extensions = Extension::parse_all([line]).map_err(HandshakeError::MalformedExtensions)?;
        let deflate = match &self.deflate {
            Some(config) => deflate::confirm(&extensions, config),
            None => refuse_all(&extensions),
        };
        let deflate = deflate.map_err(HandshakeError::UnacceptableExtensions)?;
        Ok((String::from_utf8_lossy(line).into_owned(), deflate))
    }
}

/// A request that cannot go out. Never caused by what a server sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// A scheme other than `ws`, `wss`, `http` and `https`, or none (RFC 6455 §3).
    #[error("url scheme is not ws, wss, http or https")]
    UnsupportedScheme,
    /// A URL without a host (RFC 6455 §3).
    #[error("url has no host")]
    MissingHost,
    /// A port that is not a number from 1 to 65535.
    #[error("url has an invalid port")]
    InvalidPort,
    /// A user name in the URL, which an opening handshake has no place for: it takes an `Authorization` header.
    #[error("url has credentials: they go into an authorization header")]
    Credentials,
    /// A protocol that is not a token (RFC 6455 §4.1).
    #[error("protocol {0:?} is not a token")]
    MalformedProtocol(String),
    /// A protocol twice; case makes no difference here, as in browsers' tests (RFC 6455 §4.1).
    #[error("protocol {0:?} is repeated")]
    RepeatedProtocol(String),
    /// The token of credits, which is asked for by an option of its own.
    #[error("protocol {0:?} is no application's: ask for credits instead")]
    ReservedProtocol(&'static str),
    /// A header that only the handshake itself sets, an `Origin` beside the option, or a `Host` that is repeated
    /// or unfit.
    #[error("header {0} belongs to the opening handshake")]
    ReservedHeader(HeaderName),
    /// More headers than an `http::HeaderMap` holds.
    #[error("too many headers")]
    TooManyHeaders,
}

impl From<Clash> for InvalidRequest {
    fn from(clash: Clash) -> Self {
        match clash {
            Clash::Reserved(name) => Self::ReservedHeader(name),
            Clash::TooMany => Self::TooManyHeaders,
        }
    }
}

/// Why a response did not open the connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// A status other than 101, or over HTTP/2 other than 2xx. Redirects count.
    #[error("server refused with status {0}")]
    RefusedWithStatus(StatusCode),
    /// `Upgrade` is not `websocket` (RFC 6455 §4.1).
    #[error("response does not upgrade to websocket (RFC 6455 §4.1)")]
    WrongUpgrade,
    /// `Connection` does not list `upgrade` (RFC 6455 §4.1).
    #[error("response does not list upgrade in connection (RFC 6455 §4.1)")]
    WrongConnection,
    /// No `Sec-WebSocket-Accept` (RFC 6455 §4.1).
    #[error("response without sec-websocket-accept (RFC 6455 §4.1)")]
    MissingAccept,
    /// More than one `Sec-WebSocket-Accept` (RFC 6455 §11.3.3).
    #[error("response with more than one sec-websocket-accept (RFC 6455 §11.3.3)")]
    RepeatedAccept,
    /// A `Sec-WebSocket-Accept` that does not answer the key (RFC 6455 §4.1).
    #[error("sec-websocket-accept does not answer the key (RFC 6455 §4.1)")]
    WrongAccept,
    /// More than one `Sec-WebSocket-Protocol` (RFC 6455 §11.3.4).
    #[error("response with more than one sec-websocket-protocol (RFC 6455 §11.3.4)")]
    RepeatedProtocol,
    /// A protocol that was not asked for (RFC 6455 §4.1).
    #[error("server selected protocol {0:?}, which was not offered (RFC 6455 §4.1)")]
    SelectedUnofferedProtocol(String),
    /// Protocols were asked for, and the server selected none (WebSocketStream).
    #[error("server selected none of the offered protocols")]
    SelectedNoProtocol,
    /// More than one `Sec-WebSocket-Extensions` (RFC 6455 §11.3.2).
    #[error("response with more than one sec-websocket-extensions (RFC 6455 §11.3.2)")]
    RepeatedExtensions,
    /// A `Sec-WebSocket-Extensions` that breaks the grammar (RFC 6455 §9.1).
    #[error("malformed sec-websocket-extensions (RFC 6455 §9.1)")]
    MalformedExtensions(#[source] InvalidExtensions),
    /// Extensions that the offer does not allow (RFC 6455 §4.1, RFC 7692 §7.1).
    #[error("server chose extensions that cannot stand (RFC 7692 §7.1)")]
    UnacceptableExtensions(#[source] UnacceptableExtensions),
}

/// The server that a URL names.
struct Server {
    secure: bool,
    /// Host and port, the port left out where it is the scheme's own.
    authority: Authority,
    target: PathAndQuery,
}

impl Server {
    fn of(uri: &Uri) -> Result<Self, InvalidRequest> {
        let scheme = uri.scheme_str().unwrap_or_default();
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        let secure = is("wss") || is("https");
        if !secure && !is("ws") && !is("http") {
            return Err(InvalidRequest::UnsupportedScheme);
        }
        let authority = uri.authority().ok_or(InvalidRequest::MissingHost)?;
        let host = authority.host();
        if authority.as_str().contains('@') {
            return Err(InvalidRequest::Credentials);
        }
        if host.is_empty() {
            return Err(InvalidRequest::MissingHost);
        }
        let default_port = if secure { 443 } else { 80 };
        let host_and_port = match &authority.as_str()[host.len()..] {
            "" | ":" => host.to_owned(),
            _ => match authority.port_u16() {
                None | Some(0) => return Err(InvalidRequest::InvalidPort),
                Some(port) if port == default_port => host.to_owned(),
                Some(port) => format!("{host}:{port}"),
            },
        };
        Ok(Self {
            secure,
            authority: Authority::try_from(host_and_port).map_err(|_| InvalidRequest::MissingHost)?,
            target: target(uri).ok_or(InvalidRequest::MissingHost)?,
        })
    }
}

/// Path and query; `http::Uri` may hold a query alone, while a request's target begins with a slash.
fn target(uri: &Uri) -> Option<PathAndQuery> {
    match uri.path_and_query() {
        None => Some(PathAndQuery::from_static("/")),
        Some(target) if target.as_str().starts_with('/') => Some(target.clone()),
        Some(query) => PathAndQuery::try_from(format!("/{}", query.as_str())).ok(),
    }
}

fn check_protocols(protocols: &[String]) -> Result<(), InvalidRequest> {
    for (index, protocol) in protocols.iter().enumerate() {
        if !is_token(protocol.as_bytes()) {
            return Err(InvalidRequest::MalformedProtocol(protocol.clone()));
        }
        if protocols[..index].iter().any(|known| known.eq_ignore_ascii_case(protocol)) {
            return Err(InvalidRequest::RepeatedProtocol(protocol.clone()));
        }
    }
    Ok(())
}

fn check_upgrade<B>(response: &Response<B>, accept: &HeaderValue) -> Result<(), HandshakeError> {
    let headers = response.headers();
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(HandshakeError::RefusedWithStatus(response.status()));
    }
    match header::single(headers, UPGRADE) {
        Single::One(value) if value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket") => {}
        _ => return Err(HandshakeError::WrongUpgrade),
    }
    if !header::lists(headers, CONNECTION, "upgrade") {
        return Err(HandshakeError::WrongConnection);
    }
    match header::single(headers, SEC_WEBSOCKET_ACCEPT) {
        Single::Missing => Err(HandshakeError::MissingAccept),
        Single::Repeated => Err(HandshakeError::RepeatedAccept),
        Single::One(value) if value.as_bytes().trim_ascii() == accept.as_bytes() => Ok(()),
        Single::One(_) => Err(HandshakeError::WrongAccept),
    }
}

/// A client that offered nothing gets nothing (RFC 6455 §4.1).
fn refuse_all(extensions: &[Extension]) -> Result<Option<DeflateParams>, UnacceptableExtensions> {
    match extensions.first() {
        None => Ok(None),
        Some(extension) => Err(UnacceptableExtensions::NotOffered(extension.name.clone())),
    }
}
