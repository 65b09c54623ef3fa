//! The fire hose: it waits for a peer that does not read, and loses nothing when that reads on.

use std::time::Duration;

use serde_json::Value;
use tidegate::{Message, Opened, Readable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::{MEMORY, assert_grown_less_than, resident_bytes};
use crate::server::{Demo, upgrade};

const ID: &str = "0123456789abcdef01234567";

/// Opens a WebSocket by hand, and reads no more than the response.
pub(crate) async fn raw_open(mut stream: TcpStream, path: &str, host: &str) -> (TcpStream, String) {
    let headers = upgrade(&format!("http://{host}"));
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(head).unwrap())
}

async fn pushed(demo: &Demo, id: &str) -> Value {
    let response = demo.get(&format!("/firehose/pushed?id={id}")).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    serde_json::from_str(response.text()).unwrap()
}

/// Waits until the hose pushes no more for a while, and tells how much it has pushed.
async fn stalled_at(demo: &Demo, id: &str) -> u64 {
    let mut before = u64::MAX;
    loop {
        let now = pushed(demo, id).await["pushed"].as_u64().unwrap();
        if now == before && now > 0 {
            return now;
        }
        before = now;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn until_done(demo: &Demo, id: &str) -> Value {
    loop {
        let reading = pushed(demo, id).await;
        if reading["done"] == true {
            return reading;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Reads `count` messages, whose numbers follow `from`.
async fn drink(readable: &mut Readable, from: u64, count: u64, size: usize) {
    for number in from..from + count {
        let Some(Message::Binary(message)) = readable.read().await.unwrap() else { panic!("not binary") };
        assert_eq!(message.len(), size);
        assert_eq!(message[..8], number.to_be_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_makes_the_hose_wait_and_loses_nothing() {
    let _alone = MEMORY.lock().await;
    let demo = Demo::start().await;
    let before = resident_bytes();
    let (socket, Opened { mut readable, extensions, .. }) = demo.open(&format!("/firehose?id={ID}")).await;
    assert_eq!(extensions, "");
    let stalled = stalled_at(&demo, ID).await;
    assert!(stalled < 2 << 20, "{stalled} bytes were pushed to a peer that does not read");
    // Other tests run beside this one; the hose itself holds its high water mark.
    assert_grown_less_than(before, 4 << 20);

    drink(&mut readable, 0, 4096, 16 * 1024).await;
    let again = stalled_at(&demo, ID).await;
    assert!(again >= 64 << 20);
    drink(&mut readable, 4096, 64, 16 * 1024).await;

    socket.close(1000).unwrap();
    socket.closed().await.unwrap();
    let end = until_done(&demo, ID).await;
    assert_eq!(end["pushed"].as_u64().unwrap(), end["messages"].as_u64().unwrap() * 16 * 1024);
    assert!(end["pushed"].as_u64().unwrap() >= again);
}

#[tokio::test]
async fn a_close_is_seen_while_the_hose_waits() {
    let _alone = MEMORY.lock().await;
    let demo = Demo::start().await;
    let path = format!("/firehose?id={ID}");
    let (mut stream, head) = raw_open(demo.tcp().await, &path, &demo.address).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stalled_at(&demo, ID).await;
    assert_eq!(pushed(&demo, ID).await["done"], false);
    // A masked Close with 1000 and a key of zeros; not a byte is read.
    stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).await.unwrap();
    // Unseen it would end by a deadline for silence, after a minute.
    let seen = tokio::time::timeout(Duration::from_secs(40), until_done(&demo, ID)).await;
    assert!(seen.is_ok(), "the Close was not seen");
}

#[tokio::test]
async fn the_hose_is_turned_off_after_256_mib() {
    let _alone = MEMORY.lock().await;
    let demo = Demo::start().await;
    let (socket, Opened { mut readable, .. }) = demo.open(&format!("/firehose?size=1048576&id={ID}")).await;
    drink(&mut readable, 0, 256, 1 << 20).await;
    assert_eq!(readable.read().await.unwrap(), None);
    assert_eq!(socket.closed().await.unwrap().close_code, 1000);
    let end = until_done(&demo, ID).await;
    assert_eq!((end["pushed"].as_u64(), end["messages"].as_u64()), (Some(256 << 20), Some(256)));
}

#[tokio::test]
async fn messages_are_of_the_size_that_was_asked_for() {
    let _alone = MEMORY.lock().await;
    let demo = Demo::start().await;
    for size in [8, 9, 16_384, 1 << 20] {
        let (_socket, Opened { mut readable, .. }) = demo.open(&format!("/firehose?size={size}")).await;
        drink(&mut readable, 0, 3, size).await;
    }
    let (_socket, Opened { mut readable, .. }) = demo.open("/firehose?size=1").await;
    for number in 0..3u8 {
        assert_eq!(readable.read().await.unwrap(), Some(vec![number].into()));
    }
}

#[tokio::test]
async fn what_cannot_be_poured_is_refused_with_the_reason() {
    let demo = Demo::start().await;
    let upgrade = upgrade(&format!("http://{}", demo.address));
    for size in ["0", "1048577", "x", "-1", ""] {
        let response = demo.request("GET", &format!("/firehose?size={size}"), &upgrade).await;
        assert_eq!((response.status, response.text()), (400, "size must be 1 to 1048576 bytes\n"));
    }
    let response = demo.request("GET", "/firehose?id=12", &upgrade).await;
    assert_eq!((response.status, response.text()), (400, "id must be 24 hexadecimal digits\n"));
    assert_eq!(demo.get("/firehose/pushed").await.status, 400);
    assert_eq!(demo.get("/firehose/pushed?id=12").await.status, 400);
    assert_eq!(demo.get(&format!("/firehose/pushed?id={ID}")).await.status, 404);

    let (_socket, _opened) = demo.open(&format!("/firehose?id={ID}")).await;
    let response = demo.request("GET", &format!("/firehose?id={ID}"), &upgrade).await;
    assert_eq!((response.status, response.text()), (409, "this id is in use\n"));
}
