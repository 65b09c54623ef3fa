//! Rules 1 to 8: how a connection opens, or does not.

use std::time::Duration;

use tidegate::{ApiMisuse, CancellationToken, Cause, Opened, WebSocketError, WebSocketStream};
use tidegate_proto::websocket::handshake::Answer;
use tidegate_tests::raw::{BOTH, Raw, halves, open, soon, without_deflate};
use tokio::net::{TcpListener, TcpStream};

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    (listener, url)
}

/// Both promises of a connection that did not open.
async fn both(socket: &WebSocketStream) -> (WebSocketError, WebSocketError) {
    let opened = soon(socket.opened()).await.err().expect("it does not open");
    let closed = soon(socket.closed()).await.expect_err("it was never open");
    assert_eq!(opened.close_code(), None);
    assert_eq!(closed.close_code().expect("a code").get(), 1006);
    assert_eq!(closed.reason(), "");
    (opened, closed)
}

#[tokio::test]
async fn rule_02_the_url_is_judged_at_once_and_rewritten() {
    for (given, rewritten) in [
        ("http://127.0.0.1:1/x", "ws://127.0.0.1:1/x"),
        ("https://127.0.0.1:1", "wss://127.0.0.1:1/"),
        ("WS://127.0.0.1:1/?q", "ws://127.0.0.1:1/?q"),
    ] {
        assert_eq!(WebSocketStream::connect(given).expect("a good URL").url(), rewritten);
    }
    for bad in ["ftp://h/", "/relative", "ws://h/#", "ws://h/#f", "ws://", "mailto:x@y"] {
        let error = WebSocketStream::connect(bad).expect_err("a bad URL");
        assert!(matches!(error.cause(), Cause::InvalidUrl(_)), "{bad}: {error:?}");
    }
}

#[tokio::test]
async fn rule_03_protocols_are_tokens_and_none_comes_twice() {
    for bad in [vec![""], vec!["a b"], vec!["a,b"], vec!["é"], vec!["a", "a"], vec!["a", "A"]] {
        let error = WebSocketStream::builder("ws://127.0.0.1:1/").protocols(bad.clone()).connect();
        let error = error.expect_err("bad protocols");
        assert!(matches!(error.cause(), Cause::InvalidRequest(_)), "{bad:?}: {error:?}");
    }
}

#[tokio::test]
async fn rule_04_a_signal_that_was_cancelled_before_connects_nowhere() {
    let (listener, url) = listen().await;
    let signal = CancellationToken::new();
    signal.cancel();
    let socket = WebSocketStream::builder(&url).signal(signal.clone()).connect().expect("a good URL");
    let (opened, closed) = both(&socket).await;
    assert!(matches!(opened.cause(), Cause::Aborted) && matches!(closed.cause(), Cause::Aborted));
    // The next connection is the first that the listener sees.
    let other = TcpStream::connect(listener.local_addr().expect("it is bound")).await.expect("it listens");
    let (_, from) = soon(listener.accept()).await.expect("it has connected");
    assert_eq!(from, other.local_addr().expect("it is connected"));
    // Our answer to a hole: a bad URL is told first.
    let bad = WebSocketStream::builder("nonsense").signal(signal).connect();
    assert!(matches!(bad.expect_err("a bad URL").cause(), Cause::InvalidUrl(_)));
}

#[tokio::test]
async fn rule_05_a_signal_matters_while_connecting_only() {
    let (listener, url) = listen().await;
    let signal = CancellationToken::new();
    let socket = WebSocketStream::builder(&url).signal(signal.clone()).connect().expect("a good URL");
    let mut peer = Raw::server(soon(listener.accept()).await.expect("it connects").0);
    peer.receives_head().await;
    signal.cancel();
    let (opened, _) = both(&socket).await;
    assert!(matches!(opened.cause(), Cause::Aborted));
    peer.sees_the_end("the signal closes the socket").await;

    let signal = CancellationToken::new();
    let socket = WebSocketStream::builder(&url).signal(signal.clone()).connect().expect("a good URL");
    let mut peer = Raw::server(soon(listener.accept()).await.expect("it connects").0);
    peer.answers(without_deflate(), |_| ()).await;
    let Opened { mut readable, .. } = halves(&socket).await;
    signal.cancel();
    peer.sends_frame(0x81, "still open").await;
    assert_eq!(soon(readable.read()).await.expect("it is open"), Some("still open".into()));
}

#[tokio::test]
async fn rule_06_protocols_that_were_asked_for_must_be_answered() {
    for (selected, works) in [(Some("b"), true), (None, false), (Some("c"), false)] {
        let (listener, url) = listen().await;
        let socket = WebSocketStream::builder(&url).protocols(["a", "b"]).connect().expect("a good URL");
        let mut peer = Raw::server(soon(listener.accept()).await.expect("it connects").0);
        peer.answers(without_deflate(), |response| {
            if let Some(protocol) = selected {
                let value = protocol.parse().expect("a header value");
                response.headers_mut().insert("sec-websocket-protocol", value);
            }
        })
        .await;
        if works {
            assert_eq!(halves(&socket).await.protocol, "b");
        } else {
            let (opened, _) = both(&socket).await;
            assert!(matches!(opened.cause(), Cause::Handshake(_)), "{selected:?}: {opened:?}");
        }
    }
}

#[tokio::test]
async fn rule_07_opened_gives_both_halves_and_two_strings_and_gives_them_once() {
    for role in BOTH {
        let (_peer, socket) = open(role).await;
        let Opened { protocol, extensions, .. } = halves(&socket).await;
        assert_eq!((protocol.as_str(), extensions.as_str()), ("", ""));
        let again = soon(socket.opened()).await.err().expect("the halves are gone");
        assert!(matches!(again.cause(), Cause::OpenedTwice), "{again:?}");
    }
    let (listener, url) = listen().await;
    let socket = WebSocketStream::connect(&url).expect("a good URL");
    let mut peer = Raw::server(soon(listener.accept()).await.expect("it connects").0);
    peer.answers(Answer::default(), |_| ()).await;
    assert_eq!(halves(&socket).await.extensions, "permessage-deflate");
}

#[tokio::test]
async fn rule_08_a_connection_that_does_not_open_fails_both_promises() {
    let (listener, url) = listen().await;
    for head in
        ["HTTP/1.1 404 Not Found\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "garbage\r\n\r\n"]
    {
        let socket = WebSocketStream::connect(&url).expect("a good URL");
        let mut peer = Raw::server(soon(listener.accept()).await.expect("it connects").0);
        peer.receives_head().await;
        peer.sends(head).await;
        both(&socket).await;
    }
    // close() while connecting is the same failure.
    let socket = WebSocketStream::connect(&url).expect("a good URL");
    socket.close((3000, "never mind")).expect("a good code");
    both(&socket).await;
    drop(listener);
    both(&WebSocketStream::connect(&url).expect("a good URL")).await;
}

/// Issue: what ends the wait for an answer that never comes.
#[tokio::test]
async fn rule_08_a_server_that_never_answers_fails_both_promises() {
    let (_listener, url) = listen().await;
    let timeout = Duration::from_millis(50);
    let socket = WebSocketStream::builder(&url).handshake_timeout(timeout).connect().expect("a good URL");
    let (opened, _) = both(&socket).await;
    assert!(matches!(opened.cause(), Cause::HandshakeTimedOut(_)));
}

#[tokio::test]
async fn rule_21_close_is_validated_while_connecting_too() {
    let (_listener, url) = listen().await;
    let socket = WebSocketStream::connect(&url).expect("a good URL");
    assert_eq!(socket.close(1006), Err(ApiMisuse::ReservedCloseCode(1006)));
    let still_connecting = tokio::time::timeout(Duration::from_millis(20), socket.opened()).await;
    assert!(still_connecting.is_err(), "a refused close changes nothing");
}

#[tokio::test]
async fn hole_a_bad_url_is_told_before_a_signal_that_was_cancelled() {
    let signal = CancellationToken::new();
    signal.cancel();
    let error = WebSocketStream::builder("ftp://h/").signal(signal).connect().expect_err("a bad URL");
    assert!(matches!(error.cause(), Cause::InvalidUrl(_)), "{error:?}");
}
