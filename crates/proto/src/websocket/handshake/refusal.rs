//! What a server answers when it does not open the connection (RFC 6455 §4.2.2, §4.4).

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::websocket::InvalidExtensions;

/// Why a request does not become a WebSocket. The text is the body of the response, and repeats nothing of the
/// request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A method other than GET, or a CONNECT without a `:protocol` (RFC 6455 §4.2.1, RFC 8441 §4).
    #[error("a WebSocket opens with GET, or with an extended CONNECT (RFC 6455 §4.1, RFC 8441 §4)")]
    WrongMethod,
    /// HTTP/1.0 or older, where a server must ignore `Upgrade` (RFC 9110 §7.8).
    #[error("a WebSocket needs HTTP/1.1 or newer (RFC 6455 §4.1)")]
    OldHttp,
    /// A GET over HTTP/2 or HTTP/3, which have no `Upgrade` (RFC 9113 §8.6).
    #[error("over this version of HTTP a WebSocket opens with an extended CONNECT (RFC 8441 §4)")]
    NotExtendedConnect,
    /// An extended CONNECT for something else (RFC 9220 §3).
    #[error("this :protocol is not served here: only websocket is (RFC 8441 §4)")]
    UnknownConnectProtocol,
    /// No `Upgrade: websocket`, or no `Connection: Upgrade` (RFC 6455 §4.2.1).
    #[error("this is a WebSocket: it needs upgrade: websocket and connection: upgrade (RFC 6455 §4.1)")]
    NotAnUpgrade,
    /// No `Host`, or an empty one (RFC 9112 §3.2).
    #[error("no host header (RFC 9112 §3.2)")]
    MissingHost,
    /// More than one `Host` (RFC 9112 §3.2).
    #[error("more than one host header (RFC 9112 §3.2)")]
    RepeatedHost,
    /// A body, whose bytes would be taken for frames.
    #[error("a request with a body does not open a WebSocket (RFC 6455 §4.1)")]
    HasBody,
    /// A `Sec-WebSocket-Version` that is not 13, over HTTP/1.1 (RFC 6455 §4.4).
    #[error("sec-websocket-version must be 13 (RFC 6455 §4.4)")]
    WrongVersion,
    /// A `Sec-WebSocket-Version` that is not 13, in an extended CONNECT, where 426 has no `Upgrade` to name.
    #[error("sec-websocket-version must be 13 (RFC 8441 §5, RFC 6455 §4.4)")]
    WrongVersionInConnect,
    /// No `Sec-WebSocket-Key` (RFC 6455 §4.2.1).
    #[error("no sec-websocket-key (RFC 6455 §4.1)")]
    MissingKey,
    /// More than one `Sec-WebSocket-Key` (RFC 6455 §11.3.1).
    #[error("more than one sec-websocket-key (RFC 6455 §11.3.1)")]
    RepeatedKey,
    /// A `Sec-WebSocket-Key` that is not 16 bytes in base64 (RFC 6455 §4.2.1).
    #[error("sec-websocket-key must be 16 bytes in base64 (RFC 6455 §4.1)")]
    MalformedKey,
    /// A `Sec-WebSocket-Protocol` that names nothing, or something that is not a token (RFC 6455 §4.1).
    #[error("sec-websocket-protocol must be a list of tokens (RFC 6455 §4.1)")]
    MalformedProtocols,
    /// A protocol that is offered twice (RFC 6455 §4.1).
    #[error("sec-websocket-protocol names a protocol twice (RFC 6455 §4.1)")]
    RepeatedProtocol,
    /// More protocols than [`MAX_PROTOCOLS`](super::MAX_PROTOCOLS).
    #[error("sec-websocket-protocol names more than {} protocols", super::MAX_PROTOCOLS)]
    TooManyProtocols,
    /// A `Sec-WebSocket-Extensions` that breaks the grammar (RFC 6455 §9.1).
    #[error("malformed sec-websocket-extensions: {0} (RFC 6455 §9.1)")]
    MalformedExtensions(InvalidExtensions),
    /// More than one `Origin`, of which a policy would see one (RFC 6454 §7.3).
    #[error("more than one origin header (RFC 6454 §7.3)")]
    RepeatedOrigin,
    /// The policy does not let this origin in (RFC 6455 §4.2.2, §10.2).
    #[error("this origin is not allowed (RFC 6455 §10.2)")]
    ForbiddenOrigin,
    /// Any other decision of the policy; made by [`Refusal::new`].
    #[error("{reason}")]
    Policy {
        /// The status of the response, with the exceptions of [`Refusal::new`].
        status: StatusCode,
        /// Its body.
        reason: String,
        /// Its further headers.
        headers: Box<HeaderMap>,
    },
}

impl Refusal {
    /// A policy's own refusal, as 401 or 503.
    ///
    /// A status under 300 would tell the client that the connection is open, and 304 has no body: these become
    /// 500.
    #[must_use]
    pub fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self::Policy { status, reason: reason.into(), headers: Box::default() }
    }

    /// Adds a header to the response, as `WWW-Authenticate` or a `Content-Type` other than plain text.
    ///
    /// Those of the handshake and of the body's framing stay as they are. A refusal that is not a policy's own
    /// becomes one, of the same status and text.
    #[must_use]
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        let (status, reason, mut headers) = match self {
            Self::Policy { status, reason, headers } => (status, reason, headers),
            other => (other.status(), other.to_string(), Box::default()),
        };
        if !super::header::is_reserved(&name) {
            // Beyond the 32,768 entries of the type, one more is not missed.
            let _ = headers.try_append(name, value);
        }
        Self::Policy { status, reason, headers }
    }

    /// The refusal of an origin, with 403 (RFC 6455 §4.2.2).
    #[must_use]
    pub fn forbidden_origin() -> Self {
        Self::ForbiddenOrigin
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotAnUpgrade | Self::WrongVersion => StatusCode::UPGRADE_REQUIRED,
            Self::UnknownConnectProtocol => StatusCode::NOT_IMPLEMENTED,
            Self::ForbiddenOrigin => StatusCode::FORBIDDEN,
            Self::Policy { status, .. } => match status.as_u16() {
                ..300 | 304 => StatusCode::INTERNAL_SERVER_ERROR,
                _ => *status,
            },
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The response: the reason as plain text, and the version that is spoken here.
    #[must_use]
    pub fn into_response(self) -> Response<String> {
        let body = format!("{self}\n");
        let content_length = HeaderValue::from(body.len());
        let mut response = Response::new(body);
        *response.status_mut() = self.status();
        let is_upgrade_required = matches!(self, Self::NotAnUpgrade | Self::WrongVersion);
        if let Self::Policy { headers, .. } = self {
            *response.headers_mut() = *headers;
        }
        let headers = response.headers_mut();
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(CONTENT_LENGTH, content_length);
        headers.insert(SEC_WEBSOCKET_VERSION, super::header::VERSION);
        if is_upgrade_required {
            // RFC 9110 §15.5.22: a 426 names the protocol to upgrade to. HTTP/2 forbids both headers.
            headers.insert(UPGRADE, super::header::WEBSOCKET);
            headers.insert(CONNECTION, super::header::UPGRADE_TOKEN);
        }
        response
    }
}
