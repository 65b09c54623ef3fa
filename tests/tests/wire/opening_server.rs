//! A server and those who ask it for something else than a WebSocket, or ask wrongly, slowly or for ever.

use std::net::SocketAddr;
use std::time::Duration;

use tidegate::{AcceptError, Acceptor, Opened, OriginPolicy};
use tokio::net::{TcpListener, TcpStream};

use tidegate_tests::raw::{Raw, TEXT, request, soon};

/// A server that echoes.
async fn echo(acceptor: Acceptor) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let echo = |socket: tidegate::WebSocketStream| async move {
            let Ok(Opened { readable, writable, .. }) = socket.opened().await else { return };
            let _ = readable.pipe_to(writable).await;
        };
        acceptor.serve(listener, echo).await
    });
    address
}

async fn connect(address: SocketAddr) -> Raw {
    Raw::client(TcpStream::connect(address).await.expect("it listens"))
}

/// What the whole answer to `request` is, up to the end of the stream.
async fn answer(address: SocketAddr, request: &[u8]) -> String {
    let mut peer = connect(address).await;
    peer.sends(request).await;
    String::from_utf8(peer.receives_rest().await).expect("an answer is text")
}

/// The answer refuses with this status, in a short plain text that holds `why`.
#[track_caller]
fn refuses(answer: &str, status: u16, why: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with(&format!("http/1.1 {status} ")), "{status}: {answer}");
    assert!(head.contains("\r\ncontent-type: text/plain"), "{answer}");
    assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())), "{answer}");
    assert!(body.to_ascii_lowercase().contains(why), "{why:?} in {body:?}");
    assert!(body.len() < 200, "{body}");
}

fn without(line: &str) -> String {
    let whole = request("");
    assert!(whole.contains(line), "{line}");
    whole.lines().filter(|kept| !kept.starts_with(line)).map(|kept| format!("{kept}\r\n")).collect()
}

fn with(line: &str, other: &str) -> String {
    request("").replace(line, other)
}

#[tokio::test]
async fn what_opens_no_websocket_is_told_why_and_which_version_would() {
    let address = echo(Acceptor::new()).await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    for (request, status, why) in [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 426, "upgrade"),
        (without("Upgrade:"), 426, "upgrade"),
        (with("Upgrade: websocket", "Upgrade: h2c"), 426, "upgrade"),
        (with("Connection: Upgrade", "Connection: keep-alive"), 426, "upgrade"),
        (without("Sec-WebSocket-Version:"), 426, "version"),
        (with("Version: 13", "Version: 8"), 426, "version must be 13"),
        (with("Version: 13", "Version: 13, 8"), 426, "version must be 13"),
        (with("Version: 13", "Version: 14"), 426, "version must be 13"),
        (without("Sec-WebSocket-Key:"), 400, "key"),
        (with(key, "Sec-WebSocket-Key: "), 400, "16 bytes in base64"),
        (with(key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"), 400, "16 bytes in base64"),
        (with(key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE="), 400, "16 bytes in base64"),
        (request(&format!("{key}\r\n")), 400, "more than one sec-websocket-key"),
        (with("GET ", "POST "), 400, "get"),
        (with("GET ", "CONNECT "), 400, ""),
        (with("HTTP/1.1", "HTTP/1.0"), 400, "http/1.1"),
        (without("Host:"), 400, "host"),
        (request("Sec-WebSocket-Protocol: a, a\r\n"), 400, "twice"),
        (request("Sec-WebSocket-Protocol: a b\r\n"), 400, "tokens"),
        (request("Sec-WebSocket-Extensions: permessage-deflate; =\r\n"), 400, "extensions"),
        (request("Content-Length: 5\r\n"), 400, "body"),
    ] {
        let answer = answer(address, request.as_bytes()).await;
        refuses(&answer, status, why);
        let is_handshake = !request.starts_with("CONNECT") && !request.contains("Content-Length");
        let tells_version = answer.to_ascii_lowercase().contains("\r\nsec-websocket-version: 13\r\n");
        assert!(tells_version || !is_handshake, "{request} got {answer}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_told_so_and_ended() {
    let address = echo(Acceptor::new()).await;
    refuses(&answer(address, b"hello\r\n\r\n").await, 400, "first line");
    refuses(&answer(address, request("bad header\r\n").as_bytes()).await, 400, "header");
    refuses(&answer(address, request("X: a\n").as_bytes()).await, 400, "line ending");
    refuses(&answer(address, b"GET / HTTP/3.0\r\nHost: h\r\n\r\n").await, 505, "version");
    // Nobody who speaks TLS would understand an answer.
    assert_eq!(answer(address, b"\x16\x03\x01\x02\x00\x01").await, "");
}

#[tokio::test]
async fn an_origin_that_may_not_is_403() {
    let address = echo(Acceptor::new().origins(OriginPolicy::SameOrigin)).await;
    let request = request("Origin: https://evil.example\r\n");
    refuses(&answer(address, request.as_bytes()).await, 403, "origin");
}

#[tokio::test]
async fn a_head_over_the_limit_is_431_and_ends() {
    let address = echo(Acceptor::new()).await;
    let long_line = request(&format!("X-Long: {}\r\n", "a".repeat(20_000)));
    refuses(&answer(address, long_line.as_bytes()).await, 431, "16384 bytes");
    let many_lines = request(&"X: y\r\n".repeat(200));
    refuses(&answer(address, many_lines.as_bytes()).await, 431, "100 headers");
}

/// RUSTSEC-2023-0065: a head that is parsed anew for each byte takes quadratic time.
#[tokio::test]
async fn a_head_over_the_limit_that_comes_byte_by_byte_is_431() {
    let address = echo(Acceptor::new()).await;
    let mut peer = connect(address).await;
    let endless = request(&format!("X-Long: {}\r\n", "a".repeat(20_000)));
    for byte in &endless.as_bytes()[..16 * 1024] {
        peer.sends([*byte]).await;
    }
    refuses(&String::from_utf8(peer.receives_rest().await).expect("text"), 431, "16384 bytes");
}

/// Closing with unread bytes would reset the connection, and destroy the answer on its way.
#[tokio::test]
async fn a_refused_client_that_goes_on_sending_still_reads_why() {
    let address = echo(Acceptor::new()).await;
    let mut request = b"POST / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec();
    request.resize(200_000, b'x');
    refuses(&answer(address, &request).await, 400, "get");
}

#[tokio::test]
async fn a_handshake_that_comes_byte_by_byte_succeeds_with_what_came_behind_it() {
    let address = echo(Acceptor::new()).await;
    let mut peer = connect(address).await;
    let mut bytes = request("").into_bytes();
    bytes.extend(peer.frame(TEXT, "at once"));
    for byte in bytes {
        peer.sends([byte]).await;
    }
    let head = peer.receives_head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    // RFC 6455 §1.3: the answer to the key of its example.
    assert!(head.contains("\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
    peer.receives(TEXT, "at once").await;
}

#[tokio::test]
async fn frames_in_the_same_packet_as_the_request_are_not_lost() {
    let address = echo(Acceptor::new()).await;
    let mut peer = connect(address).await;
    let frames = [peer.frame(TEXT, "1"), peer.frame(TEXT, vec![b'2'; 5000])].concat();
    peer.sends([request("").as_bytes(), &frames].concat()).await;
    peer.receives_head().await;
    peer.receives(TEXT, "1").await;
    peer.receives(TEXT, vec![b'2'; 5000]).await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_ends_is_408_once_it_has_begun() {
    for sent in ["", "G", "GET / HT", &request("X: y\r\n")[..100]] {
        let (near, far) = tokio::io::duplex(4096);
        let mut peer = Raw::client(far);
        peer.sends(sent).await;
        let timeout = Duration::from_secs(3);
        let acceptor = Acceptor::new().handshake_timeout(timeout);
        let accept = tokio::spawn(async move { acceptor.accept(near).await });
        if !sent.is_empty() {
            let head = peer.receives_head().await;
            assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{head}");
            assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
            assert_eq!(peer.receives_rest().await, b"the request did not come whole within 3s\n");
        }
        peer.sees_the_end("the stream is dropped").await;
        let error = accept.await.unwrap().expect_err("it never ends");
        assert!(matches!(error, AcceptError::HandshakeTimedOut(after) if after == timeout), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_never_decides_is_503_in_time() {
    let (near, far) = tokio::io::duplex(4096);
    let mut peer = Raw::client(far);
    peer.sends(request("")).await;
    let acceptor = Acceptor::new()
        .handshake_timeout(Duration::from_secs(3))
        .authorize_async(|_, _| Box::pin(std::future::pending()));
    let accept = tokio::spawn(async move { acceptor.accept(near).await });
    let head = peer.receives_head().await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!(peer.receives_rest().await, b"no decision in time\n");
    let error = accept.await.unwrap().expect_err("nobody let it in");
    assert!(matches!(error, AcceptError::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn a_client_that_goes_away_within_its_request_is_no_trouble() {
    let (near, far) = tokio::io::duplex(4096);
    let mut peer = Raw::client(far);
    peer.sends("GET / HTTP/1.1\r\nHost").await;
    drop(peer);
    let error = soon(Acceptor::new().accept(near)).await.expect_err("it has gone");
    assert!(matches!(error, AcceptError::Head(_)), "{error:?}");
}

#[tokio::test]
async fn refused_clients_never_reach_the_handler_and_others_go_on() {
    let address = echo(Acceptor::new()).await;
    let mut kept = connect(address).await;
    kept.asks("").await;
    answer(address, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    kept.sends_frame(TEXT, "still here").await;
    kept.receives(TEXT, "still here").await;
}
