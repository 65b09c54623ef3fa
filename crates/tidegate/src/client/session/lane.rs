//! One connection for requests, kept open from one to the next.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::error::TransportError;
use super::way::{Ask, Way};
use crate::http::tls::Alpn;
use crate::http::url::is_secure;
use crate::http::{connect_offering, redirect};

/// A connection to a server, made when it is needed. One request at a time: the answer's body comes first.
#[derive(Debug, Default)]
pub(super) struct Lane {
    sender: Option<Sender>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What HTTP/1.1 may hold of an answer that nobody reads.
const READ_BYTES: usize = 64 << 10;

/// The same over HTTP/2.
const WINDOW_BYTES: u32 = 64 << 10;

impl Lane {
    /// Sends a request and waits for the head of the answer. A connection that was kept and turns out to be gone is
    /// replaced once: by its numbers a server knows what it has seen.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes the connection.
    pub(super) async fn send(&mut self, way: &Way, ask: &Ask) -> Result<Response<Incoming>, TransportError> {
        if let Some(mut sender) = self.sender.take()
            && let Ok(response) = sender.send(way, ask).await
        {
            self.sender = Some(sender);
            return Ok(response);
        }
        let mut sender = Sender::connect(way).await?;
        let response = sender.send(way, ask).await?;
        self.sender = Some(sender);
        Ok(response)
    }

    /// As [`send`](Self::send), but follows redirects, of which `way` keeps the last.
    pub(super) async fn follow(
        &mut self,
        way: &mut Way,
        ask: &Ask,
        max_redirects: u8,
    ) -> Result<Response<Incoming>, TransportError> {
        for _ in 0..=max_redirects {
            let response = self.send(way, ask).await?;
            if max_redirects == 0 {
                return Ok(response);
            }
            let asked = way.url_with(&ask.parameters);
            let Some(location) = redirect::location(&asked, &response)? else { return Ok(response) };
            *way = way.redirected(&location);
            self.sender = None;
        }
        Err(redirect::RedirectError::TooMany(max_redirects).into())
    }
}

impl Sender {
    async fn connect(way: &Way) -> Result<Self, TransportError> {
        let (io, is_http2) = connect_offering(&way.url, &way.connect, Alpn::Http2).await?;
        if is_http2 && is_secure(&way.url) {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .timer(TokioTimer::new())
                .initial_stream_window_size(WINDOW_BYTES)
                .initial_connection_window_size(WINDOW_BYTES);
            let (sender, connection) = builder.handshake(TokioIo::new(io)).await?;
            // It ends with the sender and the answers.
            tokio::spawn(connection);
            return Ok(Self::Http2(sender));
        }
        let mut builder = http1::Builder::new();
        builder.max_buf_size(READ_BYTES);
        let (sender, connection) = builder.handshake(TokioIo::new(io)).await?;
        tokio::spawn(connection);
        Ok(Self::Http1(sender))
    }

    async fn send(&mut self, way: &Way, ask: &Ask) -> Result<Response<Incoming>, TransportError> {
        let request: Request<_> = way.request(ask, matches!(self, Self::Http2(_)))?;
        Ok(match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        })
    }
}
