//! What a server sends when it has nothing to say (docs/sessions.md, section 3).

use std::time::Duration;

use http_body_util::BodyExt;
use tokio::time::timeout;

use super::client::{Client, Http, LONG, ask, get};
use super::frames::{self, ATTACHED};
use super::rig::Server;

/// The type of PADDING.
const PADDING: u8 = 0x0b;

#[tokio::test]
async fn a_silent_stream_is_padded() {
    let server = Server::echo().await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    let frame = loop {
        let frame = stream.next().await;
        client.received += u64::from(frame.is_of_flow());
        if !frame.is_of_flow() {
            break frame;
        }
    };
    assert_eq!(frame.code, PADDING);
    // It is not counted.
    client.post(&frames::text("on")).await;
    assert_eq!(stream.next_message().await.text(), "on");
    client.received += 1;
    let attached = client.attach().await.next().await;
    assert_eq!((attached.code, attached.parameter_number(3)), (ATTACHED, Some(client.received)));
}

#[tokio::test]
async fn a_silent_event_stream_gets_a_comment() {
    let server = Server::echo().await;
    let (client, _stream) = Client::open(&server, "/echo", 1 << 18).await;
    let mut body = Http::connect(server.address).await.send(get(&client.target("sse"))).await.into_body();
    let mut events = String::new();
    while !events.contains("\n\n:\n\n") {
        let piece = timeout(LONG, body.frame()).await.expect("a piece in time").expect("a body that goes on");
        let data = piece.expect("a body that does not break").into_data().expect("data");
        events.push_str(std::str::from_utf8(&data).expect("text"));
    }
    assert!(events.starts_with("data: "), "{events}");
}

#[tokio::test]
async fn a_long_poll_is_answered_empty_after_its_time() {
    let server = Server::echo().await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    client.post(&frames::text("one")).await;
    while stream.next_message().await.text() != "one" {}
    drop(stream);
    // Whatever came is acknowledged by what is asked for next.
    let mut codes = Vec::new();
    while codes != [ATTACHED] {
        let target = format!("{}&wait=1", client.target("long-poll"));
        let answer = timeout(Duration::from_secs(60), ask(server.address, get(&target))).await;
        let frames = answer.expect("an answer in time").frames();
        client.received += frames.iter().filter(|frame| frame.is_of_flow()).count() as u64;
        codes = frames.iter().map(|frame| frame.code).collect();
    }
}
