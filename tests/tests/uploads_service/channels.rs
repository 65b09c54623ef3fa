//! Others follow an upload, by every door of a channel.

use tidegate::{Message, WebSocketStream};

use crate::server::{Server, TUS, bytes};

/// The channel that an answer links to.
fn channel_of(link: &str) -> String {
    let (target, rest) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
    assert_eq!(rest, "; rel=\"monitor\"");
    target.to_owned()
}

fn parse(text: &str) -> (u64, Option<u64>, bool, bool) {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    let is_gone = value.get("gone").is_some_and(|gone| gone.as_bool().unwrap());
    (
        value["offset"].as_u64().unwrap(),
        value["length"].as_u64(),
        value["complete"].as_bool().unwrap(),
        is_gone,
    )
}

#[tokio::test]
async fn progress_is_a_channel_by_all_doors() {
    let server = Server::start().await;
    let lines = format!("{TUS}upload-length: 3000000\r\n");
    let created = server.ask("POST", "/uploads", &lines, b"").await;
    let path = created.header("location");
    let channel = channel_of(created.header("link"));
    assert!(!path.contains(channel.rsplit('-').next().unwrap()));
    let socket = WebSocketStream::connect(format!("ws://{}{channel}", server.address)).unwrap();
    let opened = socket.opened().await.unwrap();
    let mut readable = opened.readable;
    let mut events = server.peer().await;
    events.head("GET", &channel, "accept: text/event-stream\r\n").await;

    assert_eq!(server.patch(path, 0, &bytes(1_000_000)).await.status, 204);
    // The same link finds it again.
    assert_eq!(channel_of(server.ask("HEAD", path, TUS, b"").await.header("link")), channel);
    assert_eq!(server.patch(path, 1_000_000, &bytes(2_000_000)).await.status, 204);
    let mut told = Vec::new();
    while told.last().is_none_or(|(_, _, is_complete, _)| !is_complete) {
        let Some(Message::Text(text)) = readable.read().await.unwrap() else { panic!("a text") };
        told.push(parse(&text));
    }
    assert_eq!(told[0], (0, Some(3_000_000), false, false));
    assert_eq!(*told.last().unwrap(), (3_000_000, Some(3_000_000), true, false));
    assert!(told.contains(&(1_000_000, Some(3_000_000), false, false)), "{told:?}");
    assert!(told.is_sorted_by_key(|(offset, ..)| *offset), "{told:?}");
    // One that comes later reads the same by polling, and is told when it goes.
    assert_eq!(server.ask("DELETE", path, TUS, b"").await.status, 204);
    let polled = server.ask("GET", &format!("{channel}?last=2"), "", b"").await;
    let polled: Vec<_> = polled.text().lines().map(parse).collect();
    assert_eq!(polled[0].2, true);
    assert_eq!(polled[1].3, true);
    let mut text = String::new();
    while !text.contains("\"gone\":true") {
        let mut buffer = [0; 4096];
        let length = tokio::io::AsyncReadExt::read(&mut events.stream, &mut buffer).await.unwrap();
        assert!(length > 0);
        text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    assert!(text.contains("data: {\"offset\":3000000,\"length\":3000000,\"complete\":true}"), "{text}");
}

/// Only the gateway speaks there.
#[tokio::test]
async fn nobody_else_publishes_progress() {
    let server = Server::start().await;
    let created = server.ask("POST", "/uploads", &format!("{TUS}upload-length: 3\r\n"), b"").await;
    let channel = channel_of(created.header("link"));
    assert_eq!(server.ask("POST", &channel, "", b"{}").await.status, 403);
    let socket = WebSocketStream::connect(format!("ws://{}{channel}", server.address)).unwrap();
    let mut opened = socket.opened().await.unwrap();
    opened.writable.write(Message::Text("{}".into())).await.unwrap();
    while let Ok(Some(_)) = opened.readable.read().await {}
    assert_eq!(socket.closed().await.unwrap().close_code, 1008);
    assert_eq!(server.ask("GET", &format!("{channel}?last=9"), "", b"").await.text().lines().count(), 1);
    // Others are as they were.
    assert_eq!(server.ask("POST", "/channels/uploads", "", b"hi").await.status, 200);
}
