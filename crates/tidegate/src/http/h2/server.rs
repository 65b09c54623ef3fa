//! The server's end of an HTTP/2 connection (RFC 9113, RFC 8441).

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ::h2::server::{Connection, SendResponse};
use ::h2::{Reason, RecvStream};
use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderName, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderValue, Method, Request, Response, Uri};
use tidegate_proto::websocket::handshake::ConnectProtocol;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::backlog::Backlog;
#[cfg(feature = "sessions")]
use super::backlog::Intake;
use super::error::Http2Error;
#[cfg(feature = "sessions")]
use super::exchange::{Exchange, RequestBody};
use super::io::Http2Io;
use super::paced::Paced;
use super::seats::{Seat, Seats};
use super::settings::Http2;

/// How long a client may take to go away once it is told to, and to read why it was refused.
const FAREWELL: Duration = Duration::from_secs(5);

/// A request that waits for its answer.
pub(crate) struct Responder {
    respond: SendResponse<Bytes>,
    incoming: RecvStream,
    backlog: Arc<Backlog>,
    is_head: bool,
    seat: Seat,
}

/// Serves a connection until it ends, and hands each request to `on_request`, which must not block: everything on
/// this connection waits for it. A connection without streams is ended after the idle timeout; once `leave` is ready,
/// no new streams come, and it ends with those that are open.
///
/// # Errors
///
/// When the connection did not end in order.
///
/// # Cancellation
///
/// Dropping the future drops the connection with all its streams.
pub(crate) async fn serve<T>(
    io: T,
    settings: &Http2,
    header_bytes: usize,
    handshake_timeout: Duration,
    leave: impl Future<Output = ()>,
    mut on_request: impl FnMut(Request<()>, Responder),
) -> Result<(), Http2Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = settings.server(header_bytes).handshake(Paced::new(io));
    let Ok(connection) = timeout(handshake_timeout, handshake).await else {
        return Err(Http2Error::Lost(std::io::ErrorKind::TimedOut.into()));
    };
    let mut connection = connection?;
    let carried = Carried { backlog: Backlog::new(), seats: Seats::new(Arc::new(Notify::new())) };
    // Handlers of streams that have ended may take a moment to end too.
    let limit = settings.streams() as usize * 2;
    let mut is_leaving = false;
    let mut leave = pin!(leave);
    let mut unused = pin!(carried.seats.free_for(settings.idle()));
    loop {
        tokio::select! {
            biased;
            next = next_request(&mut connection, &carried.backlog) => match next {
                None => return Ok(()),
                Some(next) => {
                    let (request, mut respond) = next?;
                    match carried.seats.take(limit) {
                        Some(seat) => {
                            let (request, responder) = carried.request(request, respond, seat);
                            on_request(request, responder);
                        }
                        None => respond.send_reset(Reason::REFUSED_STREAM),
                    }
                }
            },
            () = &mut unused => {
                if is_leaving {
                    return Ok(());
                }
                is_leaving = true;
                connection.graceful_shutdown();
                unused.set(carried.seats.free_for(FAREWELL));
            }
            () = &mut leave, if !is_leaving => {
                is_leaving = true;
                connection.graceful_shutdown();
                unused.set(carried.seats.free_for(FAREWELL));
            }
        }
    }
}

type Incoming = Result<(Request<RecvStream>, SendResponse<Bytes>), ::h2::Error>;

/// Drives the connection up to the next request.
async fn next_request<T>(connection: &mut Connection<Paced<T>, Bytes>, backlog: &Backlog) -> Option<Incoming>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut accept = pin!(connection.accept());
    std::future::poll_fn(|cx| {
        backlog.stash();
        accept.as_mut().poll(cx)
    })
    .await
}

/// What the streams of a connection share.
struct Carried {
    backlog: Arc<Backlog>,
    seats: Arc<Seats>,
}

impl Carried {
    fn request(
        &self,
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        seat: Seat,
    ) -> (Request<()>, Responder) {
        let (mut head, incoming) = request.into_parts();
        let is_head = head.method == Method::HEAD;
        if let Some(protocol) = head.extensions.remove::<::h2::ext::Protocol>() {
            head.extensions.insert(ConnectProtocol::new(protocol.as_str()));
        }
        // `:authority` stands in for `Host`, and wins over one that is there (RFC 9113 §8.3.1).
        let uri = std::mem::take(&mut head.uri).into_parts();
        if let Some(authority) = &uri.authority
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            head.headers.insert(HOST, host);
        }
        // The target in the form that it has over HTTP/1.1.
        head.uri = uri.path_and_query.map_or_else(Uri::default, Uri::from);
        let backlog = self.backlog.clone();
        let responder = Responder { respond, incoming, backlog, is_head, seat };
        (Request::from_parts(head, ()), responder)
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.backlog.close();
    }
}

impl Responder {
    /// Opens the stream with `response`. The seat is the caller's to keep until it is done with the stream.
    ///
    /// # Errors
    ///
    /// When the client has reset the stream already.
    pub(crate) fn accept(mut self, response: Response<()>) -> Result<(Http2Io, Seat), Http2Error> {
        let outgoing = self.respond.send_response(response, false)?;
        Ok((Http2Io::new(self.incoming, outgoing, self.backlog, None), self.seat))
    }

    /// As [`accept`](Self::accept), with the seat taken for as long as the stream is there.
    #[cfg(feature = "sessions")]
    pub(crate) fn accept_seated(mut self, response: Response<()>) -> Result<Http2Io, Http2Error> {
        let outgoing = self.respond.send_response(response, false)?;
        Ok(Http2Io::new(self.incoming, outgoing, self.backlog, Some(self.seat)))
    }

    /// The body of the request, and the answer that it waits for.
    #[cfg(feature = "sessions")]
    pub(crate) fn exchange(self) -> (RequestBody, Exchange) {
        let Self { respond, incoming, backlog, is_head, seat } = self;
        let intake = Intake::new(incoming, backlog);
        (RequestBody::new(intake.clone()), Exchange { respond, intake, is_head, seat })
    }

    /// Answers with `response` and ends the stream.
    pub(crate) async fn refuse(mut self, response: Response<String>) {
        let (mut head, body) = response.into_parts();
        for name in [CONNECTION, UPGRADE, TRANSFER_ENCODING, KEEP_ALIVE, PROXY_CONNECTION] {
            // HTTP/2 has no such headers (RFC 9113 §8.2.2).
            head.headers.remove(name);
        }
        let has_no_body = self.is_head || body.is_empty();
        let head = Response::from_parts(head, ());
        let Ok(outgoing) = self.respond.send_response(head, has_no_body) else { return };
        if has_no_body {
            return;
        }
        let mut io = Http2Io::new(self.incoming, outgoing, self.backlog, None);
        // The client is refused either way; whether it stays to read why is its own affair.
        let _ = timeout(FAREWELL, async {
            io.write_all(body.as_bytes()).await?;
            io.shutdown().await
        })
        .await;
    }
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
