//! Section 10: the bytes on the page are the bytes on the wire.

use bytes::Bytes;
use tidegate_proto::credit::{Config, Violation};
use tidegate_proto::websocket::{CloseCode, Message};

use crate::peer::{End, frame, info};

/// The batches of the page, in order.
fn batches() -> Vec<Vec<u8>> {
    let page = include_str!("../../../../docs/protocol.md");
    let examples = page.split("## 10. Examples").nth(1).expect("there are examples");
    examples.lines().filter_map(|line| bytes_of(line.strip_prefix("  ")?)).collect()
}

fn bytes_of(line: &str) -> Option<Vec<u8>> {
    line.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).ok()).collect()
}

#[test]
fn the_conversation_goes_as_the_page_says() {
    let page = batches();
    let mut page = page.iter();
    let mut next = || page.next().expect("the page has one more batch");
    let mut client = End::new_client(Config::default(), &["chat"]);
    let mut server = End::new_server(Config::default().window(128).max_window(128), "chat");
    let (hello, welcome) = (next(), next());
    assert_eq!((&client.sends(), &server.sends()), (hello, welcome));
    server.gets(hello);
    client.gets(welcome);
    assert_eq!(client.endpoint.protocol(), "chat");
    assert_eq!(&server.sends(), next());

    client.gets(frame(6, [1]));
    client.endpoint.send("hi".into()).unwrap();
    client.endpoint.send(Message::Binary(Bytes::new())).unwrap();
    let batch = client.sends();
    assert_eq!(&batch, next());
    server.gets(batch);
    for _ in 0..3 {
        server.gets(next());
    }
    server.reads("hi").reads(&b""[..]);
    let grant = server.sends();
    server.reads("日本");
    assert_eq!(&grant, next());

    // The client of this test has not sent the parts itself, so that its count is another one.
    let mut client = End::new_client(Config::default(), &["chat"]);
    client.gets(welcome);
    client.endpoint.send("hi".into()).unwrap();
    client.endpoint.send(Message::Binary(Bytes::new())).unwrap();
    client.endpoint.send("日本".into()).unwrap();
    let _ = client.sends();
    client.gets(grant);
    client.endpoint.send("x".repeat(64).into()).unwrap();
    client.endpoint.send("waits".into()).unwrap();
    assert!(client.sends().ends_with(next()));
}

#[test]
fn messages_apart_are_as_the_page_says() {
    let page = batches();
    let [.., hi, one, two, last, _, _, _] = &page[..] else { panic!("the page has more batches") };
    let mut server = End::new_server(Config::default().apart(Some(3)), "");
    let welcome = server.sends();
    let mut client = End::new_client(Config::default(), &[]);
    client.gets(welcome);
    server.gets(client.sends());
    for message in ["hi".into(), Message::from(&one[..]), Message::from(&two[..])] {
        client.endpoint.send(message).unwrap();
    }
    client.endpoint.close(None, "").unwrap();
    let expected: [&[u8]; 5] = [hi, one, two, &[], last];
    assert_eq!(client.batches(), expected);
    for batch in expected {
        server.gets(batch);
    }
    server.reads("hi").reads(&one[..]).reads(&two[..]).reads_end(1005, "");
}

#[test]
fn the_ends_are_as_the_page_says() {
    let page = batches();
    let [.., bye, empty, failure] = &page[..] else { panic!("the page has three batches of END") };
    let mut client = End::client();
    client.endpoint.close(Some(CloseCode::NORMAL), "bye").unwrap();
    assert_eq!(&client.sends(), bye);
    let mut server = End::server();
    server.gets(bye).reads_end(1000, "bye");
    assert_eq!(&server.sends(), bye);
    assert_eq!(server.endpoint.poll_close(), Some(info(1000, "bye")));
    server = End::server();
    server.gets(empty).reads_end(1005, "");
    client = End::client();
    client.gets(failure).reads_end(1002, "tidegate.v1: no credit");
}

#[test]
fn the_batches_that_fail_do() {
    for (batch, violation) in [
        (&[0x10, 0x40, 0x02, 0x68, 0x69][..], Violation::VarintNotShortest),
        (&[0x10, 0x05, 0x68, 0x69], Violation::CutFrame),
        (&[0x08, 0x00], Violation::ReservedFrameType),
        (&[0x07, 0x01, 0x03], Violation::BadEnd),
        (&[0x05, 0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0], Violation::BadControlFrame),
    ] {
        let hex: Vec<String> = batch.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(include_str!("../../../../docs/protocol.md").contains(&hex.join(" ")));
        End::server().gets(batch).fails(violation);
    }
}
