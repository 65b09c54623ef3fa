//! From a request to a WebSocket, on the bare TCP stream.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;
use tidegate::{Acceptor, PeerAddress, WebSocketStream};

use super::client::Client;
use super::head::{Framing, Head};
use super::places::Place;
use super::reply::{Reply, send, status_line};
use super::site::Handling;

/// Opens a WebSocket if the acceptor agrees, and runs `handler` for it in a task of its own; else answers why not.
///
/// No future here is over 1 KiB. What is goes back to what glibc cuts up for whoever comes next, and so would leave holes
/// between the connections that stay.
pub(crate) fn open<F>(
    head: &Head<'_>,
    client: Client,
    acceptor: &Acceptor,
    handler: impl FnOnce(WebSocketStream) -> F + Send + 'static,
) -> Handling
where
    F: Future<Output = ()> + Send + 'static,
{
    let Some(mut request) = head.to_request().filter(|_| head.framing() == Framing::None) else {
        return Box::pin(send(client.last(), Reply::reason(400, "this cannot open a WebSocket")));
    };
    if let Some(address) = client.address() {
        request.extensions_mut().insert(PeerAddress(address));
    }
    let acceptor = acceptor.clone();
    Box::pin(async move {
        let (response, accepted) = match Box::pin(acceptor.answer(request)).await {
            Ok((response, accepted)) => (encode(&response), accepted),
            Err(refusal) => return Box::pin(send(client.last(), refusal.into_response().into())).await,
        };
        if !client.write_all(&response, &[]).await {
            return None;
        }
        let (stream, already_read, place) = client.into_parts();
        // In a task of its own: what judged and answered was large, and what stays is small.
        accepted.run(stream, already_read, |socket| Placed { handling: handler(socket), _place: place });
        None
    })
}

pin_project! {
    /// What is done with a WebSocket, and its place among the connections.
    struct Placed<F> {
        #[pin]
        handling: F,
        _place: Place,
    }
}

impl<F: Future<Output = ()>> Future for Placed<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().handling.poll(cx)
    }
}

/// The head of a response that switches protocols.
pub(super) fn encode(response: &Response<()>) -> Vec<u8> {
    let mut head = status_line(response.status().as_u16()).into_bytes();
    for (name, value) in response.headers() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}
