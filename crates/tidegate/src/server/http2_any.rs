//! Connections of all transports over HTTP/2.

use std::future::Future;
use std::net::SocketAddr;

use http::{Method, Request, StatusCode};
use tidegate_proto::websocket::handshake::Refusal;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::acceptor::{AcceptError, Acceptor};
use super::http2::Http2Connection;
use crate::connection::Connection;
use crate::http::h2::{self, Responder};
use crate::http::{Asked, PeerAddress};

impl Acceptor {
    /// Answers the requests of a connection over HTTP/2, and runs the handler for each connection that opens.
    pub(super) async fn serve_any_http2<H, F>(
        &self,
        connection: Http2Connection,
        handler: &H,
        tasks: &TaskTracker,
    ) -> Result<(), AcceptError>
    where
        H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let Http2Connection { io, http2, peer, deadline, _slot } = connection;
        let header_bytes = self.settings.head_limits.byte_limit();
        let left = deadline.saturating_duration_since(Instant::now());
        let on_request = |request: Request<()>, responder| {
            let (acceptor, handler, tasks) = (self.clone(), handler.clone(), tasks.clone());
            tokio::spawn(async move {
                acceptor.answer_stream(request, responder, peer, &handler, &tasks).await;
            });
        };
        Ok(h2::serve(io, &http2, header_bytes, left, self.departed(), on_request).await?)
    }

    async fn answer_stream<H, F>(
        &self,
        mut request: Request<()>,
        responder: Responder,
        peer: Option<SocketAddr>,
        handler: &H,
        tasks: &TaskTracker,
    ) where
        H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(peer) = peer {
            request.extensions_mut().insert(PeerAddress(peer));
        }
        if request.headers().len() > self.settings.head_limits.header_limit() {
            let refusal = Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers");
            return responder.refuse(refusal.into_response()).await;
        }
        if request.method() != Method::CONNECT {
            let (body, mut exchange) = responder.exchange();
            let request = request.map(|()| body);
            let response = tokio::select! {
                response = self.respond_among(request, handler, tasks) => response,
                () = exchange.given_up() => return,
            };
            return exchange.answer(response).await;
        }
        match self.judge_websocket(&request).await {
            Ok((response, handover)) => {
                // Where the client has reset the stream already, nobody is left to tell.
                if let Ok(io) = responder.accept_seated(response) {
                    let asked = Asked::request_of(request);
                    handover.start(self, io, bytes::Bytes::new(), asked, handler, tasks);
                }
            }
            Err(refusal) => responder.refuse(refusal.into_response()).await,
        }
    }
}
