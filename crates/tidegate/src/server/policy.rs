//! The hooks of an application: who may come in, with which protocol, and what the answer says beside.

use std::net::IpAddr;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, StatusCode};
use tidegate_proto::websocket::handshake::{Answer, Offer, Refusal};
use tokio::time::{Instant, timeout_at};

use crate::http::PeerAddress;

/// Lets a client in: with a protocol, and headers beside those of the handshake.
///
/// ```
/// use http::header::{HeaderValue, SET_COOKIE};
/// let admission = tidegate::Admission::new().header(SET_COOKIE, HeaderValue::from_static("seen=1"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Admission {
    protocol: Option<String>,
    headers: HeaderMap,
}

pub(super) type AuthorizeAsync =
    dyn for<'a> Fn(&'a Request<()>, &'a Offer) -> BoxFuture<'a, Result<Admission, Refusal>> + Send + Sync;
pub(super) type Authorize = dyn Fn(&Request<()>, &Offer) -> Result<(), Refusal> + Send + Sync;
pub(super) type SelectProtocol = dyn Fn(&Request<()>, &Offer) -> Option<String> + Send + Sync;
pub(super) type FindIp = dyn Fn(&Request<()>) -> Option<IpAddr> + Send + Sync;

/// What an application has to say on a request.
#[derive(Clone, Default)]
pub(super) struct Policy {
    pub(super) protocols: Vec<String>,
    pub(super) authorize: Option<Arc<Authorize>>,
    pub(super) authorize_async: Option<Arc<AuthorizeAsync>>,
    pub(super) select_protocol: Option<Arc<SelectProtocol>>,
    pub(super) find_ip: Option<Arc<FindIp>>,
}

impl Admission {
    /// Lets the client in, with the protocol that the acceptor selects.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Selects this protocol, which must be one that the client offers: otherwise the client gets 500.
    #[must_use]
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocol = Some(protocol.into());
        self
    }

    /// Adds a header to the response. One that belongs to the handshake, as `Upgrade`, makes it a 500.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
}

impl Policy {
    /// The address that the request counts for, where one is known.
    pub(super) fn ip(&self, request: &Request<()>) -> Option<IpAddr> {
        match &self.find_ip {
            Some(find) => find(request),
            None => request.extensions().get::<PeerAddress>().map(|PeerAddress(address)| address.ip()),
        }
    }

    /// Asks the hooks, by the deadline, and makes the answer, but for the compression.
    pub(super) async fn judge(
        &self,
        request: &Request<()>,
        offer: &Offer,
        deadline: Instant,
    ) -> Result<Answer, Refusal> {
        if let Some(authorize) = &self.authorize {
            authorize(request, offer)?;
        }
        let Admission { protocol, headers } = match &self.authorize_async {
            Some(authorize) => match timeout_at(deadline, authorize(request, offer)).await {
                Ok(judgement) => judgement?,
                Err(_) => return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "no decision in time")),
            },
            None => Admission::default(),
        };
        let protocol = protocol.or_else(|| match &self.select_protocol {
            Some(select) => select(request, offer),
            None => offer.select_protocol(&self.protocols).map(str::to_owned),
        });
        Ok(Answer { protocol, headers, ..Answer::default() })
    }
}
