//! All requests of a connection that outlives what carries it (docs/sessions.md), on the bare TCP stream.
//!
//! An answer that stays open is a task with the client, the body, and what of it the client has not taken: a few hundred
//! bytes. Nothing is taken from a session before the client has taken what was sent before.

use std::future::{Future, poll_fn};
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::{Request, Response};
use http_body::{Body as _, Frame};
use tidegate::{Acceptor, Body, Connection, PeerAddress};
use tokio::time::{Sleep, sleep};

use super::body_error::BodyError;
use super::client::Client;
use super::date::date_line;
use super::head::{Framing, Head};
use super::incoming::{Incoming, Outbox};
use super::kept::Kept;
use super::reply::{Reply, send, status_line};
use super::site::Handling;
use super::upgrade;

/// For how long a client may take nothing of an answer, as at streams of channels. Its session is kept, and it may come
/// again.
const STALL: Duration = Duration::from_secs(600);

/// Answers any request of a [`Connection`]; `handler` runs for each that opens, in a task of its own.
pub(crate) fn carry<H, F>(head: &Head<'_>, client: Client, acceptor: &Acceptor, handler: H) -> Handling
where
    H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let Some(mut request) = head.to_request() else {
        return Box::pin(send(client.last(), Reply::reason(400, "this cannot be a request of a connection")));
    };
    if let Some(address) = client.address() {
        request.extensions_mut().insert(PeerAddress(address));
    }
    let (framing, acceptor) = (head.framing(), acceptor.clone());
    if head.method() == "GET" && framing == Framing::None && head.lists("upgrade", "websocket") {
        return Box::pin(open_socket(request, client, acceptor, handler));
    }
    Box::pin(async move {
        // What judges and answers is large, and short; what stays is small.
        let (client, response) = Box::pin(answer(request, framing, client, acceptor, handler)).await?;
        let client = Carrying::new(client, response).await?;
        if client.keeps_alive {
            return Some(client);
        }
        Box::pin(client.hang_up()).await;
        None
    })
}

async fn open_socket<H, F>(
    request: Request<()>,
    client: Client,
    acceptor: Acceptor,
    handler: H,
) -> Option<Client>
where
    H: Fn(Connection) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let (response, handover) = match acceptor.answer_any(request).await {
        Ok(answer) => answer,
        Err(refusal) => return send(client.last(), refusal.into_response().into()).await,
    };
    if client.write_all(&upgrade::encode(&response), &[]).await {
        let (stream, already_read, place) = client.into_parts();
        handover.start(Kept::new(stream, place), already_read, &handler);
    }
    None
}

/// The answer to a request, whose body has been read as far as that is needed. `None` when the client has gone.
async fn answer<H, F>(
    request: Request<()>,
    framing: Framing,
    mut client: Client,
    acceptor: Acceptor,
    handler: H,
) -> Option<(Client, Response<Body>)>
where
    H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    if framing == Framing::None {
        // It may be held for long.
        let response = tokio::select! {
            response = acceptor.respond(request.map(|()| Body::default()), &handler) => response,
            () = poll_fn(|cx| client.poll_gone(cx)) => return None,
        };
        return Some((client, response));
    }
    let ahead = client.take_ahead();
    let outbox = Outbox::new(&client);
    let mut incoming = Incoming::new(&client, ahead, &outbox, framing);
    let response = acceptor.respond(request.map(|()| Sent(&mut incoming)), &handler).await;
    let behind = incoming.finish();
    let unsent = outbox.into_pending();
    if !unsent.is_empty() && !client.write_all(&unsent, &[]).await {
        return None;
    }
    match behind {
        Some(behind) => client.put_back(behind),
        None => client = client.last_amid_body(),
    }
    Some((client, response))
}

/// The body of a request, as `respond` takes it.
struct Sent<'a, 'b>(&'a mut Incoming<'b>);

impl http_body::Body for Sent<'_, '_> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let piece = ready!(self.0.poll_piece(cx));
        Poll::Ready(piece.transpose().map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.length() == Some(0)
    }
}

/// An answer on its way, for as long as it lasts. Gives the client back when all of it is written, and nothing when it
/// has gone.
struct Carrying {
    // Taken at the end.
    client: Option<Client>,
    body: Body,
    /// What the client has not taken yet.
    out: Bytes,
    is_chunked: bool,
    /// Nothing follows.
    is_whole: bool,
    /// Runs while the client takes nothing.
    stall: Option<Pin<Box<Sleep>>>,
}

impl Carrying {
    fn new(mut client: Client, response: Response<Body>) -> Self {
        client.keeps_alive &= !client.is_leaving();
        let (parts, body) = response.into_parts();
        let length = body.size_hint().exact();
        let is_chunked = length.is_none() && client.is_http11;
        // Without chunks the end of the connection is the end of the body.
        client.keeps_alive &= length.is_some() || is_chunked;
        let mut head = status_line(parts.status.as_u16()).into_bytes();
        head.extend_from_slice(date_line().as_bytes());
        for (name, value) in &parts.headers {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
        match length {
            // RFC 9110 §8.6: this one may not carry a length.
            _ if parts.status == 204 => {}
            Some(length) => head.extend_from_slice(format!("content-length: {length}\r\n").as_bytes()),
            None if is_chunked => head.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            None => {}
        }
        head.extend_from_slice(match (client.keeps_alive, client.is_http11) {
            (true, true) => b"\r\n",
            (true, false) => b"connection: keep-alive\r\n\r\n",
            (false, _) => b"connection: close\r\n\r\n",
        });
        let is_whole = client.is_head;
        Self { client: Some(client), body, out: head.into(), is_chunked, is_whole, stall: None }
    }

    /// Writes what waits. An error when the client is gone, or takes nothing for too long.
    fn poll_flush(&mut self, cx: &mut Context<'_>, client: &Client) -> Poll<Result<(), ()>> {
        while !self.out.is_empty() {
            match client.poll_write(cx, &[IoSlice::new(&self.out)]) {
                Poll::Ready(Ok(length @ 1..)) => {
                    self.out.advance(length);
                    self.stall = None;
                }
                Poll::Ready(_) => return Poll::Ready(Err(())),
                Poll::Pending => {
                    let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(STALL)));
                    return stall.as_mut().poll(cx).map(|()| Err(()));
                }
            }
        }
        // What was sent is held no longer.
        self.out = Bytes::new();
        Poll::Ready(Ok(()))
    }

    fn take(&mut self, piece: Option<Bytes>) {
        self.is_whole = piece.is_none();
        self.out = match piece {
            Some(piece) if self.is_chunked => chunk(&piece),
            Some(piece) => piece,
            None if self.is_chunked => Bytes::from_static(b"0\r\n\r\n"),
            None => Bytes::new(),
        };
    }
}

/// A chunk (RFC 9112 §7.1), or nothing where there is nothing, since an empty one would be the last.
fn chunk(data: &Bytes) -> Bytes {
    if data.is_empty() {
        return Bytes::new();
    }
    let size = format!("{:x}\r\n", data.len());
    let mut chunk = BytesMut::with_capacity(size.len() + data.len() + 2);
    for part in [size.as_bytes(), data, b"\r\n"] {
        chunk.extend_from_slice(part);
    }
    chunk.freeze()
}

impl Future for Carrying {
    type Output = Option<Client>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Client>> {
        let this = &mut *self;
        let Some(mut client) = this.client.take() else { return Poll::Ready(None) };
        loop {
            match this.poll_flush(cx, &client) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(())) => return Poll::Ready(None),
                Poll::Pending => break,
            }
            if this.is_whole {
                return Poll::Ready(Some(client));
            }
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(frame) => {
                    this.take(frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok()));
                }
                Poll::Pending => {
                    if client.poll_gone(cx).is_ready() {
                        return Poll::Ready(None);
                    }
                    break;
                }
            }
        }
        this.client = Some(client);
        Poll::Pending
    }
}

#[test]
fn a_chunk_says_how_long_it_is() {
    assert_eq!(chunk(&Bytes::from_static(b"hello, world!!!!")), "10\r\nhello, world!!!!\r\n");
    assert_eq!(chunk(&Bytes::new()), "");
}
