//! The end of a session (docs/sessions.md, section 7).

use std::time::Duration;

use http::StatusCode;
use tidegate::{Acceptor, CloseCode, Connection, Credits};
use tokio::sync::mpsc;

use super::client::{Client, ask, get};
use super::frames::{self, DETACHED, END};
use super::rig::{Server, acceptor};

/// A server that tells how each connection ended.
async fn telling(
    close: Option<(u16, &'static str)>,
) -> (Server, mpsc::Receiver<Result<(u16, String), Option<u16>>>) {
    telling_by(acceptor(), close).await
}

async fn telling_by(
    acceptor: Acceptor,
    close: Option<(u16, &'static str)>,
) -> (Server, mpsc::Receiver<Result<(u16, String), Option<u16>>>) {
    let (tell, told) = mpsc::channel(8);
    let server = Server::start(acceptor, move |connection: Connection| {
        let tell = tell.clone();
        async move {
            let ended = match close {
                Some(close) => {
                    let _ = connection.close(close);
                    connection.closed().await
                }
                None => {
                    let Ok(opened) = connection.opened().await else { return };
                    let _ = opened.readable.pipe_to(opened.writable).await;
                    connection.closed().await
                }
            };
            let ended = ended
                .map(|info| (info.close_code.get(), info.reason))
                .map_err(|error| error.close_code().map(CloseCode::get));
            tell.send(ended).await.expect("somebody listens");
        }
    })
    .await;
    (server, told)
}

#[tokio::test]
async fn the_client_ends_it() {
    let (server, mut told) = telling(None).await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    client.post(&[frames::text("last"), frames::end(1000, "bye")].concat()).await;
    let mut seen = Vec::new();
    while let Some(frame) = stream.try_next().await {
        client.received += u64::from(frame.is_of_flow());
        seen.push(frame);
    }
    let end = &seen[seen.len() - 2];
    assert_eq!((end.code, &end.payload[..]), (END, &[&1000_u16.to_be_bytes()[..], b"bye"].concat()[..]));
    let last = &seen[seen.len() - 1];
    assert_eq!((last.code, last.number()), (DETACHED, 3));
    assert_eq!(told.recv().await, Some(Ok((1000, "bye".into()))));
    // It is kept until the client has acknowledged the END.
    let again = client.received - 1;
    let target = format!("/?transport=poll&session={}&after={again}", client.id);
    let codes: Vec<_> =
        ask(server.address, get(&target)).await.frames().iter().map(|frame| frame.code).collect();
    assert_eq!(codes[1..], [END, DETACHED]);
    assert_eq!(client.post(&[]).await.status, StatusCode::NO_CONTENT);
    while ask(server.address, get(&client.target("poll"))).await.status != StatusCode::NOT_FOUND {}
}

#[tokio::test]
async fn the_server_ends_it() {
    let (server, mut told) = telling(Some((4321, "over"))).await;
    let (mut client, mut stream) = Client::open(&server, "/", 1 << 18).await;
    let end = loop {
        let frame = stream.next().await;
        client.received += 1;
        if frame.code == END {
            break frame;
        }
    };
    assert_eq!(end.payload, [&4321_u16.to_be_bytes()[..], b"over"].concat());
    client.post(&frames::end(4321, "over")).await;
    let last = stream.next().await;
    assert_eq!((last.code, last.number()), (DETACHED, 3));
    assert_eq!(stream.try_next().await, None);
    assert_eq!(told.recv().await, Some(Ok((4321, "over".into()))));
}

#[tokio::test]
async fn an_end_waits_for_a_client_that_is_away() {
    let time = Duration::from_millis(100);
    let acceptor = acceptor().credits(Credits::default().close_timeout(time));
    let (server, mut told) = telling_by(acceptor, Some((4321, "over"))).await;
    let (mut client, stream) = Client::open(&server, "/", 1 << 18).await;
    drop(stream);
    // Several times what a peer that is there has for its END.
    tokio::time::sleep(8 * time).await;
    assert!(told.try_recv().is_err(), "given up, though the session is kept");
    let mut stream = client.attach().await;
    while stream.next().await.code != END {}
    client.received += 1;
    client.post(&frames::end(4321, "over")).await;
    assert_eq!(told.recv().await, Some(Ok((4321, "over".into()))));
}

#[tokio::test]
async fn a_broken_rule_of_the_conversation_ends_it_too() {
    let (server, mut told) = telling(None).await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    // A part of no message.
    client.post(&frames::frame(0x15, b"x")).await;
    let mut seen = Vec::new();
    while let Some(frame) = stream.try_next().await {
        seen.push(frame);
    }
    let end = &seen[seen.len() - 2];
    assert_eq!((end.code, &end.payload[2..]), (END, &b"tidegate.v1: part of nothing"[..]));
    assert_eq!((seen[seen.len() - 1].code, seen[seen.len() - 1].number()), (DETACHED, 3));
    assert_eq!(told.recv().await, Some(Err(Some(1006))));
}

#[tokio::test]
async fn a_server_that_goes_away_ends_its_sessions_in_order() {
    let connections = tidegate::Connections::new();
    let server = Server::start(acceptor().connections(connections.clone()), super::rig::echo).await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    // A connection that was let in before.
    let mut http = super::client::Http::connect(server.address).await;
    http.ask(client.post_request(client.sent, &[])).await;
    let leaving = tokio::spawn(async move { connections.shut_down(super::client::LONG).await });
    let end = loop {
        let frame = stream.next().await;
        client.received += 1;
        if frame.code == END {
            break frame;
        }
    };
    assert_eq!(end.payload, [&1001_u16.to_be_bytes()[..], b"going away"].concat());
    let request = client.post_request(client.sent, &frames::end(1001, "going away"));
    assert_eq!(http.ask(request).await.status, StatusCode::NO_CONTENT);
    while let Some(frame) = stream.try_next().await {
        assert_eq!((frame.code, frame.number()), (DETACHED, 3));
    }
    let drained = leaving.await.expect("no panic");
    assert_eq!((drained.closed, drained.cut_off), (1, 0));
}
