//! Uploads behind the gateway's own front, and as channels.

mod body;
mod news;

use bytes::Bytes;
use http::Response;
use tokio::sync::mpsc;

use crate::front::{Client, Framing, Handling, Head, Incoming, Outbox, Reply, send, send_head};
use crate::upload::Content;
use crate::upload::Reception;
use crate::upload::call::Interim;
use crate::upload::store::StoreError;
use body::{Body, Interims};
pub(crate) use news::{News, is_news};

/// Answers a request on uploads.
pub(crate) fn handle(reception: &Reception, head: &Head<'_>, mut client: Client) -> Handling {
    let Some(request) = head.to_request() else {
        return Box::pin(send(client.last(), Reply::reason(400, "this is no request for uploads")));
    };
    let (parts, ()) = request.into_parts();
    let (framing, reception) = (head.framing(), reception.clone());
    Box::pin(async move {
        let (response, rest, pending) = respond(&reception, &parts, framing, &mut client).await;
        let client = match rest {
            Some(rest) => {
                client.put_back(rest);
                client
            }
            None => client.last_amid_body(),
        };
        if !pending.is_empty() && !client.write_all(&pending, &[]).await {
            return None;
        }
        let (head, content) = response.into_parts();
        match content {
            Content::Bytes(bytes) => send(client, Response::from_parts(head, bytes).into()).await,
            Content::File { length, pieces } => {
                let reply = Reply::from(Response::from_parts(head, Bytes::new())).sized(length);
                send_file(client, reply, length, pieces).await
            }
        }
    })
}

/// The answer; what was read behind the body, if that has come whole; and what is to be sent before.
async fn respond(
    reception: &Reception,
    head: &http::request::Parts,
    framing: Framing,
    client: &mut Client,
) -> (Response<Content>, Option<Vec<u8>>, Vec<u8>) {
    let ahead = client.take_ahead();
    let outbox = Outbox::new(client);
    let mut body = Body(Incoming::new(client, ahead, &outbox, framing));
    let mut interims = Interims(&outbox);
    let interim = outbox.is_open().then_some(&mut interims as &mut dyn Interim);
    let response = reception.answer(head, &mut body, interim).await;
    let rest = body.0.finish();
    (response, rest, outbox.into_pending())
}

async fn send_file(
    client: Client,
    reply: Reply,
    mut left: u64,
    mut pieces: mpsc::Receiver<Result<Bytes, StoreError>>,
) -> Option<Client> {
    if !send_head(&client, &reply).await {
        return Some(client).filter(|client| client.is_head && client.keeps_alive);
    }
    while left > 0 {
        // Less than was announced: the client sees it by the connection that breaks off.
        let piece = pieces.recv().await?.ok()?;
        left = left.checked_sub(piece.len() as u64)?;
        if !client.write_all(&piece, &[]).await {
            return None;
        }
    }
    if client.keeps_alive {
        return Some(client);
    }
    client.hang_up().await;
    None
}
