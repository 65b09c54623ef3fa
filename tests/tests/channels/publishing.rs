//! Publishing by POST.

use tidegate_gateway::Settings;

use crate::server::Server;

const PATH: &str = "/channels/tides";

#[tokio::test]
async fn a_publication_is_text_of_bounded_length() {
    let server = Server::with(Settings::new().max_publication_bytes(1000)).await;
    let mut browser = server.browser();
    assert_eq!(browser.ask("POST", PATH, "", &"x".repeat(1000)).await.status, 200);
    let long = browser.ask("POST", PATH, "", &"x".repeat(1001)).await;
    assert_eq!((long.status, long.header("connection"), long.body.lines().count()), (413, Some("close"), 1));
    // The next one comes by another connection.
    assert_eq!(browser.ask("POST", PATH, "content-length: 0\r\n", "").await.status, 200);
    let mut raw = crate::front::Raw::open(&server).await;
    let not_text =
        raw.ask(b"POST /channels/tides HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n\xff\xfe").await;
    assert!(not_text.starts_with("HTTP/1.1 415 "), "{not_text}");
    // Its connection goes on.
    let fine = raw.ask(b"POST /channels/tides HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi").await;
    assert!(fine.starts_with("HTTP/1.1 200 "), "{fine}");
}

#[tokio::test]
async fn a_body_may_come_in_chunks() {
    let server = Server::start().await;
    let mut raw = crate::front::Raw::open(&server).await;
    let head = "POST /channels/tides HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let body = "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\n\r\n";
    let answer = raw.ask(format!("{head}{body}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    raw.send(head.as_bytes()).await;
    for byte in body.bytes() {
        raw.send(&[byte]).await;
    }
    let answer = raw.answer().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(server.get(PATH, "").await.body, "hello, world\nhello, world\n");
    let broken = raw.ask(format!("{head}nonsense\r\n").as_bytes()).await;
    assert!(broken.starts_with("HTTP/1.1 400 ") && broken.contains("Connection: close"), "{broken}");
}

#[tokio::test]
async fn who_waits_for_a_word_gets_it() {
    let server = Server::start().await;
    let mut raw = crate::front::Raw::open(&server).await;
    raw.send(
        b"POST /channels/tides HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n",
    )
    .await;
    assert_eq!(raw.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    let answer = raw.ask(b"hi").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // It is not asked for what is refused anyway.
    raw.send(
        b"POST /channels/tides HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 999999\r\n\r\n",
    )
    .await;
    let refused = raw.answer().await;
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
}
