//! A client and servers that refuse it, answer wrongly or not at all, and a client that gives up.

use std::time::Duration;

use http::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{Response, StatusCode};
use tidegate::{
    CancellationToken, Cause, ClientBuilder, Config, DeflateConfig, HandshakeError, HeadError, Opened,
    WebSocketError, WebSocketStream,
};
use tidegate_proto::websocket::handshake::Answer;
use tokio::net::TcpListener;

use tidegate_tests::raw::{CLOSE, Raw, TEXT, soon, without_deflate};

async fn dial(change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> (Raw, WebSocketStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let url = format!("ws://{}/x", listener.local_addr().expect("it is bound"));
    let socket = change(WebSocketStream::builder(url)).connect().expect("the URL is right");
    (Raw::server(soon(listener.accept()).await.expect("it connects").0), socket)
}

/// The connection did not open: `opened` has no code, `closed` has 1006, and both say why.
async fn fails(socket: &WebSocketStream) -> WebSocketError {
    let opened = soon(socket.opened()).await.err().expect("it does not open");
    assert_eq!(opened.close_code(), None, "{opened:?}");
    let closed = soon(socket.closed()).await.expect_err("it was never open");
    assert_eq!(closed.close_code(), Some(1006.into()), "{closed:?}");
    assert_eq!(opened.to_string(), closed.to_string());
    opened
}

/// What the client makes of a response that was right before `change`.
async fn judges(
    about: &str,
    build: impl FnOnce(ClientBuilder) -> ClientBuilder,
    change: impl FnOnce(&mut Response<()>),
) -> HandshakeError {
    let (mut peer, socket) = dial(build).await;
    peer.answers(without_deflate(), change).await;
    let error = fails(&socket).await;
    peer.sees_the_end(about).await;
    match error.cause() {
        Cause::Handshake(error) => error.clone(),
        other => panic!("{about}: {other:?}"),
    }
}

fn set(name: HeaderName, value: &'static str) -> impl FnOnce(&mut Response<()>) {
    move |response| drop(response.headers_mut().insert(name, HeaderValue::from_static(value)))
}

fn plain(builder: ClientBuilder) -> ClientBuilder {
    builder
}

#[tokio::test]
async fn any_status_but_101_is_a_refusal_and_redirects_are_not_followed() {
    for status in [200, 204, 301, 307, 400, 401, 404, 426, 500, 503] {
        let status = StatusCode::from_u16(status).expect("a status");
        let error = judges("status", plain, |response| {
            *response.status_mut() = status;
            response.headers_mut().insert("location", HeaderValue::from_static("/elsewhere"));
        });
        assert_eq!(error.await, HandshakeError::RefusedWithStatus(status));
    }
}

#[tokio::test]
async fn a_response_that_does_not_upgrade_fails() {
    use HandshakeError::{MissingAccept, RepeatedAccept, WrongAccept, WrongConnection, WrongUpgrade};
    let drops =
        |name: HeaderName| move |response: &mut Response<()>| drop(response.headers_mut().remove(name));
    assert_eq!(judges("no upgrade", plain, drops(UPGRADE)).await, WrongUpgrade);
    assert_eq!(judges("h2c", plain, set(UPGRADE, "h2c")).await, WrongUpgrade);
    assert_eq!(judges("no connection", plain, drops(CONNECTION)).await, WrongConnection);
    assert_eq!(judges("keep-alive", plain, set(CONNECTION, "keep-alive")).await, WrongConnection);
    assert_eq!(judges("no accept", plain, drops(SEC_WEBSOCKET_ACCEPT)).await, MissingAccept);
    let other = set(SEC_WEBSOCKET_ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(judges("the accept of another key", plain, other).await, WrongAccept);
    let twice = |response: &mut Response<()>| {
        let accept = response.headers()[SEC_WEBSOCKET_ACCEPT].clone();
        response.headers_mut().append(SEC_WEBSOCKET_ACCEPT, accept);
    };
    assert_eq!(judges("two accepts", plain, twice).await, RepeatedAccept);
}

#[tokio::test]
async fn a_protocol_that_was_not_asked_for_or_none_of_those_fails() {
    use HandshakeError::{RepeatedProtocol, SelectedNoProtocol, SelectedUnofferedProtocol};
    let offers = |builder: ClientBuilder| builder.protocols(["a", "b"]);
    let selects = |protocol| set(SEC_WEBSOCKET_PROTOCOL, protocol);
    let unoffered = |protocol: &str| SelectedUnofferedProtocol(protocol.to_owned());
    assert_eq!(judges("unsolicited", plain, selects("a")).await, unoffered("a"));
    assert_eq!(judges("unoffered", offers, selects("c")).await, unoffered("c"));
    assert_eq!(judges("other case", offers, selects("A")).await, unoffered("A"));
    assert_eq!(judges("both", offers, selects("a, b")).await, unoffered("a, b"));
    assert_eq!(judges("none", offers, |_| ()).await, SelectedNoProtocol);
    let twice = |response: &mut Response<()>| {
        response.headers_mut().append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("a"));
        response.headers_mut().append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("b"));
    };
    assert_eq!(judges("twice", offers, twice).await, RepeatedProtocol);
}

/// RFC 7692 §7.1: a client must fail what its offer does not allow. Autobahn never looks.
#[tokio::test]
async fn extensions_that_the_offer_does_not_allow_fail() {
    let limited = DeflateConfig::default().server_max_window_bits(10).server_no_context_takeover(true);
    let offers = |builder: ClientBuilder| builder.config(Config::default().deflate(Some(limited)));
    let none = |builder: ClientBuilder| builder.config(Config::default().deflate(None));
    for line in ["permessage-deflate", "x-unknown"] {
        let error = judges(line, none, set(SEC_WEBSOCKET_EXTENSIONS, line)).await;
        assert!(matches!(error, HandshakeError::UnacceptableExtensions(_)), "{error:?}");
    }
    for line in [
        "x-unknown",
        "permessage-deflate, permessage-deflate",
        "permessage-deflate; unknown",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=8",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
    ] {
        let error = judges(line, plain, set(SEC_WEBSOCKET_EXTENSIONS, line)).await;
        assert!(matches!(error, HandshakeError::UnacceptableExtensions(_)), "{line}: {error:?}");
    }
    for line in ["permessage-deflate", "permessage-deflate; server_max_window_bits=10"] {
        let error = judges(line, offers, set(SEC_WEBSOCKET_EXTENSIONS, line)).await;
        assert!(matches!(error, HandshakeError::UnacceptableExtensions(_)), "{line}: {error:?}");
    }
    for line in ["permessage-deflate;", "permessage-deflate; =", "permessage-deflate; a=\"b", ",", ""] {
        let error = judges(line, plain, set(SEC_WEBSOCKET_EXTENSIONS, line)).await;
        assert!(matches!(error, HandshakeError::MalformedExtensions(_)), "{line}: {error:?}");
    }
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_told_apart() {
    type Judge = fn(&HeadError) -> bool;
    let cases: [(&str, Judge); 4] = [
        ("", |error| matches!(error, HeadError::Closed)),
        ("HTTP/1.1 101", |error| matches!(error, HeadError::Truncated)),
        ("SSH-2.0-OpenSSH\r\n\r\n", |error| matches!(error, HeadError::UnsupportedVersion)),
        ("HTTP/1.1 101 \r\nno header\r\n\r\n", |error| matches!(error, HeadError::Malformed(_))),
    ];
    for (answer, is_it) in cases {
        let (mut peer, socket) = dial(plain).await;
        peer.receives_head().await;
        peer.sends(answer).await;
        drop(peer);
        match fails(&socket).await.cause() {
            Cause::Head(error) if is_it(error) => {}
            other => panic!("{answer:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_response_over_the_limit_fails_before_all_of_it_has_come() {
    let (mut peer, socket) = dial(plain).await;
    peer.receives_head().await;
    let head = format!("HTTP/1.1 101 S\r\nX: {}", "a".repeat(17 * 1024));
    peer.sends(head).await;
    match fails(&socket).await.cause() {
        Cause::Head(HeadError::TooLarge { limit }) => assert_eq!(*limit, 16 * 1024),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    let (mut peer, socket) = dial(|builder| builder.handshake_timeout(Duration::from_millis(50))).await;
    peer.receives_head().await;
    let error = fails(&socket).await;
    assert!(matches!(error.cause(), Cause::HandshakeTimedOut(_)), "{error:?}");
    peer.sees_the_end("given up").await;
}

#[tokio::test]
async fn nobody_listening_is_a_typed_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    drop(listener);
    let error = fails(&WebSocketStream::connect(url).expect("the URL is right")).await;
    assert!(matches!(error.cause(), Cause::Connect(_)), "{error:?}");
}

#[tokio::test]
async fn a_signal_that_was_cancelled_before_connects_nowhere() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    let signal = CancellationToken::new();
    signal.cancel();
    let socket = WebSocketStream::builder(url).signal(signal).connect().expect("the URL is right");
    assert!(matches!(fails(&socket).await.cause(), Cause::Aborted));
    // Whoever comes first now is not that client.
    let mut other = Raw::client(
        tokio::net::TcpStream::connect(listener.local_addr().expect("it is bound"))
            .await
            .expect("it listens"),
    );
    other.sends("me").await;
    let (mut first, _) = listener.accept().await.expect("somebody has connected");
    let mut bytes = [0; 2];
    tokio::io::AsyncReadExt::read_exact(&mut first, &mut bytes).await.expect("it has sent");
    assert_eq!(&bytes, b"me");
}

#[tokio::test]
async fn a_signal_while_connecting_closes_the_socket() {
    let signal = CancellationToken::new();
    let (mut peer, socket) = dial(|builder| builder.signal(signal.clone())).await;
    peer.receives_head().await;
    signal.cancel();
    assert!(matches!(fails(&socket).await.cause(), Cause::Aborted));
    peer.sees_the_end("the signal").await;
}

/// WebSocketStream, rule 5.
#[tokio::test]
async fn a_signal_once_open_has_no_effect() {
    let signal = CancellationToken::new();
    let (mut peer, socket) = dial(|builder| builder.signal(signal.clone())).await;
    peer.answers(Answer::default(), |_| ()).await;
    let Opened { mut readable, writable, .. } = soon(socket.opened()).await.expect("it opens");
    signal.cancel();
    peer.sends_frame(TEXT, "hello").await;
    assert_eq!(soon(readable.read()).await.expect("it is open"), Some("hello".into()));
    drop(writable);
}

#[tokio::test]
async fn close_while_connecting_gives_up() {
    let (mut peer, socket) = dial(plain).await;
    peer.receives_head().await;
    socket.close((1000, "changed my mind")).expect("the code may be sent");
    assert!(matches!(fails(&socket).await.cause(), Cause::Aborted));
    peer.sees_the_end("close").await;
}

#[tokio::test]
async fn dropping_everything_while_connecting_closes_the_socket() {
    let (mut peer, socket) = dial(plain).await;
    peer.receives_head().await;
    drop(socket);
    peer.sees_the_end("dropped").await;
}

#[tokio::test]
async fn dropping_everything_once_open_closes_with_an_empty_close() {
    let (mut peer, socket) = dial(plain).await;
    peer.answers(without_deflate(), |_| ()).await;
    drop(soon(socket.opened()).await.expect("it opens"));
    drop(socket);
    peer.receives(CLOSE, "").await;
}
