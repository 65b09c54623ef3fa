//! The server's end of the opening handshake (RFC 6455 §4.2).

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, Request, Response, StatusCode, Version};

use super::header::{self, Clash, Single, UPGRADE_TOKEN, VERSION, WEBSOCKET};
use super::{Agreed, CREDIT_PROTOCOL, ConnectProtocol, Refusal, key};
use crate::websocket::deflate::{self, DeflateConfig};
use crate::websocket::extension::{Extension, is_token};

/// The most protocols that one client may offer.
pub const MAX_PROTOCOLS: usize = 64;

/// Reads a client's opening handshake: a GET with `Upgrade`, or an extended CONNECT whose `:protocol` is in the
/// request's extensions as [`ConnectProtocol`] (RFC 6455 §4.2.1, RFC 8441 §5).
///
/// Path, origin and credentials are for the caller's policy to judge before [`Offer::accept`].
///
/// # Errors
///
/// Any request that does not open a WebSocket, with the response that it gets.
pub fn receive<B>(request: &Request<B>) -> Result<Offer, Refusal> {
    let headers = request.headers();
    let opening = if request.method() == Method::CONNECT {
        receive_connect(request)?
    } else {
        receive_upgrade(request)?
    };
    let mut protocols = receive_protocols(headers)?;
    let offered = protocols.len();
    protocols.retain(|protocol| protocol != CREDIT_PROTOCOL);
    Ok(Offer {
        opening,
        offers_credits: protocols.len() < offered,
        protocols,
        extensions: Extension::parse_all(headers.get_all(SEC_WEBSOCKET_EXTENSIONS))
            .map_err(Refusal::MalformedExtensions)?,
        origin: match header::single(headers, ORIGIN) {
            Single::Missing => None,
            Single::One(origin) => Some(origin.clone()),
            Single::Repeated => return Err(Refusal::RepeatedOrigin),
        },
    })
}

/// What a client offers, in a request that is fit to open a WebSocket.
#[derive(Clone, Debug)]
pub struct Offer {
    opening: Opening,
    protocols: Vec<String>,
    offers_credits: bool,
    extensions: Vec<Extension>,
    origin: Option<HeaderValue>,
}

/// How the connection opens, and what proves that this server understood.
#[derive(Clone, Debug)]
enum Opening {
    Upgrade { accept: HeaderValue },
    ExtendedConnect { accept: Option<HeaderValue> },
}

impl Offer {
    /// The protocols that the client offers, tokens in its order of preference, at most [`MAX_PROTOCOLS`]. The token of
    /// credits is not among them.
    #[must_use]
    pub fn protocols(&self) -> &[String] {
        &self.protocols
    }

    /// Whether the client offers credits, `tidegate.v1`.
    #[must_use]
    pub fn offers_credits(&self) -> bool {
        self.offers_credits
    }

    /// The origin of the page that the client runs in; `None` outside browsers (RFC 6455 §10.2).
    #[must_use]
    pub fn origin(&self) -> Option<&HeaderValue> {
        self.origin.as_ref()
    }

    /// The extensions that the client offers, in its order of preference.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// The first protocol in the client's order that is among `supported`; protocols compare case-sensitively.
    ///
    /// The order of `supported` has no say: the client's is "ordered by preference" (RFC 6455 §4.1).
    #[must_use]
    pub fn select_protocol(&self, supported: &[impl AsRef<str>]) -> Option<&str> {
        let is_supported = |offered: &str| supported.iter().any(|supported| supported.as_ref() == offered);
        self.protocols.iter().map(String::as_str).find(|offered| is_supported(offered))
    }

    /// Makes the response that opens the connection, and what is agreed by it (RFC 6455 §4.2.2).
    ///
    /// The status is 101, or 200 for an extended CONNECT (RFC 8441 §5).
    ///
    /// # Errors
    ///
    /// A protocol that the client did not offer, or a header that belongs to the handshake.
    pub fn accept(self, answer: Answer) -> Result<(Response<()>, Agreed), InvalidAnswer> {
        let mut agreed = Agreed::default();
        let mut response = self.opening.into_response();
        let headers = response.headers_mut();
        if let Some(protocol) = answer.protocol {
            if !self.protocols.contains(&protocol) {
                return Err(InvalidAnswer::UnofferedProtocol(protocol));
            }
            headers.insert(SEC_WEBSOCKET_PROTOCOL, header::tokens(&protocol));
            agreed.protocol = protocol;
        }
        // A client that asks for protocols and gets none must fail, with credits as without.
        let has_protocol = self.protocols.is_empty() || !agreed.protocol.is_empty();
        if answer.credits && self.offers_credits && has_protocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, header::tokens(CREDIT_PROTOCOL));
            agreed.credits = true;
        }
        let config = answer.deflate.as_ref();
        if let Some((params, extensions)) =
            config.and_then(|config| deflate::accept(&self.extensions, config))
        {
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, header::tokens(&extensions));
            agreed.extensions = extensions;
            agreed.deflate = Some(params);
        }
        header::extend(headers, &answer.headers)?;
        Ok((response, agreed))
    }
}

/// What a server chooses of an [`Offer`].
#[derive(Clone, Debug)]
pub struct Answer {
    /// One of the offered protocols; none by default, and a browser that offered some then fails the connection.
    pub protocol: Option<String>,
    /// What to accept of permessage-deflate; `None` to go without. On by default.
    pub deflate: Option<DeflateConfig>,
    /// Further headers of the response, as `Set-Cookie`.
    pub headers: HeaderMap,
    /// Whether to accept credits where they are offered; not by default, since they need an
    /// [`Endpoint`](crate::credit::Endpoint). The client then learns the protocol from that.
    pub credits: bool,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            protocol: None,
            deflate: Some(DeflateConfig::default()),
            headers: HeaderMap::new(),
            credits: false,
        }
    }
}

/// An [`Answer`] that no response can give. Never caused by what a client sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAnswer {
    /// The client did not offer this protocol (RFC 6455 §4.2.2).
    #[error("protocol {0:?} was not offered")]
    UnofferedProtocol(String),
    /// Only the handshake itself sets this header.
    #[error("header {0} belongs to the opening handshake")]
    ReservedHeader(HeaderName),
    /// More headers than an `http::HeaderMap` holds.
    #[error("too many headers")]
    TooManyHeaders,
}

impl From<Clash> for InvalidAnswer {
    fn from(clash: Clash) -> Self {
        match clash {
            Clash::Reserved(name) => Self::ReservedHeader(name),
            Clash::TooMany => Self::TooManyHeaders,
        }
    }
}

impl Opening {
    fn into_response(self) -> Response<()> {
        let mut response = Response::new(());
        let accept = match self {
            Self::Upgrade { accept } => {
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                response.headers_mut().insert(UPGRADE, WEBSOCKET);
                response.headers_mut().insert(CONNECTION, UPGRADE_TOKEN);
                Some(accept)
            }
            Self::ExtendedConnect { accept } => {
                *response.version_mut() = Version::HTTP_2;
                accept
            }
        };
        if let Some(accept) = accept {
            response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        response
    }
}

fn receive_upgrade<B>(request: &Request<B>) -> Result<Opening, Refusal> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(Refusal::WrongMethod);
    }
    match request.version() {
        Version::HTTP_09 | Version::HTTP_10 => return Err(Refusal::OldHttp),
        Version::HTTP_11 => {}
        _ => return Err(Refusal::NotExtendedConnect),
    }
    match header::single(headers, HOST) {
        Single::One(host) if !host.as_bytes().trim_ascii().is_empty() => {}
        Single::One(_) | Single::Missing => return Err(Refusal::MissingHost),
        Single::Repeated => return Err(Refusal::RepeatedHost),
    }
    if !header::lists(headers, UPGRADE, "websocket") || !header::lists(headers, CONNECTION, "upgrade") {
        return Err(Refusal::NotAnUpgrade);
    }
    if has_body(headers) {
        return Err(Refusal::HasBody);
    }
    if !has_version(headers) {
        return Err(Refusal::WrongVersion);
    }
    match header::single(headers, SEC_WEBSOCKET_KEY) {
        Single::Missing => Err(Refusal::MissingKey),
        Single::Repeated => Err(Refusal::RepeatedKey),
        Single::One(key) => {
            accept_key(key).map(|accept| Opening::Upgrade { accept }).ok_or(Refusal::MalformedKey)
        }
    }
}

fn receive_connect<B>(request: &Request<B>) -> Result<Opening, Refusal> {
    let Some(protocol) = request.extensions().get::<ConnectProtocol>() else {
        return Err(Refusal::WrongMethod);
    };
    if !protocol.as_str().eq_ignore_ascii_case("websocket") {
        return Err(Refusal::UnknownConnectProtocol);
    }
    if !has_version(request.headers()) {
        return Err(Refusal::WrongVersionInConnect);
    }
    // RFC 8441 §5 has no key, yet some clients send one and insist on the answer, so one that is fit gets it.
    let accept = match header::single(request.headers(), SEC_WEBSOCKET_KEY) {
        Single::One(key) => accept_key(key),
        Single::Missing | Single::Repeated => None,
    };
    Ok(Opening::ExtendedConnect { accept })
}

fn receive_protocols(headers: &HeaderMap) -> Result<Vec<String>, Refusal> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut protocols: Vec<String> = Vec::new();
    for element in header::elements(lines) {
        let token = std::str::from_utf8(element).ok().filter(|token| is_token(token.as_bytes()));
        let protocol = token.ok_or(Refusal::MalformedProtocols)?;
        if protocols.len() == MAX_PROTOCOLS {
            return Err(Refusal::TooManyProtocols);
        }
        if protocols.iter().any(|known| known == protocol) {
            return Err(Refusal::RepeatedProtocol);
        }
        protocols.push(protocol.to_owned());
    }
    if protocols.is_empty() && headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Err(Refusal::MalformedProtocols);
    }
    Ok(protocols)
}

fn accept_key(key: &HeaderValue) -> Option<HeaderValue> {
    let key = key.as_bytes().trim_ascii();
    key::is_valid(key).then(|| key::accept(key))
}

fn has_version(headers: &HeaderMap) -> bool {
    matches!(header::single(headers, SEC_WEBSOCKET_VERSION),
        Single::One(version) if version.as_bytes().trim_ascii() == VERSION.as_bytes())
}

/// The bytes behind a GET that announces a body would be frames to one reader and a body to another, say a proxy.
fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get_all(CONTENT_LENGTH).iter().any(|length| length.as_bytes() != b"0")
}
